"""The history of an image, read off its graph: the path of its layers, and the steps that lead to each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .names import images_of, layers_of, nodes_of, targets

if TYPE_CHECKING:
    import networkx as nx


class Past(NamedTuple):
    """A step and the layer that it made, alone or with its neighbours; None where it made none."""

    step: str  # as a Dockerfile has it; "" for a layer of which the history does not say what made it
    layer: str | None
    content_bytes: int  # of the layer


def history(graph: nx.DiGraph[str], image: str) -> tuple[Past, ...]:
    """What made an image: its steps in their order, then the layers that none of them made, from the bottom up.

    The edges configuration → step → layer, and the path of the layers: linear in both.

    Raises:
        InputError: no such image.
    """
    (name, *_) = images_of(graph, [image])
    nodes = nodes_of(graph)
    steps = [step for config in targets(graph, name, "config") for step in targets(graph, config, "step")]
    out: list[Past] = []
    made: set[str] = set()
    for step in sorted(steps, key=lambda step: int(nodes[step]["index"])):
        layer = next(iter(targets(graph, step, "layer")), None)
        if layer is not None:
            made.add(layer)
        out.append(Past(nodes[step]["text"], layer, 0 if layer is None else nodes[layer]["content_bytes"]))
    out += [
        Past("", layer, nodes[layer]["content_bytes"])
        for layer in layers_of(graph, name)
        if layer not in made
    ]
    return tuple(out)
