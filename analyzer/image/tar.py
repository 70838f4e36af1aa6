"""Walking over the headers of a tar: ustar, GNU and PAX, without touching contents."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from ..errors import InputError
from .blob import Source

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_MAX_RECORD = 1024 * 1024  # a PAX record or a GNU long name; real ones have some hundred bytes
_MAX_SIZE = 1 << 62

# name, mode, uid, gid, size, mtime, checksum, kind, link, magic; then come owners and the prefix.
_HEADER = Struct("100s 8s 8s 8s 12s 12s 8s c 100s 6s").unpack_from
_KINDS = {
    b"\0": "file", b"0": "file", b"7": "file", b"S": "file", b"1": "hardlink", b"2": "symlink",
    b"3": "character device", b"4": "block device", b"5": "directory", b"6": "fifo",
}  # fmt: skip


class Member(NamedTuple):
    """One entry of a tar. `name` and `link` are as written, `data` is the offset of its contents.

    A sparse file has the size that a reader of it would see; `data` is -1, since its contents do
    not stand in one piece.
    """

    name: str
    kind: str  # "unknown" for types of no standard
    size: int  # bytes of contents; 0 for all but files
    mode: int
    uid: int
    gid: int
    link: str
    data: int


def members(source: Source, subject: str) -> Iterator[Member]:
    """The entries of a tar, in order. Ends at a block of zeros, or at the end of the bytes.

    Raises:
        InputError: it is no tar, or it is cut off or damaged; names the offset.
    """
    at = 0
    contents_end = 0  # of the entry before, without its padding
    name_before = ""
    long_name = long_link = b""
    pax: dict[bytes, bytes] = {}
    # Modes and owners repeat themselves: remember what a field of digits means.
    known: dict[bytes, int] = {}
    take = source.take
    while True:
        block = take(at, _BLOCK)
        if len(block) < _BLOCK:
            end = source.end()
            if block.strip(b"\0"):
                raise broken(subject, at, "a header is cut off: the file is truncated")
            if end < contents_end:
                raise _cut_off(subject, name_before, end, contents_end)
            return
        raw_name, mode, uid, gid, digits, _, _, flag, raw_link, magic = _HEADER(block)
        if magic[:5] != b"ustar":
            if block == _ZEROS:
                return  # the end mark is two of them, yet one is as clear
            if not _checksum_fits(block):
                raise broken(subject, at, "this is no tar header")
        try:
            size = int(digits[:11], 8) if digits[11] in b"\0 " and digits[0] in b"01234567" else -1
        except ValueError:
            size = -1
        if size < 0:
            size = _number(digits, subject, at)
        data = at + _BLOCK
        if flag in b"xgLK":
            if size > _MAX_RECORD:
                raise broken(subject, at, f"a long name or PAX record claims {size} bytes")
            record = take(data, size)
            if len(record) < size:
                raise broken(subject, at, "a PAX record is cut off: the file is truncated")
            if flag == b"x":  # a global one (g) says nothing about a layer's entries
                pax = _records(record, subject, at)
            elif flag == b"L":
                long_name = record.rstrip(b"\0")
            elif flag == b"K":
                long_link = record.rstrip(b"\0")
            at = data + (size + 511 & ~511)
            continue
        kind = _KINDS.get(flag, "unknown")
        stored = size
        sparse = False
        name = raw_name.split(b"\0", 1)[0]
        link = raw_link.split(b"\0", 1)[0] if raw_link[0] else b""
        if block[345] and magic == b"ustar\0":
            name = block[345:500].split(b"\0", 1)[0] + b"/" + name
        if flag == b"S":
            # An old GNU sparse file: the real size, and more of its map behind the header.
            sparse = True
            size = _number(block[483:495], subject, at)
            extended = block[482] == 1
            while extended:
                extended = take(data, _BLOCK)[504:505] == b"\1"
                data += _BLOCK
        if long_name or long_link:
            name, link = long_name or name, long_link or link
            long_name = long_link = b""
        if pax:
            name = pax.get(b"GNU.sparse.name") or pax.get(b"path") or name
            link = pax.get(b"linkpath", link)
            if b"size" in pax:
                stored = size = _decimal(pax[b"size"], subject, at)
            for key in (b"GNU.sparse.realsize", b"GNU.sparse.size"):
                if key in pax:
                    sparse = True
                    size = _decimal(pax[key], subject, at)
        if flag == b"\0" and name.endswith(b"/"):
            kind = "directory"  # the oldest tars mark directories so
        for field in (mode, uid, gid):
            if field not in known:
                known[field] = _number(field, subject, at)
        header = at
        at = data
        if kind in ("file", "unknown"):  # of the other kinds a size means nothing
            contents_end = data + stored
            at += stored + 511 & ~511
            name_before = name.decode("utf-8", "replace")
        yield Member(
            name.decode("utf-8", "surrogateescape"),
            kind,
            size if kind == "file" else 0,
            known[mode] & 0o7777,
            _decimal(pax[b"uid"], subject, header) if b"uid" in pax else known[uid],
            _decimal(pax[b"gid"], subject, header) if b"gid" in pax else known[gid],
            link.decode("utf-8", "surrogateescape"),
            -1 if sparse else data,
        )
        if pax:
            pax = {}


def _number(field: bytes, subject: str, at: int) -> int:
    """An octal number, or a base-256 one when its first bit is set."""
    if field[0] & 0x80:
        if field[0] == 0xFF:
            return 0  # negative: only times are, and they are not read
        value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        if value >= _MAX_SIZE:
            raise broken(subject, at, f"a header claims {value} bytes, which no disk holds")
        return value
    digits = field.strip(b" \0").split(b"\0", 1)[0]
    if digits and not digits.strip(b"01234567"):
        return int(digits, 8)
    if digits:
        raise broken(subject, at, "this is no tar header")
    return 0


def _decimal(digits: bytes, subject: str, at: int) -> int:
    if not digits.isdigit() or len(digits) > 18:
        raise broken(subject, at, "a PAX record holds no number where one belongs")
    return int(digits)


def _records(data: bytes, subject: str, at: int) -> dict[bytes, bytes]:
    """`length key=value\\n`, again and again."""
    out = {}
    start = 0
    while start < len(data):
        blank = data.find(b" ", start, start + 20)
        if blank < 0 or not data[start:blank].isdigit():
            if not data[start:].strip(b"\0"):
                break
            raise broken(subject, at, "a PAX record is damaged")
        length = int(data[start:blank])
        if length <= blank - start or start + length > len(data):
            raise broken(subject, at, "a PAX record is damaged")
        key, _, value = data[blank + 1 : start + length - 1].partition(b"=")
        out[key] = value
        start += length
    return out


def _checksum_fits(block: bytes) -> bool:
    digits = block[148:156].strip(b" \0").split(b"\0", 1)[0]
    if not digits or digits.strip(b"01234567"):
        return False
    return int(digits, 8) == sum(block[:148]) + 8 * 32 + sum(block[156:])


def _cut_off(subject: str, name: str, end: int, wanted: int) -> InputError:
    return broken(subject, end, f"ends inside {name!r}, {wanted - end} bytes early: it is truncated")


def broken(subject: str, offset: int, problem: str) -> InputError:
    """The error for bytes that can't be what they should be, at an offset."""
    return InputError(subject, f"at offset {offset}: {problem}", "save the image again")
