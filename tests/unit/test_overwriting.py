"""What options write: each its own file, and nothing that was read."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import imglint
from image_archives import Saved, docker_legacy, oci_directory


def saved(path: Path) -> Path:
    path.write_bytes(docker_legacy(Saved.of({"srv/a": "a" * 900})))
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("image", "a.tar", "--graph", "x.json", "-o", "x.json"), "--output and --graph both write x.json"),
        (("image", "a.tar", "--graph", "x.svg", "-f", "text", "-o", "./x.svg"), "--output and --graph both write x.svg"),
        (("image", "a.tar", "--record", "s.csv", "-f", "text", "-o", "s.csv"), "--output and --record both write s.csv"),
        (("verify", "a:1", "--write-expect", "e", "-o", "e"), "--output and --write-expect both write e"),
        (("push", "a:1", "--record", "p", "-o", "p"), "--output and --record both write p"),
    ],
)  # fmt: skip
def test_two_options_never_write_one_file(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    saved(tmp_path / "a.tar")
    ran = imglint(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert told in " ".join(ran.stderr.decode().replace("│", " ").split())
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("image", "a.tar", "-f", "text", "-o", "a.tar"),
        ("image", "docker-archive:a.tar", "-f", "text", "-o", "a.tar"),
        ("image", "a.tar:@0", "-f", "text", "-o", "link.tar"),
        ("image", "b.tar", "--against", "a.tar", "-f", "text", "-o", "a.tar"),
        ("history", "docker-archive:a.tar", "-f", "text", "-o", "a.tar"),
        ("diff", "b.tar", "b.tar", "--base", "a.tar", "-f", "text", "-o", "a.tar"),
        ("audit", "--image", "docker-archive:a.tar", "-f", "text", "-o", "a.tar"),
        ("audit", "--image", "b.tar", "--against", "a.tar", "-f", "text", "-o", "a.tar"),
        ("image", "oci:layout", "-f", "json", "-o", "layout/index.json"),
        ("image", "layout", "--graph", "layout/index.json"),
    ],
)
def test_nothing_is_written_over_an_image_that_is_read(arguments: tuple[str, ...], tmp_path: Path) -> None:
    saved(tmp_path / "a.tar")
    saved(tmp_path / "b.tar")
    (tmp_path / "link.tar").symlink_to("a.tar")
    oci_directory(tmp_path / "layout", Saved.of({"srv/a": "a"}))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    ran = imglint(*arguments, cwd=tmp_path)
    assert ran.returncode == 2, ran.stdout
    assert "is what was read: it is not overwritten" in " ".join(ran.stderr.decode().split())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_record_of_sizes_may_be_written_anew(tmp_path: Path) -> None:
    saved(tmp_path / "a.tar")
    assert imglint("image", "a.tar", "--ignore", "ALL", "-o", "sizes.json", cwd=tmp_path).returncode == 0
    again = imglint(
        "image", "a.tar", "--ignore", "ALL", "--against", "sizes.json", "-o", "sizes.json", cwd=tmp_path
    )
    assert (again.returncode, again.stderr) == (0, b"")
