"""Quotes and ${…} in a word, and what builders refuse in them.

Builders read `$name`, `${name}`, `${name:-word}` (also with + and ?, and without the colon), `${name#pattern}`,
`${name%pattern}` (and both signs twice) and `${name/pattern/word}`; everything else in braces stops a build, as
does a quote that stays open.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Nearly all words: closed quotes, plain variables, nothing that could be refused.
_ORDINARY = re.compile(
    r"(?:[^'\"$\\`]++|'[^']*'|\"(?:[^\"$\\`]|\$\w+|\$\{\w+\})*\"|\$\w+|\$\{[A-Za-z_]\w*(?::?[-+][^'\"$\\`{}]*)?\})*"
)
_NAME = re.compile(r"\d+|[@*#?$!-]|[^\W\d]\w*")


class Unreadable(NamedTuple):
    """Something that no builder reads. Offsets are those of the word."""

    message: str
    start: int
    end: int


class Required(NamedTuple):
    """`${name:?message}`: the build stops with the message where the variable is not set."""

    name: str
    nonempty: bool  # an empty value stops the build, too
    start: int
    end: int


class Substitutions(NamedTuple):
    """What was seen in a word: the first thing that can't be read, or the variables that have to be set."""

    fault: Unreadable | None
    required: tuple[Required, ...] = ()


class _RefusedError(Exception):
    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.fault = Unreadable(message, start, end)


def substitutions(raw: str, escape: str = "\\", *, quotes: bool = True) -> Substitutions:
    """Look through a word as it is written; `quotes`: whether quotes mean anything in it."""
    if _ORDINARY.fullmatch(raw):
        return Substitutions(None)
    reader = _Reader(raw, escape, quotes=quotes)
    try:
        reader.text("")
    except _RefusedError as refused:
        return Substitutions(refused.fault)
    return Substitutions(None, tuple(reader.required))


class _Reader:
    def __init__(self, raw: str, escape: str, *, quotes: bool) -> None:
        self.raw = raw
        self.escape = escape
        self.quotes = quotes
        self.at = 0
        self.required: list[Required] = []

    def _peek(self) -> str:
        return self.raw[self.at : self.at + 1]

    def text(self, stop: str) -> str:
        """Pass over the text up to `stop` ("" for the end) and the stop itself; the text."""
        start = self.at
        while char := self._peek():
            if char == stop:
                self.at += 1
                return self.raw[start : self.at - 1]
            if char == "$":
                self._dollar()
            elif char == self.escape:
                self.at += 2
            elif self.quotes and char in "'\"":
                self._quoted(char)
            else:
                self.at += 1
        if stop:
            raise _RefusedError("", start, len(self.raw))  # whoever looks for the stop says what is missing
        return self.raw[start:]

    def _quoted(self, quote: str) -> None:
        start = self.at
        self.at += 1
        while char := self._peek():
            if char == quote:
                self.at += 1
                return
            if quote == '"' and char == "$":
                self._dollar()
            elif quote == '"' and char == self.escape:
                self.at += 2 if self.raw[self.at + 1 : self.at + 2] in ('"', "$", self.escape) else 1
            else:
                self.at += 1
        raise _RefusedError(f"the quote {quote} is never closed", start, len(self.raw))

    def _dollar(self) -> None:
        start = self.at
        self.at += 1
        if self._peek() != "{":
            name = _NAME.match(self.raw, self.at)
            self.at = name.end() if name else self.at
            return
        self.at += 1
        if not self._peek():
            raise _RefusedError("${ is never closed; use ${name}", start, self.at)
        if self._peek() in "{}:":
            raise _RefusedError(
                f"{self.raw[start : self.at + 1]} names no variable; use ${{name}}", start, self.at + 1
            )
        name = _NAME.match(self.raw, self.at)
        self.at = name.end() if name else self.at
        self._modified(start, name[0] if name else "")

    def _modified(self, start: int, name: str) -> None:
        """What stands behind a name in braces, to the brace that closes them."""
        sign = self._peek()
        self.at += 1
        if sign == "}":
            return
        if not sign:
            raise _RefusedError(f"${{{name} is never closed; use ${{{name}}}", start, len(self.raw))
        if sign == "/":
            self._replaced(start, name)
            return
        colon = sign == ":"
        if colon:
            sign = self._peek()
            self.at += 1
        if not sign or sign not in ("+-?" if colon else "+-?#%"):
            shown = f"${{{name}{':' if colon else ''}{sign}"
            raise _RefusedError(
                f"builders know no {shown}…}}; use :-, :+, :?, #, % or / behind the name",
                start,
                min(self.at, len(self.raw)),
            )
        inner = self.at
        word = self._until("}", start, f"${{{name}{':' if colon else ''}{sign}… is never closed; use }}")
        if sign in "#%":
            self._pattern(word[1:] if word[:1] == sign else word, inner)
        elif sign == "?":
            self.required.append(Required(name, colon, start, self.at))

    def _replaced(self, start: int, name: str) -> None:
        if self._peek() == "/":
            self.at += 1
        inner = self.at
        pattern = self._until("/", start, f"${{{name}/… has no replacement; use ${{{name}/pattern/word}}")
        self._until("}", start, f"${{{name}/… is never closed; use }}")
        self._pattern(pattern, inner)

    def _until(self, stop: str, start: int, missing: str) -> str:
        try:
            return self.text(stop)
        except _RefusedError as refused:
            if refused.fault.message and self.at < len(self.raw):
                raise
            raise _RefusedError(refused.fault.message or missing, start, len(self.raw)) from None

    def _pattern(self, pattern: str, inner: int) -> None:
        """In a pattern a backslash stands before * ? \\ / and } only."""
        at = 0
        while (at := pattern.find("\\", at)) >= 0:
            if pattern[at + 1 : at + 2] not in ("*", "?", "\\", "/", "}"):
                shown = pattern[at : at + 2]
                raise _RefusedError(
                    f"a pattern can't hold {shown}; use \\ before *, ? and \\ alone",
                    inner + at,
                    inner + at + 2,
                )
            at += 2
