"""Whole outputs. `pytest --update` rewrites them; a line between slashes is a regular expression.

Each case is a folder with `args`, one argument a line, the files that they name, and `out.txt`:
what is printed, and the exit code in the last line.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(path.parent for path in GOLDEN.glob("*/args"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_output(case: Path, pytestconfig: pytest.Config) -> None:
    arguments = (case / "args").read_text().splitlines()
    result = subprocess.run(
        [sys.executable, "-m", "imglint", *arguments], cwd=case, capture_output=True, text=True, check=False
    )
    printed = f"{result.stderr}{result.stdout}exit {result.returncode}\n"
    golden = case / "out.txt"
    if pytestconfig.getoption("--update"):
        golden.write_text(printed)
    wanted = golden.read_text().splitlines()
    lines = printed.splitlines()
    assert len(lines) == len(wanted), printed
    for line, expected in zip(lines, wanted, strict=True):
        if len(expected) > 2 and expected[0] == expected[-1] == "/":
            assert re.fullmatch(expected[1:-1], line), printed
        else:
            assert line == expected


def test_there_are_cases() -> None:
    assert len(CASES) >= 6
