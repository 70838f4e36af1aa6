"""Walking over the headers of a tar: ustar, GNU and PAX, without touching contents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import InputError
from .blob import Source

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_MAX_RECORD = 1024 * 1024  # a PAX record or a GNU long name; real ones have some hundred bytes

_KINDS = {
    0: "file", 48: "file", 55: "file", 83: "file",  # \0, "0", "7" contiguous, "S" sparse
    49: "hardlink", 50: "symlink", 51: "character device", 52: "block device", 53: "directory", 54: "fifo",
}  # fmt: skip


class Member(NamedTuple):
    """One entry of a tar. `name` and `link` are as written, `data` is the offset of its contents."""

    name: str
    kind: str
    size: int  # bytes of contents; 0 for all but files
    mode: int
    uid: int
    gid: int
    link: str
    data: int


def members(source: Source, subject: str) -> Iterator[Member]:
    """The entries of a tar, in order. Ends at two blocks of zeros, or at the end of the bytes.

    Raises:
        InputError: it is no tar, or it is cut off or damaged; names the offset.
    """
    at = 0
    long_name = long_link = b""
    pax: dict[bytes, bytes] = {}
    take = source.take
    while True:
        block = take(at, _BLOCK)
        if len(block) < _BLOCK:
            if block.strip(b"\0"):
                raise _broken(subject, at, "a header is cut off: the file is truncated")
            return
        if block == _ZEROS:
            return  # the end mark is two of them, yet one is as clear
        kind = block[156]
        size = _number(block[124:136], subject, at)
        data = at + _BLOCK
        if kind in b"xgLK" and kind:
            if size > _MAX_RECORD:
                raise _broken(subject, at, f"a long name or PAX record claims {size} bytes")
            record = take(data, size)
            if len(record) < size:
                raise _broken(subject, at, "a PAX record is cut off: the file is truncated")
            if kind == 0x78:  # x; a global one (g) says nothing about a layer's entries
                pax = _records(record, subject, at)
            elif kind == 0x4C:  # L
                long_name = record.rstrip(b"\0")
            elif kind == 0x4B:  # K
                long_link = record.rstrip(b"\0")
            at = data + (size + 511 & ~511)
            continue
        if block[257:262] != b"ustar" and not _checksum_fits(block):
            raise _broken(subject, at, "this is no tar header")
        name = long_name or block[:100].split(b"\0", 1)[0]
        link = long_link or block[157:257].split(b"\0", 1)[0]
        if not long_name and block[257:263] == b"ustar\0" and block[345]:
            name = block[345:500].split(b"\0", 1)[0] + b"/" + name
        stored = size
        if pax:
            name = pax.get(b"path", name)
            link = pax.get(b"linkpath", link)
            if b"size" in pax:
                stored = size = _decimal(pax[b"size"], subject, at)
            if b"GNU.sparse.name" in pax:
                name = pax[b"GNU.sparse.name"]
            for key in (b"GNU.sparse.realsize", b"GNU.sparse.size"):
                if key in pax:
                    size = _decimal(pax[key], subject, at)
        if kind == 83:  # an old GNU sparse file: the real size, and more maps behind the header
            size = _number(block[483:495], subject, at)
            extended = block[482]
            while extended:
                extended = (take(data, _BLOCK) or _ZEROS)[504:505] == b"\1"
                data += _BLOCK
        what = _KINDS.get(kind, "file" if kind < 48 or kind > 57 else "")
        if not what:
            what = "file"
        if what == "file" and kind != 83 and name.endswith(b"/"):
            what = "directory"  # the oldest tars mark directories so
        yield Member(
            name.decode("utf-8", "surrogateescape"),
            what,
            size if what == "file" else 0,
            _number(block[100:108], subject, at) & 0o7777,
            _decimal(pax[b"uid"], subject, at) if b"uid" in pax else _number(block[108:116], subject, at),
            _decimal(pax[b"gid"], subject, at) if b"gid" in pax else _number(block[116:124], subject, at),
            link.decode("utf-8", "surrogateescape"),
            data,
        )
        # Only files have contents; other kinds may carry a size that means nothing.
        at = data + (stored + 511 & ~511) if what == "file" else data
        if pax:
            pax = {}
        long_name = long_link = b""


def _number(field: bytes, subject: str, at: int) -> int:
    """An octal number, or a base-256 one when its first bit is set."""
    if field[0] & 0x80:
        if field[0] == 0xFF:
            return 0  # negative: only times are, and they are not read
        value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        if value >= 1 << 62:
            raise _broken(subject, at, "a size is absurdly large")
        return value
    digits = field.strip(b" \0")
    if not digits:
        return 0
    try:
        return int(digits.split(b"\0", 1)[0], 8)
    except ValueError:
        raise _broken(subject, at, "this is no tar header") from None


def _decimal(digits: bytes, subject: str, at: int) -> int:
    if not digits.isdigit() or len(digits) > 18:
        raise _broken(subject, at, "a PAX record holds no number where one belongs")
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
            raise _broken(subject, at, "a PAX record is damaged")
        length = int(data[start:blank])
        if length <= blank - start or start + length > len(data):
            raise _broken(subject, at, "a PAX record is damaged")
        key, _, value = data[blank + 1 : start + length - 1].partition(b"=")
        out[key] = value
        start += length
    return out


def _checksum_fits(block: bytes) -> bool:
    field = block[148:156].strip(b" \0")
    try:
        stated = int(field.split(b"\0", 1)[0], 8)
    except ValueError:
        return False
    return stated == sum(block[:148]) + 8 * 32 + sum(block[156:])


def _broken(subject: str, offset: int, problem: str) -> InputError:
    return InputError(subject, f"at offset {offset}: {problem}", "save the image again")
