"""Which rules there are, and which of them a run wants. Only those are imported."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from .entry import Entry
from .index import INDEX
from .profiles import belongs

if TYPE_CHECKING:
    from .rule import Rule


class UnknownCodeError(ValueError):
    """A code or prefix that no rule has; `nearest` is the closest one, or ""."""

    def __init__(self, code: str) -> None:
        import difflib

        known = [name for one in INDEX for name in (one.code, one.name, *one.aliases)]
        # A letter for a digit, as in DL3OO6, is the likeliest slip.
        slip = code[:2] + code[2:].upper().translate(str.maketrans("OIL", "011"))
        close = [slip] if slip in known else difflib.get_close_matches(code, known, 5, 0.5)
        # Of codes that are as near, the one that more people meet.
        usual = {name for one in INDEX if one.default for name in (one.code, one.name, *one.aliases)}
        near = {name: difflib.SequenceMatcher(None, code, name).ratio() for name in close}
        self.code = code
        self.nearest = max(near, key=lambda name: (near[name], name in usual), default="")
        super().__init__(f"no rule has the code {code!r}")


def matches(entry: Entry, prefix: str) -> bool:
    """Whether a code or prefix ("DL", "AV08", "ALL", a name) names this rule."""
    if prefix == "ALL" or prefix == entry.name:
        return True
    return any(code.startswith(prefix) for code in (entry.code, *entry.aliases))


# Codes that may be named, and do nothing: ShellCheck's, and those that hadolint has given up.
IDLE = re.compile(r"SC\d{0,4}|DL3005|DL3017|DL3031|DL3039")


def check(code: str) -> None:
    """See to it that a code or prefix names something.

    Raises:
        UnknownCodeError: it fits no rule.
    """
    # Every code begins with the empty text.
    if not code or not (any(matches(entry, code) for entry in INDEX) or IDLE.fullmatch(code)):
        raise UnknownCodeError(code)


def select(
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    extend: Collection[str] = (),
    profile: str = "default",
) -> tuple[Entry, ...]:
    """The rules of a run: those of the profile, or of `select`; and `extend`; without `ignore`.

    Raises:
        UnknownCodeError: one of the codes fits no rule.
    """
    for code in (*select, *ignore, *extend):
        check(code)
    return _selected(tuple(select), tuple(ignore), tuple(extend), profile)


@lru_cache(maxsize=8)
def _selected(
    select: tuple[str, ...], ignore: tuple[str, ...], extend: tuple[str, ...], profile: str
) -> tuple[Entry, ...]:
    """Asked for each file that is linted, with the same words."""
    return tuple(
        entry
        for entry in INDEX
        if (any(matches(entry, code) for code in select) if select else belongs(entry, profile))
        or any(matches(entry, code) for code in extend)
        if not any(matches(entry, code) for code in ignore)
    )


def load(entries: Iterable[Entry]) -> tuple[Rule, ...]:
    """The rules themselves."""
    return tuple(_module_rules(entry.module)[entry.code] for entry in entries)


def find(code: str) -> Entry:
    """The rule of a code, an alias or a name.

    Raises:
        UnknownCodeError: there is none.
    """
    for entry in INDEX:
        if code.upper() == entry.code.upper() or code == entry.name:
            return entry
    for entry in INDEX:
        if code.upper() in (alias.upper() for alias in entry.aliases):
            return entry
    raise UnknownCodeError(code)


def by_code(code: str) -> Rule:
    """The rule of a code."""
    return load([next(entry for entry in INDEX if entry.code == code)])[0]


@cache
def _module_rules(module: str) -> dict[str, Rule]:
    from .rule import Rule

    content = vars(import_module(f".checks.{module}", __package__))
    return {one.code: one for one in content.values() if isinstance(one, Rule)}
