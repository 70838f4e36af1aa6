"""pacman: questions that nobody answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage

ASKS = Rule(
    code="IL052",
    name="pacman-asks",
    severity=Severity.WARNING,
    message="pacman without --noconfirm asks a question, nobody answers, and {outcome}; use --noconfirm",
    page="""pacman is called without `--noconfirm`.

pacman asks before it installs, upgrades or removes anything. In a build nobody answers, which it takes
for a no, and it ends with an error. The build fails by that, unless something stands behind `||` or `;`:
then it goes on without what pacman was to do. What only looks (`-Ss`, `-Si`), prints (`-p`) or fetches
the lists (`-Sy` alone) asks nothing. A pipe and a redirection (`<`, `<<<`) may hold the answer.
""",
    bad=(
        "FROM archlinux\nRUN pacman -S b\n",
        "FROM archlinux\nRUN pacman -Syu\n",
        "FROM archlinux\nRUN pacman --sync --refresh --needed b\n",
        "FROM archlinux\nRUN pacman -Rns b\n",
        "FROM archlinux\nRUN sudo pacman -U ./b.pkg.tar.zst\n",
        "FROM archlinux\nRUN pacman -Sy --config /etc/own.conf b || true\n",
        "FROM archlinux\nRUN pacman -S b < /dev/null\n",
    ),
    good=(
        "FROM archlinux\nRUN pacman -Syu --noconfirm b && pacman -R --noconfirm c\n",
        "FROM archlinux\nRUN pacman -Sy && pacman -Ss b && pacman -Qi b && pacman -Scc\n",
        "FROM archlinux\nRUN yes | pacman -S b\n",
        "FROM archlinux\nRUN pacman -S $FLAGS b\n",
        "FROM archlinux\nRUN pacman -Sy --config /etc/own.conf -b /db --arch x86_64 --logfile=/l -r /mnt\n",
        "FROM archlinux\nRUN pacman -Sp b && pacman -S --print-format %n b && pacman -Rp b && pacman -U --print b\n",
        "FROM archlinux\nRUN pacman -S b < answers && pacman -R c <<< y\n",
        "FROM archlinux\nRUN pacman -S b <<EOF\ny\nEOF\n",
        "FROM archlinux\nRUN yes | sh -c 'pacman -S b'\n",
    ),
)
_LOOKS = "silgpc"  # of -S: search, info, list, groups, print, clean
_VALUED_LETTERS = "br"
_VALUED = frozenset(
    "--config --dbpath --root --sysroot --cachedir --logfile --gpgdir --hookdir --arch --color --print-format"
    " --ignore --ignoregroup --overwrite --assume-installed --ask".split()
)
_PRINTS = frozenset({"--print", "--print-format", "--help", "--version"})
_LOOKING = frozenset({"--search", "--info", "--list", "--groups", "--clean"})


class _Call(NamedTuple):
    """The options of a call, by letter and by word, and how many other arguments it has."""

    letters: str
    words: frozenset[str]
    operands: int


def _read(command: Command) -> _Call:
    letters, words, operands = "", set(), 0
    values = iter([word.value for word in command.args])
    for value in values:
        if value == "--":
            operands += len(list(values))
        elif value.startswith("--"):
            name, sign, _ = value.partition("=")
            words.add(name)
            if name in _VALUED and not sign:
                next(values, "")
        elif value.startswith("-") and value != "-":
            given = value[1:]
            at = next((at for at, letter in enumerate(given) if letter in _VALUED_LETTERS), len(given))
            letters += given[:at]
            if at == len(given) - 1:
                next(values, "")
        else:
            operands += 1
    return _Call(letters, frozenset(words), operands)


@ASKS.command("pacman")
def asks(command: Command, stage: Stage) -> Outcome:
    letters, words, operands = _read(command)
    if any("$" in word.value for word in command.args) or _answered(command):
        return
    if (
        any(letter in letters for letter in "phV")
        or words & _PRINTS
        or any(word.startswith("--noc") for word in words)
    ):
        return
    removes = "R" in letters or bool(words & {"--remove", "--upgrade"}) or "U" in letters
    syncs = ("S" in letters or "--sync" in words) and not (
        any(look in letters for look in _LOOKS) or words & _LOOKING
    )
    upgrades = "u" in letters or "--sysupgrade" in words
    if not (removes or (syncs and (upgrades or operands))):
        return
    fix = Edit(command.words[0].span, f"{command.words[0].raw} --noconfirm", safe=True)
    outcome = "it does nothing" if _goes_on(command) else "the build fails"
    yield ASKS.finding(command.span, outcome=outcome, fix=fix)


def _answered(command: Command) -> bool:
    """Whether its input may be more than the nothing that a build gives."""
    starters = [starter for starter in command.script.commands if starter.starts_script]
    for reader in (command, *(starters if command.quoted else ())):
        if reader.pipe:
            return True
        if any(
            redirect.operator.startswith("<") and redirect.target.value != "/dev/null"
            for redirect in reader.redirects
        ):
            return True
    text = command.script.text
    return text is not None and "<<" in text.value


def _goes_on(command: Command) -> bool:
    """Whether the build may go on behind a pacman that failed."""
    text = command.script.text
    return (
        command.nested
        or command.background
        or command.depth > 0
        or command.quoted
        or any(
            not later.substituted and later.after in ("", ";", "&", "||")
            for later in command.script.following(command)
        )
        or (text is not None and re.search(r"(?:^|\s)!\s", text.value) is not None)
    )
