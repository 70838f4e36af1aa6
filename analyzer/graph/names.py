"""Which nodes are meant: images by a tag or an ID."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    import networkx as nx

    from ..image.image import Image

_LEAST_DIGITS = 6  # of an ID that is cut


# networkx' views check every key that they are asked for, which takes most of the time of a walk over a million layers;
# so the functions here, on which all walks stand, read the dictionaries below them.


def nodes_of(graph: nx.DiGraph[str]) -> dict[str, dict[str, Any]]:
    """Node → its attributes."""
    return graph._node  # type: ignore[attr-defined,no-any-return]


def needs_of(graph: nx.DiGraph[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Node → what it points to → the attributes of the edge."""
    return graph._succ  # type: ignore[attr-defined,no-any-return]


def needed_by(graph: nx.DiGraph[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Node → what points to it → the attributes of the edge."""
    return graph._pred  # type: ignore[attr-defined,no-any-return]


def of_kind(graph: nx.DiGraph[str], kind: str) -> list[str]:
    """The nodes of a kind, as they came in: of layers, each after the one below it."""
    return [node for node, found in nodes_of(graph).items() if found["kind"] == kind]


def targets(graph: nx.DiGraph[str], node: str, kind: str) -> list[str]:
    """What of a kind a node points to."""
    nodes = nodes_of(graph)
    return [other for other in needs_of(graph)[node] if nodes[other]["kind"] == kind]


def sources(graph: nx.DiGraph[str], node: str, kind: str) -> list[str]:
    """What of a kind points to a node."""
    nodes = nodes_of(graph)
    return [other for other in needed_by(graph)[node] if nodes[other]["kind"] == kind]


def below(graph: nx.DiGraph[str], node: str) -> str | None:
    """The layer that a layer stands on, or the top layer of an image; None where there is none."""
    nodes = nodes_of(graph)
    for other in needs_of(graph)[node]:
        if nodes[other]["kind"] == "layer":
            return other
    return None


def layers_of(graph: nx.DiGraph[str], image: str) -> list[str]:
    """An image's layers from the bottom up: the path down from its top layer, turned round."""
    out = []
    layer = below(graph, image)
    while layer is not None:
        out.append(layer)
        layer = below(graph, layer)
    return out[::-1]


def node_of(graph: nx.DiGraph[str], image: Image) -> str:
    """The node of an image that the graph was made of, also where another one claims its ID.

    Raises:
        InputError: the graph was made without it.
    """
    for name in (image.id, f"{image.id} as {image.source} has it"):
        found = nodes_of(graph).get(name, {})
        sizes = ("tar_bytes", "content_bytes", "live_bytes")
        if found.get("kind") == "image" and all(found[size] == getattr(image, size) for size in sizes):
            return name
    raise InputError(image.source, "is no image of this graph", "Use the images that it was made of")


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
