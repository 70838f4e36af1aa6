"""What makes a run red is one list: the exit code and every format agree on it, whatever the kind of failure."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import html5lib
import jsonschema
import pytest
from check_names import names_in_the_runner
from command import SCHEMA, imglint, told
from image_archives import Saved, docker_legacy

import imglint as api
from imglint.measuring import measure, weigh
from imglint.reports import Failure, Problem, Report, text
from imglint.reports.exits import Exit
from imglint.reports.formats import FOR_PEOPLE, FORMATS, render
from imglint.reports.look import Look
from imglint.rules.checks.house import RULE_FAILED
from imglint.rules.gates import Gate, Limits
from imglint.rules.matrix import ANTIPATTERNS, EVIDENCE, Cell, CellVerdict
from imglint.rules.registry import by_code
from imglint.rules.rule import Evidence, Finding, Place, Severity
from imglint.rules.verdicts import CAUSES, CLAIMS, FINDINGS, REFUTED_BY, FailOn, claim_of
from imglint.runner import Check, Observation, Verdict

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXT = 'FROM debian\nUSER 1000\nCMD ["x"]\n'  # DL3006, a warning
NOTE = 'FROM debian:12\nCMD ["x"]\n'  # AV0901, a note
UNKNOWN = FailOn.of("unknown")


def seen(*checks: Check, **facts: Any) -> Report:
    """A report of one container, with what is said of it."""
    return Report(files=("shop:1",), observations=(Observation(image="shop:1", checks=checks, **facts),))


def check(name: str, verdict: Verdict, subject: str = "PID 1", summary: str = "is not so") -> Check:
    return Check(name, subject, verdict, summary)


def cells(**verdicts: CellVerdict) -> tuple[Cell, ...]:
    """A whole matrix: one cell of image as it is said, all others pass."""
    told = verdicts.get("image", CellVerdict.PASS)
    return tuple(
        Cell(number, evidence, told if (number, evidence) == (8, "image") else CellVerdict.PASS, ("DL3064",), "so it is")
        for number in range(1, len(ANTIPATTERNS) + 1)
        for evidence in EVIDENCE
    )  # fmt: skip


def found(code: str, evidence: Evidence, subject: str = "PID 1") -> Finding:
    rule = by_code(code)
    return Finding(rule, rule.severity, "is found", Place(evidence, subject=subject), file="shop:1")


DISPROVED, PROVED = Verdict.DISPROVED, Verdict.PROVED
NOT_OBSERVED, CANNOT_TELL = Verdict.NOT_OBSERVED, Verdict.CANNOT_TELL
CRASH = check("container.stays", DISPROVED, summary="the main process ended with 3")
BROKEN = RULE_FAILED.finding(Place("dockerfile"), code="DL3006", error="KeyError: 'x'")._replace(
    file="Dockerfile"
)
# What was found → kinds of failures, and the exit code.
REPORTS: Mapping[str, tuple[Report, list[str], Exit]] = {
    "nothing": (Report(files=("Dockerfile",)), [], Exit.CLEAN),
    "a warning": (api.lint(TEXT), ["finding"], Exit.FINDINGS),
    "a warning where errors count": (api.lint(TEXT)._replace(fail_level=Severity.ERROR), [], Exit.CLEAN),
    "a warning where nothing counts": (api.lint(TEXT)._replace(fail_level=None), [], Exit.CLEAN),
    "a note": (api.lint(NOTE), [], Exit.CLEAN),
    "a note where notes count": (api.lint(NOTE)._replace(fail_level=Severity.INFO), ["finding"], Exit.FINDINGS),
    "a note of a file with a level of its own": (
        api.lint(NOTE)._replace(fail_levels={"Dockerfile": Severity.INFO}), ["finding"], Exit.FINDINGS
    ),
    "a rule that broke": (
        Report(files=("Dockerfile",), findings=(BROKEN,), fail_level=None), ["finding"], Exit.INTERNAL
    ),
    "a limit kept": (Report(files=("a.tar",), gates=(Gate("a", "max-size", 9, 1, True),)), [], Exit.CLEAN),
    "a limit broken": (
        Report(files=("a.tar",), gates=(Gate("a", "max-size", 1000, 2000, False),), fail_level=None),
        ["limit"], Exit.FINDINGS
    ),
    "an expectation met": (seen(check("expect.user", PROVED)), [], Exit.CLEAN),
    "an expectation unmet": (seen(check("expect.user", DISPROVED)), ["expectation"], Exit.FINDINGS),
    "an expectation unmet where no check counts": (
        seen(check("structure.metadata", DISPROVED))._replace(fail_on=FailOn.of("none"), fail_level=None),
        ["expectation"], Exit.FINDINGS
    ),
    "an expectation undecided": (seen(check("expect.port", CANNOT_TELL)), ["expectation"], Exit.FINDINGS),
    "an expectation undecided that may be": (
        seen(check("expect.port", CANNOT_TELL))._replace(allow_unknown=True), [], Exit.CLEAN
    ),
    "a check proved": (seen(check("ports.published", PROVED, "80/tcp")), [], Exit.CLEAN),
    "a check disproved": (seen(check("ports.published", DISPROVED, "80/tcp")), ["check"], Exit.FINDINGS),
    "a check disproved where warnings count": (seen(check("stop.signal", DISPROVED)), ["check"], Exit.FINDINGS),
    "a check disproved where errors count": (
        seen(check("stop.signal", DISPROVED))._replace(fail_on=FailOn.of("error")), [], Exit.CLEAN
    ),
    "a check disproved where nothing counts": (
        seen(check("ports.published", DISPROVED))._replace(fail_on=FailOn.of("none")), [], Exit.CLEAN
    ),
    "zombies": (seen(check("processes.zombies", DISPROVED)), [], Exit.CLEAN),
    "zombies where notes count": (
        seen(check("processes.zombies", DISPROVED))._replace(fail_on=FailOn.of("info")), ["check"], Exit.FINDINGS
    ),
    "a condition that is no fault": (
        seen(check("deep.read-only", DISPROVED))._replace(fail_on=FailOn.of("info")), [], Exit.CLEAN
    ),
    "a check undecided": (seen(check("health.engine", CANNOT_TELL)), [], Exit.CLEAN),
    "a check undecided where all has to be known": (
        seen(check("health.engine", CANNOT_TELL))._replace(fail_on=UNKNOWN), ["check"], Exit.FINDINGS
    ),
    "a container that can't be started": (
        seen(check("container.stays", DISPROVED), started=False, alive=False)._replace(fail_on=FailOn.of("none")),
        ["check"], Exit.FINDINGS
    ),
    "a tool that is done": (seen(check("container.stays", DISPROVED), alive=False, exit_code=0), [], Exit.CLEAN),
    "a crash": (seen(CRASH, alive=False, exit_code=3), ["check"], Exit.FINDINGS),
    "a cell that fails by its finding": (
        Report(files=("shop:1",), matrix=cells(image=CellVerdict.FAIL), findings=(found("DL3064", "image"),)),
        ["finding"], Exit.FINDINGS
    ),
    "a cell that fails alone": (
        Report(files=("shop:1",), matrix=cells(image=CellVerdict.FAIL)), ["cell"], Exit.FINDINGS
    ),
    "a cell that fails where nothing counts": (
        Report(files=("shop:1",), matrix=cells(image=CellVerdict.FAIL), fail_level=None), [], Exit.CLEAN
    ),
    "a cell unknown": (Report(files=("shop:1",), matrix=cells(image=CellVerdict.UNKNOWN)), [], Exit.CLEAN),
    "a cell unknown where all has to be known": (
        Report(files=("shop:1",), matrix=cells(image=CellVerdict.UNKNOWN), fail_on=UNKNOWN), ["cell"], Exit.FINDINGS
    ),
    "an input that can't be read": (Report(problems=(Problem("a.tar", "is not there"),)), ["input"], Exit.INPUT),
    "a folder without a Dockerfile": (
        Report(problems=(Problem("a", "holds no Dockerfile", "", Exit.NOTHING),)), ["input"], Exit.NOTHING
    ),
    "a file that is no Dockerfile": (
        Report(problems=(Problem("a", "is binary", "", Exit.UNPARSABLE),)), ["input"], Exit.UNPARSABLE
    ),
}  # fmt: skip


def in_json(text: str) -> tuple[bool, list[str]]:
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    return bool(document["failures"]), [one["message"] for one in document["failures"]]


def in_sarif(text: str) -> tuple[bool, list[str]]:
    [run] = json.loads(text)["runs"]
    [invocation] = run["invocations"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    told = [*run["results"], *invocation["toolExecutionNotifications"]]
    return invocation["exitCode"] != 0, [one["message"]["text"] for one in told]


def in_junit(text: str) -> tuple[bool, list[str]]:
    root = ElementTree.fromstring(text)
    red = [*root.iter("failure"), *root.iter("error")]
    assert int(root.get("failures", "")) + int(root.get("errors", "")) == len(red)
    assert int(root.get("tests", "")) == len(root.findall("testsuite/testcase"))
    return bool(red), [one.get("message", "") for one in red]


def in_markdown(text: str) -> tuple[bool, list[str]]:
    plain = re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), text)
    return "### ❌ imglint" in text, [plain]


def in_html(text: str) -> tuple[bool, list[str]]:
    page = html5lib.parse(text, namespaceHTMLElements=False)
    told = ["".join(one.itertext()) for one in page.iter("li")]
    [sentence] = page.iter("h1")
    return sentence.get("class") == "red", told


# For these a failure is an entry beside those of the findings: there is no other sign of red or green.
ENTRIES: Mapping[str, Callable[[str], list[str]]] = {
    "github": lambda text: text.splitlines(),
    "gitlab": lambda text: [one["description"] for one in json.loads(text)],
    "checkstyle": lambda text: [one.get("message", "") for one in ElementTree.fromstring(text).iter("error")],
}
SIGNS: Mapping[str, Callable[[str], tuple[bool, list[str]]]] = {
    "json": in_json, "sarif": in_sarif, "junit": in_junit, "markdown": in_markdown, "html": in_html,
}  # fmt: skip


def test_every_format_is_looked_at() -> None:
    assert {*ENTRIES, *SIGNS, *FOR_PEOPLE} == set(FORMATS)


def shown(failure: Failure, told: list[str]) -> bool:
    return any(failure.message in one for one in told)


@pytest.mark.parametrize("name", REPORTS)
def test_exit_code_and_formats_follow_from_the_failures(name: str) -> None:
    report, kinds, code = REPORTS[name]
    failures = report.failures()
    assert [one.kind for one in failures] == kinds
    assert report.exit_code is code
    for form, read in SIGNS.items():
        red, told = read(render(report, form))
        assert red is bool(failures), form
        assert all(shown(one, told) for one in failures), form
    others = [one for one in failures if one.kind != "finding"]
    for form, entries in ENTRIES.items():
        told = entries(render(report, form))
        assert all(shown(one, told) for one in failures), form
        assert len(told) == len(report.findings) + len(others), form


@pytest.mark.parametrize("name", REPORTS)
def test_people_see_it_too(name: str) -> None:
    from imglint.reports import image_text, matrix_text, verify_text

    report = REPORTS[name][0]
    views = [text.render, image_text.render, verify_text.render]
    if report.matrix:
        views.append(matrix_text.render)
    others = report.failures_beside_findings()
    for view in views:
        for full in (False, True):
            told = view(report, Look(full=full)) + text.problems(report).replace("\n  ", "; ")
            for failure in report.failures():
                if view is matrix_text.render and failure.kind == "cell" and not failure.decided:
                    # Why cells are unknown is told once for all cells of one reason.
                    assert f"unknown  {failure.message.rpartition(': ')[2]}" in told
                    continue
                assert failure.message in told
                assert failure.kind == "input" or failure.code in told
            # Nothing is called a failure that is none.
            last = told.splitlines()[-1]
            assert bool(re.search("broken|unmet|failed|not passed", last)) is bool(others), last


# What can't be read: the reports of an earlier run must not stay

NO_ENGINE = ("--engine", "unix:///nonexistent.sock")
# A command line, and what its reports must say. `lean.tar` is whole.
UNREADABLE: Mapping[tuple[str, ...], str] = {
    ("clean", "missing"): "missing",
    ("missing",): "missing",
    ("image", "cut.tar"): "cut.tar",
    ("image", "lean.tar", "cut.tar"): "cut.tar",
    ("image", "lean.tar", "--against", "cut.tar"): "cut.tar",
    ("image", "lean.tar", "--graph", "x.y"): "is no kind of graph",
    ("diff", "lean.tar", "cut.tar"): "cut.tar",
    ("history", "cut.tar"): "cut.tar",
    ("audit", "clean", "--image", "cut.tar"): "cut.tar",
    ("audit", "missing"): "missing",
    ("audit", "empty"): "empty",
    ("audit", "--image", "lean.tar", "--run", *NO_ENGINE): "nonexistent.sock",
    ("verify", "shop:1", *NO_ENGINE): "nonexistent.sock",
    ("verify", "lean.tar", "--expect", "missing"): "missing",
    ("verify", "cut.tar", *NO_ENGINE): "nonexistent.sock",
    ("push", "localhost/shop:1", *NO_ENGINE): "nonexistent.sock",
}


@pytest.mark.parametrize("command", UNREADABLE, ids=" ".join)
def test_what_could_not_be_read_is_in_every_file(command: tuple[str, ...], tmp_path: Path) -> None:
    whole = (ROOT / "examples/waste/lean.tar").read_bytes()
    (tmp_path / "lean.tar").write_bytes(whole)
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "clean").write_text('FROM debian:12\nUSER 1000\nCMD ["x"]\n')
    (tmp_path / "empty").write_text("")
    wanted: list[str] = []
    for form in FORMATS:
        (tmp_path / f"{form}.report").write_text("the report of an earlier run")
        wanted += ["-f", form, "-o", f"{form}.report"]
    result = imglint(*command, *wanted, cwd=tmp_path)
    assert result.returncode == Exit.INPUT
    for form in FORMATS:
        report = (tmp_path / f"{form}.report").read_text()
        assert "earlier run" not in report, form
        assert UNREADABLE[command] in report, form
        if form in SIGNS:
            assert SIGNS[form](report)[0], form
        elif form in ENTRIES:
            assert ENTRIES[form](report), form
        else:
            assert "1 problem" in report.splitlines()[-1], form


@pytest.mark.parametrize(
    "command",
    [(), ("image", "a.tar"), ("diff", "a", "b"), ("audit",), ("verify", "x"), ("push", "x")],
    ids=" ".join,
)
def test_a_wrong_configuration_is_in_the_report(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "imglint.toml").write_text("fail-levl = 1\n")
    (tmp_path / "Dockerfile").write_text(TEXT)
    (tmp_path / "report.xml").write_text("the report of an earlier run")
    result = imglint(*command, "-f", "junit", "-o", "report.xml", cwd=tmp_path)
    assert result.returncode == Exit.INPUT
    report = (tmp_path / "report.xml").read_text()
    assert in_junit(report)[0]
    assert "fail-levl is no key of imglint" in report


def test_what_could_not_be_read_is_told_once_on_a_terminal(tmp_path: Path) -> None:
    result = imglint("audit", "missing", cwd=tmp_path)
    assert (result.returncode, printed(result)) == (2, "")
    assert told(result).count("missing") == 1


@pytest.mark.parametrize(
    "command", [("audit", "--image"), ("diff", "missing"), ("verify", "x", "--expect")], ids=" ".join
)
def test_an_input_is_never_overwritten_by_a_failed_run(command: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text("user: 1: 2\n")
    result = imglint(*command, "input", "-f", "text", "-o", "input", cwd=tmp_path)
    assert (result.returncode, path.read_text()) == (2, "user: 1: 2\n")
    assert "is what was read: it is not overwritten" in told(result)


@pytest.mark.parametrize("name", REPORTS)
def test_no_headline_contradicts_a_red_exit(name: str) -> None:
    report, kinds, _ = REPORTS[name]
    heading = next(line for line in render(report, "markdown").splitlines() if line.startswith("###"))
    assert not (kinds and "nothing that matters" in heading)
    if "input" in kinds:
        assert heading.endswith(" 1 problem")
        assert text.summary(report).endswith("; 1 problem")


# A fault is told once


def told_of(*checks: Check, findings: tuple[Finding, ...] = (), **settings: Any) -> list[str]:
    report = seen(*checks)._replace(findings=findings, **settings)
    return [one.code for one in report.failures()]


def test_a_finding_tells_its_check() -> None:
    dead = check("ports.exposed", DISPROVED, "80/tcp")
    assert told_of(dead) == ["check/ports.exposed"]
    assert told_of(dead, findings=(found("IL020", "container", "80/tcp"),)) == ["IL020"]
    other = found("IL020", "container", "81/tcp")
    assert told_of(dead, findings=(other,)) == ["IL020", "check/ports.exposed"]
    # A finding that fails nothing can't stand for a check that does.
    quiet = told_of(dead, findings=(found("IL020", "container", "80/tcp"),), fail_level=None)
    assert quiet == ["check/ports.exposed"]
    assert told_of(CRASH, findings=(found("IL015", "container"),)) == ["IL015"]


def test_a_cause_tells_what_follows_from_it() -> None:
    dead = [
        check(name, DISPROVED, "80/tcp") for name in ("ports.exposed", "ports.published", "ports.publish-all")
    ]
    assert told_of(*dead) == ["check/ports.exposed"]
    assert told_of(*dead[1:]) == ["check/ports.published"]
    assert told_of(CRASH, *dead) == ["check/container.stays"]
    assert told_of(*dead, findings=(found("IL020", "container", "80/tcp"),)) == ["IL020"]
    elsewhere = check("ports.published", DISPROVED, "81/tcp")
    assert told_of(*dead, elsewhere) == ["check/ports.exposed", "check/ports.published"]
    health = [
        check(name, DISPROVED, "HEALTHCHECK") for name in ("health.static", "health.by-hand", "health.engine")
    ]
    health.insert(2, check("health.notices", NOT_OBSERVED, "HEALTHCHECK"))
    assert told_of(*health) == ["check/health.static"]
    assert told_of(*health, fail_on=UNKNOWN) == ["check/health.static"]


def test_an_expectation_tells_the_check_that_it_asks_for() -> None:
    port = check("ports.published", DISPROVED, "80/tcp")
    assert told_of(port, check("expect.port", DISPROVED, "80/tcp")) == ["expectation/expect.port"]
    both = told_of(port, check("expect.port", DISPROVED, "81/tcp"))
    assert both == ["expectation/expect.port", "check/ports.published"]


def test_what_really_ran_outweighs_what_was_read() -> None:
    # `curl … || wget …` with wget alone; a probe that passes only when the service is up.
    static, hand = (check(name, DISPROVED, "HEALTHCHECK") for name in ("health.static", "health.by-hand"))
    engine = check("health.engine", PROVED, "HEALTHCHECK")
    assert told_of(static, hand, engine) == []
    assert told_of(static, check("health.by-hand", PROVED, "HEALTHCHECK")) == []
    assert told_of(static, hand) == ["check/health.static"]


def test_a_check_that_the_table_does_not_know_is_an_error() -> None:
    assert told_of(check("new.check", DISPROVED), fail_on=FailOn.of("error")) == ["check/new.check"]


def test_credentials_in_a_check_are_masked() -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    report = seen(check("expect.command", DISPROVED, f"curl -H {token}", f"ended with 1: {token}"))
    assert token not in str([one[:5] for one in report.failures()])
    for form in (*SIGNS, *ENTRIES):
        if form != "json":  # its `checks` are not failures
            assert token not in render(report, form)


# The table


def test_every_check_of_the_runner_has_a_level() -> None:
    names = names_in_the_runner()
    assert [name for name in names if claim_of(name) is None] == []
    assert {"ports.exposed", "health.engine", "expect.port", "structure.file", "deep.read-only"} <= names
    # And no level is one of a check that is gone.
    assert {name for name in CLAIMS if not name.endswith("*")} <= names
    kinds = {name.partition(".")[0] for name in names}
    assert {name[:-2] for name in CLAIMS if name.endswith("*")} <= kinds


def test_the_other_tables_speak_of_checks_and_rules_that_there_are() -> None:
    known = names_in_the_runner()
    for table in (CAUSES, REFUTED_BY):
        assert {*table, *(name for names in table.values() for name in names)} <= known
    assert set(FINDINGS) <= set(CLAIMS)
    for codes in FINDINGS.values():
        assert all("container" in by_code(code).evidence for code in codes)


# The command line


def printed(result: subprocess.CompletedProcess[bytes]) -> str:
    return result.stdout.decode()


@pytest.mark.parametrize(
    "command", [["verify", "x"], ["audit"], ["push", "x"], ["hook", "run"], ["hook", "install"]], ids=" ".join
)
def test_a_wrong_level_names_the_choices(command: list[str], tmp_path: Path) -> None:
    result = imglint(*command, "--fail-on", "disproved", cwd=tmp_path)
    assert result.returncode == 2
    assert "--fail-on is error, warning, info, none or unknown, not 'disproved'" in told(result)


def test_a_wrong_level_in_the_configuration_names_the_choices(tmp_path: Path) -> None:
    (tmp_path / "imglint.toml").write_text('fail-on = "style"\n')
    (tmp_path / "Dockerfile").write_text(TEXT)
    result = imglint("audit", cwd=tmp_path)
    assert result.returncode == 2
    assert "fail-on is error, warning, info, none, unknown, not 'style'" in told(result)


def test_unknown_is_asked_for_or_allowed() -> None:
    result = imglint("verify", "x", "--allow-unknown", "--fail-on", "unknown")
    assert (result.returncode, "contradict each other" in told(result)) == (2, True)


def test_unknown_cells_fail_only_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM debian:12\nCOPY app /srv/app\nUSER 1000\nCMD ["/srv/app"]\n')
    assert imglint("audit", cwd=tmp_path).returncode == 0
    result = imglint("audit", "--fail-on", "unknown", "-f", "json", cwd=tmp_path)
    assert result.returncode == 1
    failures = json.loads(result.stdout)["failures"]
    assert "9.image" in {one["name"] for one in failures}
    assert {one["kind"] for one in failures} == {"cell"}
    (tmp_path / "imglint.toml").write_text('fail-on = "unknown"\n')
    assert imglint("audit", cwd=tmp_path).returncode == 1


def test_each_file_fails_by_the_level_of_its_own_settings(tmp_path: Path) -> None:
    for name, level in (("strict", "info"), ("lax", "none")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(NOTE if name == "strict" else TEXT)
        (tmp_path / name / "imglint.toml").write_text(f'fail-level = "{level}"\n')
    result = imglint(".", "-f", "json", cwd=tmp_path)
    assert result.returncode == 1
    assert [one["file"] for one in json.loads(result.stdout)["failures"]] == ["./strict/Dockerfile"]
    assert imglint("lax", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("arguments", [(), ("--compare",), ("--dive-compat",)])
def test_a_limit_is_seen_in_every_view_of_an_image(arguments: tuple[str, ...]) -> None:
    waste = ("image", "examples/waste/waste.tar", "--fail-level", "none", *arguments)
    assert imglint(*waste).returncode == 0
    result = imglint(*waste, "--max-waste", "1kB")
    assert result.returncode == 1
    assert "limit/max-waste" in printed(result)
    assert "1 limit broken in 1 file" in printed(result)


def test_side_by_side_says_why_it_is_red() -> None:
    result = imglint("image", "examples/waste/waste.tar", "--compare")
    assert result.returncode == 1
    assert "AV0203" in printed(result)


def test_a_diff_says_why_it_is_red() -> None:
    pair = ("diff", "examples/waste/lean.tar", "examples/waste/waste.tar", "--max-growth", "1kB")
    result = imglint(*pair)
    assert (result.returncode, printed(result).splitlines()[-1]) == (1, "1 limit broken in 2 files")
    for form in (*SIGNS, *ENTRIES):
        assert b"max-growth" in imglint(*pair, "-f", form).stdout


# Counted right


def test_two_images_of_one_archive_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "two.tar"
    path.write_bytes(docker_legacy(*(Saved.of({"bin/x": name}, tags=(f"{name}:1",)) for name in ("a", "b"))))
    result = imglint("image", str(path), "--select", "DL3002", cwd=tmp_path)
    lines = printed(result).splitlines()
    assert lines[-1].startswith("2 warnings in 1 file;")
    assert lines[-2].endswith("[warning] (+1 more)")


def test_statistics_count_one_file_as_one(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(TEXT)
    assert "DL3006  untagged-image, in 1 file\n" in printed(imglint("--statistics", cwd=tmp_path))


def test_a_limit_names_the_file_that_was_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.tar"
    path.write_bytes(docker_legacy(Saved.of({"srv/a": "a" * 100}, tags=("shop:1",))))
    report = weigh(measure([str(path)], api.Settings(fail_level=None)), api.Settings(), Limits(max_size=1))
    [failure] = report.failures()
    assert (failure.file, failure.place) == (str(path), Place("image"))
