"""Dialling a port and telling what came back. That a connection was accepted proves nothing."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..analyzer.credentials import mask_cut
from .protocols import HTTP, HTTPS, Answer, Protocol, judge

_BANNER_WAIT = 0.3  # seconds for a server that speaks first
_ANSWER_WAIT = 5.0  # … for an answer to a request
_DATAGRAM_WAIT = 1.0  # … for a datagram
_MORE_WAIT = 0.2  # … for the rest of an answer
_AGAIN = 0.1  # … between two attempts
_STARTING = 10.0  # … for a server that answers with errors
_FATAL_ALERT = b"\x15\x03"  # what TLS says to whom speaks plainly

DATA = "data"  # bytes came back
CLOSED = "closed"  # accepted, then closed without a byte: also what Docker's proxy does for a dead port
SILENT = "silent"  # accepted, and nothing came
REFUSED = "refused"
UNREACHABLE = "unreachable"
_UNHEARD = (CLOSED, SILENT)


class Dial(NamedTuple):
    """One attempt: where to, what happened, the first bytes, and how long it took."""

    address: str
    port: int
    outcome: str
    received: bytes
    milliseconds: float
    answer: Answer = Answer(None, "nothing came back")

    @property
    def serves(self) -> bool:
        """Whether an answer of the server's protocol came back."""
        return self.answer.serves is True

    def proof(self) -> dict[str, Any]:
        """The attempt in JSON's own types."""
        return {
            "address": f"{self.address}:{self.port}",
            "outcome": self.outcome,
            "received": mask_cut(self.received.decode("utf-8", "backslashreplace"))[:80],
            "answer": self.answer.told,
            "milliseconds": round(self.milliseconds, 1),
        }


