"""Go programs: the modules that the linker wrote into them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from .record import Facts, Record

GO = "go"
HEAD = 4096  # bytes of a file that tell whether Go made it, and where its data begin
_NOTE = b"Go\0\0"  # the owner of the note that holds the build's ID
_MAGIC = b"\xff Go buildinf:"
_ALIGNED = 16
_PART = 1024 * 1024  # of the data, in which the modules stand near the beginning
_MOST_MODULES = 20_000
_WRITABLE, _LOADED = 2, 1


def is_go(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a Go program."""
    return head[:4] == b"\x7fELF" and _NOTE in head


def read(path: str, head: bytes, part: Callable[[int, int], bytes]) -> Facts:
    """What a Go program says.

    Args:
        path: the file.
        head: its first bytes, HEAD of them.
        part: gives bytes by offset and length.
    """
    start = _data_start(head)
    if start is None:
        return
    data = part(start, _PART)
    at = data.find(_MAGIC)
    while at >= 0 and (start + at) % _ALIGNED:
        at = data.find(_MAGIC, at + 1)
    if at < 0 or at + 32 > len(data) or not data[at + 15] & 2:
        return  # before Go 1.18 it holds addresses in place of texts
    version, at = _text(data, at + 32)
    modules, _ = _text(data, at)
    # Between the marks of 16 bytes each.
    lines = modules[16:-16].decode("utf-8", "replace").splitlines()
    yield from _modules(path, version.decode("utf-8", "replace"), lines)


def _modules(path: str, version: str, lines: list[str]) -> Facts:
    main, own = path.rpartition("/")[2], ""
    found: list[tuple[str, str]] = []
    for line in lines[:_MOST_MODULES]:
        word, *fields = line.split("\t")
        if word == "mod" and len(fields) >= 2:
            main, own = fields[0], fields[1]
        elif word == "path" and fields and not own:
            main = fields[0]
        elif word == "dep" and len(fields) >= 2:
            found.append((fields[0], fields[1]))
        elif word == "=>" and len(fields) >= 2 and found:
            found[-1] = (fields[0], fields[1])  # what stands in its place
    yield Record(GO, path, main, own, files=(path,))
    number = version.split()[0].removeprefix("go") if version.split() else ""
    if number:
        yield Record(GO, f"{path}!stdlib", "stdlib", number, inside=path)
    for name, one in found:
        yield Record(GO, f"{path}!{name}", name, one, inside=path)


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """A text with its length before it, and where it ends."""
    length = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    return data[at : at + length], min(at + length, len(data))


def _data_start(head: bytes) -> int | None:
    """Where in a file the data begin: the first part of it that is loaded to be written."""
    if len(head) < 64 or head[:4] != b"\x7fELF" or head[5] not in (1, 2):
        return None
    order = "<" if head[5] == 1 else ">"
    for kind, flags, offset in _parts(head, order, wide=head[4] == 2):
        if kind == _LOADED and flags & _WRITABLE:
            return offset
    return None


def _parts(head: bytes, order: str, *, wide: bool) -> Iterator[tuple[int, int, int]]:
    """Kind, flags and offset of each part of a program, as far as the head has them."""
    if wide:
        (table,) = struct.unpack_from(f"{order}Q", head, 32)
        size, count = struct.unpack_from(f"{order}HH", head, 54)
    else:
        (table,) = struct.unpack_from(f"{order}I", head, 28)
        size, count = struct.unpack_from(f"{order}HH", head, 42)
    for number in range(count):
        at = table + number * size
        if at + 32 > len(head):
            return
        if wide:
            kind, flags, offset = struct.unpack_from(f"{order}IIQ", head, at)
        else:
            kind, offset = struct.unpack_from(f"{order}II", head, at)
            (flags,) = struct.unpack_from(f"{order}I", head, at + 24)
        yield kind, flags, offset
