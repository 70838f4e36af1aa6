"""An image's history: its steps, which layer each made, and which tool wrote it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the history. `layer` is the index of the layer it made, None when it made none.

    `confidence` is "exact" where history and layers agree in number, "aligned" where the mapping
    follows the habit of the tool that wrote it, and "unknown" where nobody can tell.
    """

    index: int
    created_by: str
    created: str | None
    comment: str
    author: str
    empty: bool
    layer: int | None
    confidence: str

    @property
    def text(self) -> str:
        """The step as a Dockerfile would have it: "RUN apt-get update", "EXPOSE 5555"."""
        return instruction_text(self.created_by)


_NOP = re.compile(r"^/bin/sh -c #\(nop\) +|^.* #\(nop\) +")
_BUILD_ARGUMENTS = re.compile(r"^\|\d+ .*?(?=/bin/sh -c )", re.DOTALL)
# Before an exec form, where no value has a blank in it: what follows is the path of the program.
_EXEC_ARGUMENTS = re.compile(r"^\|\d+ (?:\w+=\S* )+(?=/)")
_BUILDKIT_SUFFIX = re.compile(r"\s*# buildkit$")
_PORTS = re.compile(r"^EXPOSE (?:map)?\[(?P<ports>[^]]*)\]$")  # Go's way to write a list or a map
# … and to write strings, one after the other, durations, and numbers as characters.
_STRING = r'"(?:[^"\\]|\\.)*"'
_STRINGS = rf"{_STRING}(?: {_STRING})*"
_GO_LIST = re.compile(rf"^(?P<keyword>CMD|ENTRYPOINT|SHELL) \[(?P<items>{_STRINGS})\]$")
_GO_WORDS = re.compile(r"^(?P<keyword>SHELL|VOLUME) \[(?P<words>[^]\"]+)\]$")
_HEALTHCHECK = re.compile(
    rf"^HEALTHCHECK &\{{\[(?P<test>{_STRINGS})\] (?P<times>{_STRINGS}) '(?P<retries>\\.[^']*|[^'])'\}}$",
    re.DOTALL,
)
# Of its times, as Docker's HealthConfig has them; engines before 25 know no start interval.
_TIMES = ("interval", "timeout", "start-period", "start-interval")
_QUOTED = re.compile(_STRING)
_ESCAPED = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_MOUNTS = re.compile(r":[0-9a-f]{64}$")  # buildah adds the sum of the mounts


def instruction_text(created_by: str) -> str:
    """What a builder's `created_by` says, without the builder's own marks."""
    text = _BUILDKIT_SUFFIX.sub("", created_by.strip())
    nop = _NOP.match(text)
    if nop:
        return _as_written(text[nop.end() :].strip())
    run = text.startswith("RUN ")
    body = text[4:] if run else text
    body = _EXEC_ARGUMENTS.sub("", _BUILD_ARGUMENTS.sub("", body))
    if body.startswith("/bin/sh -c "):
        return "RUN " + _MOUNTS.sub("", body[len("/bin/sh -c ") :]).strip()
    return f"RUN {body}" if run else _as_written(body)


def _as_written(text: str) -> str:
    """EXPOSE, CMD and the like in a Dockerfile's own form where the builder prints a Go value."""
    ports = _PORTS.match(text)
    if ports:
        return "EXPOSE " + ports["ports"].replace(":{}", "")
    if listed := _GO_LIST.match(text):
        return f"{listed['keyword']} {json.dumps(_strings(listed['items']), ensure_ascii=False)}"
    if words := _GO_WORDS.match(text):
        found = words["words"].split(" ")
        return f"SHELL {json.dumps(found)}" if words["keyword"] == "SHELL" else " ".join(["VOLUME", *found])
    check = _HEALTHCHECK.match(text)
    return (_healthcheck(check) if check else "") or text


def _healthcheck(check: re.Match[str]) -> str:
    """HEALTHCHECK with its options; "" where they can't be known."""
    kind, *command = _strings(check["test"])
    times = _strings(check["times"])
    retries = ord(_unescaped(check["retries"])[:1])
    if kind == "NONE":
        return "HEALTHCHECK NONE"
    if len(times) not in (3, 4) or retries == 0xFFFD or kind not in ("CMD", "CMD-SHELL"):
        return ""
    options = [f"--{name}={time}" for name, time in zip(_TIMES, times, strict=False) if time != "0s"]
    options += [f"--retries={retries}"] if retries else []
    said = json.dumps(command, ensure_ascii=False) if kind == "CMD" else " ".join(command)
    return " ".join(["HEALTHCHECK", *options, "CMD", said])


