"""Forms that no engine of today saves: layers with tables, shared blobs, root file systems, Docker before 1.10."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from command import imglint
from image_archives import (
    CREATED,
    DIRECTORY,
    LayerFiles,
    Saved,
    digest,
    docker_before_1_10,
    docker_legacy,
    estargz,
    layer_tar,
    oci_archive,
    oci_directory,
    outer_tar,
    step,
    zstd_chunked,
)

from imglint.analyzer import InputError
from imglint.analyzer.image import Image, open_images, parse_source

FILES: LayerFiles = {"etc/passwd": "root:x:0:0:::\n", "srv/a": "a" * 3000, "srv/b/c": "c" * 700}
IMAGE = Saved.of(FILES, {"srv/a": None, "srv/d": "d<&>" * 9}, config={"Cmd": ["/srv/a"], "User": "7"})


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        open_images(str(path))
    return caught.value


def sizes(image: Image) -> list[object]:
    return [(one.diff_id, one.content_bytes, one.live_bytes) for one in image.layers]


# Layers with a table of their files


def test_estargz(tmp_path: Path) -> None:
    tar, packed = estargz(FILES)
    assert gzip.decompress(packed) == tar  # what any reader of gzip makes of it
    whole = oci_archive(Saved((tar,), history=(step("COPY a /"),)))
    blob = gzip.compress(tar, mtime=0)
    (tmp_path / "plain.tar").write_bytes(whole)
    stargz = Stored(tar, packed)
    (tmp_path / "stargz.tar").write_bytes(stargz.archive())
    assert blob != packed
    (plain,), (image,) = open_images(str(tmp_path / "plain.tar")), open_images(str(tmp_path / "stargz.tar"))
    assert sizes(image) == sizes(plain)
    assert set(image.tree) == {".no.prefetch.landmark", *FILES, "stargz.index.json"}
    assert image.read("srv/b/c") == b"c" * 700
    # A member that is damaged is not passed over.
    for at in (len(packed) // 2, len(packed) - 60):
        damaged = packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :]
        (tmp_path / "broken.tar").write_bytes(Stored(tar, damaged).archive())
        assert "broken.tar: blobs/sha256/" in refused(tmp_path / "broken.tar").subject


class Stored:
    """An image of one layer, whose stored bytes are given."""

    def __init__(self, tar: bytes, packed: bytes) -> None:
        self.tar, self.packed = tar, packed

    def archive(self) -> bytes:
        config = Saved((self.tar,)).raw
        manifest = json.dumps({
            "schemaVersion": 2,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(self.packed)}],
        }).encode()  # fmt: skip
        index = json.dumps({"schemaVersion": 2, "manifests": [{"digest": digest(manifest)}]}).encode()
        blobs = {f"blobs/sha256/{digest(one)[7:]}": one for one in (config, self.packed, manifest)}
        return outer_tar({"oci-layout": b"{}", "index.json": index, **blobs})


def test_zstd_chunked_with_a_damaged_table_is_read_and_a_damaged_frame_is_not(tmp_path: Path) -> None:
    tar = layer_tar(FILES)
    packed = zstd_chunked(tar)
    path = tmp_path / "a.tar"
    # The table is for those who fetch single files: the layer's bytes don't hang on it.
    path.write_bytes(Stored(tar, packed[:-20] + b"x" * 20).archive())
    (image,) = open_images(str(path))
    assert image.layers[0].diff_id == digest(tar)
    path.write_bytes(Stored(tar, packed[:30] + b"\0" * 9 + packed[39:]).archive())
    assert "a.tar: blobs/sha256/" in refused(path).subject
    path.write_bytes(Stored(tar, packed[: len(packed) // 4]).archive())
    assert refused(path).hint


@pytest.mark.parametrize("blocks", [1, 13, 22])
def test_zstd_chunked_without_the_zeros_at_the_end(blocks: int, tmp_path: Path) -> None:
    """As skopeo 1.9 writes it: its diff ID is of the tar with them."""
    short = layer_tar(FILES).rstrip(b"\0")
    short += bytes(-len(short) % 512)
    path = tmp_path / "a.tar"
    path.write_bytes(Stored(short + bytes(512 * blocks), zstd_chunked(short)).archive())
    (image,) = open_images(str(path))
    assert image.content_bytes == sum(len(str(one)) for one in FILES.values())
    assert f"lacks {512 * blocks} zeros" in image.oddities()[0]
    # With anything else at the end it is another layer.
    for wrong in (bytes(512 * blocks - 1) + b"x", bytes(512 * 23)):
        path.write_bytes(Stored(short + wrong, zstd_chunked(short)).archive())
        assert "diff ID" in refused(path).problem


# Layouts that share a folder of blobs


def shared(tmp_path: Path, *names: str) -> Path:
    """Layouts of one image in folders of these names, the blobs in a folder beside them."""
    for name in names:
        oci_directory(tmp_path / name, IMAGE)
        blobs = tmp_path / name / "blobs/sha256"
        (tmp_path / "pool/sha256").mkdir(parents=True, exist_ok=True)
        for one in blobs.iterdir():
            one.replace(tmp_path / "pool/sha256" / one.name)
        blobs.rmdir()
        if name == "a":  # skopeo leaves an empty folder
            blobs.parent.rmdir()
    return tmp_path


def test_layouts_with_a_shared_folder_of_blobs(tmp_path: Path) -> None:
    (alone,) = open_images(str(oci_directory(tmp_path / "alone/a", IMAGE)))
    root = shared(tmp_path / "together", "a", "b")
    for name in "ab":
        (image,) = open_images(str(root / name))
        assert (sizes(image), image.id) == (sizes(alone), alone.id)
    # One with blobs of its own takes none of others.
    oci_directory(root / "c", IMAGE)
    gone = next(iter((root / "c/blobs/sha256").iterdir()))
    gone.unlink()
    assert gone.name in refused(root / "c").problem


def test_a_shared_blob_that_is_another_one_is_refused(tmp_path: Path) -> None:
    root = shared(tmp_path, "a")
    largest = max((root / "pool/sha256").iterdir(), key=lambda one: one.stat().st_size)
    largest.write_bytes(b"x" + largest.read_bytes()[1:])
    assert largest.name in str(refused(root / "a").subject) + refused(root / "a").problem


def test_a_layout_reaches_nothing_but_blobs_beside_it(tmp_path: Path) -> None:
    secret = tmp_path / "other/home/secret"
    secret.parent.mkdir(parents=True)
    secret.write_text("{}")
    layout = tmp_path / "layout"
    layout.mkdir()
    for wanted in ("home:secret", "sha256:../home/secret", "../other:home/secret", "sha256:" + "0" * 64):
        (layout / "index.json").write_text(json.dumps({"manifests": [{"digest": wanted}]}))
        assert "missing" in refused(layout).problem


# Root file systems

ROOT: LayerFiles = {
    "etc/": DIRECTORY, "etc/os-release": "ID=debian\n", "usr/bin/tool": "t" * 900, ".dockerenv": "",
    "var/lib/apt/lists/a": "l" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
def test_a_root_file_system_is_an_image_of_one_layer(packed: bool, tmp_path: Path) -> None:
    tar = layer_tar(ROOT)
    path = tmp_path / "root.tar"
    path.write_bytes(gzip.compress(tar) if packed else tar)
    (image,) = open_images(str(path))
    assert [one.diff_id for one in image.layers] == [digest(tar)]
    assert (image.content_bytes, image.live_bytes, image.has_configuration) == (1_000_910, 1_000_910, False)
    assert image.read("etc/os-release") == b"ID=debian\n"
    assert "docker export" in image.oddities()[0]


@pytest.mark.parametrize(
    "own",
    [
        {"manifest.json": '{"name": "shop", "icons": []}'},
        {"manifest.json": '["a.js", "b.css"]'},
        {"manifest.json": "not JSON"},
        {"manifest.json": '{"layers": ["base"]}', "oci-layout": "mine"},
        {"index.json": '{"manifests": 3}', "blobs/sha256/readme": "x", "blobs/a": "x"},
        {"index.json": "[]", "repositories": "https://example.org/alpine\n"},
        {"srv/x/layer.tar": "no tar", "srv/x/json": "[]"},
        {"x/layer.tar": layer_tar({"a": "b"}), "x/json": '{"size": 3}', "a" * 64: "x"},
    ],
)
def test_a_root_file_system_with_files_that_are_named_like_an_image_s(
    own: LayerFiles, tmp_path: Path
) -> None:
    path = tmp_path / "root.tar"
    path.write_bytes(layer_tar({**ROOT, **own}))
    (image,) = open_images(str(path))
    assert not image.has_configuration
    assert own.keys() <= image.tree.keys()
    if "a" * 64 not in own:  # which could be left of a saved image
        path.write_bytes(layer_tar({"etc/a": "a", "usr/b": "b", **own}))
        (image,) = open_images(str(path))
        assert own.keys() <= image.tree.keys()


@pytest.mark.parametrize("form", ["docker_legacy", "oci_archive", "docker_before_1_10"])
def test_a_saved_image_beside_files_of_a_root_is_an_image(form: str, tmp_path: Path) -> None:
    """An engine would load it; who adds `.dockerenv` to it must not hide it."""
    made = {
        "docker_legacy": docker_legacy,
        "oci_archive": oci_archive,
        "docker_before_1_10": docker_before_1_10,
    }
    path = tmp_path / "a.tar"
    path.write_bytes(made[form](IMAGE))
    with tarfile.open(path, "a") as tar:
        for name in (".dockerenv", "etc/passwd", "usr/bin/sh"):
            tar.addfile(tarfile.TarInfo(name))
    (image,) = open_images(str(path))
    assert image.config.user == "7"


def test_of_a_root_file_system_only_its_files_are_judged(tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(
        layer_tar({**ROOT, "root/.netrc": "machine a login b password c0rrecth0rse\n"})
    )
    ran = imglint("audit", "--image", "root.tar", "-f", "json", cwd=tmp_path)
    parsed: dict[str, Any] = json.loads(ran.stdout)
    codes = {one["code"] for one in parsed["findings"]}
    assert {"AV0307", "AV0802"} <= codes
    assert not codes & {"DL3002", "AV0601", "AV0402", "IL002"}
    cells = {one["antipattern"]: one["verdict"] for one in parsed["matrix"] if one["evidence"] == "image"}
    assert (cells[3], cells[8], cells[9], cells[6]) == ("fail", "fail", "unknown", "unknown")
    assert any("root file system" in note for note in parsed["notes"])


def test_a_root_file_system_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(layer_tar(ROOT))
    (image,) = open_images(str(tmp_path / "root.tar"))
    with pytest.raises(InputError, match="says nothing of what is to start"):
        image.docker_archive("a:1")


@pytest.mark.parametrize(
    "members",
    [
        {"src/main.c": "x", "README": "x"},
        {"etc/passwd": "x"},
        {"usr/bin/x": "x", "etc/y": "y", "oci-layout": '{"imageLayoutVersion": "1.0.0"}'},
        {"usr/bin/x": "x", "etc/y": "y", "blobs/sha256/" + "0" * 64: "x"},
        {"0" * 64 + "/layer.tar": layer_tar({"etc/a": "x", "usr/b": "y"})},
        {},
    ],
)
def test_what_is_no_root_file_system(members: LayerFiles, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(layer_tar(members))
    error = refused(tmp_path / "a.tar")
    assert "is no root file system" in error.problem
    assert "docker save" in error.hint


def test_a_root_file_system_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(layer_tar(ROOT)[:500_000])
    error = refused(tmp_path / "a.tar")
    assert (error.subject, "at offset 500000" in error.problem) == (str(tmp_path / "a.tar"), True)
    assert "var/lib/apt/lists/a" in error.problem


# Docker before 1.10


@pytest.mark.parametrize("unpacked", [False, True])
def test_docker_before_1_10(unpacked: bool, tmp_path: Path) -> None:
    other = Saved.of(FILES, {"srv/e": "e"}, tags=("other:2", "other:3"))
    path = tmp_path / "a.tar"
    path.write_bytes(docker_before_1_10(IMAGE, other))
    if unpacked:
        with tarfile.open(path) as tar:
            tar.extractall(tmp_path / "a", filter="data")
        path = tmp_path / "a"
    first, second = open_images(str(path))
    (today,) = open_images(str(write(tmp_path / "today.tar", docker_legacy(IMAGE))))
    assert sizes(first) == sizes(today)
    assert (first.tags, second.tags) == (("example:1.0",), ("other:2", "other:3"))
    assert (first.config.cmd, first.config.user, first.platform) == (("/srv/a",), "7", "linux/amd64")
    assert [(one.text, one.layer) for one in first.steps] == [("COPY part0 /", 0), ("COPY part1 /", 1)]
    assert [(one.bytes, one.added_by, one.hidden_by) for one in first.waste] == [(3000, 0, 1)]
    (chosen,) = open_images(str(path), select=parse_source(f"docker-archive:{path}:other:3").select)
    assert chosen.id == second.id


def test_docker_before_1_10_has_the_id_that_an_engine_gives_it(tmp_path: Path) -> None:
    image = Saved.of(
        FILES, {"srv/a": None, "srv/d": "d<&>" * 9}, tags=("shop:1",),
        config={"Cmd": ["/srv/a"], "User": "7", "Env": ["A=<b>&\u2028é"]},
        top={"docker_version": "1.9.1", "author": "Zoë <z@example.org>"},
    )  # fmt: skip
    (read,) = open_images(str(write(tmp_path / "a.tar", docker_before_1_10(image))))
    # Docker 20.10 loads this archive under this ID.
    assert read.id == "sha256:7fd6a6e1d572876d644708758fecfdd7b10b6d3d9b00ad436095336fbb74a171"


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_docker_before_1_10_without_names(tmp_path: Path) -> None:
    # Of `docker save ID` the image is the one that no other is built on.
    (image,) = open_images(str(write(tmp_path / "a.tar", docker_before_1_10(IMAGE, names=False))))
    assert (len(image.layers), image.tags) == (2, ())


def folder(parent: object = None, **more: Any) -> dict[str, Any]:
    return {"created": CREATED, "architecture": "amd64", "os": "linux", "parent": parent, **more}


def old(members: dict[str, object], repositories: object = None) -> bytes:
    """An archive of these folders; each has a layer, and the given value as its JSON."""
    files: dict[str, bytes] = {}
    for name, value in members.items():
        files[f"{name}/json"] = value if isinstance(value, bytes) else json.dumps(value).encode()
        files[f"{name}/layer.tar"] = layer_tar({f"srv/{name}": name})
    if repositories is not None:
        files["repositories"] = json.dumps(repositories).encode()
    return outer_tar(files)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (old({"a": folder("b"), "b": folder("a")}, {"x": {"1": "a"}}), "a/json"),
        (old({"a": folder("a")}, {"x": {"1": "a"}}), "a/json"),
        (old({"a": folder("gone")}), "gone/json"),
        (old({"a": folder()}, {"x": {"1": "gone"}}), "gone/json"),
        (old({"a": folder(["b"])}), "a/json"),
        (old({"a": [1]}), "a/json"),
        (old({"a": b"{"}), "a/json"),
        (old({"a": folder()}, ["x"]), "repositories"),
        (old({"a": folder()}, {"x": "a"}), "repositories"),
        (old({"a": folder()}, {"x": {"1": 2}}), "repositories"),
        (outer_tar({"repositories": b"{}"}), "a.tar"),
        (outer_tar({"repositories": b'{"x":{"1":"a"}}', "a/json": b"{}"}), "a/layer.tar"),
        (outer_tar({"a/json": b"{}", "a/layer.tar": b"x" * 600}), "a/layer.tar"),
        (old({"a": folder(config=[1])}), "a/json"),
    ],
)
def test_wrong_archives_of_docker_before_1_10(data: bytes, named: str, tmp_path: Path) -> None:
    error = refused(write(tmp_path / "a.tar", data))
    assert named in f"{error.subject} {error.problem}"
    assert str(tmp_path / "a.tar") in error.subject
    assert error.hint
