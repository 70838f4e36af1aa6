"""What a run would do, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .look import PLAIN, Look
from .report import Report
from .text import printable

if TYPE_CHECKING:
    from ..runner.plan import Plan


def render(report: Report, look: Look = PLAIN) -> str:
    """Each image's plan."""
    return "\n".join(plan(found, look) for found in report.plans)


def plan(found: Plan, look: Look = PLAIN) -> str:
    """What would be started, made, touched and removed."""
    lines = [f"{look.strong(printable(found.image))}  on {found.engine}: nothing was started"]
    for title, sentences in (
        ("would start", found.starts),
        ("would make", found.makes),
        ("would touch", found.touches),
        ("would remove", found.removes),
        ("note", found.notes),
    ):
        if sentences:
            lines.append(f"{title}")
            lines += [look.folded(printable(f"  {sentence}"), "    ") for sentence in sentences]
    return "\n".join(lines) + "\n"
