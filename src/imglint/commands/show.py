"""What all commands do with a report: render it, write it, and end with the right code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable

from ..analyzer import InputError
from ..exits import Exit, worst
from ..output import is_terminal, tell, write, write_own
from ..reports import Problem, Report
from ..reports.formats import FOR_PEOPLE, MASKED_INSIDE
from ..reports.look import Look
from ..reports.text import printable, problems, render


def show(
    report: Report,
    outputs: Iterable[tuple[str, str]],
    text: Callable[[Report, Look], str],
    *,
    read: Iterable[str] = (),
) -> Exit:
    """Render a report in each format; `text(report, look)` is the command's own view for people.

    A file for people holds what could not be read, too: the error stream is gone by the time somebody reads it.
    `read` are further inputs, over which nothing is written.
    """
    tell(problems(report))
    codes = [report.exit_code]
    unread = bool(report.problems) and not report.files
    for form, target in outputs:
        if form in FOR_PEOPLE and unread and target == "-":
            # Nothing was read: the errors say it all.
            tell("".join(f"note: {printable(note)}\n" for note in report.notes))
            continue
        if form in FOR_PEOPLE:
            view = render if unread else text
            rendered = view(report, look_of(target, form))
            if target != "-":
                rendered = problems(report) + rendered
        else:
            from ..reports import formats

            rendered = formats.render(report, form)
        try:
            spare(report, target, *read)
            (write_own if form in MASKED_INSIDE else write)(rendered, target)
        except InputError as error:
            codes.append(fail(error))
    return worst(codes)


def spare(report: Report, target: str, *read: str) -> None:
    """See to it that nothing is written over what was read, as by a forgotten file name: `-o Dockerfile`."""
    if not os.path.isfile(target):
        return
    subjects = (problem.subject for problem in report.problems)
    # A problem's subject can name the line as well.
    names = (*report.files, *report.asked[1:], *read, *(re.sub(r":\d+$", "", name) for name in subjects))
    for name in names:
        for path in (name, _path_in(name)):
            within = _is_layout(path) and f"{os.path.realpath(target)}/".startswith(
                f"{os.path.realpath(path)}/"
            )
            if within or (os.path.isfile(path) and os.path.samefile(path, target)):
                raise InputError(target, "is what was read: it is not overwritten", "name another file")


def _path_in(source: str) -> str:
    """The path that a SOURCE of an image names: `docker-archive:shop.tar`, `shop.tar:@1`."""
    from ..analyzer.image.source import parse_source

    try:
        return parse_source(source).value
    except InputError:
        return source


def _is_layout(path: str) -> bool:
    """Whether a directory is an image, every file of which is read."""
    from ..analyzer.image.source import is_layout

    return os.path.isdir(path) and is_layout(path)


def look_of(target: str = "-", form: str = "text") -> Look:
    """What can be shown where the text goes to. Only "text" shows more on a terminal than in a file.

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
    return Look(form == "full", form == "full" or (form == "text" and terminal), color, width)


def show_problem(error: InputError, outputs: Iterable[tuple[str, str]], *asked: str) -> Exit:
    """Show an input error in each format and file, so that no report of an earlier run stays and looks like this one's.

    `asked` is the command, then the inputs as they were named to it.
    """
    return show(Report(problems=(Problem.of(error),), asked=asked), outputs, render)


def fail(error: InputError) -> Exit:
    """Tell an input error on the error stream."""
    tell(problems(Report(problems=(Problem.of(error),))))
    return Exit.INPUT
