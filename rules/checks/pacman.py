"""pacman: questions that nobody answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage

ASKS = Rule(
    code="IL052",
    name="pacman-asks",
    severity=Severity.WARNING,
    message="pacman without --noconfirm asks a question, nobody answers, and the build fails; use --noconfirm",
    page="""pacman is called without `--noconfirm`.

pacman asks before it installs, upgrades or removes anything. In a build nobody answers, which it takes
for a no, and it ends with an error. What only looks (`-Ss`, `-Si`) or fetches the lists (`-Sy` alone)
asks nothing.
""",
    bad=(
        "FROM archlinux\nRUN pacman -S b\n",
        "FROM archlinux\nRUN pacman -Syu\n",
        "FROM archlinux\nRUN pacman --sync --refresh --needed b\n",
        "FROM archlinux\nRUN pacman -Rns b\n",
        "FROM archlinux\nRUN sudo pacman -U ./b.pkg.tar.zst\n",
    ),
    good=(
        "FROM archlinux\nRUN pacman -Syu --noconfirm b && pacman -R --noconfirm c\n",
        "FROM archlinux\nRUN pacman -Sy && pacman -Ss b && pacman -Qi b && pacman -Scc\n",
        "FROM archlinux\nRUN yes | pacman -S b\n",
        "FROM archlinux\nRUN pacman -S $FLAGS b\n",
    ),
)
_LOOKS = "silgpc"  # of -S: search, info, list, groups, print, clean


@ASKS.command("pacman")
def asks(command: Command, stage: Stage) -> Outcome:
    flags = [word for word in command.args if word.value.startswith("-")]
    letters = "".join(word.value[1:] for word in flags if re.fullmatch(r"-[A-Za-z]+", word.value))
    words = {word.value for word in flags}
    if command.pipe or "--noconfirm" in words or any("$" in word.value for word in command.args):
        return
    removes = "R" in letters or bool(words & {"--remove", "-U", "--upgrade"}) or "U" in letters
    syncs = ("S" in letters and not any(look in letters for look in _LOOKS)) or (
        "--sync" in words and not words & {"--search", "--info", "--list", "--groups", "--print", "--clean"}
    )
    upgrades = "u" in letters or "--sysupgrade" in words
    if not (removes or (syncs and (upgrades or command.operands()))) or "--print" in words:
        return
    fix = Edit(command.words[0].span, f"{command.words[0].raw} --noconfirm", safe=True)
    yield ASKS.finding(command.span, fix=fix)
