"""Stages and what they take from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Dockerfile, Instruction, Stage

DUPLICATE = Rule(
    code="DL3024",
    name="duplicate-stage-name",
    severity=Severity.ERROR,
    aliases=("DuplicateStageName", "CKV_DOCKER_11", "DS-0012"),
    message="the stage name {name} is taken by line {line}; use a name that differs in more than its case",
    page="""Two stages have one name.

Later instructions that name it get the last of them. Case makes no difference.
""",
    bad=("FROM a AS x\nFROM b AS x\n", "FROM a AS X\nFROM b AS x\n"),
    good=("FROM a AS x\nFROM b AS y\n",),
)


@DUPLICATE.dockerfile
def same_names(file: Dockerfile) -> Outcome:
    seen: dict[str, int] = {}
    for stage in file.stages:
        if stage.name is None:
            continue
        key = stage.name.value.lower()
        if key in seen:
            yield DUPLICATE.finding(stage.name.span, name=stage.name.value, line=seen[key])
        seen.setdefault(key, stage.name.span.line)


NO_FROM = Rule(
    code="DL3061",
    name="instruction-before-from",
    severity=Severity.ERROR,
    stops_build=True,
    message="{keyword} stands before the first FROM, where only ARG may stand: the build fails",
    page="""Something other than ARG stands before the first FROM.

There is no image yet that the instruction could act on. A file without any FROM is reported at
its first instruction.
""",
    bad=("RUN x\nFROM a\n", "ARG A\nENV B=c\nFROM a\n", "ARG A\n"),
    good=("ARG A=b\n# c\nFROM $A\n",),
)


@NO_FROM.dockerfile
def before_from(file: Dockerfile) -> Outcome:
    for one in file.preamble:
        if one.keyword != "ARG":
            yield NO_FROM.finding(one.word.span, keyword=one.keyword)
            return
    if file.preamble and not file.stages:
        yield NO_FROM.finding(file.preamble[0].word.span, keyword="ARG without any FROM")


OWN_STAGE = Rule(
    code="DL3023",
    name="copy-from-own-stage",
    severity=Severity.ERROR,
    stops_build=True,
    aliases=("DS-0006",),
    message="COPY --from={name} names its own stage, which is not built yet",
    page="""COPY --from names its own stage.

Files are copied from an earlier stage or another image.
""",
    bad=("FROM a AS x\nCOPY --from=x /a /b\n",),
    good=("FROM a AS x\nFROM b AS y\nCOPY --from=x /a /b\n",),
)


@OWN_STAGE.instruction("COPY")
def from_itself(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("from")
    if stage.is_trigger(instruction):
        return
    if flag and flag.value and stage.name and flag.value.lower() == stage.name.value.lower():
        yield OWN_STAGE.finding(flag.word.span, name=flag.value)


RESERVED = Rule(
    code="DL3063",
    name="reserved-stage-name",
    severity=Severity.WARNING,
    aliases=("ReservedStageName",),
    message="{name} has a meaning of its own for the builder; use another name for the stage",
    page="""A stage is named `scratch` or `context`.

`scratch` is the empty image and `context` the build context. BuildKit refuses such a name for a
stage, or reads it otherwise.
""",
    bad=("FROM a AS scratch\n", "FROM a AS Context\n"),
    good=("FROM a AS scratchpad\n", "FROM scratch\n"),
)


@RESERVED.instruction("FROM")
def reserved_name(instruction: Instruction, stage: Stage) -> Outcome:
    if stage.name and stage.name.value.lower() in ("scratch", "context"):
        yield RESERVED.finding(stage.name.span, name=stage.name.value)


UNKNOWN_SOURCE = Rule(
    code="DL3022",
    name="copy-from-unknown-stage",
    severity=Severity.WARNING,
    stops_build=True,
    message="COPY --from={name} names {what}",
    page="""COPY --from names a stage that is not there, or not yet.

