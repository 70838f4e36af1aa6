"""Checkstyle's XML, which Jenkins and many review bots read."""

from __future__ import annotations

from xml.etree import ElementTree

from ..rules.rule import Finding, Severity
from .failure import Failure
from .report import Report
from .xml import as_text, legal

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
    Severity.STYLE: "info",
}


def render(report: Report) -> str:
    """One element a file; inputs that could not be read are errors of theirs."""
    root = ElementTree.Element("checkstyle", version="4.3")
    files: dict[str, list[Finding]] = {}
    for one in report.findings:
        files.setdefault(one.file, []).append(one)
    for name, findings in files.items():
        file = ElementTree.SubElement(root, "file", name=legal(name))
        for one in findings:
            span = one.place.span
            ElementTree.SubElement(
                file,
                "error",
                line=str(span.line if span else 1),
                column=str(span.column if span else 1),
                severity=_LEVELS[one.severity],
                message=legal(one.message),
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
                line="1",
                column="1",
                severity=_LEVELS[failure.severity],
                message=legal(failure.message),
                source=legal(f"imglint.{failure.code}"),
            )
    for problem in report.problems:
        file = ElementTree.SubElement(root, "file", name=legal(problem.subject))
        ElementTree.SubElement(
            file,
            "error",
            line="1",
            column="1",
            severity="error",
            message=legal(problem.told),
            source="imglint",
        )
    return as_text(root)
