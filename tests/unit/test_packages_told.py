"""How packages are told: text, JSON, frames, comparisons, and bills of materials."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import package_files as files
import pytest
from image_archives import Content, Saved, docker_legacy, step, symlink

from imglint.__main__ import main
from imglint.analyzer.image import Image, open_images
from imglint.analyzer.packages.purl import Purl, purl
from imglint.reports import image_text, packages_text
from imglint.reports.look import Look

SCHEMA = json.loads((Path(__file__).parents[2] / "reports/json_v1.schema.json").read_text())
OWN: dict[str, Content] = {
    **files.DPKG,
    "bin": symlink("usr/bin"),
    "usr/bin/pip": "p" * 100_000,
    "etc/ca.conf": "c" * 20_000,
    "usr/share/build": "b" * 30_000,
    "usr/bin/gcc-12": "g" * 4_000_000,
}
INSTALL = "RUN /bin/sh -c apt-get update && apt-get install -y python3-pip"


def archive(folder: Path, name: str = "shop.tar", **changed: Content) -> str:
    layers = {**OWN, **files.NPM, **{path.replace("__", "/"): one for path, one in changed.items()}}
    history = (step("COPY base /", created="2024-01-01T00:00:00Z"), step(INSTALL))
    path = folder / name
    path.write_bytes(docker_legacy(Saved.of({"base": "x" * 1000}, layers, history=history)))
    return str(path)


def image(path: str) -> Image:
    return open_images(path)[0]


def test_the_text_says_what_was_installed_for_whom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["image", archive(tmp_path), "--isolated"])
    out = capsys.readouterr().out
    [row] = [line for line in out.splitlines() if "python3-pip" in line and "gcc" in line]
    assert row.split()[:4] == ["4.2", "MB", "1", "python3-pip"]
    assert "with 3 more packages: gcc 4.0 MB, build-essential 30.0 kB, ca-certificates 20.0 kB" in row
    assert row.endswith("; 4.0 MB only recommended")
    assert (
        "8 packages (dpkg 4, npm 4): 4.2 MB of the 4.2 MB that a container sees; --packages lists them" in out
    )


def test_the_overview_fits_into_a_terminal(tmp_path: Path) -> None:
    one = image(archive(tmp_path))
    for width in (80, 100, 200):
        view = packages_text.overview(one, Look(width=width))
        assert max(map(len, view.splitlines())) <= width
        assert "gcc 4.0 MB" in view
        assert "4.0 MB only recommended" in view


def test_an_image_without_packages_has_no_section(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(docker_legacy(Saved.of({"a": "x" * 5000})))
    assert "package" not in image_text.image_view(image(str(path)))


def test_the_whole_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["image", archive(tmp_path), "--packages", "--isolated"])
    rows = [
        line.split() for line in capsys.readouterr().out.splitlines() if " dpkg " in line or " npm " in line
    ]
    assert [row[4] for row in rows] == [
        "gcc", "python3-pip", "build-essential", "ca-certificates", "express", "qs", "@t/x", "@babel/core",
    ]  # fmt: skip
    assert rows[0] == [
        "4.0",
        "MB",
        "1",
        "dpkg",
        "gcc",
        "4:12.2.0-3",
        "for",
        "python3-pip,",
        "only",
        "recommended",
    ]


def test_json_holds_all_of_it_by_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["image", archive(tmp_path, var__lib__rpm__Packages="old"), "--format", "json", "--isolated"])
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    told = document["images"][0]["packages"]
    assert [one["name"] for one in told["found"]][:2] == ["gcc", "python3-pip"]
    assert told["found"][0]["layer"] == told["found"][0]["step"] == 1
    assert told["groups"][0]["installed_for"] == ["python3-pip"]
    assert told["bytes"] == sum(one["bytes"] for one in told["found"])
    assert [one["path"] for one in told["unread"]] == ["var/lib/rpm/Packages"]
    assert any("/var/lib/rpm/Packages" in note for note in document["notes"])


def test_audit_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        "FROM scratch\nCOPY base /\n\nRUN apt-get update && apt-get install -y python3-pip\n"
    )
    main(["audit", str(dockerfile), "--image", archive(tmp_path), "--format", "json", "--isolated"])
    told = json.loads(capsys.readouterr().out)["images"][0]["packages"]
    assert {one["name"]: one["line"] for one in told["found"]}["gcc"] == 4
    assert told["groups"][0]["line"] == 4


def test_a_comparison_tells_what_came_went_and_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = str(files.DPKG["var/lib/dpkg/status"])
    newer = status.replace("4:12.2.0-3", "4:13").replace("Package: build-essential", "Package: built")
    other = {"var__lib__dpkg__status": newer, "usr__bin__gcc-12": "g" * 5_000_000}
    before, after = archive(tmp_path), archive(tmp_path, "new.tar", **other)
    main(["diff", before, after])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "(dpkg)" in line]
    assert rows == [
        ["version", "+1.0", "MB", "gcc", "(dpkg)", "4:12.2.0-3", "4:13"],
        ["removed", "-30.0", "kB", "build-essential", "(dpkg)", "12.9", "-"],
        ["added", "±0", "built", "(dpkg)", "-", "12.9"],
    ]
    main(["diff", before, after, "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert [(one["kind"], one["name"], one["bytes"]) for one in document["diff"]["packages"]] == [
        ("version", "gcc", 1_000_000), ("removed", "build-essential", -30_000), ("added", "built", 0),
    ]  # fmt: skip


def test_the_frame_joins_with_the_layers(tmp_path: Path) -> None:
    import imglint

    one = image(archive(tmp_path))
    found = imglint.frames([one])
    assert found.packages["bytes"].sum() == one.packages.owned_bytes
    joined = found.packages.merge(found.layers, on=["image", "chain_id"])
    assert set(joined["created_by"]) == {one.steps[1].created_by}
    assert list(found.packages.loc[found.packages["name"] == "gcc", "drawn_by"]) == ["python3-pip"]


def test_a_bill_of_materials(tmp_path: Path) -> None:
    target = tmp_path / "bill.json"
    assert main(["image", archive(tmp_path), "-f", "cyclonedx", "-o", str(target), "--isolated"]) == 1
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = target.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["component"]["name"] == "example"
    components = {one["name"]: one for one in document["components"]}
    assert components["debian"]["type"] == "operating-system"
    assert components["gcc"]["purl"] == "pkg:deb/debian/gcc@4:12.2.0-3?arch=amd64&distro=debian-12"
    assert components["@t/x"]["purl"] == "pkg:npm/%40t/x@1.0.0"
    properties = {one["name"]: one["value"] for one in components["gcc"]["properties"]}
    assert properties["imglint:package:bytes"] == "4000000"
    assert properties["imglint:layer:step"] == INSTALL.replace("/bin/sh -c ", "")


def test_a_bill_of_materials_is_of_one_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = archive(tmp_path)
    assert main(["image", one, archive(tmp_path, "two.tar"), "-f", "cyclonedx", "--isolated"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "a bill of materials is of one image, not of 2" in captured.err
    assert main(["image", str(tmp_path / "none.tar"), "-f", "cyclonedx"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("imglint: ")) == ("", 1)
    # It holds no finding, so that other commands do not have it.
    assert main(["lint", str(tmp_path), "-f", "cyclonedx"]) == 2


def test_without_the_library_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cyclonedx", None)
    assert main(["image", archive(tmp_path), "-f", "cyclonedx", "--isolated"]) == 2
    assert "pip install 'imglint[sbom]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("layer", "name", "expected"),
    [
        (files.rpm(), "bash", Purl("rpm", "fedora", "bash", "5.2-1.fc39",
         {"arch": "x86_64", "epoch": "1", "distro": "fedora-39"})),
        (files.APK, "curl", Purl("apk", "alpine", "curl", "8.5.0-r0", {"arch": "x86_64"})),
        (files.PYTHON, "mark-up-safe", Purl("pypi", "", "mark-up-safe", "2", {})),
        (files.PYTHON, "Flask", Purl("pypi", "", "flask", "3.0", {})),
        (files.COMPOSER, "psr/log", Purl("composer", "psr", "log", "3.0.0", {})),
        (files.CONDA, "numpy", Purl("conda", "", "numpy", "1.26", {"subdir": "linux-64"})),
        (files.GEM, "rack", Purl("gem", "", "rack", "3.0", {})),
        ({"b": files.go_program(["mod\texample.org/x/y\t(devel)\t"])}, "example.org/x/y",
         Purl("golang", "example.org/x", "y", "", {})),
        ({"a-1.0.jar": files.jar({"x": "y"})}, "a", None),
    ],
)  # fmt: skip
def test_package_urls(layer: Any, name: str, expected: Purl | None) -> None:
    from imglint.analyzer.image.system import os_release

    one = open_images(iter([docker_legacy(Saved.of(layer))]), name="x")[0]
    (package,) = [package for package in one.packages.packages if package.name == name]
    assert purl(package, os_release(one)) == expected
