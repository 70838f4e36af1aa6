"""An image, measured: what it is made of, what of it a container sees, and which step costs what."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InputError
from ..sizes import shown
from .archive import Archive, Manifest, open_archive
from .ballast import ANOTHER_BASE
from .config import ImageConfig, parse_config
from .history import Step, map_history, producer_of, steps_of_layers
from .layer import (
    ChainID,
    DiffID,
    Digest,
    Entry,
    LayerContents,
    chain_ids,
    normalised,
    read_contents,
    read_layer,
)
from .visibility import (
    DELETED,
    DUPLICATE_ENTRY,
    DUPLICATE_LAYER,
    NEW_CONTENT,
    OPAQUE,
    SAME_CONTENT,
    TYPE_CHANGE,
    Cover,
    Hidden,
    Visibility,
    linked,
    names,
    visible,
)

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

    from ..packages import Inventory
    from .ballast import Ballast
    from .blob import Progress
    from .dive import DiveNumbers
    from .kept import LayerReader
    from .savings import Savings

_MAX_LINKS = 40  # as the kernel has it
_MAX_PARTS = 4096
_MAX_SMALL_FILE = 4 * 1024 * 1024
_SHOWN_PATHS = 20
_READERS = 2  # layers at a time: hashing and unpacking leave Python to another thread

_ADVICE = {
    SAME_CONTENT: "set owner, mode and time where the file is made: COPY --chown and --chmod",
    NEW_CONTENT: "write it once, or leave the first version to a builder stage",
    DELETED: "delete it in the step that makes it, or leave it to a builder stage",
    OPAQUE: "leave what the directory held before to a builder stage, or to another base",
    TYPE_CHANGE: "make it once, as what it is to be",
    DUPLICATE_ENTRY: "pack the layer anew: one of the entries is never seen",
    DUPLICATE_LAYER: "leave the second of the two equal steps out",
}
_LEAVE_ALONE = (
    "leave owner, mode and time of the base's files as they are, and link to them by ln -s: each change, and each hard"
    " link, stores the whole file again"
)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, measured. Bytes; `compressed_bytes` is None where the archive stores it unpacked."""

    index: int  # from 0 at the bottom
    diff_id: DiffID
    chain_id: ChainID
    compressed_bytes: int | None
    tar_bytes: int
    content_bytes: int
    live_bytes: int
    wasted_bytes: int
    entries: int
    step: int | None  # that made it, an index into the image's steps; None: several did, or nobody can tell
    steps: tuple[int, ...]  # all that made it, from the first to the last
    created_by: str | None
    created: str | None
    producer: str
    confidence: str  # "exact", "aligned" or "unknown"
    files: tuple[Entry, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Waste:
    """Bytes that one layer added and another hid, for one cause. `paths` are the largest of them."""

    cause: str
    added_by: int  # index of the layer
    hidden_by: int
    added_step: int | None  # index of the step in the history, None where nobody can tell
    hidden_step: int | None
    bytes: int
    files: int
    paths: tuple[str, ...]
    advice: str
    own: bool  # whether the build itself can save them, and not only another base


class Name(NamedTuple):
    """A name in a layer: of an entry, of what a link leads to, or of what a whiteout removes."""

    layer: int
    what: str
    text: str


class Image:
    """An image of an archive or layout. Everything is read when it is opened, and never changes."""

    def __init__(
        self,
        source: str,
        manifest: Manifest,
        raw: Mapping[str, Any],
        contents: Sequence[LayerContents],
        *,
        verified: bool = True,
    ) -> None:
        subject = manifest.config.subject
        self.source = source
        self.id: Digest = manifest.id  # the digest of its configuration, in whatever form it is kept
        self.which = ""  # what tells it from others of its name in the same archive: " linux/arm64"
        # What the engine calls it that gave it; with the containerd store, its manifest's digest.
        self.engine_id = ""
        self.tags = manifest.tags
        # Whether it says what starts, as whom, and what made it; a root file system does not.
        self.has_configuration = manifest.configured
        self.raw = raw
        self.config: ImageConfig = parse_config(raw, subject)
        self.steps: tuple[Step, ...] = map_history(raw.get("history"), len(contents), subject)
        self._config = manifest.raw
        self._diff_ids = manifest.diff_ids
        self._blobs = manifest.layers
        self._contents = tuple(contents)
        self._names: dict[int, dict[str, Entry | None]] = {}
        self._heads: dict[tuple[int, int, int], bytes | None] = {}
        self._paths: dict[int, Mapping[str, Entry]] = {}  # of layers with hard links
        self._first_own: int | None = None
        # Without verifying, contents are not read, and equal ones not looked for.
        self._verified = verified

    def __repr__(self) -> str:
        return f"<Image {self.id[:19]} {' '.join(self.tags)}>"

    def of_engine(self, identity: str) -> Image:
        """The same image as an engine's that calls it so."""
        other = copy.copy(self)
        other.engine_id = identity
        return other

    def renamed(self, tags: tuple[str, ...]) -> Image:
        """The same image under other names."""
        other = copy.copy(self)
        other.tags = tags
        return other

    @property
    def created(self) -> str | None:
        """When it was built, as the configuration has it (RFC 3339)."""
        return _text(self.raw.get("created"))

    @property
    def author(self) -> str | None:
        """Who built it."""
        return _text(self.raw.get("author"))

    @property
    def platform(self) -> str:
        """As "linux/amd64" or "linux/arm64/v8"; "unknown" for what the configuration leaves out."""
        return platform_of(self.raw)

    @cached_property
    def _visibility(self) -> Visibility:
        return visible(self._contents)

    @property
    def tree(self) -> Mapping[str, Entry]:
        """What a container sees: path (without a leading slash) → entry."""
        return self._visibility.tree

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the bottom up."""
        chains = chain_ids(self._diff_ids)
        makers = steps_of_layers(self.steps)
        out = []
        for index, contents in enumerate(self._contents):
            made = makers.get(index, ())
            step = made[0] if len(made) == 1 else None
            live = self._visibility.live_bytes[index]
            out.append(
                Layer(
                    index=index,
                    diff_id=self._diff_ids[index],
                    chain_id=chains[index],
                    compressed_bytes=self._blobs[index].size if contents.compression else None,
                    tar_bytes=contents.tar_bytes,
                    content_bytes=contents.content_bytes,
                    live_bytes=live,
                    wasted_bytes=contents.content_bytes - live,
                    entries=len(contents.entries) + len(contents.whiteouts) + len(contents.opaques),
                    step=step.index if step else None,
                    created_by=step.created_by if step else None,
                    steps=tuple(one.index for one in made),
                    created=made[-1].created if made else None,
                    producer=producer_of(made, self.steps) if made else "unknown",
                    confidence=made[-1].confidence if made else "unknown",
                    files=contents.entries,
                )
            )
        return tuple(out)

    def made_by(self, layer: Layer) -> str:
        """What made a layer: "RUN make", "steps 3 to 7 together"; "" where nobody can tell."""
        if layer.step is not None:
            return self.steps[layer.step].text or "(no command)"
        return f"steps {layer.steps[0]} to {layer.steps[-1]} together" if layer.steps else ""

    @property
    def compressed_bytes(self) -> int | None:
        """What the layers weigh as they are stored; None where they are stored unpacked."""
        sizes = [layer.compressed_bytes for layer in self.layers]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @cached_property
    def pull_bytes(self) -> int:
        """What a registry would send: the layers as stored, or compressed here where they are not."""
        from .blob import gzipped_bytes

        return sum(
            layer.compressed_bytes
            if layer.compressed_bytes is not None
            else gzipped_bytes(self._blobs[layer.index])
            for layer in self.layers
        )

    @cached_property
    def dive_numbers(self) -> DiveNumbers:
        """Efficiency and waste as dive counts them."""
        from .dive import dive_numbers

        return dive_numbers(self._contents)

    @cached_property
    def ballast(self) -> tuple[Ballast, ...]:
        """What a container sees and hardly needs, by kind and layer, the most first."""
        from .ballast import ballast

        return ballast(self)

    @cached_property
    def ballast_files(self) -> Mapping[tuple[str, int], Sequence[Entry]]:
        """The files of `ballast`, by kind and layer."""
        from .ballast import files_by_kind

        return files_by_kind(self, duplicates=self._verified)

    @cached_property
    def savings(self) -> Savings:
        """What a rebuild could save, your own before the base's; no byte is counted twice."""
        from .savings import savings

        return savings(self)

    @cached_property
    def packages(self) -> Inventory:
        """The installed packages, with their bytes, the layers that brought them, and who asked for them."""
        from ..packages import inventory

        return inventory(self)

    @property
    def tar_bytes(self) -> int:
        """The layers' tars, unpacked."""
        return sum(content.tar_bytes for content in self._contents)

    @property
    def content_bytes(self) -> int:
        """All regular files of all layers."""
        return sum(content.content_bytes for content in self._contents)

    @property
    def live_bytes(self) -> int:
        """The part of the content that a container sees."""
        return sum(self._visibility.live_bytes)

    @property
    def wasted_bytes(self) -> int:
        """The rest of the content."""
        return self.content_bytes - self.live_bytes

    @property
    def efficiency(self) -> float | None:
        """Live by content, from 0 to 1; None for an image without content."""
        return self.live_bytes / self.content_bytes if self.content_bytes else None

    @cached_property
    def waste(self) -> tuple[Waste, ...]:
        """What is wasted, by cause and pair of layers, the largest first."""
        out = []
        for (cause, added_by, hidden_by), members in self.hidden_files.items():
            # Of what the build has only copied up, the copy can be saved.
            equal = cause in (SAME_CONTENT, DUPLICATE_LAYER)
            copied = equal and added_by not in self.own_layers and hidden_by in self.own_layers
            own = added_by in self.own_layers or copied
            advice = _LEAVE_ALONE if copied else _ADVICE[cause] if own else ANOTHER_BASE
            out.append(
                Waste(
                    cause=cause,
                    added_by=added_by,
                    hidden_by=hidden_by,
                    added_step=self.layers[added_by].step,
                    hidden_step=self.layers[hidden_by].step,
                    bytes=sum(member.entry.size for member in members),
                    files=len(members),
                    paths=tuple(member.entry.path for member in members[:_SHOWN_PATHS]),
                    advice=advice,
                    own=own,
                )
            )
        return tuple(sorted(out, key=lambda one: (-one.bytes, one.added_by, one.hidden_by)))

    @cached_property
    def hidden_files(self) -> Mapping[tuple[str, int, int], Sequence[Hidden]]:
        """The files of `waste`, by cause, the layer that added them and the one that hides them, the largest first."""
        groups: dict[tuple[str, int, int], list[Hidden]] = {}
        for one in self._visibility.hidden:
            if one.entry.size:
                if one.cover is not None and one.cover.kind == "hardlink":
                    one = one._replace(cover=self._linked(one.cover))
                groups.setdefault((self.cause_of(one), one.entry.layer, one.by), []).append(one)
        for members in groups.values():
            members.sort(key=lambda one: -one.entry.size)
        return groups

    def file_at(self, layer: int, path: str) -> Entry | None:
        """The file of a layer that a path in it leads to, be it by a hard link; None where the layer has none."""
        if layer not in self._names:
            self._names[layer] = names(self._contents[layer])
        return self._names[layer].get(path)

    def _linked(self, link: Entry) -> Entry:
        """The file that a hard link names, where its own layer holds it."""
        return self.file_at(link.layer, link.path) or link

    def cause_of(self, hidden: Hidden) -> str:
        """Why a file is hidden: whether what covers it has the same content, only the contents can tell."""
        cover = hidden.cover
        if hidden.cause != NEW_CONTENT or cover is None:
            return hidden.cause
        if self._diff_ids[hidden.entry.layer] == self._diff_ids[hidden.by]:
            return DUPLICATE_LAYER
        if cover.kind == "hardlink":
            cover = self._linked(cover)
        if cover.kind != "file":
            return TYPE_CHANGE if cover.kind != "hardlink" else NEW_CONTENT
        if cover.size != hidden.entry.size or self.content_digest(cover) != self.content_digest(hidden.entry):
            return NEW_CONTENT
        return SAME_CONTENT

    def oddities(self) -> tuple[str, ...]:
        """What is unusual of it and its bytes: a sentence each."""
        told = []
        if not self.has_configuration:
            told.append(
                "this is a root file system, as `docker export` writes it, without configuration and history: it is"
                " read as an image of one layer, and what starts in it is not known"
            )
        if self.base_is_guessed:
            told.append(
                f"the lowest {self.own_layers.start} of {len(self._contents)} layers are taken for the base's, which is"
                " guessed from the history's dates; use `imglint audit` with the Dockerfile to know it"
            )
        for index, contents in enumerate(self._contents):
            if contents.hole_bytes:
                told.append(
                    f"{shown(contents.hole_bytes)} of layer {index}'s content are holes of sparse files: the layer does not"
                    " hold them, and an engine writes them out as zeros"
                )
            if contents.padding_bytes:
                told.append(
                    f"layer {index} lacks {contents.padding_bytes} zeros at the end of its tar, with which its"
                    " diff ID fits: early makers of zstd:chunked leave them out"
                )
            if contents.beside_bytes:
                told.append(
                    f"{shown(contents.beside_bytes)} of layer {index} stand behind the end of its tar: they are pulled"
                    " with it, and are no file"
                )
        return tuple(told)

    def content_digest(self, entry: Entry) -> bytes:
        """The XXH3 of a file's contents, read where it is not known yet; b"" for an empty one."""
        if entry.digest is not None or not entry.size:
            return entry.digest or b""  # of a sparse file it is always known
        import xxhash

        blob = self._blobs[entry.layer]
        digest = xxhash.xxh3_128()
        for at in range(entry.data, entry.data + entry.size, 1 << 20):
            digest.update(blob.pread(at, min(1 << 20, entry.data + entry.size - at)))
        return digest.digest()

    def holds(self, entry: Entry, content: bytes) -> bool:
        """Whether a file holds just this."""
        if entry.size != len(content) or entry.data < 0:
            return False
        import xxhash

        return not content or self.content_digest(entry) == xxhash.xxh3_128(content).digest()

    def beginning(self, entry: Entry) -> bytes:
        """What tells a file from most others of its size: its digest where it is known, or its first 512 bytes."""
        if entry.digest is not None:
            return entry.digest
        return self._blobs[entry.layer].pread(entry.data, min(entry.size, 512)) if entry.data >= 0 else b""

    # Files

    def resolve(self, path: str) -> str | None:
        """The path that a path leads to through the image's own links; None when it leads nowhere."""
        parts = path.split("/")[::-1]  # a stack
        done: list[str] = []
        links = 0
        while parts:
            part = parts.pop()
            if part in ("", "."):
                continue
            if len(parts) + len(done) > _MAX_PARTS:
                return None
            if part == "..":
                done = done[:-1]
                continue
            at = "/".join([*done, part])
            entry = self.tree.get(at)
            if entry is not None and entry.kind == "symlink":
                links += 1
                if links > _MAX_LINKS:
                    return None
                if entry.link.startswith("/"):
                    done = []
                parts += entry.link.split("/")[::-1]
                continue
            if entry is None and at not in self._directories:
                return None
            done.append(part)
        return "/".join(done)

    def has(self, path: str) -> bool:
        """Whether something is at a path, no link followed; a directory may have no entry of its own."""
        return path in self.tree or path in self._directories

    @cached_property
    def _directories(self) -> frozenset[str]:
        """Directories that have no entry of their own."""
        implied: set[str] = set()
        for path in self.tree:
            parent = path.rpartition("/")[0]
            while parent and parent not in implied:
                implied.add(parent)
                parent = parent.rpartition("/")[0]
        return frozenset(implied)

    def read(self, path: str) -> bytes | None:
        """A small file as the container sees it; None when there is none. At most 4 MiB."""
        found = self.resolve(path)
        entry = self.tree.get(found) if found is not None else None
        for _ in range(_MAX_LINKS):
            if entry is None or entry.kind != "hardlink":
                break
            entry = linked(self._contents, entry)
        if entry is None or not entry.is_file:
            return None
        return read_contents(self._blobs[entry.layer], entry, _MAX_SMALL_FILE)

    def file_of(self, entry: Entry) -> Entry | None:
        """The entry with the contents of a file, through hard links; None for what is no file."""
        for _ in range(_MAX_LINKS):
            if entry.kind != "hardlink":
                break
            target = normalised(entry.link)
            for layer in range(entry.layer, -1, -1):
                found = self._by_path(layer).get(target)
                if found is not None:
                    entry = found
                    break
            else:
                return None
        return entry if entry.is_file else None

    def _by_path(self, layer: int) -> Mapping[str, Entry]:
        if layer not in self._paths:
            self._paths[layer] = {entry.path: entry for entry in self._contents[layer].entries}
        return self._paths[layer]

    def reader(self, layer: int) -> LayerReader:
        """What reads single files of a layer."""
        from .kept import LayerReader

        return LayerReader(self._blobs[layer], self._contents[layer])

    def head(self, path: str, length: int) -> bytes | None:
        """The first bytes of a file as the container sees it, however large it is; None when there is none."""
        found = self.resolve(path)
        entry = self.tree.get(found) if found is not None else None
        if entry is None or not entry.is_file:
            return None
        # Of a compressed layer all that stands before is unpacked: several ask for one script.
        key = (entry.layer, entry.data, length)
        if key not in self._heads:
            self._heads[key] = read_contents(self._blobs[entry.layer], entry, length)
        return self._heads[key]

    def scan(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """The files of all layers with their contents in blocks, also those that no container sees.

        Each layer is gone through once; the blocks of a file can be read until the next one is asked for.
        A sparse file has none.
        """
        from .scan import files_of

        for blob, contents in zip(self._blobs, self._contents, strict=True):
            yield from files_of(blob, contents)

    def contents(
        self, entries: Iterable[Entry], limit: int | None = None
    ) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Files of any layers with what they hold, whether or not a container sees them, layer by layer.

        `limit` is the most bytes of each file; its blocks can be read until the next file is asked for. What is no
        file with contents of its own is passed over.

        Raises:
            InputError: while blocks are read: a layer's bytes end before.
        """
        from .content import contents

        by_layer: dict[int, list[Entry]] = {}
        for entry in entries:
            by_layer.setdefault(entry.layer, []).append(entry)
        for layer, wanted in sorted(by_layer.items()):
            yield from contents(self._blobs[layer], self._contents[layer], wanted, limit)

    def names(self) -> Iterator[Name]:
        """The names of all layers, from the bottom: paths, targets of links, and paths that whiteouts remove."""
        for layer, contents in enumerate(self._contents):
            for entry in contents.entries:
                yield Name(layer, "path", entry.path)
                if entry.link:
                    yield Name(layer, "target of a link", entry.link)
            for path in (*contents.whiteouts, *contents.opaques):
                yield Name(layer, "whiteout of", path)

    @property
    def hidden(self) -> Sequence[Hidden]:
        """The files whose bytes no container sees."""
        return self._visibility.hidden

    @property
    def covers(self) -> Sequence[Mapping[str, Cover]]:
        """By layer, what hides paths of it, those of directories and links as well."""
        return self._visibility.covers

    def removals(self, layer: int) -> tuple[Sequence[str], Sequence[str]]:
        """The paths that a layer removes, and the directories of which it hides all that lies below."""
        return self._contents[layer].whiteouts, self._contents[layer].opaques

    def up_to(self, layer: int) -> Image:
        """The image as this layer and those below it make it."""
        other = copy.copy(self)
        for name in tuple(other.__dict__):  # what was computed holds for all layers
            if isinstance(getattr(Image, name, None), cached_property):
                del other.__dict__[name]
        other._contents = self._contents[: layer + 1]
        return other

    def hidden_by(self, entry: Entry) -> int | None:
        """The layer that hides a file; None when a container sees it."""
        return self._hiding.get((entry.layer, entry.path))

    @cached_property
    def _hiding(self) -> dict[tuple[int, str], int]:
        return {(one.entry.layer, one.entry.path): one.by for one in self._visibility.hidden}

    def of_build(self, first: int) -> Image:
        """The same image, of which it is known that the build's own layers begin with this one."""
        other = copy.copy(self)
        # What was computed by another border does not hold.
        for name in ("own_layers", "waste", "ballast", "savings", "packages"):
            other.__dict__.pop(name, None)
        other._first_own = first
        return other

    @property
    def base_is_guessed(self) -> bool:
        """Whether only the times of the steps tell base and build apart."""
        return self._first_own is None and self.own_layers.start > 0

    @cached_property
    def own_layers(self) -> range:
        """The layers that are the build's own, as far as the times of the steps tell; all if they don't."""
        from .diff import base_layers

        first = base_layers(self).layers if self._first_own is None else self._first_own
        return range(first, len(self._contents))

    def effective_uid(self) -> int | None:
        """The uid that the main process gets, looked up as the engine does; None when it fails."""
        name = self.config.user.partition(":")[0]
        if not name:
            return 0
        if name.isdecimal():
            return int(name)
        passwd = self.read("etc/passwd")
        for line in (passwd or b"").decode("utf-8", "replace").splitlines():
            fields = line.split(":")
            if len(fields) > 2 and fields[0] == name and fields[2].isdecimal():
                return int(fields[2])
        return 0 if name == "root" else None

    def docker_archive(self, name: str) -> Iterator[bytes]:
        """This image alone and under this name alone, in chunks that an engine can load as one of its own.

        Raises:
            InputError: it is a root file system.
        """
        from .pack import docker_archive

        if not self.has_configuration:
            raise InputError(
                self.source, "is a root file system, which says nothing of what is to start",
                "make an image of it first: `docker import --change 'CMD [\"…\"]' FILE NAME`",
            )  # fmt: skip
        return docker_archive(self._config, self._blobs, name)

    # For going on in a notebook

    @property
    def graph(self) -> nx.DiGraph[str]:
        """This image as a networkx graph of image, configuration, steps, layers, blobs and waste."""
        from ..graph import layer_graph

        return layer_graph([self])

    def to_frame(self) -> pd.DataFrame:
        """The layers as a pandas frame."""
        from .frames import layers_frame

        return layers_frame([self])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def open_images(
    source: str | Iterable[bytes] | Archive,
    *,
    name: str = "",
    select: str | None = None,
    verify: bool = True,
    platform: str | None = None,
    progress: Progress | None = None,
) -> tuple[Image, ...]:
    """The images of an archive or a layout.

    Args:
        source: a path, the chunks of a stream such as the engine's `docker save`, or what is open already.
        name: what to call the source in messages and results; the path by default.
        select: one image of several: a tag ("shop:1.0"), or "@" and its index.
        verify: check the digests of configurations and layers.
        platform: only images for it: "linux/arm64", or "arm64" for any system.
        progress: told how many more bytes were read, from several threads.

    Raises:
        InputError: there is no image to be read, or none for the platform; names file, member and offset.
    """
    try:
        return _opened(source, name, select, verify, platform, progress)
    except InputError as error:
        # What is broken inside is told where it is found; what helps is the same everywhere.
        error.hint = error.hint or "save or download it once more: docker save IMAGE --output FILE"
        raise


def _opened(
    source: str | Iterable[bytes] | Archive,
    name: str,
    select: str | None,
    verify: bool,
    platform: str | None,
    progress: Progress | None,
) -> tuple[Image, ...]:
    archive = (
        source
        if isinstance(source, Archive)
        else open_archive(source, name, verify=verify, progress=progress)
    )
    read: dict[tuple[str, str], LayerContents] = {}
    chosen = []
    held: dict[str, None] = {}
    for manifest in archive.manifests(select):
        own = platform_of(_configuration(manifest))
        held[own] = None
        if platform is None or is_for(own, platform):
            chosen.append(_open(archive, manifest, name or archive.name, read, verify, progress))
    if not chosen:
        raise InputError(
            name or archive.name, f"holds no image for {platform}", f"it holds {', '.join(held)}"
        )
    alike = Counter(one.tags for one in chosen)
    for one in chosen:
        if alike[one.tags] > 1:
            one.which = f" {one.platform}"
    return tuple(chosen)


def _configuration(manifest: Manifest) -> Mapping[str, Any]:
    try:
        raw = json.loads(manifest.raw)
    except (ValueError, RecursionError) as error:
        raise InputError(manifest.config.subject, f"is not valid JSON: {error}") from error
    return raw if isinstance(raw, dict) else {}


def platform_of(raw: Mapping[str, Any]) -> str:
    """The platform of an image configuration: "linux/amd64"; "unknown" for what it leaves out."""
    parts = [raw.get("os") or "unknown", raw.get("architecture") or "unknown"]
    if raw.get("variant"):
        parts.append(raw["variant"])
    return "/".join(str(part) for part in parts)


def is_for(own: str, wanted: str) -> bool:
    """Whether an image of a platform is what is asked for: "linux/arm64" by "arm64", too."""
    asked = wanted.lower().split("/")
    return (
        own.split("/")[: len(asked)] == asked or own.split("/")[1:] == asked or own.split("/")[1:2] == asked
    )


def _open(
    archive: Archive,
    manifest: Manifest,
    name: str,
    read: dict[tuple[str, str], LayerContents],
    verify: bool,
    progress: Progress | None,
) -> Image:
    from concurrent.futures import ThreadPoolExecutor

    raw = _configuration(manifest)
    # Images of one archive share layers, and one image may hold a layer twice: read each once.
    keys = [(blob.name, diff_id) for blob, diff_id in zip(manifest.layers, manifest.diff_ids, strict=True)]
    fresh: dict[tuple[str, str], int] = {}
    for index, key in enumerate(keys):
        if key not in read:
            fresh.setdefault(key, index)
    for index in fresh.values():
        # Here, where whoever interrupts is heard; what is on this machine is there already.
        manifest.layers[index].file.fetch()

    def read_one(key: tuple[str, str]) -> LayerContents:
        index = fresh[key]
        return read_layer(
            manifest.layers[index],
            index,
            key[1],
            manifest.blob_digests[index],
            verify=verify,
            progress=progress,
        )

    with ThreadPoolExecutor(_READERS if verify else 1) as pool:
        try:
            read.update(zip(fresh, pool.map(read_one, fresh), strict=True))
        finally:
            pool.shutdown(cancel_futures=True)
    contents = []
    for index, key in enumerate(keys):
        layer = read[key]
        if layer.entries and layer.entries[0].layer != index:
            layer = layer._replace(entries=tuple(entry._replace(layer=index) for entry in layer.entries))
        contents.append(layer)
    return Image(name, manifest, raw, contents, verified=verify)
