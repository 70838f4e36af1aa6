"""An image's bytes as a map: nested rectangles, each as large as its bytes are many.

Every regular file of every layer is in it, also what a container does not see, so that the whole is the image's
content. What is small folds into its directory: there are never more than some thousand rectangles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...analyzer.credentials import mask_shapes
from ..tables import clipped

if TYPE_CHECKING:
    from ...analyzer.image import Image

WIDTH, HEIGHT = 1000, 440  # pixels for which labels and levels are chosen; the page scales to any width
_SMALLEST = 0.001  # of the content; what is smaller folds into its directory
_DEEPEST = 40  # directories; what lies deeper is told as if it were in the last of them
_MOST_TEXT = 60_000  # characters of names in a map; with more, more folds
_LONGEST_NAME = 500
_OPENED = 30_000  # square pixels from which on a directory is drawn as what it holds
_HUES = 8
_LABEL = 16  # pixels of height
_CHARACTER = 7.2  # pixels of width


class Box(NamedTuple):
    """A rectangle in percent of the map's width and height, to a thousandth: its left, top, right and bottom edge."""

    left: float = 0.0
    top: float = 0.0
    right: float = 100.0
    bottom: float = 100.0


class Node(NamedTuple):
    """A directory, a file, or several small ones together."""

    name: str  # of its directory's; of directories with nothing beside them several: "usr/share"
    path: str  # credentials masked
    bytes: int
    hidden: int  # the part of the bytes that no container sees
    files: int
    box: Box
    children: tuple[Node, ...] = ()
    hue: int = 0  # that of the directory or layer which it is drawn as a part of; one of _HUES

    @property
    def title(self) -> str:
        """Its name, of a directory with a slash."""
        return f"{self.name}/" if self.children and self.path else self.name


class Cell(NamedTuple):
    """A rectangle that is drawn, and what of its name has room in it."""

    node: Node
    label: str
    size_fits: bool  # whether the size has room below the name


class _Files:
    """What lies at a path, before anything is folded."""

    __slots__ = ("below", "bytes", "files", "hidden")

    def __init__(self) -> None:
        self.bytes = self.hidden = self.files = 0
        self.below: dict[str, _Files] | None = None  # most are files, and need none

    def add(self, parts: Sequence[str], size: int, hidden: int) -> None:
        node = self
        for part in (None, *parts):
            if part is not None:
                if node.below is None:
                    node.below = {}
                if part not in node.below:
                    node.below[part] = _Files()
                node = node.below[part]
            node.bytes += size
            node.hidden += hidden
            node.files += 1


def by_directory(image: Image) -> Node:
    """The content by path, all layers together."""
    top = _Files()
    for _, parts, size, hidden in _contents(image):
        top.add(parts, size, hidden)
    laid = _laid_out(top)
    return _colored(laid, _parts(laid))


def by_layer(image: Image, steps: Sequence[str]) -> Node:
    """The content by layer, and in each by path; `steps` tells what made each."""
    top = _Files()
    for layer, parts, size, hidden in _contents(image):
        top.add((f"layer {layer}", *parts), size, hidden)
    named = {f"layer {layer}": f"layer {layer}: {step}" for layer, step in enumerate(steps)}
    laid = _laid_out(top, lambda part: clipped(named[part], 120))
    return _colored(laid, laid.children)


def _contents(image: Image) -> Iterator[tuple[int, tuple[str, ...], int, int]]:
    """Each file: its layer, the parts of its path, its bytes, and how many of them are hidden."""
    unseen = {id(one.entry) for members in image.hidden_files.values() for one in members}
    for layer in image.layers:
        for entry in layer.files:
            if entry.is_file and entry.size:
                yield (
                    layer.index,
                    tuple(entry.path.split("/", _DEEPEST)),
                    entry.size,
                    entry.size if id(entry) in unseen else 0,
                )


def _laid_out(top: _Files, title: Callable[[str], str] | None = None) -> Node:
    """The tree with its rectangles, folded so far that its names are not too long together."""
    least = max(int(top.bytes * _SMALLEST), 1)
    while _text(top, least) > _MOST_TEXT and least < top.bytes:
        least *= 2
    return _node("", "", top, least, Box(), title)


def _text(files: _Files, least: int) -> int:
    """Characters of the names that are not folded."""
    return sum(
        len(name) + 40 + _text(one, least) for name, one in (files.below or {}).items() if one.bytes >= least
    )


def _node(
    name: str, path: str, files: _Files, least: int, box: Box, title: Callable[[str], str] | None = None
) -> Node:
    kept = [(part, one) for part, one in (files.below or {}).items() if one.bytes >= least]
    kept.sort(key=lambda item: (-item[1].bytes, item[0]))
    if len(kept) == 1 and kept[0][1].bytes == files.bytes and name and kept[0][1].below:
        part, only = kept[0]
        return _node(f"{name}/{part}", _below(path, part), only, least, box)
    # A path can be a directory in one layer and a file in another; that file is among the rest.
    rest = (
        files.bytes - sum(one.bytes for _, one in kept),
        files.hidden - sum(one.hidden for _, one in kept),
        files.files - sum(one.files for _, one in kept),
    )
    sizes = [one.bytes for _, one in kept]
    folded = bool(kept) and rest[0] > 0
    boxes = squarified([*sizes, rest[0]] if folded else sizes, box)
    children = []
    for (part, one), place in zip(kept, boxes, strict=False):
        if title is None:
            children.append(_node(part, _below(path, part), one, least, place))
        else:
            # Without a name it is not joined with a directory that is all it holds.
            children.append(_node("", "", one, least, place)._replace(name=title(part)))
    if folded:
        told = f"{rest[2]} other file{'s' if rest[2] > 1 else ''}"
        children.append(Node(told, _below(path, "…"), *rest, boxes[-1]))
    whole = clipped(path, 4 * _LONGEST_NAME)
    return Node(_shown(name, path), whole, files.bytes, files.hidden, files.files, box, tuple(children))


