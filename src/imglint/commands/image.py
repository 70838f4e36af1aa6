"""`imglint image` and `imglint history`."""

from __future__ import annotations

from collections.abc import Sequence

from ..analyzer import InputError
from ..config import Settings
from ..exits import Exit
from ..reports import Report
from ..rules.registry import UnknownCodeError
from .lint import unknown_code
from .show import fail, show


def image(
    sources: Sequence[str],
    settings: Settings,
    outputs: tuple[tuple[str, str], ...],
    *,
    verify: bool = True,
    engine: str | None = None,
) -> Exit:
    """Measure images and judge them."""
    from .. import pipeline

    try:
        report, code = pipeline.measure(sources, settings, verify=verify, engine=engine)
    except UnknownCodeError as error:
        return unknown_code(error)
    if not report.images:
        return show(report, code, [one for one in outputs if one[0] == "json"], _image_text)
    return show(report, code, outputs, _image_text)


def history(
    source: str, outputs: tuple[tuple[str, str], ...], *, verify: bool = True, engine: str | None = None
) -> Exit:
    """Print the history of an image."""
    from .. import pipeline

    try:
        images = pipeline.open_source(source, verify=verify, engine=engine)
    except InputError as error:
        return fail(error)
    return show(Report(files=(source,), images=images), Exit.CLEAN, outputs, _history_text)


def _image_text(report: Report, full: bool) -> str:
    from ..reports import image_text

    return image_text.render(report, full=full)


def _history_text(report: Report, full: bool) -> str:
    from ..reports import image_text

    return "\n\n".join(image_text.history(image) for image in report.images) + "\n"
