"""`imglint image` and `imglint history`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..analyzer import InputError
from ..config import Settings
from ..exits import Exit
from ..reports import Problem, Report
from ..reports.formats import OF_IMAGES
from ..reports.look import Look
from ..rules.gates import Limits
from ..rules.registry import UnknownCodeError
from .lint import unknown_code
from .show import show, show_problem, spare


class View(NamedTuple):
    """What of the measurements to show and to hold against limits."""

    limits: Limits = Limits()
    against: str | None = None
    dive_compat: bool = False
    side_by_side: bool = False
    graph: str | None = None
    platform: str | None = None
    record: str | None = None
    secrets: bool = False
    packages: bool = False


def image(
    sources: Sequence[str],
    settings: Settings,
    outputs: tuple[tuple[str, str], ...],
    *,
    verify: bool = True,
    engine: str | None = None,
    view: View = View(),  # noqa: B008
) -> Exit:
    """Measure images, judge them, and hold them against limits."""
    from .. import measuring
    from ..gates import DIVE_FILE, dive_file_limits

    report = Report(asked=("image", *sources))
    try:
        report = measuring.measure(
            sources, settings, verify=verify, engine=engine, platform=view.platform, contents=view.secrets
        )
        dive = dive_file_limits()
        limits = view.limits if dive is None else dive.replaced_by(view.limits)
        if dive is not None:
            report = report._replace(notes=(*report.notes, f"{DIVE_FILE} sets limits"))
        report = measuring.weigh(
            report, settings, limits, against=view.against, dive=view.dive_compat, engine=engine
        )
        if view.graph is not None and report.images:
            _write_graph(report, view.graph, *compared_with(view.against))
        if view.record is not None and report.images:
            from ..records import record

            spare(report, view.record)
            record(view.record, report.images)
    except UnknownCodeError as error:
        return unknown_code(error)
    except InputError as error:
        # What was measured before that is shown.
        report = report._replace(problems=(*report.problems, Problem.of(error)))
    report, outputs = _without_bill(report, outputs)
    text = _compared if view.side_by_side else _packages_text if view.packages else _image_text
    return show(report, outputs, text, read=compared_with(view.against))


def _without_bill(
    report: Report, outputs: tuple[tuple[str, str], ...]
) -> tuple[Report, tuple[tuple[str, str], ...]]:
    """Leave out a bill of materials that can't be written, and say why."""
    if not any(form in OF_IMAGES for form, _ in outputs):
        return report, outputs
    from ..reports.cyclonedx import unable

    why = unable(report)
    if why is None:
        return report, outputs
    rest = tuple((form, target) for form, target in outputs if form not in OF_IMAGES)
    if report.problems and not report.images:
        return report, rest  # which says why there is no image
    return report._replace(problems=(*report.problems, Problem("--format cyclonedx", *why))), rest


def compared_with(against: str | None) -> tuple[str, ...]:
    """What nothing is written over of what was compared with: an image. A record of sizes may be written anew."""
    return () if against is None or against.endswith((".json", ".csv", ".parquet")) else (against,)


def _write_graph(report: Report, path: str, *read: str) -> None:
    from ..analyzer.graph import as_text, layer_graph
    from ..output import write
    from ..reports import graph_picture

    form = path.rpartition(".")[2].lower()
    pictures = {"svg": graph_picture.svg, "html": graph_picture.page}
    if form not in (*pictures, "graphml", "dot", "json"):
        hint = "end it in .svg or .html for a picture, in .graphml, .dot or .json for other programs"
        raise InputError(path, "is no kind of graph that imglint writes", hint)
    spare(report, path, *read)
    found = layer_graph(report.images)
    write(pictures[form](found) if form in pictures else as_text(found, form), path)


def diff(
    old: str,
    new: str,
    settings: Settings,
    outputs: tuple[tuple[str, str], ...],
    *,
    limits: Limits = Limits(),  # noqa: B008
    base: Sequence[str] = (),
    verify: bool = True,
    engine: str | None = None,
) -> Exit:
    """Compare two images."""
    from .. import measuring

    try:
        report = measuring.compare(old, new, settings, limits, base=base, verify=verify, engine=engine)
    except InputError as error:
        return show_problem(error, outputs, "diff", old, new, *base)
    return show(report, outputs, _diff_text, read=base)


def history(
    source: str,
    outputs: tuple[tuple[str, str], ...],
    *,
    verify: bool = True,
    engine: str | None = None,
    platform: str | None = None,
    plain_http: bool = False,
) -> Exit:
    """Print the history of an image, of several for the platform alone if one is named."""
    from .. import measuring

    try:
        images = measuring.open_images(
            source, verify=verify, engine=engine, platform=platform, plain_http=plain_http
        )
    except InputError as error:
        return show_problem(error, outputs, "history", source)
    return show(Report(files=(source,), images=images, asked=("history", source)), outputs, _history_text)


def _diff_text(report: Report, look: Look) -> str:
    from ..reports import diff_text

    return diff_text.render(report, look)


def _compared(report: Report, look: Look) -> str:
    from ..reports import image_text, text
    from ..reports.gates_text import gates

    parts = [image_text.compared(report.images)]
    if report.gates:
        parts.append(gates(report.gates, look))
    failing = tuple(finding for finding in report.findings if report.fails(finding))
    if report.failures_beside_findings() or failing:
        parts.append(text.render(report._replace(findings=failing), look).rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def _packages_text(report: Report, look: Look) -> str:
    from ..reports import image_text

    return image_text.with_packages(report, look)


def _image_text(report: Report, look: Look) -> str:
    from ..reports import image_text

    return image_text.render(report, look)


def _history_text(report: Report, look: Look) -> str:
    from ..reports import image_text

    return "\n\n".join(image_text.history(image, look) for image in report.images) + "\n"
