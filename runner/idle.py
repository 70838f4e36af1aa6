"""A container of the image that does nothing: all that is in the image is there, and no service runs."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

from .engine import errors
from .errors import EngineError
from .files import find_program
from .session import Container, Session
from .side import static_busybox
from .start import File, packed

_SECONDS = "600"
_PATH = "/usr/local/bin:/usr/bin:/bin"


@contextlib.contextmanager
def idle(session: Session) -> Iterator[Container]:
    """Such a container, started, for as long as it is needed. It sleeps by a program of ours, else by its own.

    Raises:
        EngineError: it can't be had here.
    """
    name = f"busybox-imglint-{secrets.token_hex(4)}"  # it looks for its own name at the start
    try:
        program = static_busybox()
        command = [f"/{name}", "sleep", _SECONDS]
    except EngineError:
        program = b""
        command = ["sleep", _SECONDS]
    container = session.create(entrypoint=command)
    try:
        if program:
            _put(container, name, program)
        elif find_program(container, "sleep", _PATH) is None:
            raise EngineError(
                "an idle container", "neither the image nor this machine has a program that sleeps"
            )
        container.start()
        yield container
    finally:
        container.remove()


def _put(container: Container, name: str, data: bytes) -> None:
    """A program into the root of a container that has not been started. BusyBox does what its first word says."""
    with errors(container.id[:12]):
        archive = packed([File(f"/{name}", data, 0o755)])
        container.session.engine.api.put_archive(container.id, "/", archive)
