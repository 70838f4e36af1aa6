"""GitHub's workflow commands, which it shows as annotations at the lines of a pull request.

Escaping as the runner undoes it: %, CR and LF everywhere, ":" and "," in properties, too
(https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
"""

from __future__ import annotations

from ..analyzer.credentials import mask_shapes
from ..rules.rule import Finding, Severity
from .report import Report, relative
from .text import printable

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
    Severity.STYLE: "notice",
}


def render(report: Report) -> str:
    """A workflow command a line: findings, missed limits, and inputs that could not be read."""
    lines = [_finding(report, finding) for finding in report.findings]
    for failure in report.failures_beside_findings():
        # A limit's message names its image.
        about = "" if failure.kind == "limit" else f"{failure.file}: "
        title = _property(failure.code)
        lines.append(f"::{_LEVELS[failure.severity]} title={title}::{_data(about + failure.message)}")
    lines += [f"::error title=imglint::{_data(str(problem))}" for problem in report.problems]
    # The log is a terminal, too.
    return "".join(f"{printable(line)}\n" for line in lines)


def _finding(report: Report, finding: Finding) -> str:
    place = report.located(finding)
    properties = {"title": finding.rule.title}
    message = place.told(finding.message)
    if place.span is None:
        # An image or a container is not a file of the repository: the annotation says what it is about.
        message = f"{place.qualified or place.file}: {finding.message}"
    else:
        properties |= {"file": relative(place.file), "line": str(place.span.line)}
        # The runner takes columns for annotations of one line alone.
        if place.span.end_line > place.span.line:
            properties["endLine"] = str(place.span.end_line)
        else:
            properties["col"] = str(place.span.column)
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_LEVELS[finding.severity]} {told}::{_data(message)}"


def _data(text: str) -> str:
    return mask_shapes(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
