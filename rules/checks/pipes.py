"""Pipes, downloads, and the shape of RUN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Script, Stage

_FETCHES = frozenset({"curl", "wget", "git", "gpg", "tar", "aws", "gsutil", "fetch", "unzip", "openssl"})

NO_PIPEFAIL = Rule(
    code="DL4006",
    name="pipe-hides-failure",
    severity=Severity.WARNING,
    once_per_instruction=True,
    message="if {program} fails, the pipe still succeeds and the build goes on: set -o pipefail",
    page="""A download stands on the left of a pipe, and its failure would go unseen.

A pipeline's exit code is that of its last command. `curl … | tar x` with a failed curl leaves
an empty directory and a build that succeeded. Use `SHELL ["/bin/bash", "-o", "pipefail", "-c"]`
or `set -o pipefail` in the RUN. Told only where the left side fetches or unpacks something;
pipes fed by echo, printf or cat can't fail this way, and `| head` and `| grep -q` would fail
*with* pipefail, because they close the pipe early.
""",
    bad=(
        "FROM a\nRUN curl -fsSL https://example.org/x | tar xz\n",
        'FROM a\nSHELL ["/bin/bash", "-c"]\nRUN wget -qO- x | sh\n',
        "FROM a\nRUN curl x | tar xz -O | gpg --import && y\n",
        'FROM a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nFROM b\nRUN curl x | sh\n',
    ),
    good=(
        'FROM a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nENV A=1\nRUN curl x | tar xz\n',
        "FROM a\nRUN set -o pipefail && curl x | tar xz\n",
        "FROM a\nRUN set -euxo pipefail; curl x | tar xz\n",
        "FROM a\nRUN echo x | tee y\n",
        "FROM a\nRUN curl x | grep -q y\n",
        "FROM a\nRUN curl x | head -1\n",
        "FROM a\nRUN <<EOF\n#!/bin/bash -o pipefail\ncurl x | sh\nEOF\n",
        'FROM a\nSHELL ["pwsh", "-c"]\nENV A=1\nRUN curl x | Out-Null\n',
        "FROM a\nRUN curl x || y\n",
    ),
)


@NO_PIPEFAIL.instruction("RUN")
def unseen_failure(instruction: Instruction, stage: Stage) -> Outcome:
    script = stage.script(instruction)
    if not script.read or any("pipefail" in word for word in stage.shell(instruction)):
        return
    if any(doc.body.value.startswith("#!") and "pipefail" in doc.body.value.partition("\n")[0]
           for doc in instruction.heredocs):  # fmt: skip
        return
    safe = False
    for command in script.commands:
        if command.name == "set" and any("pipefail" in word.value for word in command.args):
            safe = True
        if command.name in ("bash", "zsh", "ksh") and any("pipefail" in word.value for word in command.args):
            safe = True
        pipe = command.pipe
        if safe or pipe is None or command.name not in _FETCHES:
            continue
        parts = script.pipeline(pipe)
        if pipe.part < max(one.pipe.part for one in parts if one.pipe) and not _closes_early(
            parts, pipe.part
        ):
            yield NO_PIPEFAIL.finding(command.words[0].span, program=command.name)


def _closes_early(parts: list[Command], after: int) -> bool:
    """Whether a command further right stops reading before the end, which pipefail turns into 141."""
    for one in parts:
        if one.pipe is None or one.pipe.part <= after:
            continue
        if one.name == "head" or (one.name in ("grep", "egrep", "fgrep") and one.has_flag("q", "m", "quiet")):
            return True
    return False


BOTH = Rule(
    code="DL4001",
    name="wget-and-curl",
    severity=Severity.WARNING,
    default=False,
    aliases=("DS-0014",),
    message="{program} and {other} do the same: the image needs only one of them",
    page="""Both wget and curl are used in one stage.

One of them would do, and an image without the other is smaller.
""",
    bad=("FROM a\nRUN wget x\nRUN curl y\n",),
    good=("FROM a\nRUN wget x\nFROM b\nRUN curl y\n",),
)


@BOTH.stage
def both_downloaders(stage: Stage) -> Outcome:
    first = ""
    for instruction in stage.runs():
        for command in stage.script(instruction).commands:
            if command.name not in ("wget", "curl"):
                continue
            if first and command.name != first:
                yield BOTH.finding(command.words[0].span, program=command.name, other=first)
                return
            first = command.name


PROGRESS = Rule(
    code="DL3047",
    name="wget-progress",
    severity=Severity.INFO,
    default=False,
    message="wget draws a progress bar into the build log: use --progress=dot:giga or -q",
    page="""wget without a flag for its output.

Large downloads fill the log with a line for every 50 kilobytes.
""",
    bad=("FROM a\nRUN wget https://example.org/x\n",),
    good=("FROM a\nRUN wget -q x && wget --progress=dot:giga y && wget -nv z && wget -o log w\n",),
)


@PROGRESS.command("wget")
def draws_progress(command: Command, stage: Stage) -> Outcome:
    if not command.has_flag(
        "q", "quiet", "progress", "nv", "no-verbose", "o", "output-file", "a"
    ) and not any(word.value in ("-nv", "--append-output", "--version", "--help") for word in command.args):
        yield PROGRESS.finding(command.words[0].span)


CONSECUTIVE = Rule(
    code="DL3059",
    name="consecutive-runs",
    severity=Severity.INFO,
    default=False,
    message="this RUN could join the one on line {line}: each makes a layer",
    page="""Two RUN instructions follow each other.

Told where each runs a single command. Off by default: separate RUNs cache separately and read
well, and a layer costs little in itself. Here-documents, RUNs with other flags, and RUNs with a
comment between them are left alone.
""",
    bad=("FROM a\nRUN b\nRUN c\n",),
    good=(
        "FROM a\nRUN b\n# because\nRUN c\n",
        "FROM a\nRUN b\nENV C=d\nRUN e\n",
        "FROM a\nRUN <<EOF\nb\nEOF\nRUN c\n",
        "FROM a\nRUN --mount=type=cache,target=/x b\nRUN c\n",
        'FROM a\nRUN ["b"]\nRUN c\n',
    ),
    shipped_only=True,
)


@CONSECUTIVE.stage
def side_by_side(stage: Stage) -> Outcome:
    previous: Instruction | None = None
    for one in stage.instructions:
        plain = one.keyword == "RUN" and one.json is None and not one.heredocs
        if plain and previous is not None and not one.comments and _short(stage.script(one)):
            same = [flag.word.raw for flag in one.flags] == [flag.word.raw for flag in previous.flags]
            if same and _short(stage.script(previous)):
                yield CONSECUTIVE.finding(one.word.span, line=previous.span.line)
        previous = one if plain else None


def _short(script: Script) -> bool:
    return script.read and sum(not one.wrapped and not one.starts_script for one in script.commands) <= 1
