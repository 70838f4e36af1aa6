"""JUnit's XML, which CI servers show as tests: a suite a file, a failed case a finding."""

from __future__ import annotations

from xml.etree import ElementTree

from ..rules.rule import Finding
from .gates_text import missed
from .report import Report
from .xml import as_text, legal


def render(report: Report) -> str:
    """A file without findings has one case that passed, so that CI sees that it was looked at."""
    root = ElementTree.Element("testsuites", name="imglint")
    files: dict[str, list[Finding]] = {name: [] for name in report.files}
    for one in report.findings:
        files.setdefault(one.file, []).append(one)
    for name, findings in files.items():
        suite = _suite(root, name, max(len(findings), 1), failures=len(findings))
        for one in findings:
            where = f":{one.place.span}" if one.place.span else ""
            case = _case(suite, name, f"{one.rule.code} {one.rule.name}{where}")
            failure = ElementTree.SubElement(
                case, "failure", type=one.severity.label, message=legal(one.message)
            )
            failure.text = legal(f"{name}{where} {one.rule.code} {one.message}")
        if not findings:
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


def _suite(
    root: ElementTree.Element, name: str, tests: int, *, failures: int = 0, errors: int = 0
) -> ElementTree.Element:
    counts = {"tests": str(tests), "failures": str(failures), "errors": str(errors)}
    return ElementTree.SubElement(root, "testsuite", {"name": legal(name), **counts})


def _case(suite: ElementTree.Element, file: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=legal(file), name=legal(name), time="0")
