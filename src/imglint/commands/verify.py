"""`imglint verify`."""

from __future__ import annotations

from collections.abc import Sequence

from ..analyzer import InputError
from ..config import Settings
from ..exits import Exit
from ..reports import Report
from ..rules.registry import UnknownCodeError
from .lint import unknown_code
from .show import fail, show


def verify(
    image: str,
    settings: Settings,
    outputs: tuple[tuple[str, str], ...],
    *,
    publish: Sequence[str] = (),
    publish_all: bool = False,
    engine: str | None = None,
) -> Exit:
    """Run an image and tell what was proved."""
    from .. import pipeline

    try:
        report, code = pipeline.prove(
            image, settings, publish=publish, publish_all=publish_all, engine=engine
        )
    except UnknownCodeError as error:
        return unknown_code(error)
    except InputError as error:
        return fail(error)
    return show(report, code, outputs, _text)


def _text(report: Report, full: bool) -> str:
    from ..reports import verify_text

    return verify_text.render(report, full=full)
