"""Shell text that no shell reads, programs that can't be started, and what only root may do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..main_command import SHELL_WORDS
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage

SYNTAX = Rule(
    code="IL044",
    name="broken-shell-syntax",
    severity=Severity.ERROR,
    stops_build=True,
    message="the shell can't read this {keyword}: {problem}",
    page="""A RUN that no shell can read.

A quote or a parenthesis stays open, an operator has nothing behind it, `fi` has no `if`: the shell
gives up before it runs anything, and the build stops. In the shell form of CMD, ENTRYPOINT and
HEALTHCHECK the build goes on, and the container ends as soon as it starts, or is never healthy.

Told where dash, BusyBox and Bash all refuse the text. What only Bash knows (`[[ … ]]`, `select`, arrays)
and arithmetic are left alone, as are other shells and files that speak of Windows.
""",
    bad=(
        "FROM a\nRUN (\n",
        "FROM a\nRUN echo 'a\n",
        "FROM a\nRUN a && && b\n",
        "FROM a\nRUN a && \\\n  b && \n",
        "FROM a\nRUN if a; then b\n",
        "FROM a\nRUN a; fi\n",
        "FROM a\nRUN for i in b c; echo $i; done\n",
        "FROM a\nRUN case $x in a) b;; c) d;\n",
        "FROM a\nRUN case $x in a) if b; then c;; esac\n",
        "FROM a\nRUN f() { a; && f\n",
        "FROM a\nRUN <<EOF\necho $(a\nEOF\n",
        "FROM a\nCMD exec x )\n",
        'FROM a\nHEALTHCHECK CMD curl "x || exit 1\n',
    ),
    good=(
        "FROM a\nRUN (a; b) && { c; } || if d; then e; else f; fi\n",
        "FROM a\nRUN case $x in a) b;; esac; for i in a b; do c; done\n",
        "FROM a\nRUN f() { case $x in (a|b) c;; *) esac; }; until f; do if g; then h; fi done\n",
        "FROM a\nRUN echo \"$(a | sed 's/(//')\" `b` ${c:-d} $((1 + 2)) # it's\n",
        'FROM a\nRUN ["a", "("]\nSHELL ["pwsh", "-c"]\nRUN if (a) { b }\n',
        "FROM a\nRUN a=(b c); d <(e)\n",
        'FROM a\nSHELL ["/bin/bash", "-c"]\nRUN a=() && for i in b c; do a+=("$i"); done\n',
        "FROM a\nRUN while case a in b) c;; esac do d; done\n",
        "FROM a\nRUN cat <<EOF > x\nit's (\nEOF\n",
    ),
)
_WINDOWS = ("powershell", "pwsh", "windows", "c:\\", "cmd /", "$env:")


# Operators with nothing between them, or nothing on one side.
_MISPLACED = re.compile(
    r"\|\s*(?:&&|[|;)])(?<!\|\|)|;\s*(?:&&|[|;)])|&&\s*(?:&&|[|;)])|\(\s*\)"  # each begins with one sign: that is quick
)
_PAIRS = (("if", "fi"), ("do", "done"), ("case", "esac"), ("{", "}"))


def _looks_sound(text: str) -> bool:
    """Whether nothing in an instruction calls for a closer look: what opens is closed, no operator stands alone."""
    if text.count("'") % 2 or text.count('"') % 2 or text.count("`") % 2:
        return False
    if text.count("(") != text.count(")") or text.count("{") != text.count("}"):
        return False
    script = text.partition(" ")[2].strip()
    if script.startswith(("&&", "|", ";", ")")) or script.endswith(("&&", "|")) or _MISPLACED.search(script):
        return False
    if "fi" in text or "do" in text or "if " in text or "case " in text or "esac" in text:
        words = text.replace(";", " ; ").split()
        return all(words.count(first) == words.count(last) for first, last in _PAIRS)
    return " }" not in text and " {" not in text


@SYNTAX.instruction("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK")
def unreadable(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.json is not None or not instruction.raw:
        return
    text = "\n".join((instruction.line.value, *(heredoc.body.value for heredoc in instruction.heredocs)))
    if _looks_sound(text) or not stage.understands(instruction):
        return
    script = stage.script(instruction)
    if script.text is None or not script.read:
        return
    from ...analyzer.dockerfile.shell_faults import shell_fault

    fault = shell_fault(script.text.value)
    if fault and not any(mark in stage.file.text.value.lower() for mark in _WINDOWS):
        runs = instruction.keyword == "RUN" or stage.shipped
        yield SYNTAX.finding(
            script.text.span(fault.start, fault.end),
            keyword=instruction.keyword,
            problem=fault.message,
            severity=Severity.ERROR if runs else Severity.WARNING,
        )


START = Rule(
    code="IL045",
    name="program-that-can-not-be",
    severity=Severity.ERROR,
    message="{keyword} starts a program named {name}, which {problem}",
    page="""The first word of an exec form is no program.

`CMD ["nginx -g daemon"]` starts a program whose name has blanks in it, `["$APP"]` one with a dollar
in its name, since nothing is expanded, `["cd", "/srv"]` a command that only shells know, and `[""]`
none at all: the engine finds no such file, and no container of the image starts. Write each argument
as a string of its own, or use the shell form.

