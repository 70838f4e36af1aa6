"""GitLab's code quality report (https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format)."""

from __future__ import annotations

import hashlib
import json
import os

from ..rules.rule import Severity
from .report import Report

_LEVELS = {
    Severity.ERROR: "critical",
    Severity.WARNING: "major",
    Severity.INFO: "minor",
    Severity.STYLE: "info",
}


def render(report: Report) -> str:
    """A list of issues with unique fingerprints, which GitLab drops otherwise."""
    seen: dict[str, int] = {}
    issues = []
    for one in report.findings:
        times = seen[one.fingerprint] = seen.get(one.fingerprint, 0) + 1
        # Files that hold the same fault have one fingerprint; GitLab wants one for each.
        identity = f"{one.file}\0{one.fingerprint}\0{times}".encode("utf-8", "surrogateescape")
        issues.append(
            {
                "description": f"{one.rule.code}: {one.message}",
                "check_name": one.rule.name,
                "fingerprint": hashlib.sha256(identity).hexdigest(),
                "severity": _LEVELS[one.severity],
                "location": {
                    "path": _path(one.file),
                    "lines": {"begin": one.place.span.line if one.place.span else 1},
                },
            }
        )
    return json.dumps(issues, ensure_ascii=True, indent=1) + "\n"


def _path(file: str) -> str:
    """Relative to the repository, as GitLab wants it, where the file is in it."""
    relative = os.path.relpath(file) if os.path.isabs(file) else os.path.normpath(file)
    return file if relative.startswith("..") else relative
