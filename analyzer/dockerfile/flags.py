"""The flags that instructions take, and what builders refuse them for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .instruction import Instruction, shown
from .text import Word
from .words import Flag

FLAGS = {
    "FROM": ("platform",),
    "ADD": ("checksum", "chmod", "chown", "exclude", "keep-git-dir", "link", "unpack"),
    "COPY": ("chmod", "chown", "exclude", "from", "link", "parents"),
    "RUN": ("device", "mount", "network", "security"),
    "HEALTHCHECK": ("interval", "retries", "start-interval", "start-period", "timeout"),
}
# Instructions whose flags no builder reads: they are passed over.
_UNREAD = frozenset({"ARG", "STOPSIGNAL"})
_SWITCHES = frozenset({"keep-git-dir", "link", "parents", "unpack"})
_REPEATED = frozenset({"device", "exclude", "mount"})
_CHOICES = {"network": ("default", "none", "host"), "security": ("sandbox", "insecure")}
_DURATION = r"[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|ms|s|m|h))+)"
_PART = r"([0-9.]+)([a-z]+)"
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 2**63 / 1e9  # seconds that builders can hold
_NUMBER = r"[+-]?[0-9]+"


def flag_faults(instruction: Instruction) -> Iterator[tuple[str, Word]]:
    """What is wrong with an instruction's flags: a message, and the word. In the order in which builders read."""
    keyword = instruction.keyword
    if keyword in _UNREAD or not instruction.flags or _is_none(instruction):
        return
    allowed = FLAGS.get(keyword, ())
    seen: set[str] = set()
    for flag in instruction.flags:
        name, value = flag.name, flag.value
        if name not in allowed:
            yield f"{keyword} has no flag --{name}{_meant(name, allowed)}", flag.word
        elif value is None and name not in _SWITCHES:
            yield f"the flag --{name} needs a value: --{name}=…", flag.word
        elif name in seen and name not in _REPEATED:
            yield f"the flag --{name} is given twice", flag.word
        elif fault := _value_fault(flag):
            yield fault, flag.word
        seen.add(name)


def _is_none(instruction: Instruction) -> bool:
    """Whether it is `HEALTHCHECK NONE`, of which builders read no flags."""
    return instruction.keyword == "HEALTHCHECK" and instruction.value.raw.upper().split()[:1] == ["NONE"]


def _value_fault(flag: Flag) -> str | None:
    """What is wrong with the value of a flag that no variable can stand in."""
    name, value = flag.name, flag.value
    if value is None:
        return None
    if name in _SWITCHES:
        if value.lower() not in ("true", "false"):
            return f"--{name} is true or false, not {shown(value)}; use --{name} alone to switch it on"
    elif name in _CHOICES:
        if value not in _CHOICES[name]:
            return f"--{name} can't be {shown(value)}; use {_either(_CHOICES[name])}"
    elif name == "retries":
        return _retries_fault(value)
    elif name in ("interval", "start-interval", "start-period", "timeout"):
        return _duration_fault(name, value)
    return None


def _retries_fault(value: str) -> str | None:
    if value == "":
        return None
    if not re.fullmatch(_NUMBER, value):
        return f"--retries takes a number, not {shown(value)}"
    if len(value) > 20 or not 0 <= int(value) < 2**31:
        return f"--retries can't be {value}; use a number from 0 to {2**31 - 1}"
    return None


def _duration_fault(name: str, value: str) -> str | None:
    if value == "":
        return None
    if not re.fullmatch(_DURATION, value):
        why = "; variables are not expanded here" if "$" in value else ""
        return f"--{name} takes a duration like 30s, not {shown(value)}{why}"
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, value))
    if value[0] == "-" and seconds:
        return f"--{name} can't be negative; use a duration like 30s"
    if 0 < seconds < 1e-3:
        return f"--{name} is less than a millisecond; use 1ms or more"
    if seconds >= _LONGEST:
        return f"--{name} is longer than builders can hold; use a duration like 30s"
    return None


def _either(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _meant(name: str, allowed: tuple[str, ...]) -> str:
    import difflib

    close = difflib.get_close_matches(name.lower(), allowed, 1)
    return f"; did you mean --{close[0]}?" if close else ""
