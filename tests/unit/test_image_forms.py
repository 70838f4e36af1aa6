"""One image gives one answer, whatever it was saved as."""

import io
import json
import os
import pickle
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from image_archives import (
    DIRECTORY,
    FORMS,
    Compression,
    LayerFiles,
    Node,
    Saved,
    build_example,
    containers_image,
    digest,
    docker_layout,
    docker_legacy,
    layer_tar,
    oci_archive,
    outer_tar,
    symlink,
)

from imglint.__main__ import main
from imglint.analyzer import InputError
from imglint.analyzer.image import Image, open_images
from imglint.rules.rule import ImageExample

BASE: LayerFiles = {"etc/": DIRECTORY, "etc/passwd": "root:x:0:0:::\nshop:x:1405:5:::\n", "srv/a": "a" * 3000}
IMAGE = Saved.of(
    BASE,
    {"srv/a": "b" * 2000, "srv/lib": Node(b"l" * 100, mode=0o755, uid=7, gid=8)},
    {"srv/a": None, "bin": symlink("usr/bin"), "usr/bin/tool": "t" * 50},
    tags=("shop:1.0", "shop:latest"),
    config={"User": "shop", "Env": ["A=b=c", "EMPTY="], "ExposedPorts": {"80/tcp": {}}, "Cmd": ["tool"]},
)
OTHER = Saved.of(BASE, {"srv/other": "o" * 500}, tags=("other:2",))

forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


def measured(image: Image) -> object:
    """Everything that must not depend on the outer form."""
    layers = [
        (
            one.diff_id,
            one.chain_id,
            one.tar_bytes,
            one.content_bytes,
            one.live_bytes,
            one.entries,
            one.created_by,
        )
        for one in image.layers
    ]
    tree = {path: entry._replace(digest=None) for path, entry in image.tree.items()}
    return image.id, image.tags, image.platform, image.config, image.steps, layers, image.waste, tree


@forms
@pytest.mark.parametrize("verify", [True, False], ids=["verified", "not verified"])
def test_the_answer_is_the_same_in_every_form(
    form: Callable[..., Path], verify: bool, tmp_path: Path
) -> None:
    expected = tmp_path / "expected.tar"
    expected.write_bytes(docker_legacy(IMAGE))
    (reference,) = open_images(str(expected))
    (image,) = open_images(str(form(tmp_path, IMAGE)), verify=verify)
    assert measured(image) == measured(reference)


@forms
def test_what_is_measured(form: Callable[..., Path], tmp_path: Path) -> None:
    (image,) = open_images(str(form(tmp_path, IMAGE)))
    assert image.id == IMAGE.id
    assert image.tags == ("shop:1.0", "shop:latest")
    assert image.platform == "linux/amd64"
    assert image.content_bytes == 31 + 3000 + 2000 + 100 + 50
    assert image.live_bytes == 31 + 100 + 50
    assert image.wasted_bytes == 5000
    assert image.efficiency == pytest.approx(181 / 5181)
    assert [(one.cause, one.added_by, one.hidden_by, one.bytes, one.paths) for one in image.waste] == [
        ("overwritten with new content", 0, 1, 3000, ("srv/a",)),
        ("deleted", 1, 2, 2000, ("srv/a",)),
    ]
    assert [one.step for one in image.layers] == [0, 1, 2]
    assert {one.producer for one in image.layers} == {"BuildKit"}
    lib = image.tree["srv/lib"]
    assert (lib.size, lib.mode, lib.uid, lib.gid, lib.layer, lib.is_file) == (100, 0o755, 7, 8, 1, True)
    assert image.tree["bin"].link == "usr/bin"
    assert image.read("bin/tool") == b"t" * 50
    assert image.read("/bin/../bin/tool") == b"t" * 50
    assert image.read("srv/a") is None
    assert image.effective_uid() == 1405
    assert image.config.env == (("A", "b=c"), ("EMPTY", ""))
    assert image.config.exposed_ports == ("80/tcp",)


@forms
def test_compressed_bytes_are_those_that_are_stored(form: Callable[..., Path], tmp_path: Path) -> None:
    (image,) = open_images(str(form(tmp_path, IMAGE)))
    if image.compressed_bytes is None:
        assert all(one.compressed_bytes is None for one in image.layers)
    else:
        assert 0 < image.compressed_bytes < image.tar_bytes


@forms
def test_several_images_in_one(form: Callable[..., Path], tmp_path: Path) -> None:
    path = str(form(tmp_path, IMAGE, OTHER))
    assert [one.id for one in open_images(path)] == [IMAGE.id, OTHER.id]
    (other,) = open_images(path, select="other:2")
    assert other.id == OTHER.id
    (second,) = open_images(path, select="@1")
    assert second.id == OTHER.id
    with pytest.raises(InputError, match="holds no image 'third'") as caught:
        open_images(path, select="third")
    assert "shop:1.0" in caught.value.hint and "other:2" in caught.value.hint
    with pytest.raises(InputError, match="@2"):
        open_images(path, select="@2")


