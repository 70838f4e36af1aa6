"""What a package database says, in the words that all ecosystems have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Record(NamedTuple):
    """A package, as its database has it. Paths have no leading slash."""

    ecosystem: str
    key: str  # what tells it from the others of its ecosystem
    name: str
    version: str
    directory: str = ""  # holds its files, where no list of files is kept
    files: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()  # what others call it that need it, beside its key
    needs: tuple[tuple[str, ...], ...] = ()  # of each several that do, the first that is there counts
    recommends: tuple[tuple[str, ...], ...] = ()  # installed with it, and not needed
    wanted: bool | None = None  # whether somebody asked for it; None: the database does not say
    inside: str = ""  # key of the record of the same ecosystem in whose file it lies
    inner_bytes: int = 0  # what it takes in there
    architecture: str = ""
    source: str = ""  # the package that it was built from, where that has another name


class Listing(NamedTuple):
    """The files of a package, where a file of their own names them."""

    ecosystem: str
    key: str
    files: tuple[str, ...]
    trees: tuple[str, ...] = ()  # directories with all that is in them


class Mark(NamedTuple):
    """Whether somebody asked for a package, by one of its keys."""

    ecosystem: str
    keys: tuple[str, ...]
    wanted: bool


class Rest(NamedTuple):
    """The same of all packages that no Mark names, and whose keys begin like this."""

    ecosystem: str
    wanted: bool
    within: str = ""


class Unread(NamedTuple):
    """A database, or a part of one, that could not be read."""

    path: str
    why: str


Fact = Record | Listing | Mark | Rest | Unread
Facts = Iterator[Fact]
