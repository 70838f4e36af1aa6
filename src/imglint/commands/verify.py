"""`imglint verify`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..analyzer import InputError
from ..config import Settings
from ..exits import Exit
from ..proving import Wishes, expectations_text
from ..reports import Problem, Report
from ..reports.look import Look
from ..rules.registry import UnknownCodeError
from .lint import unknown_code
from .show import show, show_problem, spare


def verify(
    images: Sequence[str],
    settings: Settings,
    outputs: tuple[tuple[str, str], ...],
    wishes: Wishes,
    *,
    write_expect: str | None = None,
    dry_run: bool = False,
    engine: str | None = None,
    compose: str | None = None,
) -> Exit:
    """Run images and tell what was proved; or, in a dry run, what would be done for that.

    With a compose file, `images` are services of it; none are all.
    """
    from .. import proving
    from ..analyzer.image import parse_source
    from ..output import write
    from ..run_options import as_texts
    from ..runner.published import parse_publish

    try:
        # A slip is told before an engine is asked for.
        parse_publish(wishes.publish)
        if compose is not None:
            from ..composing import stack

            composed = stack(compose, images)
            if dry_run:
                labels = tuple(composed.targets)
                return show(
                    proving.plans(labels, wishes, settings, engine=engine, stack=composed), outputs, _plan
                )
            return show(proving.prove_stack(composed, settings, wishes, engine=engine), outputs, _text)
        for image in images:
            parse_source(image)
        if dry_run:
            return show(proving.plans(images, wishes, settings, engine=engine), outputs, _plan)
        if write_expect is not None and len(images) != 1:
            raise InputError("--write-expect", f"takes one image, not {len(images)}", "write a file for each")
        report = proving.prove(images, settings, wishes, engine=engine)
    except UnknownCodeError as error:
        return unknown_code(error)
    except InputError as error:
        return show_problem(error, outputs, "verify", *images)
    if write_expect is not None:
        try:
            spare(report, write_expect, *wishes.expect)
            files = proving.read_expectations(wishes.expect)
            asked = proving.wishes_for(images[0], wishes, files, settings)
            options = as_texts(asked, os.path.dirname(write_expect))
            write(expectations_text(report.observations[0], options), write_expect)
        except InputError as error:
            report = report._replace(problems=(*report.problems, Problem.of(error)))
    return show(report, outputs, _text, read=wishes.expect)


def _plan(report: Report, look: Look) -> str:
    from ..reports import plan_text

    return plan_text.render(report, look)


def _text(report: Report, look: Look) -> str:
    from ..reports import verify_text

    return verify_text.render(report, look)
