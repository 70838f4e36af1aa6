"""Python's packages: dist-info with its RECORD, and the older egg-info."""

from __future__ import annotations

import posixpath
import re

from .record import NAMELESS, Facts, Listing, Mark, Record, Rest, Unread, bounded

PYTHON = "python"
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"\bextra\b")
_MOST_HEADERS = 1024 * 1024  # characters; behind them stands a description


def read(path: str, data: bytes) -> Facts:
    """What a file of a dist-info or egg-info says."""
    text = data.decode("utf-8", "replace")
    info, _, name = path.rpartition("/")
    site = posixpath.dirname(info)
    if name == "RECORD":
        files = (_first_field(line) for line in text.splitlines())
        yield Listing(PYTHON, info, bounded(_joined(site, file) for file in files if file))
    elif name == "installed-files.txt":
        yield Listing(PYTHON, info, bounded(_joined(info, line) for line in text.splitlines() if line))
    elif name == "top_level.txt":
        tops = [posixpath.join(site, line.strip()) for line in text.splitlines() if line.strip()]
        yield Listing(PYTHON, info, tuple(f"{top}.py" for top in tops), (info, *tops))
    elif name == "REQUESTED":
        yield Mark(PYTHON, (info,), wanted=True)
        yield Rest(PYTHON, wanted=False, within=f"{site}/" if site else "")
    else:
        yield from _package(path, path if name.endswith(".egg-info") else info, text)


def _package(path: str, info: str, text: str) -> Facts:
    head = text[:_MOST_HEADERS].replace("\r\n", "\n").partition("\n\n")[0]
    fields: dict[str, list[str]] = {}
    for line in head.splitlines():
        field, colon, value = line.partition(":")
        if colon:
            fields.setdefault(field.lower(), []).append(value.strip())
    name, version = (next(iter(fields.get(one, ())), "") for one in ("name", "version"))
    if not name or not version:
        yield Unread(path, NAMELESS)
        return
    site = posixpath.dirname(info)
    needs = (
        _answer(site, found[0])
        for one in fields.get("requires-dist", ())
        if not _EXTRA.search(one.partition(";")[2]) and (found := _REQUIREMENT.match(one))
    )
    yield Record(
        PYTHON,
        info,
        name,
        version,
        directory=info,
        answers=(_answer(site, name),),
        needs=tuple((one,) for one in bounded(needs)),
    )


def _answer(site: str, name: str) -> str:
    """A name as others write it, in the directory where they look for it."""
    return f"{site}:{re.sub(r'[-_.]+', '-', name).lower()}"


def _first_field(line: str) -> str:
    """The path of a line of RECORD, which is CSV: a path with a comma stands in quotation marks."""
    if line.startswith('"'):
        return line[1:].partition('",')[0].replace('""', '"')
    return line.partition(",")[0]


def _joined(directory: str, path: str) -> str:
    return posixpath.normpath(posixpath.join("/", directory, path)).lstrip("/")
