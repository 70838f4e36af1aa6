"""What a step's text says, in one form for all builders, so that it can be compared."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from ..dockerfile.instruction import KEYWORDS
from ..image.created_by import BUILDKIT_SUFFIX, NOP, as_written

if TYPE_CHECKING:
    from ..image import Step

# What builders and Dockerfiles disagree about: whether ARG, ONBUILD and SHELL are steps, and LABEL of --label.
SILENT = frozenset(("ARG", "ONBUILD", "SHELL"))
_MOUNTS = re.compile(r"(?::[0-9a-f]{64})+$")
# What buildah adds of options of the build.
_OPTIONS = re.compile(
    r"(?:\s*\|(?:unsetLabel|inheritLabels|unsetAnnotation|inheritAnnotations|force-mtime|clamp-mtime)=[^\s|]*)+\s*$"
)
_MAX_PORTS = 1000
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_HEALTHCHECK = re.compile(
    r"HEALTHCHECK\s+(?P<options>(?:--\S+\s+)*)(?P<kind>CMD|NONE)\b\s*(?P<command>.*)", re.DOTALL
)


class Note(NamedTuple):
    """A step as its builder wrote it, without the builder's own marks."""

    keyword: str  # "RUN" also for a command that stands there without
    command: str | None  # what was run, if it can be a RUN
    key: str  # all of it, in the form that `key` gives; "" for a command in a builder's own form
    layer: int | None
    keeps_shell: bool  # whether its builder names the SHELL: buildah does not


def note(step: Step, *, by_buildah: bool) -> Note:
    """Read what a builder wrote.

    Args:
        step: a step of the image's history.
        by_buildah: whether the history has marks of buildah.
    """
    text = step.created_by.strip()
    marked = text.endswith("# buildkit") and not text.startswith(("/", "|"))
    buildkit = marked or step.comment.startswith("buildkit.")
    text = BUILDKIT_SUFFIX.sub("", text) if buildkit else _OPTIONS.sub("", text)
    run = text.startswith("RUN ")
    nop = None if run else NOP.match(text)
    if nop:
        text = text[nop.end() :]
    command = None if nop or (buildkit and not run) else _MOUNTS.sub("", text.removeprefix("RUN ")).strip()
    keyword = text.partition(" ")[0].upper()
    if not nop and keyword not in KEYWORDS:
        keyword = "RUN" if text else ""
    # Only kaniko keeps a RUN as it stands.
    whole = key(text) if command is None or (run and not buildkit) or keyword != "RUN" else ""
    return Note(keyword, command, whole, step.layer, buildkit or not by_buildah)


def key(text: str) -> str:
    """A step or an instruction, in the form in which both can be compared."""
    text = as_written(text.strip())
    keyword, _, rest = text.partition(" ")
    keyword = keyword.upper()
    rest = rest.strip()
    match keyword:
        case "EXPOSE":
            return f"EXPOSE {_ports(rest)}"
        case "HEALTHCHECK":
            return _healthcheck(f"HEALTHCHECK {rest}")
        case "CMD" | "ENTRYPOINT":
            words = _strings(rest)
            return f"{keyword} {rest if words is None else json.dumps(words, ensure_ascii=False)}"
        case "SHELL" | "VOLUME":
            words = _strings(rest)
            return f"{keyword} {' '.join(rest.split() if words is None else words)}"
        case _:
            return f"{keyword} {rest}"


def _strings(text: str) -> list[str] | None:
    """The strings of a JSON array; None for all else."""
    if not text.startswith("["):
        return None
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _ports(text: str) -> str:
    """Each port with its protocol, in order, ranges taken apart where they are not absurd."""
    out: set[str] = set()
    for word in set(text.split()):
        ports, _, protocol = word.partition("/")
        first, _, last = ports.partition("-")
        protocol = (protocol or "tcp").lower()
        if len(first) < 6 > len(last) and first.isdecimal() and last.isdecimal():
            out |= {
                f"{port}/{protocol}"
                for port in range(int(first), min(int(last), int(first) + _MAX_PORTS) + 1)
            }
        else:
            out.add(f"{ports}/{protocol}")
        if len(out) > _MAX_PORTS:
            return text
    return " ".join(sorted(out))


def _healthcheck(text: str) -> str:
    found = _HEALTHCHECK.match(text)
    if not found:
        return text
    options = []
    for option in found["options"].split():
        name, _, value = option.partition("=")
        number = value if name == "--retries" else str(_seconds(value))
        if number.strip("0."):
            options.append(f"{name}={number}")
    words = _strings(found["command"])
    command = found["command"].strip() if words is None else " ".join(words)
    return " ".join(["HEALTHCHECK", *sorted(options), found["kind"], command])


def _seconds(duration: str) -> float:
    return round(sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(duration)), 9)
