"""Archives that real tools wrote: one image, saved and copied by docker, skopeo, umoci and buildah."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from imglint.analyzer.image import Image, open_images

DATA = Path(__file__).parents[1] / "data/images"
WASTE = Path(__file__).parents[2] / "examples/waste/waste.tar"

SAME = ("docker-save.tar", "skopeo-docker-archive.tar", "skopeo-oci-archive.tar", "skopeo-dir.tgz")


def numbers(image: Image) -> tuple[int, int, int]:
    return image.tar_bytes, image.content_bytes, image.live_bytes


@pytest.mark.parametrize("name", [*SAME, "umoci-layout.tar"])
def test_a_copy_measures_as_the_original_does(name: str) -> None:
    (original,) = open_images(str(DATA / "docker-save.tar"))
    image = open_images(str(DATA / name))[0]
    assert numbers(image) == numbers(original) == (34304, 24230, 8225)
    assert [one.chain_id for one in image.layers] == [one.chain_id for one in original.layers]
    assert image.waste == original.waste
    assert [(one.text, one.layer) for one in image.steps] == [(one.text, one.layer) for one in original.steps]
    assert (image.config.user, image.config.exposed_ports) == ("1405", ("8080/tcp",))


def test_the_engine_saves_a_repeated_layer_as_a_link() -> None:
    with tarfile.open(DATA / "docker-save.tar") as tar:
        assert any(one.issym() for one in tar)
    (image,) = open_images(str(DATA / "docker-save.tar"))
    assert [(one.cause, one.added_by, one.hidden_by, one.bytes, one.paths) for one in image.waste] == [
        ("overwritten with new content", 0, 1, 8180, ("srv/css/shop.css",)),
        ("overwritten with new content", 1, 2, 7780, ("srv/css/shop.css",)),
        ("the same layer again", 0, 2, 45, ("srv/index.html",)),
    ]
    assert [one.producer for one in image.layers] == ["Docker builder"] * 3
    assert [one.confidence for one in image.layers] == ["exact"] * 3


def test_tags() -> None:
    tags = {name: open_images(str(DATA / name))[0].tags for name in SAME}
    assert list(tags.values()) == [("imglint-fixture:1",), ("fixture:1",), ("fixture",), ()]


def test_a_directory_that_skopeo_wrote(tmp_path: Path) -> None:
    with tarfile.open(DATA / "skopeo-dir.tgz") as tar:
        tar.extractall(tmp_path, filter="data")
    (image,) = open_images(str(tmp_path))
    (original,) = open_images(str(DATA / "docker-save.tar"))
    assert image.id == original.id


def test_layers_that_umoci_added() -> None:
    one, two = open_images(str(DATA / "umoci-layout.tar"))
    assert (one.tags, two.tags) == (("one",), ("two",))
    assert [layer.chain_id for layer in two.layers[:3]] == [layer.chain_id for layer in one.layers]
    assert [layer.created_by for layer in two.layers[3:]] == ["umoci insert", "umoci insert"]
    assert ("deleted", 2, 4, 8180) in [(w.cause, w.added_by, w.hidden_by, w.bytes) for w in two.waste]
    assert {path for path, entry in two.tree.items() if entry.is_file} == {"srv/index.html", "srv/more.css"}
    assert two.effective_uid() == 7


@pytest.mark.parametrize("name", ["buildah-docker-archive.tar", "buildah-oci-archive.tar"])
def test_steps_that_buildah_commits_at_once_have_one_layer(name: str) -> None:
    (image,) = open_images(str(DATA / name))
    (layer,) = image.layers
    assert (layer.step, layer.steps, layer.created_by) == (None, (1, 2, 3), None)
    assert (layer.producer, layer.confidence) == ("buildah", "aligned")
    assert image.made_by(layer) == "steps 1 to 3 together"
    assert image.efficiency == 1


def test_the_example_of_waste() -> None:
    (image,) = open_images(str(WASTE))
    assert image.tags == ("shop:latest",)
    found = [(image.steps[image.layers[w.added_by].step or 0].text, w.cause, w.bytes) for w in image.waste]
    assert found == [
        ("COPY import.log /var/cache/shop/import.log", "deleted", 46846),
        ("COPY catalog.csv /srv/shop/data/catalog.csv", "overwritten with the same content", 23056),
        ("COPY site /srv/shop", "overwritten with new content", 17788),
    ]
    assert [image.layers[w.hidden_by].created_by for w in image.waste] == [
        "RUN /bin/sh -c rm -rf /var/cache/shop # buildkit",
        "COPY catalog.csv /srv/shop/data/catalog.csv # buildkit",
        "COPY brand /srv/shop/assets # buildkit",
    ]
    assert image.wasted_bytes == 46846 + 23056 + 17788
    assert (image.config.user, image.config.exposed_ports, image.effective_uid()) == ("", ("8080/tcp",), 0)
    assert [one.text for one in image.steps[-2:]] == [
        "EXPOSE 8080/tcp",
        'CMD ["/bin/httpd", "-f", "-p", "8080", "-c", "/etc/httpd.conf"]',
    ]
