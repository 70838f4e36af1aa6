"""Each check of a container has a page, which says of it what its code does."""

from __future__ import annotations

import json
import re

import pytest
import typer.main
from check_names import checks_in_the_runner, names_in_the_runner

from imglint.__main__ import main
from imglint.cli import app
from imglint.reports.checks_text import as_json, index, page
from imglint.rules.check_pages import PAGES, CheckPage, check_names, find_page, nearest_check
from imglint.rules.registry import find
from imglint.rules.verdicts import CLAIMS
from imglint.runner import Check, Verdict
from imglint.runner.hindrance import Hindrance, excused
from imglint.runner.ports import MAX_PORTS
from imglint.runner.session import USUAL
from imglint.runner.stop import STOP_SECONDS
from imglint.runner.watch import WAIT

VERDICTS = {
    "PROVED": "proved",
    "DISPROVED": "disproved",
    "NOT_OBSERVED": "not_observed",
    "CANNOT_TELL": "cannot_tell",
}
every_page = pytest.mark.parametrize("one", PAGES.values(), ids=list(PAGES))


def cases(one: CheckPage) -> list[str]:
    return [*one.proved, *one.disproved, *one.not_observed, *one.cannot_tell, *one.limits]


def test_every_check_has_a_page() -> None:
    assert [name for name in CLAIMS if name not in PAGES] == []
    assert [name for name in names_in_the_runner() if find_page(name) is None] == []
    # And no page is one of a check that is gone.
    assert {name for name in check_names() if not name.endswith("*")} == names_in_the_runner()
    order = list(CLAIMS)
    assert sorted(order, key=list(PAGES).index) == order
    assert len({one.file for one in PAGES.values()}) == len(PAGES)


def test_a_page_knows_each_verdict_that_the_runner_gives() -> None:
    found = checks_in_the_runner()
    assert ("structure.file", "CANNOT_TELL") in found
    assert len(found) > 40
    for name, verdict in found:
        one = find_page(name)
        assert one is not None
        assert getattr(one, VERDICTS[verdict]), f"{name} can be {verdict}"


def test_a_page_knows_what_the_closed_network_and_the_limits_excuse() -> None:
    disproved = [Check(name, "a", Verdict.DISPROVED, "b") for name in PAGES]
    for check in excused(disproved, Hindrance("memory", "c"), USUAL):
        told = any("the limit of memory" in case for case in PAGES[check.name].cannot_tell)
        assert told is (check.verdict is Verdict.CANNOT_TELL), check.name


def test_the_numbers_are_those_of_the_code() -> None:
    for name, words in (
        ("image.preflight", f"the first {MAX_PORTS} declared ports"),
        ("ports.published", f"{MAX_PORTS} ports at most"),
        ("ports.exposed", f"`--wait`, {WAIT:.0f} seconds by default"),
        ("container.stays", f"{USUAL.memory_bytes >> 20} MB of memory, {USUAL.pids_limit} processes"),
        ("stop.signal", f"`--stop-timeout`, {STOP_SECONDS} seconds by default"),
    ):
        assert words in PAGES[name].does, name


@every_page
def test_what_a_page_names_is_there(one: CheckPage) -> None:
    group = typer.main.get_command(app)
    options = {word for option in group.commands["verify"].params for word in option.opts}  # type: ignore[attr-defined]
    text = " ".join([one.does, *cases(one)])
    for name in re.findall(r"`([a-z]+\.[a-z0-9-]+)`", text):
        assert find_page(name) or re.search(r"\.(py|jar)$", name), name
    for option in re.findall(r"`(--?[\w-]+)`", text):
        assert option in options, option
    for code in re.findall(r"\b[A-Z]{2}\d{4}\b", text):
        assert "container" in find(code).evidence, code


@every_page
def test_a_page_is_made_of_sentences(one: CheckPage) -> None:
    assert one.proved or one.disproved
    assert one.limits
    for case in (one.does, *cases(one)):
        assert re.fullmatch(r"[A-Z`].*[.]", case), case
        assert "  " not in case
        assert max(len(sentence.split()) for sentence in re.split(r"[.:;] ", case)) <= 36, case
    text = page(one)
    assert text.startswith(f"# {one.name}\n\n{one.claim.text[:1].upper()}{one.claim.text[1:]}.\n\nabout: ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Proved", "Disproved", "Not observed", "Engine cannot tell", "What it can't know",
    ]  # fmt: skip
    assert json.loads(as_json(one))["page"] == text


def test_what_the_tables_say_is_on_the_page() -> None:
    assert "the same fault as IL020 · no second fault beside `container.stays`" in page(
        PAGES["ports.exposed"]
    )
    assert "outweighed by a proof of `health.by-hand`" in page(PAGES["health.static"])
    assert "disproved: error; info where PID 1 ended" in page(PAGES["container.stays"])
    assert "disproved: no fault" in page(PAGES["deep.any-user"])
    assert "error, whatever `--fail-on` says" in page(PAGES["structure.*"])
    assert "| [deep.*](deep.md) | it still works under harder conditions | no fault |" in index(
        PAGES.values()
    )


def test_names() -> None:
    for name, file in (
        ("Ports.Published", "ports.published.md"), ("deep", "deep.md"), ("deep.any-user", "deep.any-user.md"),
        ("expect.stop", "expect.md"), ("structure.*", "structure.md"),
    ):  # fmt: skip
        found = find_page(name)
        assert found is not None
        assert found.file == file
    assert [find_page(name) for name in ("ports", "deep.x", "DL3006", "")] == [None] * 4
    assert nearest_check("ports.publised")[0] == "ports.published"
    assert nearest_check("DL3OO6") == ("", 0.0)


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "ports.published"]) == 0
    assert capsys.readouterr().out == page(PAGES["ports.published"])
    assert main(["explain", "expect.stop", "-f", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "expect.*"
    assert "expect.stop" in told["checks"]
    assert main(["explain", "DL3006", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["page"].startswith("# DL3006 untagged-image\n")
