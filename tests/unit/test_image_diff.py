"""Two images compared, several shared, what is hardly needed, and the limits on it all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import networkx as nx
import pytest
from image_archives import CREATED, LayerFiles, Node, Saved, docker_legacy, oci_archive, step

from imglint.analyzer import InputError
from imglint.analyzer.graph import as_text, disk_bytes, freed, layer_graph, missing_layers, shares
from imglint.analyzer.image import Image, open_images
from imglint.analyzer.image.diff import ImageDiff, LayerChange, aligned
from imglint.analyzer.image.system import System, system_of
from imglint.rules.gates import Growth, Limits, check, dive_limits, parse_growth, parse_part, parse_size

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "reports/json_v1.schema.json").read_text())
KIB = 1024
BASE: LayerFiles = {"etc/os-release": 'PRETTY_NAME="Example 1"\n', "bin/sh": "s" * KIB, "lib/a": "a" * KIB}


def opened(directory: Path, *images: Saved, name: str = "image") -> tuple[Image, ...]:
    path = directory / f"{name}.tar"
    path.write_bytes(docker_legacy(*images))
    return open_images(str(path))


def one(directory: Path, *layers: LayerFiles, name: str = "image", **fields: Any) -> Image:
    return opened(directory, Saved.of(*layers, **fields), name=name)[0]


def imglint(*arguments: str, cwd: Path) -> Any:
    command = [sys.executable, "-m", "imglint", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


# diff


def test_layers_are_aligned_by_diff_id() -> None:
    assert aligned("abcd", "abxcd") == (
        LayerChange(0, 0), LayerChange(1, 1), LayerChange(None, 2), LayerChange(2, 3), LayerChange(3, 4),
    )  # fmt: skip
    assert aligned("ab", "b") == (LayerChange(0, None), LayerChange(1, 0))


def test_files_added_removed_changed_and_moved(tmp_path: Path) -> None:
    old = one(
        tmp_path,
        BASE,
        {"srv/a": "a" * 10, "srv/b": "b" * 20, "srv/c": "c" * 30, "srv/d": "d" * 40},
        name="old",
    )
    new = one(
        tmp_path,
        BASE,
        {"srv/a": "x" * 15, "opt/c": "c" * 30, "srv/d": Node(b"d" * 40, mode=0o600), "srv/e": "e" * 5},
        name="new",
    )
    diff = ImageDiff(old, new)
    found = {(file.kind, file.path): file for file in diff.files}
    assert set(found) == {
        ("changed", "srv/a"), ("removed", "srv/b"), ("moved", "opt/c"), ("metadata", "srv/d"), ("added", "srv/e"),
    }  # fmt: skip
    assert found["moved", "opt/c"].origin == "srv/c"
    assert found["changed", "srv/a"].grown == 5
    assert diff.live_grown == sum(file.grown for file in diff.files) == 5 - 20 + 5
    assert diff.by_step() == {1: 10}
    assert diff.by_directory() == {"srv": -40, "opt": 30}
    assert diff.pull_layers == (1,)


def test_the_same_image_in_two_forms_differs_in_nothing(tmp_path: Path) -> None:
    saved = Saved.of(BASE, {"srv/a": "a", "lib/a": None})
    (tmp_path / "other.tar").write_bytes(oci_archive(saved))
    (first,) = opened(tmp_path, saved)
    (second,) = open_images(str(tmp_path / "other.tar"))
    diff = ImageDiff(first, second)
    assert (diff.files, diff.config, diff.grown) == ((), (), 0)
    assert all(layer.same for layer in diff.layers)


def test_the_base_is_told_apart(tmp_path: Path) -> None:
    new_base: LayerFiles = {**BASE, "lib/b": "b" * 500}
    old = one(tmp_path, BASE, {"srv/a": "a" * 10}, name="old")
    new = one(tmp_path, new_base, {"srv/a": "a" * 10, "srv/b": "b" * 7}, name="new")
    bases = (one(tmp_path, BASE, name="base1"), one(tmp_path, new_base, name="base2"))
    diff = ImageDiff(old, new, bases)
    assert (diff.old_base.layers, diff.new_base.known_by) == (1, "the base image")
    assert (diff.grown, diff.base_grown, diff.own_grown) == (507, 500, 7)
    assert {file.path: file.base for file in diff.files} == {"lib/b": True, "srv/b": False}
    # What the other image is built on counts as its base, named or not.
    onto = ImageDiff(bases[0], old)
    assert (onto.base_grown, onto.own_grown, onto.new_base.layers) == (0, 10, 1)
    # Without the base images the time between the steps tells, and without times nothing does.
    history = (step("COPY a /", created="2024-01-01T00:00:00Z"), step("COPY b /", created=CREATED))
    guessed = one(tmp_path, BASE, {"srv/a": "a"}, history=history, name="guessed")
    assert ImageDiff(guessed, guessed).new_base == ImageDiff(guessed, guessed).old_base
    assert (ImageDiff(guessed, guessed).new_base.layers, ImageDiff(guessed, guessed).new_base.known_by) == (
        1,
        "time",
    )
    assert ImageDiff(old, new).new_base.known_by == ""


def test_configurations(tmp_path: Path) -> None:
    first = {"User": "1000", "Env": ["A=1", "B=2"], "ExposedPorts": {"80/tcp": {}}, "Cmd": ["a"]}
    second = {"Env": ["A=1", "B=3"], "Labels": {"x": "y"}, "Cmd": ["a", "b"], "Volumes": {"/data": {}}}
    old = one(tmp_path, BASE, config=first, name="old")
    new = one(tmp_path, BASE, config=second, name="new")
    assert [(c.key, c.old, c.new) for c in ImageDiff(old, new).config] == [
        ("user", "1000", None), ("cmd", '["a"]', '["a", "b"]'), ("port 80/tcp", "exposed", None),
        ("volume /data", None, "declared"), ("env B", "2", "3"), ("label x", None, "y"),
    ]  # fmt: skip


def test_diff_of_the_command(tmp_path: Path) -> None:
    config = {"Env": ["DB_PASSWORD=hunter22"]}
    (tmp_path / "a.tar").write_bytes(docker_legacy(Saved.of(BASE, {"srv/a": "a" * KIB})))
    (tmp_path / "b.tar").write_bytes(docker_legacy(Saved.of(BASE, {"srv/a": "a" * 2 * KIB}, config=config)))
    result = imglint("diff", "a.tar", "b.tar", "--max-growth", "1%", "-f", "json", cwd=tmp_path)
    parsed = json.loads(result.stdout)
    jsonschema.validate(parsed, SCHEMA)
    assert result.returncode == 1
    assert parsed["diff"]["content_bytes"] == KIB
    assert [(gate["name"], gate["passed"]) for gate in parsed["gates"]] == [("max-growth", False)]
    assert "hunter22" not in result.stdout
    result = imglint("diff", "a.tar", "b.tar", "--max-growth", "1kB", cwd=tmp_path)
    assert result.returncode == 1
    assert imglint("diff", "a.tar", "b.tar", "--max-growth", "2kB", cwd=tmp_path).returncode == 0
    text = imglint("diff", "a.tar", "b.tar", cwd=tmp_path).stdout
    assert "changed" in text
    assert "+1.0 kB" in text
    assert "hunter22" not in text
    assert imglint("diff", "a.tar", "c.tar", cwd=tmp_path).returncode == 2
    result = imglint("diff", "a.tar", "b.tar", "--max-growth", "much", cwd=tmp_path)
    assert (result.returncode, "--max-growth: 'much' is no size" in result.stderr) == (2, True)


# Several images


def test_what_images_share(tmp_path: Path) -> None:
    images = opened(
        tmp_path,
        Saved.of(BASE, tags=("base:1",)),
        Saved.of(BASE, {"srv/a": "a"}, tags=("shop:1", "shop:latest")),
        Saved.of(BASE, {"srv/b": "b"}, tags=("shop:2",)),
    )
    graph = layer_graph(images)
    base, first, second = shares(graph)
    size = [layer.tar_bytes for layer in images[1].layers]
    assert (base.unique_bytes, first.shared_bytes, first.unique_bytes) == (0, size[0], size[1])
    assert (base.base, first.base, second.base) == (None, images[0].id, images[0].id)
    assert disk_bytes(graph) == size[0] + 2 * size[1]
    # An image with another tag stays, and so does a layer that another image has.
    assert freed(graph, ["shop:1"]).tar_bytes == 0
    assert freed(graph, ["shop:1", "shop:latest"]).tar_bytes == size[1]
    assert freed(graph, ["base:1", "shop:1", "shop:latest", "shop:2"]).tar_bytes == disk_bytes(graph)
    assert missing_layers(graph, ["shop:1"], "shop:2") == (images[2].layers[1].chain_id,)


@pytest.mark.parametrize("form", ["graphml", "dot", "json"])
def test_graphs_are_written(form: str, tmp_path: Path) -> None:
    images = opened(
        tmp_path, Saved.of(BASE, tags=("base:1",)), Saved.of(BASE, {'srv/a\x01"': "a"}, tags=("shop:1",))
    )
    found = layer_graph(images)
    assert found.edges[images[1].id, images[0].id]["kind"] == "based on"
    text = as_text(found, form)
    if form == "graphml":
        assert set(nx.parse_graphml(text).nodes) == set(found.nodes)
    elif form == "json":
        assert set(nx.node_link_graph(json.loads(text), edges="edges").nodes) == set(found.nodes)
    else:
        assert text.count(" -> ") == found.number_of_edges()
    (tmp_path / "a.tar").write_bytes(docker_legacy(Saved.of(BASE)))
    result = imglint("image", "a.tar", "--graph", f"out.{form}", cwd=tmp_path)
    assert result.returncode in (0, 1), result.stderr
    assert (tmp_path / f"out.{form}").stat().st_size > 100
    assert imglint("image", "a.tar", "--graph", "out.png", cwd=tmp_path).returncode == 2


def test_platforms(tmp_path: Path) -> None:
    arm = Saved.of(BASE, tags=("a:1",), top={"architecture": "arm64", "variant": "v8"})
    path = tmp_path / "image.tar"
    path.write_bytes(oci_archive(Saved.of(BASE, tags=("a:1",)), arm))
    for wanted in ("linux/arm64", "arm64", "linux/arm64/v8", "arm64/v8"):
        (image,) = open_images(str(path), platform=wanted)
        assert image.platform == "linux/arm64/v8"
    with pytest.raises(InputError) as caught:
        open_images(str(path), platform="s390x")
    assert "linux/amd64, linux/arm64/v8" in caught.value.hint


# What is hardly needed


def test_ballast_by_kind(tmp_path: Path) -> None:
    big = "x" * 5000
    image = one(
        tmp_path,
        {
            "var/lib/apt/lists/a": "l" * 10, "var/cache/apk/b": "c" * 11, "srv/.git/HEAD": "g" * 12,
            "usr/share/doc/x/y": "d" * 13, "usr/lib/python3/site-packages/m/tests/t.py": "t" * 14,
            "usr/lib/libx.a": "s" * 15, "srv/__pycache__/m.cpython-311.pyc": "p" * 16, "srv/m.py": "m",
            "srv/__pycache__/n.cpython-311.pyc": "q" * 17,
        },
        {"srv/one": big, "srv/two": big},
        {"srv/three": big, "srv/small": "x", "srv/small2": "x"},
    )  # fmt: skip
    assert {(item.kind, item.layer): item.bytes for item in image.ballast} == {
        ("package caches and lists", 0): 21, ("version control", 0): 12, ("documentation", 0): 13, ("tests", 0): 14,
        ("static libraries", 0): 15, ("bytecode beside its source", 0): 16, ("duplicate content", 1): 5000,
        ("duplicate content", 2): 5000,
    }  # fmt: skip
    assert image.ballast[0].paths == ("srv/two",)
    assert image.wasted_bytes == 0
    # Without reading contents nobody can tell what is equal.
    (unread,) = open_images(image.source, verify=False)
    assert "duplicate content" not in {item.kind for item in unread.ballast}


SYSTEMS: list[tuple[LayerFiles, System]] = [
    ({"etc/os-release": "NAME=Alpine\nPRETTY_NAME='Alpine 3'\n", "lib/ld-musl-x86_64.so.1": "x", "sbin/apk": "x",
      "bin/busybox": "x", "bin/sh": Node(kind=b"2", link="/bin/busybox"), "lib/apk/db/installed": "P:a\n\nP:b\n"},
     System("Alpine 3", "musl", "busybox", "apk", 2)),
    ({"etc/os-release": 'PRETTY_NAME="Debian 12"\n', "lib64/ld-linux-x86-64.so.2": "x", "usr/bin/apt-get": "x",
      "bin/dash": "x", "bin/sh": Node(kind=b"2", link="dash"),
      "var/lib/dpkg/status": "Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: deinstall ok config-files\n"},
     System("Debian 12", "glibc", "dash", "apt", 1)),
    ({"srv/app": "x"}, System(None, None, None, None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("files", "system"), SYSTEMS)
def test_systems(files: LayerFiles, system: System, tmp_path: Path) -> None:
    assert system_of(one(tmp_path, files)) == system


def test_images_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(
        docker_legacy(Saved.of(SYSTEMS[0][0], tags=("a:1",), config={"User": "10"}))
    )
    (tmp_path / "b.tar").write_bytes(docker_legacy(Saved.of(SYSTEMS[1][0], tags=("b:1",))))
    result = imglint("image", "--compare", "a.tar", "b.tar", cwd=tmp_path)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[2][-5:] == ["musl", "busybox", "apk", "2", "10"]
    assert rows[3][-6:] == ["glibc", "dash", "apt", "1", "root", "(0)"]


# Gates


def test_sizes_parts_and_growth() -> None:
    assert [parse_size(text) for text in ("500MB", "1.5GiB", "20 kB", "1000", "2k")] == [
        500_000_000, 1_610_612_736, 20_000, 1000, 2000,
    ]  # fmt: skip
    assert (parse_part("90%"), parse_part("0.9")) == (0.9, 0.9)
    assert (parse_growth("3%"), parse_growth("5MB")) == (Growth(None, 0.03), Growth(5_000_000, None))
    assert Growth(None, 0.03).allowed(1000) == 30
    for wrong in ("", "MB", "5 apples", "-3MB"):
        with pytest.raises(ValueError, match="is no size"):
            parse_size(wrong)
    with pytest.raises(ValueError, match="is no part"):
        parse_part("1.5")


def test_limits(tmp_path: Path) -> None:
    image = one(tmp_path, {"a": "a" * 3000}, {"a": "b" * 1000})
    kept = Limits(4000, 4000, 3000, 3000, 0.25, 3.0)
    broken = Limits(3999, 10, 2999, 2999, 0.26, 2.9)
    assert [gate.passed for gate in check(image, kept)] == [True] * 6
    assert [gate.passed for gate in check(image, broken)] == [False] * 6
    assert [gate.name for gate in check(image, broken)] == [
        "max-size", "max-pull", "max-layer", "max-waste", "max-own-waste", "min-efficiency",
    ]  # fmt: skip
    assert check(image, Limits()) == ()
    (growth,) = check(image, Limits(max_growth=Growth(0, None)))
    assert (growth.passed, "nothing recorded" in growth.note) == (True, True)


def test_gates_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(docker_legacy(Saved.of({"srv/app": "a" * 3000}, tags=("shop:1",))))
    quiet = ("--ignore", "ALL", "a.tar")
    assert imglint("image", *quiet, "--max-size", "3kB", cwd=tmp_path).returncode == 0
    result = imglint("image", *quiet, "--max-size", "2999", "-f", "json", cwd=tmp_path)
    parsed = json.loads(result.stdout)
    jsonschema.validate(parsed, SCHEMA)
    assert (result.returncode, parsed["gates"][0]["passed"]) == (1, False)
    # Limits of the configuration, by name; the command line goes before them.
    (tmp_path / "imglint.toml").write_text('[gates]\nmax-size = "1kB"\n[gates."shop:*"]\nmax-size = "2kB"\n')
    result = imglint("image", *quiet, cwd=tmp_path)
    assert (result.returncode, "2.0 kB" in result.stdout) == (1, True)
    assert imglint("image", *quiet, "--max-size", "5kB", cwd=tmp_path).returncode == 0
    (tmp_path / "imglint.toml").write_text('[gates]\nmax-sise = "1kB"\n')
    assert "did you mean max-size?" in imglint("image", *quiet, cwd=tmp_path).stderr


def test_against_an_earlier_measurement(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(docker_legacy(Saved.of({"srv/app": "a" * 3000}, tags=("shop:1",))))
    (tmp_path / "b.tar").write_bytes(docker_legacy(Saved.of({"srv/app": "a" * 3300}, tags=("shop:1",))))
    common = ("image", "--ignore", "ALL", "--max-growth", "5%")
    result = imglint(*common, "--against", "sizes.json", "a.tar", cwd=tmp_path)
    assert (result.returncode, "nothing to compare with" in result.stdout) == (0, True)
    imglint("image", "a.tar", "-f", "json", "-o", "sizes.json", cwd=tmp_path)
    assert imglint(*common, "--against", "sizes.json", "a.tar", cwd=tmp_path).returncode == 0
    result = imglint(*common, "--against", "sizes.json", "b.tar", cwd=tmp_path)
    assert (result.returncode, "content +300 B" in result.stdout) == (1, True)
    assert imglint(*common, "--against", "a.tar", "b.tar", cwd=tmp_path).returncode == 1
    (tmp_path / "broken.json").write_text("{")
    result = imglint(*common, "--against", "broken.json", "b.tar", cwd=tmp_path)
    assert (result.returncode, "is no JSON of" in result.stderr) == (2, True)


def test_limits_of_dive(tmp_path: Path) -> None:
    limits = dive_limits(
        {"lowestEfficiency": 0.95, "highestWastedBytes": "20MB", "highestUserWastedPercent": "disabled"}
    )
    assert (limits.min_efficiency, limits.max_waste, limits.max_own_waste) == (0.95, 20_000_000, None)
    (tmp_path / "a.tar").write_bytes(docker_legacy(Saved.of({"a": "a" * 3000}, {"a": "b" * 3000})))
    (tmp_path / ".dive-ci").write_text("rules:\n  highestWastedBytes: 5kB\n")
    quiet = ("image", "--ignore", "ALL", "a.tar")
    assert imglint(*quiet, cwd=tmp_path).returncode == 0
    # dive counts both copies.
    result = imglint(*quiet, "--dive-compat", cwd=tmp_path)
    assert (result.returncode, "as dive counts" in result.stdout) == (1, True)
    (tmp_path / ".dive-ci").write_text("rules:\n  highestWaste: 5kB\n")
    result = imglint(*quiet, cwd=tmp_path)
    assert (result.returncode, "highestWaste is no rule of dive's" in result.stderr) == (2, True)


# As dive 0.13 measured them: efficiency, wasted bytes. Deleting a directory is free for it.
DIVE = [
    (({"a": "a" * 1000}, {"a": "b" * 1000}), 0.5, 2000),
    (({"d/a": "a" * 1000, "b": "b" * 1000}, {"d": None}), 1.0, 0),
    (({"a": "a" * 1000}, {"a": None}), 0.0, 1000),
]


@pytest.mark.parametrize(("layers", "efficiency", "wasted"), DIVE)
def test_numbers_of_dive(
    layers: tuple[LayerFiles, ...], efficiency: float, wasted: int, tmp_path: Path
) -> None:
    numbers = one(tmp_path, *layers).dive_numbers
    assert (round(numbers.efficiency, 4), numbers.wasted_bytes) == (efficiency, wasted)
