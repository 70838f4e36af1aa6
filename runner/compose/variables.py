"""Files of variables as compose reads them: `.env` beside the file, and `env_file` of services."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ...analyzer.errors import InputError
from .interpolation import InterpolationError, Lookup, interpolate

_MAX_BYTES = 1 << 20
_LINE = re.compile(
    r"(?:export\s+)?(?P<name>[A-Za-z_][\w.-]*)\s*(?P<sign>[=:])?\s*(?P<rest>.*)", re.ASCII | re.DOTALL
)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}


def read_variables(path: str, lookup: Lookup, *, raw: bool = False) -> dict[str, str]:
    """The variables of a file. A later line sees those of the earlier ones.

    Args:
        path: of the file.
        lookup: the value of a variable outside of the file, which goes before it.
        raw: whether values are taken as they are, without quotes and variables.

    Raises:
        InputError: it can't be read, or a line is none; with its number, never with a value.
    """
    found: dict[str, str] = {}

    def known(name: str) -> str | None:
        outside = lookup(name)
        return found.get(name) if outside is None else outside

    lines = _text(path).split("\n")
    number = 0
    while number < len(lines):
        first, number = number, number + 1
        line = lines[first].strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or (match["rest"] and match["sign"] is None):
            raise InputError(
                f"{path}:{first + 1}", "is no variable", "write NAME=VALUE, or NAME for one that is set here"
            )
        name, rest = match["name"], match["rest"]
        if match["sign"] is None:
            inherited = lookup(name)
            if inherited is not None:
                found[name] = inherited
            continue
        quote = rest[:1]
        if not raw and quote in ("'", '"') and quote:
            while _end(rest, quote) < 0:
                if number == len(lines):
                    raise InputError(
                        f"{path}:{first + 1}", f"{name} has a quote that is never closed", "close it"
                    )
                rest += "\n" + lines[number]
                number += 1
            rest = rest[1 : _end(rest, quote)]
        elif not raw:
            rest = re.split(r"\s#", f" {rest}", maxsplit=1)[0].strip()
        if quote == '"' and not raw:
            rest = re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[0]), rest, flags=re.DOTALL)
        try:
            found[name] = rest if raw or quote == "'" else interpolate(rest, known).text
        except InterpolationError as error:
            raise InputError(f"{path}:{first + 1}", f"{name} {error}") from error
    return found


def _end(text: str, quote: str) -> int:
    """Where the quote that begins a text is closed; -1 where it is not."""
    at = 1
    while at < len(text):
        if text[at] == "\\" and quote == '"':
            at += 1
        elif text[at] == quote:
            return at
        at += 1
    return -1


def _text(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(path, (error.strerror or str(error)).lower()) from error
    if len(data) > _MAX_BYTES:
        raise InputError(path, f"is larger than {_MAX_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}", "is not UTF-8", "save it as UTF-8") from error
    if "\0" in text:
        raise InputError(path, "holds a NUL, which no variable can")
    return text


def project_variables(directory: str, shell: Mapping[str, str]) -> dict[str, str]:
    """What a compose file is interpolated with: `.env` beside it, and over that the shell's own variables.

    Raises:
        InputError: `.env` is there, and can't be read.
    """
    path = os.path.join(directory, ".env")
    own = read_variables(path, shell.get) if os.path.isfile(path) else {}
    return {**own, **shell}
