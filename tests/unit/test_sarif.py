"""SARIF as code scanning reads it: fingerprints, severities, categories and fixes. Locations are in test_locations.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sarif_pydantic import Sarif

import imglint
from imglint.analyzer.dockerfile import Text
from imglint.linting import lint_files
from imglint.measuring import compare, measure
from imglint.reports import Problem, Report
from imglint.reports.formats import render
from imglint.reports.line_hash import line_hashes
from imglint.reports.look import Look
from imglint.reports.text import render as text_of
from imglint.rules.fix import apply
from imglint.rules.gates import Gate, Limits
from imglint.rules.index import INDEX
from imglint.rules.registry import load
from imglint.rules.rule import Severity
from imglint.runner import Check, Observation, Verdict

ROOT = Path(__file__).parents[2]
DOCKERFILE = str(ROOT / "examples/waste/Dockerfile")
ARCHIVE = str(ROOT / "examples/waste/waste.tar")
ALL = imglint.Settings(select=("ALL",))


def run(report: Report) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(render(report, "sarif"))["runs"][0]
    return run


@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        # What github/codeql-action computes of these texts, by its own tests.
        (b"", ["c129715d7a2bc9a3:1"]),
        (
            b" a\nb\n  \t\tc\n d",
            ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
        ),
        (
            b" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n",
            ["e9496ae3ebfced30:1", "fb7c023a8b9ccb3f:1", "ce8ba1a563dcdaca:1", "e20e36e16fcb0cc8:1",
             "b3edc88f2938467e:1", "c8e28b0b4002a3a0:1", "c129715d7a2bc9a3:1"],
        ),
        (
            b"Lorem ipsum dolor sit amet.\n" * 10,
            [*(f"a7f2ff13bc495cf2:{number}" for number in range(1, 7)), "a7f2ff1481e87703:1",
             "a9cf91f7bbf1862b:1", "55ec222b86bcae53:1", "cc97dc7b1d7d8f7b:1", "c129715d7a2bc9a3:1"],
        ),
    ],
    ids=["empty", "blanks", "line ends", "repeated"],
)  # fmt: skip
def test_line_hashes_are_those_that_github_computes(text: bytes, hashes: list[str]) -> None:
    assert line_hashes(text) == hashes


def test_line_hashes_of_odd_bytes_have_one_for_each_line() -> None:
    for data in (b"\xff\xfe\n\xf0\x9f\x90\x8b\n", b"\xef\xbb\xbfFROM a\r\nRUN b", "é\U0001f40b\n".encode()):
        text = Text.decode(data)
        assert len(line_hashes(data)) == len(text.lines)
    # A byte order mark is a character to GitHub, and so is each half of one outside the first plane.
    assert line_hashes(b"\xef\xbb\xbfa") != line_hashes(b"a")


def test_what_stands_in_a_text_at_hand_has_its_lines_hash(tmp_path: Path) -> None:
    report = imglint.audit(DOCKERFILE, ARCHIVE)
    hashes = line_hashes(Path(DOCKERFILE).read_bytes())
    for result in run(report)["results"]:
        place = result["locations"][0]["physicalLocation"]
        told = result["partialFingerprints"].get("primaryLocationLineHash")
        if place["artifactLocation"]["uri"].endswith("Dockerfile"):
            assert told == hashes[place["region"]["startLine"] - 1]
        else:
            assert told is None
    assert {one["ruleId"] for one in run(report)["results"]} >= {"AV0303", "AV0901", "DL3002"}


def test_rules_about_security_have_a_score_and_others_none() -> None:
    report = lint_files([str(ROOT / "tests/golden/everything/Dockerfile")], ALL)
    text = "FROM debian:12\nENV API_TOKEN=Zx81mQ27rT\nRUN curl -k https://example.org/x && sudo id\nMAINTAINER me\n"
    linted = imglint.lint(text, ALL)
    report = report._replace(findings=report.findings + linted.findings)
    described = {one["id"]: one.get("properties") for one in run(report)["tool"]["driver"]["rules"]}
    assert described["DL3064"] == {"tags": ["security"], "security-severity": "7.5"}
    assert described["CKV2_DOCKER_2"] == {"tags": ["security"], "security-severity": "6.0"}
    assert described["DL3004"] == {"tags": ["security"], "security-severity": "6.0"}
    assert described["DL4000"] is None
    for rule in load(INDEX):
        switched_off = rule.code.startswith("CKV2_DOCKER_")
        assert rule.security == (
            rule.antipattern in (8, 9)
            or switched_off
            or rule.code in ("DL3004", "DL3026", "DS-0004", "IL039", "IL042")
        ), rule.code
    for properties in described.values():
        assert properties is None or 0 < float(properties["security-severity"]) <= 10


def test_rules_have_a_page_in_markdown() -> None:
    for rule in run(imglint.lint("FROM a\nMAINTAINER me\n"))["tool"]["driver"]["rules"]:
        assert rule["help"]["markdown"].startswith(rule["help"]["text"])
        assert f"]({rule['helpUri']})" in rule["help"]["markdown"]


def category(report: Report) -> str:
    identity: str = run(report)["automationDetails"]["id"]
    return identity


def test_each_command_and_input_is_a_category_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    settings = imglint.Settings()
    waste = "examples/waste/waste.tar"
    reports = [
        lint_files(["examples/seed"], settings),
        lint_files(["examples/waste/Dockerfile"], settings),
        measure([waste], settings),
        compare(waste, waste, settings, Limits()),
        imglint.audit("examples/waste/Dockerfile", waste),
        imglint.audit("examples/waste/Dockerfile"),
        measure(["./gone.tar"], settings),
        Report(files=("shop:1",), observations=(Observation(image="shop:1"),), asked=("verify", "shop:1")),
    ]
    found = [category(one) for one in reports]
    assert found == [
        "imglint/lint/examples%2Fseed/",
        "imglint/lint/examples%2Fwaste%2FDockerfile/",
        "imglint/image/shop/",
        "imglint/diff/shop/",
        "imglint/audit/examples%2Fwaste%2FDockerfile,shop/",
        "imglint/audit/examples%2Fwaste%2FDockerfile/",
        "imglint/image/gone.tar/",
        "imglint/verify/shop/",
    ]


def test_a_category_stays_the_same_from_run_to_run() -> None:
    one, next_one = (
        Report(
            observations=(Observation(image=f"r.example.org/shop:{tag}"),),
            asked=("verify", f"r.example.org/shop:{tag}"),
        )
        for tag in ("1", "2")
    )
    assert category(one) == category(next_one) == "imglint/verify/r.example.org%2Fshop/"
    # Any number of names gives one that is short, and another one for other names.
    many = [
        Report(asked=("lint", *(f"{folder}/{number}/Dockerfile" for number in range(500)))) for folder in "ab"
    ]
    assert len({category(report) for report in many}) == 2
    assert all(len(category(report)) < 60 for report in many)


def offset(text: str, line: int, column: int) -> int:
    lines = text.split("\n")
    return sum(len(one) + 1 for one in lines[: line - 1]) + column - 1


def test_fixes_make_the_text_that_imglint_fix_makes() -> None:
    text = "from debian:12\nRUN apt-get install curl\nENV A b\nMAINTAINER me\n"
    report = imglint.lint(text, ALL, name="shop/Dockerfile")
    [source] = report.texts.values()
    seen = 0
    for finding, result in zip(report.findings, run(report)["results"], strict=True):
        assert ("fixes" in result) == (finding.fix is not None)
        for fix in result.get("fixes", ()):
            [change] = fix["artifactChanges"]
            assert change["artifactLocation"]["uri"] == "shop/Dockerfile"
            [replacement] = change["replacements"]
            region = replacement["deletedRegion"]
            start = offset(text, region["startLine"], region["startColumn"])
            end = offset(text, region["endLine"], region["endColumn"])
            made = text[:start] + replacement.get("insertedContent", {"text": ""})["text"] + text[end:]
            assert made == apply(source, [finding], unsafe=True).value != text
            assert finding.fix is not None
            assert ("May change" in fix["description"]["text"]) != finding.fix.safe
            seen += 1
    assert seen >= 4


@pytest.mark.parametrize("form", ["sarif", "json", "full"])
def test_a_fix_that_holds_a_credential_is_not_told(form: str) -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    report = imglint.lint(f"FROM debian:12\nMAINTAINER https://me:{token}@example.org\n", ALL)
    [finding] = [one for one in report.findings if one.rule.code == "DL4000"]
    assert finding.fix is not None
    assert token in finding.fix.text
    told = text_of(report, Look(full=True)) if form == "full" else render(report, form)
    assert "DL4000" in told
    assert token not in told


def cases() -> dict[str, Report]:
    """What each command can end with."""
    settings = imglint.Settings()
    checks = (
        Check("ports.exposed", "80/tcp", Verdict.DISPROVED, "nothing listens"),
        Check("expect.user", "user", Verdict.CANNOT_TELL, "the engine does not say"),
    )
    waste = imglint.audit(DOCKERFILE, ARCHIVE)
    return {
        "lint": lint_files([str(ROOT / "tests/golden"), str(ROOT / "examples")], ALL),
        "image": measure([ARCHIVE], settings),
        "images": measure([ARCHIVE, ARCHIVE, "/gone.tar"], settings),
        "audit": waste,
        "audit of another Dockerfile": imglint.audit(str(ROOT / "examples/seed/Dockerfile"), ARCHIVE),
        "audit of the image": imglint.audit(None, ARCHIVE),
        "audit of the text": imglint.audit(DOCKERFILE),
        "limits": waste._replace(gates=(Gate("shop:latest", "max-size", 1, 2, False),)),
        "verify": Report(files=("shop:1",), observations=(Observation(image="shop:1", checks=checks),)),
        "nothing could be read": Report(problems=(Problem("gone.tar", "is not there", "check the path"),)),
        "no findings": imglint.lint('FROM debian:12\nUSER 1000\nCMD ["x"]\n'),
        "nothing at all": Report(),
        "odd names": imglint.lint(b"\xef\xbb\xbfFROM \xff\x1b[31m\r\nCMD <&\"' \xed\xa0\x80", ALL, name="\udcff<&>\n.D"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return cases()


def test_every_log_is_what_the_schema_and_code_scanning_want(reports: dict[str, Report]) -> None:
    for name, report in reports.items():
        [log] = Sarif.model_validate_json(render(report, "sarif")).runs
        assert len(log.results or ()) == len(report.findings) + len(report.failures_beside_findings()), name
        identities = set()
        for result in run(report)["results"]:
            # GitHub shows a result at its first location, and demands a file and a line of it.
            region = result["locations"][0]["physicalLocation"]["region"]
            assert 1 <= region["startLine"] <= region["endLine"], name
            assert region["startColumn"] >= 1
            assert region["endColumn"] >= 1
            assert result["message"]["text"], name
            uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            identities.add((uri, result["partialFingerprints"]["imglint/v1"]))
        # The same archive twice has the same faults twice.
        assert len(identities) == len(run(report)["results"]) or name == "images", name


@pytest.fixture(scope="module")
def multitool(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The validator of SARIF's makers: the one on the PATH; with CI=true npm brings it."""
    found = shutil.which("Sarif.Multitool") or shutil.which("sarif-multitool")
    if found is None and os.environ.get("CI") == "true":
        place = tmp_path_factory.mktemp("multitool")
        command = ["npm", "install", "--silent", "--prefix", str(place), "@microsoft/sarif-multitool"]
        subprocess.run(command, check=True)
        found = f"{place}/node_modules/.bin/sarif-multitool"
    if found is None:
        pytest.skip("npm's @microsoft/sarif-multitool is not there")
    return found


def test_the_multitool_has_nothing_to_say(multitool: str, reports: dict[str, Report], tmp_path: Path) -> None:
    for number, report in enumerate(reports.values()):
        (tmp_path / f"{number}.sarif").write_text(render(report, "sarif"))
    # npm's wrapper hands its arguments to a shell.
    kinds = "Sarif;Ghas" if multitool.endswith("Sarif.Multitool") else '"Sarif;Ghas"'
    command = [multitool, "validate", *(str(path) for path in tmp_path.glob("*.sarif")), "--rule-kind", kinds]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert f"{len(reports)} files scanned" in told, told
    assert "warning" not in told, told
    assert "error" not in told, told
    assert done.returncode == 0, told


def test_severities_of_results_and_rules_are_github_s(reports: dict[str, Report]) -> None:
    levels = {
        Severity.ERROR: "error",
        Severity.WARNING: "warning",
        Severity.INFO: "note",
        Severity.STYLE: "note",
    }
    report = reports["lint"]
    for finding, result in zip(report.findings, run(report)["results"], strict=True):
        assert result["level"] == levels[finding.severity]
