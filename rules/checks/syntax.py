"""Text that a build takes, but reads otherwise than it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Dockerfile, Instruction, Stage

EMPTY_CONTINUATION = Rule(
    code="NoEmptyContinuation",
    name="blank-line-in-continuation",
    severity=Severity.WARNING,
    message="a blank line stands inside of an instruction, which future builders refuse; remove it",
    page="""A blank line inside a continued instruction.

BuildKit drops the line and warns that a later version will end the instruction here, which
turns the rest into an unknown instruction. Remove the line, or put a comment in its place.
""",
    bad=("FROM a\nRUN b \\\n\n  c\n",),
    good=("FROM a\nRUN b \\\n# why\n  c\n\nRUN d\n",),
)


@EMPTY_CONTINUATION.dockerfile
def blank_lines(file: Dockerfile) -> Outcome:
    for fault in file.faults:
        if fault.kind == "blank-continuation":
            yield EMPTY_CONTINUATION.finding(fault.span)


SWALLOWED = Rule(
    code="IL011",
    name="comment-swallows-continuation",
    severity=Severity.ERROR,
    message="lines are joined before the shell reads them, so this comment swallows the rest of the RUN",
    page="""A comment behind a command ends in a continuation.

`RUN a # why \\` joins the next line to the comment: the shell never sees it, and the build
goes on as if nothing were missing. Put the comment on a line of its own, where it is dropped
before the lines are joined.
""",
    bad=("FROM a\nRUN echo one # first \\\n && echo two\n",),
    good=("FROM a\nRUN echo one \\\n# first\n && echo two # last\n", "FROM a\nRUN echo 'a # b' \\\n  c#d\n"),
)


@SWALLOWED.instruction("RUN")
def swallowed_lines(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.json is not None:
        return
    for comment in stage.script(instruction).comments:
        span = comment.span
        if span.end_line > span.line:
            yield SWALLOWED.finding(span)


BROKEN_JSON = Rule(
    code="IL012",
    name="broken-exec-form",
    severity=Severity.ERROR,
    message="{keyword} looks like the exec form, but {fault}",
    page="""An exec form that is no clean JSON array.

`CMD ['x']` (single quotes) or a missing comma make the builder hand the whole line to
`/bin/sh -c`, brackets and all, and the container ends with `[x]: not found`. Of `CMD ["x"];`
the classic builder and BuildKit 0.12 drop what stands behind the array without a word, and
other versions take it for shell text. Write a JSON array: double quotes, commas, nothing
behind it; a comment goes on a line of its own.
""",
    bad=("FROM a\nCMD ['nginx']\n", 'FROM a\nENTRYPOINT ["a", "b"];\n', 'FROM a\nCMD ["a" "b"]\n'),
    good=('FROM a\nCMD ["nginx"]\n', "FROM a\nCMD [ -f /x ] && run\n", "FROM a\nRUN [ -d /x ]\n"),
)


@BROKEN_JSON.instruction("CMD", "ENTRYPOINT", "SHELL", "RUN")
def brackets_for_the_shell(instruction: Instruction, stage: Stage) -> Outcome:
    raw = instruction.raw
    if instruction.trailing is not None:
        fault = "what stands behind the array is dropped by some builders and makes it shell text for others"
        yield BROKEN_JSON.finding(instruction.trailing.span, keyword=instruction.keyword, fault=fault)
    if instruction.json is not None or not raw.startswith("["):
        return
    inner = raw[1:].lstrip()
    # `[ -f x ]` is the shell's own test; an array starts with a quoted string.
    if inner[:1] in ("'", '"') and not raw.startswith("[["):
        fault = "it is not valid JSON, so a shell gets the brackets as text"
        yield BROKEN_JSON.finding(instruction.value.span, keyword=instruction.keyword, fault=fault)


MAINTAINER = Rule(
    code="DL4000",
    name="maintainer-instruction",
    severity=Severity.INFO,
    aliases=("MaintainerDeprecated", "CKV_DOCKER_6", "DS-0022"),
    message="MAINTAINER is deprecated; use LABEL org.opencontainers.image.authors",
    page="""MAINTAINER sets a field that no tool reads any more.

It has been deprecated since Docker 1.13. A label is shown by `docker inspect` and by
registries, and it can be searched for.
""",
    bad=("FROM a\nMAINTAINER me\n",),
    good=('FROM a\nLABEL org.opencontainers.image.authors="me"\n',),
    shipped_only=True,
)


@MAINTAINER.instruction("MAINTAINER")
def deprecated(instruction: Instruction, stage: Stage) -> Outcome:
    who = instruction.value.raw.replace('"', "'")
    fix = Edit(instruction.span, f'LABEL org.opencontainers.image.authors="{who}"', safe=True)
    yield MAINTAINER.finding(instruction.word.span, fix=fix)


NOT_UTF8 = Rule(
    code="IL016",
    name="not-utf8",
    severity=Severity.WARNING,
    message="the byte {byte} is not UTF-8: tools show and store another character; save the file as UTF-8",
    page="""The file holds bytes that are not UTF-8.

Builders take Dockerfiles for UTF-8. Text in another encoding, as from an old editor, ends up as
other characters in labels, variables and files. Save the file as UTF-8. The first such byte of
the file is told.
""",
    bad=("FROM a\nLABEL author=J\udcfcrgen\n",),
    good=("FROM a\nLABEL author=Jürgen\n",),
)


@NOT_UTF8.dockerfile
def other_encoding(file: Dockerfile) -> Outcome:
    # Such bytes are kept as lone surrogates.
    value = file.text.value
    if value.isascii():
        return
    at = next((index for index, char in enumerate(value) if "\udc80" <= char <= "\udcff"), -1)
    if at >= 0:
        yield NOT_UTF8.finding(file.text.span(at, at + 1), byte=f"0x{ord(value[at]) - 0xDC00:02x}")
