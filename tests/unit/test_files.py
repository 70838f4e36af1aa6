"""`imglint files`: each layer's files held against a recount by tarfile, and what is said of them."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from image_archives import (
    DIRECTORY,
    FORMS,
    LayerFiles,
    Node,
    Saved,
    docker_legacy,
    hardlink,
    layer_tar,
    step,
    symlink,
)
from image_cases import CASES

from imglint.__main__ import main
from imglint.analyzer.image import open_images
from imglint.analyzer.image.files import File, files_of_layers, seen_files

HOSTILE: LayerFiles = {
    "line\nbreak": "a",
    "\x1b[2Jescape": "b",
    "latin-\udce9": "c",
    "back\\slash": "d",
    "d/" * 1800 + "deep": "e",
    "n" * 4000: "f",
    "=formula": "g",
    "null": Node(kind=tarfile.CHRTYPE),
    "pipe": Node(kind=tarfile.FIFOTYPE),
    "su": Node(b"h", mode=0o4755),
    "to": symlink("=cmd|' /C calc'!A0"),
}
LAYERS: tuple[LayerFiles, ...] = (
    {"app/": DIRECTORY, "app/old": "o" * 3000, "app/same": "s", "etc/": DIRECTORY, "etc/conf": "1"},
    {
        "app/": DIRECTORY,
        "app/new": "n" * 500,
        "app/old": None,
        "etc/conf": "22",
        "name": hardlink("etc/conf"),
    },
    {"etc/": Node(kind=tarfile.DIRTYPE, mode=0o700), "app/.wh..wh..opq": "", "app/last": "l"},
)


def archive(tmp_path: Path, saved: Saved) -> str:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(saved))
    return str(path)


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    told = capfd.readouterr()
    return code, told.out, told.err


def recount(tars: tuple[bytes, ...]) -> list[tuple[int, str, int]]:
    """What plain tarfile has in each layer: the layer, the path, and the bytes; whiteouts as "-" before the path."""
    out = []
    for layer, tar in enumerate(tars):
        with tarfile.open(fileobj=io.BytesIO(tar), errors="surrogateescape") as reader:
            for member in reader:
                directory, slash, name = member.name.rpartition("/")
                if name == ".wh..wh..opq":
                    out.append((layer, f"-/{directory}", 0))
                elif name.startswith(".wh."):
                    out.append((layer, f"-/{directory}{slash}{name.removeprefix('.wh.')}", 0))
                else:
                    out.append((layer, f"/{member.name}", member.size if member.isreg() else 0))
    return sorted(out)


IMAGES = {**{case.name: Saved.of(*case.layers) for case in CASES}, "layers": Saved.of(*LAYERS),
          "hostile": Saved((layer_tar(HOSTILE, format=tarfile.PAX_FORMAT),))}  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_every_entry_is_listed_as_tarfile_has_it(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = archive(tmp_path, IMAGES[name])
    code, out, _ = run(capfd, "files", source, "-f", "json")
    files = [file for layer in json.loads(out)["layers"] for file in layer["files"]]
    found = [
        (one["layer"], ("-" if one["change"] == "removed" else "") + one["path"], one["size"])
        for one in files
    ]
    wanted = recount(IMAGES[name].layers)
    if name == "one of two hard links removed":  # the other one has the bytes
        sizes = {(1, "/a"): 0, (1, "/b"): 8192}
        wanted = [(layer, path, sizes.get((layer, path), size)) for layer, path, size in wanted]
    assert code == 0 and sorted(found) == wanted
    code, out, _ = run(capfd, "files", source, "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    # What is no UTF-8 is written out, as CSV has no way to say it.
    plain = [(layer, path.encode("utf-8", "backslashreplace").decode(), size) for layer, path, size in found]
    told = [
        (int(row["layer"]), ("-" if row["change"] == "removed" else "") + row["path"], int(row["size"]))
        for row in rows
    ]
    assert told == plain
    assert not any(value.startswith("=") for row in rows for value in row.values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_merged_view_and_what_is_hidden_are_the_image_s(case: Any, tmp_path: Path) -> None:
    image = open_images(archive(tmp_path, Saved.of(*case.layers)))[0]
    seen = list(seen_files(image))
    assert {file.path: file.layer for file in seen} == {path: one.layer for path, one in image.tree.items()}
    assert len(seen) == len(image.tree)
    told: dict[tuple[str, int, int], int] = {}
    for _, files in files_of_layers(image):
        for file in files:
            if file.hidden_by is not None and file.size:
                key = file.cause, file.layer, file.hidden_by
                told[key] = told.get(key, 0) + file.size
    assert sum(file.size for file in seen) == image.live_bytes
    assert told == {(one.cause, one.added_by, one.hidden_by): one.bytes for one in image.waste}


def test_a_hard_link_that_outlives_the_first_name_has_the_bytes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = archive(
        tmp_path, Saved.of({"a": "x" * 2000, "b": hardlink("a"), "c": hardlink("a")}, {"a": None})
    )
    code, out, _ = run(capfd, "files", source)
    assert code == 0
    assert "   2.0 kB      0  +  /b\n" in out and " /c = /a" in out
    assert "2 files: 2.0 kB" in out
    assert "0 B" in run(capfd, "files", source, "--hidden")[1]
    assert "/b" in run(capfd, "files", source, "--min", "1kB")[1]
    assert "   2.0 kB      2  /\n" in run(capfd, "files", source, "--dirs")[1]


def test_what_a_layer_does_to_each_path(tmp_path: Path) -> None:
    image = open_images(archive(tmp_path, Saved.of(*LAYERS)))[0]
    told = {layer: {file.path: file for file in files} for layer, files in files_of_layers(image)}

    def changes(layer: int) -> dict[str, str]:
        return {path: file.change for path, file in told[layer].items()}

    assert set(changes(0).values()) == {"added"}
    assert changes(1) == {
        "app": "kept", "app/new": "added", "app/old": "removed", "etc/conf": "changed", "name": "added"
    }  # fmt: skip
    assert changes(2) == {"etc": "changed", "app": "removed", "app/last": "added"}
    assert (told[1]["app/old"].removed_files, told[1]["app/old"].removed_bytes) == (1, 3000)
    assert (told[2]["app"].removed_files, told[2]["app"].removed_bytes) == (2, 501)
    assert (told[0]["app/old"].hidden_by, told[0]["app/old"].cause) == (1, "deleted")
    assert (told[0]["etc/conf"].hidden_by, told[0]["etc/conf"].cause) == (1, "overwritten with new content")
    assert told[2]["app/last"].hidden_by is None


def test_a_path_that_comes_back_is_new(tmp_path: Path) -> None:
    image = open_images(archive(tmp_path, Saved.of({"a": "1"}, {"a": None}, {"a": "3"}, {"a": "4"})))[0]
    told: list[File] = [file for _, files in files_of_layers(image) for file in files]
    assert [file.change for file in told] == ["added", "removed", "added", "changed"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_list(form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    saved = Saved.of(*LAYERS)
    _, expected, _ = run(capfd, "files", archive(tmp_path, saved), "-f", "csv")
    (tmp_path / "form").mkdir()
    code, out, _ = run(capfd, "files", str(FORMS[form](tmp_path / "form", saved)), "-f", "csv")
    assert (code, out) == (0, expected)


@pytest.mark.parametrize(
    ("asked", "paths"),
    [
        (["/app"], ["/app/", "/app/last"]),
        (["etc/conf"], ["/etc/conf"]),
        (["*on*"], ["/etc/conf"]),
        (["/*/*"], ["/app/last", "/etc/conf"]),
        (["/**"], ["/app/", "/app/last", "/etc/", "/etc/conf", "/name = /etc/conf"]),
        (["/**/conf"], ["/etc/conf"]),
        (["[!a-d]*"], ["/app/last", "/etc/", "/name = /etc/conf"]),
        (["n?me", "l*"], ["/app/last", "/name = /etc/conf"]),
        (["../../etc/./conf"], ["/etc/conf"]),
        (["/"], ["/app/", "/app/last", "/etc/", "/etc/conf", "/name = /etc/conf"]),
    ],
)
def test_paths_and_patterns(
    asked: list[str], paths: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capfd, "files", archive(tmp_path, Saved.of(*LAYERS)), *asked)
    told = [line.split("  ")[-1].strip() for line in out.splitlines() if "  /" in line]
    assert (code, told) == (0, paths)


def test_a_name_with_a_pattern_s_characters_means_itself(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capfd, "files", archive(tmp_path, Saved.of({"[a]*": "x", "abc": "y"})), "[a]*")
    assert "/[a]*" in out and "abc" not in out


def test_links_to_a_path_are_followed_and_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = archive(
        tmp_path, Saved.of({"usr/lib/": DIRECTORY, "usr/lib/x": "1"}, {"lib": symlink("usr/lib")})
    )
    code, out, told = run(capfd, "files", source, "/lib/x")
    assert code == 0 and "/usr/lib/x" in out
    assert told == "note: /lib/x leads to /usr/lib/x\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["/app/old"], ["there is no /app/old that a container sees", "Use --layer 0, where it is hidden"]),
        (["/app/lest"], ["there is no /app/lest that a container sees", "Use /app/last"]),
        (["/usr/conf"], ["there is no /usr/conf", "Use /etc/conf"]),
        (["--layer", "2", "/app/new"], ["there is no /app/new in layer 2", "Use --layer 1"]),
        (["--layer", "3"], ["has no layer 3", "Use --layer 0 to --layer 2"]),
        (["--layer", "-1"], ["has no layer -1"]),
        (["*.py"], ["no path that a container sees matches *.py"]),
        (["[z-a]*"], ["is no pattern that can be read"]),
        (["--min", "much"], ["--min: 'much' is no size"]),
        (["--tree", "--largest"], ["leave one out"]),
        (["-f", "sarif"], ["--format is text, json or csv here, not 'sarif'"]),
        (["--largest", "0"], ["Invalid value for '--largest'"]),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], told: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, error = run(capfd, "files", archive(tmp_path, Saved.of(*LAYERS)), *arguments)
    assert (code, out) == (2, "")
    assert all(one in error for one in told), error


def test_an_archive_that_ends_early_is_told_in_json_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = Path(archive(tmp_path, Saved.of(*LAYERS))).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    code, out, error = run(capfd, "files", str(tmp_path / "cut.tar"), "-f", "json")
    assert code == 2 and "cut.tar" in error
    assert "cut.tar" in json.loads(out)["errors"][0]["subject"]


def test_views(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = archive(tmp_path, Saved.of(*LAYERS, {"app/big": "b" * 9000, "app/small": ""}))
    shown = {
        word: run(capfd, "files", source, *word.split())[1]
        for word in (
            "--largest 1",
            "--largest",
            "--dirs",
            "--tree",
            "--min 1kB",
            "--changed",
            "--hidden",
            "--tree --dirs",
        )
    }
    assert "/app/big" in shown["--largest 1"] and "/app/last" not in shown["--largest 1"]
    assert "more are no larger" in shown["--largest 1"] and "no larger" not in shown["--largest"]
    assert "   9.0 kB      3  /app\n" in shown["--dirs"] and "big" not in shown["--dirs"]
    assert (
        "   9.0 kB             big\n" in shown["--tree"] and "   9.0 kB      3    app/\n" in shown["--tree"]
    )
    assert "/app/big" in shown["--min 1kB"] and "/app/last" not in shown["--min 1kB"]
    assert " -3.0 kB      1  -  /app/old\n" in shown["--changed"] and "big" not in shown["--changed"]
    assert (
        "   3.0 kB      0          1  +  /app/old\n" in shown["--hidden"] and "last" not in shown["--hidden"]
    )
    assert "app/" in shown["--tree --dirs"] and "big" not in shown["--tree --dirs"]


def test_names_are_whole_and_can_t_steer_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = archive(tmp_path, IMAGES["hostile"])
    for view in ([], ["--tree"], ["--dirs"], ["--layer", "0"], ["--largest"]):
        _, out, _ = run(capfd, "files", source, *view)
        assert "\x1b" not in out
        if "--dirs" not in view:
            assert "n" * 4000 in out and r"line\x0abreak" in out and r"latin-\xe9" in out
            assert r"back\\slash" in out and r"\x1b[2Jescape" in out
    _, out, _ = run(capfd, "files", source)
    assert "/" + "d/" * 1800 + "deep\n" in out
    assert "/null (character device)" in out and "/pipe (fifo)" in out


def test_lines_of_the_dockerfile(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    saved = Saved.of({"a": "1"}, {"b": "2"}, history=(step("COPY a /"), step("COPY b /")))
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\nCOPY a /\n\nCOPY b /\n")
    source = archive(tmp_path, saved)
    _, out, told = run(capfd, "files", source, "--file", str(dockerfile), "-f", "json")
    assert [one["made_by"] for one in json.loads(out)["layers"]] == [f"{dockerfile}:2", f"{dockerfile}:4"]
    assert told == ""
    dockerfile.write_text("FROM debian:12\nRUN make all\nCMD true\n")
    _, out, told = run(capfd, "files", source, "--file", str(dockerfile), "-f", "json")
    assert [one["made_by"] for one in json.loads(out)["layers"]] == [None, None]
    assert "was not built from this" in told


def test_a_list_goes_to_a_file_and_spares_the_image(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = archive(tmp_path, Saved.of(*LAYERS))
    before = Path(source).read_bytes()
    target = tmp_path / "files.csv"
    assert run(capfd, "files", source, "-o", str(target))[:2] == (0, "")
    assert target.read_text().startswith("path,layer,change")
    assert run(capfd, "files", source, "-f", "text", "-o", source)[0] == 2
    assert Path(source).read_bytes() == before
