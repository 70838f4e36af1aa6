"""Alpine's packages: apk's list of what is installed, and what somebody asked for."""

from __future__ import annotations

import re

from .record import NAMELESS, Facts, Mark, Record, Rest, Unread, bounded

APK = "apk"
_CONSTRAINT = re.compile(r"[<>=~@]")


def read(path: str, data: bytes) -> Facts:
    """What apk's list says, or `etc/apk/world`."""
    text = data.decode("utf-8", "replace")
    if path.endswith("/world"):
        yield Rest(APK, wanted=False)
        for word in text.split():
            if not word.startswith("!"):
                yield Mark(APK, (_bare(word),), wanted=True)
        return
    for stanza in text.split("\n\n"):
        if stanza.strip():
            yield _package(stanza) or Unread(path, NAMELESS)


def _package(stanza: str) -> Record | None:
    fields: dict[str, str] = {}
    files: list[tuple[str, str]] = []
    directory = ""
    for line in stanza.splitlines():
        field, value = line[:2], line[2:]
        if field == "F:":
            directory = value
        elif field == "R:":
            files.append((directory, value))
        else:
            fields.setdefault(field, value)
    if "P:" not in fields or "V:" not in fields:
        return None
    return Record(
        APK,
        fields["P:"],
        fields["P:"],
        fields["V:"],
        files=bounded(f"{place}/{file}".lstrip("/") for place, file in files),
        answers=tuple(_bare(one) for one in fields.get("p:", "").split()),
        needs=tuple((_bare(one),) for one in fields.get("D:", "").split() if not one.startswith("!")),
        architecture=fields.get("A:", ""),
        source=fields.get("o:", ""),
    )


def _bare(word: str) -> str:
    """A name without its version or repository: "so:libz.so.1=1.3" is so:libz.so.1."""
    return _CONSTRAINT.split(word, maxsplit=1)[0]
