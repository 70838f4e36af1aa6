"""`imglint verify`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..analyzer import InputError
from ..config import Settings
from ..exits import Exit
from ..lint_options import UsageError
from ..proving import Wishes, expectations_text
from ..reports import Problem, Report
from ..reports.look import Look
from ..rules.registry import UnknownCodeError
from .lint import unknown_code
from .show import show, show_problem

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_SECONDS = 3600.0
_MEMORY_UNITS = {"b": 0, "k": 10, "m": 20, "g": 30}
_LEAST_MEMORY = 6 << 20  # bytes; engines refuse less


def parse_seconds(option: str, text: str) -> float:
    """A time of the command line, as `90`, `90s` or `2m`, in seconds.

    Raises:
        UsageError: it is none, or more than an hour.
    """
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh]?)", text, re.ASCII)
    seconds = float(match[1]) * _UNITS[match[2]] if match else -1.0
    if not 0 <= seconds <= _MOST_SECONDS:
        raise UsageError(f"{option} takes a time up to an hour, as 90, 90s or 2m, not {text!r}")
    return seconds


def parse_memory(text: str) -> int:
    """A size as `docker run --memory` takes it, in bytes.

    Raises:
        UsageError: it is none, or too little to start anything.
    """
    match = re.fullmatch(r"(\d{1,12})([bkmg]?)b?", text.lower(), re.ASCII)
    size = int(match[1]) << _MEMORY_UNITS[match[2] or "b"] if match else 0
    if size < _LEAST_MEMORY:
        raise UsageError(f"--memory takes a size from 6m on, as 512m or 2g, not {text!r}")
    return size


def verify(
    images: Sequence[str],
    settings: Settings,
    outputs: tuple[tuple[str, str], ...],
    wishes: Wishes,
    *,
    write_expect: str | None = None,
    dry_run: bool = False,
    engine: str | None = None,
) -> Exit:
    """Run images and tell what was proved; or, in a dry run, what would be done for that."""
    from .. import proving
    from ..analyzer.image import parse_source
    from ..output import write
    from ..runner.published import parse_publish

    try:
        # A slip is told before an engine is asked for.
        parse_publish(wishes.publish)
        for image in images:
            parse_source(image)
        if dry_run:
            return show(proving.plans(images, wishes, engine=engine), outputs, _plan)
        if write_expect is not None and len(images) != 1:
            raise InputError("--write-expect", f"takes one image, not {len(images)}", "write a file for each")
        report = proving.prove(images, settings, wishes, engine=engine)
    except UnknownCodeError as error:
        return unknown_code(error)
    except InputError as error:
        return show_problem(error, outputs, "verify", *images)
    if write_expect is not None:
        try:
            write(expectations_text(report.observations[0]), write_expect)
        except InputError as error:
            report = report._replace(problems=(*report.problems, Problem.of(error)))
    return show(report, outputs, _text)


def _plan(report: Report, look: Look) -> str:
    from ..reports import plan_text

    return plan_text.render(report, look)


def _text(report: Report, look: Look) -> str:
    from ..reports import verify_text

    return verify_text.render(report, look)
