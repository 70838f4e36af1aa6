"""What a package database says, in the words that all ecosystems have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

_LONGEST = 4096  # characters of a path, as the kernel has it
NAMELESS = "a package database with an entry that lacks a name or a version"
_MOST = 64 * 1024 * 1024  # characters of one list; a few bytes can name a long directory again and again


def bounded(names: Iterable[str]) -> tuple[str, ...]:
    """Names or paths of one list; no path is longer than one can be.

    Raises:
        ValueError: they are more than fit in memory.
    """
    held = 0
    out = []
    for name in names:
        if len(name) <= _LONGEST:
            held += len(name) + 64
            if held > _MOST:
                raise ValueError("it names more than fits in memory")
            out.append(name)
    return tuple(out)


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


class Diversion(NamedTuple):
    """A file that is somewhere else, for all packages but one."""

    ecosystem: str
    file: str
    place: str
    keeper: str  # name of the package whose file of that name stays; "" of none


Fact = Record | Listing | Mark | Rest | Unread | Diversion
Facts = Iterator[Fact]
