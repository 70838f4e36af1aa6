"""Ruby's packages: the specifications of gems, which are Ruby code of one form."""

from __future__ import annotations

import re

from .record import NAMELESS, Facts, Record, Unread, bounded

GEM = "gem"
_FIELD = r"""^[ \t]*s\.%s = (?:Gem::Version\.new\()?["']([^"'\n]+)["']"""
_NAME = re.compile(_FIELD % "name", re.MULTILINE)
_VERSION = re.compile(_FIELD % "version", re.MULTILINE)
_NEEDS = re.compile(r"""\.add_(?:runtime_)?dependency\(%q<([^>\n]+)>""")


def read(path: str, data: bytes) -> Facts:
    """What a file of `specifications/` says."""
    text = data.decode("utf-8", "replace")
    home, _, rest = path.partition("specifications/")
    name, version = _NAME.search(text), _VERSION.search(text)
    if not name or not version:
        yield Unread(path, NAMELESS)
        return
    stem = rest.rpartition("/")[2].removesuffix(".gemspec")
    needs = tuple((one,) for one in bounded(f"{home}:{one}" for one in dict.fromkeys(_NEEDS.findall(text))))
    answers = (f"{home}:{name[1]}",)
    yield Record(GEM, path, name[1], version[1], f"{home}gems/{stem}", (path,), answers, needs)
