"""What IL052 says of a pacman that nobody answers."""

from __future__ import annotations

import pytest

from imglint.analyzer.dockerfile import Dockerfile
from imglint.rules.checks.pacman import asks


def told(script: str) -> list[str]:
    stage = Dockerfile.from_string(f"FROM archlinux\nRUN {script}\n").stages[0]
    commands = stage.script(stage.instructions[0]).commands
    calls = [command for command in commands if command.name == "pacman"]
    return [finding.message for call in calls for finding in asks(call, stage)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "script", ["pacman -S b", "a && pacman -Syu && c", "sudo pacman -R b", "a; pacman -S -b /db -r /mnt b"]
)
def test_the_build_fails(script: str) -> None:
    (message,) = told(script)
    assert "the build fails" in message


@pytest.mark.parametrize(
    "script",
    [
        "pacman -S b || true",
        "pacman -S b && c || :",
        "pacman -S b; c",
        "(pacman -S b); c",
        "if pacman -S b; then c; fi",
        "pacman -S b & wait",
        "pacman -S b && c; d",
        "! pacman -S b",
    ],
)
def test_the_build_goes_on(script: str) -> None:
    (message,) = told(script)
    assert "the build fails" not in message and "it does nothing" in message
