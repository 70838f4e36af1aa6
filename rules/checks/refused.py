"""Values that no builder takes, told where they can be read from the text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Dockerfile, Instruction, Stage, Word
    from ...analyzer.dockerfile.expansion import Variables
    from ...analyzer.dockerfile.words import Flag

REFUSED = Rule(
    code="IL043",
    name="refused-value",
    severity=Severity.ERROR,
    message="{problem}",
    stops_build=True,
    page="""A build would stop here: no builder takes this value.

Looked at are names of images, platforms, ports and protocols, signals, modes of --chmod, the fields of
`RUN --mount`, sources of COPY and ADD, and the images that COPY --from and mounts name, with variables
replaced as far as the text tells them. A variable that comes from outside, as an ARG without a default
or one of the base image, is left alone. Quotes and `${…}` that builders can't read are told, too, and
`${name:?message}` of a variable that is not set.

Builders differ in some of it:

- Podman's takes any word of EXPOSE, and keys of mounts that BuildKit does not know (relabel, z). Such
  keys are no error here.
- BuildKit takes file modes in letters (`--chmod=u=rwx`) since 2025; older builders and Podman's take
  octal numbers alone.
- `WORKDIR ""` stays where it is with BuildKit and Podman; Docker's builder before BuildKit refuses it.
- Docker's builder before BuildKit knows less: no here-documents, no `${name-word}` without a colon, no
  patterns, none of the newer flags. What only it refuses is no error here.
- `RUN --security`, `RUN --device` and `COPY --parents` are known to the newest frontends alone.
- Behind ONBUILD everything is refused only by the build of an image that is based on this one.

A name in capitals alone (`FROM BASEIMAGE`) and `${templateOption:name}` are notes: a template holds the
place of a value there, which comes before any build.

