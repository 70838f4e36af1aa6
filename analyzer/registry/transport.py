"""HTTP that ends in time, however slowly the other side answers, and that trusts whom the user trusts."""

from __future__ import annotations

import contextlib
import glob
import http.client
import io
import ipaddress
import os
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from typing import Any, cast

from ..credentials import mask

_PIECE = 256 * 1024
# Where Docker and Podman look for the authorities of a registry, and for the user's own certificate there.
CERTIFICATES = ("/etc/docker/certs.d", "/etc/containers/certs.d")


class RegistryError(Exception):
    """The registry can't be asked; the text says why."""


class Unreachable(RegistryError):  # noqa: N818
    """Nobody answers there."""


class Untrusted(Unreachable):
    """Somebody answers whom nobody trusted vouches for."""


class Stalled(RegistryError):  # noqa: N818
    """Somebody took the question, and then said no more."""


class Garbled(RegistryError):  # noqa: N818
    """What answers there does not do so as a registry."""


class Deadline:
    """The moment until which an answer is waited for, and how long for each part of it."""

    def __init__(self, seconds: float, step: float) -> None:
        self._end = time.monotonic() + seconds
        self._longest = step

    def later(self, seconds: float) -> None:
        """Move it, for time that was spent on purpose."""
        self._end += seconds

    def step(self) -> float:
        """The seconds for the next part.

        Raises:
            RegistryError: there are none left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise RegistryError("it takes too long")
        return min(self._longest, left)

    def is_over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self._end


class Answer:
    """An answer whose head has come; its body comes as it is read. To be closed."""

    def __init__(self, url: str, stream: Any) -> None:
        self.url = url
        self.status = int(stream.status or 0)
        self.headers: Message = stream.headers
        self._stream = stream

    def chunks(self) -> Iterator[bytes]:
        """The body, piece by piece.

        Raises:
            RegistryError: it breaks off.
        """
        try:
            while chunk := self._stream.read1(_PIECE):
                yield chunk
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _fault(error) from error

    def body(self, limit: int) -> bytes:
        """All of the body.

        Raises:
            Garbled: it is longer than `limit` bytes.
        """
        parts, length = [], 0
        for chunk in self.chunks():
            parts.append(chunk)
            length += len(chunk)
            if length > limit:
                raise Garbled("its answer is longer than a manifest may be")
        return b"".join(parts)

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def send(
    url: str, headers: Mapping[str, str], form: bytes | None, deadline: Deadline, *, verified: bool = True
) -> Answer:
    """Ask once. Redirects are answers like others.

    Args:
        url: of HTTP or HTTPS.
        headers: all that are sent beside what HTTP itself needs.
        form: to be posted, if there is one.
        deadline: for the head, and for the body as long as it is read.
        verified: whether only a trusted certificate counts.

    Raises:
        RegistryError: there is no answer.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise RegistryError(f"it sends on to {parts.scheme}:")
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects(), _Plain(deadline)]
    if parts.scheme == "https":
        handlers.append(_Encrypted(deadline, _trust(parts.netloc, verified)))
    if is_loopback(parts.netloc):
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        # Bytes are counted and hashed as they are stored.
        request = urllib.request.Request(url, form, {"Accept-Encoding": "identity", **headers})
        try:
            stream = urllib.request.build_opener(*handlers).open(request, timeout=deadline.step())
        except urllib.error.HTTPError as error:
            stream = error
        return Answer(url, stream)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _fault(getattr(error, "reason", error)) from error


def is_loopback(netloc: str) -> bool:
    """Whether a host is this machine, where nobody listens in."""
    host = urllib.parse.urlsplit(f"//{netloc}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _trust(host: str, verified: bool) -> ssl.SSLContext:
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or None
    try:
        context = ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise RegistryError(f"REQUESTS_CA_BUNDLE names no certificates: {bundle}") from error
    for directory in CERTIFICATES:
        place = glob.escape(f"{directory}/{host}")
        for path in glob.glob(f"{place}/*.crt"):
            with contextlib.suppress(OSError):
                context.load_verify_locations(path)
        for path in sorted(glob.glob(f"{place}/*.cert"))[:1]:
            with contextlib.suppress(OSError):
                # A key that wants a password is none for a program that nobody watches.
                context.load_cert_chain(path, f"{path.removesuffix('.cert')}.key", password=lambda: b"")
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Leave it to whoever knows what may go on with it."""


class _Plain(urllib.request.HTTPHandler):
    """HTTP until a moment."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As the original."""
        return self.do_open(_until(self._deadline, http.client.HTTPConnection), req)


class _Encrypted(urllib.request.HTTPSHandler):
    """HTTPS until a moment."""

    def __init__(self, deadline: Deadline, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._deadline = deadline
        self._trust = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As the original."""
        return self.do_open(_until(self._deadline, http.client.HTTPSConnection), req, context=self._trust)


def _until(deadline: Deadline, kind: Callable[..., Any]) -> Callable[..., Any]:
    """A kind of connection whose answers are read until a moment: also their heads, and those of proxies."""

    def connection(*arguments: Any, **options: Any) -> Any:
        made = kind(*arguments, **options)
        made.response_class = lambda sock, *given, **named: http.client.HTTPResponse(
            cast(socket.socket, _Answering(sock, deadline)), *given, **named
        )
        return made

    return connection


class _Answering:
    """A socket as far as HTTPResponse needs one."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        """What comes, until the deadline."""
        return io.BufferedReader(_Bytes(self._sock, self._deadline))


class _Bytes(io.RawIOBase):
    """The bytes of a socket until a moment, however slowly they trickle."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._stream = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As the socket's, in the time that is left."""
        self._sock.settimeout(self._deadline.step())
        try:
            return self._stream.readinto(buffer)
        except TimeoutError as error:
            # Somebody is there, who took the question: this is not "unreachable".
            if self._deadline.is_over():
                raise RegistryError("it takes too long") from error
            raise Stalled("no answer in time") from error

    def close(self) -> None:
        """Close the socket with it, where nobody else holds it."""
        self._stream.close()
        super().close()


def _fault(cause: object) -> RegistryError:
    if isinstance(cause, TimeoutError):
        return Unreachable("no answer in time")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Untrusted(f"its certificate is not trusted ({cause.verify_message})")
    if isinstance(cause, OSError) and cause.strerror:
        return Unreachable(cause.strerror.lower())
    if isinstance(cause, http.client.RemoteDisconnected):
        return Unreachable("it ends the connection without an answer")
    if isinstance(cause, http.client.IncompleteRead):
        return Stalled("its answer breaks off")
    if isinstance(cause, (http.client.HTTPException, ValueError)):
        return Garbled("its answer is not what HTTP allows")
    return Unreachable(" ".join(mask(str(cause)).split())[:200] or type(cause).__name__)
