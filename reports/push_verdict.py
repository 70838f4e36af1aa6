"""One sentence: whether an image is safe to push, as far as the audit can say."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..rules.matrix import ANTIPATTERNS, EVIDENCE, Cell, CellVerdict
from ..rules.rule import Evidence
from .failure import Failure
from .report import Report
from .tables import clipped

_REASONS = 3
_REASON_WIDTH = 100
_NAMES: Mapping[Evidence, str] = {
    "dockerfile": "the text",
    "image": "the image",
    "container": "the container",
}
# Credentials lie in the files of layers, which a container does not show: its pass does not answer for the image.
_ONLY_IN_LAYERS = (8,)


class Push(enum.StrEnum):
    """Whether an image is safe to push."""

    SAFE = "safe"
    NOT_SAFE = "not safe"
    UNKNOWN = "unknown"


class PushVerdict(NamedTuple):
    """The answer, and the sentence that gives it with its reasons."""

    push: Push
    sentence: str


def push_verdict(report: Report) -> PushVerdict:
    """The answer of an audit, by the first of these that holds.

    - Not safe: a failure of the report says that something is wrong.
    - Unknown: a failure says that something could not be found out; a cell of evidence that was asked for is unknown,
      and no better evidence passes its row; or a cell fails and the fail level lets it pass.
    - Safe. Evidence that was never asked for leaves nothing open: the sentence says what it stands on.
    """
    failures = report.failures()
    broken = [failure for failure in failures if failure.decided]
    if broken:
        return PushVerdict(Push.NOT_SAFE, f"Not safe to push: {_listed(_reasons(broken))}.")
    missing = missing_evidence(report.matrix)
    doubts = [f"{failure.file}: {failure.message}" for failure in failures if failure.kind != "cell"]
    doubts += _open(report.matrix, missing)
    if failures and not doubts:
        # Only unknown cells fail the run, of evidence that was not asked for: that was asked for by --fail-on.
        doubts = list(missing.values())
    if not doubts and any(cell.verdict is CellVerdict.FAIL for cell in report.matrix):
        doubts = ["the fail level lets pass what fails in the matrix"]
    if doubts:
        return PushVerdict(Push.UNKNOWN, f"Can't say whether it is safe to push: {_listed(doubts)}.")
    if not missing:
        return PushVerdict(Push.SAFE, "Safe to push.")
    known = [_NAMES[kind] for kind in EVIDENCE if kind not in missing]
    shown = f"{' and '.join(known)} {'show' if len(known) > 1 else 'shows'}"
    return PushVerdict(Push.SAFE, f"Safe to push, as far as {shown} ({'; '.join(missing.values())}).")


def missing_evidence(cells: Iterable[Cell]) -> dict[Evidence, str]:
    """The kinds of evidence that no rule was asked of, all for one reason."""
    reasons: dict[Evidence, set[str]] = {}
    for cell in cells:
        if cell.verdict is not CellVerdict.NOT_APPLICABLE:
            # A cell that was asked for names the rules.
            unasked = cell.verdict is CellVerdict.UNKNOWN and not cell.codes
            reasons.setdefault(cell.evidence, set()).add(cell.reason if unasked else "")
    return {kind: next(iter(told)) for kind, told in reasons.items() if len(told) == 1 and "" not in told}


def _open(cells: Iterable[Cell], missing: Mapping[Evidence, str]) -> list[str]:
    """The questions that stay open, each reason once."""
    rows: dict[int, dict[Evidence, Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.antipattern, {})[cell.evidence] = cell
    reasons: dict[str, list[int]] = {}
    for number, row in rows.items():
        for at, kind in enumerate(EVIDENCE):
            if row[kind].verdict is not CellVerdict.UNKNOWN or kind in missing:
                continue
            better = () if kind == "image" and number in _ONLY_IN_LAYERS else EVIDENCE[at + 1 :]
            if all(row[one].verdict is not CellVerdict.PASS for one in better):
                reasons.setdefault(row[kind].reason, []).append(number)
    return [
        f"{ANTIPATTERNS[numbers[0] - 1]}: {reason}" if len(numbers) == 1 else reason
        for reason, numbers in reasons.items()
    ]


def _reasons(failures: Iterable[Failure]) -> list[str]:
    """What is wrong, in few words and with the codes; the worst first."""
    codes: dict[str, list[str]] = {}
    for failure in sorted(failures, key=lambda one: -one.severity):
        if failure.finding is None:
            codes.setdefault(clipped(failure.message, _REASON_WIDTH), [])
            continue
        rule = failure.finding.rule
        number = rule.antipattern
        name = rule.name.replace("-", " ") if number is None else ANTIPATTERNS[number - 1]
        codes.setdefault(name, []).append(rule.code)
    return [f"{name} ({', '.join(dict.fromkeys(found))})" if found else name for name, found in codes.items()]


def _listed(reasons: list[str]) -> str:
    shown = "; ".join(reasons[:_REASONS])
    more = len(reasons) - _REASONS
    return f"{shown}; and {more} more" if more > 0 else shown
