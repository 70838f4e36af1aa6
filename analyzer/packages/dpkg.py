"""Debian's packages: dpkg's status, the parts that distroless images have of it, and what apt installed by itself."""

from __future__ import annotations

import re

from .record import NAMELESS, Diversion, Facts, Listing, Mark, Record, Rest, Unread

DPKG = "dpkg"
_STATUS = "var/lib/dpkg/status"
_PART = "var/lib/dpkg/status.d/"
_FIELD = re.compile(r"^([A-Za-z][A-Za-z-]*):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_ABSENT = frozenset({"not-installed", "config-files"})  # of all other states the files are there
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*")


def read(path: str, data: bytes) -> Facts:
    """What a file of dpkg's or apt's says."""
    text = data.decode("utf-8", "replace")
    name = path.rpartition("/")[2]
    if name == "extended_states":
        yield Rest(DPKG, wanted=True)
        for fields in _stanzas(text):
            package, architecture = fields.get("package", ""), fields.get("architecture", "")
            if fields.get("auto-installed") == "1":
                yield Mark(DPKG, (f"{package}:{architecture}", package), wanted=False)
    elif path == "var/lib/dpkg/diversions":
        lines = text.splitlines()
        for file, place, keeper in zip(lines[::3], lines[1::3], lines[2::3], strict=False):
            yield Diversion(DPKG, file.strip("/"), place.strip("/"), keeper)
    elif name.endswith(".list"):
        yield Listing(DPKG, name.removesuffix(".list"), tuple(line.strip("/") for line in text.splitlines()))
    elif path.startswith(_PART) and name.endswith(".md5sums"):
        files = tuple(line.partition("  ")[2] for line in text.splitlines())
        yield Listing(DPKG, name.removesuffix(".md5sums"), files)
    else:
        damaged = False
        for fields in _stanzas(text):
            state = fields.get("status", "").lower().split()[-1:] if path == _STATUS else ["installed"]
            if state and state[0] in _ABSENT:
                continue
            if state and fields.get("package") and "version" in fields:
                yield _package(fields)
            else:
                damaged = True
        if damaged:
            yield Unread(path, NAMELESS)


def _stanzas(text: str) -> list[dict[str, str]]:
    """The fields of each entry, by their names in lower case: dpkg knows no difference."""
    return [
        {name.lower(): value for name, value in _FIELD.findall(stanza)}
        for stanza in re.split(r"\n[ \t]*\n", text)
        if stanza.strip()
    ]


def _package(fields: dict[str, str]) -> Record:
    name, architecture = fields["package"], fields.get("architecture", "")
    same = fields.get("multi-arch") == "same"
    return Record(
        DPKG,
        f"{name}:{architecture}" if same else name,
        name,
        fields["version"],
        answers=(name, *(one for group in _groups(fields.get("provides", "")) for one in group)),
        needs=(*_groups(fields.get("pre-depends", "")), *_groups(fields.get("depends", ""))),
        recommends=_groups(fields.get("recommends", "")),
        architecture=architecture,
        source=fields.get("source", ""),
    )


def _groups(text: str) -> tuple[tuple[str, ...], ...]:
    """A list of dependencies without their versions: "a (>= 1), b | c" is a, and b or c."""
    found = (
        tuple(name[0] for one in part.split("|") if (name := _NAME.match(one.strip())))
        for part in text.split(",")
    )
    return tuple(group for group in found if group)
