"""Checkstyle's XML, which Jenkins and many review bots read."""

from __future__ import annotations

from xml.etree import ElementTree

from ..rules.rule import Finding, Severity
from .failure import Failure
from .report import Location, Report
from .xml import as_text, legal

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
    Severity.STYLE: "info",
}


def render(report: Report) -> str:
    """One element a file; inputs that could not be read are errors of theirs. Line 0 is all of a file, as in ESLint's."""
    root = ElementTree.Element("checkstyle", version="4.3")
    files: dict[str, list[tuple[Finding, Location]]] = {}
    for one in report.findings:
        place = report.located(one)
        files.setdefault(place.file, []).append((one, place))
    for name, findings in files.items():
        file = ElementTree.SubElement(root, "file", name=legal(name))
        for one, place in findings:
            ElementTree.SubElement(
                file,
                "error",
                line=str(place.span.line if place.span else 0),
                column=str(place.span.column if place.span else 0),
                severity=_LEVELS[one.severity],
                message=legal(f"{one.rule.name}: {place.told(one.message)}"),
                source=f"imglint.{one.rule.code}",
            )
    others: dict[str, list[Failure]] = {}
    for failure in report.failures_beside_findings():
        others.setdefault(failure.file, []).append(failure)
    for name, failures in others.items():
        file = ElementTree.SubElement(root, "file", name=legal(name))
        for failure in failures:
            ElementTree.SubElement(
                file,
                "error",
                line="0",
                column="0",
                severity=_LEVELS[failure.severity],
                message=legal(failure.message),
                source=legal(f"imglint.{failure.code}"),
            )
    for problem in report.problems:
        file = ElementTree.SubElement(root, "file", name=legal(problem.subject))
        ElementTree.SubElement(
            file,
            "error",
            line="0",
            column="0",
            severity="error",
            message=legal(problem.told),
            source="imglint",
        )
    return as_text(root)
