"""`imglint lint`, and `imglint` with paths alone."""

from __future__ import annotations

import os

from ..analyzer import InputError
from ..config import Configuration
from ..exits import Exit
from ..lint_options import LintOptions
from ..output import tell, write
from ..reports import Report
from ..reports.look import Look
from ..rules.registry import UnknownCodeError
from .show import fail, show


def lint(options: LintOptions) -> Exit:
    """Lint and print; the exit code."""
    from .. import linting

    chosen = dict(options.chosen)
    if options.write_baseline is not None:
        chosen["baseline"] = None  # what is written must not be what an old one leaves over
    configuration = Configuration(chosen, options.config, isolated=options.isolated)
    try:
        report = linting.lint_files(
            options.paths,
            configuration,
            since=options.since,
            jobs=options.jobs,
            found=options.found,
            whole=options.write_baseline is not None,
        )
    except UnknownCodeError as error:
        return unknown_code(error)
    report = report._replace(notes=(*report.notes, *_unused_arguments(report, options)))
    if options.write_baseline is not None and report.files:
        return _write_baseline(report, options.write_baseline)
    return show(report, options.outputs, _statistics if options.statistics else _text)


def _unused_arguments(report: Report, options: LintOptions) -> list[str]:
    """A misspelt name changes nothing, as in a build, which warns, too."""
    from ..analyzer.dockerfile import PREDEFINED_ARGS

    names = options.chosen.get("build_args", {}) if report.texts else {}
    return [
        f"--build-arg {name}: no ARG has this name"
        for name in names
        if name not in PREDEFINED_ARGS
        and not name.startswith(("BUILDKIT_", "SOURCE_DATE_EPOCH"))
        and not any(name in text.value for text in report.texts.values())
    ]


def _write_baseline(report: Report, path: str) -> Exit:
    from ..known import baseline_text, is_baseline
    from ..reports.text import problems

    tell(problems(report))
    try:
        if os.path.isfile(path) and os.path.getsize(path) and not is_baseline(path):
            raise InputError(path, "is there and no baseline: it is not overwritten", "name another file")
        write(baseline_text(report.findings, report.texts, path), path)
    except InputError as error:
        return fail(error)
    count = len(report.findings)
    write(f"{path}: {count} finding{'s' if count != 1 else ''} recorded; --baseline {path} leaves them out\n")
    return Exit.CLEAN if report.exit_code == Exit.FINDINGS else report.exit_code


def unknown_code(error: UnknownCodeError) -> Exit:
    """Tell that no rule has a code, and which one was meant perhaps."""
    meant = f"did you mean {error.nearest}? " if error.nearest else ""
    tell(f"imglint: {error}\n  {meant}`imglint rules` lists them\n")
    return Exit.INPUT


def _statistics(report: Report, look: Look) -> str:
    from ..reports import text

    return text.statistics(report, look)


def _text(report: Report, look: Look) -> str:
    from ..reports import text

    return text.render(report, look)
