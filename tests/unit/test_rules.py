"""Every rule keeps the house's rules, and its examples are what it says."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from rule_examples import RULES, evidence_of, judge

from imglint.analyzer.dockerfile import Dockerfile
from imglint.rules import indexing
from imglint.rules.judge import judge_dockerfile
from imglint.rules.matrix import ANTIPATTERNS, EVIDENCE, UNDECIDABLE, CellVerdict, matrix
from imglint.rules.registry import UnknownCodeError, find, select
from imglint.rules.rule import Evidence, Example, Finding, Outcome, Rule, Severity

ROOT = Path(__file__).parents[2]
BAD = [pytest.param(rule, one, id=f"{rule.code}-{at}") for rule in RULES for at, one in enumerate(rule.bad)]
GOOD = [pytest.param(rule, one, id=f"{rule.code}-{at}") for rule in RULES for at, one in enumerate(rule.good)]


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_bad_example_is_found(rule: Rule, example: Example) -> None:
    findings = judged(example)
    found = [one for one in findings if one.rule is rule]
    assert found, f"{rule.code} is silent"
    for one in found:
        assert one.place.evidence == evidence_of(example)
        assert not re.search(r"(?<!\$)\{\w*\}", one.message), "a field is not filled"
        if one.place.span and isinstance(example, str):
            lines = example.split("\n")
            assert 1 <= one.place.span.line <= len(lines)
            assert one.place.span.column <= len(lines[one.place.span.line - 1]) + 1


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_good_example_is_silent(rule: Rule, example: Example) -> None:
    assert [one.message for one in judged(example) if one.rule is rule] == []


def judged(example: Example) -> tuple[Finding, ...]:
    """What all rules say of an example, none of which may break on it."""
    findings = judge(example).findings
    assert [one.message for one in findings if one.rule.code == "IL002"] == []
    return findings


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_house_rules(rule: Rule) -> None:
    assert len(rule.message) <= 100, "the fault, then what to use: longer reasons stand on the page"
    assert re.fullmatch(r"(?:DL|IL|AV|SC|DS-|CIS-DI-|DKL-[DL]I-|CKV2?_DOCKER_)\d+|[A-Z][A-Za-z]+", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", rule.name)
    assert not rule.name.startswith(("avoid-", "use-", "prefer-")), "a name states the fault, not the cure"
    assert rule.code[:2] != "AV" or rule.antipattern == int(rule.code[2:4])
    lines = rule.page.strip().splitlines()
    assert lines[0].endswith("."), "the summary is a sentence"
    assert len(lines) > 2, "the page says why"
    assert max(len(line) for line in lines) <= 105
    if rule.code == "IL002":
        return  # its input is a broken rule, which the test below makes
    for evidence in rule.evidence:
        assert any(evidence_of(one) == evidence for one in rule.bad), f"no bad example for the {evidence}"
        assert any(evidence_of(one) == evidence for one in rule.good), f"no good example for the {evidence}"


WANTED_CELLS = [
    (number, evidence)
    for number in range(1, len(ANTIPATTERNS) + 1)
    for evidence in EVIDENCE
    if (number, evidence) not in UNDECIDABLE
]


@pytest.mark.parametrize(("number", "evidence"), WANTED_CELLS)
def test_each_decidable_cell_can_fail_and_pass(number: int, evidence: Evidence) -> None:
    """Of the rules' own examples, one turns the cell to fail and one to pass."""

    def verdict(example: Example) -> CellVerdict:
        judgement = judge(example)
        missing: dict[Evidence, str] = {one: "not given" for one in EVIDENCE if one != evidence}
        cells = matrix(judgement.findings, judgement.skipped, RULES, missing, {})
        return next(one for one in cells if (one.antipattern, one.evidence) == (number, evidence)).verdict

    own = [rule for rule in RULES if rule.antipattern == number]
    bad = [one for rule in own for one in rule.bad if evidence_of(one) == evidence]
    good = [one for rule in own for one in rule.good if evidence_of(one) == evidence]
    assert any(verdict(one) is CellVerdict.FAIL for one in bad)
    assert any(verdict(one) is CellVerdict.PASS for one in good)


def test_index_is_current() -> None:
    from subprocess import run
    from sys import executable

    written = (ROOT / "rules/index.py").read_text()
    command = [executable, "-m", "ruff", "format", "--stdin-filename", "rules/index.py", "-"]
    formatted = run(command, input=indexing.source(), text=True, capture_output=True, check=True, cwd=ROOT)
    assert written == formatted.stdout, "run `make docs`"


def test_a_broken_rule_does_not_stop_the_others() -> None:
    broken = Rule(
        code="IL999", name="broken", severity=Severity.ERROR, message="x", page="X.", bad=(), good=()
    )

    @broken.instruction("FROM")
    def check(*_: object) -> Outcome:
        raise RuntimeError("boom")

    judgement = judge_dockerfile(Dockerfile.from_string("FROM debian\n"), [broken, *RULES])
    codes = [one.rule.code for one in judgement.findings]
    assert judgement.failed
    assert "IL002" in codes
    assert "DL3006" in codes
    (told,) = [one for one in judgement.findings if one.rule.code == "IL002"]
    assert "IL999" in told.message
    assert "boom" in told.message


