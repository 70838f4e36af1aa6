"""Node's packages, as npm, pnpm and yarn lay them out: a package.json in each; and yarn's cache of archives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .record import NAMELESS, Facts, Mark, Record, Rest, Unread, bounded

if TYPE_CHECKING:
    from ..image.image import Image

NPM = "npm"
_ARCHIVE = re.compile(r"(?P<name>.+)-npm-(?P<version>\d.*)-[0-9a-f]{10}(?:-\d+|-[0-9a-f]+)?\.zip")
_MOST_HOMES = 16  # node_modules that hold each other's packages; no real tree has as many
_DEEPEST = 1024  # directories above a package


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
    else:
        yield Unread(path, NAMELESS)


def _names(document: dict[str, Any], *fields: str) -> Iterator[str]:
    for field in fields:
        names = document.get(field)
        if isinstance(names, dict):
            yield from names


class Modules:
    """Where Node finds packages: the node_modules of an image, and the links in them.

    Directories are looked up once, and links are followed once, whatever the number of those that ask.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._places: dict[str, str | None] = {}
        # pnpm keeps packages elsewhere, and links to them beside those that need them.
        self._links = {
            path: image.resolve(path)
            for path, entry in image.tree.items()
            if entry.kind == "symlink" and "node_modules/" in path
        }

    def homes(self, directory: str) -> list[str]:
        """The node_modules that Node looks into for what a package in `directory` requires, the nearest first."""
        found: list[str] = []
        at = directory
        for _ in range(_DEEPEST):
            if not at.endswith("node_modules"):
                place = self._place(f"{at}/node_modules".lstrip("/"))
                if place is not None:
                    found.append(place)
            if not at or len(found) == _MOST_HOMES:
                break
            at = at.rpartition("/")[0]
        return found

    def linked(self, path: str) -> str | None:
        """Where a package lies that a link names; None where none does."""
        above, _, name = path.rpartition("node_modules/")
        place = self._place(f"{above}node_modules")
        return self._links.get(f"{place}/{name}") if place is not None else None

    def link(self, path: str) -> str | None:
        """The same of a path in one of the `homes`."""
        return self._links.get(path)

    def _place(self, home: str) -> str | None:
        if home not in self._places:
            self._places[home] = self._image.resolve(home)
        return self._places[home]


def _archive(path: str) -> Facts:
    found = _ARCHIVE.fullmatch(path.rpartition("/")[2])
    if found:
        # "@babel/core" is written as "@babel-core"; a scope has no "-" more often than it has one.
        name = re.sub(r"^(@[^-]+)-", r"\1/", found["name"])
        yield Record(NPM, path, name, found["version"], files=(path,))
