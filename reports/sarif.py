"""SARIF 2.1.0, for code scanning (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import quote

from ..analyzer.credentials import mask_shapes
from ..analyzer.dockerfile.span import Span
from ..rules.rule import Edit, Rule, Severity
from .failure import Failure, numbered
from .json_v1 import CONFIGURATION, URL
from .line_hash import line_hashes
from .report import Location, Problem, Report, relative, shown_fix

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
    Severity.STYLE: "note",
}
# What GitHub makes "high", "medium" and "low" of. A credential that was published stays published: half a step more.
_SECURITY = {Severity.ERROR: 8.0, Severity.WARNING: 6.0, Severity.INFO: 3.0, Severity.STYLE: 1.0}
_PUBLISHED = 1.5
_CREDENTIALS = 8
_LONGEST_SUBJECTS = 200  # characters


def render(report: Report) -> str:
    """One run with its rules and results; inputs that could not be read are its notifications."""
    return json.dumps(document(report), ensure_ascii=True, indent=1) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The log in JSON's own types."""
    from importlib.metadata import version

    found = sorted(
        {finding.rule.code: finding.rule for finding in report.findings}.values(), key=lambda rule: rule.code
    )
    others = {finding.code: finding for finding in report.failures_beside_findings()}
    rules = [_rule(rule) for rule in found] + [_rule_of(failure) for failure in others.values()]
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    driver = {
        "name": "imglint",
        "version": version("imglint-core"),
        "informationUri": "https://github.com/imglint/imglint",
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": _category(report)},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.problems,
                "exitCode": int(report.exit_code),
                "toolExecutionNotifications": [_notification(problem) for problem in report.problems],
            }
        ],
        "results": _results(report, numbers),
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _category(report: Report) -> str:
    """What tells this run from the others of a job, the same from run to run: GitHub closes alerts within it alone."""
    # Masked first: of what is quoted, a credential could be told no more.
    subjects = ",".join(
        quote(mask_shapes(subject).encode("utf-8", "surrogateescape"), safe=":")
        for subject in report.subjects()
    )
    if len(subjects) > _LONGEST_SUBJECTS:
        subjects = hashlib.sha256(subjects.encode()).hexdigest()[:16]
    return "/".join(("imglint", *report.asked[:1], subjects, ""))


def _rule(rule: Rule) -> dict[str, Any]:
    url = f"{URL}{rule.name}.md"
    described: dict[str, Any] = {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        # The examples stay behind the link: a scanner for credentials would find some in the report.
        "help": {"text": rule.page.strip(), "markdown": f"{rule.page.strip()}\n\n[With examples]({url})"},
        "helpUri": url,
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }
    if rule.security:
        score = _SECURITY[rule.severity] + _PUBLISHED * (rule.antipattern == _CREDENTIALS)
        described["properties"] = {"tags": ["security"], "security-severity": f"{score:.1f}"}
    return described


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
    hashes: dict[str, list[str]] = {}
    results = []
    # The same fault twice in a file has one fingerprint; its number tells the two apart.
    for one, number in report.numbered():
        place = report.located(one)
        fingerprints = {"imglint/v1": f"{one.fingerprint}:{number}"}
        if place.span is not None and place.file in report.texts:
            if place.file not in hashes:
                hashes[place.file] = line_hashes(report.texts[place.file].encode())
            fingerprints["primaryLocationLineHash"] = hashes[place.file][place.span.line - 1]
        result: dict[str, Any] = {
            "ruleId": one.rule.code,
            "ruleIndex": numbers[one.rule.code],
            "level": _LEVELS[one.severity],
            "message": {"text": place.told(one.message)},
            "locations": [_location(place)],
            "partialFingerprints": fingerprints,
        }
        fix = shown_fix(one)
        if fix is not None:
            result["fixes"] = [_fix(fix, place.file)]
        results.append(result)
    for failure, number in numbered(report.failures_beside_findings()):
        results.append(
            {
                "ruleId": failure.code,
                "ruleIndex": numbers[failure.code],
                "level": _LEVELS[failure.severity],
                "message": {"text": failure.message},
                "locations": [_location(report.located(failure))],
                "partialFingerprints": {"imglint/v1": f"{failure.fingerprint}:{number}"},
            }
        )
    return results


def _location(place: Location) -> dict[str, Any]:
    # GitHub takes no result without a line. Where none is known the region is empty and holds no line's text.
    region = _region(place.span) if place.span else _region(Span(1, 1, 1, 1))
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": uri(place.file)}, "region": region}
    }
    if place.image is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": place.qualified, "kind": "resource"}]
    return location


def _fix(edit: Edit, file: str) -> dict[str, Any]:
    replacement: dict[str, Any] = {"deletedRegion": _region(edit.span)}
    if edit.text:
        replacement["insertedContent"] = {"text": edit.text}
    description = "Changes nothing else." if edit.safe else "May change what is built: look before taking it."
    return {
        "description": {"text": description},
        "artifactChanges": [{"artifactLocation": {"uri": uri(file)}, "replacements": [replacement]}],
    }


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def uri(path: str) -> str:
    """A file as a reference, which is relative where the file is below the working directory."""
    told = quote(mask_shapes(relative(path)).encode("utf-8", "surrogateescape"), safe="/*")
    return f"file://{told}" if told.startswith("/") else told
