"""Dialling a port and telling what came back. That a connection was accepted proves nothing."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..analyzer.credentials import mask_cut

_BANNER_WAIT = 0.3  # seconds for a server that speaks first
_ANSWER_WAIT = 1.0  # … for an answer to a request
_REQUEST = b"GET / HTTP/1.0\r\n\r\n"

DATA = "data"  # bytes came back
CLOSED = "closed"  # accepted, then closed without a byte: also what Docker's proxy does for a dead port
SILENT = "silent"  # accepted, and nothing came
REFUSED = "refused"
UNREACHABLE = "unreachable"


class Dial(NamedTuple):
    """One attempt: where to, what happened, the first bytes, and how long it took."""

    address: str
    port: int
    outcome: str
    received: bytes
    milliseconds: float

    def proof(self) -> dict[str, Any]:
        """The attempt in JSON's own types."""
        return {
            "address": f"{self.address}:{self.port}",
            "outcome": self.outcome,
            "received": mask_cut(self.received.decode("utf-8", "backslashreplace"))[:80],
            "milliseconds": round(self.milliseconds, 1),
        }


def dial(address: str, port: int, meanwhile: Callable[[], None] | None = None) -> Dial:
    """Connect over TCP, wait for a banner, then ask in HTTP, which most servers answer somehow.

    `meanwhile` is called while the connection still stands.
    """
    start = time.monotonic()
    outcome, received = _attempt(address, port, meanwhile)
    return Dial(address, port, outcome, received, (time.monotonic() - start) * 1000)


def dial_until_data(
    address: str, port: int, seconds: float, meanwhile: Callable[[], None] | None = None
) -> Dial:
    """Dial again while nothing comes back: a server of one connection at a time may be between two."""
    deadline = time.monotonic() + seconds
    while True:
        result = dial(address, port, meanwhile)
        if result.outcome == DATA or time.monotonic() > deadline:
            return result
        time.sleep(0.1)


def _attempt(address: str, port: int, meanwhile: Callable[[], None] | None) -> tuple[str, bytes]:
    try:
        connection = socket.create_connection((address, port), timeout=2)
    except ConnectionRefusedError:
        return REFUSED, b""
    except OSError:
        return UNREACHABLE, b""
    with connection:
        received = _receive(connection, _BANNER_WAIT)
        if received is None:
            with contextlib.suppress(OSError):
                connection.sendall(_REQUEST)
            received = _receive(connection, _ANSWER_WAIT)
        if meanwhile is not None:
            meanwhile()
    if received is None:
        return SILENT, b""
    return (DATA, received) if received else (CLOSED, b"")


def _receive(connection: socket.socket, seconds: float) -> bytes | None:
    """Bytes, none for the end of the stream, None when nothing came in time."""
    connection.settimeout(seconds)
    try:
        return connection.recv(4096)
    except TimeoutError:
        return None
    except OSError:
        return b""
