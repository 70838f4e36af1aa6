"""Bad archives give one clear error that names the place, and never anything else."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from image_archives import (
    FORMS,
    Node,
    Saved,
    containers_image,
    crane,
    digest,
    docker_layout,
    docker_legacy,
    layer_tar,
    oci_archive,
    oci_directory,
    outer_tar,
    symlink,
)
from properties import given, st

from imglint.analyzer import InputError
from imglint.analyzer.image import Image, open_images

IMAGE = Saved.of(
    {"etc/passwd": "root:x:0:0:::\n", "srv/a": "a" * 3000}, {"srv/a": "b" * 2000}, {"srv/a": None}
)


def refused(tmp_path: Path, data: bytes, *, verify: bool = True) -> InputError:
    """The error that an archive of these bytes gives."""
    path = tmp_path / "image.tar"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_images(str(path), verify=verify)
    assert str(path) in caught.value.subject
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def manifest(config: object = "c.json", layers: object = (), **more: object) -> bytes:
    """A manifest.json of one image."""
    return json.dumps([{"Config": config, "RepoTags": None, "Layers": layers, **more}]).encode()


def configuration(*diff_ids: str, **more: object) -> bytes:
    return json.dumps({"rootfs": {"type": "layers", "diff_ids": diff_ids}, **more}).encode()


def test_what_is_no_archive(tmp_path: Path) -> None:
    for data, problem in (
        (b"", "is empty"),
        (b"hello", "is no tar archive"),
        (b"no tar at all " * 100, "is no tar archive"),
        (b"\x7fELF" + bytes(2000), "is no tar archive"),
        (b"\x04\x22\x4d\x18" + bytes(600), "is LZ4 data, which is not read"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(600), "is a 7z archive, which is not read"),
        (outer_tar({"etc/passwd": b"x"}), "neither manifest.json nor index.json"),
        (bytes(10240), "neither manifest.json nor index.json"),
    ):
        assert problem in refused(tmp_path, data).problem


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    for path, problem in (
        (tmp_path / "missing.tar", "no such file"),
        (tmp_path / "directory", "is a directory, but no OCI layout"),
        (Path("/dev/null"), "no regular file"),
        (tmp_path / "nul\0byte", "null"),
    ):
        with pytest.raises(InputError, match=problem):
            open_images(str(path))


@pytest.mark.parametrize("part", ["config", "layer"])
@pytest.mark.parametrize("form", [docker_legacy, docker_layout, containers_image, crane, oci_archive])
def test_a_missing_blob_is_named(form: Callable[..., bytes], part: str, tmp_path: Path) -> None:
    image = Saved.of({"a": "x" * 50})
    members = {}
    with tarfile.open(fileobj=io.BytesIO(form(image))) as tar:
        for info in tar:
            stream = tar.extractfile(info) if info.isreg() else None
            data = stream.read() if stream else b""
            is_layer = data[:2] == b"\x1f\x8b" or data[257:262] == b"ustar"
            if not ((part == "config" and data == image.raw) or (part == "layer" and is_layer)):
                members[info.name] = symlink(info.linkname) if info.issym() else data
    problem = refused(tmp_path, outer_tar(members)).problem
    assert "missing" in problem
    assert ("configuration" if part == "config" else "layer 0") in problem


@pytest.mark.parametrize("cut", [1, 511, 600, 1200, 2000, 5000])
def test_a_truncated_archive(cut: int, tmp_path: Path) -> None:
    whole = docker_legacy(IMAGE)
    error = refused(tmp_path, whole[: len(whole) - 10240 - cut])
    assert "truncated" in error.problem or "missing" in error.problem or "neither" in error.problem


def test_a_member_that_reaches_beyond_the_end(tmp_path: Path) -> None:
    error = refused(tmp_path, docker_legacy(IMAGE)[:6000])
    assert "at offset 6000" in error.problem
    assert "layer.tar" in error.problem


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_layer_that_is_not_what_the_image_states(form: Callable[..., Path], tmp_path: Path) -> None:
    stated = IMAGE.diff_ids[0]

    class Lying(Saved):
        @property
        def diff_ids(self) -> list[str]:
            return [stated, *super().diff_ids[1:]]

    other = layer_tar({"srv/a": "c" * 3000})
    path = form(tmp_path, Lying((other, *IMAGE.layers[1:])))
    with pytest.raises(InputError) as caught:
        open_images(str(path))
    assert stated in caught.value.problem
    assert digest(other) in caught.value.problem
    (image,) = open_images(str(path), verify=False)
    assert image.content_bytes == 5000


def test_a_configuration_that_is_not_what_its_name_states(tmp_path: Path) -> None:
    data = docker_legacy(IMAGE).replace(b'"linux"', b'"lunix"')
    error = refused(tmp_path, data)
    assert IMAGE.id in error.problem
    assert IMAGE.id[7:] in error.subject
    path = tmp_path / "image.tar"
    assert open_images(str(path), verify=False)[0].platform == "lunix/amd64"


def test_more_layers_than_diff_ids(tmp_path: Path) -> None:
    members = {"c.json": configuration(), "a.tar": layer_tar({}), "manifest.json": manifest(layers=["a.tar"])}
    assert "lists 1 layers, but its configuration has 0" in refused(tmp_path, outer_tar(members)).problem


@pytest.mark.parametrize(
    "data",
    [
        b"{", b"\xff", b"null", b"[]", b"[1]", b'"x"', b"[" * 100_000, b'{"config":1}', b"1" * 10_000,
        b"NaN", manifest(1), manifest(layers="x"), manifest(layers=[1]), manifest("missing"),
        manifest("manifest.json"), manifest(RepoTags=[1]),
    ],
)  # fmt: skip
def test_bad_json_of_a_docker_archive(data: bytes, tmp_path: Path) -> None:
    for members in ({"manifest.json": data}, {"manifest.json": manifest(), "c.json": data}):
        refused(tmp_path, outer_tar(members))


@pytest.mark.parametrize(
    "index",
    [
        None, 1, [], {}, {"manifests": 1}, {"manifests": [1]}, {"manifests": [{}]},
        {"manifests": [{"digest": 1}]}, {"manifests": [{"digest": "sha256:" + "0" * 64}]},
        {"manifests": [{"digest": "x"}]}, {"manifests": [{"digest": "../../etc/passwd"}]},
        {"manifests": [{"digest": "a:b", "annotations": 1}]},
    ],
)  # fmt: skip
def test_bad_indexes(index: object, tmp_path: Path) -> None:
    refused(tmp_path, outer_tar({"index.json": json.dumps(index).encode()}))


def test_indexes_in_themselves(tmp_path: Path) -> None:
    """Each of the indexes lists all of them, which would never end."""
    names = [f"sha256:{number:064}" for number in range(20)]
    index = json.dumps({"manifests": [{"digest": one} for one in names]}).encode()
    members = {f"blobs/sha256/{number:064}": index for number in range(20)} | {"index.json": index}
    assert "nested too deeply" in refused(tmp_path, outer_tar(members), verify=False).problem


@pytest.mark.parametrize(
    ("kind", "there", "problem"),
    [
        ("layer.v1.tar+gzip+encrypted", True, "layer 0 is encrypted"),
        ("layer.nondistributable.v1.tar+gzip", False, "layer 0 is a foreign one"),
        ("layer.nondistributable.v1.tar+gzip", True, ""),
        ("layer.v1.tar+gzip", False, "is missing"),
    ],
)
def test_layers_that_can_not_be_had(kind: str, there: bool, problem: str, tmp_path: Path) -> None:
    path = oci_directory(tmp_path / "image", Saved.of({"a": "x"}))
    index = json.loads((path / "index.json").read_text())
    manifest = path / "blobs/sha256" / index["manifests"][0]["digest"][7:]
    document = json.loads(manifest.read_text())
    (layer,) = document["layers"]
    layer["mediaType"] = f"application/vnd.oci.image.{kind}"
    if not there:
        (path / "blobs/sha256" / layer["digest"][7:]).unlink()
    raw = json.dumps(document).encode()
    (manifest.parent / digest(raw)[7:]).write_bytes(raw)
    index["manifests"][0]["digest"] = digest(raw)
    (path / "index.json").write_text(json.dumps(index))
    if not problem:
        assert open_images(str(path))[0].content_bytes == 1
        return
    with pytest.raises(InputError, match=problem):
        open_images(str(path))


def test_a_manifest_of_schema_1(tmp_path: Path) -> None:
    document = {"schemaVersion": 1, "name": "shop", "fsLayers": [], "history": []}
    assert (
        "is of schema 1"
        in refused(tmp_path, outer_tar({"manifest.json": json.dumps(document).encode()})).problem
    )


def test_an_artifact_is_no_image(tmp_path: Path) -> None:
    document = {
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}")},
        "layers": [],
    }
    raw = json.dumps(document).encode()
    index = {"manifests": [{"digest": digest(raw)}]}
    members = {f"blobs/sha256/{digest(raw)[7:]}": raw, "index.json": json.dumps(index).encode()}
    assert "holds no image" in refused(tmp_path, outer_tar(members)).problem


@pytest.mark.parametrize(
    "more",
    [
        {"config": 1}, {"config": {"Env": 1}}, {"config": {"Env": [1]}}, {"config": {"User": 1}},
        {"config": {"Labels": []}}, {"config": {"Healthcheck": 1}}, {"config": {"Volumes": "/a"}},
        {"history": 1}, {"history": [1]},
    ],
)  # fmt: skip
def test_bad_configurations(more: dict[str, object], tmp_path: Path) -> None:
    refused(tmp_path, outer_tar({"manifest.json": manifest(), "c.json": configuration(**more)}))


def test_odd_configurations_that_are_read(tmp_path: Path) -> None:
    check = {"Test": ["NONE"], "Interval": 10**400}
    config = {"Env": None, "Labels": None, "Entrypoint": "/bin/sh", "Healthcheck": check}
    path = tmp_path / "image.tar"
    more = {"config": config, "history": None, "os": 7, "created": 1}
    path.write_bytes(outer_tar({"manifest.json": manifest(), "c.json": configuration(**more)}))
    (image,) = open_images(str(path))
    assert image.config.entrypoint == ("/bin/sh",)
    assert image.created is None


def test_links_between_members_that_lead_nowhere(tmp_path: Path) -> None:
    config = configuration(digest(layer_tar({})))
    base = {"c.json": config, "manifest.json": manifest(layers=["a/layer.tar"])}
    assert (
        "back to itself"
        in refused(tmp_path, outer_tar({**base, "a/layer.tar": symlink("layer.tar")})).problem
    )
    assert (
        "missing"
        in refused(tmp_path, outer_tar({**base, "a/layer.tar": symlink("../../../etc/passwd")})).problem
    )


@pytest.mark.parametrize("form", [crane, oci_archive])
def test_damaged_compression(form: Callable[..., bytes], tmp_path: Path) -> None:
    for how, magic in (("gzip", b"\x1f\x8b"), ("zstd", b"\x28\xb5\x2f\xfd")):
        data = bytearray(form(Saved.of({"a": os.urandom(5000)}), how=how))
        at = data.index(magic)
        for offset in (at + 12, at + 2500, at + 4900):
            broken = bytearray(data)
            broken[offset : offset + 40] = bytes(40)
            refused(tmp_path, bytes(broken))


def test_a_whole_archive_with_damaged_compression(tmp_path: Path) -> None:
    data = gzip.compress(docker_legacy(IMAGE))
    assert "damaged" in refused(tmp_path, data[:-100]).problem
    assert "damaged" in refused(tmp_path, b"\x1f\x8b" + bytes(50)).problem


def test_headers_without_end_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imglint.analyzer.image.layer._MAX_HELD", 1_000_000)
    entry = layer_tar({"a" * 90: ""})[:512]
    error = refused(tmp_path, crane(Saved((entry * 100_000,)), how="zstd"))
    assert "more entries than fit in memory" in error.problem


def test_bytes_without_end_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imglint.analyzer.image.blob.MAX_UNPACKED", 50_000_000)
    bomb = layer_tar({"a": ""})[:512] + bytes(60_000_000)
    assert "unpacks to more than" in refused(tmp_path, crane(Saved((bomb,)), how="zstd")).problem


def test_json_of_any_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imglint.analyzer.image.archive._MAX_JSON", 1000)
    error = refused(tmp_path, outer_tar({"manifest.json": b"[" + b" " * 2000 + b"]"}))
    assert "2002 bytes where at most 1000" in error.problem


def test_a_whole_archive_is_spooled_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    data = zstandard.compress(docker_legacy(IMAGE))
    path = tmp_path / "image.tar.zst"
    path.write_bytes(data)
    assert open_images(str(path))[0].id == IMAGE.id
    assert [one.name for one in tmp_path.iterdir()] == ["image.tar.zst"]


def look_at_everything(image: Image) -> None:
    """Touch all that is computed late."""
    assert image.live_bytes + image.wasted_bytes == image.content_bytes
    assert sum(one.bytes for one in image.waste) == image.wasted_bytes
    assert sum(one.live_bytes for one in image.layers) == image.live_bytes
    for path in list(image.tree)[:20]:
        image.read(path)
    image.effective_uid()


WHOLE = (docker_legacy, docker_layout, oci_archive)


@given(data=st.data())
@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("verify", [True, False])
def test_any_change_gives_an_image_or_an_input_error(
    form: Callable[..., bytes], verify: bool, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(form(IMAGE))
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers are where changes matter most: the first 512 bytes of each member.
        block = data.draw(st.integers(0, len(whole) // 512 - 1)) * 512
        at = block + data.draw(
            st.sampled_from([0, 99, 100, 108, 116, 124, 130, 135, 156, 157, 257, 263, 345, 482])
        )
        change = data.draw(st.binary(min_size=1, max_size=13))
        whole[at : at + len(change)] = change
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole))) :]
    path = tmp_path_factory.mktemp("image") / "image.tar"
    path.write_bytes(whole)
    try:
        for image in open_images(str(path), verify=verify):
            look_at_everything(image)
    except InputError as error:
        assert error.problem


@given(st.binary(max_size=3000))
def test_any_bytes_give_an_input_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("image") / "image.tar"
    for layer in (data, layer_tar({"a": "x"})[:1024] + data):
        saved = Saved((layer,))
        for whole in (layer, docker_legacy(saved), crane(saved)):
            path.write_bytes(whole)
            try:
                for image in open_images(str(path)):
                    look_at_everything(image)
            except InputError as error:
                assert error.problem


def test_the_file_that_goes_with_a_node_is_described(tmp_path: Path) -> None:
    """A device or a fifo in a layer is no content."""
    kinds = {"dev/null": tarfile.CHRTYPE, "dev/sda": tarfile.BLKTYPE, "run/pipe": tarfile.FIFOTYPE}
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(Saved.of({name: Node(kind=kind) for name, kind in kinds.items()})))
    (image,) = open_images(str(path))
    assert [one.kind for one in image.tree.values()] == ["character device", "block device", "fifo"]
    assert image.content_bytes == 0
