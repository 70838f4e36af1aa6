"""Which bytes of which layer a container sees, and what hides the others. Linear in the entries.

Layers are walked from the top down. What a layer hides holds only for the layers below it, so
its paths, whiteouts and opaque directories are added after it has been looked at itself. Of
several layers that hide a path the nearest one above counts: from there on the bytes were lost.

The view is that of the image specification. Engines differ from it, and from each other, where a layer is made
in ways that no builder does; docs/images.md has the cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .layer import Entry, LayerContents, normalised

# Why bytes can't be seen.
SAME_CONTENT = "overwritten with the same content"
NEW_CONTENT = "overwritten with new content"
DELETED = "deleted"
OPAQUE = "hidden by an opaque directory"
TYPE_CHANGE = "replaced by another type"
DUPLICATE_ENTRY = "written twice in one layer"
DUPLICATE_LAYER = "the same layer again"


class Hidden(NamedTuple):
    """A file whose bytes nobody sees: why, and which layer hides it."""

    entry: Entry
    cause: str
    by: int
    cover: Entry | None  # what stands in its place


class Cover(NamedTuple):
    """What hides something: the layer, why, and what stands in its place."""

    layer: int
    cause: str
    entry: Entry | None


class Visibility(NamedTuple):
    """The merged tree, and the files whose bytes are lost in it."""

    tree: dict[str, Entry]  # by path, in the order of layers from the top
    hidden: list[Hidden]
    live_bytes: list[int]  # by layer
    covers: list[dict[str, Cover]]  # by layer, what hides its paths; of directories, too


def visible(layers: Sequence[LayerContents]) -> Visibility:
    """Merge layers, given from the bottom up."""
    directories = _Directories()
    # A later entry of a layer replaces an earlier one of the same path.
    owns = [{entry.path: entry for entry in contents.entries} for contents in layers]
    parents = [directories.parents_of(own) for own in owns]
    above = _Above(directories)
    below = _LinksDown()
    tree: dict[str, Entry] = {}
    hidden: list[Hidden] = []
    live = [0] * len(layers)
    covers: list[dict[str, Cover]] = []
    for index in range(len(layers) - 1, -1, -1):
        lost = above.put(layers[index], owns[index], parents[index], index, tree)
        linked = below.files(layers[index], owns[index])
        live[index] = _count(layers[index], owns[index], lost, index, hidden, linked)
        below.add(owns[index], lost)
        covers.append(lost)
    return Visibility(tree, hidden, live, covers[::-1])


def _count(
    contents: LayerContents,
    own: dict[str, Entry],
    lost: dict[str, Cover],
    index: int,
    hidden: list[Hidden],
    linked: set[int],
) -> int:
    """The bytes of a layer that are seen; the other files go to `hidden`.

    Args:
        linked: the identities of files that a name in a layer above leads to.
    """
    reached = _reached(contents, own, lost)
    live = 0
    for entry in contents.entries:
        if entry.kind != "file":
            continue
        if id(entry) in linked or (id(entry) in reached if reached is not None else entry.path not in lost):
            live += entry.size
        elif entry.path in lost:
            by, cause, cover = lost[entry.path]
            hidden.append(Hidden(entry, cause, by, cover))
        else:
            hidden.append(Hidden(entry, DUPLICATE_ENTRY, index, own.get(entry.path)))
    return live


def _reached(contents: LayerContents, own: dict[str, Entry], lost: dict[str, Cover]) -> set[int] | None:
    """Of a layer with several names for one file, or several files of one name: what can be seen.

    The identities of the file entries that any visible name leads to; None where each file has
    the one name, so that there is nothing to find out.
    """
    if len(own) == len(contents.entries) and not any(one.kind == "hardlink" for one in own.values()):
        return None
    return {id(file) for path, file in names(contents).items() if file is not None and path not in lost}


def names(contents: LayerContents) -> dict[str, Entry | None]:
    """Path → the file of its own layer that it leads to, by a hard link or as it is; None for what is none."""
    out: dict[str, Entry | None] = {}
    for entry in contents.entries:  # in their order, as unpacking would have it
        if entry.kind == "hardlink":
            out[entry.path] = out.get(normalised(entry.link))
        else:
            out[entry.path] = entry if entry.kind == "file" else None
    return out


def linked(layers: Sequence[LayerContents], entry: Entry) -> Entry | None:
    """What a hard link leads to: a path of its own layer, or else of the nearest one below that has it."""
    target = normalised(entry.link)
    for contents in layers[entry.layer :: -1]:
        found = next((one for one in contents.entries if one.path == target), None)
        if found is not None:
            return found
    return None


_MOST_LINKS = 10_000  # that are followed into other layers; no engine of today makes one


class _LinksDown:
    """Hard links to files of layers below, which unpackers follow and engines with overlays refuse."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()

    def add(self, own: dict[str, Entry], lost: dict[str, Cover]) -> None:
        """Look for the targets of a layer's links that can be seen, where it does not have them itself."""
        for entry in own.values():
            if entry.kind == "hardlink" and entry.path not in lost and len(self._wanted) < _MOST_LINKS:
                target = normalised(entry.link)
                if target not in own:
                    self._wanted.add(target)

    def files(self, contents: LayerContents, own: dict[str, Entry]) -> set[int]:
        """The identities of the files of the next layer below that are led to."""
        found = set()
        for path in self._wanted & own.keys():
            self._wanted.discard(path)
            entry = own[path]
            if entry.kind == "hardlink":
                self._wanted.add(normalised(entry.link))
                entry = own.get(normalised(entry.link), entry)
            if entry.kind == "file":
                found.add(id(entry))
        self._wanted.difference_update(contents.whiteouts)
        return found


