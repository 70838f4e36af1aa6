"""What the layer graph says that deleting tags frees is what `docker image rm` frees."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import docker.errors
import pytest
from image_archives import LayerFiles, Saved, docker_legacy

from imglint.analyzer.graph import disk_bytes, freed, layer_graph
from imglint.analyzer.image import Image, open_images
from imglint.runner import Engine

pytestmark = pytest.mark.container

BLOCK = 4096


def own(blocks: int) -> LayerFiles:
    """A layer that no other image on the engine has."""
    return {f"srv/{secrets.token_hex(4)}": os.urandom(blocks * BLOCK)}


@pytest.fixture
def images(engine: Engine, tmp_path: Path) -> Iterator[tuple[Image, ...]]:
    """A base, an image on it with two tags, one on that, and one that has a layer of these elsewhere."""
    name = f"imglint-graph-{secrets.token_hex(4)}"
    base, middle, top, apart = (own(blocks) for blocks in (64, 32, 16, 8))
    saved = (
        Saved.of(base, tags=(f"{name}:base",)),
        Saved.of(base, middle, tags=(f"{name}:middle", f"{name}:latest")),
        Saved.of(base, middle, top, tags=(f"{name}:top",)),
        Saved.of(apart, middle, tags=(f"{name}:apart",)),
    )
    path = tmp_path / "images.tar"
    path.write_bytes(docker_legacy(*saved))
    for _ in engine.api.load_image(path.read_bytes()):
        pass
    yield open_images(str(path))
    for one in saved:
        for tag in one.tags:
            with contextlib.suppress(docker.errors.NotFound):
                engine.api.remove_image(tag)


def test_deleting_tags_frees_what_the_graph_says(engine: Engine, images: tuple[Image, ...]) -> None:
    name = images[0].tags[0].partition(":")[0]
    graphdriver = "io.containerd" not in str(engine.api.info()["DriverStatus"])
    left = list(images)
    for image in images if graphdriver else ():
        # What Docker counts of an image are the contents of its layers.
        assert engine.inspect_image(image.tags[0])["Size"] == disk_bytes(
            layer_graph(images), [image.id], measure="content_bytes"
        )
    for tags, layers in ((["middle"], 0), (["latest"], 0), (["top"], 2), (["base", "apart"], 3)):
        named = [f"{name}:{tag}" for tag in tags]
        said = freed(layer_graph(left), named)
        assert len(said.layers) == layers
        told = [record for tag in named for record in engine.api.remove_image(tag) or ()]
        left = [one.renamed(tuple(tag for tag in one.tags if tag not in named)) for one in left]
        left = [one for one in left if one.tags]
        assert {one.id for one in left} == {one.id for one in images} - _gone(engine, images)
        assert set(said.images) <= _gone(engine, images)
        # Docker with a graphdriver tells the chain ID of each layer that it deletes.
        if graphdriver:
            assert {record["Deleted"] for record in told if "Deleted" in record} == {
                *said.layers,
                *said.images,
            }


def _gone(engine: Engine, images: tuple[Image, ...]) -> set[str]:
    """The IDs of the images of which no tag is there any more."""
    out: set[str] = set()
    for one in images:
        there = False
        for tag in one.tags:
            with contextlib.suppress(docker.errors.NotFound):
                engine.api.inspect_image(tag)
                there = True
        if not there:
            out.add(one.id)
    return out
