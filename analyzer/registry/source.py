"""The images of a repository, read like those of an archive: manifests at once, layers when they are asked for."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import InputError
from ..image.archive import Archive, Manifest, blob_path, familiar, is_image
from ..image.blob import Blob, File, Progress
from ..image.image import is_for
from ..sizes import shown
from .authorization import REFUSED, Login
from .client import Client, Document, Patience, parsed
from .reference import Place, parse_place
from .transport import RegistryError, Unreachable, Untrusted, is_loopback

_MAX_DEPTH = 8  # of indexes in indexes
_MAX_LISTED = 1000
_MAX_FETCHED = 100  # manifests of one name
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_FOREIGN = ("foreign", "nondistributable")


def open_repository(
    text: str,
    login: Login,
    *,
    plain_http: bool = False,
    patience: Patience | None = None,
    platform: str | None = None,
    preferred: str = "",
    verify: bool = True,
    progress: Progress | None = None,
) -> Repository:
    """What a registry keeps under `HOST/NAME[:TAG|@DIGEST]`. Nothing is asked before its manifests are.

    Raises:
        InputError: this is no such name.
    """
    place = parse_place(text)
    # Nobody listens in on the loopback, where registries for trying things out speak plainly.
    schemes = ("http",) if plain_http else ("https", "http") if is_loopback(place.host) else ("https",)
    client = Client(place, login, schemes=schemes, patience=patience)
    return Repository(client, place, platform=platform, preferred=preferred, verify=verify, progress=progress)


class _Listed(NamedTuple):
    """An image of an index: its descriptor, and its platform where the index says it."""

    descriptor: Mapping[str, Any]
    platform: str | None


class Repository(Archive):
    """What a registry keeps under a name.

    Of an index, only what is for `platform` is fetched; without that what is for the `preferred` one, or the only image
    that there is.
    """

    def __init__(
        self,
        client: Client,
        place: Place,
        *,
        platform: str | None = None,
        preferred: str = "",
        verify: bool = True,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(f"docker://{place.domain}/{place.repository}{_suffix(place)}", verify=verify)
        self._client = client
        self._place = place
        self._platform = platform
        self._preferred = preferred
        self._progress = progress
        self._blobs: dict[str, Blob] = {}
        self._fetched = 0

    def find(self, member: str) -> Blob | None:
        """A blob that a manifest names; it is fetched when it is read."""
        return self._blobs.get(member)

    def _all(self) -> Iterator[Manifest]:
        with _told(self.name, self._place):
            top = self._document(self._place.reference, None)
            document = self._understood(top)
            if "manifests" not in document:
                yield self._image(document, top.digest)
                return
            for one in self._chosen(list(self._listed(document, 0))):
                child = self._document(one.descriptor["digest"], one.descriptor)
                yield self._image(self._understood(child), child.digest)

    def _document(self, reference: str, descriptor: Mapping[str, Any] | None) -> Document:
        self._fetched += 1
        if self._fetched > _MAX_FETCHED:
            raise InputError(self.name, f"holds more than {_MAX_FETCHED} manifests: this is no image")
        found = self._client.manifest(reference)
        if found is None:
            hint = "check the name and the tag: `skopeo list-tags` tells those that there are"
            what = "is not there" if descriptor is None else f"lists {reference}, which is not there"
            raise InputError(self.name, what, hint)
        if descriptor is not None and len(found.raw) != descriptor["size"]:
            problem = (
                f"manifest {reference} has {len(found.raw)} bytes, and the index states {descriptor['size']}"
            )
            raise InputError(self.name, problem, _BROKEN)
        return found

    def _understood(self, found: Document) -> dict[str, Any]:
        """A document that is certainly an index or certainly a manifest."""
        document = parsed(found.raw)
        if document.get("schemaVersion") == 1 or "distribution.manifest.v1" in found.media_type:
            raise InputError(
                self.name, "is of schema 1, which Docker has left with 1.10",
                "push it with an engine of today, or copy it with `skopeo copy --format v2s2`",
            )  # fmt: skip
        stated = document.get("mediaType", found.media_type)
        known = ("docker.distribution.manifest" in found.media_type) or ("oci.image" in found.media_type)
        index, manifest = "manifests" in document, "config" in document or "layers" in document
        if document.get("schemaVersion") != 2 or not (index or manifest):
            kind = f" ({found.media_type[:100]})" if found.media_type else ""
            raise InputError(self.name, f"is no image: what the registry sends is no manifest{kind}", _BROKEN)
        if (index and manifest) or (known and stated != found.media_type):
            raise InputError(self.name, "is a manifest of two kinds at once, which is refused", _BROKEN)
        return document

    def _listed(self, index: Mapping[str, Any], depth: int) -> Iterator[_Listed]:
        """The images of an index and of those inside it."""
        listed = index["manifests"]
        if depth > _MAX_DEPTH or not isinstance(listed, list) or len(listed) > _MAX_LISTED:
            raise InputError(self.name, "has an index that is nested too deeply, too long, or none", _BROKEN)
        for one in listed:
            descriptor = self._descriptor(one)
            annotations, platform = one.get("annotations") or {}, one.get("platform") or {}
            if not isinstance(annotations, dict) or not isinstance(platform, dict):
                problem = "has an index with annotations or a platform that are no objects"
                raise InputError(self.name, problem, _BROKEN)
            if annotations.get("vnd.docker.reference.type") or platform.get("os") == "unknown":
                continue  # an attestation: its layers are statements, not file systems
            if any(kind in str(one.get("mediaType")) for kind in ("image.index", "manifest.list")):
                inner = self._understood(self._document(descriptor["digest"], descriptor))
                if "manifests" in inner:
                    yield from self._listed(inner, depth + 1)
                    continue
            parts = [platform.get(key) for key in ("os", "architecture", "variant")]
            said = "/".join(part for part in parts if isinstance(part, str) and part)
            yield _Listed(descriptor, said or None)

    def _chosen(self, listed: list[_Listed]) -> list[_Listed]:
        """Those to fetch. What an index does not say of a platform only the configuration tells."""
        wanted = self._platform or self._preferred
        held = ", ".join(dict.fromkeys((one.platform or "unknown")[:100] for one in listed))
        held = f"{held[:500]}…" if len(held) > 500 else held
        if not listed:
            raise InputError(self.name, "holds no image", "artifacts and attestations are no images")
        if not wanted or (self._platform is None and len(listed) == 1):
            return listed
        found = [one for one in listed if one.platform is None or is_for(one.platform, wanted)]
        if not found:
            hint = f"it holds {held}: choose by --platform, or name one by its digest"
            raise InputError(self.name, f"holds no image for {wanted}", hint)
        return found

    def _image(self, document: Mapping[str, Any], digest: str) -> Manifest:
        config, layers = document.get("config"), document.get("layers")
        if config is not None and not isinstance(config, dict):
            raise InputError(self.name, "is no image: its manifest names no configuration", _BROKEN)
        if not is_image(document):
            kind = document.get("artifactType") or (config.get("mediaType") if config else None)
            raise InputError(self.name, f"is an artifact ({str(kind)[:100]}), and no image", "name an image")
        listed = [self._descriptor(one) for one in (config, *(layers if isinstance(layers, list) else ()))]
        for index, layer in enumerate(listed[1:]):
            kind = str(layer.get("mediaType") or "tar")
            if not any(known in kind for known in ("tar", "rootfs")):
                what = "an attestation" if "in-toto" in kind else "no image"
                raise InputError(self.name, f"is {what}: its layer {index} is {kind[:100]}", "name an image")
        whole = sum(one["size"] for one in listed)
        free = shutil.disk_usage(tempfile.gettempdir()).free
        if whole > free:
            problem = f"its layers take {shown(whole)}, and {tempfile.gettempdir()} has {shown(free)} left"
            raise InputError(self.name, problem, "set TMPDIR to a place with more room")
        for one in listed:
            if any(kind in str(one.get("mediaType")) for kind in _FOREIGN) and one.get("urls"):
                continue
            file = _Remote(self._client, self._place, one["digest"], one["size"], self._progress)
            self._blobs.setdefault(blob_path(one["digest"]), Blob(file, one["digest"]))
        tags = (familiar(self._place.name),) if self._place.name else ()
        # What comes is held against its digest while it comes.
        return self._oci_manifest(document, tags, "blobs", digest)._replace(
            blob_digests=(None,) * len(listed[1:])
        )

    def _descriptor(self, one: Any) -> Mapping[str, Any]:
        """An entry of a manifest or index, with a digest and a size."""
        digest, size = (one.get("digest"), one.get("size")) if isinstance(one, dict) else (None, None)
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise InputError(self.name, "names a part without a digest that can be checked", _BROKEN)
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
            raise InputError(self.name, f"states no size of {digest}", _BROKEN)
        return one  # type: ignore[no-any-return]


class _Remote(File):
    """A blob of a registry, fetched once, into a file that has no name and goes with it."""

    def __init__(
        self, client: Client, place: Place, digest: str, size: int, progress: Progress | None
    ) -> None:
        # No descriptor yet: what is not asked for is not fetched.
        self.name = f"docker://{place.domain}/{place.repository}{_suffix(place)}"
        self.size = size
        self._client = client
        self._place = place
        self._digest = digest
        self._progress = progress
        self._kept: File | None = None
        self._lock = threading.Lock()

    def fetch(self) -> None:
        """Bring it here, once."""
        with self._lock:
            if self._kept is None:
                self._kept = File.spool(self._chunks(), self.name, self.size)

    def pread(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`."""
        self.fetch()
        assert self._kept is not None
        return self._kept.pread(offset, length)

    def _chunks(self) -> Iterator[bytes]:
        with _told(f"{self.name}: {self._digest}", self._place):
            for chunk in self._client.blob(self._digest, self.size):
                if self._progress is not None:
                    self._progress(len(chunk))
                yield chunk


_BROKEN = "push the image again"


def _suffix(place: Place) -> str:
    return f"@{place.digest}" if place.digest else f":{place.tag}"


@contextlib.contextmanager
def _told(subject: str, place: Place) -> Iterator[None]:
    """Tell what a registry has done as an error of the input."""
    try:
        yield
    except RegistryError as trouble:
        problem = str(trouble)
        # It may repeat headers of the registry, which are as long as it likes.
        problem = f"{problem[:500]}…" if len(problem) > 500 else problem
        if isinstance(trouble, Untrusted):
            hint = (
                f"name its authority in SSL_CERT_FILE, or put it into /etc/docker/certs.d/{place.host}/ca.crt"
            )
        elif problem == REFUSED or "wants a login" in problem:
            hint = f"log in: `docker login {place.domain}`, or name a file of logins in REGISTRY_AUTH_FILE"
        elif "credential helper" in problem:
            hint = "install that helper, or name a file of logins in REGISTRY_AUTH_FILE"
        elif isinstance(trouble, Unreachable):
            hint = "check the host, the network and its proxy; --plain-http if it does not encrypt"
        else:
            hint = "try again later, or ask who runs the registry"
        raise InputError(subject, f"the registry can't be read: {problem}", hint) from trouble