@forms
def test_a_layer_that_occurs_twice(form: Callable[..., Path], tmp_path: Path) -> None:
    layer: LayerFiles = {"srv/": DIRECTORY, "srv/a": "x" * 700}
    (image,) = open_images(str(form(tmp_path, Saved.of(layer, {"b": "y"}, layer))))
    assert image.live_bytes == 701
    (waste,) = image.waste
    assert (waste.cause, waste.added_by, waste.hidden_by, waste.bytes) == ("the same layer again", 0, 2, 700)
    assert [entry.layer for one in image.layers for entry in one.files] == [0, 0, 1, 2, 2]


@forms
def test_an_image_without_content(form: Callable[..., Path], tmp_path: Path) -> None:
    (image,) = open_images(str(form(tmp_path, Saved.of({}, tags=()))))
    assert image.efficiency is None
    assert (image.content_bytes, image.wasted_bytes, image.waste) == (0, 0, ())
    assert image.tags == ()


def test_an_image_without_layers(tmp_path: Path) -> None:
    path = tmp_path / "empty.tar"
    path.write_bytes(docker_legacy(Saved((), history=None)))
    (image,) = open_images(str(path))
    assert (image.layers, image.steps, image.efficiency) == ((), (), None)


def test_a_stream(tmp_path: Path) -> None:
    data = docker_layout(IMAGE)
    (image,) = open_images((data[at : at + 1000] for at in range(0, len(data), 1000)), name="shop:1.0")
    assert image.source == "shop:1.0"
    assert image.wasted_bytes == 5000


def test_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(docker_legacy(IMAGE),))
    writer.start()
    (image,) = open_images(str(path))
    writer.join()
    assert image.id == IMAGE.id


def test_engine_25_with_layers_in_another_order_in_its_index(tmp_path: Path) -> None:
    """manifest.json and the configuration say what is true; the index of 25.0.0 does not."""
    with tarfile.open(fileobj=io.BytesIO(docker_layout(IMAGE))) as tar:
        files: dict[str, Any] = {one.name: (tar.extractfile(one) or io.BytesIO()).read() for one in tar}
    index = json.loads(files["index.json"])
    listed = index["manifests"][0]
    manifest = json.loads(files.pop(f"blobs/sha256/{listed['digest'][7:]}"))
    manifest["layers"].reverse()
    raw = json.dumps(manifest).encode()
    listed.update(digest=digest(raw), size=len(raw))
    files |= {f"blobs/sha256/{digest(raw)[7:]}": raw, "index.json": json.dumps(index).encode()}
    path = tmp_path / "image.tar"
    path.write_bytes(outer_tar(files))
    (image,) = open_images(str(path))
    assert image.wasted_bytes == 5000


def test_a_broken_index_beside_a_manifest(tmp_path: Path) -> None:
    """It might list other platforms: that can't be known."""
    data = docker_layout(IMAGE)
    index = data.index(b'{"schemaVersion": 2, "manifests"')
    path = tmp_path / "image.tar"
    path.write_bytes(data[:index] + b"X" + data[index + 1 :])
    with pytest.raises(InputError, match=r"index\.json: is not valid JSON"):
        open_images(str(path))


def test_blobs_that_nobody_names_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "blobs/sha256").mkdir(parents=True)
    (tmp_path / "blobs/sha256" / ("0" * 64)).write_bytes(b"left over")
    (image,) = open_images(str(FORMS["oci-directory"](tmp_path, IMAGE)))
    assert image.id == IMAGE.id


def test_one_manifest_with_two_tags_is_one_image(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(oci_archive(IMAGE))
    assert len(open_images(str(path))) == 1


def test_names_are_shown_as_engines_show_them(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(containers_image(IMAGE))
    assert open_images(str(path))[0].tags == IMAGE.tags


def test_an_attestation_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(oci_archive(IMAGE, nested=True))
    assert [one.id for one in open_images(str(path))] == [IMAGE.id]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    name = b"srv/\xff\xfe".decode("utf-8", "surrogateescape")
    path.write_bytes(docker_legacy(Saved((layer_tar({name: "x"}),))))
    (image,) = open_images(str(path))
    assert list(image.tree) == [name]
    assert image.read(name) == b"x"


def test_layers_are_read_without_the_heavy_libraries(tmp_path: Path) -> None:
    """pandas, networkx and docker are for graph and frames alone."""
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(IMAGE))
    code = (
        "import sys\n"
        "for name in ('pandas', 'networkx', 'docker', 'numpy'): sys.modules[name] = None\n"
        "from imglint.analyzer.image import Image, open_images\n"
        "light = {'isal', 'xxhash', 'zstandard', 'tempfile', 'concurrent.futures'} & set(sys.modules)\n"
        "image, = open_images(sys.argv[1])\n"
        "print(sorted(light), image.wasted_bytes)\n"
    )
    source = Path(__file__).parents[2] / "src"
    env = {**os.environ, "PYTHONPATH": str(source)}
    command = [sys.executable, "-c", code, str(path)]
    out = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert out.stdout == "[] 5000\n"


def test_a_layer_can_be_read_in_another_process(tmp_path: Path) -> None:
    """What a layer gives, and what it needs, can be pickled."""
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(IMAGE))
    (image,) = open_images(str(path))
    assert pickle.loads(pickle.dumps(image.layers)) == image.layers


