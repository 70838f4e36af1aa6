"""Reading configuration files: imglint.toml, [tool.imglint] of pyproject.toml, and hadolint's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .analyzer import InputError
from .config import PROFILES, SEVERITIES, PerPath, Settings
from .rules.gates import Limits, parse_limits
from .rules.policy import LABEL_TYPES, Policy
from .rules.registry import UnknownCodeError, check, find
from .rules.rule import Severity
from .rules.verdicts import FAIL_ON, FailOn

_MAX_BYTES = 1024 * 1024


def read(path: str) -> Settings:
    """The settings that a configuration file asks for.

    Raises:
        InputError: it can't be read, or holds a key, a value or a code that nobody understands.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_BYTES).decode("utf-8")
    except OSError as error:
        raise InputError(path, (error.strerror or str(error)).lower(), "check --config") from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
    if path.endswith((".yaml", ".yml")):
        return _hadolint(path, data)
    import tomllib

    try:
        table = tomllib.loads(data)
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, f"is not valid TOML: {error}", "see docs/configuration.md") from error
    if path.endswith("pyproject.toml"):
        table = table.get("tool", {}).get("imglint", {})
    return _settings(path, table)


class _Reader:
    """Takes values out of a table by type, and tells what is wrong with them."""

    def __init__(self, path: str, where: str = "") -> None:
        self.path = path
        self.where = where

    def wrong(self, key: str, problem: str, hint: str = "") -> InputError:
        return InputError(self.path, f"{self.where}{key} {problem}", hint or "see docs/configuration.md")

    def text(self, key: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.wrong(key, f"takes a text, not {_type(value)}")
        return value

    def flag(self, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(key, f"takes true or false, not {_type(value)}")
        return value

    def texts(self, key: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.wrong(key, f"takes a list of texts, not {_type(value)}")
        return tuple(value)

    def table(self, key: str, value: Any) -> Mapping[str, str]:
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise self.wrong(key, "takes a table of texts")
        return value

    def choice(self, key: str, value: Any, choices: Iterable[str]) -> str:
        choices = tuple(choices)
        if value not in choices:
            raise self.wrong(key, f"is {', '.join(choices)}, not {value!r}")
        return str(value)

    def codes(self, key: str, value: Any) -> tuple[str, ...]:
        codes = self.texts(key, value)
        for code in codes:
            try:
                check(code)
            except UnknownCodeError as error:
                meant = f"did you mean {error.nearest}? " if error.nearest else ""
                raise self.wrong(
                    key, f"names {code!r}, which is no rule's", f"{meant}`imglint rules` lists them"
                ) from error
        return codes

    def severities(self, key: str, value: Any) -> dict[str, Severity]:
        out = {}
        for code, level in self.table(key, value).items():
            self.codes(key, [code])
            out[find(code).code] = SEVERITIES[self.choice(f"{key}.{code}", level, SEVERITIES)]
        return out

    def level(self, key: str, value: Any) -> Severity | None:
        return SEVERITIES.get(self.choice(key, value, (*SEVERITIES, "none")))

    def gates(self, key: str, value: Any) -> dict[str, Limits]:
        """Limits for all images, and in tables of their own for those whose names fit a glob."""
        if not isinstance(value, dict):
            raise self.wrong(key, "takes a table of limits")
        tables = {"*": {k: v for k, v in value.items() if not isinstance(v, dict)}}
        tables |= {k: v for k, v in value.items() if isinstance(v, dict)}
        out = {}
        for glob, table in tables.items():
            where = key if glob == "*" else f"{key}.{glob}"
            for name in table:
                if name.replace("-", "_") not in Limits._fields:
                    raise _unknown(
                        _Reader(self.path, f"{where}."),
                        name,
                        [one.replace("_", "-") for one in Limits._fields],
                    )
            try:
                out[glob] = parse_limits({name.replace("-", "_"): str(one) for name, one in table.items()})
            except ValueError as error:
                raise self.wrong(where, f"has {error}") from error
        return out

    def labels(self, key: str, value: Any) -> Mapping[str, str]:
        table = self.table(key, value)
        for name, kind in table.items():
            self.choice(f"{key}.{name}", kind or "text", LABEL_TYPES)
        return {name: kind or "text" for name, kind in table.items()}


def _type(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), type(value).__name__)


# Key of the file → the field of Settings, and how its value is read.
_KEYS: dict[str, tuple[str, Callable[[_Reader, str, Any], Any]]] = {
    "profile": ("profile", lambda r, k, v: r.choice(k, v, PROFILES)),
    "select": ("select", _Reader.codes),
    "ignore": ("ignore", _Reader.codes),
    "extend-select": ("extend_select", _Reader.codes),
    "severity": ("severities", _Reader.severities),
    "fail-level": ("fail_level", _Reader.level),
    "fail-on": ("fail_on", lambda r, k, v: FailOn.of(r.choice(k, v, FAIL_ON))),
    "pragmas": ("pragmas", _Reader.flag),
    "build-args": ("build_args", _Reader.table),
    "target": ("target", _Reader.text),
    "context": ("context", _Reader.text),
    "baseline": ("baseline", _Reader.text),
    "images": ("images", _Reader.table),
    "gates": ("gates", _Reader.gates),
}
_POLICY_KEYS: dict[str, tuple[str, Callable[[_Reader, str, Any], Any]]] = {
    "trusted-registries": ("trusted_registries", _Reader.texts),
    "labels": ("labels", _Reader.labels),
    "strict-labels": ("strict_labels", _Reader.flag),
}
_PER_PATH_KEYS: dict[str, tuple[str, Callable[[_Reader, str, Any], Any]]] = {
    "paths": ("paths", _Reader.texts),
    "ignore": ("ignore", _Reader.codes),
    "extend-select": ("extend_select", _Reader.codes),
}
KEYS = (*_KEYS, *_POLICY_KEYS, "per-path")


def _settings(path: str, table: Mapping[str, Any]) -> Settings:
    import os

    reader = _Reader(path)
    values: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    per_path: list[PerPath] = []
    for key, value in table.items():
        if key in _KEYS:
            field, parse = _KEYS[key]
            values[field] = parse(reader, key, value)
        elif key in _POLICY_KEYS:
            field, parse = _POLICY_KEYS[key]
            policy[field] = parse(reader, key, value)
        elif key == "per-path":
            per_path = [_per_path(path, number, one) for number, one in enumerate(_tables(reader, value), 1)]
        else:
            raise _unknown(reader, key, KEYS)
    here = os.path.dirname(path)
    for field in ("context", "baseline"):
        if field in values:
            values[field] = os.path.join(here, values[field])
    return Settings(**values, policy=Policy(**policy), per_path=tuple(per_path), origin=path)


def _tables(reader: _Reader, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise reader.wrong("per-path", "takes tables: [[per-path]]")
    return value


def _per_path(path: str, number: int, table: Mapping[str, Any]) -> PerPath:
    reader = _Reader(path, f"[[per-path]] {number}: ")
    values = {}
    for key, value in table.items():
        if key not in _PER_PATH_KEYS:
            raise _unknown(reader, key, _PER_PATH_KEYS)
        field, parse = _PER_PATH_KEYS[key]
        values[field] = parse(reader, key, value)
    if "paths" not in values:
        raise reader.wrong("paths", "is missing")
    return PerPath(**values)


def _unknown(reader: _Reader, key: str, known: Iterable[str]) -> InputError:
    import difflib

    close = difflib.get_close_matches(key, list(known), 1, 0.5)
    hint = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(sorted(known))}"
    return reader.wrong(key, "is no key of imglint's", hint)


_HADOLINT_OUTPUT = ("format", "formats", "no-color", "verbose", "file-path-in-report")


def _hadolint(path: str, data: str) -> Settings:
    """hadolint's configuration, as hadolint reads it: what it would not understand is told, not refused."""
    import yaml

    try:
        table = yaml.safe_load(data) or {}
    except yaml.YAMLError as error:
        raise InputError(path, f"is not valid YAML: {' '.join(str(error).split())}", "") from error
    if not isinstance(table, dict):
        raise InputError(path, "holds no keys", "see docs/coming-from-hadolint.md")
    reader = _Reader(path)
    notes: list[str] = []
    values: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    severities: dict[str, Severity] = {}
    for key, value in table.items():
        if key == "ignored":
            values["ignore"] = _known_codes(path, reader.texts(key, value or []), notes)
        elif key == "override":
            for level, codes in value.items() if isinstance(value, dict) else ():
                for code in _known_codes(path, reader.texts(f"override.{level}", codes or []), notes):
                    if level in SEVERITIES and not code.startswith("SC"):
                        severities[find(code).code] = SEVERITIES[level]
        elif key == "failure-threshold":
            values["fail_level"] = SEVERITIES.get(str(value), Severity.STYLE if value == "ignore" else None)
        elif key == "no-fail" and value is True:
            values["fail_level"] = None
        elif key == "disable-ignore-pragma":
            values["pragmas"] = not value
        elif key == "trustedRegistries":
            policy["trusted_registries"] = reader.texts(key, value or [])
        elif key == "label-schema":
            policy["labels"] = reader.labels(key, value or {})
        elif key == "strict-labels":
            policy["strict_labels"] = reader.flag(key, value)
        elif key not in (*_HADOLINT_OUTPUT, "no-fail"):
            notes.append(f"{path}: {key} is no key of hadolint's, and means nothing")
    return Settings(
        **values, severities=severities, policy=Policy(**policy), origin=path, notes=tuple(notes)
    )  # fmt: skip


def _known_codes(path: str, codes: tuple[str, ...], notes: list[str]) -> tuple[str, ...]:
    out = []
    for code in codes:
        if re.fullmatch(r"SC\d{4}", code):
            out.append(code)
            continue
        try:
            check(code)
        except UnknownCodeError:
            notes.append(f"{path}: {code} is no rule's code, and means nothing")
        else:
            out.append(code)
    return tuple(out)
