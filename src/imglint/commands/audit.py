"""`imglint audit`."""

from __future__ import annotations

import os

from ..analyzer import InputError
from ..config import Settings
from ..exits import Exit
from ..proving import Wishes
from ..reports import Report
from ..reports.look import Look
from ..rules.gates import Limits
from ..rules.registry import UnknownCodeError
from .image import compared_with
from .lint import unknown_code
from .show import show, show_problem


def audit(
    dockerfile: str | None,
    image: str | None,
    settings: Settings,
    outputs: tuple[tuple[str, str], ...],
    *,
    run: bool = False,
    wishes: Wishes = Wishes(),  # noqa: B008
    verify: bool = True,
    engine: str | None = None,
    against: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
) -> Exit:
    """Join all evidence and print the matrix."""
    from ..evidence import audit as join

    if dockerfile is None and os.path.isfile("Dockerfile"):
        dockerfile = "Dockerfile"
    try:
        report = join(
            dockerfile, image, settings, run=run, wishes=wishes, verify=verify, engine=engine, against=against,
            limits=limits,
        )  # fmt: skip
    except UnknownCodeError as error:
        return unknown_code(error)
    except InputError as error:
        inputs = (name for name in (dockerfile, image) if name is not None)
        return show_problem(error, outputs, "audit", *inputs)
    return show(report, outputs, matrix_view, read=(*compared_with(against), *wishes.expect))


def matrix_view(report: Report, look: Look) -> str:
    """The text of an audit."""
    from ..reports import matrix_text

    return matrix_text.render(report, look)
