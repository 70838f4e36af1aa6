"""The outer forms of a saved image: docker archives of all ages, OCI layouts as directory or tar.

Each form ends in the same thing, a Manifest: the configuration's bytes and the layers' blobs.
"""

from __future__ import annotations

import abc
import hashlib
import itertools
import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

from ..errors import InputError
from .blob import Blob, File, Progress, Window, unpacked
from .layer import DiffID, Digest, compare, hasher_of
from .packed import closed
from .source import is_layout
from .tar import looks_like_tar, members

_MAX_JSON = 16 * 1024 * 1024  # real ones have some kilobytes
_MAX_MEMBERS = 1_000_000
_MAX_IMAGES = 10_000
_MAX_DEPTH = 8  # of indexes in indexes
_MAX_LINKS = 16
_HEX = re.compile(r"[0-9a-f]{64}")
_INDEX_TYPES = ("image.index", "manifest.list")


class Manifest(NamedTuple):
    """One image of an archive, before its layers are read."""

    id: Digest
    tags: tuple[str, ...]
    config: Blob
    raw: bytes  # the configuration
    diff_ids: tuple[DiffID, ...]
    layers: tuple[Blob, ...]
    blob_digests: tuple[str | None, ...]  # what the layers' stored bytes must hash to
    configured: bool = True  # False: of a root file system, for which the configuration was made up


class _Listed(NamedTuple):
    """What an index lists: a manifest or another index. The tags are the keys, in order."""

    blob: Blob
    document: Any
    tags: dict[str, None]


