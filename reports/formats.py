"""The formats that a report can be told in. Those for machines and pages look the same from every command."""

from __future__ import annotations

import importlib

from .report import Report

FOR_PEOPLE = ("text", "concise", "full")  # each command has a view of its own for these
_MODULES = {
    "json": "json_v1",
    "sarif": "sarif",
    "github": "github",
    "gitlab": "gitlab",
    "junit": "junit",
    "checkstyle": "checkstyle",
    "markdown": "markdown",
    "html": "html.page",
}
# Each string of the report is masked before it becomes a part of such a text, whose own words may be anybody's.
MASKED_INSIDE = ("html",)
FORMATS = (*FOR_PEOPLE, *_MODULES)
OF_IMAGES = ("cyclonedx",)  # tells what is in one image, and nothing of findings


def render(report: Report, form: str) -> str:
    """The report in one of the formats that are not for people alone."""
    module = importlib.import_module(f".{_MODULES.get(form, form)}", __package__)
    return str(module.render(report))
