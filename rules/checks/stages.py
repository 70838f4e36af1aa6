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
    message="a stage named {name} stands on line {line} already: names differ in more than their case",
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
    message="{keyword} stands before the first FROM, where only ARG may: the build refuses it",
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
    aliases=("DS-0006",),
    message="COPY --from={name} names the stage it stands in, which is not built yet",
    page="""COPY --from names its own stage.

Files are copied from an earlier stage or another image.
""",
    bad=("FROM a AS x\nCOPY --from=x /a /b\n",),
    good=("FROM a AS x\nFROM b AS y\nCOPY --from=x /a /b\n",),
)


@OWN_STAGE.instruction("COPY")
def from_itself(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("from")
    if flag and flag.value and stage.name and flag.value.lower() == stage.name.value.lower():
        yield OWN_STAGE.finding(flag.word.span, name=flag.value)
