"""Which nodes are meant: images by a tag or an ID."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import networkx as nx

_LEAST_DIGITS = 6  # of an ID that is cut


def of_kind(graph: nx.DiGraph[str], kind: str) -> list[str]:
    """The nodes of a kind, as they came in."""
    return [node for node, found in graph.nodes(data=True) if found["kind"] == kind]


def targets(graph: nx.DiGraph[str], node: str, kind: str) -> list[str]:
    """What of a kind a node points to."""
    nodes = graph.nodes
    return [other for other in graph.successors(node) if nodes[other]["kind"] == kind]


def sources(graph: nx.DiGraph[str], node: str, kind: str) -> list[str]:
    """What of a kind points to a node."""
    nodes = graph.nodes
    return [other for other in graph.predecessors(node) if nodes[other]["kind"] == kind]


def top_of(graph: nx.DiGraph[str], image: str) -> str | None:
    """The top layer of an image; None where it has no layer."""
    return next(iter(targets(graph, image, "layer")), None)


def below(graph: nx.DiGraph[str], layer: str) -> str | None:
    """The layer below a layer; None below the lowest."""
    return next(iter(targets(graph, layer, "layer")), None)


def layers_of(graph: nx.DiGraph[str], image: str) -> list[str]:
    """An image's layers from the bottom up: the path down from its top layer, turned round."""
    out = []
    layer = top_of(graph, image)
    while layer is not None:
        out.append(layer)
        layer = below(graph, layer)
    return out[::-1]


def tag_of(graph: nx.DiGraph[str], name: str) -> str:
    """The node of a tag.

    Raises:
        InputError: no image has this tag; it says which ones are near.
    """
    node = name
    while node in graph:
        if graph.nodes[node]["kind"] == "tag":
            return node
        node = f"tag {node}"
    raise _unknown(graph, name, "is no tag of these images")


def images_of(graph: nx.DiGraph[str], names: Iterable[str]) -> tuple[str, ...]:
    """The images that tags or IDs name, each once; "sha256:" and the end of an ID may be left out.

    Raises:
        InputError: a name that no image has, or the beginning of several IDs.
    """
    found: dict[str, None] = {}
    for name in names:
        found.update(dict.fromkeys(_images(graph, name)))
    return tuple(found)


def _images(graph: nx.DiGraph[str], name: str) -> list[str]:
    image = name
    while image in graph:
        if graph.nodes[image]["kind"] == "image":
            return [image]
        image = f"image {image}"
    try:
        return targets(graph, tag_of(graph, name), "image")
    except InputError:
        digits = name.removeprefix("sha256:")
        if len(digits) < _LEAST_DIGITS:
            raise
        alike = [image for image in of_kind(graph, "image") if image.startswith(f"sha256:{digits}")]
        if len(alike) > 1:
            raise InputError(
                name, f"begins the IDs of {len(alike)} images", "Use more digits, or a tag"
            ) from None
        if not alike:
            raise _unknown(graph, name, "is no tag and no ID of these images") from None
        return alike


def _unknown(graph: nx.DiGraph[str], name: str, problem: str) -> InputError:
    from difflib import get_close_matches

    tags = of_kind(graph, "tag")
    near = get_close_matches(name, tags, 3) or tags[:3]
    return InputError(
        name or '""', problem, f"Use {' or '.join(near)}" if near else "Use an image's ID: none has a tag"
    )
