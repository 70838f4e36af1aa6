"""Here-documents: their delimiters on an instruction's line, and their bodies below it."""

import re
from typing import NamedTuple

from .text import SPACE, Joined, Word
from .words import unquote

_MARKER = re.compile(r"(\d*)<<(-?)[\t\n\f\r ]*([^<]*)", re.DOTALL)


class Marker(NamedTuple):
    """`<<EOF` as it stands on the instruction's line."""

    word: Word
    delimiter: str
    chomp: bool  # <<- : leading tabs go away
    expand: bool  # no part of the delimiter is quoted


class Heredoc(NamedTuple):
    """A here-document with its body (without the line of the terminator)."""

    marker: Marker
    body: Joined
    terminated: bool


def markers(source: Joined, start: int, end: int) -> tuple[Marker, ...]:
    """The here-document markers among the words of an instruction's line.

    There are none in a line with a quote that stays open or a ${…} that builders can't read: they give up on it.
    """
    if "${" in source.value:
        from .substitution import substitutions  # few lines have both

        if substitutions(source.value[start:end]).fault:
            return ()
    found = []
    for word in _shell_words(source, start, end):
        match = _MARKER.fullmatch(word.raw)
        if not match or not match[3]:
            continue
        delimiter = unquote(match[3], "\\")
        found.append(Marker(word, delimiter, match[2] == "-", delimiter == match[3]))
    return tuple(found)


def is_marker(raw: str) -> bool:
    """Whether a word, as it is written, is a here-document's marker."""
    match = _MARKER.fullmatch(raw)
    return match is not None and match[3] != ""


def _shell_words(source: Joined, start: int, end: int) -> list[Word]:
    """Words cut at white space outside quotes and ${…}, escapes kept; blanks behind `<<` are part of the word."""
    text = source.value
    words = []
    at = start
    while at < end:
        if text[at] in SPACE:
            at += 1
            continue
        first = at
        quote = ""
        braces = 0
        while at < end:
            char = text[at]
            if char == "\\" and quote != "'":
                at += 1
            elif quote:
                if char == quote:
                    quote = ""
            elif char in "'\"":
                quote = char
            elif text.startswith("${", at):
                braces += 1
            elif char == "}" and braces:
                braces -= 1
            elif char in SPACE and not braces:
                break
            elif text.startswith("<<", at):
                at += 2
                while at < end and text[at] in "\t\r ":
                    at += 1
                continue
            at += 1
        if quote:
            return []  # a quote that stays open: BuildKit gives up looking for markers on this line
        at = min(at, end)
        words.append(Word(source, first, at))
    return words
