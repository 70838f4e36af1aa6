"""The formats for machines: what their consumers read in them, and that odd names and words get through."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from junitparser import JUnitXml
from properties import given, st
from sarif_pydantic import Sarif

import imglint
from imglint.reports import Problem, Report
from imglint.reports.formats import FOR_PEOPLE, FORMATS, render
from imglint.reports.github import _data, _property
from imglint.reports.sarif import document, uri
from imglint.rules.gates import Gate

ROOT = Path(__file__).parents[2]
FAULTY = "FROM debian\nMAINTAINER me\nRUN apt-get install curl\nRUN apt-get install curl\n"


def results(text: str) -> list[tuple[str, str]]:
    log = document(imglint.lint(text))
    return [(one["ruleId"], one["partialFingerprints"]["imglint/v1"]) for one in log["runs"][0]["results"]]


def test_sarif_names_its_rules_and_regions() -> None:
    report = imglint.lint(FAULTY, name="shop/Dockerfile")
    run = json.loads(render(report, "sarif"))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(report.findings) > 3
    for one, finding in zip(run["results"], report.findings, strict=True):
        rule = rules[one["ruleIndex"]]
        assert rule["id"] == one["ruleId"] == finding.rule.code
        assert (ROOT / "docs/rules" / rule["helpUri"].rpartition("/")[2]).is_file()
        assert rule["help"]["text"]
        place = one["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "shop/Dockerfile"
        assert finding.place.span is not None
        assert place["region"]["startLine"] == finding.place.span.line
        assert place["region"]["startColumn"] == finding.place.span.column


def test_sarif_fingerprints_survive_shifted_lines_and_differ() -> None:
    assert results("# a comment\n\n" + FAULTY) == results(FAULTY)
    assert len(set(results(FAULTY))) == len(results(FAULTY))


def test_sarif_of_an_image_and_of_what_could_not_be_read() -> None:
    report = imglint.audit(str(ROOT / "examples/waste/Dockerfile"), str(ROOT / "examples/waste/waste.tar"))
    report = report._replace(problems=(Problem("gone.tar", "is not there", "check the path"),))
    run = document(report)["runs"][0]
    logical = [one["locations"][0].get("logicalLocations") for one in run["results"]]
    assert any(logical)
    assert not all(logical)
    [invocation] = run["invocations"]
    assert invocation["executionSuccessful"] is False
    [told] = invocation["toolExecutionNotifications"]
    assert told["message"]["text"] == "gone.tar: is not there; check the path"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a b/Dockerfile", "a%20b/Dockerfile"),
        ("./x%#?/Dockerfile", "x%25%23%3F/Dockerfile"),
        ("/nowhere/é", "file:///nowhere/%C3%A9"),
        ("\udcff", "%FF"),
    ],
)
def test_sarif_references(path: str, wanted: str) -> None:
    assert uri(path) == wanted


@given(st.text())
def test_github_gets_back_what_was_escaped(text: str) -> None:
    for escaped, names in ((_data(text), "\r\n"), (_property(text), "\r\n:,")):
        assert not set(escaped) & set(names)
        back = escaped
        for character in names:
            back = back.replace(f"%{ord(character):02X}", character)
        assert back.replace("%25", "%") == text


def test_github_annotates_the_line() -> None:
    told = render(imglint.lint(FAULTY, name="a,b/Dockerfile"), "github").splitlines()
    assert "file=a%2Cb/Dockerfile,line=2,col=1::" in "\n".join(told)
    assert all(one.startswith(("::error ", "::warning ", "::notice ")) for one in told)


def test_github_tells_what_could_not_be_read() -> None:
    told = render(Report(problems=(Problem("a\nb", "is not there", "check"),)), "github")
    assert told == "::error title=imglint::a%0Ab: is not there; check\n"


def test_gitlab_has_what_it_demands() -> None:
    two = [imglint.lint(FAULTY, name=name) for name in ("a/Dockerfile", "b/Dockerfile")]
    report = two[0]._replace(findings=two[0].findings + two[1].findings)
    issues = json.loads(render(report, "gitlab"))
    assert len({one["fingerprint"] for one in issues}) == len(issues) == len(report.findings)
    assert {one["severity"] for one in issues} <= {"info", "minor", "major", "critical", "blocker"}
    assert {one["location"]["path"] for one in issues} == {"a/Dockerfile", "b/Dockerfile"}
    assert all(one["location"]["lines"]["begin"] >= 1 and one["description"] for one in issues)


def test_checkstyle_is_xml_with_every_finding() -> None:
    report = imglint.lint(FAULTY, name="<a> & \x00.Dockerfile")
    [file] = ElementTree.fromstring(render(report, "checkstyle"))
    assert file.get("name") == "<a> & \ufffd.Dockerfile"
    assert [(one.get("source"), one.get("message")) for one in file] == [
        (f"imglint.{one.rule.code}", f"{one.rule.name}: {one.message}") for one in report.findings
    ]


def test_junit_counts_what_it_holds() -> None:
    clean = imglint.lint('FROM debian:12\nUSER 1000\nCMD ["x"]\n', name="clean")
    faulty = imglint.lint(FAULTY, name="faulty")
    report = faulty._replace(files=clean.files + faulty.files, problems=(Problem("gone", "is not there"),))
    root = ElementTree.fromstring(render(report, "junit"))
    passed, failed, unread = root
    assert [one.get("name") for one in root] == ["clean", "faulty", "gone"]
    failing = [one for one in report.findings if report.fails(one)]
    assert 0 < len(failing) < len(report.findings)
    assert [len(passed.findall("testcase/failure")), len(failed.findall("testcase/failure"))] == [
        0,
        len(failing),
    ]
    assert len(failed.findall("testcase/system-out")) == len(report.findings) - len(failing)
    assert unread.find("testcase/error") is not None
    assert int(root.get("tests", "")) == len(root.findall("testsuite/testcase"))
    assert (root.get("failures"), root.get("errors")) == (str(len(failing)), "1")


@pytest.mark.parametrize("form", ["junit", "checkstyle"])
@given(text=st.text())
def test_xml_of_any_text_can_be_read(form: str, text: str) -> None:
    ElementTree.fromstring(render(Report(problems=(Problem(text, text, text),)), form))


MACHINE = [form for form in FORMATS if form not in FOR_PEOPLE]


@pytest.mark.parametrize("form", MACHINE)
def test_no_credential_is_told(form: str) -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    text = f"FROM debian:12\nENV API_TOKEN={token}\nRUN curl https://me:{token}@example.org/x | sh\n"
    report = imglint.lint(text)
    assert len(report.findings) > 2
    assert token not in render(report, form)


@pytest.mark.parametrize("form", ["github", "junit"])
def test_a_limit_that_is_not_kept_is_told_in_units(form: str) -> None:
    gate = Gate("shop:1.0", "max-size", 10_000_000, 25_000_000, False)
    assert "shop:1.0: the content is 25.0 MB, and max-size allows 10.0 MB" in render(
        Report(gates=(gate,)), form
    )


def test_github_can_not_steer_the_terminal() -> None:
    told = render(Report(problems=(Problem("\x1b[31mx", "is not there"),)), "github")
    assert told == "::error title=imglint::\\x1b[31mx: is not there\n"


@pytest.mark.parametrize("form", MACHINE)
def test_hostile_words_and_nothing_at_all(form: str) -> None:
    report = imglint.lint(b"FROM \xff\x1b[31m\x00\nCMD <&\"' \xed\xa0\x80\n", name="\udcff<&>\n.Dockerfile")
    assert report.findings
    render(report, form).encode("utf-8", "backslashreplace")
    render(Report(), form)


@pytest.fixture(scope="module")
def everything() -> Report:
    """Findings of a file and of an image, a limit that is broken, a file without findings, and one that is gone."""
    report = imglint.audit(str(ROOT / "examples/waste/Dockerfile"), str(ROOT / "examples/waste/waste.tar"))
    linted = imglint.lint(FAULTY, name="shop/Dockerfile")
    return report._replace(
        files=(*report.files, *linted.files, "clean/Dockerfile"),
        findings=(*report.findings, *linted.findings),
        problems=(Problem("gone.tar", "is not there", "check the path"),),
        gates=(Gate("shop:1", "max-size", 1000, 2000, False),),
    )


def test_sarif_as_its_readers_have_it(everything: Report, tmp_path: Path) -> None:
    text = render(everything, "sarif")
    [run] = Sarif.model_validate_json(text).runs
    assert len(run.results or ()) >= len(everything.findings)
    multitool = shutil.which("sarif-multitool")  # npm's; by hand where it is not there
    if multitool:
        path = tmp_path / "imglint.sarif"
        path.write_text(text)
        done = subprocess.run([multitool, "validate", str(path)], capture_output=True, text=True, check=False)
        assert "error" not in done.stdout.lower().replace("0 error", ""), done.stdout


def test_junit_as_its_readers_have_it(everything: Report, tmp_path: Path) -> None:
    path = tmp_path / "imglint.xml"
    path.write_text(render(everything, "junit"), encoding="utf-8")
    suites = JUnitXml.fromfile(str(path))
    failing = sum(everything.fails(one) for one in everything.findings)
    assert (suites.failures, suites.errors) == (failing + 1, 1)
    cases = [case for suite in suites for case in suite]
    assert suites.tests == len(cases)
    assert sum(case.is_passed for case in cases) == 1 + len(everything.findings) - failing
    for suite in suites:
        assert suite.failures == sum(case.is_failure for case in suite)