def test_selection_by_prefix_alias_and_name() -> None:
    assert {one.code for one in select(["DL30"])} == {r.code for r in RULES if r.code.startswith("DL30")}
    assert "DL3006" not in {one.code for one in select(ignore=["DL3006"])}
    assert {one.code for one in select(["MaintainerDeprecated"])} == {"DL4000"}
    assert {one.code for one in select(["latest-tag"])} == {"DL3007"}
    assert len(select(["ALL"])) == len(RULES)
    assert "DL3008" in {one.code for one in select(extend=["DL3008"])}
    with pytest.raises(UnknownCodeError) as caught:
        select(["DL3OO6"])
    assert caught.value.nearest == "DL3006"
    assert find("dl3006").code == "DL3006"


def _places(text: str) -> list[tuple[str, int, int, str]]:
    def shown(one: Finding) -> tuple[str, int, int, str]:
        assert one.place.span
        return one.rule.code, one.place.span.line, one.place.span.column, one.severity.label

    return [shown(one) for one in judge_dockerfile(Dockerfile.from_string(text), RULES).findings]


def test_findings_point_at_the_word() -> None:
    text = "FROM debian:12\nRUN true && \\\n    # why\n    apt-get install -y \\\n      curl\n"
    assert ("DL3008", 5, 7, "warning") in _places(text)
    assert ("DL3015", 4, 13, "info") in _places(text)


def test_stages_that_are_not_shipped_weigh_less() -> None:
    places = _places("FROM debian:latest AS build\nRUN apt-get update\nFROM debian:latest\n")
    assert ("DL3007", 1, 6, "info") in places
    assert ("DL3007", 3, 6, "warning") in places
    assert not any(code == "DL3009" for code, *_ in places)


PRAGMAS = [
    ("# imglint ignore=DL3007\nFROM a:latest\n", 0),
    ("# imglint ignore=DL3007,DL3006 ; reason=ours\nFROM a:latest\n", 0),
    ("# hadolint ignore=DL3007\nFROM a:latest\n", 0),
    ("# imglint global ignore=latest-tag\nFROM b:1\nFROM a:latest\n", 0),
    ("FROM b:1\n# imglint stage ignore=DL3007\nFROM a:1\nCOPY --from=c:latest /a /b\n", 0),
    ("# check=skip=DL3007\nFROM a:latest\n", 0),
    ("# imglint ignore=DL3007\nFROM b:1\nFROM a:latest\n", 1),
    ("# imglint ignores=DL3007\nFROM a:latest\n", 1),
]


@pytest.mark.parametrize(("text", "count"), PRAGMAS)
def test_pragmas(text: str, count: int) -> None:
    assert sum(code == "DL3007" for code, *_ in _places(text)) == count


def test_fingerprints_survive_shifted_lines() -> None:
    text = "FROM a:latest\nRUN apt-get update\nRUN apt-get update\n"
    first = judge_dockerfile(Dockerfile.from_string(text), RULES).findings
    shifted = judge_dockerfile(Dockerfile.from_string("# more\n" * 20 + text), RULES).findings
    assert [one.fingerprint for one in first] == [one.fingerprint for one in shifted]
    assert len({one.fingerprint for one in first}) == len(first)


@pytest.mark.parametrize(
    "lines",
    [
        "COPY a /b\nRUN apt-get update && apt-get install c | chown -R x /b\n",
        "RUN apt-get install -y c\n",
        "RUN --mount=type=cache,target=/srv/node_modules npm ci\nRUN npm run x\n",
        "COPY --from=b /w/t/x /x\n",
        "RUN curl -o /tmp/NUMBER.zip https://example.org/x\nRUN rm -rf /tmp/NUMBER.zip /var/y\n",
        "ARG A_TOKEN\nRUN x\n",
        "ENV A b\nUSER root\nHEALTHCHECK CMD curl -f http://localhost\n",
        "FROM debian:12 AS sNUMBER\nRUN apt-get install c\nCMD x\n",
    ],
)
def test_a_long_file_takes_linear_time(lines: str) -> None:
    """Four times as long a file takes four times as long, not sixteen times: by the processor's own clock."""

    def seconds(times: int) -> float:
        body = "".join(lines.replace("NUMBER", str(number)) for number in range(times))
        build = "FROM debian:12 AS b\nRUN --mount=type=cache,target=/w/t make\n"
        file = Dockerfile.from_string(f"{build}FROM debian:12\n{body}")
        start = time.process_time()
        judge_dockerfile(file, RULES)
        return time.process_time() - start

    assert seconds(1600) < max(9 * seconds(400), 0.8)
