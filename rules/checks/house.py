"""What imglint says of itself: the file it could not read, the rule that broke, the idle pragma."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Dockerfile

PARSE_ERROR = Rule(
    code="IL001",
    name="parse-error",
    severity=Severity.ERROR,
    stops_build=True,
    aliases=("DL1000",),
    message="{problem}",
    page="""A build would stop here: the instruction can't be read.

The rest of the file is checked all the same. The message says what BuildKit's parser stumbles
over and the position points at the word. In a file for another frontend (`# syntax=` names one that is
not Docker's) nobody can know what is refused: nothing is told of it.
""",
    bad=("FROM a\nWORDIR /x\n", "FROM a\nRUN <<EOF\necho\n", "FROM a\nENV lonely\n"),
    good=(
        "FROM a\nWORKDIR /x\nRUN <<EOF\necho\nEOF\nCOPY b /c\n",
        "FROM a\nCMD\nENTRYPOINT\n",
        "FROM a\nRUN cat << 'END' > /x\nset it\nEND\n",
        "# syntax=example/dockerfile-x:1\nFROM a\nINCLUDE ./b\n",
    ),
)


@PARSE_ERROR.dockerfile
def syntax_faults(file: Dockerfile) -> Outcome:
    for fault in file.faults:
        if fault.kind == "syntax":
            yield PARSE_ERROR.finding(fault.span, problem=fault.message)
        elif fault.kind == "foreign":
            yield PARSE_ERROR.skip("dockerfile", f"what the frontend {file.frontend} takes is not known")


RULE_FAILED = Rule(
    code="IL002",
    name="rule-failed",
    severity=Severity.ERROR,
    message="the rule {code} failed, and the others went on: {error}",
    page="""A rule of imglint's broke down on this input.

This is a fault of imglint's, not of the input. The other rules went on, and the run ends with
exit code 5, since its answer is not whole. Please report it with the file.
""",
    bad=(),
    good=(),
)

UNUSED_PRAGMA = Rule(
    code="IL003",
    name="unused-pragma",
    severity=Severity.WARNING,
    message="this pragma has no effect: {codes} finds nothing here",
    page="""An `imglint ignore` comment that no longer ignores anything.

The fault it was written for is gone, or stands elsewhere now. Remove the comment, so that the
next fault of this kind is seen. Pragmas of rules that did not run are never reported.
""",
    bad=("FROM debian:12\n# imglint ignore=DL4000\nUSER app\n",),
    good=("FROM debian:12\n# imglint ignore=DL4000 ; reason=kept for the old builder\nMAINTAINER me\n",),
)


MISSPELT_PRAGMA = Rule(
    code="IL004",
    name="misspelt-pragma",
    severity=Severity.WARNING,
    message="this comment does not turn off what it seems to: {problem}",
    page="""A comment is meant to switch a rule off, and is misspelt.

A code that no rule has, an `=` that is missing, a word that is written wrongly: such a comment
changes nothing, and nobody notices. It is written `# imglint ignore=DL3006,DL3008 ; reason=why`,
with `global` or `stage` before `ignore` for more than the next instruction.

hadolint's comments are held to the same form. A code of hadolint's or BuildKit's that no rule has
is a note only: it may be newer than imglint. ShellCheck's codes are known.
""",
    bad=(
        "# imglint ignore=DL30066\nFROM debian:12\n",
        "# imglint ignore DL3006\nFROM debian:12\n",
        "# imglint ingore=DL3006\nFROM debian:12\n",
        "# imglint ignore=\nFROM debian:12\n",
        "# imglint ignore=DL3006 DL3007\nFROM debian:12\n",
        "# imglint globl ignore=DL3006\nFROM debian:12\n",
        "# imglint: ignore=DL3006\nFROM debian:12\n",
        "# hadolint ignroe=DL3006\nFROM debian:12\n",
        "# hadolint ignore=DL30066\nFROM debian:12\n",
        "# check=skip=StageNameCasign\nFROM debian:12\n",
    ),
    good=(
        "# imglint ignore=untagged-image,SC2086 ; reason=built here\nFROM debian\n",
        "# imglint ignores what is below, and hadolint too\nFROM debian:12\n",
        "# imglint image x.tar --max-size=5MB measures it\nFROM debian:12\n",
        "# hadolint ignore=SC2086,DL3005 # as it was\nFROM debian:12\n",
        "# hadolint shell=powershell\nFROM debian:12\n",
        "# tally ignore=tally/new-rule\nFROM debian:12\n",
    ),
)


@MISSPELT_PRAGMA.dockerfile
def misspelt(file: Dockerfile) -> Outcome:
    for comment in file.tree.comments:
        if comment.text[:8].lower().startswith(("imglint", "hadolint", "check")):
            from ..pragma import slip

            found = slip(comment)
            if found is not None:
                severity = Severity.WARNING if found.certain else Severity.INFO
                yield MISSPELT_PRAGMA.finding(comment.span, problem=found.problem, severity=severity)


PRAGMA = Rule(
    code="DL1001",
    name="inline-pragma",
    severity=Severity.INFO,
    default=False,
    message="this comment turns rules off, which is not allowed here",
    page="""A comment in the file switches rules off.

Off by default. A team that keeps its exceptions in the configuration, where they are reviewed,
selects this rule. It can't be switched off by a pragma itself; `--no-pragmas` makes all of them
void.
""",
    bad=("# hadolint ignore=DL3006\nFROM a\n", "FROM a\n# imglint ignore=DL4000\nRUN b\n"),
    good=("# why we ignore this\nFROM a\n",),
)


@PRAGMA.dockerfile
def switched_off_inline(file: Dockerfile) -> Outcome:
    from ..pragma import is_pragma

    for comment in file.tree.comments:
        if is_pragma(comment):
            yield PRAGMA.finding(comment.span)
