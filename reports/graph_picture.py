"""A layer graph as a picture: SVG, or a page with it. Drawn here, so that no other program is needed.

Layers stand on each other, bases at the bottom, each once however many images hold it. A block is as wide as its layer's
bytes and all that stands on it, so that what of its upper edge is free are its own bytes; where an image ends, a numbered
flag stands on its top layer, and takes a little width of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from ..analyzer.credentials import mask
from .tables import clipped, size
from .xml import as_text, legal

if TYPE_CHECKING:
    import networkx as nx

_WIDTH = 1100.0  # of all bytes together, in pixels
_MARGIN = 20.0
_FLAG = 22.0
_ROW = 24.0
_LEAST_ROW = 3.0
_MOST_HEIGHT = 1600.0  # of the blocks: with more rows they are flatter
_CHARACTER = 6.7
_GAP = 4.0  # between trees
_THIN = 0.2  # pixels; what is thinner is not drawn, and counted
_COLORS = {"shared": "#4c78a8", "own": "#72b7b2", "again": "#ffffff", "waste": "#d62728", "flag": "#f2cf5b"}
_LEGEND = (
    ("shared", "held by several images"),
    ("own", "held by one image"),
    ("again", "the same blob as elsewhere: a registry holds it once"),
    ("waste", "wasted: hidden by a layer above"),
    ("flag", "an image ends here"),
)


class _Block(NamedTuple):
    layer: str
    left: float
    width: float
    own: float  # the part of the width that is its own bytes, on the right
    row: int


def svg(graph: nx.DiGraph[str]) -> str:
    """The picture as an SVG document, with credentials masked."""
    return as_text(_picture(graph))


def page(graph: nx.DiGraph[str]) -> str:
    """The same in a page of HTML."""
    inner = ElementTree.tostring(_picture(graph), encoding="unicode")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Images and their layers</title></head>\n'
        f"<body>{inner}</body></html>\n"
    )


def _picture(graph: nx.DiGraph[str]) -> ElementTree.Element:
    from ..analyzer.graph import disk_bytes
    from ..analyzer.graph.names import of_kind

    images = of_kind(graph, "image")
    numbers = {image: number for number, image in enumerate(images, 1)}
    blocks, flags = _placed(graph)
    total = disk_bytes(graph)
    rows = max((block.row for block in blocks), default=0) + 2
    row = min(_ROW, max(_LEAST_ROW, _MOST_HEIGHT / rows))
    wide = max(
        [_WIDTH, *(block.left + block.width for block in blocks), *(left + _FLAG for _, left, _ in flags)]
    )
    top = _MARGIN + 50
    floor = top + row * rows + _FLAG
    height = floor + 40 + 20 * (len(_LEGEND) + len(images)) + _MARGIN
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {wide + 2 * _MARGIN:.0f} {height:.0f}",
            "width": f"{wide + 2 * _MARGIN:.0f}",
            "height": f"{height:.0f}",
            "font-family": "sans-serif",
            "font-size": "12",
        },
    )
    ElementTree.SubElement(root, "title").text = "Images and their layers"
    _box(root, 0, 0, wide + 2 * _MARGIN, height, "#ffffff")
    _text(root, _MARGIN, _MARGIN + 14, f"{_images(len(images))}, {size(total)} together", bold=True)
    drawn = [block for block in blocks if block.width >= _THIN]
    note = "a block is as wide as its layer and all that stands on it; the free part of its upper edge is its own bytes, and"
    note += " a little more below a flag"
    if len(drawn) < len(blocks):
        note += f"; {len(blocks) - len(drawn)} layers are too thin to be drawn"
    _text(root, _MARGIN, _MARGIN + 34, note)
    _blocks(root, graph, drawn, numbers, floor, row)
    for found, left, at in flags:
        bottom = floor - row * at
        shown = [numbers[image] for image in found]
        group = ElementTree.SubElement(root, "g")
        ElementTree.SubElement(group, "title").text = "; ".join(_name(graph, image, 200) for image in found)
        _box(group, _MARGIN + left, bottom - _FLAG + 4, _FLAG - 2, _FLAG - 4, _COLORS["flag"], "#555555")
        label = str(shown[0]) + ("+" if len(shown) > 1 else "")
        _text(group, _MARGIN + left + 2, bottom - 5, label)
    _key(root, graph, images, floor)
    return root


def _placed(graph: nx.DiGraph[str]) -> tuple[list[_Block], list[tuple[list[str], float, int]]]:
    """Every layer's block, and every flag with its images, left edge and row; without recursion, for towers are high."""
    from ..analyzer.graph.names import below, of_kind, sources

    layers = of_kind(graph, "layer")  # each after the one below it
    total = sum(int(graph.nodes[layer]["tar_bytes"]) for layer in layers) or 1
    own = {layer: graph.nodes[layer]["tar_bytes"] / total * _WIDTH for layer in layers}
    width: dict[str, float] = {}
    for layer in reversed(layers):
        above = sum(width[source] for source in sources(graph, layer, "layer"))
        width[layer] = max(own[layer], _FLAG if sources(graph, layer, "image") else 0.0) + above
    blocks: list[_Block] = []
    flags: list[tuple[list[str], float, int]] = []
    waiting: list[tuple[str, float, int]] = []
    left = 0.0
    for layer in sorted((one for one in layers if below(graph, one) is None), key=lambda one: -width[one]):
        waiting.append((layer, left, 0))
        left += width[layer] + _GAP
    while waiting:
        layer, at, row = waiting.pop()
        blocks.append(_Block(layer, at, width[layer], own[layer], row))
        for child in sorted(sources(graph, layer, "layer"), key=lambda one: -width[one]):
            waiting.append((child, at, row + 1))
            at += width[child]
        if ends := sources(graph, layer, "image"):
            flags.append((ends, at, row + 1))
    return blocks, flags


