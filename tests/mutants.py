"""Mutation testing: whether the unit tests notice when one thing in the code is wrong.

    make mutants                      draws 300 mutants, and tries the tests that guard each
    make mutants SEED=7 COUNT=40      others, or fewer

A mutant is a module in which one expression or statement was changed. It is written into a copy of the repository,
and the unit tests of GUARDS are run there until one fails: then it is killed. One that survives shows a test that is
missing, or changes nothing that can be seen: such ones are listed in EQUIVALENT, with the reason.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPIED = (
    "analyzer",
    "runner",
    "rules",
    "reports",
    "src",
    "tests",
    "examples",
    "docs",
    "pyproject.toml",
    "README.md",
)
_UNIT = "tests/unit/test_"
# Module → the tests that guard it, the most likely killers first.
GUARDS = {
    "analyzer/dockerfile/*.py": (
        "build_context",
        "dockerfile_parser",
        "dockerfile_stages",
        "dockerfile_shell",
        "shell",
        "rules",
        "robustness",
    ),
    "analyzer/image/archive.py": ("image_forms", "image_errors", "image_tools", "image_history"),
    "analyzer/image/blob.py": ("image_forms", "image_errors", "image_tar"),
    "analyzer/image/config.py": ("image_forms", "image_errors", "rules"),
    "analyzer/image/diff.py": ("image_diff",),
    "analyzer/image/history.py": ("image_history",),
    "analyzer/image/layer.py": ("image_forms", "image_waste", "image_errors"),
    "analyzer/graph/*.py": ("graph", "graph_questions", "image_diff"),
    "analyzer/image/tar.py": ("image_tar", "image_errors", "image_forms"),
    "analyzer/image/visibility.py": ("image_waste", "image_diff"),
    "analyzer/attribution/*.py": ("line_matching", "image_history"),
    "analyzer/credentials.py": ("credentials", "masking"),
    "analyzer/sizes.py": ("image_diff", "look", "config", "wrong_values"),
    "analyzer/tokens/finder.py": ("tokens", "credentials_in_layers"),
    "analyzer/tokens/checksums.py": ("credentials_in_layers",),
    "analyzer/tokens/examples.py": ("tokens", "seeded_credentials"),
    "analyzer/image/installed.py": ("credentials_in_layers",),
    "rules/checks/*.py": ("rules", "robustness", "golden"),
    "rules/judge.py": ("rules", "robustness", "golden"),
    "rules/matrix.py": ("rules", "failures"),
    "runner/proc.py": ("proc",),
    "runner/expect.py": ("expect_files", "wrong_values"),
    "runner/journal.py": ("journal",),
    "runner/timing.py": ("timing",),
}
# Module: before → after: why nobody can see it.
EQUIVALENT: dict[str, str] = {}
_SECONDS = 240.0  # for the tests of one mutant; whoever hangs longer is killed, too

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
}  # fmt: skip


class Mutant(NamedTuple):
    """A module's text with one change, and where and what it is."""

    module: str
    line: int
    before: str
    after: str
    text: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before} → {self.after}"

    @property
    def key(self) -> str:
        return f"{self.module}: {self.before} → {self.after}"


