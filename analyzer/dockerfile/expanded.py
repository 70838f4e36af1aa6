"""The words of an instruction that a builder expands, as it takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .heredoc import is_marker
from .instruction import Instruction
from .text import Word
from .words import blank_delimited

_EXPANDED_FLAGS = {"FROM": ("platform",), "ADD": ("checksum", "chmod", "chown"), "COPY": ("chmod", "chown")}


class Expanded(NamedTuple):
    """A text that is expanded, and the word that it stands in."""

    text: str
    word: Word
    quotes: bool = True  # whether quotes mean anything in it


def expanded_words(instruction: Instruction) -> Iterator[Expanded]:
    """What a builder expands of an instruction. In a shell's text (RUN, CMD…) it expands nothing."""
    keyword = instruction.keyword
    for flag in instruction.flags:
        if flag.value is not None and flag.name in _EXPANDED_FLAGS.get(keyword, ()):
            yield Expanded(flag.value, flag.word)
    if instruction.rest[0] >= instruction.rest[1]:
        return
    if keyword == "FROM":
        yield Expanded(instruction.args[0].raw, instruction.args[0])
    elif keyword in ("ENV", "LABEL", "ARG"):
        for name, value in instruction.pairs:
            if keyword != "ARG":
                yield Expanded(name.raw, name)
            if value is not None:
                yield Expanded(value.raw, value)
    elif keyword in ("ADD", "COPY", "EXPOSE", "VOLUME"):
        words, array = instruction.args, instruction.json is not None
        if instruction.trailing is not None:  # what has text behind it is no array to BuildKit
            words, array = blank_delimited(instruction.line, *instruction.rest), False
        for word in words:
            if not (instruction.heredocs and is_marker(word.raw)):
                yield Expanded(word.value if array else word.raw, word)
        if keyword in ("ADD", "COPY"):
            for doc in instruction.heredocs:
                if doc.marker.expand and "$" in doc.body.value:
                    yield Expanded(doc.body.value, Word(doc.body, 0, len(doc.body.value)), quotes=False)
    elif keyword in ("WORKDIR", "USER", "STOPSIGNAL"):
        yield Expanded(instruction.value.raw, instruction.value)


def is_ordinary(text: str, escape: str) -> bool:
    """Whether a text holds nothing that needs a second look: no escape, closed quotes, plain variables."""
    if escape in text or "'" in text or text.count('"') % 2:
        return False
    for rest in text.split("${")[1:]:
        inner, closed, _ = rest.partition("}")
        if not closed or '"' in inner or "$" in inner or not inner.partition(":-")[0].isidentifier():
            return False
    return True
