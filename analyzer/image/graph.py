"""Images as a graph: what they are made of, and what they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..credentials import mask, mask_shapes

if TYPE_CHECKING:
    import networkx as nx

    from .image import Image


def graph(images: Iterable[Image]) -> nx.DiGraph[str]:
    """A directed acyclic graph over any number of images.

    Nodes have a `kind`: "tag", "platform", "image", "config", "layer" (by chain ID, so that images on
    a common base share its layers), "blob" (by diff ID: the same content on whatever base) and "step".
    Edges have a `kind`, too: "names" (tag → image), "for" (image → platform), "has" (image → config
    and top layer), "on" (layer → the layer below it), "holds" (layer → blob), "made" (step → layer)
    and "based on" (image → the image whose layers are exactly its lowest ones). Attributes are
    strings and numbers, so that GraphML takes them.
    """
    import networkx as nx

    from .sharing import base_of

    out: nx.DiGraph[str] = nx.DiGraph()
    images = tuple(images)
    for index, image in enumerate(images):
        config = f"config {image.id}"
        out.add_node(image.id, kind="image", source=image.source, platform=image.platform)
        out.add_node(config, kind="config", user=image.config.user)
        out.add_edge(image.id, config, kind="has")
        out.add_node(image.platform, kind="platform")
        out.add_edge(image.id, image.platform, kind="for")
        base = base_of(images, index)
        if base is not None and images[base].id != image.id:
            out.add_edge(image.id, images[base].id, kind="based on")
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
            blob = f"blob {layer.diff_id}"
            out.add_node(blob, kind="blob", tar_bytes=layer.tar_bytes)
            out.add_edge(layer.chain_id, blob, kind="holds")
            if below:
                out.add_edge(layer.chain_id, below, kind="on")
            below = layer.chain_id
        if below:
            out.add_edge(image.id, below, kind="has")
        for step in image.steps:
            name = f"step {step.index} of {image.id}"
            out.add_node(name, kind="step", text=step.text, index=step.index)
            out.add_edge(config, name, kind="has")
            made = step.layer if step.layer is not None else step.within
            if made is not None:
                out.add_edge(name, image.layers[made].chain_id, kind="made")
    return out


def as_text(found: nx.DiGraph[str], form: str) -> str:
    """A graph as "graphml", "dot" or "json" (networkx' node-link form), with credentials masked.

    Raises:
        ValueError: another form.
    """
    import networkx as nx

    found = _masked(found)
    if form == "graphml":
        return "\n".join(nx.generate_graphml(_printable(found))) + "\n"
    if form == "json":
        import json

        return json.dumps(nx.node_link_data(found, edges="edges"), indent=1) + "\n"
    if form == "dot":
        return _dot(found)
    raise ValueError(f"{form!r} is no form of a graph: graphml, dot, json")


def _masked(found: nx.DiGraph[str]) -> nx.DiGraph[str]:
    """The same graph with the credentials masked in the texts of its nodes, and in what they are called."""
    import networkx as nx

    names = {node: mask_shapes(node) for node in found}
    changed = {node: name for node, name in names.items() if name != node}
    # Two nodes must not become one.
    taken = set(found)
    for node, name in changed.items():
        number = 1
        while (new := name if number == 1 else f"{name} {number}") in taken:
            number += 1
        taken.add(new)
        changed[node] = new
    out: nx.DiGraph[str] = nx.relabel_nodes(found, changed)
    for _, attributes in out.nodes(data=True):
        attributes |= {key: mask(value) for key, value in attributes.items() if isinstance(value, str)}
    return out


def _clean(text: str) -> str:
    """Text without characters that XML and Graphviz can't hold."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else " " for char in whole)


def _printable(found: nx.DiGraph[str]) -> nx.DiGraph[str]:
    import networkx as nx

    out: nx.DiGraph[str] = nx.DiGraph()
    for node, attributes in found.nodes(data=True):
        values = {key: _clean(one) if isinstance(one, str) else one for key, one in attributes.items()}
        out.add_node(_clean(node), **values)
    for one, other, attributes in found.edges(data=True):
        out.add_edge(_clean(one), _clean(other), **attributes)
    return out


def _dot(found: nx.DiGraph[str]) -> str:
    """Graphviz' language; a node shows its kind and what it is called."""

    def quoted(text: str) -> str:
        return '"' + _clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = ["digraph images {"]
    for node, attributes in found.nodes(data=True):
        text = attributes.get("text") or attributes.get("created_by") or node
        label = f"{attributes.get('kind', '')}: {text[:60]}"
        lines.append(f"  {quoted(node)} [label={quoted(label)}];")
    for one, other, attributes in found.edges(data=True):
        lines.append(f"  {quoted(one)} -> {quoted(other)} [label={quoted(attributes.get('kind', ''))}];")
    return "\n".join([*lines, "}"]) + "\n"