def test_the_example_of_a_rule(tmp_path: Path) -> None:
    example = ImageExample(
        config={"User": "0:0"},
        layers=({"srv/a": "x", "srv/b": b"y"}, {"srv/a": None}),
        steps=("COPY . /srv # buildkit", "RUN /bin/sh -c rm /srv/a # buildkit"),
        empty_steps=("ENV A=b",),
        tags=("example:1", "example:2"),
        top={"author": "me", "container": "4f3e"},
    )
    (image,) = open_images(str(build_example(example, tmp_path)))
    assert image.tags == ("example:1", "example:2")
    assert [one.text for one in image.steps] == ["ENV A=b", "COPY . /srv", "RUN rm /srv/a"]
    assert [one.layer for one in image.steps] == [None, 0, 1]
    assert [one.created_by for one in image.layers] == list(example.steps or ())
    assert list(image.tree) == ["srv/b"]
    assert (image.author, image.raw["container"], image.effective_uid()) == ("me", "4f3e", 0)
    assert image.created == json.loads(IMAGE.raw)["created"]


def for_platform(architecture: str, *tags: str) -> Saved:
    """An image with a file that tells for what it is."""
    return Saved.of(
        {"srv/for": architecture * 10}, top={"architecture": architecture}, tags=tags or ("shop:1",)
    )


@pytest.mark.parametrize("how", ["", "gzip", "zstd"])
@pytest.mark.parametrize("nested", [False, True])
def test_all_platforms_of_an_engine_that_lists_its_own(
    how: Compression, nested: bool, tmp_path: Path
) -> None:
    """`docker save` of the containerd store: manifest.json has the machine's own, index.json all."""
    path = tmp_path / "image.tar"
    images = [for_platform(one) for one in ("amd64", "arm64", "s390x")]
    path.write_bytes(docker_layout(*images, how=how, nested=nested, own=1, absent=[for_platform("riscv64")]))
    found = open_images(str(path))
    assert [one.platform for one in found] == ["linux/amd64", "linux/arm64", "linux/s390x"]
    assert [one.content_bytes for one in found] == [50, 50, 50]
    (arm,) = open_images(str(path), platform="arm64")
    assert (arm.id, arm.layers[0].diff_id) == (images[1].id, images[1].diff_ids[0])
    with pytest.raises(InputError, match="holds no image for riscv64") as raised:
        open_images(str(path), platform="riscv64")
    assert raised.value.hint == "it holds linux/amd64, linux/arm64, linux/s390x"


def test_a_name_is_of_all_its_platforms(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    other = for_platform("riscv64", "other:1")
    path.write_bytes(docker_layout(for_platform("amd64"), for_platform("arm64"), other, own=1))
    assert [one.platform for one in open_images(str(path), select="shop:1")] == ["linux/amd64", "linux/arm64"]
    assert [one.tags for one in open_images(str(path), select="other:1")] == [("other:1",)]
    assert [one.platform for one in open_images(str(path), select="@1")] == ["linux/arm64"]


def test_what_the_index_lists_once_more_is_one_image(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_layout(for_platform("amd64"), nested=True))
    assert len(open_images(str(path))) == 1


def test_an_image_that_is_listed_twice_hides_no_other(tmp_path: Path) -> None:
    twice = Saved.of({"a": "1"}, tags=("shop:1", "shop:latest"))
    path = tmp_path / "image.tar"
    path.write_bytes(oci_archive(twice, for_platform("arm64", "other:1")))
    assert [one.tags for one in open_images(str(path))] == [("shop:1", "shop:latest"), ("other:1",)]


def test_reports_tell_platforms_of_one_name_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_layout(for_platform("amd64"), for_platform("arm64"), own=1))
    assert main(["image", str(path), "--max-size", "10"]) == 1
    told = capsys.readouterr().out
    for one in ("linux/amd64", "linux/arm64"):
        assert f"limit/max-size: shop:1 {one}: " in told
        assert re.search(rf"^shop:1 {one} +\d", told, re.MULTILINE), "what they share"
    assert main(["image", str(path), "--platform", "arm64", "--max-size", "10"]) == 1
    assert "limit/max-size: shop:1: " in capsys.readouterr().out
    assert main(["history", str(path), "--format", "json"]) == 0
    both = json.loads(capsys.readouterr().out)["images"]
    assert main(["history", str(path), "--platform", "arm64", "--format", "json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["images"]
    assert len(both) > 1
    assert "arm64" in one["platform"]
