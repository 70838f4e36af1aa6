"""Pipes, downloads, and the shape of RUN."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from ...analyzer.dockerfile import POSIX_SHELLS
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Script, Stage

_FETCHES = frozenset({"curl", "wget", "git", "gpg", "tar", "aws", "gsutil", "fetch", "unzip", "openssl"})
# git asks the repository on the disk for the rest (log, describe), which hardly fails.
_GIT_FETCHES = frozenset({"clone", "fetch", "pull", "archive", "ls-remote"})

# What fails by itself when it is fed nothing: a failed download does not go unseen there.
_FAIL_ON_NOTHING = frozenset(
    "tar gpg gpg2 apt-key gzip gunzip zcat xz unxz xzcat bzip2 bunzip2 bzcat zstd unzstd zstdcat cpio unzip dpkg"
    " sha1sum sha256sum sha512sum md5sum".split()
)

NO_PIPEFAIL = Rule(
    code="DL4006",
    name="pipe-hides-failure",
    severity=Severity.WARNING,
    once_per_instruction=True,
    message="if {program} fails, the pipe still succeeds and the build goes on; {advice}",
    page="""A download stands on the left of a pipe, and its failure would go unseen.

A pipeline's exit code is that of its last command: `curl … | sh` with a failed curl runs an empty
script, and the build has succeeded.

    RUN curl -fsSL https://example.org/x.sh -o /tmp/x.sh && sh /tmp/x.sh && rm /tmp/x.sh

works in every shell. `set -o pipefail` does in Bash and in BusyBox (Alpine), as in
`RUN set -o pipefail && curl … | sh`. It ends the build in dash, the /bin/sh of Debian and Ubuntu, up to
Debian 12 and Ubuntu 24.04: there it takes `SHELL ["/bin/bash", "-o", "pipefail", "-c"]`.

Told only where the left side fetches or unpacks something, and the right side takes an empty input for a
good one: tar, gpg and gzip fail on it by themselves. Pipes fed by echo, printf or cat can't fail this
way, and `| head` and `| grep -q` would fail *with* pipefail, because they close the pipe early.
""",
    bad=(
        "FROM a\nRUN curl -fsSL https://example.org/x | sh\n",
        'FROM a\nSHELL ["/bin/bash", "-c"]\nRUN wget -qO- x | sh\n',
        "FROM a\nRUN curl x | tar xz -O | jq . && y\n",
        'FROM a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nFROM b\nRUN curl x | sh\n',
        "FROM debian:12\nRUN curl -fsS https://example.org/x | python3 -\n",
    ),
    good=(
        'FROM a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nENV A=1\nRUN curl x | sh\n',
        "FROM alpine:3\nRUN set -o pipefail && curl x | sh\n",
        "FROM a\nRUN set -euxo pipefail; curl x | sh\n",
        "FROM a\nRUN curl -fsSL https://example.org/x.tgz | tar xz && wget -qO- k | gpg --dearmor > /k\n",
        "FROM a\nRUN curl -fsSL https://example.org/x.gz | gunzip > /x && curl y | sudo tar -x\n",
        "FROM a\nRUN echo x | tee y\n",
        "FROM a\nRUN git log --oneline -10 | sed 's/^/  /' >> /log\n",
        "FROM a\nRUN curl x | grep -q y\n",
        "FROM a\nRUN curl x | head -1\n",
        "FROM a\nRUN <<EOF\n#!/bin/bash -o pipefail\ncurl x | sh\nEOF\n",
        'FROM a\nSHELL ["pwsh", "-c"]\nENV A=1\nRUN curl x | Out-Null\n',
        "FROM a\nRUN curl x || y\n",
        "FROM a\nRUN <<EOF\ncurl x | sh\nmake\nEOF\n",
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
        if command.name == "git" and not any(word.value in _GIT_FETCHES for word in command.args):
            continue
        parts = script.pipeline(pipe)
        last = parts[-1]
        if pipe.part >= max(part.pipe.part for part in parts if part.pipe) or _closes_early(parts, pipe.part):
            continue
        if last.name in _FAIL_ON_NOTHING or _swallowed(script, last):
            continue
        yield NO_PIPEFAIL.finding(command.words[0].span, program=command.name, advice=_advice(stage, script))


EMPTY_SCRIPT = Rule(
    code="IL050",
    name="script-of-nothing",
    severity=Severity.WARNING,
    message="if {program} fails, {shell} runs an empty script and succeeds; save it first, then use && {shell}",
    page="""A shell runs what a substitution fetches.

