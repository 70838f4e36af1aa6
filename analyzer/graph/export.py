"""A layer graph as a file for other programs, with its credentials masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..credentials import mask, mask_shapes

if TYPE_CHECKING:
    import networkx as nx


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
    for attributes in (out.graph, *(attributes for _, attributes in out.nodes(data=True))):
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
