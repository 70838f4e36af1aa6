"""`$NAME` and `${NAME:-else}` in the values of a compose file, with the rules of the Compose Specification."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_DEEPEST = 20  # defaults in defaults

Lookup = Callable[[str], str | None]


class InterpolationError(ValueError):
    """A text that has no value: its form is wrong, or a variable is missing that it demands."""


class Interpolated(NamedTuple):
    """A value, and what it came from."""

    text: str
    unset: tuple[str, ...] = ()  # variables that are not set, in whose place nothing stands
    used: tuple[str, ...] = ()  # variables whose values are in it


def interpolate(text: str, lookup: Lookup) -> Interpolated:
    """The value of a text.

    Args:
        text: as it stands in the file; `$$` is a dollar sign.
        lookup: the value of a variable; None where it is not set.

    Raises:
        InterpolationError: it has no value.
    """
    unset: dict[str, None] = {}
    used: dict[str, None] = {}
    value = _Reader(text, lookup, unset, used).value(0)
    return Interpolated(value, tuple(unset), tuple(used))


class _Reader:
    def __init__(self, text: str, lookup: Lookup, unset: dict[str, None], used: dict[str, None]) -> None:
        self._text = text
        self._lookup = lookup
        self._unset = unset
        self._used = used

    def value(self, depth: int) -> str:
        out: list[str] = []
        at = 0
        text = self._text
        while True:
            dollar = text.find("$", at)
            if dollar < 0:
                return "".join([*out, text[at:]])
            out.append(text[at:dollar])
            behind = text[dollar + 1 : dollar + 2]
            if behind == "$":
                out.append("$")
                at = dollar + 2
            elif behind == "{":
                end = _closing(text, dollar + 1)
                out.append(self._braced(text[dollar + 2 : end], depth))
                at = end + 1
            else:
                match = _NAME.match(text, dollar + 1)
                if match is None:
                    raise InterpolationError("has a $ that begins no variable: write $$ for a dollar sign")
                out.append(self._variable(match[0]))
                at = match.end()

    def _variable(self, name: str) -> str:
        value = self._lookup(name)
        if value is None:
            self._unset[name] = None
            return ""
        self._used[name] = None
        return value

    def _braced(self, inner: str, depth: int) -> str:
        match = _NAME.match(inner)
        rest = inner[match.end() :] if match else ""
        operator = next((one for one in _OPERATORS if rest.startswith(one)), "")
        if match is None or (rest and not operator):
            raise InterpolationError(
                f"has ${{{inner[:40]}}}, which is no variable: write ${{NAME}} or ${{NAME:-else}}"
            )
        name, word = match[0], rest[len(operator) :]
        value = self._lookup(name)
        # With a colon a variable that is empty counts as one that is not set.
        present = value is not None and (not operator.startswith(":") or value != "")
        if not operator:
            return self._variable(name)
        if operator.endswith("+"):
            return self._word(word, depth) if present else ""
        if present:
            self._used[name] = None
            return value or ""
        if operator.endswith("?"):
            why = self._word(word, depth)
            state = "is empty" if value is not None else "is not set"
            raise InterpolationError(f"needs the variable {name}, which {state}{f': {why}' if why else ''}")
        return self._word(word, depth)

    def _word(self, word: str, depth: int) -> str:
        if depth >= _DEEPEST:
            raise InterpolationError(f"nests more than {_DEEPEST} defaults")
        return _Reader(word, self._lookup, self._unset, self._used).value(depth + 1)


def _closing(text: str, brace: int) -> int:
    """Where the brace that opens here is closed."""
    depth = 0
    for at in range(brace, len(text)):
        if text[at] == "{" and text[at - 1] == "$":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    raise InterpolationError("has a ${ that no } closes: write $$ for a dollar sign")
