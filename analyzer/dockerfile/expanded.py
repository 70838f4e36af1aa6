"""The words of an instruction that a builder expands, as it takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .heredoc import is_marker
from .instruction import Instruction
from .text import Word

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
        for word in instruction.args:
            if not (instruction.heredocs and is_marker(word.raw)):
                yield Expanded(word.raw if instruction.json is None else word.value, word)
        if keyword in ("ADD", "COPY"):
            for doc in instruction.heredocs:
                if doc.marker.expand and "$" in doc.body.value:
                    yield Expanded(doc.body.value, Word(doc.body, 0, len(doc.body.value)), quotes=False)
    elif keyword in ("WORKDIR", "USER", "STOPSIGNAL"):
        yield Expanded(instruction.value.raw, instruction.value)


def is_ordinary(text: str, escape: str) -> bool:
    """Whether a text holds nothing that needs a second look: no escape, closed quotes, plain variables."""
    if escape in text or text.count('"') % 2 or "'" in text:
        return False
    if '"' in text and "${" in text:
        return False
    return all(
        (name := rest.partition("}")[0].partition(":-")[0]).isidentifier() and "}" in rest and "$" not in name
        for rest in text.split("${")[1:]
    )
