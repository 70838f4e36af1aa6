"""Reads a compose file: one document of YAML, its variables put in, its top-level keys known."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...analyzer.errors import InputError
from ...analyzer.yaml_file import YamlFile, read_yaml
from .interpolation import InterpolationError, interpolate
from .value import Value
from .variables import project_variables

_TOP = ("services", "volumes", "networks", "secrets", "configs", "name", "version", "include", "models")
_MOST_SERVICES = 200
_SERVICE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", re.ASCII)
_CONFIG = "name a file that holds what `docker compose config` prints: all of it is in there"


class ComposeFile(NamedTuple):
    """A compose file with its variables put in."""

    path: str
    directory: str  # where its relative paths begin
    project: str  # the name under which its images are built
    root: Value
    services: Mapping[str, Value]
    variables: Mapping[str, str]  # of the shell and of .env
    used: Mapping[str, str]  # those of which the values stand in the file now
    notes: tuple[str, ...]


def read_compose(path: str, shell: Mapping[str, str]) -> ComposeFile:
    """Read a file, as `docker compose` would with the variables of a shell.

    Raises:
        InputError: it is none that can be used; with its line, service and key.
    """
    file = read_yaml(path, "give --compose a compose file")
    directory = os.path.dirname(os.path.abspath(path))
    if not isinstance(file.value, dict):
        raise InputError(path, "is no compose file: it holds no mapping with services")
    raw = _texts_kept(file.value, file.written())
    if "services" not in raw and any(
        isinstance(one, dict) and {"image", "build"} & set(one) for one in raw.values()
    ):
        raise InputError(
            path, "is a compose file of version 1, whose services stand at the top",
            "put them under `services:`, as all later versions have it",
        )  # fmt: skip
    variables = project_variables(directory, shell)
    used: dict[str, str] = {}
    unset: list[str] = []
    root = Value(file, (), _interpolated(file, (), raw, variables, used, unset))
    root.only(_TOP)
    for key in ("include", "models"):
        if (found := root.get(key)) is not None:
            raise found.wrong("is nothing that imglint reads", _CONFIG)
    services = root.get("services")
    if services is None or not services.mapping():
        raise InputError(path, "has no services", "put them under `services:`")
    if len(services.mapping()) > _MOST_SERVICES:
        raise services.wrong(f"holds more than {_MOST_SERVICES} services")
    for name, one in services.mapping().items():
        if not _SERVICE_NAME.fullmatch(name):
            raise one.wrong("is no name for a service", "use letters, digits, dots, dashes and underscores")
    return ComposeFile(
        path, directory, _project(root, directory, variables), root, services.mapping(), variables, used, tuple(unset)
    )  # fmt: skip


def _project(root: Value, directory: str, variables: Mapping[str, str]) -> str:
    """The name of the project, as compose finds it."""
    named = variables.get("COMPOSE_PROJECT_NAME") or (
        name.text() if (name := root.get("name")) is not None else os.path.basename(directory)
    )
    return re.sub(r"[^a-z0-9_-]", "", named.lower()).lstrip("_-")


def _texts_kept(value: Any, written: Any) -> Any:
    """The value, where `yes` and the like are texts: for YAML 1.2, which compose reads, they are no truth values."""
    if isinstance(value, dict):
        return {key: _texts_kept(one, written[key]) for key, one in value.items()}
    if isinstance(value, list):
        return [_texts_kept(one, text) for one, text in zip(value, written, strict=True)]
    if isinstance(value, bool) and str(written).lower() not in ("true", "false"):
        return written
    return value


def _interpolated(
    file: YamlFile,
    path: tuple[str | int, ...],
    raw: Any,
    variables: Mapping[str, str],
    used: dict[str, str],
    unset: list[str],
) -> Any:
    """A value with its variables put in."""
    if isinstance(raw, dict):
        return {
            key: _interpolated(file, (*path, key), one, variables, used, unset) for key, one in raw.items()
        }
    if isinstance(raw, list):
        return [
            _interpolated(file, (*path, number), one, variables, used, unset)
            for number, one in enumerate(raw)
        ]
    if not isinstance(raw, str) or "$" not in raw:
        return raw
    place = Value(file, path, raw)
    try:
        found = interpolate(raw, variables.get)
    except InterpolationError as error:
        raise place.wrong(
            str(error),
            "set it where imglint runs, or in .env beside the file" if "needs the" in str(error) else "",
        ) from error
    used |= {name: variables[name] for name in found.used}
    unset += [
        f"{place.place}: the variable {name} is not set, and nothing stands in its place, as for docker compose"
        for name in found.unset
    ]
    return found.text
