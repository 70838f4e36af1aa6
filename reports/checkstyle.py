"""Checkstyle's XML, which Jenkins and many review bots read."""

from __future__ import annotations

from xml.etree import ElementTree

from ..rules.rule import Finding, Severity
from .report import Report

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
    for problem in report.problems:
        file = ElementTree.SubElement(root, "file", name=legal(problem.subject))
        told = legal(f"{problem.problem}; {problem.hint}" if problem.hint else problem.problem)
        ElementTree.SubElement(
            file, "error", line="1", column="1", severity="error", message=told, source="imglint"
        )
    return as_text(root)


def as_text(root: ElementTree.Element) -> str:
    """An XML document, with its declaration and a final newline."""
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def legal(text: str) -> str:
    """Text without the characters that XML 1.0 can't hold, not even escaped."""
    return "".join(one if _legal(ord(one)) else "\ufffd" for one in text)


def _legal(code: int) -> bool:
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
