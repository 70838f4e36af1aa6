"""Asking a registry for manifests and blobs. Credentials go to it and to whom it gives out tokens, nowhere else."""

from __future__ import annotations

import email.utils
import hashlib
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .authorization import REFUSED, Login, basic, challenges, token_request
from .reference import Place
from .transport import (
    Answer,
    Deadline,
    Garbled,
    RegistryError,
    Stalled,
    Unreachable,
    Untrusted,
    is_loopback,
    send,
)

MAX_MANIFEST = 4 * 2**20  # the most that the specification lets a manifest have
_REDIRECTS = 5
_BUSY = (429, 500, 502, 503, 504)
_TRIES = 4
_PROGRESS = 64 * 1024  # bytes that show that going on is worth it
_STEP = 30.0  # seconds for one answer to begin, and for each part of it
_SECONDS = 60.0  # for one question
_SLOWEST = 10_000  # bytes a second, less is not waited for
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


_NUMBER = re.compile(r"[0-9]{1,18}")
_TOKEN = re.compile(r"[\x21-\x7e]+")  # what may stand in a header


class Document(NamedTuple):
    """A manifest or an index: the bytes, their digest, and what type it is said to be."""

    raw: bytes
    digest: str
    media_type: str


class Patience:
    """How long to wait in all for a registry that is busy or breaks off."""

    def __init__(self, seconds: float = 120.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self._left = seconds
        self._sleep = sleep

    def wait(self, seconds: float) -> bool:
        """Wait so long; False at once where that is more than is left."""
        if seconds > self._left:
            return False
        self._left -= seconds
        self._sleep(seconds)
        return True


class Client:
    """A repository of a registry, to be read."""

    def __init__(
        self,
        place: Place,
        login: Login,
        *,
        schemes: tuple[str, ...] = ("https",),
        verified: bool = True,
        patience: Patience | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            place: the repository.
            login: the user's login, read when the registry asks for one.
            schemes: "https", "http", or both: then the second where nobody speaks the first.
            verified: whether only a trusted certificate counts.
            patience: how long to wait for a busy registry.
            deadline: for all that is asked; by default each question has its own.
        """
        self._place = place
        self._login = login
        self._schemes = schemes
        self._verified = verified
        self._patience = patience or Patience()
        self._deadline = deadline
        self._authorization = ""

    # Documents

    def manifest(self, reference: str) -> Document | None:
        """The manifest or index of a tag or digest; None: there is none.

        Raises:
            RegistryError: it can't be had, or is not what its digest says.
        """
        try:
            return self._manifest(reference)
        except Untrusted:
            raise
        except Unreachable:
            if len(self._schemes) == 1:
                raise
            # As engines do with a registry that may speak plainly.
            self._schemes, self._authorization = self._schemes[1:], ""
            return self._manifest(reference)

    def _manifest(self, reference: str) -> Document | None:
        path = f"manifests/{urllib.parse.quote(reference, safe=':')}"
        with self._get(path, {"Accept": ", ".join(_MANIFESTS)}, self._until(0)) as answer:
            stated = _length(answer)
            if stated is not None and stated > MAX_MANIFEST:
                raise Garbled("its answer is longer than a manifest may be")
            raw = answer.body(MAX_MANIFEST)
            if answer.status == 404:
                # Any server says 404: that it is a registry has to show.
                if "errors" in parsed(raw) or answer.headers.get("Docker-Distribution-Api-Version"):
                    return None
                raise Garbled("it answers with status 404, and not as a registry")
            _must_be_well(answer)
            if stated is not None and stated != len(raw):
                raise Unreachable(f"it breaks off after {len(raw)} of {stated} bytes")
            told = str(answer.headers.get("Docker-Content-Digest", ""))
            digest = reference if ":" in reference else told
            found = digest_of(raw, digest)
            if ":" in reference and found != reference:
                raise Garbled(f"it answers with a manifest whose digest is {found}, asked for {reference}")
            if told.startswith(f"{found.partition(':')[0]}:") and told != found:
                raise Garbled(f"it tells the digest {told} of a manifest whose digest is {found}")
            return Document(raw, found, str(answer.headers.get_content_type()))

    # Blobs

    def blob(self, digest: str, size: int) -> Iterator[bytes]:
        """The bytes of a blob, as they come. What was broken off is gone on with.

        Raises:
            RegistryError: it can't be had, or is not what its digest and size say; only at the end that is known.
        """
        hasher = hashlib.new(digest.partition(":")[0])
        deadline = self._until(size)
        done = fruitless = 0
        while done < size:
            before, cause = done, "the connection ends"
            try:
                with self._get(f"blobs/{digest}", _range(done), deadline) as answer:
                    for chunk in self._rest(answer, done, size):
                        done += len(chunk)
                        hasher.update(chunk)
                        yield chunk
            except Untrusted:
                raise
            except (Unreachable, Stalled) as trouble:
                cause = str(trouble)
            if done < size:
                fruitless = 0 if done - before >= _PROGRESS else fruitless + 1
                wait = 2.0 ** max(fruitless - 1, 0)
                if fruitless == _TRIES or not self._patience.wait(wait):
                    raise RegistryError(f"it breaks off after {done} of {size} bytes: {cause}")
                deadline.later(wait)
        found = f"{hasher.name}:{hasher.hexdigest()}"
        if found != digest:
            raise Garbled(f"what it sends has the digest {found}, and not the one that was asked for")

    def _rest(self, answer: Answer, done: int, size: int) -> Iterator[bytes]:
        """What an answer holds of a blob behind its first `done` bytes."""
        _must_be_well(answer)
        skip, stated = 0, _length(answer)
        if answer.status == 206:
            if not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {done}-"):
                raise Garbled("it sends another part than it was asked for")
        else:
            skip = done  # it knows nothing of parts
        if stated is not None and stated != size - done + skip:
            raise Garbled(f"it sends {stated} bytes where {size - done + skip} are stated")
        for chunk in answer.chunks():
            rest, skip = chunk[skip:], max(skip - len(chunk), 0)
            done += len(rest)
            if done > size:
                raise Garbled(f"it sends more than the {size} bytes that are stated")
            yield rest

    # Questions

    def _until(self, size: int) -> Deadline:
        return self._deadline or Deadline(_SECONDS + size / _SLOWEST, _STEP)

    @property
    def _base(self) -> str:
        return f"{self._schemes[0]}://{self._place.host}"

    def _get(self, path: str, headers: Mapping[str, str], deadline: Deadline) -> Answer:
        """An answer, authorized where the registry asks for it, and waited for while it is busy."""
        url = f"{self._base}/v2/{self._place.repository}/{path}"
        tries = 0
        while True:
            answer = self._follow(url, {**headers, "Authorization": self._authorization}, deadline)
            if answer.status == 401 and _home(answer.url) == _home(url):
                with answer:
                    self._authorization = self._authorize(answer, deadline)
                answer = self._follow(url, {**headers, "Authorization": self._authorization}, deadline)
            wait = _asked_to_wait(answer, tries)
            tries += 1
            if answer.status not in _BUSY or tries == _TRIES or not self._patience.wait(wait):
                return answer
            with answer:
                deadline.later(wait)

    def _authorize(self, refused: Answer, deadline: Deadline) -> str:
        """The Authorization that a 401 asks for."""
        credentials = self._login(self._place.domain)
        if credentials:
            self._may_tell(refused.url)
        for scheme, values in challenges(refused.headers):
            if scheme == "bearer" and values.get("realm"):
                return f"Bearer {self._token(values, credentials, deadline)}"
            if scheme == "basic" and credentials.get("username"):
                return basic(credentials)
        raise RegistryError("it wants a login, and there is none for it")

    def _token(self, challenge: Mapping[str, str], credentials: Mapping[str, str], deadline: Deadline) -> str:
        """A token from where the registry sends its clients for one. That is another host often, and meant."""
        realm = challenge["realm"]
        try:
            parts = urllib.parse.urlsplit(realm)
        except ValueError as error:
            raise Garbled("it sends for a token to what is no URL") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Garbled("it sends for a token to what is no URL of HTTP")
        if credentials:
            self._may_tell(realm)
        asked = token_request(challenge, self._place.repository, credentials)
        try:
            with self._follow(asked.url, asked.headers, deadline, asked.form) as answer:
                document = parsed(answer.body(MAX_MANIFEST))
        except Unreachable as trouble:
            raise RegistryError(f"it wants a token from {realm}: {trouble}") from trouble
        token = document.get("token") or document.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise RegistryError(REFUSED)
        return token

    def _may_tell(self, url: str) -> None:
        """See that credentials may go there: where nobody else reads them."""
        parts = urllib.parse.urlsplit(url)
        encrypted = parts.scheme == "https" and (self._verified or parts.netloc != self._place.host)
        if not encrypted and not is_loopback(parts.netloc):
            raise RegistryError(
                f"it wants a login, which is not sent to {parts.netloc} unencrypted or unverified"
            )

    def _follow(
        self, url: str, headers: Mapping[str, str], deadline: Deadline, form: bytes | None = None
    ) -> Answer:
        """An answer, after redirects. No Authorization goes to another host or another port."""
        home = urllib.parse.urlsplit(url)
        wanted = {name: value for name, value in headers.items() if value}
        for _ in range(_REDIRECTS + 1):
            netloc = urllib.parse.urlsplit(url).netloc
            answer = send(url, wanted, form, deadline, verified=self._verified or netloc != self._place.host)
            location = answer.headers.get("Location")
            if answer.status not in (301, 302, 303, 307, 308) or not location or form is not None:
                return answer
            with answer:
                url = _joined(url, location)
                there = urllib.parse.urlsplit(url)
                if there.scheme not in ("https", home.scheme):
                    raise RegistryError(f"it sends on to {there.scheme}://{there.hostname or ''}")
                if _home(url) != (home.scheme, home.netloc):
                    wanted.pop("Authorization", None)
        raise RegistryError("it sends on and on")


def parsed(raw: bytes) -> dict[str, Any]:
    """An object of JSON; an empty one for anything else."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def digest_of(raw: bytes, like: str = "") -> str:
    """The digest of a document, by the algorithm of another digest where that is one, else of SHA-256."""
    algorithm = like.partition(":")[0]
    hasher = hashlib.new(algorithm if algorithm in ("sha384", "sha512") else "sha256", raw)
    return f"{hasher.name}:{hasher.hexdigest()}"


def _length(answer: Answer) -> int | None:
    """How long an answer says that its body is."""
    told = str(answer.headers.get("Content-Length", ""))
    return int(told) if _NUMBER.fullmatch(told) else None


def _must_be_well(answer: Answer) -> None:
    if answer.status in (401, 403):
        raise RegistryError(REFUSED)
    if answer.status not in (200, 206):
        raise RegistryError(f"it answers with status {answer.status}")


def _range(done: int) -> dict[str, str]:
    return {"Range": f"bytes={done}-"} if done else {}


def _home(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def _joined(url: str, location: str) -> str:
    """Where a redirect leads; what it says of users and passwords is left out."""
    try:
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(url, location))
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    except ValueError as error:
        raise RegistryError("it sends on to what is no URL") from error


def _asked_to_wait(answer: Answer, tries: int) -> float:
    """The seconds to wait before the next try: what the answer says, or more each time."""
    told = str(answer.headers.get("Retry-After", ""))
    if _NUMBER.fullmatch(told):
        return float(told)
    try:
        moment = email.utils.parsedate_to_datetime(told).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 2.0**tries
    return max(moment - time.time(), 0.0)
