"""SARIF 2.1.0, for code scanning (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from ..analyzer.credentials import mask_shapes
from ..rules.rule import Finding, Rule, Severity
from .failure import Failure, numbered
from .json_v1 import CONFIGURATION, URL
from .report import Problem, Report, relative

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
    Severity.STYLE: "note",
}


def render(report: Report) -> str:
    """One run with its rules and results; inputs that could not be read are its notifications."""
    return json.dumps(document(report), ensure_ascii=True, indent=1) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The log in JSON's own types."""
    from importlib.metadata import version

    found = sorted({one.rule.code: one.rule for one in report.findings}.values(), key=lambda rule: rule.code)
    others = {one.code: one for one in report.failures_beside_findings()}
    rules = [_rule(rule) for rule in found] + [_rule_of(failure) for failure in others.values()]
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    driver = {
        "name": "imglint",
        "version": version("imglint"),
        "informationUri": "https://github.com/imglint/imglint",
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.problems,
                "exitCode": int(report.exit_code),
                "toolExecutionNotifications": [_notification(one) for one in report.problems],
            }
        ],
        "results": _results(report, numbers),
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.page.strip()},
        "helpUri": f"{URL}{rule.name}.md",
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


_ABOUT = {
    "limit": "A limit on the image is broken.",
    "expectation": "An expectation of the container or its image is not met.",
    "check": "A check of the running container is not proved.",
    "cell": "One of the ten things to avoid is not ruled out by this kind of evidence.",
}


def _rule_of(failure: Failure) -> dict[str, Any]:
    """The rule of a failure that is no finding: one for each limit, check and cell."""
    words = re.split(r"[/.-]", failure.code)
    return {
        "id": failure.code,
        "name": "".join(word.capitalize() for word in words),
        "shortDescription": {"text": _ABOUT[failure.kind]},
        "fullDescription": {"text": _ABOUT[failure.kind]},
        "help": {"text": f"{_ABOUT[failure.kind]} See what makes a run fail in imglint's configuration."},
        "helpUri": f"{CONFIGURATION}#what-makes-a-run-fail",
        "defaultConfiguration": {"level": _LEVELS[failure.severity]},
    }


def _notification(problem: Problem) -> dict[str, Any]:
    return {"level": "error", "message": {"text": str(problem)}}


def _results(report: Report, numbers: dict[str, int]) -> list[dict[str, Any]]:
    # The same fault twice in a file has one fingerprint; its number tells the two apart.
    return [
        {
            "ruleId": one.rule.code,
            "ruleIndex": numbers[one.rule.code],
            "level": _LEVELS[one.severity],
            "message": {"text": one.message},
            "locations": [_location(one)],
            "partialFingerprints": {"imglint/v1": f"{one.fingerprint}:{number}"},
        }
        for one, number in report.numbered()
    ] + [
        {
            "ruleId": one.code,
            "ruleIndex": numbers[one.code],
            "level": _LEVELS[one.severity],
            "message": {"text": one.message},
            "locations": [_location_of(one)],
            "partialFingerprints": {"imglint/v1": f"{one.fingerprint}:{number}"},
        }
        for one, number in numbered(report.failures_beside_findings())
    ]


def _location_of(failure: Failure) -> dict[str, Any]:
    where = (failure.place.subject if failure.place else "") or failure.name
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri(failure.file)}},
        "logicalLocations": [{"fullyQualifiedName": f"{failure.file}: {where}", "kind": "resource"}],
    }


def _location(finding: Finding) -> dict[str, Any]:
    place = finding.place
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri(finding.file)}}
    if place.span is not None:
        span = place.span
        physical["region"] = {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        }
        return {"physicalLocation": physical}
    where = place.path or place.subject or (f"layer {place.layer.number}" if place.layer else place.evidence)
    return {
        "physicalLocation": physical,
        "logicalLocations": [{"fullyQualifiedName": f"{finding.file}: {where}", "kind": "resource"}],
    }


def uri(path: str) -> str:
    """A file as a reference, which is relative where the file is below the working directory."""
    told = quote(mask_shapes(relative(path)).encode("utf-8", "surrogateescape"), safe="/*")
    return f"file://{told}" if told.startswith("/") else told
