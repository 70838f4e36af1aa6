"""Images become one directed acyclic graph: tags, images, configurations, steps, layers, blobs and waste.

Every node has a `kind`, every edge, too; they point from what needs to what is needed:

    tag —names→ image
    image —for→ platform; —has→ configuration, and its top layer
    image —based on→ the largest other image whose layers are exactly its lowest ones
    image —holds→ blob, where it stores its layers otherwise than the first image that has them
    image —hides→ waste, where what is hidden in it differs from what others with this layer hide
    configuration —has→ step —made→ layer
    layer —on→ the layer below it; —holds→ blob
    layer —hides→ waste (cause, bytes) —of→ the blob whose bytes are lost

A layer is known by its chain ID: the same content on the same layers below. A blob is known by its diff ID: the same
content on whatever stands below; where images store one compressed in several sizes, there is a node for each.
Attributes are strings and numbers, so that GraphML takes them; a size that is not known is left out.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .names import nodes_of, targets

if TYPE_CHECKING:
    import networkx as nx

    from ..image.image import Image, Layer

MOST_LAYERS = 125  # that Docker stacks (moby, layer/layer_store.go: maxLayerDepth)
_OTHER = "what was read before: one of them is not what its digest says; measure without --no-verify"


def layer_graph(images: Iterable[Image], *, lean: bool = False) -> nx.DiGraph[str]:
    """The graph of any number of images. Linear in their layers, steps and waste.

    Args:
        images: images, or records with what is read of them here, as of a fleet that is only simulated.
        lean: for fleets: edges of one kind share one dictionary, which saves a fifth of the memory (don't change it), and
            Python does not look for garbage meanwhile, which takes a quarter of the time and finds none.

    What the images claim and what can't be so is told by `doubts`: the graph stays acyclic whatever they claim.
    """
    import networkx as nx

    builder = _Builder(_lean_graph() if lean else nx.DiGraph())
    collects = lean and gc.isenabled()
    if collects:
        gc.disable()
    try:
        for image in images:
            builder.add(image)
        builder.join_bases()
        builder.join_tags()
        return builder.finished()
    finally:
        if collects:
            gc.enable()


def doubts(graph: nx.DiGraph[str]) -> tuple[str, ...]:
    """What of these images does not go together: a sentence each."""
    return tuple(str(graph.graph.get("doubts", "")).splitlines())


def _lean_graph() -> nx.DiGraph[str]:
    import networkx as nx

    class LeanDiGraph(nx.DiGraph):  # type: ignore[type-arg]
        """Edges that are made while `shared` is set have it as their attributes, all the same one."""

        shared: dict[str, Any] | None = None

        def attributes(self) -> dict[str, Any]:
            return {} if self.shared is None else self.shared

        edge_attr_dict_factory = attributes  # pyright: ignore[reportAssignmentType]

    return LeanDiGraph()


class _Builder:
    def __init__(self, graph: nx.DiGraph[str]) -> None:
        self.graph = graph
        self._shared: dict[str, dict[str, Any]] = {}
        self._lean = hasattr(graph, "shared")
        self._names: dict[str, str] = {}  # image ID → its node
        self._tags: list[tuple[str, str]] = []
        self._top: dict[str, str] = {}  # image → its top layer
        self._below: dict[str, str] = {}  # layer → the one below; "" below the lowest
        self._wasted: dict[str, dict[tuple[str, str], int]] = {}  # layer → (layer, cause) → bytes it hides
        self._platforms: set[str] = set()
        self._doubts: list[str] = []

    def _edge(self, one: str, other: str, kind: str) -> None:
        if self._lean:
            self.graph.shared = self._shared.setdefault(kind, {"kind": kind})  # type: ignore[attr-defined]
            self.graph.add_edge(one, other)
        else:
            self.graph.add_edge(one, other, kind=kind)

    def _node(self, name: str, kind: str, **attributes: str | int) -> str:
        """Add a node, or to what is known of it; a name that is another node's by what somebody claims gives way."""
        nodes = nodes_of(self.graph)  # see names.py
        while name in nodes and nodes[name]["kind"] != kind:
            name = f"{kind} {name}"
        self.graph.add_node(name, kind=kind, **attributes)
        return name

    def add(self, image: Image) -> None:
        name = self._names.get(image.id)
        if name is None:
            name = self._names[image.id] = self._image(image, image.id)
        elif not self._is_same_image(name, image):
            self._doubts.append(f"{image.source} has another image {image.id[:19]} than {_OTHER}")
            name = self._image(image, self._free(f"{image.id} as {image.source} has it"))  # see node_of
        self._tags += ((tag, name) for tag in image.tags)

    def _is_same_image(self, name: str, image: Image) -> bool:
        known = self.graph.nodes[name]
        sizes = ("tar_bytes", "content_bytes", "live_bytes")
        return all(known[size] == getattr(image, size) for size in sizes)

    def _free(self, name: str) -> str:
        """This name, or with a number behind it where a node has it."""
        found, number = name, 2
        while found in self.graph:
            found, number = f"{name} {number}", number + 1
        return found

    def _image(self, image: Image, name: str) -> str:
        name = self._node(
            name, "image", source=image.source, platform=image.platform,
            tar_bytes=image.tar_bytes, content_bytes=image.content_bytes, live_bytes=image.live_bytes,
            wasted_bytes=image.content_bytes - image.live_bytes,
        )  # fmt: skip
        config = self._node(f"config {name}", "config", user=image.config.user)
        self._edge(name, config, "has")
        self._edge(name, self._node(image.platform, "platform"), "for")
        self._platforms.add(image.platform)
        known = len(self._below)
        chain = self._layers(image)
        known = len(chain) - (len(self._below) - known)  # so many of them were there: the lowest
        self._top[name] = chain[-1] if chain else ""
        if chain:
            self._edge(name, chain[-1], "has")
        self._blobs(image, name, chain, known)
        for step in image.steps:
            node = self._node(f"step {step.index} of {name}", "step", text=step.text, index=step.index)
            self._edge(config, node, "has")
            made = step.layer if step.layer is not None else step.within
            if made is not None:
                self._edge(node, chain[made], "made")
        self._waste(image, name, chain, known)
        if len(chain) > MOST_LAYERS:
            self._doubts.append(
                f"{image.source} has {len(chain)} layers: Docker's image store stacks at most {MOST_LAYERS}"
            )
        return name

    def _layers(self, image: Image) -> list[str]:
        """The nodes of an image's layers, from the bottom up."""
        chain: list[str] = []
        below = ""
        doubted = False
        for layer in image.layers:
            node: str = layer.chain_id
            if node in self.graph and not self._is_same(node, layer, below):
                # What is not the same must not be counted as one, nor close a circle.
                node = self._free(f"{layer.chain_id} as {image.source} has it")
                if not doubted:
                    doubted = True
                    self._doubts.append(
                        f"{image.source} has another layer {layer.chain_id[:19]} than {_OTHER}"
                    )
            if node not in self._below:
                self.graph.add_node(
                    node, kind="layer", diff_id=layer.diff_id, tar_bytes=layer.tar_bytes,
                    content_bytes=layer.content_bytes, created_by=layer.created_by or "",
                )  # fmt: skip
                self._below[node] = below
                if below:
                    self._edge(node, below, "on")
            chain.append(node)
            below = node
        return chain

    def _is_same(self, node: str, layer: Layer, below: str) -> bool:
        known = nodes_of(self.graph)[node]
        return bool(
            self._below.get(node) == below
            and known["diff_id"] == layer.diff_id
            and known["tar_bytes"] == layer.tar_bytes
            and known["content_bytes"] == layer.content_bytes
        )

    def _blobs(self, image: Image, name: str, chain: list[str], known: int) -> None:
        for node, layer in zip(chain[known:], image.layers[known:], strict=True):
            self._edge(node, self._blob_of(node, layer), "holds")
        if not all(
            self._is_form(node, layer) for node, layer in zip(chain[:known], image.layers, strict=False)
        ):
            for node, layer in zip(chain, image.layers, strict=True):
                self._edge(name, self._blob_of(node, layer), "holds")
        sizes = [layer.compressed_bytes for layer in image.layers]
        if None not in sizes:
            self.graph.nodes[name]["compressed_bytes"] = sum(size or 0 for size in sizes)

    def _held(self, layer: str) -> str:
        (blob,) = targets(self.graph, layer, "blob")
        return blob

    def _is_form(self, node: str, layer: Layer) -> bool:
        """Whether a layer is stored here as where it was seen first; what stands unpacked may be any form."""
        size = layer.compressed_bytes
        if size is None:
            return True
        known = nodes_of(self.graph)[self._held(node)]
        return bool(known.setdefault("compressed_bytes", size) == size)

    def _blob_of(self, node: str, layer: Layer) -> str:
        """The blob of the form in which a layer is stored."""
        # Where a layer is not what its digest says, its bytes are not those of the blob of this name.
        blob = "blob " + (layer.diff_id if node == layer.chain_id else node)
        size = layer.compressed_bytes
        if size is None:
            return self._node(blob, "blob", tar_bytes=layer.tar_bytes)
        known = nodes_of(self.graph).get(blob)
        if known is not None and known.get("compressed_bytes", size) != size:
            blob = f"{blob} in {size} bytes"
        return self._node(blob, "blob", tar_bytes=layer.tar_bytes, compressed_bytes=size)

    def _waste(self, image: Image, name: str, chain: list[str], known: int) -> None:
        """What each layer hides. It depends on what lies below, and on nothing else but for hard links."""
        found: dict[str, dict[tuple[str, str], int]] = {}
        files: dict[tuple[str, str, str], int] = {}
        for one in image.waste:
            by, of = chain[one.hidden_by], chain[one.added_by]
            found.setdefault(by, {})[of, one.cause] = one.bytes
            files[by, of, one.cause] = one.files
        for index, by in enumerate(chain):
            now = found.get(by, {})
            if index < known:
                before = self._wasted.get(by, {})
                for of, cause in sorted(before.keys() | now.keys()):
                    more = now.get((of, cause), 0) - before.get((of, cause), 0)
                    if more:
                        self._hidden(name, by, of, cause, more, 0)
            elif now:
                self._wasted[by] = now
                for (of, cause), count in now.items():
                    self._hidden(by, by, of, cause, count, files[by, of, cause])

    def _hidden(self, holder: str, by: str, of: str, cause: str, count: int, files: int) -> None:
        node = f"waste of {of} by {by}: {cause}"
        if holder != by:
            node += f" in {holder}"
        node = self._node(node, "waste", cause=cause, bytes=count, files=files, added=of, by=by)
        if self._lean:
            self.graph.shared = None  # type: ignore[attr-defined]
        self.graph.add_edge(holder, node, kind="hides", bytes=count, cause=cause)
        self._edge(node, self._held(of), "of")

    def join_tags(self) -> None:
        """Put the names on top. They are anybody's words: one that reads as another node gives way to it."""
        for tag, image in self._tags:
            self._edge(self._node(tag, "tag"), image, "names")

    def join_bases(self) -> None:
        """Say of each image which one it is built on: the nearest below its top layer that is some image's top."""
        first: dict[str, str] = {}  # top layer → the first image that ends there
        for image in self._top:
            if self._top[image]:
                first.setdefault(self._top[image], image)
        nearest: dict[str, str] = {"": ""}  # layer → the image that ends at it or at the nearest one below
        for layer, below in self._below.items():  # each after the one below it
            nearest[layer] = first.get(layer) or nearest[below]
        for image in self._top:
            base = nearest[self._below[self._top[image]]] if self._top[image] else ""
            if base:
                self._edge(image, base, "based on")

    def finished(self) -> nx.DiGraph[str]:
        if len(self._platforms) > 1:
            self._doubts.append(
                f"the images are for {', '.join(sorted(self._platforms))}: an engine pulls only what is for its own platform"
            )
        if self._doubts:
            self.graph.graph["doubts"] = "\n".join(" ".join(doubt.split()) for doubt in self._doubts)
        if self._lean:
            self.graph.shared = None  # type: ignore[attr-defined]
        return self.graph