A stage can be copied from only below it. What is no stage is taken for an image and pulled, so a
misspelt or later stage ends in "pull access denied", or in files of a stranger's image. Told for
numbers of stages that do not exist before, names of later stages, and names that are almost those
of an earlier one. Other names may be images or named build contexts. The first two are errors: no
builder goes on.
""",
    bad=(
        "FROM a\nCOPY --from=build /x /x\nFROM b AS build\n",
        "FROM a AS build\nFROM b\nCOPY --from=biuld /x /x\n",
        "FROM a\nCOPY --from=3 /x /x\n",
        "FROM a AS build\nFROM b AS build\nCOPY --from=biuld /x /x\n",
    ),
    good=(
        "FROM a AS build\nFROM b\nCOPY --from=BUILD /x /x\nCOPY --from=0 /y /y\n",
        "FROM b\nCOPY --from=busybox:1 /x /x\nCOPY --from=nginx /y /y\n",
        "FROM a AS build\nFROM b\nARG S\nCOPY --from=$S /x /x\n",
        "FROM a AS build\nFROM b\nCOPY --from=assets /x /x\n",
        "FROM a\nONBUILD COPY --from=0 /x /x\nFROM b AS later\n",
    ),
)


@UNKNOWN_SOURCE.instruction("COPY")
def from_nowhere(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("from")
    if flag is None or not flag.value or "$" in flag.value or stage.is_trigger(instruction):
        return
    name = flag.value.lower()
    if name.isdigit():
        if int(name) >= stage.index:
            what = f"a stage that does not stand before this one, which is number {stage.index}"
            yield UNKNOWN_SOURCE.finding(flag.word.span, name=flag.value, what=what, severity=Severity.ERROR)
        return
    names: dict[str, list[Stage]] = {}
    for one in stage.file.stages:
        if one.name:
            names.setdefault(one.name.value.lower(), []).append(one)
    if ":" in name or "/" in name or "@" in name or stage.file.stage_named(name, stage.index):
        return
    later = next((one for one in names.get(name, ()) if one is not stage), None)
    if later is not None:
        what = f"the stage on line {later.source.span.line}, which comes later"
        yield UNKNOWN_SOURCE.finding(flag.word.span, name=flag.value, what=what, severity=Severity.ERROR)
    elif name not in names:
        import difflib

        earlier = [key for key, some in names.items() if some[0].index < stage.index]
        close = difflib.get_close_matches(name, earlier, 1, 0.75)
        if close:
            what = f"no stage: did you mean {close[0]}?"
            yield UNKNOWN_SOURCE.finding(flag.word.span, name=flag.value, what=what)


TRIGGER = Rule(
    code="DL3043",
    name="forbidden-trigger",
    severity=Severity.ERROR,
    stops_build=True,
    message="ONBUILD {keyword} is refused: {keyword} can't be a trigger",
    page="""ONBUILD of ONBUILD, FROM or MAINTAINER.

The builder refuses all three. A trigger runs one ordinary instruction when another image is built
on this one.
""",
    bad=("FROM a\nONBUILD FROM b\n", "FROM a\nONBUILD ONBUILD RUN b\n", "FROM a\nONBUILD MAINTAINER b\n"),
    good=("FROM a\nONBUILD RUN b\n",),
)


@TRIGGER.instruction("ONBUILD")
def forbidden_trigger(instruction: Instruction, stage: Stage) -> Outcome:
    trigger = instruction.trigger
    if trigger is not None and trigger.keyword in ("ONBUILD", "FROM", "MAINTAINER"):
        yield TRIGGER.finding(trigger.word.span, keyword=trigger.keyword)


DEFINITION = Rule(
    code="InvalidDefinitionDescription",
    name="description-of-another-name",
    severity=Severity.STYLE,
    default=False,
    message="the comment above {keyword} {name} does not start with `{name}`, so no tool shows it",
    page="""The comment above an ARG or a named stage does not start with its name.

`docker build --call outline` shows comments of the form `# name what it is for` as descriptions
of build arguments and targets. Off by default, as in BuildKit. A blank line between the two says
that the comment is about something else.
""",
    bad=("# what it is\nARG VERSION=1\nFROM a\n", "# the builder\nFROM a AS build\n"),
    good=(
        "# VERSION what it is\nARG VERSION=1\n# build makes it\nFROM a AS build\n",
        "# about the file\n\nARG VERSION=1\nFROM a\n",
    ),
)


@DEFINITION.dockerfile
def other_description(file: Dockerfile) -> Outcome:
    named = [(stage.source, stage.name.value) for stage in file.stages if stage.name]
    named += [
        (instruction, instruction.pairs[0][0].value)
        for instruction in file.instructions
        if instruction.keyword == "ARG" and instruction.pairs
    ]
    for one, name in named:
        above = one.comments[-1] if one.comments else None
        if above is None or above.span.line != one.span.line - 1 or "=" in above.text.partition(" ")[0]:
            continue
        first = next(
            comment for comment in one.comments
            if all(
                any(other.span.line == line for other in one.comments)
                for line in range(comment.span.line, one.span.line)
            )
        )  # fmt: skip
        if first.text.partition(" ")[0].lower() != name.lower():
            yield DEFINITION.finding(first.span, keyword=one.keyword, name=name)
