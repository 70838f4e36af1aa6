"""The flags and arguments that BuildKit refuses an instruction for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .instruction import Instruction, shown
from .text import Word

FLAGS = {
    "FROM": ("platform",),
    "ADD": ("checksum", "chmod", "chown", "exclude", "keep-git-dir", "link", "unpack"),
    "COPY": ("chmod", "chown", "exclude", "from", "link", "parents"),
    "RUN": ("device", "mount", "network", "security"),
    "HEALTHCHECK": ("interval", "retries", "start-interval", "start-period", "timeout"),
}
_SWITCHES = frozenset({"keep-git-dir", "link", "parents", "unpack"})
_REPEATED = frozenset({"device", "exclude", "mount"})
_DURATION = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*", re.IGNORECASE)


def argument_faults(instruction: Instruction) -> Iterator[tuple[str, Word]]:
    """What is wrong with an instruction's flags and arguments: a message, and the word."""
    yield from _flag_faults(instruction)
    if instruction.rest[0] >= instruction.rest[1]:
        return
    keyword, args = instruction.keyword, instruction.args
    if keyword in ("ENV", "LABEL"):
        for name, value in instruction.pairs:
            if value is None:
                shape = "name=value" if len(instruction.pairs) > 1 else "a name and a value"
                yield f"{keyword} needs {shape}, not {shown(name.raw)}", name
            elif not name.value:
                yield f"{keyword} needs a name before the =", value
    elif keyword == "FROM":
        if len(args) not in (1, 3) or (len(args) == 3 and args[1].raw.lower() != "as"):
            yield "FROM takes an image, or an image AS a name", args[min(1, len(args) - 1)]
        elif len(args) == 3 and not _STAGE_NAME.fullmatch(args[2].raw):
            yield (
                f"{shown(args[2].raw)} is no stage's name: a letter, then letters, digits, - _ and .",
                args[2],
            )
    elif keyword in ("COPY", "ADD") and len(args) < 2 and "<<" not in instruction.value.raw:
        yield f"{keyword} needs a source and a destination", args[0] if args else instruction.word
    elif keyword == "HEALTHCHECK" and instruction.json is None:
        kind = instruction.args[0]
        if kind.raw.upper() not in ("CMD", "NONE"):
            yield f"HEALTHCHECK takes CMD and a command, or NONE, not {shown(kind.raw)}", kind
        elif kind.raw.upper() == "CMD" and len(instruction.args) < 2:
            yield "HEALTHCHECK CMD needs a command", kind
    elif keyword == "SHELL" and instruction.json is None:
        yield "SHELL takes a JSON array of strings", instruction.value
    elif keyword == "STOPSIGNAL" and len(args) > 1:
        yield "STOPSIGNAL takes one signal", args[1]


def _flag_faults(instruction: Instruction) -> Iterator[tuple[str, Word]]:
    allowed = FLAGS.get(instruction.keyword, ())
    seen: set[str] = set()
    for flag in instruction.flags:
        if flag.name not in allowed:
            yield f"{instruction.keyword} has no flag --{flag.name}{_meant(flag.name, allowed)}", flag.word
        elif flag.value is None and flag.name not in _SWITCHES:
            yield f"the flag --{flag.name} needs a value: --{flag.name}=…", flag.word
        elif flag.name in seen and flag.name not in _REPEATED:
            yield f"the flag --{flag.name} is given twice", flag.word
        elif instruction.keyword == "HEALTHCHECK" and flag.value is not None and "$" not in flag.value:
            if flag.name == "retries":
                right = flag.value.isdigit()
            else:
                right = (
                    flag.value == "0" or re.fullmatch(rf"(?:{_DURATION.pattern})+", flag.value) is not None
                )
            if not right:
                what = "a number" if flag.name == "retries" else "a duration like 30s"
                yield f"--{flag.name} takes {what}, not {shown(flag.value)}", flag.word
        seen.add(flag.name)


def _meant(name: str, allowed: tuple[str, ...]) -> str:
    import difflib

    close = difflib.get_close_matches(name.lower(), allowed, 1)
    return f"; did you mean --{close[0]}?" if close else ""
