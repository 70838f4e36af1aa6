"""How instructions, stage names and protocols are written: upper or lower case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Dockerfile, Instruction, Stage

INSTRUCTIONS = Rule(
    code="ConsistentInstructionCasing",
    name="mixed-instruction-casing",
    severity=Severity.STYLE,
    default=False,
    message="{word} differs in case from most instructions of this file; use {wanted}",
    page="""Some instructions are in upper case and some are not.

Builders take both. A file that writes them all alike is easier to read and to search; upper case
is the custom.
""",
    bad=("FROM a\nrun b\nRUN c\n", "FROM a\nRun b\n", "from a\nrun b\nRUN c\n"),
    good=("FROM a\nRUN b\n", "from a\nrun b\n"),
)
STAGE_NAME = Rule(
    code="StageNameCasing",
    name="stage-name-in-capitals",
    severity=Severity.STYLE,
    default=False,
    message="the stage name {name} is not in lower case, though builders ignore case",
    page="""A stage name has capital letters.

Stage names are compared without regard to case, and shown in lower case. Writing them so avoids
two names for one stage.
""",
    bad=("FROM a AS Build\n",),
    good=("FROM a AS build\n", "FROM A\n"),
)
AS = Rule(
    code="FromAsCasing",
    name="mixed-from-as-casing",
    severity=Severity.STYLE,
    default=False,
    message="`{word}` differs in case from the {keyword} of its line",
    page="""FROM and AS of one line are in different case.

Both are taken. One way of writing in one line is easier to read.
""",
    bad=("FROM a as b\n", "from a AS b\n"),
    good=("FROM a AS b\n", "from a as b\n"),
)
PROTOCOL = Rule(
    code="ExposeProtoCasing",
    name="protocol-in-capitals",
    severity=Severity.STYLE,
    default=False,
    message="the protocol of {port} is not in lower case, as engines write it",
    page="""EXPOSE with a protocol in capitals.

Engines write `80/tcp`. Other spellings are taken, and look as if they meant something else.
""",
    bad=("FROM a\nEXPOSE 80/TCP\n",),
    good=("FROM a\nEXPOSE 80/tcp 53/udp 81 $PORT/TCP\n",),
)


@INSTRUCTIONS.dockerfile
def casing_of_the_majority(file: Dockerfile) -> Outcome:
    words = [instruction.word for instruction in file.instructions]
    lower = sum(word.raw.islower() for word in words)
    upper = sum(word.raw.isupper() for word in words)
    for word in words:
        wanted = word.raw.lower() if lower > upper else word.raw.upper()
        if word.raw != wanted:
            fix = Edit(word.span, wanted, safe=True)
            yield INSTRUCTIONS.finding(word.span, word=word.raw, wanted=wanted, fix=fix)


@STAGE_NAME.instruction("FROM")
def capital_stage_name(instruction: Instruction, stage: Stage) -> Outcome:
    if stage.name and stage.name.raw != stage.name.raw.lower():
        yield STAGE_NAME.finding(stage.name.span, name=stage.name.raw)


@AS.instruction("FROM")
def case_of_as(instruction: Instruction, stage: Stage) -> Outcome:
    if stage.name is None:
        return
    word, keyword = instruction.args[1], instruction.word.raw
    if word.raw.isupper() != keyword.isupper() or word.raw.islower() != keyword.islower():
        wanted = "as" if keyword.islower() else "AS"
        if word.raw != wanted:
            yield AS.finding(
                word.span, word=word.raw, keyword=keyword, fix=Edit(word.span, wanted, safe=True)
            )


@PROTOCOL.instruction("EXPOSE")
def capital_protocol(instruction: Instruction, stage: Stage) -> Outcome:
    for word in instruction.args:
        port, slash, protocol = word.raw.partition("/")
        if slash and protocol != protocol.lower() and "$" not in word.raw:
            fix = Edit(word.span, f"{port}/{protocol.lower()}", safe=True)
            yield PROTOCOL.finding(word.span, port=word.raw, fix=fix)
