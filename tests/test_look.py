"""Text for terminals: colours where they are wanted, and lines that fit."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imglint.reports.look import PLAIN, Look

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "imglint", "examples/seed/Dockerfile"]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def environment(**given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return {**kept, "TERM": "xterm", **given}


def piped(**given: str) -> str:
    result = subprocess.run(COMMAND, cwd=ROOT, env=environment(**given), capture_output=True, check=False)
    return result.stdout.decode()


def on_terminal(**given: str) -> str:
    """What the command prints where its output is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environment(**given), stdout=theirs) as process:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 65536):
                told += part
        except OSError:  # the other end is closed
            pass
        process.wait()
    os.close(ours)
    return told.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("given", "colored"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "0"}, False),
     ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)  # fmt: skip
def test_colours_through_a_pipe(given: dict[str, str], colored: bool) -> None:
    told = piped(**given)
    assert bool(ESCAPE.search(told)) is colored
    assert ESCAPE.sub("", told) == piped()


@pytest.mark.parametrize(
    ("given", "colored"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_on_a_terminal(given: dict[str, str], colored: bool) -> None:
    assert bool(ESCAPE.search(on_terminal(COLUMNS="120", **given))) is colored


def test_lines_are_folded_where_the_terminal_ends() -> None:
    narrow = on_terminal(COLUMNS="60", NO_COLOR="1")
    words = max(len(word) for word in piped().split())
    assert max(map(len, narrow.splitlines())) <= max(60, words + 4)
    assert "".join(narrow.split()) == "".join(piped().split()).replace("1file;", "1file")


def test_a_look_without_a_width_changes_nothing() -> None:
    line = "word " * 100
    assert PLAIN.folded(line) == line
    assert Look(width=50).folded(line) != line
    assert PLAIN.verdict("fail") == PLAIN.strong("fail") == "fail"
