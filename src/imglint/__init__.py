"""Lints the Dockerfile, measures the image, proves the container.

In Python as on the command line, which calls the same functions:

    >>> import imglint
    >>> report = imglint.lint("FROM debian\\nCMD ntpd\\n")
    >>> [(one.place.span.line, one.rule.code) for one in report.findings]
    [(1, 'AV0901'), (1, 'DL3006'), (2, 'DL3025'), (2, 'IL010')]

    >>> image = imglint.open_image("examples/waste/waste.tar")
    >>> image.to_frame()["wasted_bytes"].sum()
    np.int64(87690)

    >>> report = imglint.audit("examples/waste/Dockerfile", "examples/waste/waste.tar")
    >>> [cell.antipattern for cell in report.matrix if cell.verdict == "fail"]
    [2, 3, 9]

`verify` runs an image on the local engine and gives an Observation. What goes wrong with an input is
an `InputError`, with its `subject`, `problem` and `hint`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Image",
    "InputError",
    "Observation",
    "Report",
    "Settings",
    "audit",
    "frames",
    "layer_graph",
    "lint",
    "lint_files",
    "open_image",
    "open_images",
    "verify",
]

if TYPE_CHECKING:
    from .analyzer import InputError
    from .analyzer.graph import layer_graph
    from .analyzer.image import Image
    from .analyzer.image.frames import frames
    from .config import Settings
    from .evidence import audit
    from .linting import lint, lint_files
    from .measuring import open_image, open_images
    from .proving import verify
    from .reports import Report
    from .runner import Observation

_PLACES = {
    "Image": "analyzer.image",
    "InputError": "analyzer",
    "Observation": "runner",
    "Report": "reports",
    "Settings": "config",
    "audit": "evidence",
    "frames": "analyzer.image.frames",
    "layer_graph": "analyzer.graph",
    "lint": "linting",
    "lint_files": "linting",
    "open_image": "measuring",
    "open_images": "measuring",
    "verify": "proving",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: the command starts in the time of a few modules."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    from .light import refuse_without

    refuse_without(name)
    return getattr(importlib.import_module(f".{_PLACES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
