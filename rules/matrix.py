"""The ten things to avoid × three kinds of evidence: one answer for each cell, never a silent pass."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from .rule import Evidence, Finding, Rule, Severity, Skipped

ANTIPATTERNS = (
    "data stored in the container",
    "application shipped in two pieces",
    "large image",
    "single-layer image",
    "image made from a running container",
    'only the "latest" tag',
    "more than one process",
    "credentials in the image",
    "process runs as root",
    "relies on IP addresses",
)
EVIDENCE: tuple[Evidence, ...] = ("dockerfile", "image", "container")

# Cells that this kind of evidence can't decide, and why.
UNDECIDABLE: Mapping[tuple[int, Evidence], str] = {
    (3, "container"): "a container's size is its image's; what it never opens can't be told from one run",
    (4, "container"): "layers are merged before a container sees them",
    (5, "container"): "a container does not show how its image was made",
    (6, "container"): "a container knows its image by ID, not by tag",
}


_CONTENTS: tuple[int, Evidence] = (8, "image")  # where the contents of files were looked at


class CellVerdict(enum.StrEnum):
    """What a cell says. `UNKNOWN` and `NOT_APPLICABLE` always come with a reason."""

    FAIL = "fail"
    PASS = "pass"  # noqa: S105
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


class Cell(NamedTuple):
    """One antipattern seen by one kind of evidence."""

    antipattern: int  # 1 to 10
    evidence: Evidence
    verdict: CellVerdict
    codes: tuple[str, ...]  # the rules that found something, or that were asked
    reason: str
    proof: Mapping[str, Any] | None = None

    def with_remark(self, remark: str) -> Cell:
        """The cell; where it is a pass, it says this as well."""
        return self._replace(reason=self.reason + remark) if self.verdict == CellVerdict.PASS else self


def matrix(
    findings: Collection[Finding],
    skipped: Collection[Skipped],
    rules: Iterable[Rule],
    missing: Mapping[Evidence, str],
    doubts: Mapping[Evidence, str],
    level: Severity = Severity.INFO,
    *,
    left_alone: Iterable[str] = (),
) -> tuple[Cell, ...]:
    """The thirty cells, row by row.

    Args:
        findings: all that was found, on all evidence.
        skipped: what rules could not decide.
        rules: the rules that ran.
        missing: kinds of evidence that were not there, and why.
        doubts: kinds of evidence that were read only in part, so that silence proves nothing.
        level: the severity from which on a finding makes its cell fail.
        left_alone: what the search for credentials in an image found and did not judge: a pass says so.
    """
    rules = tuple(rules)
    besides = {_CONTENTS: "".join(f"; {one}" for one in left_alone)}
    return tuple(
        _cell(number, evidence, findings, skipped, rules, missing, doubts, level).with_remark(
            besides.get((number, evidence), "")
        )
        for number in range(1, len(ANTIPATTERNS) + 1)
        for evidence in EVIDENCE
    )


def _cell(
    number: int,
    evidence: Evidence,
    findings: Collection[Finding],
    skipped: Collection[Skipped],
    rules: tuple[Rule, ...],
    missing: Mapping[Evidence, str],
    doubts: Mapping[Evidence, str],
    level: Severity,
) -> Cell:
    def cell(verdict: CellVerdict, codes: Iterable[str], reason: str, proof: Any = None) -> Cell:
        return Cell(number, evidence, verdict, tuple(dict.fromkeys(codes)), reason, proof)

    if (number, evidence) in UNDECIDABLE:
        return cell(CellVerdict.NOT_APPLICABLE, (), UNDECIDABLE[number, evidence])
    if evidence in missing:
        return cell(CellVerdict.UNKNOWN, (), missing[evidence])
    asked = [rule.code for rule in rules if rule.antipattern == number and evidence in rule.evidence]
    if not asked:
        return cell(CellVerdict.UNKNOWN, (), "no rule that could tell was selected")
    here = [f for f in findings if f.rule.antipattern == number and f.place.evidence == evidence]
    faults = [one for one in here if one.severity >= level]
    if faults:
        worst = max(faults, key=lambda one: one.severity)
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return cell(
            CellVerdict.FAIL, (fault.rule.code for fault in faults), worst.message + more, worst.proof
        )
    open_questions = [one for one in skipped if one.rule.antipattern == number and one.evidence == evidence]
    if open_questions:
        return cell(
            CellVerdict.UNKNOWN, (question.rule.code for question in open_questions), open_questions[0].reason
        )
    if evidence in doubts:
        return cell(CellVerdict.UNKNOWN, asked, doubts[evidence])
    if here:
        codes = list(dict.fromkeys(one.rule.code for one in here))
        return cell(
            CellVerdict.PASS, codes, f"below the level of {level.label}: {here[0].message}", here[0].proof
        )
    return cell(CellVerdict.PASS, asked, f"{', '.join(asked)} found nothing")