def _strings(text: str) -> list[str]:
    """What Go's quoted strings hold."""
    return [_unescaped(one[1:-1]) for one in _QUOTED.findall(text)]


def _unescaped(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        code = found[1]
        if len(code) > 1:
            number = int(code[1:], 16)
            return chr(number) if number < 0x110000 else "\N{REPLACEMENT CHARACTER}"
        return _ESCAPES.get(code, code)

    return _ESCAPED.sub(character, text)


# Who wrote a step, by the marks that tools leave in created_by, comment and author.
_PRODUCERS = (
    ("BuildKit", "comment", re.compile(r"buildkit\.")),
    ("kaniko", "author", re.compile(r"kaniko$")),
    ("ko", "author", re.compile(r"ko$")),
    ("Jib", "author", re.compile(r"Jib$")),
    ("Bazel", "author", re.compile(r"Bazel$")),
    ("docker import", "comment", re.compile(r"Imported from ")),
    ("Nix", "comment", re.compile(r"store paths: ")),
    ("squash", "comment", re.compile(r"merge sha256:")),
    ("buildah", "comment", re.compile(r"FROM ")),
    ("BuildKit", "created_by", re.compile(r".*# buildkit$", re.DOTALL)),
    ("Docker builder", "created_by", re.compile(r"/bin/sh -c |\|\d+ .*/bin/sh -c ", re.DOTALL)),
    ("Docker builder", "created_by", re.compile(r".*#\(nop\)", re.DOTALL)),
    ("Bazel", "created_by", re.compile(r"bazel build")),
    ("ko", "created_by", re.compile(r"ko build ")),
    ("Jib", "created_by", re.compile(r"jib-")),
)


def producer(step: Step) -> str:
    """The tool that wrote a step; "unknown" when nothing gives it away."""
    for name, field, pattern in _PRODUCERS:
        if pattern.match(getattr(step, field)):
            return name
    return "unknown"


def map_history(history: Any, layers: int, subject: str) -> tuple[Step, ...]:
    """The steps of a configuration's `history`, mapped to as many layers.

    By position, never by digest: the same layer may stand in an image twice. With more entries
    than layers the surplus ones at the end count as empty, as BuildKit has it. With fewer, a
    builder has appended its entries to a base that had none, so they belong to the top; of other
    tools nobody can tell.

    Raises:
        InputError: the history is no list of objects.
    """
    if history is None:
        return ()
    if not isinstance(history, list) or not all(isinstance(one, dict) for one in history):
        raise InputError(f"{subject}: history", "is not a list of objects")
    filled = [index for index, one in enumerate(history) if not one.get("empty_layer")]
    steps = tuple(_step(index, one) for index, one in enumerate(history))
    owners: dict[int, int] = {}
    confidence = "exact"
    if len(filled) >= layers:
        owners = dict(zip(filled, range(layers), strict=False))
        confidence = "exact" if len(filled) == layers else "aligned"
    elif filled and all(producer(steps[index]) in _APPENDING for index in filled):
        owners = dict(zip(filled, range(layers - len(filled), layers), strict=True))
        confidence = "aligned"
    else:
        confidence = "unknown"
    if any(producer(steps[index]) == "Bazel" for index in filled):
        confidence = "unknown"  # its rules put their own entries before those of the base
    return tuple(
        dataclasses.replace(
            one,
            layer=owners.get(one.index),
            empty=one.index not in owners,
            # buildah without --layers gives everything to the last instruction, be it CMD.
            confidence="unknown" if one.index in owners and _METADATA.match(one.text) else confidence,
        )
        for one in steps
    )


# They write an entry for each step of their own, and none for a base that has none.
_APPENDING = ("Docker builder", "buildah", "kaniko")
_METADATA = re.compile(
    r"(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\s"
)


def _step(index: int, entry: dict[str, Any]) -> Step:
    """An entry, before it is known which layer it made."""

    def text(key: str) -> str:
        value = entry.get(key)
        return value if isinstance(value, str) else ""

    return Step(
        index=index,
        created_by=text("created_by"),
        created=text("created") or None,
        comment=text("comment"),
        author=text("author"),
        empty=True,
        layer=None,
        confidence="unknown",
    )


def step_of_layer(steps: Sequence[Step], layer: int) -> Step | None:
    """The step that made a layer."""
    return next((one for one in steps if one.layer == layer), None)
