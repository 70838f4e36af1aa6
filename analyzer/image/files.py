"""The files of an image, layer by layer: what each adds, changes and removes, and what hides it later on.

A directory that no layer has an entry for, and that only holds others, is not told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .image import Image
from .layer import Entry, normalised
from .visibility import DELETED, DUPLICATE_ENTRY, NEW_CONTENT, OPAQUE, Hidden

ADDED = "added"
CHANGED = "changed"  # there was something of this path before
KEPT = "kept"  # a directory as it was, which is named for what it holds
REMOVED = "removed"

WHITEOUT = "whiteout"
OPAQUE_DIRECTORY = "opaque directory"


class File(NamedTuple):
    """A path in a layer, and what the layer does to it."""

    path: str
    layer: int
    change: str
    kind: str  # of the entry; WHITEOUT or OPAQUE_DIRECTORY of what is removed
    size: int  # its content, which stands with the one name of several that a container sees
    entry: Entry | None  # None for what is removed
    hidden_by: int | None = None  # the layer that hides it; None where a container sees it
    cause: str = ""
    removed_files: int = 0  # of files, and their bytes, that are seen no more because it is removed
    removed_bytes: int = 0


def files_of_layers(image: Image, only: int | None = None) -> Iterator[tuple[int, Iterator[File]]]:
    """Each layer, or only one, with its files in its order and then what it removes.

    The files of a layer are to be read before the next layer is asked for.
    """
    before: dict[str, Entry] = {}
    removed = _removed(image)
    for layer in image.layers:
        last = {entry.path: entry for entry in layer.files}
        if only is None or layer.index == only:
            yield layer.index, _files(image, layer.index, last, before, removed)
        if layer.index == only:
            return
        before.update(last)


def seen_files(image: Image) -> Iterator[File]:
    """What a container sees, by the layer that has put it there."""
    tree = image.tree
    for _, files in files_of_layers(image):
        for file in files:
            if file.entry is not None and tree.get(file.path) is file.entry:
                yield file


def _files(
    image: Image,
    layer: int,
    last: dict[str, Entry],
    before: dict[str, Entry],
    removed: dict[tuple[int, str], tuple[int, int]],
) -> Iterator[File]:
    covers = image.covers[layer]
    outlived = _outlived(image, layer, last)
    moved = {id(file) for file in outlived.values()}
    for entry in image.layers[layer].files:
        path = entry.path
        earlier = _earlier(image, layer, path, before)
        change = ADDED if earlier is None else CHANGED
        if earlier is not None and entry.kind == "directory" == earlier.kind and entry[3:6] == earlier[3:6]:
            change = KEPT
        hidden_by, cause = None, ""
        if last[path] is not entry:
            hidden_by, cause = layer, DUPLICATE_ENTRY
        elif path in covers:
            hidden_by, cause, cover = covers[path]
            if cause == NEW_CONTENT and entry.is_file and entry.size:
                cause = image.cause_of(Hidden(entry, cause, hidden_by, cover))
        size = outlived[path].size if path in outlived else 0 if id(entry) in moved else entry.size
        yield File(path, layer, change, entry.kind, size, entry, hidden_by, cause)
    whiteouts, opaques = image.removals(layer)
    for kind, paths in ((WHITEOUT, whiteouts), (OPAQUE_DIRECTORY, opaques)):
        for path in dict.fromkeys(paths):
            count, size = removed.get((layer, path), (0, 0))
            yield File(path, layer, REMOVED, kind, 0, None, removed_files=count, removed_bytes=size)


def _outlived(image: Image, layer: int, last: dict[str, Entry]) -> dict[str, Entry]:
    """Hard links that a container sees, and the files of this layer that it no longer sees by another name."""
    covers = image.covers[layer]
    out: dict[str, Entry] = {}
    found: set[int] = set()
    for path, entry in last.items():
        if entry.kind != "hardlink" or path in covers or normalised(entry.link) not in covers:
            continue
        file = image.file_at(layer, path)
        if file is not None and file.path in covers and id(file) not in found:
            out[path] = file
            found.add(id(file))
    return out


def _earlier(image: Image, layer: int, path: str, before: dict[str, Entry]) -> Entry | None:
    """What the layers below have at a path, if it is still there when this layer comes."""
    entry = before.get(path)
    if entry is None:
        return None
    cover = image.covers[entry.layer].get(path)
    return entry if cover is None or cover.layer >= layer else None


def _removed(image: Image) -> dict[tuple[int, str], tuple[int, int]]:
    """The files, and their bytes, that each whiteout and opaque directory hides, by its layer and path."""
    marks = {
        (layer.index, path)
        for layer in image.layers
        for paths in image.removals(layer.index)
        for path in paths
    }
    out: dict[tuple[int, str], tuple[int, int]] = {}
    for one in image.hidden if marks else ():
        if one.cause not in (DELETED, OPAQUE):
            continue
        path = one.entry.path
        while (one.by, path) not in marks and path:
            path = path.rpartition("/")[0]
        count, size = out.get((one.by, path), (0, 0))
        out[one.by, path] = count + 1, size + one.entry.size
    return out
