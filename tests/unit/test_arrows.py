"""One line of arrows: analyzer ← runner ← rules ← reports ← imglint."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORDER = ("analyzer", "runner", "rules", "reports")
# What the runner may know of the analyzer: the types of images, the error of bad input, how bytes are written,
# how a history reads, what masks what it quotes, YAML files, and how a registry is asked.
RUNNER_MAY = (
    "analyzer", "analyzer.image", "analyzer.errors", "analyzer.image.created_by", "analyzer.credentials",
    "analyzer.sizes", "analyzer.yaml_file", "analyzer.registry",
)  # fmt: skip
FILES = sorted(path for folder in ORDER for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """What a file imports, as dotted names from the top folder; its own packages' names for `imglint`."""
    package = path.relative_to(ROOT).parent.parts
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
                names.add(".".join([*base, *(node.module or "").split(".")]).strip("."))
            else:
                names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_left(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    allowed = ORDER[: ORDER.index(folder) + 1]
    for name in imported(path):
        top = name.partition(".")[0]
        assert top != "imglint", f"{name}: inside the folders, imports are relative"
        if top in ORDER:
            assert top in allowed, f"{name} points to the right"
            if folder == "runner" and top == "analyzer":
                assert name in RUNNER_MAY


def test_only_the_runner_meets_an_engine() -> None:
    own = ROOT / "src/imglint"  # with the command's own files; its links lead to the folders
    command = [path for pattern in ("*.py", "commands/*.py") for path in own.glob(pattern)]
    assert command
    for path in (*FILES, *command):
        if path.relative_to(ROOT).parts[0] != "runner":
            assert "docker" not in {name.partition(".")[0] for name in imported(path)}, path


def test_rules_do_no_input_or_output() -> None:
    for path in FILES:
        if path.relative_to(ROOT).parts[:2] == ("rules", "checks"):
            tops = {name.partition(".")[0] for name in imported(path)}
            assert not tops & {"os", "pathlib", "socket", "subprocess", "sys", "time", "urllib"}, path
            assert "open(" not in path.read_text(), path
