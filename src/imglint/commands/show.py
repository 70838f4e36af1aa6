"""What all commands do with a report: render it, write it, and end with the right code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from ..analyzer import InputError
from ..exits import Exit, worst
from ..reports import Problem, Report
from ..reports.text import problems


def show(
    report: Report, code: Exit, outputs: Iterable[tuple[str, str]], text: Callable[[Report, bool], str]
) -> Exit:
    """Render a report in each format; `text(report, full)` is the command's own view for people."""
    from ..output import write

    sys.stderr.write(problems(report))
    codes = [code]
    for form, target in outputs:
        if form == "json":
            from ..reports import json_v1

            rendered = json_v1.render(report)
        else:
            rendered = text(report, form == "full")
        try:
            write(rendered, target)
        except InputError as error:
            codes.append(fail(error))
    return worst(codes)


def fail(error: InputError) -> Exit:
    """Tell an input error on the error stream."""
    sys.stderr.write(problems(Report(problems=(Problem(error.subject, error.problem, error.hint),))))
    return Exit.INPUT
