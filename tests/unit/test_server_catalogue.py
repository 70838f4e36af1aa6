"""The catalogue of servers, and how what verify says is held against it."""

from __future__ import annotations

from pathlib import Path

import pytest
import servers
from servers.catalogue import SERVERS
from servers.judge import wrong
from servers.server import DISPROVED, PROVED, Server

from imglint.runner import Check, Observation, Verdict

STAYS = ("container.stays", None)


def said(verdict: Verdict, summary: str = "still runs", name: str = "container.stays") -> Observation:
    return Observation(checks=(Check(name, "PID 1", verdict, summary),))


def test_the_catalogue_is_worth_its_time() -> None:
    assert len(SERVERS) >= 40
    assert len({one.program for one in SERVERS.values()}) >= 15
    assert sum(bool(one.broken) for one in SERVERS.values()) >= 10
    assert sum(one.cheap for one in SERVERS.values()) == 8
    assert len({one.root for one in SERVERS.values() if one.cheap}) == 1


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_complete(name: str) -> None:
    one = SERVERS[name]
    assert one.expected
    assert all((Path(servers.__path__[0]) / "files" / file).is_file() for file in one.files)
    assert set(one.undecided) <= set(one.expected)
    assert DISPROVED not in one.expected.values() or one.broken


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (said(PROVED), ""),
        (said(DISPROVED, "ended"), "container.stays: disproved: ended; it should be proved"),
        (said(Verdict.CANNOT_TELL, "it hit a limit. Use --memory"), ""),
        (said(Verdict.NOT_OBSERVED, "who knows"), "or say 'Use --memory'"),
        (said(PROVED, name="other"), "there is no such check"),
    ],
)
def test_what_is_wrong(seen: Observation, told: str) -> None:
    server = Server("a", "a", "web", "", {STAYS: PROVED}, undecided={STAYS: "Use --memory"})
    found = wrong(server, seen)
    assert len(found) == bool(told)
    assert told in "".join(found)


def test_words_that_have_to_be_said() -> None:
    server = Server("a", "a", "web", "", {STAYS: PROVED}, says={STAYS: "3 s"})
    assert wrong(server, said(PROVED, "still runs after 3 s")) == []
    assert "it should say" in wrong(server, said(PROVED))[0]