def mutants(module: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a module, one change each."""
    tree = ast.parse(text)
    for parent in _code(tree):
        for holder, name, index, child in _children(parent):
            for changed in _changes(child, parent):
                before = ast.unparse(child)
                _put(holder, name, index, changed)
                try:
                    mutated = ast.unparse(tree)
                finally:
                    _put(holder, name, index, child)
                yield Mutant(module, getattr(child, "lineno", 0), before, ast.unparse(changed), mutated)


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run, and not what stands in imports and texts."""
    queue = [tree]
    while queue:
        node = queue.pop(0)
        yield node
        queue += [
            child
            for _, _, _, child in _children(node)
            if not isinstance(child, (ast.JoinedStr, ast.Import, ast.ImportFrom))
        ]


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """A node's own, without annotations, decorators, and what is for type checkers alone."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for index, one in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(one, ast.AST) and not (
                isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"
            ):
                yield node, name, index, one


def _put(holder: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(holder, name, node)
    else:
        getattr(holder, name)[index] = node


def _changes(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """What may stand in place of a node."""
    match node:
        case ast.Compare(ops=[one]) if type(one) in _COMPARED:
            yield ast.Compare(node.left, [_COMPARED[type(one)]()], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if (
            type(node.op) in _COUNTED and not _is_text(node.left) and not _is_text(node.right)
        ):
            yield ast.BinOp(node.left, _COUNTED[type(node.op)](), node.right)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if isinstance(parent, ast.Compare) and value:
            yield ast.Constant(f"{value}?")
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) if not _is_only(node, parent):
            yield ast.Pass()
        case ast.Return(value=ast.expr()) if ast.unparse(node.value or node) not in (
            "None",
            "()",
            "''",
            "False",
        ):
            yield ast.Return(ast.Constant(None))
        case ast.Name() | ast.Attribute() | ast.Call() if isinstance(parent, ast.If) and node is parent.test:
            yield ast.UnaryOp(ast.Not(), node)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    )


def _is_only(node: ast.AST, parent: ast.AST) -> bool:
    """Whether a generator would be none without it: then all of its tests break, and show nothing."""
    return (
        isinstance(parent, ast.FunctionDef)
        and sum(isinstance(one, ast.Yield) for one in ast.walk(parent)) == 1
    )


class Guarded(NamedTuple):
    """A module, its text, and the tests that guard it."""

    module: str
    text: str
    tests: tuple[str, ...]


def guarded() -> list[Guarded]:
    """All modules of GUARDS."""
    return [
        Guarded(str(path.relative_to(ROOT)), path.read_text(), tuple(f"{_UNIT}{name}.py" for name in names))
        for pattern, names in GUARDS.items()
        for path in sorted(ROOT.glob(pattern))
        if path.name not in ("__init__.py", "index.py")
    ]


class Copy:
    """A copy of the repository to be broken."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source, place / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy2(source, place / name)

    def fails(self, tests: tuple[str, ...], seconds: float = _SECONDS) -> bool:
        """Whether a test fails, or does not end."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
                   "-m", "not container and not slow", *tests]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(self.place / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(
                command, cwd=self.place, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = 1
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what a test has started
            process.wait()
        if code not in (0, 1, 2):  # passed, failed, can't be imported: all else is no word of a test
            raise RuntimeError(f"pytest ended with {code} for {' '.join(tests)}")
        return code != 0

    def kills(self, mutant: Mutant, guard: Guarded) -> bool:
        """Whether the tests notice a mutant."""
        path = self.place / mutant.module
        path.write_text(mutant.text)
        try:
            return self.fails(guard.tests)
        finally:
            path.write_text(guard.text)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Try the unit tests on mutants of the code.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--module", default="", help="only modules whose path has this in it")
    options = parser.parse_args(arguments)
    modules = [one for one in guarded() if options.module in one.module]
    everything = [(one, mutant) for one in modules for mutant in mutants(one.module, one.text)]
    known = {mutant.key for _, mutant in everything}
    stale = [] if options.module else [key for key in EQUIVALENT if key not in known]
    drawn = random.Random(options.seed).sample(everything, min(options.count, len(everything)))
    say(f"seed {options.seed}: {len(drawn)} of {len(everything)} mutants of {len(modules)} modules")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="imglint-mutants-") as directory:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(os.cpu_count() or 1):
            copies.put(Copy(Path(directory) / str(number)))
        green = copies.get()
        tests = tuple(dict.fromkeys(test for guard, _ in drawn for test in guard.tests))
        if green.fails(tests, 1200):
            say("the tests fail without any mutant")
            return 2
        copies.put(green)

        def tried(one: tuple[Guarded, Mutant]) -> str:
            guard, mutant = one
            if mutant.key in EQUIVALENT:
                return "equivalent"
            copy = copies.get()
            try:
                return "killed" if copy.kills(mutant, guard) else "survived"
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(copies.qsize()) as pool:
            outcomes = []
            for (_, mutant), outcome in zip(drawn, pool.map(tried, drawn), strict=True):
                outcomes.append(outcome)
                if outcome != "killed":
                    say(f"{outcome}: {mutant}")
    counts = Counter(outcomes)
    judged = counts["killed"] + counts["survived"]
    share = counts["killed"] / judged if judged else 1.0
    say(", ".join(f"{counts[one]} {one}" for one in ("killed", "survived", "equivalent"))
        + f": {share:.1%} killed in {time.monotonic() - began:.0f} s")  # fmt: skip
    for key in stale:
        say(f"listed as equivalent, and there no more: {key}")
    return 0 if share >= 0.9 and not stale else 1


say: Callable[[str], object] = lambda text: sys.stdout.write(f"{text}\n") and sys.stdout.flush()  # noqa: E731

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
