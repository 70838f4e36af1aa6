"""What changed from one image to another: layers, files, configuration, and whose change it is."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

    from ..packages import PackageChange
    from .config import ImageConfig
    from .image import Image
    from .layer import Entry

# Between the last step of a base and the first one of a build lies more than this, as a rule.
_BASE_GAP = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class LayerChange:
    """Layers aligned by diff ID: `old` and `new` are indices, None where there is no such layer."""

    old: int | None
    new: int | None

    @property
    def same(self) -> bool:
        """Whether both images have the layer."""
        return self.old is not None and self.new is not None


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path that differs. `grown` is new minus old bytes; `layer` is the one that wrote or removed it.

    `kind` is "added", "removed", "changed" (content, type or link), "metadata" (mode or owner alone)
    or "moved", where `origin` is the old path. `base` says that the change came with the base image.
    """

    kind: str
    path: str
    old_bytes: int
    new_bytes: int
    layer: int | None  # of the new image; None for a removed path
    base: bool
    origin: str | None = None

    @property
    def grown(self) -> int:
        """New minus old bytes."""
        return self.new_bytes - self.old_bytes


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A part of the configuration that differs; None where it is not set."""

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Base:
    """How many of an image's lowest layers are its base's, and how that is known."""

    layers: int
    known_by: str  # "the base image", "time", or "" when nobody can tell


class ImageDiff:
    """Two images, compared. Nothing is computed before it is asked for."""

    def __init__(self, old: Image, new: Image, bases: Iterable[Image] = ()) -> None:
        from ..graph import layer_graph, rebuilt

        self.old = old
        self.new = new
        bases = tuple(bases)
        self._graph = layer_graph([old, new, *bases])
        # An image that the other one is built on is a base that nobody has to name.
        below = [a.id for a, b in ((old, new), (new, old)) if b.id in rebuilt(self._graph, a.id)]
        self.old_base, self.new_base = (
            _known_base(self._graph, image, [*(base.id for base in bases), *below]) for image in (old, new)
        )
        self.layers = aligned(
            [layer.diff_id for layer in old.layers], [layer.diff_id for layer in new.layers]
        )
        self.files = tuple(_files(self))
        self.config = tuple(_config(old, new))

    @property
    def grown(self) -> int:
        """How many more bytes all regular files of all layers take; what --max-growth speaks of."""
        return self.new.content_bytes - self.old.content_bytes

    @property
    def live_grown(self) -> int:
        """The same of what a container sees."""
        return self.new.live_bytes - self.old.live_bytes

    @property
    def base_grown(self) -> int:
        """The part of `grown` that came with the base image."""
        return _below(self.new, self.new_base) - _below(self.old, self.old_base)

    @property
    def base_is_guessed(self) -> bool:
        """Whether only the times of the steps tell base and build of either image apart."""
        return "time" in (self.old_base.known_by, self.new_base.known_by)

    @property
    def own_grown(self) -> int:
        """The part of `grown` that is the build's own."""
        return self.grown - self.base_grown

    @property
    def pull_layers(self) -> tuple[int, ...]:
        """The new image's layers that somebody with the old one has to fetch."""
        from ..graph import layer_path, missing_layers

        fetched = set(missing_layers(self._graph, [self.old.id], self.new.id))
        path = layer_path(self._graph, self.new.id)
        return tuple(index for index, layer in enumerate(path) if layer in fetched)

    @cached_property
    def packages(self) -> tuple[PackageChange, ...]:
        """Packages that came, went or changed their version, the largest differences first."""
        from ..packages import package_changes

        return package_changes(self.old.packages, self.new.packages)

    def by_step(self) -> Mapping[int, int]:
        """Growth of visible bytes by the new image's layer that wrote them."""
        out: dict[int, int] = {}
        for file in self.files:
            if file.layer is not None:
                out[file.layer] = out.get(file.layer, 0) + file.grown
        return dict(sorted(out.items()))

    def by_directory(self, depth: int = 2) -> Mapping[str, int]:
        """Growth of visible bytes by directory, the largest changes first."""
        out: dict[str, int] = {}
        for file in self.files:
            directory = "/".join(posixpath.dirname(file.path).split("/")[:depth])
            out[directory] = out.get(directory, 0) + file.grown
            if file.origin is not None:
                origin = "/".join(posixpath.dirname(file.origin).split("/")[:depth])
                out[origin] = out.get(origin, 0) - file.old_bytes
                out[directory] += file.old_bytes
        changed = {directory: grown for directory, grown in out.items() if grown}
        return dict(sorted(changed.items(), key=lambda item: (-abs(item[1]), item[0])))


def aligned(old: Sequence[str], new: Sequence[str]) -> tuple[LayerChange, ...]:
    """Two lists of diff IDs side by side, so that as many as possible agree, in order."""
    from difflib import SequenceMatcher

    out: list[LayerChange] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            out += [LayerChange(i, j) for i, j in zip(range(i1, i2), range(j1, j2), strict=True)]
        else:
            out += [LayerChange(i, None) for i in range(i1, i2)]
            out += [LayerChange(None, j) for j in range(j1, j2)]
    return tuple(out)


def _known_base(graph: nx.DiGraph[str], image: Image, bases: Sequence[str]) -> Base:
    """How much of an image is its base: by known base images exactly, else as `base_layers` has it."""
    from ..graph import base_depth

    depth = base_depth(graph, image.id, bases)
    return Base(depth, "the base image") if depth else base_layers(image)


