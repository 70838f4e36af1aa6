"""The audit for people: one sentence, the ten × three matrix, and each fault once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..rules.matrix import ANTIPATTERNS, EVIDENCE, Cell, CellVerdict
from ..rules.rule import Evidence, Finding
from . import image_text, text, verify_text
from .faults import Fault, faults
from .gates_text import gates
from .look import PLAIN, Look
from .push_verdict import Push, push_verdict
from .report import Report
from .tables import clipped, table

if TYPE_CHECKING:
    from ..runner import Observation

_SHOWN = {CellVerdict.NOT_APPLICABLE: "n/a"}
_WORDS = {Push.SAFE: "pass", Push.NOT_SAFE: "fail", Push.UNKNOWN: "unknown"}
_REASON_WIDTH = 130
_INDENT = "    "


def render(report: Report, look: Look = PLAIN) -> str:
    """The sentence, the matrix, the faults of the rows that fail, what is unknown, all other findings, the summary."""
    rows, rest = by_row(report)
    parts = [sentence(report, look)]
    if look.full:
        parts += [image_text.image_view(image, look) for image in report.images]
        parts += [verify_text.checks(observation, look) for observation in report.observations]
    parts.append(matrix(report.matrix, look))
    parts += [_row(number, found, report, look) for number, found in rows.items()]
    parts.append(reasons(report.matrix, look))
    parts += [vantage(observation, look) for observation in report.observations]
    if report.gates:
        parts.append(gates(report.gates, look))
    others = text.findings((fault.finding for fault in rest if not fault.others), report, look)
    others += [line for fault in rest if fault.others for line in text.fault(fault, report, look)]
    others += text.failures(report, look, beside=("limit", "cell"))
    others += text.notes(report, look)
    parts.append("\n".join([*others, text.summary(report, look)]))
    return "\n\n".join(part for part in parts if part) + "\n"


def sentence(report: Report, look: Look = PLAIN) -> str:
    """Whether the image is safe to push, in the colour of that."""
    push, told = push_verdict(report)
    line = look.folded(text.printable(told), "")
    end = min(line.find(mark) % len(line) for mark in ":,.")
    return look.verdict(_WORDS[push], line[:end]) + line[end:]


def by_row(report: Report) -> tuple[dict[int, list[Fault]], list[Fault]]:
    """The rows of the matrix in which a cell fails, each with its faults; and all other faults."""
    failing: dict[tuple[int, Evidence], tuple[str, ...]] = {
        (cell.antipattern, cell.evidence): cell.codes
        for cell in report.matrix
        if cell.verdict is CellVerdict.FAIL
    }
    rows: dict[int, list[Fault]] = {number: [] for number, _ in sorted(failing)}
    rest: list[Fault] = []
    for fault in faults(report, report.findings):
        row = next((finding.rule.antipattern for finding in fault.findings if _fails(finding, failing)), None)
        (rest if row is None else rows[row]).append(fault)
    return rows, rest


def _fails(finding: Finding, failing: dict[tuple[int, Evidence], tuple[str, ...]]) -> bool:
    return finding.rule.code in failing.get((finding.rule.antipattern or 0, finding.place.evidence), ())


def _row(number: int, found: Iterable[Fault], report: Report, look: Look) -> str:
    narrow = look._replace(width=look.width and look.width - len(_INDENT))
    lines = [line for fault in found for line in text.fault(fault, report, narrow)]
    # A cell can fail by a finding that is let pass in its own file.
    cells = [failure for failure in report.failures() if failure.kind == "cell" and failure.decided]
    lines += [text.failure(cell, narrow) for cell in cells if cell.name.startswith(f"{number}.")]
    indented = "\n".join(f"{_INDENT}{line}".rstrip() for part in lines for line in part.split("\n")).rstrip()
    return f"{look.strong(f'{number:2}  {ANTIPATTERNS[number - 1]}')}\n{indented}"


def matrix(cells: Sequence[Cell], look: Look = PLAIN) -> str:
    """Ten rows, three columns."""
    rows = []
    for number, name in enumerate(ANTIPATTERNS, 1):
        own = {cell.evidence: cell for cell in cells if cell.antipattern == number}
        rows.append([number, name, *(look.verdict(_word(own[evidence])) for evidence in EVIDENCE)])
    return table(rows, ["", "thing to avoid", *EVIDENCE], right=("",))


def _word(cell: Cell) -> str:
    return _SHOWN.get(cell.verdict, str(cell.verdict))


def reasons(cells: Sequence[Cell], look: Look = PLAIN) -> str:
    """Why cells are unknown, each reason once with the rows that it leaves open; in `full` also why they pass."""
    found: dict[tuple[Evidence, str, str], list[int]] = {}
    for cell in cells:
        if cell.verdict is CellVerdict.UNKNOWN or (look.full and cell.verdict is not CellVerdict.FAIL):
            found.setdefault((cell.evidence, _word(cell), cell.reason), []).append(cell.antipattern)
    applicable = {kind: sum(c.evidence == kind and _word(c) != "n/a" for c in cells) for kind in EVIDENCE}
    lines = []
    # A kind of evidence that was not there at all stands last, and needs no numbers.
    whole = {key: len(numbers) == applicable[key[0]] for key, numbers in found.items()}
    for (evidence, word, reason), numbers in sorted(found.items(), key=lambda item: whole[item[0]]):
        rows = "" if whole[evidence, word, reason] else ", ".join(map(str, numbers))
        shown = clipped(reason, _REASON_WIDTH if not look.full else 400)
        line = look.folded(f"{rows:>2}  {evidence:<10} {word:<7}  {shown}", " " * 24)
        lines.append(line.replace(f" {word:<7}  ", f" {look.verdict(f'{word:<7}')}  ", 1))
    return "\n".join(lines)


def vantage(observation: Observation, look: Look = PLAIN) -> str:
    """What the container's column stands on, and what was removed behind it."""
    seen = f", its processes and sockets seen from {observation.seen_from}" if observation.seen_from else ""
    line = f"The container ran for {observation.seconds:.1f} s on {observation.engine}{seen}."
    receipt = f" {verify_text.sentence(str(observation.receipt))}" if observation.receipt is not None else ""
    return look.folded(line + receipt, "")
