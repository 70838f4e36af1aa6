"""The names of the checks of a container, as the runner's code has them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

RUNNER = Path(__file__).parents[1] / "runner"


def _nodes() -> Iterator[ast.AST]:
    for path in RUNNER.glob("*.py"):
        yield from ast.walk(ast.parse(path.read_text()))


def names_in_the_runner() -> set[str]:
    """Every word of the runner that looks like the name of a check."""
    words: set[str] = set()
    for node in _nodes():
        word = node.value if isinstance(node, ast.Constant) else None
        if isinstance(word, str) and re.fullmatch(r"(?!imglint\.)[a-z]+\.[a-z0-9-]+", word):
            words.add(word)  # "imglint.…" are labels
    return words


def checks_in_the_runner() -> set[tuple[str, str]]:
    """Name and verdict of each check that the runner makes with both as they are: `Check("a.b", …, Verdict.PROVED, …)`."""
    found: set[tuple[str, str]] = set()
    for node in _nodes():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Check"):
            continue
        match node.args:
            case [ast.Constant(str(name)), _, ast.Attribute(ast.Name("Verdict"), verdict), *_]:
                found.add((name, verdict))
            case _:
                pass
    return found
