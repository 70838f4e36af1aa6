"""What a service is that is started beside the container that is proved."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .errors import EngineError
from .start import Start, must_be_there

if TYPE_CHECKING:
    from .engine import Engine

STARTED, HEALTHY, COMPLETED = "service_started", "service_healthy", "service_completed_successfully"


class Service(NamedTuple):
    """A container beside the one that is proved."""

    name: str  # of the service, by which others reach it
    image: str  # a name or an ID that the engine has
    start: Start = Start()
    names: tuple[str, ...] = ()  # by which it is reached, too
    awaited: str = ""  # a condition of compose files; "" for its health, else that it listens
    place: str = ""  # what an error is about: the file, line and service; "" for the command line
    optional: bool = False  # whether the others start without it, too

    @property
    def told(self) -> str:
        """What an error is about."""
        return self.place or f"--with {self.name}={self.image}"


@contextlib.contextmanager
def about(service: Service) -> Iterator[None]:
    """Make an error of the engine's one about this service."""
    try:
        yield
    except EngineError as error:
        if error.subject == service.told:
            raise
        subject = f"{error.subject}: " if error.subject.startswith("-v ") else ""
        told = f"{subject}{error.problem}"
        raise EngineError(service.told, told, error.hint, status=error.status) from error


def services_must_be_there(services: Sequence[Service], engine: Engine) -> None:
    """See that the engine has what the services are started with, before any of them is.

    Raises:
        EngineError: an image, a path or a volume is not there.
    """
    for service in services:
        with about(service):
            engine.inspect_image(service.image)
            must_be_there(service.start, engine)
