"""What a real builder refuses is an error, and what it takes is none; frozen answers, and the reader behind them."""

from __future__ import annotations

import pytest
from builder_cases import ACCEPTED, REFUSED, file_of

from imglint.analyzer.dockerfile.shell_faults import shell_fault
from imglint.linting import lint
from imglint.rules.rule import Finding, Severity


def refusals(text: str) -> list[Finding]:
    """The errors that say that a builder refuses the file. What a shell refuses it has not been asked."""
    errors = [one for one in lint(text).findings if one.severity is Severity.ERROR and one.rule.stops_build]
    return [one for one in errors if one.rule.code not in ("IL044", "IL051")]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[:60])
def test_what_a_builder_refuses_is_an_error(case: str) -> None:
    text = file_of(case)
    found = refusals(text)
    assert found
    for one in found:
        assert one.place.span and 1 <= one.place.span.line <= text.count("\n")
        assert len(one.message) < 200


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case[:60])
def test_what_a_builder_takes_is_no_error(case: str) -> None:
    assert [one.message for one in refusals(file_of(case))] == []


@pytest.mark.parametrize(
    "case", [one for one in REFUSED if "\n" not in one and not one.startswith("FROM")][:30]
)
def test_a_fault_hides_none_below_it(case: str) -> None:
    """The next line's fault is told as well, and the word before it at most."""
    text = f"{file_of(case)}EXPOSE abc\nSTOPSIGNAL SIGFOO\n"
    messages = [one.message for one in refusals(text)]
    assert any("'abc' is no port" in one for one in messages)
    assert any("'SIGFOO' is no signal" in one for one in messages)


def test_places_are_those_of_the_words() -> None:
    text = "FROM a:1\nRUN --mount=type=bind,target=/x --mount=type=foo x\nENV A=b C=${d:=e}\nEXPOSE 80 abc\n"
    spans = [one.place.span for one in refusals(text)]
    assert [str(span) for span in spans] == ["2:33", "3:11", "4:11"]


def test_no_stage_and_no_skip_of_builders_makes_it_less() -> None:
    """A builder stage's faults stop the build as well, and BuildKit's own `check=skip=all` changes nothing."""
    text = "# check=skip=all\nFROM a:1 AS build\nSTOPSIGNAL SIGFOO\nFROM b:1\nCOPY --from=build /x /x\n"
    assert [one.rule.code for one in refusals(text)] == ["IL043"]
    own = text.replace("STOPSIGNAL", "# imglint ignore=IL043\nSTOPSIGNAL")
    assert refusals(own) == []


def test_another_frontend_takes_what_it_likes() -> None:
    text = "# syntax=example/dockerfile-x\nFROM ./b.dockerfile#c\nINCLUDE ./d\n"
    report = lint(text)
    assert report.findings == ()
    assert [one.reason for one in report.skipped if one.rule.code == "IL001"] == [
        "what the frontend example/dockerfile-x takes is not known"
    ]
    for official in (
        "docker/dockerfile:1-labs",
        "docker.io/docker/dockerfile",
        "example.org:5000/a/dockerfile:1@sha256:0",
    ):
        assert refusals(text.replace("example/dockerfile-x", official))


def test_instructions_without_a_stage_are_judged_all_the_same() -> None:
    codes = [one.rule.code for one in lint("RUN sudo a\nEXPOSE abc\n").findings]
    assert codes == ["DL3061", "DL3004", "IL043"]
    codes = [one.rule.code for one in lint("RUN sudo a\nFROM debian:12\nRUN sudo b\n").findings]
    assert codes == ["DL3061", "DL3004", "DL3004"]


def test_an_empty_default_waits_for_a_build_argument() -> None:
    assert refusals("ARG BASE=\nFROM $BASE\n") == []
    assert refusals("FROM $BASE\n")


def test_a_variable_of_the_base_image_is_not_known() -> None:
    assert refusals("FROM a:1\nSTOPSIGNAL $S\nEXPOSE $P/udp\nENV A=${B:?}\n") == []
    assert len(refusals("FROM scratch\nSTOPSIGNAL $S\nEXPOSE $P/udp\nENV A=${B:?}\n")) == 3


# What dash 0.5.12, Bash 5.2 and BusyBox 1.35 all refuse with -n, and what at least one of them takes.
BROKEN = (
    "(", ")", "a )", "a b (c)", "echo 'a", 'echo "a', "echo `a", "echo $(a", "echo ${a", "echo $((1", "a &&",
    "a || ", "a |", "&& a", "| a", "; a", "a && && b", "a || | b", "a ; ; b", "a & ; b", "if a; then b", "a; fi",
    "{ a;", "}", "while a; do b", "done", "a > ", "a > ; b", "()", "a && )", "( a", "if a; fi; done",
    "a <<EOF |\nb\nEOF\n", "then a", "if a; do b; fi",
)  # fmt: skip
SOUND = (
    "a", "a;", "a &", "(a)", "(a; b) && c", "{ a; }", "echo {", "echo }", "a=(b c)", "f() { a; }", "f () { a; }",
    "a &&\n b", "a |\n\n b", "! a", "if ! (a); then b; fi", "while a; do b; done", "echo 'a\nb'",
    "echo \"$(a \"b\")\"", "echo \"`a`\"", "echo ${a:-\"b}\"}", "echo $((1 + (2)))", "echo a#b # it's",
    "cat <<EOF\nit's (\nEOF\n", "cat <<'E'\n)\nE\necho", "[[ a =~ (b) ]]", "case a in b) c;; esac",
    "for i in a b; do c; done", "a > b 2>&1 < c", "echo $'it\\'s'", "a <(b)", "echo \\( \\)", "echo done",
    "echo if", "a && { b || c; } && d", "$a ${b} $$", "echo \"a # b\"", "",
)  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_no_shell_reads_it(text: str) -> None:
    fault = shell_fault(text)
    assert fault and 0 <= fault.start <= fault.end <= len(text) + 1


@pytest.mark.parametrize("text", SOUND)
def test_a_shell_reads_it(text: str) -> None:
    assert shell_fault(text) is None
