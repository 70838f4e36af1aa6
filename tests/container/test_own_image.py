"""imglint's own image: built by the classic builder on a real Debian root, clean in its own eyes, and at work."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import example_images
import pytest

from imglint.runner import Engine

pytestmark = pytest.mark.container

ROOT = Path(__file__).parents[2]
BASE, TAG = "imglint-test-python:3", "imglint-test-own:1.0"
# What is installed comes from a folder: no index has to be reached from inside the build.
PYTHON = """\
FROM {ubuntu}
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
COPY wheels /wheels
RUN printf '[global]\\nno-index = true\\nfind-links = /wheels\\n' >/etc/pip.conf
"""


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def own(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("python")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--wheel-dir",
            str(directory / "wheels"),
            str(ROOT),
            "hatchling",
        ],
        check=True,
    )
    for wheel in (directory / "wheels").glob("imglint-*"):
        wheel.unlink()  # that one is made inside
    example_images.make_ubuntu(engine.api)
    (directory / "Dockerfile").write_text(PYTHON.format(ubuntu=example_images.UBUNTU))
    example_images.build(engine.api, directory, BASE, network_mode="host", nocache=True)
    _flatten(engine, BASE)
    example_images.build(engine.api, ROOT, TAG, buildargs={"BASE": BASE}, network_mode="none", nocache=True)
    yield TAG
    for tag in (TAG, BASE):
        engine.api.remove_image(tag, force=True)


def _flatten(engine: Engine, tag: str) -> None:
    """Make an image one layer, so that what its steps deleted is gone, as in a base from a registry."""
    container = engine.api.create_container(tag)["Id"]
    try:
        stream = b"".join(engine.api.export(container))
    finally:
        engine.api.remove_container(container)
    repository, version = tag.split(":")
    engine.api.import_image_from_data(stream, repository=repository, tag=version)


def run(own: str, *arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return docker("run", "--rm", "--network", "none", "--volume", f"{directory}:/work:ro", own, *arguments)


def test_its_own_audit_is_clean(own: str) -> None:
    command = [sys.executable, "-m", "imglint", "audit", "Dockerfile", "--image", own, "--run", "-f", "json"]
    done = subprocess.run(
        [*command, "--build-arg", f"BASE={BASE}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    parsed: dict[str, Any] = json.loads(done.stdout)
    failed = [cell["reason"] for cell in parsed["matrix"] if cell["verdict"] == "fail"]
    assert failed == []
    assert [one for one in parsed["findings"] if one["severity"] in ("error", "warning")] == []
    assert done.returncode == 0


def test_it_lints_and_measures_what_is_mounted(own: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    tmp_path.chmod(0o755)
    done = run(own, "Dockerfile", directory=tmp_path)
    assert (done.returncode, "DL3006" in done.stdout) == (1, True), done.stderr
    done = run(own, "image", "waste.tar", directory=ROOT / "examples/waste")
    assert "wasted 87.7 kB" in done.stdout, done.stderr
    assert run(own, "--version", directory=tmp_path).stdout.startswith("imglint ")
    assert "Usage: imglint" in run(own, directory=tmp_path).stdout


def test_it_runs_as_nobody_in_particular(own: str, engine: Engine) -> None:
    assert engine.inspect_image(own)["Config"]["User"] == "65532:65532"
