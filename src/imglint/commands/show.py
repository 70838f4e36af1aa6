"""What all commands do with a report: render it, write it, and end with the right code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

from ..analyzer import InputError
from ..exits import Exit, worst
from ..output import is_terminal, tell, write
from ..reports import Problem, Report
from ..reports.formats import FOR_PEOPLE
from ..reports.look import Look
from ..reports.text import problems


def show(report: Report, outputs: Iterable[tuple[str, str]], text: Callable[[Report, Look], str]) -> Exit:
    """Render a report in each format; `text(report, look)` is the command's own view for people."""
    tell(problems(report))
    codes = [report.exit_code]
    for form, target in outputs:
        if form in FOR_PEOPLE:
            rendered = text(report, look_of(target, full=form == "full"))
        else:
            from ..reports import formats

            rendered = formats.render(report, form)
        try:
            _spare(report, target)
            write(rendered, target)
        except InputError as error:
            codes.append(fail(error))
    return worst(codes)


def _spare(report: Report, target: str) -> None:
    """See to it that nothing is written over what was read, as by a forgotten file name: `-o Dockerfile`."""
    for name in (*report.files, *(problem.subject for problem in report.problems)):
        if os.path.isfile(target) and os.path.isfile(name) and os.path.samefile(name, target):
            raise InputError(target, "is what was read: it is not overwritten", "give --output another file")


def look_of(target: str = "-", *, full: bool = False) -> Look:
    """What can be shown where the text goes to.

    NO_COLOR (https://no-color.org) switches colours off, FORCE_COLOR on, also through pipes.
    """
    terminal = target == "-" and is_terminal(sys.stdout)
    color = terminal and os.environ.get("TERM") != "dumb"
    if os.environ.get("FORCE_COLOR") and target == "-":
        color = os.environ["FORCE_COLOR"] != "0"
    if os.environ.get("NO_COLOR"):
        color = False
    width = None
    if terminal:
        import shutil

        width = shutil.get_terminal_size().columns
    return Look(full, color, width)


def fail(error: InputError) -> Exit:
    """Tell an input error on the error stream."""
    tell(problems(Report(problems=(Problem.of(error),))))
    return Exit.INPUT
