"""Expanding $name and ${name} the way BuildKit does, where an unknown value stays unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

# A name that is missing is undefined (empty, as BuildKit has it); a name with the value None is
# defined, but nobody can tell here what it holds.
Variables = Mapping[str, str | None]

_NAME = re.compile(r"\d+|[A-Za-z_]\w*|[@*#?$!-]")
# More stars or longer values than any real file has would only feed the regular expression engine.
_MAX_STARS = 4
_MAX_VALUE = 4096
_MODIFIERS = (":-", ":+", ":?", "-", "+", "?", "##", "#", "%%", "%", "//", "/")


class VariableUse(NamedTuple):
    """A variable used in a word. `guarded`: a modifier says what to do when it is not set."""

    name: str
    start: int  # of the whole reference, in the word
    end: int
    guarded: bool


def uses(raw: str, escape: str = "\\") -> list[VariableUse]:
    """The variables that a word uses, as it is written: those in single quotes are text."""
    found: list[VariableUse] = []
    _Reader(raw, {}, escape, found, quotes=True).text("")
    return sorted(found, key=lambda one: one.start)


def expand(value: str, variables: Variables, escape: str = "\\") -> str | None:
    """An unquoted word with its variables replaced; None when one of them is unknown."""
    if "$" not in value:
        return value
    return _Reader(value, variables, escape).text("")


class _Reader:
    """Reads a word from left to right. A substitution that BuildKit refuses is unknown."""

    def __init__(
        self,
        value: str,
        variables: Variables,
        escape: str,
        found: list[VariableUse] | None = None,
        *,
        quotes: bool = False,
    ) -> None:
        self.value = value
        self.variables = variables
        self.escape = escape
        self.found = [] if found is None else found
        self.quotes = quotes
        self.at = 0

    def text(self, stop: str, *, pattern: bool = False) -> str | None:
        """Text up to `stop` ("" for the end), which is passed over; patterns keep their escapes."""
        out: list[str] = []
        known = True
        double = False
        while self.at < len(self.value):
            char = self.value[self.at]
            if stop and char == stop and not double:
                self.at += 1
                break
            if char == self.escape and self.at + 1 < len(self.value):
                follower = self.value[self.at + 1]
                out.append(follower if not pattern and follower in (f"${stop}") else char + follower)
                self.at += 2
            elif char == "'" and self.quotes and not double:
                close = self.value.find("'", self.at + 1)
                self.at = len(self.value) if close < 0 else close + 1
            elif char == '"' and self.quotes:
                double = not double
                self.at += 1
            elif char == "$":
                replacement = self._dollar()
                known = known and replacement is not None
                out.append(replacement or "")
            else:
                out.append(char)
                self.at += 1
        return "".join(out) if known else None

    def _dollar(self) -> str | None:
        start = self.at
        self.at += 1
        braces = self.value.startswith("{", self.at)
        match = _NAME.match(self.value, self.at + braces)
        if not match:
            return "$"
        self.at = match.end()
        if not braces:
            self.found.append(VariableUse(match[0], start, self.at, guarded=False))
            return self._value(match[0])
        modifier = next((one for one in _MODIFIERS if self.value.startswith(one, self.at)), "")
        self.at += len(modifier)
        if modifier in ("/", "//"):
            pattern = self.text("/", pattern=True)
            result = self._replaced(match[0], pattern, self.text("}"), modifier)
        elif modifier:
            word = self.text("}", pattern=modifier[0] in "#%")
            result = self._modified(match[0], modifier, word)
        else:
            closed = self.value.startswith("}", self.at)
            if not closed:
                self.text("}")  # a modifier that BuildKit refuses
            self.at += closed
            result = self._value(match[0]) if closed else None
        guarded = modifier != "" and modifier[-1] in "-+?"
        self.found.append(VariableUse(match[0], start, self.at, guarded))
        return result

    def _value(self, name: str) -> str | None:
        # Not .get(): a mapping may know of names that it does not hold.
        return self.variables[name] if name in self.variables else ""  # noqa: SIM401

    def _modified(self, name: str, modifier: str, word: str | None) -> str | None:
        value = self._value(name)
        if value is None:
            return None
        if modifier[-1] in "#%":
            return (
                None if word is None or _absurd(word, value) else _trimmed(value, modifier, word, self.escape)
            )
        present = name in self.variables and (value != "" or modifier[0] != ":")
        if modifier[-1] == "+":
            return word if present else ""
        if modifier[-1] == "?":
            return value if present else None
        return value if present else word

    def _replaced(self, name: str, pattern: str | None, other: str | None, modifier: str) -> str | None:
        value = self._value(name)
        if value is None or pattern is None or other is None or _absurd(pattern, value):
            return None
        expression = _glob(pattern, self.escape, greedy=True)
        return re.sub(expression, lambda _: other, value, count=0 if modifier == "//" else 1)


def _absurd(pattern: str, value: str) -> bool:
    return pattern.count("*") > _MAX_STARS or len(value) > _MAX_VALUE


def _trimmed(value: str, modifier: str, pattern: str, escape: str) -> str:
    """`#` and `%` cut the shortest match from the front or the back, `##` and `%%` the longest."""
    greedy = len(modifier) == 2
    expression = _glob(pattern, escape, greedy=greedy)
    if modifier[0] == "#":
        match = re.match(expression, value)
        return value[match.end() :] if match else value
    # From the back: the match that starts last is the shortest one.
    starts = range(len(value) + 1) if greedy else range(len(value), -1, -1)
    for start in starts:
        if re.fullmatch(expression, value[start:]):
            return value[:start]
    return value


def _glob(pattern: str, escape: str, *, greedy: bool) -> re.Pattern[str]:
    out = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == escape and at + 1 < len(pattern):
            at += 1
            out.append(re.escape(pattern[at]))
        elif char == "*":
            out.append(".*" if greedy else ".*?")
        else:
            out.append("." if char == "?" else re.escape(char))
        at += 1
    return re.compile("".join(out), re.DOTALL)