`sh -c "$(curl … )"` and `bash <(curl …)` run what curl says, and nobody asks how curl ended: without an
answer the script is empty, and an empty script succeeds. pipefail does not help here.

    RUN curl -fsSL https://example.org/x.sh -o /tmp/x.sh && sh /tmp/x.sh && rm /tmp/x.sh
""",
    bad=(
        'FROM a\nRUN sh -c "$(curl -fsSL https://example.org/x.sh)"\n',
        'FROM a\nSHELL ["/bin/bash", "-c"]\nRUN bash <(wget -qO- https://example.org/x.sh) --all\n',
        'FROM a\nRUN eval "$(curl -s https://example.org/x.sh)"\n',
        'FROM a\nRUN A=b bash -c "`curl -L https://example.org/x.sh`" && make\n',
    ),
    good=(
        "FROM a\nRUN curl -fsSL https://example.org/x.sh -o /x.sh && sh /x.sh\n",
        'FROM a\nRUN sh -c "echo $(curl -fsSL https://example.org/v)"\n',
        "FROM a\nRUN sh -c 'curl -fsSL https://example.org/x'\n",
        'FROM a\nRUN eval "$(ssh-agent)"\n',
        "FROM a\nRUN diff <(curl -fsSL https://example.org/x) y\n",
    ),
    once_per_instruction=True,
)
_FETCHED_SCRIPT = re.compile(r"""(?:"?\$\(|"?`|<\()\s*(curl|wget)\s""")


@EMPTY_SCRIPT.command("sh", "bash", "ash", "dash", "zsh", "eval", "source", ".")
def run_unseen(command: Command, stage: Stage) -> Outcome:
    for word in command.args:
        found = _FETCHED_SCRIPT.match(word.raw)
        if found:
            yield EMPTY_SCRIPT.finding(command.words[0].span, program=found[1], shell=command.name)
            return


def _advice(stage: Stage, script: Script) -> str:
    """What works in the shell that reads the RUN."""
    base = stage.root_base
    if script.shell in ("", "sh") and _is_bash(script.instruction, stage):
        return "use set -o pipefail"
    if script.shell in ("bash", "ash", "zsh", "ksh") or (script.shell in ("", "sh") and base.pipefail):
        return "use set -o pipefail"
    if base.shell == "dash" and base.pipefail is False:
        return (
            'use SHELL ["/bin/bash", "-o", "pipefail", "-c"] (the /bin/sh of this base is dash, which has no pipefail),'
            " or save the download first"
        )
    return (
        'save the download first, or use set -o pipefail where the shell has it (SHELL ["/bin/bash", "-c"])'
    )


_BASH_FOR_SH = re.compile(r"\bln\s+-\w*s\w*\s+(?:-\w+\s+)*(?:/usr)?(?:/bin/)?bash\s+(?:/usr)?/bin/sh\b")


def _is_bash(instruction: Instruction, stage: Stage) -> bool:
    """Whether a RUN before this one has put bash in the place of /bin/sh."""
    return any(
        _BASH_FOR_SH.search(run.written)
        for one in stage.lineage
        for run in one.all("RUN")
        if one is not stage or run.start < instruction.start
    )


def _swallowed(script: Script, command: Command) -> bool:
    """Whether a command's failure is ignored in any case: in a here-document without `set -e`, before the last."""
    return _heedless(script) and command is not script.commands[-1]


def _heedless(script: Script) -> bool:
    """Whether a script is a here-document that goes on after each failure."""
    instruction = script.instruction
    if len(instruction.heredocs) != 1 or script.text is None or not script.read:
        return False
    body = instruction.heredocs[0].body
    if script.text.value != body.value:
        return False  # fed to a command
    first = body.value.partition("\n")[0]
    if first.startswith("#!") and re.search(r"\s-\w*e|errexit", first):
        return False
    return not _stops(script)


_ERREXIT = r"-\w*e|errexit$"


def _stops(script: Script) -> bool:
    """Whether a script is told to end at the first failure."""
    return any(
        command.name == "set" and any(re.match(_ERREXIT, word.value) for word in command.args)
        for command in script.commands
    )


def _shell_stops(instruction: Instruction, stage: Stage) -> bool:
    """Whether SHELL tells the shell to end at the first failure."""
    return any(re.match(_ERREXIT, word) for word in stage.shell(instruction)[1:])


def _interpreter_stops(script: Script) -> bool:
    """Whether the interpreter of a here-document ends at the first failure: `#!/bin/bash -e`, `bash -e <<EOF`."""
    if not script.instruction.heredocs:
        return False
    first = script.instruction.heredocs[0].body.value.partition("\n")[0]
    return (first.startswith("#!") and re.search(r"\s-\w*e|errexit", first) is not None) or any(
        command.name in POSIX_SHELLS and any(re.match(_ERREXIT, word.value) for word in command.args)
        for command in script.commands
    )


HEEDLESS = Rule(
    code="IL031",
    name="here-document-without-errexit",
    severity=Severity.WARNING,
    message="every line but the last may fail, and the build goes on; begin the here-document with set -e",
    page="""A RUN here-document has several commands and no `set -e`.

The shell is handed the whole text as one script, whose exit code is that of its last command. What
`&&` did between the commands of a RUN nothing does between the lines of a here-document.

    RUN <<EOF
    set -e
    apt-get update
    apt-get install -y nginx
    EOF

`#!/bin/bash -e` as its first line and a SHELL with `-e` do as well. Commands that are joined by `&&` or
that hardly ever fail (echo, cd, export, rm -f) are not counted.
""",
    bad=(
        "FROM a\nRUN <<EOF\napt-get update\napt-get install -y b\nEOF\n",
        "FROM a\nRUN <<EOF\n#!/bin/bash\nmake all\nmake install\nEOF\n",
    ),
    good=(
        "FROM a\nRUN <<EOF\nset -eux\napt-get update\napt-get install -y b\nEOF\n",
        "FROM a\nRUN <<EOF\n#!/bin/bash -e\nmake all\nmake install\nEOF\n",
        "FROM a\nRUN <<EOF\napt-get update &&\napt-get install -y b\nEOF\n",
        "FROM a\nRUN <<EOF\nexport A=b\ncd /srv\nmake\nEOF\n",
        "FROM a\nRUN <<EOF\nif grep -q b /etc/passwd; then\n  id b\nfi\nmake\nEOF\n",
        'FROM a\nSHELL ["/bin/sh", "-e", "-c"]\nRUN <<EOF\nmake\nmake install\nEOF\n',
        'FROM a\nSHELL ["/bin/bash", "-o", "errexit", "-c"]\nRUN <<EOF\nmake\nmake install\nEOF\n',
        "FROM a\nRUN bash -e <<EOF\nmake\nmake install\nEOF\n",
        "FROM a\nRUN <<EOF\n#!/usr/bin/env python3\na()\nb()\nEOF\n",
        "FROM a\nRUN <<EOF\nmake || exit 1\nmake install\nEOF\n",
        "FROM a\nCOPY <<EOF /x\nmake\nmake install\nEOF\n",
    ),
)
_HARMLESS = frozenset(
    "echo printf cd export set true : rm exit return local readonly unset umask trap shopt alias test [ [[ local".split()
)


@HEEDLESS.instruction("RUN")
def lines_that_may_fail(instruction: Instruction, stage: Stage) -> Outcome:
    if not instruction.heredocs:
        return
    script = stage.script(instruction)
    if _shell_stops(instruction, stage) or not _heedless(script):
        return
    commands = [one for one in script.commands if not (one.wrapped or one.substituted or one.depth)]
    for command, behind in pairwise(commands):
        lost = command.name not in _HARMLESS and not command.nested and behind.after in (";", "")
        if lost and (
            command.pipe is None or behind.pipe is None or command.pipe.pipeline != behind.pipe.pipeline
        ):
            yield HEEDLESS.finding(instruction.heredocs[0].marker.word.span)
            return


SEQUENCE = Rule(
    code="IL032",
    name="failure-not-looked-at",
    severity=Severity.WARNING,
    message="{failing} may fail, and the build goes on to {behind}: {operator} ignores failures; use &&",
    page="""A command that matters is followed by `;` or a single `&`.

`RUN a && b; c` succeeds when b fails, since the exit code of a RUN is that of its last command; `a & b`
does not even wait for a. `&&` stops where something fails, and so does `set -e` at the beginning of the
RUN. Told where what can fail installs, fetches, unpacks or builds something.
""",
    bad=(
        "FROM a\nRUN apt-get update && apt-get install -y b; rm -rf /var/lib/apt/lists/*\n",
        "FROM a\nRUN pip install b && if x; then y; fi; ls\n",
        "FROM a\nRUN pip install -U pip & pip install pipenv\n",
        "FROM a\nRUN curl -fsSLO https://example.org/x.tar; tar xf x.tar; rm x.tar\n",
        "FROM a\nRUN bash -c 'make; make install'\n",
        "FROM a\nRUN { apt-get install -y b; rm -rf /var/lib/apt/lists/*; }\n",
    ),
    good=(
        "FROM a\nRUN set -ex; apt-get update; apt-get install -y b\n",
        "FROM a\nRUN apt-get update && apt-get install -y b && rm -rf /var/lib/apt/lists/*\n",
        'FROM a\nSHELL ["/bin/bash", "-ec"]\nRUN make; make install\n',
        "FROM a\nRUN apt-get install -y b || true; ls\n",
        "FROM a\nRUN if x; then make; fi\nRUN for i in a b; do make $i; done\n",
        "FROM a\nRUN redis-server & sleep 1 && ./test\n",
        "FROM a\nRUN cd /srv; make\n",
        "FROM a\nRUN { make && ls; }\nRUN { set -e; make; ls; }\nRUN { make; ls; } || true\n",
        "FROM a\nRUN wget -q https://example.org/x && echo '0 x' | sha256sum -c - && tar xf x\n",
        "FROM a\nRUN apk add b && if x; then y; else z; fi && w\n",
        "FROM a\nRUN apt-get update; apt-get install -y b\n",
        "FROM a\nRUN <<EOF\nmake; make install\nEOF\n",
        "FROM a\nRUN <<EOF\n#!/bin/bash -e\nmake\nmake install\nEOF\n",
        "FROM a\nRUN bash -eu <<EOF\nmake\nmake install\nEOF\n",
        "FROM a\nRUN wget -qO k https://example.org/k && sh -c 'echo deb > /l' && make\n",
        "FROM a\nRUN bash -c 'make' && sh -c 'b'\n",
    ),
    once_per_instruction=True,
)
_MATTERS: dict[str, tuple[str, ...]] = {
    "apt-get": ("install", "update"), "apt": ("install", "update"), "apk": ("add",), "yum": ("install",),
    "dnf": ("install",), "microdnf": ("install",), "zypper": ("install", "in"), "pip": ("install",),
    "pip3": ("install",), "npm": ("install", "ci", "run"), "yarn": (), "pnpm": ("install",), "gem": ("install",),
    "go": ("build", "install", "mod"), "cargo": ("build", "install"), "mvn": (), "gradle": (), "make": (), "cmake": (),
    "curl": (), "wget": (), "git": ("clone",), "tar": (), "unzip": (), "composer": ("install",),
    "bundle": ("install",), "dotnet": ("build", "publish", "restore"),
}  # fmt: skip


# One group of commands, and nothing in it that has a depth of its own.
_IN_BRACES = re.compile(r"\s*\{\s(?!.*\b(?:if|for|while|until|case|select)\b)[^{}()]*\}\s*\Z", re.DOTALL)


@SEQUENCE.command(*_MATTERS)
def not_looked_at(command: Command, stage: Stage) -> Outcome:
    script = command.script
    if command.nested or command.substituted or script.text is None or _heedless(script):
        return
    level = 1 if command.depth and _IN_BRACES.match(script.text.value) else 0
    if command.depth != level:
        return
    subcommands = _MATTERS[command.name]
    if subcommands and not any(word.value in subcommands for word in command.args[:4]):
        return
    if _shell_stops(command.instruction, stage) or _stops(script) or _interpreter_stops(script):
        return
    for behind in script.following(command):
        if (
            behind.wrapped
            or behind.substituted
            or behind.depth != level
            or (behind.quoted and not command.quoted)
        ):
            continue
        if command.quoted and not (behind.quoted and behind.after):
            return  # the string that holds the command ends here
        if behind.pipe and behind.after in ("|", "|&"):
            continue
        if behind.after == "||":
            return  # handled
        if behind.after == "&&" and not command.background:
            continue
        if (
            "update" in subcommands
            and behind.name == command.name
            and any(w.value == "update" for w in command.args)
        ):
            return  # an install without lists fails by itself
        yield SEQUENCE.finding(
            command.words[0].span,
            failing=_shown(command),
            behind=behind.name,
            operator="a single &" if command.background else "`;`",
        )
        return


def _shown(command: Command) -> str:
    subcommand = next((word.value for word in command.args if word.value in _MATTERS[command.name]), "")
    return f"{command.name} {subcommand}".strip()


def _closes_early(parts: list[Command], after: int) -> bool:
    """Whether a command further right stops reading before the end, which pipefail turns into 141."""
    for part in parts:
        if part.pipe is None or part.pipe.part <= after:
            continue
        if part.name == "head" or (
            part.name in ("grep", "egrep", "fgrep") and part.has_flag("q", "m", "quiet")
        ):
            return True
    return False


BOTH = Rule(
    code="DL4001",
    name="wget-and-curl",
    severity=Severity.WARNING,
    default=False,
    aliases=("DS-0014",),
    message="{program} and {other} do the same; use only one of them",
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
    message="wget draws a progress bar into the build log; use --progress=dot:giga or -q",
    page="""wget without a flag for its output.

Large downloads fill the log with a line for every 50 kilobytes.
""",
    bad=("FROM a\nRUN wget https://example.org/x\n",),
    good=("FROM a\nRUN wget -q x && wget --progress=dot:giga y && wget -nv z && wget -o log w\n",),
)


@PROGRESS.command("wget")
def draws_progress(command: Command, stage: Stage) -> Outcome:
    if not command.has_flag(
        "q", "quiet", "progress", "nv", "no-verbose", "o", "output-file", "a", "append-output"
    ) and not any(word.value in ("-nv", "--append-output", "--version", "--help") for word in command.args):
        yield PROGRESS.finding(command.words[0].span)


CONSECUTIVE = Rule(
    code="DL3059",
    name="consecutive-runs",
    severity=Severity.INFO,
    default=False,
    message="this RUN could join the one on line {line}; each RUN makes a layer",
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
    for instruction in stage.instructions:
        plain = instruction.keyword == "RUN" and instruction.json is None and not instruction.heredocs
        if plain and previous is not None and not instruction.comments and _short(stage.script(instruction)):
            same = [flag.word.raw for flag in instruction.flags] == [flag.word.raw for flag in previous.flags]
            if same and _short(stage.script(previous)):
                yield CONSECUTIVE.finding(instruction.word.span, line=previous.span.line)
        previous = instruction if plain else None


def _short(script: Script) -> bool:
    return (
        script.read
        and sum(not command.wrapped and not command.starts_script for command in script.commands) <= 1
    )
