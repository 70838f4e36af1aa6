"""What the documentation repeats of the code is current."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import imglint

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += [
    ROOT / "docs/configuration.md",
    ROOT / "docs/graph.md",
    ROOT / "docs/coming-from-hadolint.md",
    ROOT / "docs/checks/README.md",
]


def test_generated_documents_are_current() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_architecture_names_every_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for folder in ("analyzer", "runner", "rules"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name != "__init__.py" and path.parent.name != "checks":
                assert path.name in text, path


def test_the_python_of_the_readme_runs() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "wasted_bytes" in result.stdout
    assert "DiGraph" in result.stdout


def test_the_answers_of_the_layer_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question of docs/graph.md gets the answer that stands there."""
    monkeypatch.chdir(ROOT)
    found = doctest.testfile(str(ROOT / "docs/graph.md"), module_relative=False)
    assert found.attempted > 20
    assert found.failed == 0


def test_the_example_of_the_layer_graph_is_what_its_script_makes(tmp_path: Path) -> None:
    """Unpacked, since packers differ."""
    subprocess.run(
        [sys.executable, "examples/fleet/make.py", str(tmp_path / "fleet.tar")], cwd=ROOT, check=True
    )
    there, made = (
        imglint.open_images(str(path)) for path in (ROOT / "examples/fleet/fleet.tar", tmp_path / "fleet.tar")
    )
    assert [(image.id, image.tags) for image in there] == [(image.id, image.tags) for image in made]
