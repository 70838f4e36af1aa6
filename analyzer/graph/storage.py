"""What images take together, what of it is whose, and what deleting some of them frees.

An engine keeps a layer once for each chain ID, unpacked; a registry, and the containerd store for what it has pulled,
keep a blob once for each digest, as it was packed. So there are two ways down the graph from an image, by "on" and by
"holds". Every question here is a walk along them that enters a node once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .names import (
    below,
    images_of,
    layers_of,
    needed_by,
    needs_of,
    nodes_of,
    of_kind,
    sources,
    tag_of,
    targets,
)

if TYPE_CHECKING:
    import networkx as nx


class Share(NamedTuple):
    """One image among others. Bytes are those of the layers' tars, each layer once as an engine keeps it.

    `unique_bytes` is what deleting the image alone would free: its layers that no other image has. `base` is the largest
    other image that it is built on, exactly.
    """

    image: str
    total_bytes: int
    shared_bytes: int
    unique_bytes: int
    base: str | None


class Freed(NamedTuple):
    """What deleting tags frees: images that no other tag names, and layers and blobs that no other image has.

    Bytes of the tars, of the regular files, and of the blobs as a registry holds them; the last is None where one of them
    is stored unpacked.
    """

    images: tuple[str, ...]
    layers: tuple[str, ...]
    blobs: tuple[str, ...]
    tar_bytes: int
    content_bytes: int
    registry_bytes: int | None


def disk_bytes(
    graph: nx.DiGraph[str], images: Iterable[str] | None = None, *, measure: str = "tar_bytes"
) -> int:
    """What images take together in an engine: each layer once, by chain ID.

    A search from their top layers along "on": linear in the layers that are reached. Of all images every layer counts.

    Args:
        graph: as `layer_graph` makes it.
        images: tags or IDs; all by default.
        measure: "tar_bytes", or "content_bytes" for the regular files alone, as `docker system df` counts.

    Raises:
        InputError: no such image.
    """
    nodes = nodes_of(graph)
    layers = of_kind(graph, "layer") if images is None else _layers(graph, images_of(graph, images), set())
    return sum(int(nodes[layer][measure]) for layer in layers)


def registry_bytes(graph: nx.DiGraph[str], images: Iterable[str] | None = None) -> int | None:
    """What images take together in a registry: each blob once. None where one is stored unpacked, so that nobody can tell.

    The search of `disk_bytes`, and one edge "holds" more from each layer: linear.

    Raises:
        InputError: no such image.
    """
    blobs = of_kind(graph, "blob") if images is None else _blobs(graph, images_of(graph, images))
    return _packed(graph, blobs)


def shared_by(graph: nx.DiGraph[str], node: str) -> tuple[str, ...]:
    """The images that hold a layer or a blob: a search against the edges, linear in what lies above it."""
    out: dict[str, None] = {}
    seen = {node}
    waiting = [node]
    nodes = nodes_of(graph)
    while waiting:
        for other in graph.predecessors(waiting.pop()):
            kind = nodes[other]["kind"]
            if kind == "image":
                out[other] = None
            elif kind == "layer" and other not in seen:
                seen.add(other)
                waiting.append(other)
    return tuple(out)


def shares(graph: nx.DiGraph[str]) -> tuple[Share, ...]:
    """What each image has for itself, and in common with the others.

    Layers form trees, so that the number of images that hold one is the number of those that end at it and of those that
    hold one on it: a sum over the layers, each after all that lie on it. What lies on a layer with one image is that image's
    alone; each path is walked down to the first layer with two. Sums of the whole path are carried up from the bottom.
    Linear in the layers.
    """
    nodes = nodes_of(graph)
    counts = held_by(graph)
    depth: dict[str, int] = {}
    for layer in reversed(counts):  # each after the one below it
        under = below(graph, layer)
        depth[layer] = int(nodes[layer]["tar_bytes"]) + (depth[under] if under is not None else 0)
    out = []
    for image in of_kind(graph, "image"):
        top = below(graph, image)
        at, unique = top, 0
        while at is not None and counts[at] == 1:
            unique += int(nodes[at]["tar_bytes"])
            at = below(graph, at)
        total = depth[top] if top is not None else 0
        base = next(iter(targets(graph, image, "image")), None)
        out.append(Share(image, total, total - unique, unique, base))
    return tuple(out)


def held_by(graph: nx.DiGraph[str]) -> dict[str, int]:
    """How many images hold each layer, each layer before the one below it. Linear: see `shares`."""
    nodes, above = nodes_of(graph), needed_by(graph)
    counts: dict[str, int] = {}
    for layer in reversed(of_kind(graph, "layer")):
        count = 0
        for other in above[layer]:
            if other in counts:
                count += counts[other]
            elif nodes[other]["kind"] == "image":
                count += 1
        counts[layer] = count
    return counts


def freed(graph: nx.DiGraph[str], tags: Iterable[str]) -> Freed:
    """What deleting these tags would free. Images that have no tag stay.

    One search from everything that stays marks what is still needed; a second one from the tags never enters what is
    marked, so that it finds what they alone reach. Linear in what both reach.

    Raises:
        InputError: no image has such a tag.
    """
    gone = {tag_of(graph, tag) for tag in tags}
    named = dict.fromkeys(image for tag in sorted(gone) for image in targets(graph, tag, "image"))
    images = [image for image in named if gone.issuperset(sources(graph, image, "tag"))]
    leaving = set(images)
    staying = [image for image in of_kind(graph, "image") if image not in leaving]
    kept_layers = set[str]()
    kept_blobs = _blobs(graph, staying, tuple(_layers(graph, staying, kept_layers)))
    # What is not marked is reached by these images alone, wherever below it stands.
    layers = tuple(_layers(graph, images, kept_layers))
    blobs = tuple(blob for blob in _blobs(graph, images) if blob not in kept_blobs)
    nodes = nodes_of(graph)
    return Freed(
        tuple(images),
        layers,
        blobs,
        sum(int(nodes[layer]["tar_bytes"]) for layer in layers),
        sum(int(nodes[layer]["content_bytes"]) for layer in layers),
        _packed(graph, blobs),
    )


def missing_layers(graph: nx.DiGraph[str], have: Iterable[str], wanted: str) -> tuple[str, ...]:
    """The layers of an image that an engine still has to fetch when it has others already, from the bottom up.

    A registry names layers by their content, so that those of other images count as well, wherever they stand; of a
    layer that an image holds twice the first is fetched. Linear in the layers of these images.

    Raises:
        InputError: no such image.
    """
    nodes = nodes_of(graph)
    there = {nodes[layer]["diff_id"] for layer in _layers(graph, images_of(graph, have), set())}
    out = []
    for image in images_of(graph, [wanted]):
        for layer in layers_of(graph, image):
            if nodes[layer]["diff_id"] not in there:
                there.add(nodes[layer]["diff_id"])
                out.append(layer)
    return tuple(out)


def _layers(graph: nx.DiGraph[str], images: Iterable[str], seen: set[str]) -> Iterator[str]:
    """The layers that images reach, each once and none that was seen; what they reach is seen then."""
    for image in images:
        layer = below(graph, image)
        while layer is not None and layer not in seen:
            seen.add(layer)
            yield layer
            layer = below(graph, layer)


def _blobs(
    graph: nx.DiGraph[str], images: Sequence[str], layers: Iterable[str] | None = None
) -> dict[str, None]:
    """The same of blobs: an image's own where it has any, else those of its layers.

    Args:
        graph: as everywhere.
        images: which.
        layers: those that they reach, where that is known.
    """
    own = {image: found for image in images if (found := targets(graph, image, "blob"))}
    if own or layers is None:
        layers = _layers(graph, (image for image in images if image not in own), set())
    out = dict.fromkeys(blob for found in own.values() for blob in found)
    nodes, needs = nodes_of(graph), needs_of(graph)
    for layer in layers:
        for other in needs[layer]:
            if nodes[other]["kind"] == "blob":
                out[other] = None
    return out


def _packed(graph: nx.DiGraph[str], blobs: Iterable[str]) -> int | None:
    total = 0
    for blob in blobs:
        size = nodes_of(graph)[blob].get("compressed_bytes")
        if size is None:
            return None
        total += int(size)
    return total
