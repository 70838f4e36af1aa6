"""Reading configuration files: imglint.toml, [tool.imglint] of pyproject.toml, and hadolint's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .analyzer import InputError
from .config import (
    PROFILES,
    RUN_KEYS,
    RUN_LISTS,
    RUN_SWITCHES,
    SEVERITIES,
    PerPath,
    RunText,
    Settings,
)
from .rules.gates import Limits, parse_limits
from .rules.policy import LABEL_TYPES, Policy, is_registry
from .rules.registry import IDLE, UnknownCodeError, check, find
from .rules.rule import Severity
from .rules.verdicts import FAIL_ON, FailOn

if TYPE_CHECKING:
    from .analyzer.yaml_file import YamlFile

_MAX_BYTES = 1024 * 1024


def read(path: str) -> Settings:
    """The settings that a configuration file asks for.

    Raises:
        InputError: it can't be read, or holds a key, a value or a code that nobody understands.
    """
    if path.endswith((".yaml", ".yml")):
        from .analyzer.yaml_file import read_yaml

        return _hadolint(read_yaml(path, "check --config"))
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(path, (error.strerror or str(error)).lower(), "check --config") from error
    if len(data) > _MAX_BYTES:
        raise InputError(path, f"is larger than {_MAX_BYTES >> 20} MiB", "check --config")
    import tomllib

    try:
        table = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # Keys stand in it split at their dots, by which a token could not be told.
        problem = str(error).replace("', '", ".")
        raise InputError(path, f"is not valid TOML: {problem}", "see docs/configuration.md") from error
    if path.endswith("pyproject.toml"):
        tools = table.get("tool")
        ours = tools.get("imglint") if isinstance(tools, dict) else None
        if not isinstance(ours, dict):
            raise InputError(path, "holds no table [tool.imglint]", "see docs/configuration.md")
        table = ours
    return _settings(path, table)


class _Reader:
    """Takes values out of a table by type, and tells what is wrong with them."""

    def __init__(self, path: str, where: str = "", file: YamlFile | None = None) -> None:
        self.path = path
        self.where = where
        self.file = file

    def wrong(self, key: str, problem: str, hint: str = "") -> InputError:
        line = self.file.line(key.split(".", 1)) if self.file is not None else None
        subject = self.path if line is None else f"{self.path}:{line}"
        guide = "configuration" if self.file is None else "coming-from-hadolint"
        from .analyzer.credentials import mask_cut

        # A key is what TOML has left of it when it has split it at its dots.
        where = mask_cut(f"{self.where}{key}")
        return InputError(subject, f"{where} {problem}", hint or f"see docs/{guide}.md")

    def text(self, key: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.wrong(key, f"takes a text, not {_type(value)}")
        if not value:
            raise self.wrong(key, "is empty", "give it a value, or leave it out")
        return value

    def flag(self, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(key, f"takes true or false, not {_type(value)}")
        return value

    def texts(self, key: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise self.wrong(key, f"takes a list of texts, not {_type(value)}")
        for item in value:
            if not isinstance(item, str) or not item:
                raise self.wrong(key, f"takes a list of texts, and holds {_type(item)}")
        return tuple(value)

    def filled(self, key: str, value: Any) -> tuple[str, ...]:
        texts = self.texts(key, value)
        if not texts:
            raise self.wrong(key, "is an empty list", "name at least one, or leave it out")
        return texts

    def registries(self, key: str, value: Any) -> tuple[str, ...]:
        names = self.texts(key, value)
        for name in names:
            if not is_registry(name):
                raise self.wrong(key, f"takes registries as in docker.io or *.example.org, not {name!r}")
        return names

    def table(self, key: str, value: Any) -> Mapping[str, str]:
        if not isinstance(value, dict):
            raise self.wrong(key, f"takes a table of texts, not {_type(value)}")
        for name, item in value.items():
            if not isinstance(item, str):
                raise self.wrong(f"{key}.{name}", f"takes a text, not {_type(item)}")
            if not name:
                raise self.wrong(key, "has an empty name")
        return value

    def choice(self, key: str, value: Any, choices: Iterable[str]) -> str:
        choices = tuple(choices)
        if value not in choices:
            raise self.wrong(key, f"is {', '.join(choices)}, not {value!r}", _meant(value, choices))
        return str(value)

    def codes(self, key: str, value: Any) -> tuple[str, ...]:
        codes = self.texts(key, value)
        for code in codes:
            try:
                check(code)
            except UnknownCodeError as error:
                raise self.unknown_code(key, error) from error
        return codes

    def unknown_code(self, key: str, error: UnknownCodeError) -> InputError:
        meant = f"did you mean {error.nearest}? " if error.nearest else ""
        return self.wrong(
            key, f"names {error.code!r}, which is no rule's", f"{meant}`imglint rules` lists them"
        )

    def selection(self, key: str, value: Any) -> tuple[str, ...]:
        codes = self.codes(key, value)
        if not codes:
            raise self.wrong(key, "is an empty list", "leave it out for the rules of the profile")
        return codes

    def severities(self, key: str, value: Any) -> dict[str, Severity]:
        out: dict[str, Severity] = {}
        for code, level in self.table(key, value).items():
            severity = SEVERITIES[self.choice(f"{key}.{code}", level, SEVERITIES)]
            if IDLE.fullmatch(code):
                continue
            try:
                rule = find(code)
            except UnknownCodeError as error:
                raise self.unknown_code(key, error) from error
            if out.setdefault(rule.code, severity) is not severity:
                raise self.wrong(f"{key}.{code}", f"says otherwise than another name of {rule.code}")
        return out

    def level(self, key: str, value: Any) -> Severity | None:
        return SEVERITIES.get(self.choice(key, value, (*SEVERITIES, "none")))

    def gates(self, key: str, value: Any) -> dict[str, Limits]:
        """Limits for all images, and in tables of their own for those whose names fit a glob."""
        if not isinstance(value, dict):
            raise self.wrong(key, f"takes a table of limits, not {_type(value)}")
        tables = {"*": {k: v for k, v in value.items() if not isinstance(v, dict)}}
        tables |= {k: v for k, v in value.items() if isinstance(v, dict)}
        known = [name.replace("_", "-") for name in Limits._fields]
        out = {}
        for glob, table in tables.items():
            where = key if glob == "*" else f"{key}.{glob}"
            if not glob:
                raise self.wrong(key, "has an empty name", 'name images by a glob, as in [gates."shop:*"]')
            for name, limit in table.items():
                if name not in known:
                    raise _unknown(_Reader(self.path, f"{where}."), name, known)
                if isinstance(limit, bool) or not isinstance(limit, str | int | float):
                    raise self.wrong(f"{where}.{name}", f'takes a limit as in "500MB", not {_type(limit)}')
            try:
                out[glob] = parse_limits({name.replace("-", "_"): str(one) for name, one in table.items()})
            except ValueError as error:
                raise self.wrong(where, f"has {error}") from error
        return out

    def runs(self, key: str, value: Any) -> dict[str, RunText]:
        """Options of a run for all images, and in tables of their own for those whose names fit a glob."""
        import os

        if not isinstance(value, dict):
            raise self.wrong(key, f"takes a table of options, not {_type(value)}")
        tables = {"*": {k: v for k, v in value.items() if not isinstance(v, dict)}}
        tables |= {k: v for k, v in value.items() if isinstance(v, dict)}
        out = {}
        for glob, table in tables.items():
            where = key if glob == "*" else f"{key}.{glob}"
            if not glob:
                raise self.wrong(key, "has an empty name", 'name images by a glob, as in [run."shop:*"]')
            reader = _Reader(self.path, f"{where}.")
            values = {name: reader.run_option(name, one) for name, one in table.items()}
            if values:
                out[glob] = RunText(values, os.path.dirname(self.path), f"{self.path}: {where}", found=True)
        return out

    def run_option(self, key: str, value: Any) -> tuple[str, ...]:
        """The value of one option of a run, as texts."""
        if key not in RUN_KEYS:
            raise _unknown(self, key, RUN_KEYS)
        if key in RUN_LISTS:
            return self.texts(key, value)
        if key in RUN_SWITCHES:
            return ("",) if self.flag(key, value) else ()
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        return (self.text(key, value),)

    def labels(self, key: str, value: Any) -> Mapping[str, str]:
        table = self.table(key, value)
        for name, kind in table.items():
            self.choice(f"{key}.{name}", kind or "text", LABEL_TYPES)
        return {name: kind or "text" for name, kind in table.items()}


def _type(value: Any) -> str:
    if value == "":
        return "an empty text"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a table",
        type(None): "nothing",
    }
    return names.get(type(value), type(value).__name__)


# Key of the file → the field of Settings, and how its value is read.
_KEYS: dict[str, tuple[str, Callable[[_Reader, str, Any], Any]]] = {
    "profile": ("profile", lambda r, k, v: r.choice(k, v, PROFILES)),
    "select": ("select", _Reader.selection),
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
    "run": ("runs", _Reader.runs),
}
_POLICY_KEYS: dict[str, tuple[str, Callable[[_Reader, str, Any], Any]]] = {
    "trusted-registries": ("trusted_registries", _Reader.registries),
    "labels": ("labels", _Reader.labels),
    "strict-labels": ("strict_labels", _Reader.flag),
}
_PER_PATH_KEYS: dict[str, tuple[str, Callable[[_Reader, str, Any], Any]]] = {
    "paths": ("paths", _Reader.filled),
    "ignore": ("ignore", _Reader.codes),
    "extend-select": ("extend_select", _Reader.codes),
}
PER_PATH_KEYS = tuple(_PER_PATH_KEYS)
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
    notes = tuple(
        f"{path}: images names {name}, which is not there"
        for name in values.get("images", ())
        if not os.path.exists(os.path.join(here, name))
    )
    return Settings(**values, policy=Policy(**policy), per_path=tuple(per_path), origin=path, notes=notes)


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
    known = sorted(known)
    return reader.wrong(
        key, "is no key of imglint's", _meant(key, known) or f"the keys are {', '.join(known)}"
    )


def _meant(word: Any, words: Sequence[str]) -> str:
    """The question after the nearest word; "" where none is near."""
    import difflib

    close = difflib.get_close_matches(word, words, 1, 0.5) if isinstance(word, str) else []
    return f"did you mean {close[0]}?" if close else ""


# Where hadolint's `ignore` and `none` stand: below every severity, so that any finding fails.
_THRESHOLDS = {**SEVERITIES, "ignore": Severity.STYLE, "none": Severity.STYLE}
# hadolint's keys → the field of Settings or Policy, and how the value is read.
_HADOLINT_KEYS: dict[str, tuple[str, Callable[[_Reader, str, Any], Any]]] = {
    "failure-threshold": ("fail_level", lambda r, k, v: _THRESHOLDS[r.choice(k, v, _THRESHOLDS)]),
    "no-fail": ("no_fail", _Reader.flag),
    "disable-ignore-pragma": ("no_pragmas", _Reader.flag),
    "ignored": ("ignore", _Reader.texts),
    "override": ("severities", lambda r, k, v: _override(r, k, v)),
    "trustedRegistries": ("trusted_registries", _Reader.registries),
    "label-schema": ("labels", _Reader.labels),
    "strict-labels": ("strict_labels", _Reader.flag),
}
# They say how hadolint prints, and nothing about what is right.
_HADOLINT_OUTPUT = ("format", "formats", "no-color", "verbose", "file-path-in-report")
HADOLINT_KEYS = (*_HADOLINT_KEYS, *_HADOLINT_OUTPUT)


def _hadolint(file: YamlFile) -> Settings:
    """hadolint's configuration. A key or a code that it would swallow is told; a value that it can't read is an error."""
    table = {} if file.is_empty else file.value
    if not isinstance(table, dict):
        raise file.wrong("holds no keys", "see docs/coming-from-hadolint.md", line=1)
    reader = _Reader(file.name, file=file)
    notes: list[str] = []
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in _HADOLINT_OUTPUT:
            if key == "format" and value != "tty":
                notes.append(f"{file.name}: format says nothing to imglint: use --format")
        elif key not in _HADOLINT_KEYS:
            meant = _meant(key, HADOLINT_KEYS)
            told = f"{file.name}: {key} is no key of hadolint's, and means nothing"
            notes.append(f"{told}; {meant}" if meant else told)
        elif value is not None:  # a key without a value is as good as absent
            field, parse = _HADOLINT_KEYS[key]
            values[field] = parse(reader, key, value)
    if values.pop("no_fail", False):
        values["fail_level"] = None
    values["pragmas"] = not values.pop("no_pragmas", False)
    values["ignore"] = _known_codes(file.name, values.get("ignore", ()), notes)
    values["severities"] = {
        find(code).code: severity
        for code, severity in values.get("severities", {}).items()
        if _known_codes(file.name, (code,), notes) and not IDLE.fullmatch(code)
    }
    policy = Policy(**{name: values.pop(name) for name in Policy._fields if name in values})
    return Settings(**values, policy=policy, origin=file.name, notes=tuple(notes))


def _override(reader: _Reader, key: str, value: Any) -> dict[str, Severity]:
    if not isinstance(value, dict):
        raise reader.wrong(key, f"takes lists of codes by severity, not {_type(value)}")
    out: dict[str, Severity] = {}
    for level, codes in value.items():
        severity = SEVERITIES[reader.choice(f"{key}.{level}", level, SEVERITIES)]
        for code in reader.texts(f"{key}.{level}", [] if codes is None else codes):
            if out.setdefault(code, severity) is not severity:
                raise reader.wrong(f"{key}.{level}", f"names {code}, which has another severity above")
    return out


def _known_codes(path: str, codes: tuple[str, ...], notes: list[str]) -> tuple[str, ...]:
    """Those that a rule has, or ShellCheck; of the others a note."""
    out = []
    for code in codes:
        try:
            find(code)
        except UnknownCodeError as error:
            if not IDLE.fullmatch(code):
                meant = f"; did you mean {error.nearest}?" if error.nearest else ""
                notes.append(f"{path}: {code} is no rule's code, and means nothing{meant}")
                continue
        out.append(code)
    return tuple(out)
