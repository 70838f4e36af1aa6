"""Which bytes nobody sees, which layer hides them, and in how many images they are carried along."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .names import images_of, layers_of, nodes_of, of_kind, sources, targets
from .storage import held_by

if TYPE_CHECKING:
    import networkx as nx


class HeldLayer(NamedTuple):
    """A layer as one image has it. Bytes; `hides_bytes` are those of other layers, and of its own, that it hides."""

    layer: str
    tar_bytes: int
    content_bytes: int
    live_bytes: int
    wasted_bytes: int
    hides_bytes: int


class HeldWaste(NamedTuple):
    """Bytes that one layer of an image added and another hid, for one cause."""

    cause: str
    added: str
    by: str
    bytes: int


class CarriedWaste(NamedTuple):
    """The same for all images: each of these `images` that hold the hiding layer carries these bytes."""

    cause: str
    added: str
    by: str
    bytes: int
    images: int

    @property
    def carried_bytes(self) -> int:
        """What is sent and unpacked for nobody when each of these images is pulled alone."""
        return self.bytes * self.images


def held_waste(graph: nx.DiGraph[str], image: str) -> tuple[HeldWaste, ...]:
    """What is wasted in an image, the most first.

    The edges "hides" of its layers, and those of its own that tell where it differs (a file with several hard links is
    seen until the last one goes, which other images on the same layers may not have seen): linear in both.

    Raises:
        InputError: no such image.
    """
    (name, *_) = images_of(graph, [image])
    nodes = nodes_of(graph)
    found: dict[tuple[str, str, str], int] = {}
    for holder in (*layers_of(graph, name), name):
        for waste in targets(graph, holder, "waste"):
            one = nodes[waste]
            key = one["cause"], one["added"], one["by"]
            found[key] = found.get(key, 0) + int(one["bytes"])
    rows = [HeldWaste(*key, count) for key, count in found.items() if count]
    return tuple(sorted(rows, key=lambda row: -row.bytes))


def held_layers(graph: nx.DiGraph[str], image: str) -> tuple[HeldLayer, ...]:
    """An image's layers from the bottom up, with what of each is seen and what each hides.

    Sums over `held_waste`: a layer's wasted bytes are those that edges "hides" say of it. Linear.

    Raises:
        InputError: no such image.
    """
    (name, *_) = images_of(graph, [image])
    wasted: dict[str, int] = {}
    hides: dict[str, int] = {}
    for one in held_waste(graph, name):
        wasted[one.added] = wasted.get(one.added, 0) + one.bytes
        hides[one.by] = hides.get(one.by, 0) + one.bytes
    out = []
    for layer in layers_of(graph, name):
        node = nodes_of(graph)[layer]
        content, lost = int(node["content_bytes"]), wasted.get(layer, 0)
        out.append(
            HeldLayer(layer, int(node["tar_bytes"]), content, content - lost, lost, hides.get(layer, 0))
        )
    return tuple(out)


def wasted_everywhere(graph: nx.DiGraph[str]) -> tuple[CarriedWaste, ...]:
    """All waste × the images that carry it, what is carried most first: where a change pays most.

    How many images hold a layer is summed down the trees of layers once, for all of them; then each edge "hides" is
    looked at once. Where an image differs from others on the same layers (see `held_waste`), it is told in a row of its
    own, with what it has in fact. Linear, but for the sorting.
    """
    nodes = nodes_of(graph)
    counts = held_by(graph)
    shared: dict[
        tuple[str, str, str], tuple[int, int]
    ] = {}  # by layers: bytes, and the images that hold them
    differing: list[tuple[tuple[str, str, str], int]] = []  # by image: how many bytes more or fewer
    for waste in of_kind(graph, "waste"):
        one = nodes[waste]
        key, size = (one["cause"], one["added"], one["by"]), int(one["bytes"])
        holders = sources(graph, waste, "layer")
        if holders:
            shared[key] = size, sum(counts[layer] for layer in holders)
        else:
            differing.append((key, size))
    carried = {(*key, size): images for key, (size, images) in shared.items()}
    for key, more in differing:
        size = shared.get(key, (0, 0))[0]
        carried[*key, size] = carried.get((*key, size), 0) - 1
        carried[*key, size + more] = carried.get((*key, size + more), 0) + 1
    rows = [CarriedWaste(*key, images) for key, images in carried.items() if key[3] and images]
    return tuple(sorted(rows, key=lambda row: -row.carried_bytes))
