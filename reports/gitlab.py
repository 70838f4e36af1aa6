"""GitLab's code quality report (https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format)."""

from __future__ import annotations

import hashlib
import json

from ..rules.rule import Severity
from .failure import numbered
from .report import Report, relative

_LEVELS = {
    Severity.ERROR: "critical",
    Severity.WARNING: "major",
    Severity.INFO: "minor",
    Severity.STYLE: "info",
}


def render(report: Report) -> str:
    """A list of issues with unique fingerprints, which GitLab drops otherwise."""
    issues = []
    for one, number in report.numbered():
        # Files that hold the same fault have one fingerprint; GitLab wants one for each.
        identity = f"{one.file}\0{one.fingerprint}\0{number}".encode("utf-8", "surrogateescape")
        place = report.located(one)
        # GitLab wants a line of everything; the first one of an image stands for all of it.
        line = place.span.line if place.span else 1
        issues.append(
            {
                "description": f"{one.rule.title}: {place.told(one.message)}",
                "check_name": one.rule.name,
                "fingerprint": hashlib.sha256(identity).hexdigest(),
                "severity": _LEVELS[one.severity],
                "location": {
                    "path": relative(place.file),
                    "lines": {"begin": line, "end": place.span.end_line if place.span else line},
                },
            }
        )
    inputs = [failure for failure in report.failures() if failure.kind == "input"]
    for failure, number in numbered([*report.failures_beside_findings(), *inputs]):
        identity = f"{failure.code}\0{failure.fingerprint}\0{number}".encode("utf-8", "surrogateescape")
        issues.append(
            {
                "description": f"{failure.code}: {failure.message}",
                "check_name": failure.code,
                "fingerprint": hashlib.sha256(identity).hexdigest(),
                "severity": _LEVELS[failure.severity],
                "location": {"path": relative(failure.file), "lines": {"begin": 1}},
            }
        )
    return json.dumps(issues, ensure_ascii=True, indent=1) + "\n"
