"""What the catalogue tells of a server, and the words for what it expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from imglint.runner import Verdict

Key = tuple[str, str | None]  # a check's name and its subject; None where there is one of that name
Expected = dict[Key, Verdict]

PROVED, DISPROVED, CANNOT_TELL = Verdict.PROVED, Verdict.DISPROVED, Verdict.CANNOT_TELL


class Server(NamedTuple):
    """An image, and what plain `docker run` shows of it."""

    name: str
    program: str
    root: str  # of roots.ROOTS
    lines: str  # of the Dockerfile, behind FROM
    expected: Expected  # what is true, whatever verify says
    broken: str = ""  # what plain docker shows of what is broken on purpose
    undecided: Mapping[Key, str] = {}  # where verify may leave it open, and words of its summary that say why
    says: Mapping[Key, str] = {}  # words that a summary has to have
    files: tuple[str, ...] = ()  # of the folder files, beside the Dockerfile
    observe: float = 0.0  # seconds of --observe
    cheap: bool = False  # whether every run of the tests has it


KILLED = "docker stop takes ten seconds, and ends it with 137"
STAYS: Expected = {("container.stays", None): PROVED}
HEEDS: Expected = {("stop.signal", None): PROVED}
DEAF: Expected = {("stop.signal", None): DISPROVED}
ENDS: Expected = {("container.stays", None): DISPROVED}
HEALTHY: Expected = {
    ("health.static", None): PROVED,
    ("health.by-hand", None): PROVED,
    ("health.notices", None): PROVED,
    ("health.engine", None): PROVED,
}


def serves(*ports: str) -> Expected:
    """It stays, and each declared port can be used from outside."""
    out = dict(STAYS)
    for port in ports:
        out |= {(name, port): PROVED for name in ("ports.exposed", "ports.published", "ports.publish-all")}
    return out


def shut(port: str, *, exposed: Verdict = DISPROVED) -> Expected:
    """It stays, and a declared port can't be used from outside, whether or not something listens on it."""
    out = {**STAYS, ("ports.exposed", port): exposed}
    for name in ("ports.published", "ports.publish-all"):
        out[name, port] = DISPROVED
    return out


def unanswered(port: str, words: str) -> Mapping[Key, str]:
    """Both published checks of a port may be left open with these words."""
    return {(name, port): words for name in ("ports.published", "ports.publish-all")}
