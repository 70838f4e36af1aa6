"""Files that are archives or compressed themselves: what is in them, in blocks, within bounds."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from typing import IO, cast

from .blob import ChunkFile

_BLOCK = 1024 * 1024
_LARGEST_ZIP = 64 * 1024 * 1024  # its table stands at its end, so that all of it is held
_MOST_MEMORY = 128 * 1024 * 1024  # that a decompressor may ask for

# By their first bytes. What is named here and can't be unpacked is told to be so.
_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
_ZIP = b"PK\x03\x04"
_CLOSED = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"\xed\xab\xee\xdb": "an RPM package",
    b"hsqs": "a squashfs",
    b"\x04\x22\x4d\x18": "LZ4 data",
    b"LZIP": "lzip data",
    b"PACK\0\0\0": "a pack of Git",
    # Its third byte has the width of its codes, 9 to 16 bits.
    **{bytes((0x1F, 0x9D, 0x80 | bits)): "data of compress (.Z)" for bits in range(9, 17)},
}


def closed(head: bytes) -> str:
    """What a file is that begins so and can't be looked into; "" where it can."""
    return next((what for magic, what in _CLOSED.items() if head.startswith(magic)), "")


class ClosedError(Exception):
    """A file that can't be looked into; its text says what it is."""


class Allowance:
    """How much may be unpacked in all, so that a small file can't keep anybody busy for long."""

    def __init__(self, total: int) -> None:
        self._left = total

    def spend(self, count: int) -> None:
        """So many more bytes were unpacked.

        Raises:
            ClosedError: that is more than is allowed.
        """
        self._left -= count
        if self._left < 0:
            raise ClosedError("compressed data, of which enough was unpacked")


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so holds others, or is compressed."""
    return head.startswith((_GZIP, _BZIP2, _XZ, _ZSTD, *_CLOSED)) or is_zip(head)


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip, or one of Python's zipapps: a line for the kernel before it."""
    return head.startswith(_ZIP) or (head.startswith(b"#!") and _ZIP in head)


def members(blocks: Iterator[bytes], allowance: Allowance) -> Iterator[tuple[str, Iterator[bytes]]]:
    """What a packed file holds: names, which are "" for the one content of compressed data, and blocks.

    Each has to be read before the next.

    Raises:
        ClosedError: it can't be looked into, or not to its end.
    """
    head = next(blocks, b"")
    if what := closed(head):
        raise ClosedError(what)
    blocks = itertools.chain([head], blocks)
    try:
        if is_zip(head):
            yield from _zipped(blocks, allowance)
        else:
            yield "", _unpacked(head, blocks, allowance)
    except (ClosedError, ImportError):
        raise
    except Exception as error:
        # The libraries raise errors of many kinds for damaged and encrypted data.
        raise ClosedError(f"damaged or encrypted ({type(error).__name__})") from error


def _unpacked(head: bytes, blocks: Iterator[bytes], allowance: Allowance) -> Iterator[bytes]:
    try:
        for block in _opened(head, blocks):
            allowance.spend(len(block))
            yield block
    except (ClosedError, ImportError, GeneratorExit):
        raise
    except Exception as error:
        raise ClosedError(f"damaged compressed data ({type(error).__name__})") from error


def _opened(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    stored = cast("IO[bytes]", ChunkFile(blocks))
    read: Callable[[int], bytes]
    if head.startswith(_GZIP):
        from isal import igzip

        read = igzip.IGzipFile(fileobj=stored, mode="rb").read  # type: ignore[no-untyped-call]
    elif head.startswith(_ZSTD):
        import zstandard

        read = zstandard.ZstdDecompressor().stream_reader(stored, read_across_frames=True).read
    elif head.startswith(_BZIP2):
        import bz2

        read = bz2.BZ2File(stored).read
    else:
        yield from xz_blocks(blocks)
        return
    while block := read(_BLOCK):
        yield block


def xz_blocks(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack xz by hand, since lzma's file object knows no bound for its memory."""
    import lzma

    rest = b""
    while rest or (rest := next(blocks, b"")):
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY)
        while not unpacker.eof:
            block = unpacker.decompress(rest, _BLOCK)
            rest = b""
            if block:
                yield block
            if unpacker.needs_input and not unpacker.eof and not (rest := next(blocks, b"")):
                raise EOFError
        rest = unpacker.unused_data.lstrip(b"\0")


def _zipped(blocks: Iterator[bytes], allowance: Allowance) -> Iterator[tuple[str, Iterator[bytes]]]:
    import zipfile

    data = bytearray()
    for block in blocks:
        data += block
        if len(data) > _LARGEST_ZIP:
            raise ClosedError(f"a zip archive of more than {_LARGEST_ZIP >> 20} MiB")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if info.file_size and not info.is_dir():
                with archive.open(info) as member:
                    yield info.filename, _counted(member, allowance)


def _counted(member: IO[bytes], allowance: Allowance) -> Iterator[bytes]:
    try:
        while block := member.read(_BLOCK):
            allowance.spend(len(block))
            yield block
    except (ClosedError, GeneratorExit):
        raise
    except Exception as error:
        raise ClosedError(f"damaged or encrypted ({type(error).__name__})") from error