class Archive(abc.ABC):
    """An opened archive or layout: named members, and the images that they make up."""

    def __init__(self, name: str, *, verify: bool) -> None:
        self.name = name
        self._verify = verify

    @abc.abstractmethod
    def find(self, member: str) -> Blob | None:
        """A member by its name, links followed; None when there is none."""

    def get(self, member: str, what: str) -> Blob:
        """A member that has to be there.

        Raises:
            InputError: it is not.
        """
        blob = self.find(member)
        if blob is None:
            hint = "the archive is not whole: save the image again"
            raise InputError(self.name, f"{what} ({member}) is missing", hint)
        return blob

    def json(self, member: str, what: str) -> Any:
        """A member's JSON."""
        blob = self.get(member, what)
        return _parsed(blob.small(_MAX_JSON), blob.subject)

    def _check(self, blob: Blob, raw: bytes, stated: str) -> None:
        if self._verify:
            hasher = hasher_of(stated)
            hasher.update(raw)
            compare(blob, hasher, stated, "digest")

    # The images

    def manifests(self, select: str | None = None) -> Iterator[Manifest]:
        """The images in it, or those that `select` names: a tag, which may be of several platforms, or "@" and an index.

        Raises:
            InputError: there is none, or none of that name.
        """
        found = list(self._all())
        if not found:
            raise InputError(self.name, "holds no image", "artifacts and attestations are no images")
        if select is None:
            yield from found
            return
        if re.fullmatch(r"@\d+", select):
            if int(select[1:]) < len(found):
                yield found[int(select[1:])]
                return
        else:
            tag = next((tag for one in found for tag in one.tags if _names(tag, select)), None)
            if tag is not None:
                yield from (one for one in found if tag in one.tags)  # of all platforms
                return
        tags = ", ".join(tag for one in found for tag in one.tags)
        last = f" to @{len(found) - 1}" if len(found) > 1 else ""
        hint = f"it holds {tags}" if tags else f"none in it has a name: use @0{last}"
        raise InputError(self.name, f"holds no image {select!r}", hint)

    def _all(self) -> Iterator[Manifest]:
        root = self._root()
        if root is not None:
            yield root
        elif self.find("manifest.json") is not None:
            listed = self.json("manifest.json", "the manifest")
            if isinstance(listed, dict):  # skopeo's dir: form has the image's own manifest there
                yield self._oci_manifest(listed, (), "", "the manifest")
                return
            if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
                raise InputError(f"{self.name}: manifest.json", "is not a list of images")
            if len(listed) > _MAX_IMAGES:
                raise InputError(f"{self.name}: manifest.json", f"lists {len(listed)} images")
            found = [
                self._docker_manifest(one, f"manifest.json[{index}]") for index, one in enumerate(listed)
            ]
            yield from found
            if self.find("index.json") is not None:
                # Engines from 25 on list the platform of their own machine there, and all that they have here.
                known = {one.id for one in found}
                yield from (image for image in self._oci_images(whole=False) if image.id not in known)
        elif self.find("index.json") is not None:
            yield from self._oci_images()
        elif self.find("repositories") is not None or self.layer_folders():
            from .old_docker import old_images

            yield from old_images(self)
        else:
            raise InputError(
                self.name,
                "holds neither manifest.json nor index.json, and is no root file system: this is no saved image",
                "make one with `docker save -o image.tar NAME`",
            )

    def layer_folders(self) -> tuple[str, ...]:
        """The folders of layers that Docker before 1.10 has saved."""
        return ()

    def _root(self) -> Manifest | None:
        """The members as a root file system; None where they are none."""
        return None

    def _docker_manifest(self, listed: Mapping[str, Any], where: str) -> Manifest:
        config, layers, tags = listed.get("Config"), listed.get("Layers"), listed.get("RepoTags")
        if not isinstance(config, str) or not _is_strings(layers) or not (tags is None or _is_strings(tags)):
            raise InputError(f"{self.name}: {where}", "has no Config, or no list of Layers")
        blob = self.get(config, "the configuration")
        raw = blob.small(_MAX_JSON)
        stated = _HEX.search(config)
        if stated:
            self._check(blob, raw, f"sha256:{stated[0]}")
        diff_ids = _diff_ids(_parsed(raw, blob.subject), blob.subject)
        _count(self.name, len(layers), len(diff_ids))
        blobs = tuple(self.get(path, f"layer {index}") for index, path in enumerate(layers))
        # In an OCI layout inside the archive, the name of a layer is the digest of what is stored.
        digests = tuple(
            f"sha256:{path.rpartition('/')[2]}" if path.startswith("blobs/sha256/") else None
            for path in layers
        )
        names = tuple(familiar(tag) for tag in tags or ())
        return Manifest(digest_of(raw), names, blob, raw, diff_ids, blobs, digests)

    def _walk(
        self, index: Any, tags: tuple[str, ...], depth: int, found: dict[str, _Listed], missing: list[str]
    ) -> None:
        """Gather the images of an index and of those inside it, each once with all its tags."""
        listed = index.get("manifests") if isinstance(index, dict) else None
        if listed is None:
            listed = []
        if not isinstance(listed, list) or depth > _MAX_DEPTH:
            raise InputError(f"{self.name}: index", "is nested too deeply, or is no index")
        for one in listed:
            if not isinstance(one, dict) or not isinstance(one.get("digest"), str):
                raise InputError(f"{self.name}: index", "holds an entry without a digest")
            annotations, platform = one.get("annotations") or {}, one.get("platform") or {}
            if not isinstance(annotations, dict) or not isinstance(platform, dict):
                raise InputError(f"{self.name}: index", "holds annotations or a platform that are no objects")
            if annotations.get("vnd.docker.reference.type") or platform.get("os") == "unknown":
                continue  # an attestation: its layers are statements, not file systems
            digest = one["digest"]
            names = _annotated(annotations) or tags
            if digest in found:
                found[digest].tags.update(dict.fromkeys(names))
                continue
            blob = self.find(blob_path(digest))
            if blob is None:
                missing.append(digest)  # a platform that was not exported, as a rule
                continue
            raw = blob.small(_MAX_JSON)
            self._check(blob, raw, digest)
            document = _parsed(raw, blob.subject)
            found[digest] = _Listed(blob, document, dict.fromkeys(names))
            if any(kind in str(one.get("mediaType")) for kind in _INDEX_TYPES) or (
                isinstance(document, dict) and "manifests" in document
            ):
                self._walk(document, names, depth + 1, found, missing)

    def _oci_images(self, *, whole: bool = True) -> Iterator[Manifest]:
        """The images of the index. `whole`: all blobs of those that are there have to be there, too."""
        found: dict[str, _Listed] = {}
        missing: list[str] = []
        self._walk(self.json("index.json", "the index"), (), 0, found, missing)
        for one in found.values():
            if is_image(one.document) and (whole or self._has_blobs(one.document)):
                yield self._oci_manifest(one.document, tuple(one.tags), "blobs", one.blob.name)
        if whole and missing and not any(is_image(one.document) for one in found.values()):
            raise InputError(
                self.name,
                f"manifest {missing[0]} is missing",
                "the layout is not whole: copy the image again",
            )

    def _has_blobs(self, document: Mapping[str, Any]) -> bool:
        """Whether all that a manifest names is there: an engine may know a platform that it never fetched."""
        listed = [document.get("config"), *(document.get("layers") or ())]
        digests = [one.get("digest") for one in listed if isinstance(one, dict)]
        return all(isinstance(digest, str) and self.find(blob_path(digest)) is not None for digest in digests)

    def _oci_manifest(
        self, document: Mapping[str, Any], tags: tuple[str, ...], root: str, where: str
    ) -> Manifest:
        config, layers = document.get("config"), document.get("layers")
        if document.get("schemaVersion") == 1:
            raise InputError(
                f"{self.name}: {where}", "is of schema 1, which Docker has left with 1.10",
                "pull and save the image with an engine of today, or `skopeo copy --format v2s2`",
            )  # fmt: skip
        if not isinstance(config, dict) or not isinstance(layers, list):
            raise InputError(f"{self.name}: {where}", "has no config, or no list of layers")
        digests = [one.get("digest") if isinstance(one, dict) else None for one in (config, *layers)]
        if not _is_strings(digests):
            raise InputError(f"{self.name}: {where}", "names a blob without a digest")
        paths = [blob_path(digest) if root else digest.partition(":")[2] for digest in digests]
        blob = self.get(paths[0], "the configuration")
        raw = blob.small(_MAX_JSON)
        self._check(blob, raw, digests[0])
        diff_ids = _diff_ids(_parsed(raw, blob.subject), blob.subject)
        _count(self.name, len(layers), len(diff_ids))
        for index, layer in enumerate(layers):
            self._must_be_readable(index, layer, paths[1 + index])
        blobs = tuple(self.get(path, f"layer {index}") for index, path in enumerate(paths[1:]))
        return Manifest(digest_of(raw), tags, blob, raw, diff_ids, blobs, tuple(digests[1:]))

    def _must_be_readable(self, index: int, layer: Mapping[str, Any], path: str) -> None:
        """Raise for a layer whose bytes can't be had here, though the archive is whole."""
        kind = str(layer.get("mediaType"))
        if "+encrypted" in kind:
            problem, hint = "is encrypted", "decrypt it first: `skopeo copy --decryption-key KEY`"
        elif ("foreign" in kind or "nondistributable" in kind) and self.find(path) is None:
            problem = "is a foreign one, as those of Windows: archives only say where it can be fetched"
            hint = "an image with such layers can't be measured"
        else:
            return
        raise InputError(self.name, f"layer {index} {problem}", hint)


