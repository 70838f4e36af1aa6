"""Running a command in a container, with a deadline: the engine's own call has none."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .engine import Engine, errors
from .errors import EngineError

_MAX_OUTPUT = 1024 * 1024
_HEADER = struct.Struct(">BxxxL")  # stream, length of what follows


class Ran(NamedTuple):
    """What a command came to. `exit_code` is None where it did not end in time: it may still run."""

    exit_code: int | None
    output: str
    errors: str
    seconds: float


def run(
    engine: Engine,
    container: str,
    command: Sequence[str],
    seconds: float,
    *,
    environment: Sequence[str] = (),
) -> Ran:
    """Run a command as the image's user, in its directory, with its environment.

    A command that can't be started has the exit code and the output that the engine gives it,
    126 or 127.

    Args:
        engine: where the container runs.
        container: its ID.
        command: the argv.
        seconds: when to give up. Nothing but the end of the container stops the command then.
        environment: more of it, as "NAME=value".

    Raises:
        EngineError: the engine does not answer, or the container is gone.
    """
    api = engine.api
    start = time.monotonic()
    with errors(container[:12]):
        created = api.exec_create(container, list(command), environment=list(environment))
    try:
        with errors(container[:12]):
            stream: Any = api.exec_start(created["Id"], socket=True)
    except EngineError as error:
        # Podman refuses here what Docker starts and lets fail.
        if "exec" not in error.problem and "not found" not in error.problem:
            raise
        return Ran(127, "", error.problem, time.monotonic() - start)
    connection: socket.socket = getattr(stream, "_sock", stream)
    # The connection is the stream's and the response's: all of them have to let it go.
    with contextlib.closing(connection), contextlib.closing(stream):
        data = _receive(connection, _reader(stream, connection), start + seconds)
    passed = time.monotonic() - start
    if data is None:
        return Ran(None, "", "", passed)
    output, problems = _split(data)
    return Ran(_exit_code(engine, created["Id"], container), output, problems, passed)


def _reader(stream: Any, connection: socket.socket) -> Callable[[int], bytes]:
    """How to read the answer from its first byte on.

    docker-py hands out the connection beneath a buffer, through which it has read the answer's head:
    what came together with that, a short output on a busy machine, is in the buffer.
    """
    with contextlib.suppress(AttributeError):
        found: Callable[[int], bytes] = stream._response.raw._fp.fp.read1
        return found
    return connection.recv


def _receive(connection: socket.socket, read: Callable[[int], bytes], deadline: float) -> bytes | None:
    """All that comes until the other end closes; None where that does not happen in time."""
    parts: list[bytes] = []
    length = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        connection.settimeout(left)
        try:
            part = read(65536)
        except TimeoutError:
            return None
        except OSError:
            break
        if not part:
            break
        length += len(part)
        if length <= _MAX_OUTPUT:
            parts.append(part)
    return b"".join(parts)


def _split(data: bytes) -> tuple[str, str]:
    """Standard output and standard error, which come in frames on one connection."""
    streams = {1: b"", 2: b""}
    at = 0
    while at + _HEADER.size <= len(data):
        kind, length = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        if kind in streams:
            streams[kind] += data[at : at + length]
        at += length
    return streams[1].decode("utf-8", "replace"), streams[2].decode("utf-8", "replace")


def _exit_code(engine: Engine, identity: str, container: str) -> int | None:
    """The exit code, which an engine may know a moment after the output has ended."""
    for _ in range(50):
        with errors(container[:12]):
            state = engine.api.exec_inspect(identity)
        if not state.get("Running") and state.get("ExitCode") is not None:
            return int(state["ExitCode"])
        time.sleep(0.02)
    return None
