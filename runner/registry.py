"""Asking a registry what it keeps under a tag: with the user's credentials, and sending them nowhere else."""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import http.client
import io
import ipaddress
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from ..analyzer.credentials import mask
from .errors import EngineError

if TYPE_CHECKING:
    from .engine import Engine

_SECONDS = 20.0  # for one question, whatever it takes
_STEP = 5.0  # for one answer to begin, and for each part of it
_REDIRECTS = 3
_LARGEST = 4 * 2**20  # the most that the specification lets a manifest have
_MOST_IMAGES = 20  # of an index
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_REFUSED = "it wants a login, or refuses the one that there is"
# Where Docker and Podman look for the authorities of a registry.
_CERTIFICATES = ("/etc/docker/certs.d", "/etc/containers/certs.d")


class Target(NamedTuple):
    """Where an image goes: a repository, which names its registry, and a tag."""

    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


class Kept(NamedTuple):
    """What a registry says that it keeps under a tag."""

    digest: str | None = None  # of the manifest or index; None: there is nothing, or it could not be asked
    images: tuple[str, ...] = ()  # the digests of its images' configurations
    problem: str = ""  # why it could not be asked
    fault: Literal["", "unreachable", "closed", "garbled"] = (
        ""  # nobody answers; not to us; not as a registry does
    )

    def __str__(self) -> str:
        if self.problem:
            return f"the registry could not be asked: {self.problem}"
        return (
            f"the registry has {self.digest} under this tag"
            if self.digest
            else "the registry has nothing under this tag"
        )


def ask(engine: Engine, target: Target) -> Kept:
    """Ask the registry of a target what it keeps there. Whatever is wrong with it is told in the answer.

    Args:
        engine: which knows the registries that are trusted without a certificate.
        target: the repository and tag.
    """
    try:
        return _Registry(engine, target.repository).kept(target.tag)
    except _Unreachable as trouble:
        return Kept(problem=str(trouble), fault="unreachable")
    except _Garbled as trouble:
        return Kept(problem=str(trouble), fault="garbled")
    except _Trouble as trouble:
        return Kept(problem=str(trouble), fault="closed")


class _Trouble(Exception):  # noqa: N818  (it becomes part of an answer)
    """The registry can't be asked; the text says why."""


class _Unreachable(_Trouble):
    """Nobody answers there."""


class _Garbled(_Trouble):
    """What answers there does not do so as a registry."""


class _Answer(NamedTuple):
    url: str
    status: int
    headers: Message
    body: bytes