class _Directories:
    """Every directory that a layer has or implies, as a number; 0 is the root.

    Numbers, since the paths of all ancestors of a deep path would take memory by the square.
    """

    def __init__(self) -> None:
        self.above = [0]  # number → number of the directory that holds it
        self._children: dict[tuple[int, str], int] = {}
        self._known = {"": 0}

    def parents_of(self, own: dict[str, Entry]) -> list[int]:
        """The directory that holds each entry, in their order."""
        known = self._known
        out = []
        for path, entry in own.items():
            directory = path.rpartition("/")[0]
            out.append(known[directory] if directory in known else self.number(directory))
            if entry.kind == "directory" and path not in known:
                self.number(path)
        return out

    def number(self, path: str) -> int:
        """The number of a directory, which comes to be with all its ancestors."""
        known = self._known.get(path)
        if known is not None:
            return known
        number = 0
        for name in path.split("/"):
            child = self._children.get((number, name))
            if child is None:
                child = self._children[number, name] = len(self.above)
                self.above.append(number)
            number = child
        self._known[path] = number
        return number

    def child(self, parent: int, path: str) -> int | None:
        """The number of a path below `parent`, if any layer has it as a directory."""
        return self._children.get((parent, path.rpartition("/")[2]))

    def find(self, path: str) -> int | None:
        """The number of a path, if any layer has it as a directory."""
        number: int | None = 0
        for name in path.split("/") if path else ():
            if number is None:
                return None
            number = self._children.get((number, name))
        return number


def _are_files(*entries: Entry) -> bool:
    """Whether all are files, be it by a hard link."""
    return all(entry.kind in ("file", "hardlink") for entry in entries)


