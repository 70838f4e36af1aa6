"""Which bytes of which layer a container sees, and what hides the others. Linear in the entries.

Layers are walked from the top down. What a layer hides holds only for the layers below it, so
its paths, whiteouts and opaque directories are added after it has been looked at itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .layer import Entry, LayerContents, normalised

# Why bytes can't be seen.
SAME_CONTENT = "overwritten with the same content"
NEW_CONTENT = "overwritten with new content"
DELETED = "deleted"
TYPE_CHANGE = "replaced by another type"
DUPLICATE_ENTRY = "written twice in one layer"
DUPLICATE_LAYER = "the same layer again"


class Hidden(NamedTuple):
    """A file whose bytes nobody sees: why, and which layer hides it."""

    entry: Entry
    cause: str
    by: int
    cover: Entry | None  # what stands in its place


class Visibility(NamedTuple):
    """The merged tree, and the files whose bytes are lost in it."""

    tree: dict[str, Entry]  # by path, in the order of layers from the top
    hidden: list[Hidden]
    live_bytes: list[int]  # by layer


class _Above:
    """What the layers above have put into place."""

    def __init__(self) -> None:
        self.seen: dict[str, Entry] = {}  # paths that are no directories
        self.directories: dict[str, int] = {}  # path → layer
        self.removed: dict[str, tuple[int, str]] = {}  # whiteouts: path → layer and cause
        self.cut: dict[str, tuple[int, str]] = {}  # opaque directories: nothing of lower layers in them

    def covering(self, directory: str, memo: dict[str, tuple[int, str] | None]) -> tuple[int, str] | None:
        """What hides everything in a directory: the nearest cut or removed ancestor."""
        # Walk up to the first directory whose answer is known, then fill the way back down.
        chain = []
        at = directory
        answer: tuple[int, str] | None = None
        while True:
            if at in memo:
                answer = memo[at]
                break
            answer = self.removed.get(at) or self.cut.get(at)
            cover = self.seen.get(at)
            if answer is None and cover is not None:
                answer = (cover.layer, TYPE_CHANGE)
            chain.append(at)
            if answer is not None or not at:
                break
            at = at.rpartition("/")[0]
        for one in chain:
            memo[one] = answer
        return answer


def visible(layers: Sequence[LayerContents]) -> Visibility:
    """Merge layers, given from the bottom up."""
    above = _Above()
    tree: dict[str, Entry] = {}
    hidden: list[Hidden] = []
    live = [0] * len(layers)
    for index in range(len(layers) - 1, -1, -1):
        contents = layers[index]
        own = _own_entries(contents)
        lost = _look_through(own, above, tree)
        hidden += _sizes(contents, own, lost, index, live)
        _add(above, contents, own, index)
    return Visibility(tree, hidden, live)


def _own_entries(contents: LayerContents) -> dict[str, Entry]:
    """The last entry of each path: a later one replaces an earlier one."""
    return {one.path: one for one in contents.entries}


def _look_through(
    own: dict[str, Entry], above: _Above, tree: dict[str, Entry]
) -> dict[str, tuple[int, str, Entry | None]]:
    """Put what is visible into the tree; what is not comes back with its reason."""
    memo: dict[str, tuple[int, str] | None] = {}
    lost: dict[str, tuple[int, str, Entry | None]] = {}
    seen, directories, removed = above.seen, above.directories, above.removed
    for path, entry in own.items():
        cover = seen.get(path)
        if cover is not None:
            lost[path] = (cover.layer, NEW_CONTENT if entry.kind != "directory" else TYPE_CHANGE, cover)
            continue
        if path in removed:
            by, cause = removed[path]
            lost[path] = (by, cause, None)
            continue
        if path in directories:
            if entry.kind == "directory":
                # The upper one has the metadata; the contents of both are merged.
                continue
            lost[path] = (directories[path], TYPE_CHANGE, None)
            continue
        reason = above.covering(path.rpartition("/")[0], memo) if path else None
        if reason is not None:
            lost[path] = (*reason, None)
            continue
        tree[path] = entry
    return lost


def _sizes(
    contents: LayerContents,
    own: dict[str, Entry],
    lost: dict[str, tuple[int, str, Entry | None]],
    index: int,
    live: list[int],
) -> list[Hidden]:
    """Count the bytes of a layer's files; a file is live if any of its hard-linked names is."""
    kept: set[str] = {
        normalised(one.link) for path, one in own.items() if one.kind == "hardlink" and path not in lost
    }
    hidden = []
    for entry in contents.entries:
        if entry.kind != "file":
            continue
        path = entry.path
        if own[path] is not entry:
            hidden.append(Hidden(entry, DUPLICATE_ENTRY, index, own[path]))
        elif path not in lost or path in kept:
            live[index] += entry.size
        else:
            by, cause, cover = lost[path]
            hidden.append(Hidden(entry, cause, by, cover))
    return hidden


def _add(above: _Above, contents: LayerContents, own: dict[str, Entry], index: int) -> None:
    for path in contents.whiteouts:
        above.removed.setdefault(path, (index, DELETED))
    for path in contents.opaques:
        above.cut.setdefault(path, (index, DELETED))
    for path, entry in own.items():
        if entry.kind == "directory":
            above.directories.setdefault(path, index)
            continue
        above.seen.setdefault(path, entry)
    # Directories may be implied by what lies in them, without an entry of their own.
    for path in own:
        parent = path.rpartition("/")[0]
        while parent and parent not in above.directories:
            above.directories[parent] = index
            parent = parent.rpartition("/")[0]
