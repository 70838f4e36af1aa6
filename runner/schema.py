"""Holds a YAML file against its JSON Schema, and says what is wrong in the words of the file."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..analyzer import InputError
from ..analyzer.credentials import mask

if TYPE_CHECKING:
    from jsonschema import ValidationError

    from ..analyzer.yaml_file import YamlFile

_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def validate(file: YamlFile, schema: str, pattern: Callable[[str], object] = re.compile) -> None:
    """See to it that a file is what a schema beside this module describes.

    Args:
        file: what the user wrote.
        schema: the name of the schema's file.
        pattern: compiles what the schema calls a regex.

    Raises:
        InputError: it is not; for the first fault, with its line, its place inside, and what is expected there.
    """
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(formats=())
    formats.checks("regex", raises=_BAD_PATTERN)(
        lambda text: not isinstance(text, str) or pattern(text) is not None
    )
    with open(os.path.join(os.path.dirname(__file__), schema), encoding="utf-8") as stream:
        validator = Draft202012Validator(json.load(stream), format_checker=formats)
    faults = list(validator.iter_errors(file.value))
    if faults:
        raise min((_told(file, fault) for fault in faults), key=lambda told: told[0])[1]


# What `re` raises for patterns that people write: wrong, too large, too deep.
_BAD_PATTERN = (re.error, OverflowError, RecursionError)


def _told(file: YamlFile, fault: ValidationError) -> tuple[tuple[int, int], InputError]:
    """A fault as an error, and where it sorts: by line, the outer before the inner."""
    path = list(fault.absolute_path)
    subject, problem, hint = _sentence(fault)
    if subject is not None:
        path.append(subject)
    line = file.line(path)
    where = dotted(path)
    error = file.wrong(f"{where} {problem}" if where else problem, hint, line=line)
    return (line or 0, len(path)), error


def _sentence(fault: ValidationError) -> tuple[str | None, str, str]:
    """The key that a fault is about beyond its path, what is wrong, and what to write instead."""
    schema: Mapping[str, Any] = fault.schema if isinstance(fault.schema, Mapping) else {}
    wanted: Any = fault.validator_value
    found: Any = fault.instance
    hint = str(schema.get("description", ""))
    match fault.validator:
        case "additionalProperties":
            known = list(schema.get("properties", ()))
            unknown = next(key for key in found if key not in known)
            close = difflib.get_close_matches(unknown, known, 1, 0.5)
            return unknown, "is no known key", _meant(close, known)
        case "required":
            missing = next(key for key in wanted if key not in found)
            return None, f"lacks {missing}", hint
        case "type":
            quoted = ": write it in quotes" if _is_scalar(found) and "string" in _listed(wanted) else ""
            return None, f"takes {_types(schema)}, not {_shown(found)}{quoted}", hint
        case "enum" | "const":
            choices = [one if isinstance(one, str) else _shown(one) for one in _listed(wanted) if one != ""]
            if not choices:
                return None, "is nothing that imglint does", hint
            close = difflib.get_close_matches(str(found), choices, 1, 0.5) if len(choices) > 1 else []
            return None, f"takes {_joined(choices)}, not {_shown(found)}", hint or _meant(close, ())
        case "pattern":
            # Of `propertyNames` the key itself is at fault, which no path leads to.
            key = found if "propertyNames" in fault.absolute_schema_path else None
            what = hint or f"what fits {wanted}"
            return key, f"is not {what}" if key is not None else f"takes {what}, not {_shown(found)}", ""
        case "format":
            return None, f"is no pattern: {fault.cause}", "write a regular expression"
        case "minimum":
            return None, f"takes {wanted} or more, not {_shown(found)}", hint
        case "exclusiveMinimum":
            return None, f"takes more than {wanted}, not {_shown(found)}", hint
        case "maximum":
            return None, f"takes {wanted} at most, not {_shown(found)}", hint
        case "minItems" | "minLength" | "minProperties":
            known = list(schema.get("properties", ()))
            return None, "is empty", hint or (f"it takes {_joined(known)}" if known else "")
        case "maxItems":
            return None, "is nothing that imglint does", hint
    return None, f"is wrong: {' '.join(mask(fault.message).split())[:200]}", hint


def dotted(path: Iterable[str | int]) -> str:
    """A place inside a file as people write it: `commandTests[0].args`, `files["/server.sh"].mode`."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        elif re.fullmatch(r"[\w-]+(/\w+)?", step):
            out += f".{step}" if out else step
        else:
            out += f'["{step}"]'
    return out


def _types(schema: Mapping[str, Any]) -> str:
    words = [_WORDS[one] for one in _listed(schema.get("type")) if one != "null"]
    items = schema.get("items")
    if words == ["a list"] and isinstance(items, Mapping) and items.get("type") in ("string", "object"):
        return "a list of texts" if items["type"] == "string" else "a list of mappings"
    return _joined(words)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _shown(value: Any) -> str:
    """A value as a message can hold it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    clean = mask(value)  # cut, it could not be told to be a credential
    return repr(clean if len(clean) <= 60 else f"{clean[:60]}…")


def _joined(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _meant(close: Sequence[str], known: Iterable[str]) -> str:
    if close:
        return f"did you mean {close[0]}?"
    known = list(known)
    return f"known are {', '.join(known)}" if known else ""
