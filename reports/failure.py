"""What makes a run red: a record for each reason. The exit code and every format follow from these alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..rules.checks.house import RULE_FAILED
from ..rules.rule import Finding, Place, Severity
from .exits import Exit

if TYPE_CHECKING:
    from ..rules.gates import Gate
    from ..rules.matrix import Cell
    from ..runner import Check, Observation
    from .report import Report

Kind = Literal["finding", "limit", "expectation", "check", "cell", "input"]


class Failure(NamedTuple):
    """One reason why a run is red."""

    kind: Kind
    name: str  # a rule's code, or as "max-size", "ports.published", "8.image", "problem"
    message: str  # credentials masked
    severity: Severity
    file: str  # the Dockerfile, archive or image that it is about
    place: Place | None = None  # None: an input that could not be read, an engine that failed
    finding: Finding | None = None  # the finding that it is
    exit: Exit = Exit.FINDINGS  # what it makes the run end with
    decided: bool = True  # False: nothing is known to be wrong, but it could not be found out

    @property
    def code(self) -> str:
        """Its name among those of all kinds: "DL3006", "limit/max-size", "check/ports.published"."""
        return self.name if self.finding is not None else f"{self.kind}/{self.name}"

    @property
    def fingerprint(self) -> str:
        """Names the failure by what it is about, not by its line or by what was measured."""
        if self.finding is not None:
            return self.finding.fingerprint
        import hashlib

        subject = self.place.subject or "" if self.place is not None else ""
        identity = f"{self.code}\0{self.file}\0{subject}"
        return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]


def numbered(found: Iterable[Failure]) -> Iterator[tuple[Failure, int]]:
    """Failures, each with its number from 1 among those of its fingerprint."""
    seen: Counter[str] = Counter()
    for failure in found:
        seen[failure.fingerprint] += 1
        yield failure, seen[failure.fingerprint]


_COUNTED: dict[Kind, tuple[str, str]] = {
    "limit": ("limit broken", "limits broken"),
    "expectation": ("expectation unmet", "expectations unmet"),
    "check": ("check failed", "checks failed"),
    "cell": ("cell not passed", "cells not passed"),
    "input": ("problem", "problems"),
}


def counted(found: Iterable[Failure]) -> list[str]:
    """How many there are of each kind, in words: "2 limits broken". Findings are counted elsewhere."""
    counts = Counter(failure.kind for failure in found)
    return [
        f"{counts[kind]} {many if counts[kind] > 1 else one}"
        for kind, (one, many) in _COUNTED.items()
        if counts[kind]
    ]


def failures(report: Report) -> Iterator[Failure]:
    """Why a report's run is red, each fault once: findings first, then what no finding tells."""
    failing = [finding for finding in report.findings if report.fails(finding)]
    for finding in failing:
        # Where a rule broke down, the answer is not whole, whatever was found.
        code = Exit.INTERNAL if finding.rule is RULE_FAILED else Exit.FINDINGS
        yield Failure(
            "finding", finding.rule.code, finding.message, finding.severity, finding.file, finding.place, finding, code,
            decided=code is not Exit.INTERNAL,
        )  # fmt: skip
    for gate in report.gates:
        if not gate.passed:
            yield _limit(gate, report)
    for seen in report.observations:
        yield from _checks(seen, failing, report)
    for cell in report.matrix:
        if _cell_fails(cell, failing, report):
            yield _cell(cell, report)
    for problem in report.problems:
        name = _INPUTS.get(problem.exit, "problem")
        yield Failure(
            "input", name, problem.told, Severity.ERROR, problem.subject, exit=problem.exit, decided=False
        )


_INPUTS = {Exit.NOTHING: "nothing-to-check", Exit.UNPARSABLE: "unparsable"}


def _limit(gate: Gate, report: Report) -> Failure:
    from .gates_text import missed

    # A gate names the image as people do; the file is what was read.
    names = {(" ".join(image.tags) or image.source) + image.which: image.source for image in report.images}
    file = names.get(gate.image, gate.image)
    return Failure("limit", gate.name, missed(gate), Severity.ERROR, file, Place("image"))


def _checks(seen: Observation, failing: list[Finding], report: Report) -> Iterator[Failure]:
    from ..rules.verdicts import failed_checks

    told = {
        (finding.rule.code, finding.place.subject or "")
        for finding in failing
        if finding.place.evidence == "container" and finding.file == seen.image
    }
    for check, level in failed_checks(seen, told, report.fail_on, allow_unknown=report.allow_unknown):
        yield _check(check, level, seen)


def _check(check: Check, level: Severity, seen: Observation) -> Failure:
    from ..analyzer.credentials import mask
    from ..rules.verdicts import EXPECTATIONS

    kind: Kind = "expectation" if check.name.startswith(EXPECTATIONS) else "check"
    undecided = "" if check.verdict == "disproved" else f"{check.verdict}: "
    message = mask(f"{check.subject}: {undecided}{check.summary}")
    place = Place("container", subject=mask(check.subject))
    return Failure(kind, check.name, message, level, seen.image, place, decided=check.verdict == "disproved")


def _cell_fails(cell: Cell, failing: list[Finding], report: Report) -> bool:
    """Whether a cell fails the run, and no finding that fails it says why."""
    if cell.verdict == "unknown":
        return report.fail_on.unknown
    return (
        cell.verdict == "fail"
        and report.fail_level is not None
        and not any(
            finding.rule.code in cell.codes and finding.place.evidence == cell.evidence for finding in failing
        )
    )


def _cell(cell: Cell, report: Report) -> Failure:
    from ..rules.matrix import ANTIPATTERNS

    images = [image.source for image in report.images]
    file = next(iter((*(report.texts if cell.evidence == "dockerfile" else images), *report.files)), "")
    message = f"{ANTIPATTERNS[cell.antipattern - 1]}: {cell.evidence}: {cell.reason}"
    name = f"{cell.antipattern}.{cell.evidence}"
    decided = cell.verdict == "fail"
    return Failure("cell", name, message, Severity.WARNING, file, Place(cell.evidence), decided=decided)