A file for a frontend that is not Docker's (`# syntax=`) may name files in its FROM lines, which are
left alone.
""",
    bad=(
        "FROM Debian:12\n",
        "FROM debian:\n",
        "FROM a//b:1\n",
        "FROM --platform=abc debian:12\n",
        "FROM a\nEXPOSE abc\n",
        "FROM a\nEXPOSE 80/http\n",
        "FROM a\nENV P=web\nEXPOSE $P\n",
        "FROM a\nSTOPSIGNAL SIGFOO\n",
        "FROM a\nCOPY --chmod=999 a /b\n",
        "FROM a\nCOPY https://example.org/x /x\n",
        "FROM a\nRUN --mount=type=foo x\n",
        "FROM a\nRUN --mount=type=cache,target=/x,foo=bar x\n",
        "FROM a\nRUN --mount=type=ssh,uid=abc x\n",
        "FROM scratch\nRUN --mount=type=cache,id=x x\n",
        "FROM a\nENV A=${B:=c}\n",
        "FROM a\nLABEL a=it's\n",
        "FROM scratch\nENV A=${B:?give it}\n",
        "FROM a\nCOPY --from=a//b /x /x\n",
        "FROM a\nRUN --mount=from=build,target=/x x\nFROM b AS build\n",
    ),
    good=(
        "FROM registry.example.org:5000/a/b_c:1@sha256:" + "0" * 64 + "\n",
        "ARG BASE\nFROM $BASE\n",
        "FROM --platform=$BUILDPLATFORM debian:12\nFROM --platform=linux/arm/v7 debian:12\n",
        "FROM a\nEXPOSE 80 8000-8010/udp $PORT 127.0.0.1:80:80\n",
        "FROM a\nSTOPSIGNAL RTMIN+3\nSTOPSIGNAL $SIGNAL\n",
        "FROM a\nCOPY --chmod=u=rwX,go=rX a /b\nCOPY --chmod=$MODE a /b\n",
        "FROM a\nWORKDIR /x\nRUN --mount=type=cache,id=x x\n",
        "FROM a\nRUN --mount=type=secret,id=x,required --mount=type=bind,rw,target=/x x\n",
        "FROM a\nENV A=${B:-c} C=${D##*/} E='$' F=\"it's\"\n",
        "FROM a\nRUN echo ${x^^} '\n",
    ),
)


@REFUSED.instruction("FROM")
def base_name(instruction: Instruction, stage: Stage) -> Outcome:
    if stage.file.frontend:
        return
    flag = instruction.flag("platform")
    if flag and flag.value and (value := stage.from_value(flag.value)) is not None:
        from ...analyzer.dockerfile.values import platform_fault

        if problem := platform_fault(value):
            yield REFUSED.finding(flag.word.span, problem=problem)
    name = stage.base_name
    if name is None or name == "scratch" or stage.parent:
        return
    if name == "" and any(arg in stage.base.raw for arg in stage.file.global_args):
        return  # an ARG that is empty waits for --build-arg
    if not _is_plain_name(name):
        from ...analyzer.dockerfile.values import reference_fault

        if problem := reference_fault(name):
            severity = None
            if re.fullmatch(
                r"[A-Z][A-Z0-9_]*", stage.base.raw
            ):  # a template's: who fills it in knows the name
                problem = (
                    f"no image is called {name}; use its name in lower case, unless a template puts it in"
                )
                severity = Severity.INFO
            yield REFUSED.finding(stage.base.span, problem=problem, severity=severity)


_BLANKS_FOR_SEPARATORS = str.maketrans("-._", "   ")


def _is_plain_name(name: str) -> bool:
    """Whether a name is one of the many that need no second look: `debian:12-slim`, `ghcr.io/a/b_c`."""
    path, colon, tag = name.partition(":")
    if len(name) >= 64 or not name.isascii() or path != path.lower():
        return False
    if colon and not tag.translate(_BLANKS_FOR_SEPARATORS).replace(" ", "a").isalnum():
        return False
    if tag[:1] in ("-", "."):
        return False
    return all(
        piece.isalnum()
        for part in path.split("/")
        for piece in part.translate(_BLANKS_FOR_SEPARATORS).split(" ")
    )


@REFUSED.instruction("EXPOSE")
def exposed_port(instruction: Instruction, stage: Stage) -> Outcome:
    for word in instruction.args:
        if word.raw.removesuffix("/tcp").removesuffix("/udp").isdecimal() and word.raw.isascii():
            continue
        from ...analyzer.dockerfile.values import port_fault

        value = stage.resolved(word.raw, instruction)
        if not value:
            continue
        # A variable may hold several ports; what is quoted is one word.
        ports = value.split() if "$" in word.raw and '"' not in word.raw else [value]
        if problem := next(filter(None, map(port_fault, ports)), None):
            yield REFUSED.finding(word.span, problem=problem)


@REFUSED.instruction("STOPSIGNAL")
def signal(instruction: Instruction, stage: Stage) -> Outcome:
    value = stage.resolved(instruction.value.raw, instruction)
    if value is not None and instruction.value.raw:
        from ...analyzer.dockerfile.values import signal_fault

        if problem := signal_fault(value):
            yield REFUSED.finding(instruction.value.span, problem=problem)


@REFUSED.instruction("VOLUME")
def volume_name(instruction: Instruction, stage: Stage) -> Outcome:
    for word in instruction.args:
        raw = word.value if instruction.json is not None else word.raw
        if raw.strip() and stage.resolved(raw, instruction) == "":
            problem = f"{word.raw} is empty, and VOLUME can't be; use the path of a directory"
            yield REFUSED.finding(word.span, problem=problem)


@REFUSED.instruction("COPY", "ADD")
def sources(instruction: Instruction, stage: Stage) -> Outcome:
    for flag in instruction.flags:
        if flag.value and flag.name in ("chmod", "from"):
            problem = (
                _mode_fault(flag, instruction, stage) if flag.name == "chmod" else _stage_fault(flag, stage)
            )
            if problem:
                yield REFUSED.finding(flag.word.span, problem=problem)
    from_context = instruction.flag("from") is None
    for word in instruction.args[:-1]:
        if instruction.keyword == "COPY" and (":" in word.value or "@" in word.value):
            from ...analyzer.dockerfile.values import is_git, is_remote

            source = (
                stage.resolved(word.value if instruction.json is not None else word.raw, instruction) or ""
            )
            if is_remote(source) or is_git(source):
                yield REFUSED.finding(word.span, problem="COPY fetches nothing from elsewhere; use ADD")
        if word.raw == "<<" and from_context and instruction.json is None:
            problem = (
                f"{instruction.keyword} takes `<<` for the name of a file; use <<DELIMITER, without a blank"
            )
            yield REFUSED.finding(word.span, problem=problem)
    yield from _checksum(instruction, stage)


def _mode_fault(flag: Flag, instruction: Instruction, stage: Stage) -> str | None:
    from ...analyzer.dockerfile.values import mode_fault

    value = stage.resolved(flag.value or "", instruction)
    return None if value is None else mode_fault(value)


def _checksum(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("checksum") if instruction.keyword == "ADD" else None
    value = stage.resolved(flag.value, instruction) if flag and flag.value else None
    if not flag or not value or len(instruction.args) < 2:
        return
    from ...analyzer.dockerfile.values import checksum_fault, is_git, is_remote

    named = [stage.resolved(word.value, instruction) for word in instruction.args[:-1]]
    if len(named) > 1:
        yield REFUSED.finding(flag.word.span, problem="--checksum goes with one source; use an ADD for each")
    elif (source := named[0]) is not None:
        problem = None
        if not is_remote(source) and not is_git(source):
            problem = "--checksum goes with what is fetched by HTTP or Git; leave it out"
        elif fault := checksum_fault(value, source):
            problem = fault
        if problem:
            yield REFUSED.finding(flag.word.span, problem=problem)


def _stage_fault(flag: Flag, stage: Stage) -> str | None:
    """What is wrong with the stage or image that COPY --from names."""
    name = flag.value or ""
    if "$" in name.rstrip("$"):
        return "--from can't hold a variable; name a stage, FROM … AS name, and use --from=name"
    if name.isdecimal():
        return None  # an earlier stage, or DL3022 tells
    if name[0] in "+-" and name[1:].isdecimal():
        return f"{name} is no stage's number; use the name of a stage before this one"
    later = stage.file.stage_named(name, len(stage.file.stages))
    return None if later is not None else _named_fault(name, stage)


def _named_fault(name: str, stage: Stage) -> str | None:
    """What is wrong with a name that is a stage's or an image's."""
    if not name or name == "scratch" or stage.file.stage_named(name, stage.index):
        return None
    later = stage.file.stage_named(name, len(stage.file.stages))
    if later is stage:
        return f"{name} is the stage that this stands in; use one before it"
    if later is not None:
        return f"the stage {name} comes later, on line {later.source.span.line}; use one before this"
    if _is_plain_name(name):
        return None
    from ...analyzer.dockerfile.values import reference_fault

    return reference_fault(name)


@REFUSED.instruction("RUN")
def mounts(instruction: Instruction, stage: Stage) -> Outcome:
    for flag in instruction.flags:
        problem = None
        if flag.name == "mount" and flag.value is not None:
            problem = _mount_fault(flag.value, instruction, stage)
        elif flag.name == "device" and flag.value is not None:
            problem = _device_fault(flag.value)
        if problem:
            yield REFUSED.finding(flag.word.span, problem=problem)


def _device_fault(value: str) -> str | None:
    from ...analyzer.dockerfile.mounts import RefusedMountError, read_device

    try:
        read_device(value)
    except RefusedMountError as refused:
        return str(refused)
    return None


def _mount_fault(value: str, instruction: Instruction, stage: Stage) -> str | None:
    from ...analyzer.dockerfile.mounts import RefusedMountError, read_mount

    def resolve(raw: str) -> str | None:
        if problem := _unreadable(raw, stage.file.escape, quotes=True):
            raise RefusedMountError(problem[0])
        return stage.resolved(raw, instruction)

    try:
        mount = read_mount(value, resolve)
    except RefusedMountError as refused:
        return str(refused)
    source = mount.fields.get("from")
    if source and not stage.is_trigger(instruction) and (problem := _named_fault(source, stage)):
        return problem
    target = mount.fields.get("target", "")
    if mount.kind in ("bind", "cache", "tmpfs") and target is not None:
        where = target if target.startswith("/") else stage.workdir(instruction)
        if where is not None and posixpath.normpath(posixpath.join(where, target)).strip("/") == "":
            return "nothing can be mounted over /; use target=/PATH"
    return None


@REFUSED.instruction(
    "FROM", "ENV", "LABEL", "ARG", "ADD", "COPY", "EXPOSE", "VOLUME", "WORKDIR", "USER", "STOPSIGNAL"
)
def expansion(instruction: Instruction, stage: Stage) -> Outcome:
    from ...analyzer.dockerfile.expanded import is_ordinary

    line = instruction.line.value
    # Where words end at blanks, a quote can open in one and close in the next.
    whole = '"' not in line or instruction.keyword in ("ENV", "LABEL", "ARG")
    if whole and not instruction.heredocs and is_ordinary(line, stage.file.escape):
        return
    for problem, word, start, end in _expansion_faults(
        instruction, stage.file.escape, stage.known_variables(instruction)
    ):
        where = word.part(start, end) if end <= len(word.raw) else word
        yield REFUSED.finding(where.span, problem=problem, severity=_level(word))


@REFUSED.dockerfile
def global_arguments(file: Dockerfile) -> Outcome:
    for one in file.preamble:
        if one.keyword == "ARG":
            for problem, word, start, end in _expansion_faults(one, file.escape, file.global_args):
                yield REFUSED.finding(word.part(start, end).span, problem=problem, severity=_level(word))


def _level(word: Word) -> Severity | None:
    """INFO for what stands in a template of development containers, which is filled in before any build."""
    return Severity.INFO if "${templateOption:" in word.raw else None


def _expansion_faults(
    instruction: Instruction, escape: str, known: Variables
) -> Iterator[tuple[str, Word, int, int]]:
    from ...analyzer.dockerfile.expanded import expanded_words, is_ordinary

    for text, word, quotes in expanded_words(instruction):
        if is_ordinary(text, escape):
            continue
        from ...analyzer.dockerfile.substitution import substitutions

        found = substitutions(text, escape if quotes else "\\", quotes=quotes)
        if found.fault:
            # Of JSON strings and flags the offsets are those of the value, not of what is written.
            start, end = (found.fault.start, found.fault.end) if text == word.raw else (0, len(word.raw))
            yield found.fault.message, word, start, end
            return
        for one in found.required:
            if one.name in known and (known[one.name] != "" or not one.nonempty):
                continue
            if one.name not in known or known[one.name] == "":
                yield (
                    f"{one.name} is not set, and the build stops with this message; give it a default",
                    word,
                    0,
                    len(word.raw),
                )
                return


def _unreadable(raw: str, escape: str, *, quotes: bool) -> tuple[str, int, int] | None:
    from ...analyzer.dockerfile.expanded import is_ordinary

    if is_ordinary(raw, escape):
        return None
    from ...analyzer.dockerfile.substitution import substitutions

    fault = substitutions(raw, escape, quotes=quotes).fault
    return (fault.message, fault.start, fault.end) if fault else None
