"""Arch Linux's packages: pacman's local database, a directory for each."""

from __future__ import annotations

import re

from .record import NAMELESS, Facts, Listing, Mark, Record, Unread

PACMAN = "pacman"
_SECTION = re.compile(r"^%([A-Z]+)%\n((?:.+\n)*.*)", re.MULTILINE)
_CONSTRAINT = re.compile(r"[<>=:]")


def read(path: str, data: bytes) -> Facts:
    """What `desc` or `files` of a package says."""
    directory, _, name = path.rpartition("/")
    key = directory.rpartition("/")[2]
    sections = {
        section: lines.splitlines() for section, lines in _SECTION.findall(data.decode("utf-8", "replace"))
    }
    if name == "files":
        paths = (line for line in sections.get("FILES", ()) if not line.endswith("/"))
        yield Listing(PACMAN, key, tuple(paths))
        return
    package, version = (next(iter(sections.get(one, ())), "") for one in ("NAME", "VERSION"))
    if not package or not version:
        yield Unread(path, NAMELESS)
        return
    yield Record(
        PACMAN,
        key,
        package,
        version,
        answers=(package, *(_bare(one) for one in sections.get("PROVIDES", ()))),
        needs=tuple((_bare(one),) for one in sections.get("DEPENDS", ())),
        architecture=next(iter(sections.get("ARCH", ())), ""),
        source=next(iter(sections.get("BASE", ())), ""),
    )
    # The reason is written only for what was drawn in.
    yield Mark(PACMAN, (key,), wanted=sections.get("REASON", ["0"])[:1] != ["1"])


def _bare(word: str) -> str:
    return _CONSTRAINT.split(word, maxsplit=1)[0]