class _Registry:
    """A repository of a registry, for one question."""

    def __init__(self, engine: Engine, repository: str) -> None:
        import docker.auth
        import docker.errors

        self._deadline = time.monotonic() + _SECONDS
        try:
            self._index, self._name = docker.auth.resolve_repository_name(repository)
        except docker.errors.DockerException as error:
            raise _Trouble(str(error)) from error
        hub = docker.auth.INDEX_NAME
        self._host = f"registry-1.{hub}" if self._index == hub else self._index
        if self._index == hub and "/" not in self._name:
            self._name = f"library/{self._name}"
        self._insecure = _is_loopback(self._host) or _is_insecure(engine, self._index)
        self._base = f"https://{self._host}"
        self._authorization = ""

    def kept(self, tag: str) -> Kept:
        """What is under a tag."""
        try:
            answer = self._manifest(tag)
        except _Unreachable:
            if not self._insecure:
                raise
            # As engines do with a registry that may speak plainly.
            self._base, self._authorization = f"http://{self._host}", ""
            answer = self._manifest(tag)
        if answer is None:
            return Kept()
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        told = str(answer.headers.get("Docker-Content-Digest", ""))
        if told.startswith("sha256:") and told != digest:
            raise _Garbled(f"it tells the digest {told} of a manifest whose digest is {digest}")
        return Kept(digest, tuple(self._images(answer.body)))

    def _images(self, manifest: bytes) -> list[str]:
        document = _manifest_of(manifest)
        if "config" in document:
            return [_digest_of(document["config"])]
        found = []
        for listed in document.get("manifests", [])[:_MOST_IMAGES]:
            if (listed.get("platform") or {}).get("os") == "unknown":  # of an attestation
                continue
            # An engine may push only the platforms that it has.
            answer = self._manifest(_digest_of(listed))
            if answer is not None:
                found.append(_digest_of(_manifest_of(answer.body).get("config")))
        return found

    def _manifest(self, reference: str) -> _Answer | None:
        """The manifest of a tag or digest; None: there is none."""
        url = f"{self._base}/v2/{self._name}/manifests/{urllib.parse.quote(reference, safe=':')}"
        accept = {"Accept": ", ".join(_MANIFESTS)}
        answer = self._get(url, {**accept, "Authorization": self._authorization})
        if answer.status == 401:
            self._authorization = self._authorize(answer)
            answer = self._get(url, {**accept, "Authorization": self._authorization})
        # Any server says 404: that it is a registry has to show.
        registry = "errors" in _object(answer.body) or answer.headers.get("Docker-Distribution-Api-Version")
        if answer.status == 404 and registry:
            return None
        if answer.status in (401, 403):
            raise _Trouble(_REFUSED)
        if answer.status == 404:
            raise _Garbled("it answers with status 404, and not as a registry")
        if answer.status != 200:
            raise _Trouble(f"it answers with status {answer.status}")
        _manifest_of(answer.body)
        return answer

    def _authorize(self, refused: _Answer) -> str:
        """The Authorization that a 401 asks for."""
        credentials = self._credentials()
        if credentials:
            self._may_tell(refused.url)
        for challenge in refused.headers.get_all("WWW-Authenticate") or []:
            scheme, _, rest = challenge.partition(" ")
            values = dict(re.findall(r'(\w+)="([^"]*)"', rest))
            if scheme.lower() == "bearer" and values.get("realm"):
                return f"Bearer {self._token(values, credentials)}"
            if scheme.lower() == "basic" and credentials.get("username"):
                return _basic(credentials)
        raise _Trouble("it wants a login, and there is none for it")

    def _token(self, challenge: Mapping[str, str], credentials: Mapping[str, str]) -> str:
        """A token from where the registry sends its clients for one. That is another host often, and meant."""
        realm = challenge["realm"]
        query = {"scope": challenge.get("scope") or f"repository:{self._name}:pull"}
        if "service" in challenge:
            query["service"] = challenge["service"]
        if credentials:
            self._may_tell(realm)
        identity = credentials.get("identitytoken")
        try:
            if identity:
                form = {
                    **query,
                    "grant_type": "refresh_token",
                    "refresh_token": identity,
                    "client_id": "imglint",
                }
                answer = self._get(realm, {}, urllib.parse.urlencode(form).encode())
            else:
                joint = "&" if "?" in realm else "?"
                url = f"{realm}{joint}{urllib.parse.urlencode(query)}"
                answer = self._get(url, {"Authorization": _basic(credentials)})
        except _Unreachable as trouble:
            raise _Trouble(f"it wants a token from {realm}: {trouble}") from trouble
        document = _object(answer.body)
        token = document.get("token") or document.get("access_token")
        if answer.status != 200 or not isinstance(token, str):
            raise _Trouble(_REFUSED)
        return token

    def _credentials(self) -> dict[str, str]:
        """The user's login for this registry, found as docker-py finds it; names in lower case."""
        import docker.auth
        import docker.errors

        try:
            found = docker.auth.load_config().resolve_authconfig(self._index) or {}
        except (docker.errors.DockerException, ValueError) as error:
            raise _Trouble(f"its login can't be read: {error}") from error
        return {name.lower(): value for name, value in found.items() if isinstance(value, str)}

    def _may_tell(self, url: str) -> None:
        """See that credentials may go there: where nobody else reads them."""
        parts = urllib.parse.urlsplit(url)
        encrypted = parts.scheme == "https" and not (self._insecure and parts.netloc == self._host)
        if not encrypted and not _is_loopback(parts.netloc):
            raise _Trouble(f"it wants a login, which is not sent to {parts.netloc} unencrypted or unverified")

    def _get(self, url: str, headers: Mapping[str, str], form: bytes | None = None) -> _Answer:
        """An answer, after redirects. No header of ours but Accept goes to another host or another port."""
        home = urllib.parse.urlsplit(url)
        wanted = {name: value for name, value in headers.items() if value}
        for _ in range(_REDIRECTS + 1):
            answer = self._once(url, wanted, form)
            location = answer.headers.get("Location")
            if answer.status not in (301, 302, 303, 307, 308) or not location or form is not None:
                return answer
            url = urllib.parse.urljoin(url, location)
            there = urllib.parse.urlsplit(url)
            if there.scheme not in ("https", home.scheme):
                raise _Trouble(f"it sends on to {there.scheme}://{there.netloc}")
            if (there.scheme, there.netloc) != (home.scheme, home.netloc):
                wanted.pop("Authorization", None)
        raise _Trouble("it sends on and on")

    def _once(self, url: str, headers: Mapping[str, str], form: bytes | None) -> _Answer:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise _Trouble(f"it sends on to {parts.scheme}:")
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects(), _Plain(self._deadline)]
        if parts.scheme == "https":
            handlers.append(_Encrypted(self._deadline, self._trust(parts.netloc)))
        if _is_loopback(parts.netloc):
            handlers.append(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(url, form, dict(headers))
        try:
            try:
                step = min(_STEP, _left(self._deadline))
                stream = urllib.request.build_opener(*handlers).open(request, timeout=step)
            except urllib.error.HTTPError as error:
                stream = error
            with stream:
                return _Answer(url, int(stream.status or 0), stream.headers, self._read(stream))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _Unreachable(_told(getattr(error, "reason", error))) from error

    def _read(self, stream: Any) -> bytes:
        body = b""
        while chunk := stream.read1(65536):
            body += chunk
            if len(body) > _LARGEST:
                raise _Garbled("its answer is longer than a manifest may be")
        return body

    def _trust(self, host: str) -> ssl.SSLContext:
        context = ssl.create_default_context()
        for directory in _CERTIFICATES:
            for path in glob.glob(f"{glob.escape(f'{directory}/{host}')}/*.crt"):
                with contextlib.suppress(OSError, ssl.SSLError):
                    context.load_verify_locations(path)
        if self._insecure and host == self._host:
            # The engine takes it as it is, too. What it answers is checked by digests.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Leave it to `_get`, which knows what may go on with it."""


class _Plain(urllib.request.HTTPHandler):
    """HTTP until a moment."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As the original."""
        return self.do_open(_until(self._deadline, http.client.HTTPConnection), req)


class _Encrypted(urllib.request.HTTPSHandler):
    """HTTPS until a moment."""

    def __init__(self, deadline: float, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._deadline = deadline
        self._trust = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As the original."""
        return self.do_open(_until(self._deadline, http.client.HTTPSConnection), req, context=self._trust)


def _until(deadline: float, kind: Callable[..., Any]) -> Callable[..., Any]:
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

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        """What comes, until the deadline."""
        return io.BufferedReader(_Bytes(self._sock, self._deadline))


class _Bytes(io.RawIOBase):
    """The bytes of a socket until a moment, however slowly they trickle."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._stream = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As the socket's, in the time that is left."""
        step = min(_STEP, _left(self._deadline))
        self._sock.settimeout(step)
        try:
            return self._stream.readinto(buffer)
        except TimeoutError as error:
            # Somebody is there, who took the question: this is not "unreachable".
            raise _Trouble("no answer in time" if step == _STEP else "it takes too long") from error

    def close(self) -> None:
        """Close the socket with it, where nobody else holds it."""
        self._stream.close()
        super().close()


def _left(deadline: float) -> float:
    """The seconds to a moment."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise _Trouble("it takes too long")
    return left


def _told(cause: object) -> str:
    if isinstance(cause, socket.timeout | TimeoutError):
        return "no answer in time"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return " ".join(mask(str(cause)).split())[:200] or type(cause).__name__


def _basic(credentials: Mapping[str, str]) -> str:
    if not credentials.get("username"):
        return ""
    pair = f"{credentials['username']}:{credentials.get('password', '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _manifest_of(body: bytes) -> dict[str, Any]:
    document = _object(body)
    manifests = document.get("manifests")
    is_index = isinstance(manifests, list) and all(isinstance(listed, dict) for listed in manifests)
    if document.get("schemaVersion") != 2 or not (is_index or isinstance(document.get("config"), dict)):
        raise _Garbled("what it answers is no manifest of an image")
    return document


def _digest_of(descriptor: Any) -> str:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(digest, str) or not re.fullmatch(r"[a-z0-9+._-]+:[0-9a-f]{32,}", digest):
        raise _Garbled("what it answers is no manifest of an image")
    return digest


def _is_loopback(netloc: str) -> bool:
    host = urllib.parse.urlsplit(f"//{netloc}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_insecure(engine: Engine, index: str) -> bool:
    """Whether the engine was told to trust this registry without a certificate."""
    from .engine import errors

    try:
        with errors("the engine"):
            known = engine.api.info().get("RegistryConfig") or {}
    except EngineError:  # it may have gone: then the registry is asked as carefully as any
        return False
    listed = (known.get("IndexConfigs") or {}).get(index) or {}
    return listed.get("Secure") is False
