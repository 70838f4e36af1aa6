"""The built wheel: what is in it, and whether a stranger can use it."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pathspec
import pytest
from release import absolute, changes, checksums, published_tree

from imglint import __version__
from imglint.light import LEFT_OUT

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDERS = ("analyzer", "runner", "rules", "reports")


def built(source: Path, target: Path, *options: str) -> Path:
    command = [sys.executable, "-m", "build", *options, "--outdir", str(target), str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return max(target.glob("*.whl"), key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of imglint-core, made by way of its source distribution."""
    target = tmp_path_factory.mktemp("wheel")
    target.chmod(0o755)
    return built(ROOT / "core", target)


@pytest.fixture(scope="module")
def whole(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of imglint as it is published: built where no core stands beside it."""
    source = published_tree(tmp_path_factory.mktemp("published"))
    return built(source, wheel.parent, "--wheel")


def names_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def metadata(wheel: Path) -> Message:
    (name,) = (name for name in names_in(wheel) if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(zipfile.ZipFile(wheel).read(name))


def test_its_only_package_is_imglint(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"imglint"}


def test_imglint_holds_no_file_and_needs_the_core_of_its_version(whole: Path) -> None:
    assert {name.split("/")[0] for name in names_in(whole)} == {f"imglint-{__version__}.dist-info"}
    assert not any(name.endswith("entry_points.txt") for name in names_in(whole))
    needed = metadata(whole).get_all("Requires-Dist", [])
    assert f"imglint-core=={__version__}" in needed
    assert {"networkx", "pandas", "typer", "tabulate"} <= {one.split(">")[0] for one in needed}


def test_what_a_package_index_shows(wheel: Path, whole: Path) -> None:
    """Links that lead somewhere from any page, and the same of both packages."""
    told, light = metadata(whole), metadata(wheel)
    description = str(told.get_payload())
    links = re.findall(r"\]\(([^)\s]+)", description)
    assert f"https://github.com/imglint/imglint/blob/v{__version__}/docs/rules/README.md" in links
    assert f"https://raw.githubusercontent.com/imglint/imglint/v{__version__}/docs/first-screen.svg" in links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    for link in links:
        path = link.rpartition(f"/v{__version__}/")[2].partition("#")[0]
        assert link.startswith("#") or "/imglint/imglint/" not in link or (ROOT / path).exists(), link
    for name in ("Project-URL", "Classifier", "Author", "Keywords", "Requires-Python", "License-Expression"):
        assert told.get_all(name)
        assert told.get_all(name) == light.get_all(name)


def test_a_part_of_the_changelog() -> None:
    text = "# C\n\nx\n\n## Unreleased\n\n- new\n\n## [1.0.0] - 2026-01-01\n\n### Added\n\n- old\n\n## 0.9\n\n- older\n"
    assert changes(text, "1.0.0") == "### Added\n\n- old\n"
    assert changes(text, "0.9") == "- older\n"
    assert changes(text, "1.1.0") == "- new\n"


def test_links_that_are_absolute_stay() -> None:
    text = "[a](https://example.org/a) [b](#b) [c `d`](e/f.md#g)"
    assert absolute(text, "v1") == text.replace("e/f.md", "https://github.com/imglint/imglint/blob/v1/e/f.md")


def test_the_checksums_are_those_of_sha256sum(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    (tmp_path / "SHA256SUMS").write_text(checksums([tmp_path / "b", tmp_path / "a"]))
    done = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "a: OK\nb: OK\n")


def test_from_a_checkout_imglint_needs_the_core_beside_it(tmp_path: Path) -> None:
    wheel = built(ROOT, tmp_path, "--wheel")
    assert {name.split("/")[0] for name in names_in(wheel)} == {f"imglint-{__version__}.dist-info"}
    needed = metadata(wheel).get_all("Requires-Dist", [])
    assert [one for one in needed if one.startswith("imglint-core")] == [
        f"imglint-core @ {(ROOT / 'core').as_uri()}"
    ]


def test_what_the_core_leaves_out_is_what_imglint_adds(wheel: Path, whole: Path) -> None:
    """The message about a missing package knows each that may be missing."""
    needed, light = (
        {
            re.split("[>=; ]", one)[0]
            for one in metadata(one).get_all("Requires-Dist", [])
            if "extra" not in one
        }
        for one in (whole, wheel)
    )
    assert light == {"pathspec", "pyyaml"}
    assert needed - light - {"imglint-core"} == LEFT_OUT - {"requests"}  # which comes with docker


def test_each_file_has_one_owner(wheel: Path, whole: Path, tmp_path: Path) -> None:
    """Installed and removed in either order: while the core is there, the command is."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    command = environment / "bin/imglint"
    packages = [
        path for path in Path(pathspec.__file__).parents[1].iterdir() if path.name.startswith("pathspec")
    ]
    (site,) = environment.glob("lib/python*/site-packages")
    for path in packages:
        (site / path.name).symlink_to(path)

    def pip(*arguments: str) -> None:
        words = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), *arguments]
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    def lints() -> bool:
        if not command.exists():
            return False
        words = [str(command), str(ROOT / "examples/seed/Dockerfile")]
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        return "IL010" in result.stdout

    install = ("install", "--quiet", "--no-deps", "--no-index")
    pip(*install, str(wheel))
    assert lints()
    told = subprocess.run(
        [str(command), "image", "x.tar"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert told.returncode == 2
    pip(*install, str(whole))
    pip("uninstall", "--quiet", "--yes", "imglint")
    assert lints()
    pip("uninstall", "--quiet", "--yes", "imglint-core")
    assert not command.exists()
    assert not (site / "imglint").exists()
    pip(*install, str(whole))
    pip(*install, str(wheel))
    pip("uninstall", "--quiet", "--yes", "imglint-core")
    assert not command.exists()
    assert [path.name for path in site.glob("imglint*")] == [f"imglint-{__version__}.dist-info"]


def test_every_module_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"imglint/{path.relative_to(ROOT)}" for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
    }
    own = ROOT / "src/imglint"
    wanted |= {
        f"imglint/{path.relative_to(own)}"
        for path in own.rglob("*.py")
        if path.relative_to(own).parts[0] not in FOLDERS
    }
    wanted |= {"imglint/py.typed"}
    wanted |= {
        f"imglint/{path.relative_to(ROOT)}" for folder in FOLDERS for path in (ROOT / folder).glob("*.json")
    }
    page = [ROOT / "reports/html" / name for name in ("style.css", "zoom.js")]
    page += (ROOT / "reports/html/templates").iterdir()
    wanted |= {f"imglint/{path.relative_to(ROOT)}" for path in page}
    assert wanted <= names, sorted(wanted - names)


def test_a_stranger_can_use_it(wheel: Path, whole: Path, tmp_path: Path) -> None:
    """An empty environment, an ordinary user, an empty HOME: it lints, measures and explains."""
    for parent in (tmp_path, *tmp_path.parents):
        if str(parent).startswith("/tmp/") and parent.stat().st_uid == os.getuid():
            parent.chmod(0o755)
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", str(wheel), str(whole)]
    subprocess.run(pip, check=True, capture_output=True)
    work = tmp_path / "work"
    (work / "home").mkdir(parents=True)
    shutil.copy(ROOT / "examples/seed/Dockerfile", work)
    shutil.copy(ROOT / "examples/waste/waste.tar", work)
    as_user: list[str] = []
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (work, *work.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        as_user = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*as_user, str(environment / "bin/imglint"), *arguments],
            cwd=work, env={"HOME": str(work / "home"), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    linted = run("Dockerfile")
    assert (linted.returncode, linted.stderr) == (1, "")
    assert "Dockerfile:6:7: IL010" in linted.stdout
    measured = run("image", "waste.tar")
    assert (measured.returncode, measured.stderr) == (1, "")
    assert "wasted 87.7 kB" in measured.stdout
    assert run("image", "waste.tar", "-f", "html").stdout.startswith("<!DOCTYPE html>")
    explained = run("explain", "IL010")
    assert (explained.returncode, explained.stderr) == (0, "")
    assert "ends its first process" in explained.stdout
    assert list((work / "home").iterdir()) == []
