"""Node's packages, as npm, pnpm and yarn lay them out: a package.json in each; and yarn's cache of archives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .record import Facts, Mark, Record, Rest, bounded

NPM = "npm"
_ARCHIVE = re.compile(r"(?P<name>.+)-npm-(?P<version>\d.*)-[0-9a-f]{10}(?:-\d+|-[0-9a-f]+)?\.zip")
_DEEPEST = 64  # directories that Node would look into for a package; no real tree has as many


def read(path: str, data: bytes) -> Facts:
    """What a package.json says: of a package in node_modules, or of the application that holds it."""
    if path.endswith(".zip"):
        yield from _archive(path)
        return
    document = json.loads(data.decode("utf-8-sig"))
    if not isinstance(document, dict):
        raise ValueError("is no object")
    directory = path.rpartition("/")[0]
    dependencies = list(_names(document, "dependencies", "optionalDependencies"))
    if "node_modules/" not in f"{directory}/":
        below = f"{directory}/node_modules/".lstrip("/")
        asked = (*dependencies, *_names(document, "devDependencies"))
        for name in asked:
            yield Mark(NPM, (f"{below}{name}",), wanted=True)
        if asked:
            yield Rest(NPM, wanted=False, within=below)
        return
    own, version = document.get("name"), document.get("version")
    if isinstance(own, str) and isinstance(version, str) and own and version:
        needs = tuple((one,) for one in bounded(dependencies))
        yield Record(NPM, directory, own, version, directory=directory, needs=needs)


def _names(document: dict[str, Any], *fields: str) -> Iterator[str]:
    for field in fields:
        names = document.get(field)
        if isinstance(names, dict):
            yield from names


def places(directory: str, name: str) -> Iterator[str]:
    """Where Node looks for a package that one in `directory` requires, the nearest first."""
    at = directory
    for _ in range(_DEEPEST):
        if not at.endswith("node_modules"):
            yield f"{at}/node_modules/{name}".lstrip("/")
        if not at:
            return
        at = at.rpartition("/")[0]


def _archive(path: str) -> Facts:
    found = _ARCHIVE.fullmatch(path.rpartition("/")[2])
    if found:
        # "@babel/core" is written as "@babel-core"; a scope has no "-" more often than it has one.
        name = re.sub(r"^(@[^-]+)-", r"\1/", found["name"])
        yield Record(NPM, path, name, found["version"], files=(path,))
