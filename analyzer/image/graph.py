"""Images as a graph: what they are made of, and what they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

    from .image import Image


def graph(images: Iterable[Image]) -> nx.DiGraph[str]:
    """A directed acyclic graph over any number of images.

    Nodes have a `kind`: "tag", "image", "config", "layer" (by chain ID, so that images on a common
    base share its layers) and "step". Edges have a `kind`, too: "names" (tag → image), "has"
    (image → config and top layer), "on" (layer → the layer below it) and "made" (step → layer).
    Attributes are strings and numbers, so that GraphML takes them.
    """
    import networkx as nx

    out: nx.DiGraph[str] = nx.DiGraph()
    for image in images:
        config = f"config {image.id}"
        out.add_node(image.id, kind="image", source=image.source, platform=image.platform)
        out.add_node(config, kind="config", user=image.config.user)
        out.add_edge(image.id, config, kind="has")
        for tag in image.tags:
            out.add_node(tag, kind="tag")
            out.add_edge(tag, image.id, kind="names")
        below = ""
        for layer in image.layers:
            out.add_node(
                layer.chain_id,
                kind="layer",
                diff_id=layer.diff_id,
                tar_bytes=layer.tar_bytes,
                content_bytes=layer.content_bytes,
                created_by=layer.created_by or "",
            )
            if below:
                out.add_edge(layer.chain_id, below, kind="on")
            below = layer.chain_id
        if below:
            out.add_edge(image.id, below, kind="has")
        for step in image.steps:
            name = f"step {step.index} of {image.id}"
            out.add_node(name, kind="step", text=step.text, index=step.index)
            out.add_edge(config, name, kind="has")
            if step.layer is not None:
                out.add_edge(name, image.layers[step.layer].chain_id, kind="made")
    return out
