"""Sparse files, in each of the forms in which GNU tar writes them."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
import xxhash
from image_archives import Saved, docker_legacy, layer_tar

from imglint.analyzer import InputError
from imglint.analyzer.image import Image, open_images
from imglint.analyzer.image.sparse import Pieces, SparseDigests
from imglint.config import Settings
from imglint.measuring import measure

MEGABYTE = 1 << 20
FORMS = {
    "gnu": ["--format=gnu"],
    **{version: ["--format=pax", f"--sparse-version={version}"] for version in ("0.0", "0.1", "1.0")},
}
HEAD = b"a" * 4096


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A beginning and a hole; pieces in many places, the last at the end; a hole alone."""
    directory = tmp_path_factory.mktemp("sparse")
    with open(directory / "head", "wb") as file:
        file.write(HEAD)
        file.truncate(3 * MEGABYTE)
    with open(directory / "many", "wb") as file:
        for at in range(40):  # more than stand in a header of the oldest form
            file.seek(at * 65536 + 32768)
            file.write(bytes([at + 1]) * 4096)
    with open(directory / "hole", "wb") as file:
        file.truncate(2 * MEGABYTE)
    return directory


def opened(tmp_path: Path, *layers: bytes) -> Image:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(Saved(layers)))
    return open_images(str(path))[0]


@pytest.mark.parametrize("form", FORMS)
def test_its_digest_is_that_of_what_readers_see(form: str, files: Path, tmp_path: Path) -> None:
    command = ["tar", "--sparse", *FORMS[form], "-C", str(files), "-cf", "-", "head", "many", "hole"]
    sparse = subprocess.run(command, capture_output=True, check=True).stdout
    assert len(sparse) < MEGABYTE
    image = opened(tmp_path, sparse, layer_tar({"head": (files / "head").read_bytes()}))
    for name in ("head", "many", "hole"):
        content = (files / name).read_bytes()
        entry = next(one for one in image.layers[0].files if one.path == name)
        assert (entry.size, entry.digest) == (len(content), xxhash.xxh3_128_digest(content))
    # The same file without its hole.
    assert [(one.cause, one.paths) for one in image.waste] == [
        ("overwritten with the same content", ("head",))
    ]
    assert "7.7 MB of layer 0's content are holes" in image.oddities()[0], image.oddities()


def test_equal_sizes_are_no_equal_contents(files: Path, tmp_path: Path) -> None:
    with open(tmp_path / "head", "wb") as file:
        file.write(b"b" * 4096)
        file.truncate(3 * MEGABYTE)
    layers = [
        subprocess.run(
            ["tar", "--sparse", "-C", str(place), "-cf", "-", "head"], capture_output=True, check=True
        ).stdout
        for place in (files, tmp_path)
    ]
    assert [one.cause for one in opened(tmp_path, *layers).waste] == ["overwritten with new content"]


def one_piece(text: str, content: bytes = bytes(512), realsize: str = "5000000") -> bytes:
    """A layer with a sparse file of the form 1.0 whose map is this text."""
    info = tarfile.TarInfo("GNUSparseFile.0/big")
    data = text.encode().ljust(512, b"\0") + content
    info.size = len(data)
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "big",
        "GNU.sparse.realsize": realsize,
    }
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "realsize", "problem"),
    [
        ("1\n0\n513\n", "5000000", "map of a sparse file is damaged"),  # more than is stored
        ("2\n512\n256\n0\n256\n", "5000000", "map of a sparse file is damaged"),  # backwards
        ("1\n4999999\n512\n", "5000000", "map of a sparse file is damaged"),  # over the end
        ("9999999\n", "5000000", "map of a sparse file is damaged"),
        ("x\n", "5000000", "map of a sparse file is damaged"),
        ("1\n0\n512\n", "999999999999999999", "claims 999999999999999999 bytes, which no disk holds"),
    ],
)
def test_what_makes_no_sense(text: str, realsize: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=problem):
        opened(tmp_path, one_piece(text, realsize=realsize))


def test_a_claim_of_terabytes_is_told_and_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    claim = one_piece("1\n0\n512\n", realsize=str(9 << 40))
    path.write_bytes(docker_legacy(Saved((claim, claim, one_piece("1\n0\n512\n", b"x" * 512, str(9 << 40))))))
    report = measure([str(path)], Settings())
    assert [one.count("9.9 TB") for one in report.notes] == [1, 1, 1]
    assert "writes them out as zeros" in report.notes[0]
    (image,) = report.images
    assert [one.cause for one in image.waste] == ["the same layer again", "overwritten with new content"]


def test_beyond_the_bound_the_map_counts() -> None:
    data = b"one-two."
    pieces = Pieces(0, ((0, 4), (1000, 4)))

    def take(at: int, length: int) -> bytes:
        return data[at : at + length]

    exact = SparseDigests().digest(take, pieces, 2000)
    assert exact == xxhash.xxh3_128_digest(b"one-" + bytes(996) + b"two." + bytes(996))
    bounded = SparseDigests(most_zeros=1000).digest(take, pieces, 2000)
    assert bounded != exact
    assert bounded != SparseDigests(most_zeros=1000).digest(take, Pieces(0, ((0, 4), (1001, 4))), 2000)
