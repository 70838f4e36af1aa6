"""A value of a compose file that knows where it stands, so that an error can name file, line, service and key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from ...analyzer.credentials import mask
from ...analyzer.errors import InputError
from ...analyzer.yaml_file import YamlFile
from ..schema import dotted


class Value:
    """A value of the file after interpolation, with the path of keys and indexes that leads to it."""

    def __init__(self, file: YamlFile, path: tuple[str | int, ...], raw: Any) -> None:
        self.file = file
        self.path = path
        self.raw = raw

    @property
    def name(self) -> str:
        """As a message tells it: `service web: environment.MODE`."""
        if self.path[:1] == ("services",) and len(self.path) > 1:
            inside = dotted(self.path[2:])
            return f"service {self.path[1]}{f': {inside}' if inside else ''}"
        return dotted(self.path)

    @property
    def place(self) -> str:
        """What an error is about: the file, the line and the service or key."""
        line = self.file.line(self.path)
        where = self.file.name if line is None else f"{self.file.name}:{line}"
        return f"{where}: {self.name}" if self.name else where

    def wrong(self, problem: str, hint: str = "") -> InputError:
        """The error of this value."""
        return InputError(self.place, problem, hint)

    def get(self, key: str) -> Value | None:
        """The value behind a key of a mapping; None where there is none, or nothing."""
        found = self.mapping().get(key)
        return found if found is not None and found.raw is not None else None

    def mapping(self) -> dict[str, Value]:
        """What a mapping holds; nothing holds nothing.

        Raises:
            InputError: it is none.
        """
        if self.raw is None:
            return {}
        if not isinstance(self.raw, dict):
            raise self._other("a mapping")
        return {key: Value(self.file, (*self.path, key), raw) for key, raw in self.raw.items()}

    def items(self) -> list[Value]:
        """What a list holds; nothing holds nothing.

        Raises:
            InputError: it is none.
        """
        if self.raw is None:
            return []
        if not isinstance(self.raw, list):
            raise self._other("a list")
        return [Value(self.file, (*self.path, number), raw) for number, raw in enumerate(self.raw)]

    def text(self) -> str:
        """A text; numbers and truth values are texts as compose writes them.

        Raises:
            InputError: it is none.
        """
        if self.raw is None or isinstance(self.raw, dict | list):
            raise self._other("a text")
        if "\0" in (written := as_text(self.raw)):
            raise self.wrong("holds a NUL")
        return written

    def texts(self) -> list[str]:
        """A list of texts, or one.

        Raises:
            InputError: it is neither.
        """
        return [self.text()] if isinstance(self.raw, str) else [one.text() for one in self.items()]

    def flag(self) -> bool:
        """True or false, which a variable may have given as a text.

        Raises:
            InputError: it is neither.
        """
        if isinstance(self.raw, bool):
            return self.raw
        if isinstance(self.raw, str) and self.raw.lower() in ("true", "false"):
            return self.raw.lower() == "true"
        raise self._other("true or false")

    def number(self) -> int:
        """A whole number from 0 on.

        Raises:
            InputError: it is none.
        """
        text = self.text()
        if isinstance(self.raw, bool) or not (text.isascii() and text.isdigit() and len(text) < 10):
            raise self._other("a whole number")
        return int(text)

    def pairs(self) -> Iterator[tuple[str, str | None, Value]]:
        """Names and values of a mapping, or of a list of NAME=VALUE; None for a name alone.

        Raises:
            InputError: it is neither.
        """
        if isinstance(self.raw, list):
            for one in self.items():
                name, equals, value = one.text().partition("=")
                yield name, value if equals else None, one
        else:
            for name, one in self.mapping().items():
                yield name, None if one.raw is None else one.text(), one

    def only(self, known: Iterable[str]) -> None:
        """See that a mapping holds no other keys than these, and such as begin with x-.

        Raises:
            InputError: it does; with the nearest known one.
        """
        known = list(known)
        for key, one in self.mapping().items():
            if key not in known and not key.startswith("x-"):
                close = difflib.get_close_matches(key, known, 1, 0.6)
                hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known[:12])}"
                raise one.wrong("is no key that compose files have", hint)

    def _other(self, wanted: str) -> InputError:
        found = self.raw
        shown = "a mapping" if isinstance(found, dict) else "a list" if isinstance(found, list) else None
        shown = "nothing" if found is None else shown or repr(mask(as_text(found))[:60])
        return self.wrong(f"takes {wanted}, not {shown}")


def as_text(raw: Any) -> str:
    """A plain value of YAML as the text that compose makes of it."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float):
        return f"{raw:.0f}" if raw.is_integer() and abs(raw) < 1e21 else repr(raw)
    return str(raw)
