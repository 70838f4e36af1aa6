"""The arguments that builders refuse an instruction for, whatever its variables hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .heredoc import is_marker
from .instruction import Instruction, shown
from .text import Word

_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*", re.IGNORECASE | re.ASCII)
# What the image itself, or its user, can do without: everything else takes an argument at least.
MAY_BE_BARE = frozenset({"CMD", "ENTRYPOINT", "RUN"})


def argument_faults(instruction: Instruction) -> Iterator[tuple[str, Word]]:
    """What is wrong with an instruction's flags and arguments: a message, and the word."""
    if instruction.flags:
        from .flags import flag_faults  # many files have none

        yield from flag_faults(instruction)
    if instruction.rest[0] >= instruction.rest[1]:
        return
    keyword = instruction.keyword
    if keyword in ("ENV", "LABEL", "ARG"):
        yield from _pair_faults(instruction)
    elif keyword == "FROM":
        args = instruction.args  # cut where they are looked at: those of a RUN can be many
        if len(args) not in (1, 3) or (len(args) == 3 and args[1].raw.lower() != "as"):
            like_as = len(args) == 3 and re.fullmatch(r"[A-Za-z]{1,3}", args[1].raw)
            meant = "; did you mean AS?" if like_as else ""
            yield f"FROM takes an image, or an image AS a name{meant}", args[min(1, len(args) - 1)]
        elif len(args) == 3 and not _STAGE_NAME.fullmatch(args[2].raw):
            yield (
                f"{shown(args[2].raw)} is no stage's name: a letter, then letters, digits, - _ and .",
                args[2],
            )
    elif keyword in ("COPY", "ADD"):
        yield from _copy_faults(instruction)
    elif keyword == "HEALTHCHECK":
        yield from _healthcheck_faults(instruction)
    elif keyword == "SHELL":
        if instruction.json is None:
            yield "SHELL takes a JSON array of strings", instruction.value
        elif not instruction.json:
            yield 'SHELL needs a program; use SHELL ["/bin/sh", "-c"]', instruction.value
    elif keyword == "RUN":
        if instruction.json == ():
            yield 'RUN [] runs nothing; use RUN ["program", "argument"], or leave it out', instruction.value
    elif keyword == "VOLUME":
        if not instruction.args:
            yield "VOLUME needs a directory", instruction.value
        for word in instruction.args:
            if not word.value.strip():
                yield "VOLUME can't be an empty name; use the path of a directory", word
    elif keyword == "STOPSIGNAL" and len(instruction.args) > 1 and "$" not in instruction.value.raw:
        yield "STOPSIGNAL takes one signal", instruction.args[1]


def _pair_faults(instruction: Instruction) -> Iterator[tuple[str, Word]]:
    keyword = instruction.keyword
    for name, value in instruction.pairs:
        if value is None:
            if keyword != "ARG":
                shape = "name=value" if len(instruction.pairs) > 1 else "a name and a value"
                yield f"{keyword} needs {shape}, not {shown(name.raw)}", name
        elif not name.raw:
            yield f"{keyword} needs a name before the =", value


def _copy_faults(instruction: Instruction) -> Iterator[tuple[str, Word]]:
    keyword, args = instruction.keyword, instruction.args
    last = args[-1] if args else None
    if len(args) < 2:
        yield f"{keyword} needs a source and a destination", last or instruction.word
    elif last and is_marker(last.raw):
        yield f"{keyword} can't have a here-document as its destination; use a path behind it", last


def _healthcheck_faults(instruction: Instruction) -> Iterator[tuple[str, Word]]:
    kind = instruction.value.part(*_first_word(instruction.value.raw))
    name = kind.raw.upper()
    if name not in ("CMD", "NONE"):
        from difflib import get_close_matches

        close = get_close_matches(name, ("CMD", "NONE"), 1)
        meant = f"did you mean {close[0]}?" if close else "use CMD before the command"
        yield f"HEALTHCHECK takes CMD and a command, or NONE, not {shown(kind.raw)}; {meant}", kind
    elif name == "NONE" and len(kind.raw) < len(instruction.value.raw):
        yield "HEALTHCHECK NONE takes no arguments", kind
    elif name == "CMD" and (instruction.json == () or len(kind.raw) == len(instruction.value.raw)):
        yield "HEALTHCHECK CMD needs a command", kind


def _first_word(raw: str) -> tuple[int, int]:
    found = re.match(r"[^ \t\n\v\f\r]+", raw)
    return (0, found.end()) if found else (0, len(raw))