def _parts(top: Node) -> list[Node]:
    """The directories that get a colour each: where one holds most of all, those in it."""
    found = list(top.children)
    while found:
        at, largest = max(enumerate(found), key=lambda item: item[1].bytes)
        if largest.bytes * 2 < top.bytes or not largest.children:
            break
        found[at : at + 1] = largest.children
    return found


def _colored(top: Node, parts: Sequence[Node]) -> Node:
    """The same tree, in which each part and all below it has a hue of its own."""
    hues = {one.box: at % _HUES for at, one in enumerate(sorted(parts, key=lambda one: -one.bytes))}

    def colored(node: Node, hue: int) -> Node:
        own = hues.get(node.box, hue)
        return node._replace(hue=own, children=tuple(colored(child, own) for child in node.children))

    return colored(top, 0)


def _below(path: str, part: str) -> str:
    return f"{path}/{part}" if path else part


def _shown(name: str, path: str) -> str:
    """A name without credentials, which only the whole path may give away."""
    parts = name.count("/") + 1
    whole = mask_shapes(path)
    if whole != path and path.endswith(name):
        name = "/".join(whole.split("/")[-parts:]) if whole.count("/") == path.count("/") else "****"
    return clipped(name, _LONGEST_NAME)


def squarified(sizes: Sequence[int], box: Box) -> list[Box]:
    """A box cut into boxes as large as `sizes`, each as square as can be, in the order of `sizes`.

    Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000). Edges are rounded, not lengths, so that neighbours share them.
    """
    order = sorted(range(len(sizes)), key=lambda at: -sizes[at])
    rows = dict(zip(order, _rows([sizes[at] for at in order], box), strict=True))
    return [rows[at] for at in range(len(sizes))]


def _rows(sizes: Sequence[int], box: Box) -> list[Box]:
    """The boxes of sizes that become smaller, in rows along the shorter side of what is left."""
    left, top = box.left * WIDTH / 100, box.top * HEIGHT / 100
    wide, high = (box.right - box.left) * WIDTH / 100, (box.bottom - box.top) * HEIGHT / 100
    total = sum(sizes)
    scale = wide * high / total if total else 0.0  # square pixels a byte
    out: list[Box] = []
    at = 0
    while at < len(sizes):
        # A row takes what makes it squarer.
        side = min(wide, high)
        end, area = at + 1, sizes[at] * scale
        while end < len(sizes):
            more = area + sizes[end] * scale
            worst = _worst(sizes[at] * scale, sizes[end - 1] * scale, area, side)
            if _worst(sizes[at] * scale, sizes[end] * scale, more, side) > worst:
                break
            end, area = end + 1, more
        last = end == len(sizes)
        depth = (wide if wide >= high else high) if last else area / side if side else 0.0
        start = 0.0
        for size in sizes[at:end]:
            length = size * scale / area * side if area else 0.0
            if wide >= high:
                out.append(_rounded(left, top + start, depth, length))
            else:
                out.append(_rounded(left + start, top, length, depth))
            start += length
        if wide >= high:
            left, wide = left + depth, max(wide - depth, 0.0)
        else:
            top, high = top + depth, max(high - depth, 0.0)
        at = end
    return out


def _worst(largest: float, smallest: float, area: float, side: float) -> float:
    """The worst ratio of sides in a row."""
    if not (area and side and smallest):
        return float("inf")
    return max(side * side * largest / (area * area), area * area / (side * side * smallest))


def _rounded(left: float, top: float, wide: float, high: float) -> Box:
    right, bottom = (left + wide) * 100 / WIDTH, (top + high) * 100 / HEIGHT
    return Box(*(round(edge, 3) for edge in (left * 100 / WIDTH, top * 100 / HEIGHT, right, bottom)))


def cells(top: Node) -> list[Cell]:
    """What is drawn at first: directories that have the room as what they hold, all else as one rectangle."""
    out: list[Cell] = []
    waiting = list(top.children[::-1])
    while waiting:
        node = waiting.pop()
        wide = (node.box.right - node.box.left) * WIDTH / 100
        high = (node.box.bottom - node.box.top) * HEIGHT / 100
        if node.children and wide * high >= _OPENED:
            waiting += node.children[::-1]
            continue
        room = int((wide - 8) / _CHARACTER)
        label = clipped(node.title, room) if room >= 3 and high >= _LABEL else ""
        out.append(Cell(node, label, bool(label) and room >= 8 and high >= 2 * _LABEL))
    return out
