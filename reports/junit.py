"""JUnit's XML, which CI servers show as tests: a suite a file, a failed case a failure."""

from __future__ import annotations

from xml.etree import ElementTree

from ..analyzer.credentials import mask
from ..rules.rule import Finding
from .failure import Failure
from .gates_text import missed
from .report import Location, Report, relative
from .xml import as_text, legal


def render(report: Report) -> str:
    """What fails the run is a failed case, nothing else. A file with nothing to tell has one that passed."""
    root = ElementTree.Element("testsuites", name="imglint")
    faulty = {finding.file for finding in report.findings}
    files: dict[str, list[tuple[Finding, Location]]] = {
        name: [] for name in report.files if name not in faulty
    }
    for one in report.findings:
        place = report.located(one)
        files.setdefault(place.file, []).append((one, place))
    others: dict[str, list[Failure]] = {}
    for other in report.failures_beside_findings():
        if other.kind != "limit":
            others.setdefault(other.file, []).append(other)
            files.setdefault(other.file, [])
    for name, findings in files.items():
        failed, met = others.get(name, []), _met(report, name)
        failing = sum(report.fails(one) for one, _ in findings) + len(failed)
        suite = _suite(root, name, max(len(findings) + len(failed) + len(met), 1), failures=failing)
        for one, place in findings:
            where = f":{place.span}" if place.span else ""
            case = _case(suite, name, f"{one.rule.title}{where}")
            if place.span is not None:
                case.attrib |= {"file": legal(relative(name)), "line": str(place.span.line)}
            message = legal(place.told(one.message))
            told = legal(f"{name}{where} {one.rule.title}: {message}")
            if report.fails(one):
                failure = ElementTree.SubElement(case, "failure", type=one.severity.label, message=message)
                failure.text = told
            else:
                # Below the level from which on the run fails: a note of a case that passed.
                ElementTree.SubElement(case, "system-out").text = told
        for other in failed:
            case = _case(suite, name, other.code)
            kind = other.severity.label
            ElementTree.SubElement(case, "failure", type=kind, message=legal(other.message)).text = legal(
                f"{name} {other.code} {other.message}"
            )
        for expectation in met:
            _case(suite, name, expectation)
        if not findings and not failed and not met:
            _case(suite, name, "no findings")
    if report.gates:
        suite = _suite(
            root, "limits", len(report.gates), failures=sum(not one.passed for one in report.gates)
        )
        for gate in report.gates:
            case = _case(suite, gate.image, gate.name)
            if not gate.passed:
                ElementTree.SubElement(case, "failure", type="error", message=legal(missed(gate)))
    for problem in report.problems:
        suite = _suite(root, problem.subject, 1, errors=1)
        case = _case(suite, problem.subject, "can be read")
        ElementTree.SubElement(case, "error", type="input", message=legal(problem.told))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    return as_text(root)


def _met(report: Report, image: str) -> list[str]:
    """The expectations of an image that are met: whoever wrote them wants to see them pass."""
    from ..rules.verdicts import EXPECTATIONS

    return [
        f"expectation/{check.name} {mask(check.subject)}"
        for seen in report.observations
        if seen.image == image
        for check in seen.checks
        if check.name.startswith(EXPECTATIONS) and check.verdict == "proved"
    ]


def _suite(
    root: ElementTree.Element, name: str, tests: int, *, failures: int = 0, errors: int = 0
) -> ElementTree.Element:
    counts = {"tests": str(tests), "failures": str(failures), "errors": str(errors)}
    return ElementTree.SubElement(root, "testsuite", {"name": legal(name), **counts})


def _case(suite: ElementTree.Element, file: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=legal(file), name=legal(name), time="0")
