"""What files of any layer hold, held against tarfile and against what GNU tar packed."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from image_archives import Node, Saved, docker_legacy, layer_tar, oci_archive

from imglint.analyzer import InputError
from imglint.analyzer.image import Image, open_images
from imglint.analyzer.image.content import BLOCK

CONTENT = {"a": b"first", "d/empty": b"", "d/large": bytes(range(256)) * 12_000, "z": b"\0\xff"}
FILES: dict[str, str | bytes | Node | None] = {**CONTENT}
FORMS = {"plain": docker_legacy, "gzip": oci_archive}


def opened(tmp_path: Path, archive: bytes) -> Image:
    path = tmp_path / "image.tar"
    path.write_bytes(archive)
    return open_images(str(path))[0]


@pytest.mark.parametrize("form", FORMS)
def test_files_of_each_layer_are_what_tarfile_reads(form: str, tmp_path: Path) -> None:
    tars = [layer_tar(FILES), layer_tar({"a": "second", "z": None})]
    image = opened(tmp_path, FORMS[form](Saved(tuple(tars))))
    entries = [entry for layer in image.layers for entry in reversed(layer.files)]
    found = {(entry.layer, entry.path): b"".join(blocks) for entry, blocks in image.contents(entries)}
    told = {}
    for layer, tar in enumerate(tars):
        with tarfile.open(fileobj=io.BytesIO(tar)) as reader:
            for member in reader:
                if ".wh." not in member.name and (content := reader.extractfile(member)) is not None:
                    told[layer, member.name] = content.read()
    assert found == told
    assert found[0, "a"] == b"first" and found[1, "a"] == b"second"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("limit", [0, 1, 5, BLOCK, BLOCK + 1, 10 * BLOCK])
def test_a_limit_ends_each_file(form: str, limit: int, tmp_path: Path) -> None:
    image = opened(tmp_path, FORMS[form](Saved.of(FILES)))
    for entry, blocks in image.contents(image.layers[0].files, limit):
        whole = CONTENT[entry.path]
        held = list(blocks)
        assert b"".join(held) == whole[:limit]
        assert all(len(block) <= BLOCK for block in held)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", ["--format=gnu", *(f"--sparse-version={n}" for n in ("0.0", "0.1", "1.0"))])
def test_a_sparse_file_has_its_holes(form: str, how: str, tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        for at in range(9):
            file.seek(at * 300_000 + 8192)
            file.write(bytes([at + 1]) * 4096)
        file.truncate(4 * BLOCK)
    (tmp_path / "beside").write_bytes(b"beside")
    form_of_tar = [how] if how.startswith("--format") else ["--format=pax", how]
    command = ["tar", "--sparse", *form_of_tar, "-C", str(tmp_path), "-cf", "-", "sparse", "beside"]
    tar = subprocess.run(command, capture_output=True, check=True).stdout
    image = opened(tmp_path, FORMS[form](Saved((tar,))))
    whole = (tmp_path / "sparse").read_bytes()
    found = {entry.path: b"".join(blocks) for entry, blocks in image.contents(image.layers[0].files)}
    assert found == {"sparse": whole, "beside": b"beside"}
    for limit in (8192, 10_000, 310_000, 3 * BLOCK):
        found = {
            entry.path: b"".join(blocks) for entry, blocks in image.contents(image.layers[0].files, limit)
        }
        assert found["sparse"] == whole[:limit]


def test_a_layer_that_shrinks_meanwhile_is_told(tmp_path: Path) -> None:
    image = opened(tmp_path, docker_legacy(Saved.of(FILES)))
    with open(tmp_path / "image.tar", "r+b") as file:
        file.truncate(4096)
    with pytest.raises(InputError, match="ends inside 'd/large'"):
        for _, blocks in image.contents(image.layers[0].files):
            b"".join(blocks)