def dial(
    address: str,
    port: int,
    protocol: Protocol | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Dial:
    """Connect over TCP and ask in the server's protocol; in HTTP, which most servers answer somehow, if it is None.

    `meanwhile` is called while the connection still stands.
    """
    start = time.monotonic()
    outcome, received, spoken = _attempt(address, port, protocol, meanwhile)
    if protocol is not None and not protocol.tls and (outcome in _UNHEARD or received.startswith(b"HTTP/")):
        # A port stands for a protocol by custom alone: another one may be spoken there.
        other = _attempt(address, port, None, meanwhile)
        if other[0] == DATA:
            outcome, received, spoken = other
    wants_tls = spoken is not None and spoken.tls
    if not wants_tls and (outcome == CLOSED or _wants_tls(received)):
        # A server of TLS says so, or hangs up on who speaks plainly.
        wants_tls = _wants_tls(received)
        secure = _attempt(
            address, port, HTTPS if protocol is None else protocol._replace(tls=True), meanwhile
        )
        if secure[0] == DATA:
            outcome, received, spoken = secure
    elif wants_tls and outcome in _UNHEARD:
        plain = _attempt(address, port, None, meanwhile)
        if plain[0] == DATA and not _wants_tls(plain[1]):
            outcome, received, spoken = plain
            wants_tls = False
    answer = judge(received, spoken)
    if protocol is not None and protocol.upgrade and answer.serves is False:
        upgraded = _attempt(address, port, protocol._replace(tls=True), meanwhile)
        if judge(upgraded[1], protocol).serves:
            outcome, received, spoken = upgraded
            answer = judge(received, protocol)
    in_tls = spoken is not None and spoken.tls
    if wants_tls and not in_tls:
        answer = Answer(None, "speaks TLS, and no connection came about")
    elif in_tls and received.startswith(b"TLSv"):
        answer = Answer(True, f"it answers in TLS: {received.decode('ascii', 'replace')}")
    return Dial(address, port, outcome, received, (time.monotonic() - start) * 1000, answer)


def _wants_tls(received: bytes) -> bool:
    told = received[:1024].lower()
    plain = told.startswith(b"http/1") and b" 400 " in told[:16] and b"https" in told
    return received.startswith(_FATAL_ALERT) or plain


def dial_until_served(
    address: str,
    port: int,
    seconds: float,
    protocol: Protocol | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Dial:
    """Dial again until it serves: a server of one connection at a time may be between two.

    One that answers with an error may start up, and has more time.
    """
    start = time.monotonic()
    while True:
        result = dial(address, port, protocol, meanwhile)
        wait = _STARTING if result.outcome == DATA else seconds
        if result.answer.serves is not None or time.monotonic() - start > wait:
            return result
        time.sleep(_AGAIN)


def dial_udp(address: str, port: int, protocol: Protocol | None = None) -> Dial:
    """Send a datagram, twice if need be, and wait for one."""
    start = time.monotonic()
    outcome, received = SILENT, b""
    request = protocol.datagram if protocol is not None and protocol.datagram else b"\r\n"
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(_DATAGRAM_WAIT)
        connection.connect((address, port))
        for _ in range(2):
            try:
                connection.send(request)
                received = connection.recv(4096)
                outcome = DATA
                break
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                outcome = REFUSED
                time.sleep(_AGAIN)
    known = protocol if protocol is not None and protocol.datagram else None
    answer = judge(received, known, datagram=known is not None)
    return Dial(address, port, outcome, received, (time.monotonic() - start) * 1000, answer)


def _attempt(
    address: str, port: int, protocol: Protocol | None, meanwhile: Callable[[], None] | None
) -> tuple[str, bytes, Protocol | None]:
    """What happened, what came, and the protocol by which to judge that."""
    try:
        connection = socket.create_connection((address, port), timeout=2)
    except ConnectionRefusedError:
        return REFUSED, b"", protocol
    except OSError:
        return UNREACHABLE, b"", protocol
    with connection:
        if meanwhile is not None:
            meanwhile()  # who hangs up at once has forgotten the connection soon
        if protocol is not None and protocol.tls:
            received = _in_tls(connection, protocol)
        else:
            received, protocol = _asked(connection, protocol)
        if meanwhile is not None:
            meanwhile()
    if received is None:
        return SILENT, b"", protocol
    return (DATA if received else CLOSED), received, protocol


def _asked(connection: socket.socket, protocol: Protocol | None) -> tuple[bytes | None, Protocol | None]:
    if protocol is not None:
        if not protocol.speaks_first:
            with contextlib.suppress(OSError):
                connection.sendall(protocol.request)
        return _receive(connection, protocol.wait), protocol
    received = _receive(connection, _BANNER_WAIT)
    if received is None:
        with contextlib.suppress(OSError):
            connection.sendall(HTTP.request)
        received = _receive(connection, _ANSWER_WAIT)
    return received, None


def _in_tls(connection: socket.socket, protocol: Protocol) -> bytes | None:
    """The answer to a request within TLS; the version of TLS where there is none. Nobody's certificate is judged."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection.settimeout(2)
    try:
        if protocol.upgrade:
            connection.sendall(protocol.upgrade)
            if connection.recv(1) != b"S":
                return b""
        with context.wrap_socket(connection, server_hostname="localhost") as secure:
            version = (secure.version() or "TLS").encode()
            with contextlib.suppress(OSError):
                secure.sendall(protocol.request)
            return _receive(secure, max(protocol.wait, _ANSWER_WAIT)) or version
    except TimeoutError:
        return None
    except (OSError, ValueError):
        return b""


def _receive(connection: socket.socket, seconds: float) -> bytes | None:
    """Bytes, none for the end of the stream, None when nothing came in time."""
    connection.settimeout(seconds)
    try:
        received = connection.recv(4096)
    except TimeoutError:
        return None
    except OSError:
        return b""
    # A first line may come in pieces.
    connection.settimeout(_MORE_WAIT)
    with contextlib.suppress(OSError):
        while received and len(received) < 512 and b"\n" not in received:
            more = connection.recv(4096)
            if not more:
                break
            received += more
    return received
