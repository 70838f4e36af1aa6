"""`imglint lint`, and `imglint` with paths alone."""

from __future__ import annotations

import sys

from ..exits import Exit
from ..lint_options import LintOptions
from ..reports import Report
from ..rules.registry import UnknownCodeError
from .show import show


def lint(options: LintOptions) -> Exit:
    """Lint and print; the exit code."""
    from .. import pipeline

    try:
        report, code = pipeline.lint(options.paths, options.settings)
    except UnknownCodeError as error:
        return unknown_code(error)
    if (
        not report.files
        and code in (Exit.INPUT, Exit.NOTHING, Exit.UNPARSABLE)
        and options.outputs == (("text", "-"),)
    ):
        # Nothing was read: the errors say it all.
        from ..reports.text import problems

        sys.stderr.write(problems(report))
        return code
    return show(report, code, options.outputs, _text)


def unknown_code(error: UnknownCodeError) -> Exit:
    """Tell that no rule has a code, and which one was meant perhaps."""
    meant = f"did you mean {error.nearest}? " if error.nearest else ""
    sys.stderr.write(f"imglint: {error}\n  {meant}`imglint rules` lists them\n")
    return Exit.INPUT


def _text(report: Report, full: bool) -> str:
    from ..reports import text

    return text.render(report, full=full)
