"""Who is built on whom. Layers form trees, each on the one below it; an image stands where its layers end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .names import below, images_of, layers_of, sources, targets

if TYPE_CHECKING:
    import networkx as nx


def bases(graph: nx.DiGraph[str], image: str) -> tuple[str, ...]:
    """The images that an image is built on, from the nearest to the lowest.

    Follows the edges "based on", of which an image has one at most: linear in their number. Of several images with just
    the same layers the first one given stands for all.

    Raises:
        InputError: no such image, as everywhere here.
    """
    (at, *_) = images_of(graph, [image])
    out: list[str] = []
    while True:
        below = targets(graph, at, "image")
        if not below:
            return tuple(out)
        at = below[0]
        out.append(at)


def rebuilt(graph: nx.DiGraph[str], base: str) -> tuple[str, ...]:
    """The images that hold all layers of an image and more: who must be built anew when it changes.

    A search from its top layer along "on", against its direction, to the images that stand there: linear in the layers
    above the base.
    """
    out: dict[str, None] = {}
    for image in images_of(graph, [base]):
        top = below(graph, image)
        for layer in _above(graph, top) if top is not None else ():
            if layer != top:
                out.update(dict.fromkeys(sources(graph, layer, "image")))
    return tuple(out)


def built_on(graph: nx.DiGraph[str], base: str) -> tuple[str, ...]:
    """The images whose nearest base an image is: the edges "based on" that lead to it."""
    return tuple(
        dict.fromkeys(
            source for image in images_of(graph, [base]) for source in sources(graph, image, "image")
        )
    )


def base_depth(graph: nx.DiGraph[str], image: str, among: Iterable[str]) -> int:
    """How many of an image's lowest layers are all that one of some images has, at most; 0 where none is its base.

    The image's path is walked once, and each of the others looked for on it: linear.
    """
    (name, *_) = images_of(graph, [image])
    place = {layer: depth for depth, layer in enumerate(layer_path(graph, name), 1)}
    tops = (below(graph, base) for base in images_of(graph, among))
    return max((place.get(top, 0) for top in tops if top is not None), default=0)


def layer_path(graph: nx.DiGraph[str], image: str) -> tuple[str, ...]:
    """An image's layers from the bottom up: the path along "on", turned round."""
    (name, *_) = images_of(graph, [image])
    return tuple(layers_of(graph, name))


def common_layers(graph: nx.DiGraph[str], images: Iterable[str]) -> tuple[str, ...]:
    """The layers that all of some images hold, from the bottom up: their common past.

    Each image's path down is walked once and its layers are counted; as layers form trees, those that all hold are one
    path from the bottom. Linear in the layers of these images.
    """
    chosen = images_of(graph, images)
    counts: dict[str, int] = {}
    path: list[str] = []
    for image in chosen:
        path = layers_of(graph, image)
        for layer in path:
            counts[layer] = counts.get(layer, 0) + 1
    return tuple(layer for layer in path if counts[layer] == len(chosen))


def _above(graph: nx.DiGraph[str], layer: str) -> Iterator[str]:
    """A layer and all that lie on it, directly or not."""
    waiting = [layer]
    while waiting:
        at = waiting.pop()
        yield at
        waiting += sources(graph, at, "layer")
