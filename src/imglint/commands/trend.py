"""`imglint trend`."""

from __future__ import annotations

import json

from ..analyzer import InputError
from ..exits import Exit
from ..output import tell, write
from ..records import read
from ..reports import Report
from ..rules.gates import Growth
from ..rules.trends import Trend, trends
from .show import fail, look_of


def trend(file: str, *, image: str | None, last: int, growth: Growth | None, over: int, form: str) -> Exit:
    """Show recorded sizes and gate on growth."""
    try:
        rows = read(file)
        found = trends(rows, image=image, last=last, growth=growth, over=over)
        if rows and not found:
            names = ", ".join(sorted({row.image for row in rows}))
            raise InputError(file, f"holds nothing of {image}", f"it holds {names}")
    except InputError as error:
        return fail(error)
    write(_rendered(found, form), "-")
    if not found:
        tell(f"imglint: {file}: holds no rows yet\n")
        return Exit.NOTHING
    return _report(found).exit_code


def _report(found: tuple[Trend, ...]) -> Report:
    """What of the trends can make a run red."""
    return Report(gates=tuple(one.gate for one in found if one.gate is not None))


def _rendered(found: tuple[Trend, ...], form: str) -> str:
    if form == "json":
        shown = [
            {
                "image": one.rows[-1].image,
                "platform": one.rows[-1].platform,
                "rows": [row._asdict() for row in one.rows],
                "gate": None if one.gate is None else one.gate._asdict(),
            }
            for one in found
        ]
        from ..reports.json_v1 import failures

        told = {"version": 1, "failures": failures(_report(found)), "trends": shown}
        return json.dumps(told, indent=1) + "\n"
    if not found:
        return ""
    from ..reports import trend_text

    return trend_text.markdown(found) if form == "markdown" else trend_text.render(found, look_of())
