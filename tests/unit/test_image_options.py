"""The command line of `imglint image`, read without typer and with it: the same, or left to typer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from imglint import cli, image_options
from imglint.__main__ import main
from imglint.commands import image as command

USUAL = [
    ["a.tar"],
    ["a.tar", "b.tar", "--compare"],
    ["--no-verify", "a.tar", "--dive-compat"],
    [
        "a.tar",
        "--max-size",
        "5MB",
        "--max-pull=4kB",
        "--max-layer",
        "3",
        "--max-waste",
        "2",
        "--max-reclaim",
        "1",
    ],
    ["a.tar", "--min-efficiency", "90%", "--max-growth", "3%", "--against", "b.tar"],
    ["a.tar", "--max-size", "1", "--max-size", "2"],
    ["a.tar", "--select", "DL3006,AV03", "--ignore", "DL", "--ignore=AV0303", "--fail-level", "none"],
    ["a.tar", "-f", "json", "-o", "x.json", "--format=text"],
    ["a.tar", "--output", "x.md"],
    ["a.tar", "--graph", "x.dot", "--record", "x.csv", "--platform", "arm64", "--engine", "podman"],
    ["a.tar", "--engine", "unix:///run/x.sock"],
    ["a.tar", "--profile", "strict", "--extend-select", "AV0304", "--isolated"],
    ["--config", "own.toml", "a.tar"],
    ["a.tar", "--config=own.toml", "--fail-level", "error"],
    ["a.tar", "--secrets", "--packages"],
    ["docker://127.0.0.1:5000/shop", "--plain-http"],
]
WRONG = [
    [],
    ["a.tar", "--nonsense"],
    ["a.tar", "--max-size"],
    ["a.tar", "--max-size", "many"],
    ["a.tar", "--max-size", ""],
    ["a.tar", "--max-size="],
    ["a.tar", "--max-size", "-5"],
    ["a.tar", "--max-growth", "5%"],
    ["a.tar", "--no-verify=yes"],
    ["a.tar", "--format", "jsn"],
    ["a.tar", "--fail-level", "worst"],
    ["a.tar", "--engine", "dokcer"],
    ["a.tar", "--select", ","],
    ["a.tar", "-o", "x.json", "-o", "y.json", "-f", "json"],
    ["a.tar", "--", "--compare"],
    ["a.tar", "-fjson"],
    ["a.tar", "--config", "own.toml", "--isolated"],
    ["a.tar", "--config", "gone.toml"],
    ["a.tar", "--profile", "lax"],
]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What the command was called with, each time."""
    calls: list[Any] = []

    def record(sources: Any, settings: Any, outputs: Any, **more: Any) -> int:
        calls.append((tuple(sources), settings, outputs, more))
        return 0

    monkeypatch.setattr(command, "image", record)
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text('select = ["AV03"]\n[gates]\nmax-size = "7MB"\n')
    return calls


@pytest.mark.parametrize("arguments", USUAL)
def test_both_read_the_same(arguments: list[str], called: list[Any]) -> None:
    assert image_options.parse(arguments) is not None
    assert main(["image", *arguments]) == cli.run(["image", *arguments]) == 0
    without, with_typer = called
    assert without == with_typer


@pytest.mark.parametrize("arguments", WRONG)
def test_what_is_wrong_or_unusual_is_left_to_typer(arguments: list[str], called: list[Any]) -> None:
    assert image_options.parse(arguments) is None


def test_a_broken_configuration_is_left_to_typer(
    called: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("imglint.toml").write_text("nonsense = 1\n")
    assert image_options.parse(["a.tar"]) is None
    assert main(["image", "a.tar"]) == 2
    assert "imglint.toml" in capsys.readouterr().err


def test_all_options_are_known() -> None:
    command = typer.main.get_command(cli.app).commands["image"]  # type: ignore[attr-defined]
    options = {one for parameter in command.params for one in parameter.opts if one.startswith("--")}
    assert options - {"--help"} == image_options.OPTION_NAMES
    assert {
        one for line in USUAL for word in line if (one := word.partition("=")[0]).startswith("--")
    } == options - {"--help"}