class _Above:
    """What the layers above have put into place. The nearest one is added last, and stays."""

    def __init__(self, directories: _Directories) -> None:
        self._directories = directories
        self._seen: dict[str, Entry] = {}  # paths that are no directories
        self._removed: dict[str, int] = {}  # path of a whiteout → layer
        self._present: dict[int, int] = {}  # directory → layer that has or implies it
        self._cut: dict[int, Cover] = {}  # below these nothing of lower layers is seen

    def put(
        self,
        contents: LayerContents,
        own: dict[str, Entry],
        parents: list[int],
        index: int,
        tree: dict[str, Entry],
    ) -> dict[str, Cover]:
        """Put the next layer below: what is visible of it goes into the tree.

        Returns what is not, with what covers it. What the layer itself hides is noted last, for
        it holds for the layers below.
        """
        lost: dict[str, Cover] = {}
        memo: dict[int, Cover | None] = {}
        files: dict[str, Entry] = {}
        cuts: list[tuple[int, Cover]] = []
        held = set(parents)
        seen, removed, present, child_of = self._seen, self._removed, self._present, self._directories.child
        for (path, entry), parent in zip(own.items(), parents, strict=True):
            best = memo[parent] if parent in memo else self._covering(parent, memo)
            same = seen.get(path)
            if same is not None and (best is None or same.layer <= best.layer):
                change = entry.kind == "directory" or not (same.kind == entry.kind or _are_files(same, entry))
                best = Cover(same.layer, TYPE_CHANGE if change else NEW_CONTENT, same)
            if path in removed and (best is None or removed[path] < best.layer):
                best = Cover(removed[path], DELETED, None)
            child = child_of(parent, path)
            if entry.kind == "directory":
                held.add(child or 0)
            else:
                files[path] = entry
                if child is not None:
                    by = present.get(child)
                    if by is not None and (best is None or by < best.layer):
                        best = Cover(by, TYPE_CHANGE, None)
                    cuts.append((child, Cover(index, TYPE_CHANGE, entry)))
            if best is not None:
                lost[path] = best
            else:
                tree.setdefault(path, entry)  # of a directory in several layers the upper one counts
        if cuts:
            for path in self._replaced(contents, own, parents, cuts):
                lost.setdefault(path, Cover(index, DUPLICATE_ENTRY, None))
                files.pop(path, None)
                if tree.get(path) is own[path]:
                    del tree[path]
        seen.update(files)
        self._hide(contents, index)
        self._cut.update(cuts)
        for number in held:
            while present.get(number) != index:
                present[number] = index
                number = self._directories.above[number]
        return lost

    def _replaced(
        self,
        contents: LayerContents,
        own: dict[str, Entry],
        parents: list[int],
        cuts: list[tuple[int, Cover]],
    ) -> Iterator[str]:
        """What a layer has put into a directory that it replaces later on by something else."""
        order = {entry.path: place for place, entry in enumerate(contents.entries)}
        replaced = {number: order[cover.entry.path] for number, cover in cuts if cover.entry is not None}
        last = {0: -1}  # directory → when it or one that holds it was replaced for the last time
        for number in set(parents):
            chain = []
            while number not in last:
                chain.append(number)
                number = self._directories.above[number]
            best = last[number]
            for one in reversed(chain):
                best = last[one] = max(best, replaced.get(one, -1))
        for path, parent in zip(own, parents, strict=True):
            if last[parent] > order[path]:
                yield path

    def _covering(self, directory: int, memo: dict[int, Cover | None]) -> Cover | None:
        """The nearest layer that hides everything in a directory, or in one that holds it."""
        chain = []
        at = directory
        while at not in memo:
            chain.append(at)
            if not at:
                memo[0] = self._cut.get(0)
                break
            at = self._directories.above[at]
        best = memo[at]
        for one in reversed(chain):
            cut = self._cut.get(one)
            if cut is not None and (best is None or cut.layer < best.layer):
                best = cut
            memo[one] = best
        return best

    def _hide(self, contents: LayerContents, index: int) -> None:
        """Note what a layer's whiteouts and opaque directories hide."""
        for path in contents.opaques:
            number = self._directories.find(path)
            if number is not None:
                self._cut[number] = Cover(index, OPAQUE, None)
        for path in contents.whiteouts:
            self._removed[path] = index
            number = self._directories.find(path)
            if number is not None:
                self._cut[number] = Cover(index, DELETED, None)