An error for ENTRYPOINT, and for CMD on a base that is known to have no ENTRYPOINT. On other bases CMD
may be arguments of one, and it is a warning. A path with blanks may be meant: it is told where an
option follows.
""",
    bad=(
        'FROM a\nENTRYPOINT ["nginx -g daemon"]\n',
        'FROM a\nENTRYPOINT ["/usr/bin/x --verbose"]\n',
        'FROM debian:12\nCMD ["$APP", "serve"]\n',
        'FROM debian:12\nCMD ["cd", "/srv"]\n',
        'FROM a\nENTRYPOINT [""]\n',
        'FROM a\nENTRYPOINT ["exec", "x"]\n',
    ),
    good=(
        'FROM a\nENTRYPOINT ["nginx", "-g", "daemon off;"]\nCMD ["a b"]\n',
        "FROM a\nENTRYPOINT []\nCMD []\n",
        'FROM a\nENTRYPOINT ["/opt/my app/run"]\n',
        'FROM a\nENTRYPOINT ["sh", "-c", "cd /srv && $APP"]\n',
        'FROM a\nENTRYPOINT ["echo", "$x"]\n',
        "FROM a\nCMD\nENTRYPOINT\n",
    ),
)


@START.instruction("CMD", "ENTRYPOINT")
def no_program(instruction: Instruction, stage: Stage) -> Outcome:
    if not instruction.json or stage.windows:
        return
    if instruction.keyword == "CMD" and stage.entrypoint is not None and stage.entrypoint.json != ():
        return
    word = instruction.json[0]
    problem = _why_not(word.value)
    if problem:
        certain = instruction.keyword == "ENTRYPOINT" or stage.root_base.bare
        yield START.finding(
            word.span,
            keyword=instruction.keyword,
            name=repr(word.value),
            problem=problem,
            severity=Severity.ERROR if certain else Severity.WARNING,
        )


def _why_not(name: str) -> str | None:
    """Why no program can have this name; None where one may."""
    if not name:
        return "no program has; use the name of one, or [] to start nothing"
    if name[0] == "$":
        return "is not expanded; use the shell form, or the name itself"
    if name in SHELL_WORDS:
        return "only shells know; use the shell form, or WORKDIR and ENV"
    first, *others = name.split()
    if others and ("/" not in first or others[0].startswith("-")):
        return "has its arguments in it; use a string for each of them"
    return None


ROOT_ONLY = Rule(
    code="IL051",
    name="package-manager-without-root",
    severity=Severity.ERROR,
    stops_build=True,
    message="{program} {verb} needs root, and runs as {user} of line {line}; use USER root before it",
    page="""Packages are installed by a user that is not root.

Package managers of systems write below /usr and /var and take a lock there: as any other user they stop
with "Permission denied", and the build with them. Install before USER, or go back to root and to
the user again. Left alone where the failure is passed over (`||`), and behind sudo and the like.
""",
    bad=(
        "FROM debian:12\nUSER 751\nRUN apt-get install -y curl\n",
        "FROM alpine:3.20\nUSER app\nRUN apk add --no-cache curl\n",
        "FROM debian:12 AS a\nUSER app:app\nFROM a\nRUN apt-get update && apt-get install -y curl\n",
    ),
    good=(
        "FROM debian:12\nUSER 751\nUSER root\nRUN apt-get install -y curl\nUSER 751\n",
        "FROM debian:12\nUSER 0:0\nRUN apt-get install -y curl\n",
        "FROM debian:12\nUSER app\nRUN sudo apt-get install -y curl && apt-get --version\n",
        "FROM debian:12\nARG U\nUSER $U\nRUN apt-get install -y curl\n",
        "FROM debian:12\nUSER app\nRUN apt-get update || true\n",
        "FROM debian:12\nUSER app\nRUN apt-get download curl; fakeroot apt-get install x\n",
    ),
    once_per_instruction=True,
)
_VERBS = {
    "apt-get": ("install", "update", "upgrade", "dist-upgrade", "remove", "purge", "autoremove"),
    "apt": ("install", "update", "upgrade", "remove", "purge"),
    "apk": ("add", "update", "upgrade", "del"),
    "dnf": ("install", "update", "upgrade", "remove"),
    "microdnf": ("install", "update", "upgrade", "remove"),
    "yum": ("install", "update", "upgrade", "remove"),
    "zypper": ("install", "in", "update", "up"),
}


@ROOT_ONLY.command(*_VERBS)
def as_another_user(command: Command, stage: Stage) -> Outcome:
    found = _user(command.instruction, stage)
    if found is None or command.wrapped or command.substituted or stage.windows:
        return
    operands = command.operands()
    verb = operands[0].value if operands else ""
    if verb not in _VERBS[command.name] or _forgiven(command):
        return
    if command.has_flag("root", "installroot", "s", "simulate", "dry-run", "just-print"):
        return
    user, instruction = found
    yield ROOT_ONLY.finding(
        command.words[0].span, program=command.name, verb=verb, user=user, line=instruction.span.line
    )


def _forgiven(command: Command) -> bool:
    """Whether the failure of a command changes nothing: something stands behind `||`, or a later one decides."""
    following = next(command.script.following(command), None)
    return (
        command.nested
        or any(one.after == "||" for one in command.script.following(command))
        or (following is not None and following.after == ";" and not _stops_at_once(command))
    )


def _stops_at_once(command: Command) -> bool:
    """Whether the script stops at the first failure: `set -e` stands in it."""
    return any(one.name == "set" and one.has_flag("e", "errexit") for one in command.script.commands)


def _user(instruction: Instruction, stage: Stage) -> tuple[str, Instruction] | None:
    """The user that a USER names for an instruction, where it is known and not root."""
    for one in stage.lineage:
        named = [user for user in one.all("USER") if one is not stage or user.start < instruction.start]
        if named:
            value = one.expanded(named[-1].value, named[-1])
            name = (value or "").partition(":")[0]
            return None if name in ("", "root", "0") else (name, named[-1])
    return None
