"""Sparse files in a tar: where their pieces belong, and what they hold with the zeros between them.

GNU tar has written their maps in four ways: in the header of a type of its own, as two lists or as one of PAX
records, and in front of the contents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

_BLOCK = 512
_MEGABYTE = 1 << 20
_ZEROS = bytes(_MEGABYTE)
_FIELD = 12  # bytes of a number in the oldest form
_LONGEST_MAP = 1 << 20
# More than this no file system of an engine holds in a file; and an engine would write it all out.
LARGEST = 1 << 44

Take = Callable[[int, int], bytes]


class Pieces(NamedTuple):
    """What of a sparse file is stored."""

    data: int  # offset of the first piece in the tar; the others follow at once
    ranges: tuple[tuple[int, int], ...]  # where each belongs in the file, and its length

    @property
    def stored(self) -> int:
        """Bytes of all pieces."""
        return sum(length for _, length in self.ranges)


def is_sparse(records: Mapping[bytes, bytes]) -> bool:
    """Whether PAX records say that a file is sparse."""
    return b"GNU.sparse.realsize" in records or b"GNU.sparse.size" in records


def old_pieces(table: bytes, data: int, number: Callable[[bytes], int]) -> Pieces:
    """The map of a header of the type S, with what follows it."""
    fields = [table[at : at + _FIELD] for at in range(0, len(table) - _FIELD + 1, _FIELD)]
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return Pieces(
        data, tuple((number(offset), number(length)) for offset, length in pairs if offset.strip(b"\0"))
    )


def pax_pieces(records: Mapping[bytes, bytes], data: int, take: Take) -> Pieces:
    """The map of a file with PAX records: one of them, or a text in front of its contents.

    Raises:
        ValueError: it makes no sense.
    """
    if records.get(b"GNU.sparse.major") == b"1":
        return _map_before(data, take)
    numbers = [_digits(one) for one in records.get(b"GNU.sparse.map", b"").split(b",") if one]
    return Pieces(data, tuple(zip(numbers[::2], numbers[1::2], strict=True)))


def _map_before(data: int, take: Take) -> Pieces:
    """Numbers, a line each: how many pieces there are, and of each its offset and its length; padded to a block."""
    text = b""
    wanted = 1
    while text.count(b"\n") < wanted:
        block = take(data + len(text), _BLOCK)
        if len(block) < _BLOCK or len(text) > _LONGEST_MAP:
            raise ValueError
        text += block
        if wanted == 1 and b"\n" in text:
            wanted = 1 + 2 * _digits(text.partition(b"\n")[0])
    numbers = [_digits(line) for line in text.split(b"\n")[1:wanted]]
    return Pieces(data + len(text), tuple(zip(numbers[::2], numbers[1::2], strict=True)))


def _digits(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise ValueError
    return int(text)


def fits(pieces: Pieces, size: int, end: int) -> bool:
    """Whether pieces follow each other within a file of this size, and are stored before an offset of the tar."""
    at = 0
    for offset, length in pieces.ranges:
        if offset < at or offset + length > size:
            return False
        at = offset + length
    return pieces.data + pieces.stored <= end


class SparseDigests:
    """The XXH3 of sparse files as their readers see them, which is that of the same file without holes.

    Zeros cost time, too, and a few bytes can claim terabytes of them: beyond a bound for all files, what is hashed
    is where the pieces belong and what they hold.
    """

    def __init__(self, most_zeros: int = 4 << 30) -> None:
        self._zeros_left = most_zeros

    def digest(self, take: Take, pieces: Pieces, size: int) -> bytes:
        """The digest of a file of this size; `take` reads its tar."""
        import xxhash

        holes = size - pieces.stored
        told = holes > self._zeros_left
        if not told:
            self._zeros_left -= holes
        hashed = xxhash.xxh3_128(repr((size, pieces.ranges)).encode() if told else b"")
        at, place = pieces.data, 0
        for offset, length in (*pieces.ranges, (size, 0)):
            if not told:
                for part in _zeros(offset - place):
                    hashed.update(part)
            for start in range(at, at + length, _MEGABYTE):
                hashed.update(take(start, min(_MEGABYTE, at + length - start)))
            at, place = at + length, offset + length
        return hashed.digest()


def _zeros(count: int) -> Iterator[bytes]:
    for _ in range(count >> 20):
        yield _ZEROS
    if rest := count & (_MEGABYTE - 1):
        yield _ZEROS[:rest]
