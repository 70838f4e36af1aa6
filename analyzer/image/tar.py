"""Walking over the headers of a tar: ustar, GNU and PAX, without touching contents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from ..errors import InputError
from .sparse import LARGEST, Pieces, fits, is_sparse, old_pieces, pax_pieces

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_MAX_RECORD = 1024 * 1024  # a PAX record or a GNU long name; real ones have some hundred bytes
_MAX_SIZE = 1 << 62

_KINDS = {
    0: "file", 48: "file", 55: "file", 83: "file",  # NUL, "0", "7" contiguous, "S" sparse
    49: "hardlink", 50: "symlink", 51: "character device", 52: "block device", 53: "directory", 54: "fifo",
}  # fmt: skip
_OLDEST, _SPARSE, _PAX, _LONG_NAME, _LONG_LINK = b"\0SxLK"
_RECORDS = b"xgLK"  # speak of the next entry; a global one (g) says nothing about a layer's


class Source(Protocol):
    """What a tar is read from, by rising offsets."""

    def take(self, offset: int, length: int, /) -> bytes:
        """Up to `length` bytes at `offset`."""
        ...

    def end(self) -> int:
        """The length of all of it."""
        ...


class Member(NamedTuple):
    """One entry of a tar. `name` and `link` are as written, `data` is the offset of its contents.

    A sparse file has the size that a reader of it would see; `data` is -1, since its contents do
    not stand in one piece, but in `pieces`.
    """

    name: str
    kind: str  # "unknown" for types of no standard
    size: int  # bytes of contents; 0 for all but files
    mode: int
    uid: int
    gid: int
    link: str
    data: int
    pieces: Pieces | None = None


_member = tuple.__new__  # three times as fast as a call of Member, which counts here


def members(source: Source, subject: str, ended: Callable[[int], None] | None = None) -> Iterator[Member]:
    """The entries of a tar, in order. Ends at its end mark, two blocks of zeros, or at the end of the bytes.

    Args:
        source: what it is read from.
        subject: what an error is about.
        ended: told where the end mark begins, if there is one.

    Raises:
        InputError: it is no tar, or it is cut off or damaged; names the offset.
    """
    at = 0
    contents_end = 0  # of the entry before, without its padding
    name_before = b""
    long_name = long_link = b""
    pax: dict[bytes, bytes] = {}
    # Modes and owners repeat themselves: remember what a field of digits means.
    owners: dict[bytes, tuple[int, int, int]] = {}
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
        magic = block[257:263]
        if magic != b"ustar\0" and magic != b"ustar ":
            if block == _ZEROS:
                if take(at + _BLOCK, _BLOCK).strip(b"\0"):
                    problem = "a block of zeros alone, and more behind it: no engine reads on there"
                    raise broken(subject, at, problem)
                if ended is not None:
                    ended(at)
                return
            if not _checksum_fits(block):
                raise broken(subject, at, "this is no tar header")
        try:
            size = int(block[124:135], 8)
        except ValueError:
            size = -1
        if size < 0 or block[135] > 32:  # not the usual eleven digits and a blank or NUL
            size = _number(block[124:136], subject, at)
        flag = block[156]
        data = at + _BLOCK
        if flag in _RECORDS:
            if size > _MAX_RECORD:
                raise broken(subject, at, f"a long name or PAX record claims {size} bytes")
            record = take(data, size)
            if len(record) < size:
                raise broken(subject, at, "a PAX record is cut off: the file is truncated")
            if flag == _PAX:
                pax = _records(record, subject, at)
            elif flag == _LONG_NAME:
                long_name = record.rstrip(b"\0")
            elif flag == _LONG_LINK:
                long_link = record.rstrip(b"\0")
            at = data + (size + 511 & ~511)
            continue
        kind = _KINDS.get(flag, "unknown")
        name = block[:100].split(b"\0", 1)[0]
        link = block[157:257].split(b"\0", 1)[0] if block[157] else b""
        if block[345] and magic == b"ustar\0":
            name = block[345:500].split(b"\0", 1)[0] + b"/" + name
        if long_name or long_link:
            name, link = long_name or name, long_link or link
            long_name = long_link = b""
        fields = block[100:124]
        if fields not in owners:
            mode, uid, gid = (_number(fields[start : start + 8], subject, at) for start in (0, 8, 16))
            owners[fields] = mode & 0o7777, uid, gid
        mode, uid, gid = owners[fields]
        stored = size
        pieces: Pieces | None = None
        if flag == _SPARSE:  # the real size, and perhaps more of its map behind the header
            size = _number(block[483:495], subject, at)
            table = block[386:482]
            extended = block[482] == 1
            while extended and len(table) < _MAX_RECORD:
                more = take(data, _BLOCK)
                table += more[:504]
                extended = more[504:505] == b"\1"
                data += _BLOCK
            pieces = old_pieces(table, data, lambda field, at=at: _number(field, subject, at))  # type: ignore[misc]
        if pax:
            name = pax.get(b"GNU.sparse.name") or pax.get(b"path") or name
            link = pax.get(b"linkpath", link)
            if b"size" in pax:
                stored = size = _decimal(pax[b"size"], subject, at)
            if is_sparse(pax):
                size = _decimal(pax.get(b"GNU.sparse.realsize") or pax[b"GNU.sparse.size"], subject, at)
                try:
                    pieces = pax_pieces(pax, data, take)
                except ValueError:
                    raise broken(subject, at, "the map of a sparse file is damaged") from None
            uid = _decimal(pax[b"uid"], subject, at) if b"uid" in pax else uid
            gid = _decimal(pax[b"gid"], subject, at) if b"gid" in pax else gid
            pax = {}
        if flag == _OLDEST and name.endswith(b"/"):
            kind = "directory"
        if pieces is not None and size > LARGEST:
            raise broken(subject, at, f"a sparse file claims {size} bytes, which no disk holds")
        if pieces is not None and not fits(pieces, size, data + stored):
            raise broken(subject, at, "the map of a sparse file is damaged")
        at = data
        if kind in ("file", "unknown"):  # of the other kinds a size means nothing
            contents_end = data + stored
            at += stored + 511 & ~511
            name_before = name
        if kind != "file":
            size = 0
        text = name.decode("utf-8", "surrogateescape")
        target = link.decode("utf-8", "surrogateescape") if link else ""
        yield _member(
            Member, (text, kind, size, mode, uid, gid, target, data if pieces is None else -1, pieces)
        )


def looks_like_tar(block: bytes) -> bool:
    """Whether a first block of 512 bytes begins a tar, an empty one included."""
    return len(block) == _BLOCK and (block == _ZEROS or _checksum_fits(block))


def begins_tar(head: bytes) -> bool:
    """Whether a file that begins so is a tar with something in it."""
    return len(head) >= _BLOCK and _checksum_fits(head[:_BLOCK])


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
    out: dict[bytes, bytes] = {}
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
        key, equals, value = data[blank + 1 : start + length - 1].partition(b"=")
        if not equals or data[start + length - 1] != 10:
            raise broken(subject, at, "a PAX record is damaged")
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):  # which stand there again and again
            key, value = b"GNU.sparse.map", out.get(b"GNU.sparse.map", b"") + value + b","
        out[key] = value
        start += length
    return out


def _checksum_fits(block: bytes) -> bool:
    digits = block[148:156].strip(b" \0").split(b"\0", 1)[0]
    if not digits or digits.strip(b"01234567"):
        return False
    return int(digits, 8) == sum(block[:148]) + 8 * 32 + sum(block[156:])


def _cut_off(subject: str, name: bytes, end: int, wanted: int) -> InputError:
    return broken(
        subject,
        end,
        f"ends inside {name.decode(errors='replace')!r}, {wanted - end} bytes early: it is truncated",
    )


def broken(subject: str, offset: int, problem: str) -> InputError:
    """The error for bytes that can't be what they should be, at an offset."""
    return InputError(subject, f"at offset {offset}: {problem}", "save the image again")
