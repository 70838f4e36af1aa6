"""Packages of Fedora, Red Hat and SUSE: rpm's SQLite database, whose rows are headers of rpm's own form."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing

from .record import Facts, Mark, Record, Unread, bounded

RPM = "rpm"
_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH, _SOURCE = 1000, 1001, 1002, 1003, 1022, 1044
_FLAGS, _PROVIDES, _REQUIRES, _RECOMMENDS = 1037, 1047, 1049, 5046
_DIRECTORY_OF, _BASE_NAMES, _DIRECTORIES = 1116, 1117, 1118
_INT32, _STRING, _STRINGS, _I18N = 4, 6, 8, 9
_GHOST = 1 << 6  # a file that a package only knows of
_MOST_TAGS = 4096  # of a header; rpm's own have some 100
_MOST_FILES = 1_000_000
_LARGEST_HEADER = 16 * 1024 * 1024
_MOST_STEPS = 200  # times a million operations of SQLite

Value = tuple[int, ...] | tuple[str, ...]
_OTHERS = {
    "Packages": "a database of rpm in Berkeley DB's form, which is not read",
    "Packages.db": "a database of rpm in its NDB form, which is not read",
    "rpmdb.sqlite-wal": "what rpm has written since its database was closed, which is not read",
}


def read(path: str, data: bytes) -> Facts:
    """What rpm's database says, or dnf's list of why packages are there."""
    name = path.rpartition("/")[2]
    if name == "packages.toml":
        yield from _reasons(data)
    elif not data:
        return  # as rpm leaves its second file behind
    elif name in _OTHERS:
        yield Unread(path, _OTHERS[name])
    else:
        for header in _headers(data):
            try:
                values = _values(header)
                if _NAME in values and values[_NAME][0] != "gpg-pubkey":
                    yield _package(values)
            except (ValueError, IndexError, struct.error) as error:
                yield Unread(path, f"a database of rpm with a damaged header: {error}")


def _headers(data: bytes) -> Iterator[bytes]:
    """The rows of the table of packages. The database may be anything: SQLite is given no time without end.

    Raises:
        ValueError: it is no database, is damaged, or takes too long.
    """
    import sqlite3

    if data[:16] != b"SQLite format 3\0":
        raise ValueError("is no SQLite database")
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            steps = iter(range(_MOST_STEPS))
            database.text_factory = bytes
            database.set_progress_handler(lambda: next(steps, None) is None, 1_000_000)
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_HEADER)
            # rpm logs its writes into a second file, without which SQLite opens nothing: these two bytes ask for it.
            database.deserialize(data[:18] + b"\1\1" + data[20:])
            database.execute("PRAGMA trusted_schema = OFF")
            # A view of that name could be any query.
            if not database.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'Packages'"
            ).fetchone():
                raise ValueError("has no table of packages")
            for (blob,) in database.execute("SELECT blob FROM Packages"):
                if isinstance(blob, bytes):
                    yield blob
    except sqlite3.Error as error:
        raise ValueError(f"SQLite can't read it: {error}") from error


def _values(header: bytes) -> dict[int, Value]:
    """The values of a header that are used here, by tag.

    A header is the number of its tags, the length of its data, 16 bytes for each tag (tag, type, offset, count),
    and the data; all numbers big-endian.
    """
    tags, length = struct.unpack_from(">II", header)
    if tags > _MOST_TAGS or 8 + 16 * tags + length > len(header):
        raise ValueError("it claims more than it holds")
    store = header[8 + 16 * tags : 8 + 16 * tags + length]
    out: dict[int, Value] = {}
    for tag, kind, offset, count in struct.iter_unpack(">IIII", header[8 : 8 + 16 * tags]):
        if tag not in _USED:
            continue
        if count > min(_MOST_FILES, len(store)) or offset > len(store):
            raise ValueError("it claims more than it holds")
        if kind == _INT32:
            out[tag] = struct.unpack_from(f">{count}I", store, offset)
        elif kind in (_STRING, _STRINGS, _I18N):
            out[tag] = tuple(_strings(store, offset, 1 if kind == _STRING else count))
    return out


_USED = frozenset({
    _NAME, _VERSION, _RELEASE, _EPOCH, _ARCH, _SOURCE, _FLAGS, _PROVIDES, _REQUIRES, _RECOMMENDS, _DIRECTORY_OF,
    _BASE_NAMES, _DIRECTORIES,
})  # fmt: skip


def _strings(store: bytes, offset: int, count: int) -> Iterator[str]:
    for _ in range(count):
        end = store.find(b"\0", offset)
        if end < 0:
            raise ValueError("a text in it has no end")
        yield store[offset:end].decode("utf-8", "replace")
        offset = end + 1


def _package(values: dict[int, Value]) -> Record:
    def texts(tag: int) -> list[str]:
        return [str(one) for one in values.get(tag, ())]

    def text(tag: int) -> str:
        return next(iter(texts(tag)), "")

    epoch, name, architecture = text(_EPOCH), text(_NAME), text(_ARCH)
    version = f"{text(_VERSION)}-{text(_RELEASE)}"
    return Record(
        RPM,
        f"{name}.{architecture}",
        name,
        f"{epoch}:{version}" if epoch not in ("", "0") else version,
        files=bounded(_files(values)),
        answers=tuple(dict.fromkeys((name, *texts(_PROVIDES)))),
        needs=tuple((one,) for one in dict.fromkeys(texts(_REQUIRES)) if not one.startswith("rpmlib(")),
        recommends=tuple((one,) for one in dict.fromkeys(texts(_RECOMMENDS))),
        architecture=architecture,
        source=text(_SOURCE),
    )


def _files(values: dict[int, Value]) -> Iterator[str]:
    names, places = values.get(_BASE_NAMES, ()), values.get(_DIRECTORY_OF, ())
    directories, flags = values.get(_DIRECTORIES, ()), values.get(_FLAGS, ())
    for at, (name, place) in enumerate(zip(names, places, strict=False)):
        flag = flags[at] if at < len(flags) else 0
        if isinstance(place, int) and not (isinstance(flag, int) and flag & _GHOST):
            yield f"{directories[place]}{name}".lstrip("/")


def _reasons(data: bytes) -> Facts:
    """The reasons that dnf 5 keeps in `packages.toml`, by NAME.ARCHITECTURE."""
    import tomllib

    packages = tomllib.loads(data.decode()).get("packages")
    for key, one in packages.items() if isinstance(packages, dict) else ():
        reason = str(one.get("reason") if isinstance(one, dict) else "").lower()
        if "user" in reason or reason == "group":
            yield Mark(RPM, (key,), wanted=True)
        elif "dependency" in reason:
            yield Mark(RPM, (key,), wanted=False)
