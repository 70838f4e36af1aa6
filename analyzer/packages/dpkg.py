"""Debian's packages: dpkg's status, the parts that distroless images have of it, and what apt installed by itself."""

from __future__ import annotations

import re

from .record import Facts, Listing, Mark, Record, Rest

DPKG = "dpkg"
_STATUS = "var/lib/dpkg/status"
_PART = "var/lib/dpkg/status.d/"
_FIELD = re.compile(r"^([A-Za-z][A-Za-z-]*):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*")


def read(path: str, data: bytes) -> Facts:
    """What a file of dpkg's or apt's says."""
    text = data.decode("utf-8", "replace")
    name = path.rpartition("/")[2]
    if name == "extended_states":
        yield Rest(DPKG, wanted=True)
        for fields in _stanzas(text):
            package, architecture = fields.get("Package", ""), fields.get("Architecture", "")
            if fields.get("Auto-Installed") == "1":
                yield Mark(DPKG, (f"{package}:{architecture}", package), wanted=False)
    elif name.endswith(".list"):
        yield Listing(DPKG, name.removesuffix(".list"), tuple(line.strip("/") for line in text.splitlines()))
    elif path.startswith(_PART) and name.endswith(".md5sums"):
        files = tuple(line.partition("  ")[2] for line in text.splitlines())
        yield Listing(DPKG, name.removesuffix(".md5sums"), files)
    else:
        for fields in _stanzas(text):
            if path != _STATUS or fields.get("Status", "").split()[-1:] == ["installed"]:
                yield from _package(fields)


def _stanzas(text: str) -> list[dict[str, str]]:
    return [dict(_FIELD.findall(stanza)) for stanza in re.split(r"\n[ \t]*\n", text) if stanza.strip()]


def _package(fields: dict[str, str]) -> Facts:
    name, architecture = fields.get("Package", ""), fields.get("Architecture", "")
    if not name or "Version" not in fields:
        return
    same = fields.get("Multi-Arch") == "same"
    yield Record(
        DPKG,
        f"{name}:{architecture}" if same else name,
        name,
        fields["Version"],
        answers=(name, *(one for group in _groups(fields.get("Provides", "")) for one in group)),
        needs=(*_groups(fields.get("Pre-Depends", "")), *_groups(fields.get("Depends", ""))),
        recommends=_groups(fields.get("Recommends", "")),
        architecture=architecture,
        source=fields.get("Source", ""),
    )


def _groups(text: str) -> tuple[tuple[str, ...], ...]:
    """A list of dependencies without their versions: "a (>= 1), b | c" is a, and b or c."""
    found = (
        tuple(name[0] for one in part.split("|") if (name := _NAME.match(one.strip())))
        for part in text.split(",")
    )
    return tuple(group for group in found if group)
