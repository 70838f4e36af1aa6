"""The built wheel: what is in it, and whether a stranger can use it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDERS = ("analyzer", "runner", "rules", "reports")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of what git would clone, made by way of the sdist."""
    target = tmp_path_factory.mktemp("wheel")
    target.chmod(0o755)
    command = [sys.executable, "-m", "build", "--outdir", str(target), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    (built,) = target.glob("*.whl")
    return built


def test_its_only_package_is_imglint(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"imglint"}


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


def test_a_stranger_can_use_it(wheel: Path, tmp_path: Path) -> None:
    """An empty environment, an ordinary user, an empty HOME: it lints, measures and explains."""
    for parent in (tmp_path, *tmp_path.parents):
        if str(parent).startswith("/tmp/") and parent.stat().st_uid == os.getuid():
            parent.chmod(0o755)
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", str(wheel)]
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
