"""What builders write of a step, read back as a Dockerfile has it."""

from __future__ import annotations

import json
import re

# A shell with its options, as SHELL names it: "/bin/sh -c ", "/bin/bash -o pipefail -c ".
SHELL = r"/\S*sh(?: -\w+(?: pipefail)?)*? -\w*c "
NOP = re.compile(r"^.{0,200}? #\(nop\) +")
_BUILD_ARGUMENTS = re.compile(rf"^\|\d+ .*?(?={SHELL})", re.DOTALL)
# Before an exec form, where no value has a blank in it: what follows is the path of the program.
_EXEC_ARGUMENTS = re.compile(r"^\|\d+ (?:\w+=\S* )+(?=/)")
BUILDKIT_SUFFIX = re.compile(r"\s*# buildkit$")
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
_HEALTHCHECK_FIELDS = re.compile(
    r"^HEALTHCHECK \{Test:\[(?P<test>(?:CMD|CMD-SHELL|NONE)(?: .*)?)\] (?P<fields>Interval:.*) Retries:(?P<retries>\d+)\}$",
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
    text = BUILDKIT_SUFFIX.sub("", created_by.strip())
    nop = NOP.match(text)
    if nop:
        return as_written(text[nop.end() :].strip())
    run = text.startswith("RUN ")
    body = text[4:] if run else text
    body = _EXEC_ARGUMENTS.sub("", _BUILD_ARGUMENTS.sub("", body))
    if shell := re.match(SHELL, body):
        return "RUN " + _MOUNTS.sub("", body[shell.end() :]).strip()
    return f"RUN {body}" if run else as_written(body)


def as_written(text: str) -> str:
    """EXPOSE, CMD and the like in a Dockerfile's own form where the builder prints a Go value."""
    ports = _PORTS.match(text)
    if ports:
        return "EXPOSE " + ports["ports"].replace(":{}", "")
    if listed := _GO_LIST.match(text):
        return f"{listed['keyword']} {json.dumps(_strings(listed['items']), ensure_ascii=False)}"
    if words := _GO_WORDS.match(text):
        found = words["words"].split(" ")
        return f"SHELL {json.dumps(found)}" if words["keyword"] == "SHELL" else " ".join(["VOLUME", *found])
    if check := _HEALTHCHECK.match(text):
        return _healthcheck(check) or text
    if check := _HEALTHCHECK_FIELDS.match(text):
        return _healthcheck_fields(check)
    return text


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


def _healthcheck_fields(check: re.Match[str]) -> str:
    """HEALTHCHECK with its options, from a form that puts no quotes around the words of its command."""
    kind, _, command = check["test"].partition(" ")
    if kind == "NONE":
        return "HEALTHCHECK NONE"
    options = [
        f"--{name}={found[1]}"
        for name in _TIMES
        if (found := re.search(rf"{name.title().replace('-', '')}:(\S+)", check["fields"]))
        and found[1] != "0s"
    ]
    options += [f"--retries={check['retries']}"] if check["retries"] != "0" else []
    return " ".join(["HEALTHCHECK", *options, "CMD", command])


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
