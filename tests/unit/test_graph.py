"""Images as a networkx graph and as pandas frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from image_archives import LayerFiles, Saved, docker_legacy

import imglint
from imglint.analyzer.graph import layer_graph
from imglint.analyzer.image import Image, open_images
from imglint.analyzer.image.frames import files_frame, images_frame, layers_frame, waste_frame
from imglint.reports.image_text import shared

BASE: LayerFiles = {"etc/passwd": "root", "srv/a": "a" * 100}


@pytest.fixture
def images(tmp_path: Path) -> tuple[Image, ...]:
    """Two images on one base, and one that has the base's layer elsewhere."""
    path = tmp_path / "images.tar"
    first = Saved.of(BASE, {"srv/a": "b" * 50}, tags=("shop:1", "shop:latest"))
    second = Saved.of(BASE, {"srv/c": "c"}, tags=("shop:2",))
    third = Saved.of({"x": "y"}, BASE, tags=())
    path.write_bytes(docker_legacy(first, second, third))
    return open_images(str(path))


def of_kind(found: nx.DiGraph[str], kind: str) -> list[str]:
    return [node for node, data in found.nodes(data=True) if data["kind"] == kind]


def test_images_share_the_layers_of_their_base(images: tuple[Image, ...]) -> None:
    found: Any = layer_graph(images)
    first, second, third = images
    assert nx.is_directed_acyclic_graph(found)
    assert len(of_kind(found, "layer")) == 5
    below = nx.descendants(found, first.id) & nx.descendants(found, second.id)
    assert below & set(of_kind(found, "layer")) == {first.layers[0].chain_id}
    # The same bytes on other ones are another layer: chain IDs tell them apart.
    assert third.layers[1].diff_id == first.layers[0].diff_id
    layers = set(of_kind(found, "layer"))
    assert not nx.descendants(found, third.id) & nx.descendants(found, first.id) & layers
    # … of the same blob, for the same platform.
    assert set(of_kind(found, "blob")) & nx.descendants(found, third.id) & nx.descendants(found, first.id)
    assert of_kind(found, "platform") == ["linux/amd64"]


def test_tags_steps_and_configurations(images: tuple[Image, ...]) -> None:
    found = layer_graph(images)
    first = images[0]
    assert set(found.predecessors(first.id)) == {"shop:1", "shop:latest"}
    assert len(of_kind(found, "config")) == 3
    (step,) = (
        one for one in found.predecessors(first.layers[1].chain_id) if found.nodes[one]["kind"] == "step"
    )
    assert found.nodes[step]["text"] == "COPY part1 /"
    assert found.edges[step, first.layers[1].chain_id]["kind"] == "made"
    assert found.edges[first.layers[1].chain_id, first.layers[0].chain_id]["kind"] == "on"


def test_the_graph_can_be_written_as_graphml(images: tuple[Image, ...]) -> None:
    text = "\n".join(nx.generate_graphml(images[0].graph))
    assert images[0].layers[0].chain_id in text


def test_frames(images: tuple[Image, ...]) -> None:
    layers = layers_frame(images)
    assert list(layers["content_bytes"]) == [104, 50, 104, 1, 1, 104]
    assert layers["wasted_bytes"].sum() == 100
    assert images[0].to_frame().equals(layers.head(2))
    whole = images_frame(images)
    assert list(whole["id"]) == [one.id for one in images]
    assert list(whole["content_bytes"]) == [one.content_bytes for one in images]
    assert list(whole["layers"]) == [len(one.layers) for one in images]
    waste = waste_frame(images)
    assert waste[["cause", "added_by", "hidden_by", "bytes"]].to_dict("records") == [
        {"cause": "overwritten with new content", "added_by": 0, "hidden_by": 1, "bytes": 100}
    ]
    files = files_frame(images[0])
    assert list(files["path"]) == ["etc/passwd", "srv/a"]
    assert list(files["layer"]) == [0, 1]


def test_frames_join_by_id(images: tuple[Image, ...]) -> None:
    """Each image once, and each row of files and waste with the layer that the layers' frame has."""
    found = imglint.frames([*images, images[0]])
    assert list(found.images["id"]) == [one.id for one in images]
    joined = found.layers.merge(found.images, left_on="image", right_on="id", suffixes=("", "_image"))
    assert joined.groupby("image")["content_bytes"].sum().to_dict() == {
        one.id: one.content_bytes for one in images
    }
    files = found.files.merge(found.layers, on=["image", "chain_id"])
    assert len(files) == len(found.files) == sum(len(one.tree) for one in images)
    assert files.groupby("image")["size"].sum().to_dict() == {one.id: one.live_bytes for one in images}
    assert found.waste[["image", "added_chain", "hidden_chain", "bytes"]].to_numpy().tolist() == [
        [images[0].id, images[0].layers[0].chain_id, images[0].layers[1].chain_id, 100]
    ]
    shares = found.shares.set_index("image")
    assert shares["total_bytes"].to_dict() == {one.id: one.tar_bytes for one in images}
    assert shares.loc[images[0].id, "shared_bytes"] == images[0].layers[0].tar_bytes
    assert [len(one) for one in imglint.frames([])] == [0] * 6


def test_the_table_of_several_images(images: tuple[Image, ...]) -> None:
    text = shared((*images, images[2]))
    rows = [line.split() for line in text.splitlines()[2:6]]
    assert [row[-2:] for row in rows[:2]] == [["10.2", "kB"], ["10.2", "kB"]]
    # What is given twice is nobody's own.
    assert [row[-6:] for row in rows[2:]] == [["20.5", "kB", "20.5", "kB", "0", "B"]] * 2
    assert "4 images, 51.2 kB together" in text


def test_frames_of_nothing() -> None:
    assert layers_frame([]).empty
    assert list(images_frame([]).columns)[:2] == ["id", "source"]
    assert list(waste_frame([]).columns)[:2] == ["image", "cause"]
    assert len(layer_graph([])) == 0