def base_layers(image: Image) -> Base:
    """How much of an image is its base, by the time of its steps."""
    times = [_time(layer.created) for layer in image.layers]
    gaps = [
        (after - before, index)
        for index, (before, after) in enumerate(pairwise(times), 1)
        if before is not None and after is not None and after - before >= _BASE_GAP
    ]
    # A base of several images shows several gaps: the build itself starts behind the last one.
    return Base(gaps[-1][1], "time") if gaps else Base(0, "")


def _time(created: str | None) -> float | None:
    try:
        return datetime.fromisoformat((created or "").replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None


def _below(image: Image, base: Base) -> int:
    return sum(layer.content_bytes for layer in image.layers[: base.layers])


def _files(diff: ImageDiff) -> Iterable[FileChange]:
    old, new = diff.old, diff.new
    added: list[Entry] = []
    removed = [entry for path, entry in old.tree.items() if path not in new.tree]
    found: list[FileChange] = []
    for path, entry in new.tree.items():
        before = old.tree.get(path)
        if before is None:
            added.append(entry)
            continue
        kind = _change(diff, before, entry)
        if kind:
            base = entry.layer < diff.new_base.layers and before.layer < diff.old_base.layers
            found.append(FileChange(kind, path, _size(before), _size(entry), entry.layer, base))
    for after, origin in _moves(diff, added, removed):
        in_base = after.layer < diff.new_base.layers
        if origin is None:
            if after.kind != "directory":
                found.append(FileChange("added", after.path, 0, _size(after), after.layer, in_base))
        else:
            found.append(
                FileChange(
                    "moved", after.path, _size(origin), _size(after), after.layer, in_base, origin.path
                )
            )
    gone = {one.origin for one in found if one.origin is not None}
    for entry in removed:
        if entry.path not in gone and entry.kind != "directory":
            in_base = entry.layer < diff.old_base.layers
            found.append(FileChange("removed", entry.path, _size(entry), 0, None, in_base))
    return sorted(found, key=lambda one: (-abs(one.grown), one.path))


def _size(entry: Entry) -> int:
    return entry.size if entry.is_file else 0


def _change(diff: ImageDiff, old: Entry, new: Entry) -> str:
    """How one path differs; "" when it doesn't."""
    same_layer = diff.old.layers[old.layer].diff_id == diff.new.layers[new.layer].diff_id
    if same_layer and old[1:7] == new[1:7] and old.data == new.data:
        return ""
    if old.kind != new.kind or old.link != new.link:
        return "changed"
    if new.is_file and (old.size != new.size or diff.old.content_digest(old) != diff.new.content_digest(new)):
        return "changed"
    if new.kind != "directory" and (old.mode, old.uid, old.gid) != (new.mode, new.uid, new.gid):
        return "metadata"
    return ""


def _moves(diff: ImageDiff, added: list[Entry], removed: list[Entry]) -> Iterable[tuple[Entry, Entry | None]]:
    """Each added entry, with the removed one that has its content; of empty files nobody can tell."""
    by_size: dict[int, list[Entry]] = {}
    for entry in removed:
        if entry.is_file and entry.size:
            by_size.setdefault(entry.size, []).append(entry)
    for entry in added:
        origin = None
        candidates = by_size.get(entry.size, []) if entry.is_file and entry.size else []
        if candidates:
            digest = diff.new.content_digest(entry)
            equal = [candidate for candidate in candidates if diff.old.content_digest(candidate) == digest]
            name = entry.path.rpartition("/")[2]
            equal.sort(key=lambda one: one.path.rpartition("/")[2] != name)
            if equal:
                origin = equal[0]
                candidates.remove(origin)
        yield entry, origin


def _config(old: Image, new: Image) -> Iterable[ConfigChange]:
    if not (old.has_configuration and new.has_configuration):
        return  # nobody knows what a root file system would say
    for key, before, after in _settings(old, new):
        if before != after:
            yield ConfigChange(key, before, after)


def _settings(old: Image, new: Image) -> Iterable[tuple[str, str | None, str | None]]:
    """Every setting of either image, by a name that says what it is."""
    import json

    def words(values: Sequence[str]) -> str | None:
        return json.dumps(list(values), ensure_ascii=False) if values else None

    one, two = old.config, new.config
    yield "platform", old.platform, new.platform
    yield "user", one.user or None, two.user or None
    yield "entrypoint", words(one.entrypoint), words(two.entrypoint)
    yield "cmd", words(one.cmd), words(two.cmd)
    yield "workdir", one.working_dir or None, two.working_dir or None
    yield "stop signal", one.stop_signal or None, two.stop_signal or None
    yield "shell", words(one.shell), words(two.shell)

    def both(value: Callable[[ImageConfig], str | None]) -> tuple[str | None, str | None]:
        return value(one), value(two)

    yield "healthcheck", *both(lambda c: words(c.healthcheck.test) if c.healthcheck else None)
    for word, state, before, after in (
        ("port", "exposed", one.exposed_ports, two.exposed_ports),
        ("volume", "declared", one.volumes, two.volumes),
    ):
        for name in sorted({*before, *after}):
            yield f"{word} {name}", state if name in before else None, state if name in after else None
    env = dict(one.env), dict(two.env)
    for name in sorted({*env[0], *env[1]}):
        yield f"env {name}", env[0].get(name), env[1].get(name)
    for name in sorted({*one.labels, *two.labels}):
        yield f"label {name}", one.labels.get(name), two.labels.get(name)
