"""What each node alone keeps in place: the bytes that go when it goes, for all nodes at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from .names import needed_by, nodes_of, of_kind, sources, targets

if TYPE_CHECKING:
    import networkx as nx

_ROOT = ""


def exclusive_bytes(graph: nx.DiGraph[str], *, registry: bool = False) -> dict[str, int]:
    """Of each tag, image and layer: how many bytes only it leads to, so that they go when it is taken away.

    A blob in two layers of one image hangs on neither of them, but on the image: the graph is no tree. Whatever leads to
    a node on every way from the outside is a dominator of it, and the nearest one of each is found in one pass, since in
    topological order a node's dominator is where those of all that point to it meet (Cooper, Harvey and Kennedy, "A Simple,
    Fast Dominance Algorithm"). Bytes are then summed up the tree of dominators. Linear in the edges; where ways meet,
    times the layers between.

    Args:
        graph: as `layer_graph` makes it.
        registry: count blobs (as stored; those of unknown size by their tars) instead of the tars of layers.
    """
    nodes = nodes_of(graph)
    dominator = {_ROOT: _ROOT}
    depth = {_ROOT: 0}

    def meet(one: str, other: str) -> str:
        while one != other:
            if depth[one] < depth[other]:
                one, other = other, one
            one = dominator[one]
        return one

    def put(node: str, above: Iterable[str], apart: Collection[str] = ()) -> None:
        nearest: str | None = None
        for one in above:
            if one in depth and one not in apart:
                nearest = one if nearest is None else meet(nearest, one)
        if nearest is not None:
            dominator[node] = nearest
            depth[node] = depth[nearest] + 1

    images = of_kind(graph, "image")
    # An image that stores its layers in a form of its own leads to its blobs directly.
    apart = {image for image in images if targets(graph, image, "blob")} if registry else set()
    for tag in of_kind(graph, "tag"):
        put(tag, [_ROOT])
    for image in images:
        put(image, sources(graph, image, "tag") or [_ROOT])
    above = needed_by(graph)
    for layer in reversed(of_kind(graph, "layer")):  # each before the one below it
        put(layer, above[layer], apart)
    sizes: dict[str, int] = {}
    for node in of_kind(graph, "blob" if registry else "layer"):
        if registry:
            put(node, above[node])
        sizes[node] = int(nodes[node].get("compressed_bytes", nodes[node]["tar_bytes"]))
    out = {node: sizes.get(node, 0) for node in dominator}
    for node in reversed(dominator):
        if node != _ROOT:
            out[dominator[node]] += out[node]
    del out[_ROOT]
    return out
