"""Which rules there are, and which of them a run wants. Only those are imported."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
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

        known = [one.code for one in INDEX] + [alias for one in INDEX for alias in one.aliases]
        # A letter for a digit, as in DL3OO6, is the likeliest slip.
        slip = code[:2] + code[2:].upper().translate(str.maketrans("OIL", "011"))
        close = [slip] if slip in known else difflib.get_close_matches(code, known, 1, 0.5)
        self.code = code
        self.nearest = close[0] if close else ""
        super().__init__(f"no rule has the code {code!r}")


def matches(entry: Entry, prefix: str) -> bool:
    """Whether a code or prefix ("DL", "AV08", "ALL", a name) names this rule."""
    if prefix == "ALL" or prefix == entry.name:
        return True
    return any(code.startswith(prefix) for code in (entry.code, *entry.aliases))


def check(code: str) -> None:
    """See to it that a code or prefix names something. ShellCheck's codes may be named, and do nothing.

    Raises:
        UnknownCodeError: it fits no rule.
    """
    if not any(matches(entry, code) for entry in INDEX) and not re.fullmatch(r"SC\d{0,4}", code):
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
