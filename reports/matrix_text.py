"""The ten × three matrix for people."""

from __future__ import annotations

from collections.abc import Sequence

from ..rules.matrix import ANTIPATTERNS, EVIDENCE, Cell, CellVerdict
from . import image_text, text, verify_text
from .report import Report
from .tables import clipped, table

_SHOWN = {CellVerdict.NOT_APPLICABLE: "n/a"}
_REASON_WIDTH = 130


def render(report: Report, *, full: bool = False) -> str:
    """The findings, the matrix, and a reason for each cell that is not a plain pass."""
    parts = []
    if full:
        parts += [image_text.image_view(image, full=True) for image in report.images]
        parts += [verify_text.checks(one, full=True) for one in report.observations]
    parts.append(matrix(report.matrix))
    reasons = [
        f"{cell.antipattern:>2} {cell.evidence:<10} {_word(cell):<7}  {clipped(_reason(cell), _REASON_WIDTH)}"
        for cell in report.matrix
        if full or cell.verdict is not CellVerdict.PASS or cell.reason.startswith("below the level")
    ]
    parts.append("\n".join(_merged(report.matrix, reasons, full=full)))
    parts.append(text.render(report, full=full).rstrip("\n"))
    return "\n\n".join(part for part in parts if part) + "\n"


def matrix(cells: Sequence[Cell]) -> str:
    """Ten rows, three columns."""
    rows = []
    for number, name in enumerate(ANTIPATTERNS, 1):
        own = {cell.evidence: cell for cell in cells if cell.antipattern == number}
        rows.append([number, name, *(_word(own[evidence]) for evidence in EVIDENCE)])
    return table(rows, ["", "thing to avoid", *EVIDENCE], right=("",))


def _word(cell: Cell) -> str:
    return _SHOWN.get(cell.verdict, str(cell.verdict))


def _reason(cell: Cell) -> str:
    codes = ", ".join(cell.codes)
    if cell.verdict is CellVerdict.FAIL or cell.reason.startswith("below the level"):
        return f"{codes}: {cell.reason}"
    return cell.reason


def _merged(cells: Sequence[Cell], reasons: list[str], *, full: bool) -> list[str]:
    """A kind of evidence that was not there at all is told once, not ten times."""
    if full:
        return reasons
    out = []
    for evidence in EVIDENCE:
        own = [cell for cell in cells if cell.evidence == evidence and cell.verdict is CellVerdict.UNKNOWN]
        shared = {cell.reason for cell in own}
        if len(own) > 3 and len(shared) == 1:
            out.append(f"   {evidence:<10} unknown  {clipped(shared.pop(), _REASON_WIDTH)}")
            reasons = [
                one for one in reasons if not (one[3:13].strip() == evidence and one[14:21] == "unknown")
            ]
    return [one for one in reasons if " n/a " not in one] + out