def _blocks(
    root: ElementTree.Element,
    graph: nx.DiGraph[str],
    blocks: list[_Block],
    numbers: dict[str, int],
    floor: float,
    row: float,
) -> None:
    from ..analyzer.graph import held_by
    from ..analyzer.graph.names import targets

    holders = held_by(graph)
    worst = _worst_waste(graph, numbers)
    seen: set[str] = set()
    for block in blocks:
        node = graph.nodes[block.layer]
        (blob,) = targets(graph, block.layer, "blob")
        kind = "again" if blob in seen else "shared" if holders[block.layer] > 1 else "own"
        seen.add(blob)
        x, y = _MARGIN + block.left, floor - row * (block.row + 1)
        group = ElementTree.SubElement(root, "g")
        told = f"{_step(graph, block.layer)}\n{size(node['tar_bytes'])}, {size(node['content_bytes'])} of it files"
        told += f"; held by {_images(holders[block.layer])}"
        wasted, image = worst.get(block.layer, (0, ""))
        if wasted:
            told += f"; {size(wasted)} hidden in image {numbers[image]}"
        if kind == "again":
            told += "; a registry holds this blob once, with the other layers that are it"
        ElementTree.SubElement(group, "title").text = legal(told)
        edge = (
            "#ffffff"
            if block.width > 3 and row > 4 and kind != "again"
            else "#999999"
            if kind == "again"
            else ""
        )
        _box(group, x, y, block.width, row, _COLORS[kind], edge)
        if wasted:
            part = max(block.own * min(wasted / max(node["content_bytes"], 1), 1.0), 1.0)
            _box(group, x + block.width - part, y, part, row / 5, _COLORS["waste"])
        room = int((block.width - 8) / _CHARACTER)
        if room >= 4 and row >= 14:
            label = clipped(f"{size(node['tar_bytes'])} {_step(graph, block.layer)}", room)
            _text(group, x + 4, y + row * 0.62, label, color="#ffffff" if kind == "shared" else "#222222")


def _worst_waste(graph: nx.DiGraph[str], images: dict[str, int]) -> dict[str, tuple[int, str]]:
    """Layer → the most of its bytes that one image hides, and which one."""
    from ..analyzer.graph import held_layers

    worst: dict[str, tuple[int, str]] = {}
    for image in images:
        for layer in held_layers(graph, image):
            if layer.wasted_bytes > worst.get(layer.layer, (0, ""))[0]:
                worst[layer.layer] = (layer.wasted_bytes, image)
    return worst


def _key(root: ElementTree.Element, graph: nx.DiGraph[str], images: list[str], floor: float) -> None:
    """What the colours mean, and which image each number is."""
    from ..analyzer.graph import shares

    y = floor + 30
    for kind, meaning in _LEGEND:
        _box(root, _MARGIN, y - 11, 14, 14, _COLORS[kind], "#999999")
        _text(root, _MARGIN + 22, y, meaning)
        y += 20
    own = {share.image: share for share in shares(graph)}
    for number, image in enumerate(images, 1):
        node, share = graph.nodes[image], own[image]
        wasted = f", {size(node['wasted_bytes'])} wasted" if node["wasted_bytes"] else ""
        sizes = f"{size(share.total_bytes)}, {size(share.unique_bytes)} its own{wasted}"
        _text(root, _MARGIN, y, f"{number}  {_name(graph, image, 90)}: {sizes}")
        y += 20


def _step(graph: nx.DiGraph[str], layer: str) -> str:
    from ..analyzer.graph.names import sources

    texts = [str(graph.nodes[step]["text"]) for step in sources(graph, layer, "step")]
    return clipped(mask(texts[0]), 200) if texts else "unknown: the history does not say"


def _name(graph: nx.DiGraph[str], image: str, width: int) -> str:
    from ..analyzer.graph.names import sources

    tags = " ".join(sources(graph, image, "tag"))
    platform = graph.nodes[image]["platform"]
    return clipped(f"{tags or image[:19]} {platform}", width)


def _images(count: int) -> str:
    return f"{count} image" + "s" * (count != 1)


def _box(
    parent: ElementTree.Element, x: float, y: float, width: float, height: float, fill: str, edge: str = ""
) -> None:
    given = {
        "x": f"{x:.2f}",
        "y": f"{y:.2f}",
        "width": f"{width:.2f}",
        "height": f"{height:.2f}",
        "fill": fill,
    }
    ElementTree.SubElement(parent, "rect", given | ({"stroke": edge} if edge else {}))


def _text(
    parent: ElementTree.Element, x: float, y: float, text: str, *, bold: bool = False, color: str = "#222222"
) -> None:
    given = {"x": f"{x:.2f}", "y": f"{y:.2f}", "fill": color}
    if bold:
        given["font-weight"] = "bold"
    ElementTree.SubElement(parent, "text", given).text = legal(text)
