"""The ten × three matrix for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..rules.matrix import ANTIPATTERNS, EVIDENCE, Cell, CellVerdict
from . import image_text, text, verify_text
from .gates_text import gates
from .look import PLAIN, Look
from .report import Report
from .tables import clipped, table

if TYPE_CHECKING:
    from ..runner import Observation

_SHOWN = {CellVerdict.NOT_APPLICABLE: "n/a"}
_REASON_WIDTH = 130


def render(report: Report, look: Look = PLAIN) -> str:
    """The findings, the matrix, and a reason for each cell that is not a plain pass."""
    parts = []
    if look.full:
        parts += [image_text.image_view(image, look) for image in report.images]
        parts += [verify_text.checks(one, look) for one in report.observations]
    parts.append(matrix(report.matrix, look))
    parts.append(reasons(report.matrix, look))
    parts += [vantage(one, look) for one in report.observations]
    if report.gates:
        parts.append(gates(report.gates, look))
    parts.append(text.render(report, look).rstrip("\n"))
    return "\n\n".join(part for part in parts if part) + "\n"


def matrix(cells: Sequence[Cell], look: Look = PLAIN) -> str:
    """Ten rows, three columns."""
    rows = []
    for number, name in enumerate(ANTIPATTERNS, 1):
        own = {cell.evidence: cell for cell in cells if cell.antipattern == number}
        rows.append([number, name, *(look.verdict(_word(own[evidence])) for evidence in EVIDENCE)])
    return table(rows, ["", "thing to avoid", *EVIDENCE], right=("",))


def _word(cell: Cell) -> str:
    return _SHOWN.get(cell.verdict, str(cell.verdict))


def _reason(cell: Cell) -> str:
    codes = ", ".join(cell.codes)
    if cell.verdict is CellVerdict.FAIL or cell.reason.startswith("below the level"):
        return f"{codes}: {cell.reason}"
    return cell.reason


def reasons(cells: Sequence[Cell], look: Look = PLAIN) -> str:
    """Why each cell is what it is; but in `full`, plain passes and what can't apply are left out.

    A kind of evidence that was not there at all is told once, not ten times.
    """
    lines = []
    merged = {} if look.full else _missing(cells)
    for cell in cells:
        plain_pass = cell.verdict is CellVerdict.PASS and not cell.reason.startswith("below the level")
        if look.full or not (
            plain_pass
            or cell.verdict is CellVerdict.NOT_APPLICABLE
            or merged.get(cell.evidence) == cell.reason
        ):
            lines.append(_reason_line(str(cell.antipattern), cell.evidence, _word(cell), _reason(cell), look))
    lines += [_reason_line("", evidence, "unknown", reason, look) for evidence, reason in merged.items()]
    return "\n".join(lines)


def vantage(observation: Observation, look: Look = PLAIN) -> str:
    """What the container's column stands on."""
    seen = f", its processes and sockets seen from {observation.seen_from}" if observation.seen_from else ""
    line = f"The container ran for {observation.seconds:.1f} s on {observation.engine}{seen}."
    return look.folded(line, "")


def _reason_line(number: str, evidence: str, word: str, reason: str, look: Look) -> str:
    shown = clipped(reason, _REASON_WIDTH if not look.full else 400)
    line = look.folded(f"{number:>2} {evidence:<10} {word:<7}  {shown}", " " * 23)
    return line.replace(f" {word:<7}  ", f" {look.verdict(f'{word:<7}')}  ", 1)


def _missing(cells: Sequence[Cell]) -> dict[str, str]:
    """The kinds of evidence of which nothing is known, all for the same reason."""
    out: dict[str, str] = {}
    for evidence in EVIDENCE:
        found = {
            cell.reason
            for cell in cells
            if cell.evidence == evidence and cell.verdict is not CellVerdict.NOT_APPLICABLE
        }
        if len(found) == 1:
            out[evidence] = found.pop()
    return out
