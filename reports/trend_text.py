"""Recorded sizes as text or Markdown: a table, a sparkline and the gate of each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .gates_text import gates
from .look import PLAIN, Look
from .tables import change, clipped, size, table

if TYPE_CHECKING:
    from ..rules.trends import Row, Trend

_BARS = "▁▂▃▄▅▆▇█"
_HEADERS = ("recorded (UTC)", "commit", "tag", "pull", "content", "change", "wasted")
_RIGHT = ("pull", "content", "change", "wasted")


def render(trends: Sequence[Trend], look: Look = PLAIN) -> str:
    """Each image's rows, and the gates."""
    parts = []
    for trend in trends:
        parts.append(f"{look.strong(_name(trend))}  {sparkline([row.content_bytes for row in trend.rows])}")
        parts.append(table(_cells(trend), _HEADERS, right=_RIGHT))
    found = [trend.gate for trend in trends if trend.gate is not None]
    if found:
        parts.append(gates(found, look))
    return "\n\n".join(parts) + "\n"


def markdown(trends: Sequence[Trend]) -> str:
    """The same for a comment or a job's summary."""
    from .gates_text import missed
    from .markdown import plain

    parts = []
    for trend in trends:
        parts.append(f"**{plain(_name(trend))}** {sparkline([row.content_bytes for row in trend.rows])}")
        lines = [f"| {' | '.join(_HEADERS)} |", "|---|---|---|---:|---:|---:|---:|"]
        lines += [f"| {' | '.join(plain(cell) for cell in cells)} |" for cells in _cells(trend)]
        parts.append("\n".join(lines))
        if trend.gate is not None and not trend.gate.passed:
            parts.append(f"- ⛔ {plain(missed(trend.gate))}, {plain(trend.gate.note)}")
    return "\n\n".join(parts) + "\n"


def sparkline(values: Sequence[int]) -> str:
    """A bar for each value, between the least and the most of them."""
    least, most = min(values), max(values)
    if least == most:
        return _BARS[3] * len(values)
    return "".join(_BARS[(value - least) * (len(_BARS) - 1) // (most - least)] for value in values)


def _name(trend: Trend) -> str:
    return clipped(f"{trend.rows[-1].image}  {trend.rows[-1].platform}", 120)


def _cells(trend: Trend) -> list[list[str]]:
    rows = []
    before: Row | None = trend.before
    for row in trend.rows:
        rows.append(
            [
                clipped(row.recorded[:16].replace("T", " "), 16),
                clipped(row.commit[:9], 9),
                clipped(row.tag, 30),
                size(row.pull_bytes),
                size(row.content_bytes),
                "" if before is None else change(row.content_bytes - before.content_bytes),
                size(row.wasted_bytes),
            ]
        )
        before = row
    return rows