class _TarArchive(Archive):
    def __init__(self, file: File, *, verify: bool) -> None:
        super().__init__(file.name, verify=verify)
        whole = Blob(file, "")
        self._whole = whole
        self._members: dict[str, Blob] = {}
        self._links: dict[str, str] = {}
        for member in members(Window(whole), file.name):
            name = _member_path(member.name)
            if len(self._members) + len(self._links) >= _MAX_MEMBERS:
                raise InputError(file.name, f"has more than {_MAX_MEMBERS} members: this is no saved image")
            if member.kind == "file" and member.data >= 0:
                self._members[name] = Blob(file, name, member.data, member.size)
                self._links.pop(name, None)
            elif member.kind in ("symlink", "hardlink"):
                # Of a symlink the target is relative to its directory, of a hard link to the root.
                base = posixpath.dirname(name) if member.kind == "symlink" else ""
                self._links[name] = _member_path(posixpath.join(base, member.link))

    def find(self, member: str) -> Blob | None:
        name = _member_path(member)
        for _ in range(_MAX_LINKS):
            if name in self._members:
                return self._members[name]
            if name not in self._links:
                return None
            name = self._links[name]
        raise InputError(f"{self.name}: {member}", "is a link that leads back to itself")

    def layer_folders(self) -> tuple[str, ...]:
        return tuple(
            name.removesuffix("/layer.tar")
            for name in (*self._members, *self._links)
            if name.endswith("/layer.tar") and name.replace("layer.tar", "json") in self._members
        )

    def _root(self) -> Manifest | None:
        from .root_file_system import is_root, root_file_system

        return root_file_system(self._whole) if is_root(self, (*self._members, *self._links)) else None


class _DirectoryLayout(Archive):
    def __init__(self, path: str, *, verify: bool) -> None:
        super().__init__(path, verify=verify)
        self._open: dict[str, Blob] = {}

    def find(self, member: str) -> Blob | None:
        name = _member_path(member)
        if name not in self._open:
            path = os.path.join(self.name, *name.split("/"))
            if not os.path.isfile(path):
                path = self._shared(name)
            if not path:
                return None
            file = File.open(path)
            self._open[name] = Blob(file, path)
        return self._open[name]

    def _shared(self, name: str) -> str:
        """Where a layout without blobs of its own has one of them: in a folder beside it that several share."""
        if not re.fullmatch(_SHARED, name) or os.path.isdir(os.path.join(self.name, *name.split("/")[:2])):
            return ""
        above = os.path.dirname(os.path.abspath(self.name))
        for folder in _folders(above):
            path = os.path.join(above, folder, *name.split("/")[1:])
            if os.path.isfile(path):
                return path
        return ""


