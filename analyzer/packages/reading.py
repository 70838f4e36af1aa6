"""Reads the package databases of an image, those that a container sees, each layer once and in its order."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError
from . import go
from .ecosystems import HOMES, LEAST_PROGRAM, Database, database_of
from .record import Fact, Facts, Listing, Record, Unread

if TYPE_CHECKING:
    from ..image.image import Image
    from ..image.kept import LayerReader
    from ..image.layer import Entry

# What parsers raise at bytes that are no database.
_DAMAGED = (
    ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, EOFError, NotImplementedError,
    struct.error, zlib.error,
)  # fmt: skip
_MOST_FACTS = 500_000
_MOST_HELD = 512 * 1024 * 1024  # characters of all lists, some of them counted roughly
_MOST_BYTES = 1024**3  # of all databases


class Told(NamedTuple):
    """What a database says, with the path where it stands."""

    path: str
    fact: Fact


class _Wanted(NamedTuple):
    file: Entry  # with the contents, maybe under another name
    path: str
    database: Database | None  # None: it may be a program of Go


def told(image: Image) -> Iterator[Told]:
    """What the databases of an image say. What can't be read is told as Unread, and the others go on."""
    read = facts = held = 0
    for layer, files in sorted(_wanted(image).items()):
        reader = image.reader(layer)
        files.sort(key=lambda one: (one.file.data, one.path))
        last: tuple[Entry, bytes] | None = None
        for file, path, database in files:
            data = b""
            try:
                if database is not None and 0 < file.size <= database.most:
                    read += file.size
                    # A file with several names is read once.
                    data = last[1] if last and last[0] is file else reader.part(file, 0, file.size)
                    last = file, data
            except InputError as error:
                yield Told(path, Unread(path, error.problem))
                continue
            if read > _MOST_BYTES:
                yield Told(path, Unread(path, f"beyond {_MOST_BYTES >> 30} GiB of package databases"))
                return
            for fact in _facts(file, path, database, data, reader):
                facts += 1
                if isinstance(fact, Record | Listing):
                    held += sum(map(len, fact.files)) + 64 * len(fact.files)
                if isinstance(fact, Record):
                    held += sum(len(name) + 64 for group in fact.needs for name in group)
                if facts > _MOST_FACTS or held > _MOST_HELD:
                    yield Told(path, Unread(path, "beyond what fits in memory of package databases"))
                    return
                yield Told(path, fact)


def _wanted(image: Image) -> dict[int, list[_Wanted]]:
    """The files to read, by layer."""
    out: dict[int, list[_Wanted]] = {}
    for path, entry in (*image.tree.items(), *_linked(image)):
        database = database_of(path)
        if database is None and not (entry.mode & 0o111 and entry.size >= LEAST_PROGRAM):
            continue
        file = image.file_of(entry)
        if file is not None:
            out.setdefault(file.layer, []).append(_Wanted(file, path, database))
    return out


def _linked(image: Image) -> Iterator[tuple[str, Entry]]:
    """Databases that only a link leads to: of a system's directories, or of a file."""
    seen: set[str] = set()
    for home in HOMES:
        place = image.resolve(home)
        if place is None or place == home:
            continue
        start = f"{place}/" if place else ""
        for path, entry in image.tree.items():
            name = f"{home}/{path.removeprefix(start)}"
            # What is a database under its own name is read by that.
            if path.startswith(start) and database_of(name) and not database_of(path) and name not in seen:
                seen.add(name)
                if (file := _target(image, path, entry)) is not None:
                    yield name, file
    for path, entry in image.tree.items():
        if entry.kind == "symlink" and database_of(path):
            target = image.resolve(path)
            file = image.tree.get(target) if target else None
            if target and file is not None and not database_of(target):
                yield path, file


def _target(image: Image, path: str, entry: Entry) -> Entry | None:
    if entry.kind != "symlink":
        return entry
    return image.tree.get(image.resolve(path) or "")


def _facts(file: Entry, path: str, database: Database | None, data: bytes, reader: LayerReader) -> Facts:
    """What one file says."""
    if database is not None and file.size > database.most > 0:
        yield Unread(
            path, f"a package database of {file.size} bytes, of which at most {database.most} are read"
        )
        return
    if file.data < 0:
        if database is not None:
            yield Unread(path, "a sparse file")
        return
    try:
        if database is not None:
            yield from database.read(path, data)
            return
        head = reader.part(file, 0, min(file.size, go.HEAD))
        if go.is_go(head):
            yield from go.read(path, head, lambda offset, length: reader.part(file, offset, length))
    except InputError as error:
        yield Unread(path, error.problem)
    except _DAMAGED as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:100]
        yield Unread(path, f"no package database that can be read: {why}")
