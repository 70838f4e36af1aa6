"""What the layer graph says that deleting tags frees is what `docker image rm` frees."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import docker.errors
import pytest
from image_archives import LayerFiles, Saved, docker_legacy

from imglint.analyzer.graph import freed, layer_graph
from imglint.analyzer.image import Image, open_images
from imglint.runner import Engine

pytestmark = pytest.mark.container

BLOCK = 4096


def own(blocks: int) -> LayerFiles:
    """A layer that no other image on the engine has."""
    return {f"srv/{secrets.token_hex(4)}": os.urandom(blocks * BLOCK)}


@pytest.fixture
def images(anywhere: Engine, tmp_path: Path) -> Iterator[tuple[Image, ...]]:
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
    for _ in anywhere.api.load_image(path.read_bytes()):
        pass
    yield open_images(str(path))
    for one in saved:
        for tag in one.tags:
            with contextlib.suppress(docker.errors.NotFound):
                anywhere.api.remove_image(tag)


class Held(NamedTuple):
    """What the engine has: the images of others, and the bytes of all layers."""

    others: frozenset[str]
    layer_bytes: int


def held(engine: Engine, name: str) -> Held:
    found: Any = engine.api.df()
    others = frozenset(one["Id"] for one in found["Images"] or () if name not in str(one.get("RepoTags")))
    return Held(others, found["LayersSize"])


def test_deleting_tags_frees_what_the_graph_says(anywhere: Engine, images: tuple[Image, ...]) -> None:
    name = images[0].tags[0].partition(":")[0]
    graphdriver = anywhere.kind == "docker" and "io.containerd" not in str(
        anywhere.api.info()["DriverStatus"]
    )
    left = list(images)
    for tags, layers in ((["middle"], 0), (["latest"], 0), (["top"], 2), (["base", "apart"], 3)):
        named = [f"{name}:{tag}" for tag in tags]
        said = freed(layer_graph(left), named)
        assert len(said.layers) == layers
        before = held(anywhere, name)
        told = [record for tag in named for record in anywhere.api.remove_image(tag) or ()]
        after = held(anywhere, name)
        left = [one.renamed(tuple(tag for tag in one.tags if tag not in named)) for one in left]
        left = [one for one in left if one.tags]
        assert {one.id for one in left} == {one.id for one in images} - _gone(anywhere, images)
        assert set(said.images) <= _gone(anywhere, images)
        # Docker with a graphdriver tells the chain ID of each layer that it deletes.
        if graphdriver:
            assert {record["Deleted"] for record in told if "Deleted" in record} == {
                *said.layers,
                *said.images,
            }
        # Others may have loaded or built in between. A snapshotter counts the blocks of directories, too.
        if before.others == after.others and anywhere.kind == "docker":
            beside = 0 if graphdriver else 4 * BLOCK * layers
            assert abs(before.layer_bytes - after.layer_bytes - said.content_bytes) <= beside


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
