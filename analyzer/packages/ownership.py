"""Whose file is whose: the files of packages as the image has them, hard links once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..image.image import Image
    from ..image.layer import Entry

_DEEPEST = 200  # directories above each other


class Ownership:
    """The files of each package, by its number. Of several packages that name a file the first one has it."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._directories: dict[str, str | None] = {
            "": ""
        }  # as a list names it → where the image's links lead
        self._listed: dict[str, int] = {}  # path → package whose list names it
        self._trees: dict[str, int] = {}
        self._owners: dict[int, int] = {}  # identity of an entry with contents → package
        self._bytes: list[Counter[int]] = []
        self._known: dict[int, dict[int, Entry]] = {}  # package → its files, by identity
        self._outer: dict[int, int] = {}
        self.total = 0

    def add(self, package: int, files: Iterable[str], trees: Iterable[str], outer: int | None = None) -> None:
        """What a package's database says that it has: files, and directories with all in them.

        What is part of another package, `outer`, is counted there, and for the part by itself.
        """
        if outer is not None:
            self._outer[package] = outer
        for tree in trees:
            place = self._image.resolve(tree)
            if place is not None:
                self._trees.setdefault(place, package)
        for name in files:
            directory, _, base = name.rpartition("/")
            if directory not in self._directories:
                self._directories[directory] = self._place(directory, _DEEPEST)
            place = self._directories[directory]
            if place is None:
                continue
            path = f"{place}/{base}" if place else base
            entry = self._image.tree.get(path)
            if entry is not None and entry.kind in ("file", "hardlink"):
                self._listed.setdefault(path, package)
                self._take(package, entry)

    def _place(self, directory: str, deepest: int) -> str | None:
        """Where a directory of a list is: lists say /bin where that leads to /usr/bin.

        It is looked for in the one above, which is known most often: a list can name more than fit in a minute.
        """
        if directory in self._directories:
            return self._directories[directory]
        above, _, base = directory.rpartition("/")
        if not deepest or base in ("", ".", ".."):
            return self._image.resolve(directory)
        place = self._place(above, deepest - 1)
        path = f"{place}/{base}" if place else base
        if place is None or not self._image.has(path):
            return None
        found = self._directories[directory] = self._image.resolve(path)
        return found

    def _take(self, package: int, entry: Entry) -> None:
        file = self._image.file_of(entry)
        if file is None:
            return
        owner = self._outer.get(package, package)
        if id(file) not in self._owners:
            self._owners[id(file)] = owner
            self._known.setdefault(owner, {})[id(file)] = file
            self.total += file.size
        if owner != package:
            self._known.setdefault(package, {})[id(file)] = file

    def settle(self, packages: int) -> None:
        """Give what no list names to the packages in whose directories it lies, and count."""
        if self._trees:
            nearest: dict[str, int | None] = {"": self._trees.get("")}
            for path, entry in self._image.tree.items():
                if entry.kind in ("file", "hardlink"):
                    owner = self._nearest(path.rpartition("/")[0], nearest)
                    if owner is not None:
                        self._take(owner, entry)
        self._bytes = [Counter() for _ in range(packages)]
        for package, found in self._known.items():
            for file in found.values():
                if file.size:
                    self._bytes[package][file.layer] += file.size

    def _nearest(self, directory: str, nearest: dict[str, int | None]) -> int | None:
        """The package that a directory belongs to: its own, or that of one that holds it."""
        chain = []
        at = directory
        while at not in nearest:
            if at in self._trees:
                nearest[at] = self._trees[at]
                break
            chain.append(at)
            at = at.rpartition("/")[0]
        for one in chain:
            nearest[one] = nearest[at]
        return nearest[at]

    def listed_by(self, path: str) -> int | None:
        """The package whose list names a file."""
        return self._listed.get(path)

    def bytes_of(self, package: int) -> int:
        """All bytes of a package."""
        return sum(self._bytes[package].values())

    def files_of(self, package: int) -> int:
        """How many files it has."""
        return len(self._known.get(package, ()))

    def by_layer(self, package: int) -> Counter[int]:
        """The bytes of a package by layer."""
        return self._bytes[package]