_MAX_BESIDE = 1000
_SHARED = r"blobs/sha(?:256|384|512)/[0-9a-f]{64,128}"


def _folders(path: str) -> list[str]:
    """The folders in one, by name."""
    with os.scandir(path) as found:
        return sorted(one.name for one in itertools.islice(found, _MAX_BESIDE) if one.is_dir())


def open_archive(
    source: str | Iterable[bytes], name: str = "", *, verify: bool = True, progress: Progress | None = None
) -> Archive:
    """Recognise an archive or a layout by its content.

    Raises:
        InputError: it is neither, or can't be read.
    """
    if not isinstance(source, str):
        file = File.spool(source, name or "stream")
    elif os.path.isdir(source):
        if not is_layout(source):
            raise InputError(
                source, "is a directory, but no OCI layout: it has no index.json",
                "give an archive of `docker save`, or a layout directory; of a root file system make a tar:"
                " `tar -C DIRECTORY -cf root.tar .`",
            )  # fmt: skip
        return _DirectoryLayout(source, verify=verify)
    else:
        file = File.open(source)
        file.name = name or source
    if not file.size:
        raise InputError(file.name, "is empty", "save the image again")
    whole = Blob(file, file.name)
    if whole.compression():
        file = File.spool(unpacked(whole, progress), file.name)
    head = file.pread(0, 512)
    if what := closed(head):
        raise InputError(file.name, f"is {what}, which is not read", "unpack it first")
    if not looks_like_tar(head):
        raise InputError(
            file.name, "is no tar archive, so it is no saved image",
            "make one with `docker save -o image.tar NAME`; for a Dockerfile: imglint lint",
        )  # fmt: skip
    return _TarArchive(file, verify=verify)


def _member_path(name: str) -> str:
    """A member's name without what could lead out of the archive."""
    return posixpath.normpath("/" + name).lstrip("/")


def blob_path(digest: str) -> str:
    """Where a layout has the blob of a digest."""
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def digest_of(raw: bytes) -> Digest:
    """The digest of a configuration: the ID of its image."""
    return Digest("sha256:" + hashlib.sha256(raw).hexdigest())


def _parsed(raw: bytes, subject: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InputError(subject, f"is not valid JSON: {error}", "save the image again") from error


def _diff_ids(config: Any, subject: str) -> tuple[DiffID, ...]:
    rootfs = config.get("rootfs") if isinstance(config, dict) else None
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if diff_ids is None and isinstance(rootfs, dict):
        diff_ids = []  # an image of nothing but configuration
    if not _is_strings(diff_ids):
        raise InputError(subject, "has no rootfs.diff_ids: this is no image configuration")
    return tuple(DiffID(one) for one in diff_ids)


def _count(name: str, layers: int, diff_ids: int) -> None:
    if layers != diff_ids:
        raise InputError(
            name, f"lists {layers} layers, but its configuration has {diff_ids} diff IDs",
            "the archive is damaged: save the image again",
        )  # fmt: skip


def _is_strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def is_image(document: Any) -> bool:
    """Not an artifact: those have a config of another type, or the empty one."""
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        return False
    kind = document["config"].get("mediaType")
    return kind is None or "image.config" in str(kind) or "container.image" in str(kind)


def _annotated(annotations: Mapping[str, Any]) -> tuple[str, ...]:
    full = annotations.get("io.containerd.image.name")
    if isinstance(full, str):
        return (familiar(full),)
    ref = annotations.get("org.opencontainers.image.ref.name")
    return (ref,) if isinstance(ref, str) else ()


def familiar(name: str) -> str:
    """A name as engines show it: "docker.io/library/shop:1" is "shop:1"."""
    return name.removeprefix("docker.io/").removeprefix("library/") if name.startswith("docker.io/") else name


def _names(tag: str, wanted: str) -> bool:
    """Whether a tag is what was asked for, with or without what engines add to short names."""
    return wanted in (tag, tag.rpartition("/")[2], tag.removesuffix(":latest")) or tag.endswith(f":{wanted}")
