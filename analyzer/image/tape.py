"""Archives without a table, tar and ar, as files hold them: read once, from the beginning to the end.

Every byte is handed out once: as contents of a member, or as what stands beside them.
"""

from __future__ import annotations

import bisect
import re
from array import array
from collections.abc import Callable, Iterator

from ..errors import InputError
from .tar import begins_tar, members

AR = b"!<arch>\n"
_CPIO = (b"070701", b"070702", b"070707", b"\xc7\x71", b"\x71\xc7")
_AR_HEADER = 60
_BLOCK = 1024 * 1024
_BATCH = 64 * 1024  # of headers, which are looked at together
# How compressed data and archives begin, where nothing says that a file does.
_PACKED = re.compile(
    rb"\x1f\x8b\x08[\x00-\x1f]|BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd|PK\x03\x04|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07"
)
_LONGEST_MAGIC = 10


def is_tape(head: bytes) -> bool:
    """Whether a file that begins so is a tar, an ar or a cpio archive."""
    return head.startswith((AR, *_CPIO)) or begins_tar(head)


class Tape:
    """An archive on its way past. What is no contents of a member goes to `beside`, in its order."""

    def __init__(self, blocks: Iterator[bytes], beside: Callable[[bytes], None]) -> None:
        self._blocks = blocks
        self._beside = beside
        self._batch = bytearray()
        self._tail = b""
        self._block = b""
        self._start = 0  # of what is left of the block
        self._at = 0  # of the same, in the archive
        # Where stretches of what stands beside begin: among themselves, and in the archive.
        self._beginnings = array("q")
        self._places = array("q")
        self._passed = 0
        self.unreached = False  # something packed stands beside the members

    def members(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The names and contents of its members. Those of the next may be read when it is asked for.

        Raises:
            InputError: it is cut off or damaged. What is left can be had by `end`.
        """
        head = self.take(0, 512)
        if head.startswith(AR):
            yield from self._ar()
        elif begins_tar(head):
            for member in members(self, "tar"):
                if member.size and member.data >= 0:
                    yield member.name, self._contents(member.data, member.size)

    def take(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, which must not lie before the last one. They can be taken again."""
        self._pass_to(offset)
        while len(self._block) - self._start < length and self._at == offset:
            block = next(self._blocks, b"")
            if not block:
                break
            self._block = self._block[self._start :] + block
            self._start = 0
        return self._block[self._start : self._start + length] if self._at == offset else b""

    def end(self) -> int:
        """Everything that is left goes to `beside`. The length of it all."""
        self._pass_to(1 << 63)
        self._look()
        return self._at

    def place(self, offset: int) -> int:
        """Where a byte of what stands beside the members stands in the archive."""
        at = bisect.bisect_right(self._beginnings, offset) - 1
        return self._places[at] + offset - self._beginnings[at]

    def _contents(self, offset: int, length: int) -> Iterator[bytes]:
        self._pass_to(offset)
        yield from self._parts(offset + length)

    def _parts(self, offset: int) -> Iterator[bytes]:
        """What stands before an offset."""
        while self._at < offset:
            if self._start == len(self._block):
                self._block, self._start = next(self._blocks, b""), 0
                if not self._block:
                    return
            part = self._block[self._start : self._start + min(offset - self._at, _BLOCK)]
            self._start += len(part)
            self._at += len(part)
            yield part

    def _pass_to(self, offset: int) -> None:
        if self._at < offset:
            self._beginnings.append(self._passed)
            self._places.append(self._at)
        for part in self._parts(offset):
            self._passed += len(part)
            self._batch += part
            if len(self._batch) >= _BATCH:
                self._look()

    def _look(self) -> None:
        batch = bytes(self._batch)
        self._batch.clear()
        self._beside(batch)
        self.unreached = self.unreached or bool(_PACKED.search(self._tail + batch))
        self._tail = batch[-_LONGEST_MAGIC:]

    def _ar(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        at = len(AR)
        while header := self.take(at, _AR_HEADER):
            digits = header[48:58].strip()
            if header[58:] != b"`\n" or not digits.isdigit():
                if header.strip(b"\0\n"):
                    raise InputError("ar", f"at offset {at}: this is no header of a member")
                return
            size = int(digits)
            at += _AR_HEADER
            name = header[:16].rstrip(b" ").rstrip(b"/").decode("utf-8", "replace")
            yield name, self._contents(at, size)
            at += size + (size & 1)
