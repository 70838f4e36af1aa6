"""What helps at the keyboard: completion, and help with examples that can be run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from imglint.cli import app_commands

BIN = Path(sys.executable).parent
PATH = f"{BIN}:{os.environ['PATH']}"


def imglint(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [str(BIN / "imglint"), *arguments],
        env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


def in_bash(line: str, cwd: Path) -> list[str]:
    """What a real bash would offer at the end of a line."""
    words = [*shlex.split(line), *([""] if line.endswith(" ") else [])]
    script = f"""
        eval "$(_IMGLINT_COMPLETE=source_bash imglint)"
        complete -p imglint >&2
        COMP_WORDS=({" ".join(shlex.quote(word) for word in words)}) COMP_CWORD={len(words) - 1}
        _imglint_completion imglint
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=cwd,
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    # Where it offers nothing, bash itself offers files.
    assert "-o default" in done.stderr
    return done.stdout.split()


def test_bash(tmp_path: Path) -> None:
    assert set(in_bash("imglint ", tmp_path)) >= app_commands()
    assert in_bash("imglint au", tmp_path) == ["audit"]
    assert in_bash("imglint hook un", tmp_path) == ["uninstall"]
    assert set(in_bash("imglint image --max-", tmp_path)) == {
        "--max-size", "--max-pull", "--max-layer", "--max-waste", "--max-reclaim", "--max-growth",
    }  # fmt: skip
    assert in_bash("imglint Dock", tmp_path) == []
    assert in_bash("imglint explain ports.publish", tmp_path) == ["ports.published", "ports.publish-all"]
    assert in_bash("imglint explain DL300", tmp_path)[0] == "DL3000"


def test_zsh_and_fish() -> None:
    # As their scripts ask.
    zsh = {"_IMGLINT_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "imglint au"}
    assert '"audit":"Join all evidence' in imglint(**zsh)
    assert imglint(**zsh | {"_TYPER_COMPLETE_ARGS": "imglint Dock"}).strip() == "_files"
    fish = {
        "_IMGLINT_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": "imglint au",
    }
    assert imglint(**fish).startswith("audit\t")
    for shell, command in (
        ("zsh", "compdef _imglint_completion imglint"),
        ("fish", "complete --command imglint"),
    ):
        assert command in imglint(_IMGLINT_COMPLETE=f"source_{shell}")


@pytest.mark.parametrize("command", sorted(app_commands()))
def test_every_command_has_help_with_its_own_examples(command: str) -> None:
    told = imglint(command, "--help")
    assert told.startswith(f"Usage: imglint {command}")
    examples = re.findall(rf"^  (imglint {command}\b.*)$", told, re.MULTILINE)
    assert examples, told
    for example in examples:
        for option in re.findall(r"--[\w-]+", example):
            assert re.search(rf"^ .*{option}\b", told, re.MULTILINE) or command == "hook", (example, option)
