"""Cutting an instruction's text into words, flags, pairs and JSON arrays, as BuildKit does it."""

import json
import re
from typing import NamedTuple

from .text import SPACE, Joined, Word

_ASCII_SPACE = "\t\n\v\f\r "  # flags are read byte by byte
BLANKS = re.compile(r"[\t\v\f\r ]+")
_DECODER = json.JSONDecoder()
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Flag(NamedTuple):
    """A flag before an instruction's arguments: `--from=build`, `--link`."""

    name: str
    value: str | None
    word: Word


def blank_delimited(source: Joined, start: int, end: int) -> tuple[Word, ...]:
    """Words cut at blanks; quotes mean nothing here."""
    words = []
    at = start
    for gap in BLANKS.finditer(source.value, start, end):
        if gap.start() > at:
            words.append(Word(source, at, gap.start()))
        at = gap.end()
    if at < end:
        words.append(Word(source, at, end))
    return tuple(words)


def quoted(source: Joined, start: int, end: int, escape: str) -> tuple[Word, ...]:
    """Words cut at white space outside quotes, as ENV, LABEL and ARG take them."""
    text = source.value
    words = []
    at = start
    while at < end:
        if text[at] in SPACE:
            at += 1
            continue
        first = at
        quote = ""
        while at < end:
            char = text[at]
            if quote:
                if char == quote:
                    quote = ""
                elif char == escape and quote == '"':
                    at += 1
            elif char in SPACE:
                break
            elif char in "'\"":
                quote = char
            elif char == escape:
                at += 1
            at += 1
        at = min(at, end)
        words.append(Word(source, first, at, unquote(text[first:at], escape)))
    return tuple(words)


def unquote(raw: str, escape: str) -> str:
    """A word without its quotes and escapes; variables stay as they are written."""
    if "'" not in raw and '"' not in raw and escape not in raw:
        return raw
    out = []
    quote = ""
    at = 0
    while at < len(raw):
        char = raw[at]
        if char == escape and quote != "'" and at + 1 < len(raw):
            follower = raw[at + 1]
            # Inside double quotes an escape counts only before a quote, a dollar or itself.
            if quote and follower not in ('"', "$", escape):
                out.append(char)
            # An escaped dollar stays escaped: expansion must still see that it is literal.
            if follower == "$":
                out.append(char)
            out.append(follower)
            at += 2
            continue
        if quote:
            if char == quote:
                quote = ""
            else:
                # Nothing is expanded in single quotes.
                out.append(escape + char if char == "$" and quote == "'" else char)
        elif char in "'\"":
            quote = char
        else:
            out.append(char)
        at += 1
    return "".join(out)


def leading_flags(source: Joined, start: int, end: int, escape: str) -> tuple[tuple[Flag, ...], int]:
    """The `--name[=value]` words at the front, and the index of what follows them."""
    text = source.value
    flags: list[Flag] = []
    at = start
    while True:
        while at < end and text[at] in _ASCII_SPACE:
            at += 1
        if not text.startswith("--", at) or at + 2 > end:
            return tuple(flags), at
        first = at
        out = []
        quote = ""
        while at < end:
            char = text[at]
            if char == escape:
                at += 1
                if at < end:
                    out.append(text[at])
            elif quote:
                if char == quote:
                    quote = ""
                else:
                    out.append(char)
            elif char in SPACE:
                break
            elif char in "'\"":
                quote = char
            else:
                out.append(char)
            at += 1
        at = min(at, end)
        value = "".join(out)
        if value == "--":
            while at < end and text[at] in SPACE:
                at += 1
            return tuple(flags), at
        name, equals, content = value[2:].partition("=")
        flags.append(Flag(name, content if equals else None, Word(source, first, at, value)))


class NotStringsError(ValueError):
    """A JSON array whose elements are not all strings: BuildKit refuses it."""


def json_array(source: Joined, start: int, end: int) -> tuple[tuple[Word, ...], int] | None:
    """The strings of a JSON array and the index behind it; None when the text is no JSON array.

    What stands behind the array does not keep it from being one: BuildKit's decoder stops there.

    Raises:
        NotStringsError: it is a JSON array, but not of strings.
    """
    while start < end and source.value[start] in SPACE:
        start += 1
    if not source.value.startswith("[", start, end):
        return None
    try:
        values, length = _DECODER.raw_decode(source.value[start:end])
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise NotStringsError(source.value[start:end])
    close = start + length
    matches = _JSON_STRING.finditer(source.value, start, close)
    words = tuple(
        Word(source, match.start() + 1, match.end() - 1, value)
        for match, value in zip(matches, values, strict=True)
    )
    return words, close
