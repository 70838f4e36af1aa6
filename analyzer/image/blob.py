"""Bytes of a file, a member or a stream, read forward by offset without ever being extracted."""

from __future__ import annotations

import io
import os
import stat
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Protocol, cast

from ..errors import InputError

_WINDOW = 64 * 1024
_GLANCE = 4 * 1024  # after a jump over contents: the next file is probably as large
_CHUNK = 1024 * 1024
# Deflate can't do more than 1032:1 and no real layer comes near this size: it is a bomb.
MAX_UNPACKED = 256 * 1024**3


class Hasher(Protocol):
    """The part of hashlib's objects that is used here."""

    @property
    def name(self) -> str:
        """As digests begin: "sha256"."""
        ...

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Of all bytes so far."""
        ...

    def copy(self) -> Hasher:
        """Another one that has taken the same bytes."""
        ...


class File:
    """An open file, read by offset only, so that any number of readers can share it."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self.name = name
        self.size = os.fstat(descriptor).st_size
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: str) -> File:
        """Open a file by its path. A pipe, such as a shell's <(…), is spooled.

        Raises:
            InputError: it can't be opened, or is no file.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else None
            raise InputError(path, (problem or str(error)).lower(), "check the path") from error
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return cls(descriptor, path)
        with open(descriptor, "rb") as stream:
            if stat.S_ISFIFO(mode):
                return cls.spool(iter(lambda: stream.read(_CHUNK), b""), path)
        raise InputError(path, "is no regular file", "give an archive of `docker save`")

    @classmethod
    def spool(cls, chunks: Iterable[bytes], name: str, limit: int = MAX_UNPACKED) -> File:
        """Chunks of something that can't be read by offset, kept in a file that has no name and goes with it.

        Raises:
            InputError: it is longer than `limit` bytes.
        """
        import tempfile

        length = 0
        try:
            with tempfile.TemporaryFile(prefix="imglint-") as spooled:
                for chunk in chunks:
                    length += len(chunk)
                    if length > limit:
                        raise InputError(name, f"unpacks to more than {limit} bytes", "this is no image")
                    spooled.write(chunk)
                spooled.flush()
                return cls(os.dup(spooled.fileno()), name)
        except OSError as error:
            problem = f"can't be kept in a temporary file after {length} bytes: {error.strerror or error}"
            raise InputError(name, problem, "set TMPDIR to a place with more room") from error

    def fetch(self) -> None:
        """Bring its bytes to this machine, where they are not."""

    def pread(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`.

        Raises:
            InputError: the disk does not give them.
        """
        try:
            return os.pread(self._descriptor, length, offset)
        except (OSError, OverflowError) as error:
            raise InputError(self.name, f"at offset {offset}: can't be read: {error}") from error


class Blob:
    """A stretch of a file: a whole archive, a member of it, or a blob of a layout."""

    __slots__ = ("file", "name", "size", "start")

    def __init__(self, file: File, name: str, start: int = 0, size: int | None = None) -> None:
        self.file = file
        self.name = name
        self.start = start
        self.size = file.size - start if size is None else size

    @property
    def subject(self) -> str:
        """For messages: the file, and the member inside it."""
        return self.file.name if self.name in ("", self.file.name) else f"{self.file.name}: {self.name}"

    def pread(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at an offset of this blob, never beyond its end."""
        return self.file.pread(self.start + offset, max(min(length, self.size - offset), 0))

    def small(self, limit: int) -> bytes:
        """All of it, if it is no longer than `limit`.

        Raises:
            InputError: it is longer, or the file ends before it does.
        """
        if self.size > limit:
            raise InputError(self.subject, f"has {self.size} bytes where at most {limit} make sense")
        data = self.pread(0, self.size)
        if len(data) < self.size:
            raise InputError(
                self.subject, f"ends after {len(data)} of {self.size} bytes: the file is truncated"
            )
        return data

    def compression(self) -> str:
        """By its first bytes, whatever it is called: "gzip", "zstd", "bzip2", "xz", or "" for none."""
        head = self.pread(0, 10)
        if head[:2] == b"\x1f\x8b":
            return "gzip"
        # A zstd file may begin with skippable frames, as seekable and chunked ones do.
        if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
            return "zstd"
        if head[:3] == b"BZh" and head[4:] == b"1AY&SY":
            return "bzip2"
        return "xz" if head[:6] == b"\xfd7zXZ\0" else ""


class Window:
    """Reads a blob by offset through a small window; bytes that nobody asks for are never read."""

    def __init__(self, blob: Blob) -> None:
        self._file = blob.file
        self._start = blob.start
        self._end = min(blob.size, max(blob.file.size - blob.start, 0))
        self._at = 0
        self._window = b""

    def take(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`."""
        start = offset - self._at
        stop = start + length
        if start < 0 or stop > len(self._window):
            near = 0 <= start <= len(self._window)
            self._fill(offset, max(length, _WINDOW if near else _GLANCE))
            start, stop = 0, length
        return self._window[start:stop]

    def _fill(self, offset: int, length: int) -> None:
        self._at = offset
        left = self._end - offset
        self._window = self._file.pread(self._start + offset, min(length, left)) if left > 0 else b""

    def hash(self, offset: int, length: int) -> bytes | None:
        """Contents are not hashed here: they were not read."""
        return None

    def end(self) -> int:
        """The length of all of it."""
        return self._end


class Stream:
    """Reads chunks by rising offsets, and hashes all bytes and each file's on the way."""

    def __init__(self, chunks: Iterator[bytes], hasher: Hasher | None, subject: str) -> None:
        self._chunks = chunks
        self._hasher = hasher
        self._subject = subject
        self._at = 0
        self._buffer = b""

    def take(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, which must not lie before the last one."""
        start = offset - self._at
        while start + length > len(self._buffer):
            # Keep only what may still be asked for.
            if start >= len(self._buffer):
                start -= len(self._buffer)
                self._at += len(self._buffer)
                self._buffer = b""
            chunk = self._next()
            if not chunk:
                break
            if start >= len(self._buffer):
                start -= len(self._buffer)
                self._at += len(self._buffer)
                self._buffer = chunk
            else:
                self._buffer = self._buffer[start:] + chunk
                self._at += start
                start = 0
        return self._buffer[start : start + length]

    def hash(self, offset: int, length: int) -> bytes | None:
        """The XXH3 of a file's contents, as far as the stream has them."""
        import xxhash

        digest = xxhash.xxh3_128()
        at, end = offset, offset + length
        while at < end:
            data = self.take(at, 1)
            if not data:
                break
            start = at - self._at
            part = self._buffer[start : start + end - at]
            digest.update(part)
            at += len(part)
        return digest.digest()

    def end(self) -> int:
        """Read to the end; the length of all of it."""
        while True:
            self._at += len(self._buffer)
            self._buffer = self._next()
            if not self._buffer:
                return self._at

    def _next(self) -> bytes:
        chunk = next(self._chunks, b"")
        if self._hasher is not None:
            self._hasher.update(chunk)
        if self._at + len(self._buffer) + len(chunk) > MAX_UNPACKED:
            raise InputError(self._subject, f"unpacks to more than {MAX_UNPACKED} bytes", "this is no layer")
        return chunk


Source = Window | Stream


# Told how many more bytes of what is stored have been read.
Progress = Callable[[int], None]


def chunks(blob: Blob, hasher: Hasher | None = None, progress: Progress | None = None) -> Iterator[bytes]:
    """The bytes of a blob as they are stored; `hasher` takes them all."""
    at = 0
    while at < blob.size:
        chunk = blob.pread(at, _CHUNK)
        if not chunk:
            raise InputError(blob.subject, f"ends after {at} of {blob.size} bytes: the file is truncated")
        at += len(chunk)
        if hasher is not None:
            hasher.update(chunk)
        if progress is not None:
            progress(len(chunk))
        yield chunk


def gzipped_bytes(blob: Blob) -> int:
    """How much a blob takes when it is compressed as pushing does: gzip at its usual level."""
    import zlib

    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return sum(len(packer.compress(chunk)) for chunk in chunks(blob)) + len(packer.flush())


def unpacked(blob: Blob, progress: Progress | None = None) -> Iterator[bytes]:
    """The bytes of a blob without its compression.

    Raises:
        InputError: the compressed data are damaged or cut off.
    """
    kind = blob.compression()
    if not kind:
        yield from chunks(blob, None, progress)
        return
    stored = ChunkFile(chunks(blob, None, progress))
    try:
        if kind == "gzip":
            from isal import igzip

            with igzip.IGzipFile(fileobj=stored, mode="rb") as stream:  # type: ignore[no-untyped-call]
                while chunk := stream.read(_CHUNK):
                    yield chunk
        elif kind == "bzip2":
            import bz2

            with bz2.BZ2File(cast("IO[bytes]", stored)) as packed:
                while chunk := packed.read(_CHUNK):
                    yield chunk
        elif kind == "xz":
            from .packed import xz_blocks

            yield from xz_blocks(chunks(blob, None, progress))
        else:
            import zstandard

            decompressor = zstandard.ZstdDecompressor()
            with decompressor.stream_reader(cast("IO[bytes]", stored), read_across_frames=True) as reader:
                while chunk := reader.read(_CHUNK):
                    yield chunk
    except (InputError, ImportError):  # a library that is not installed says nothing of the data
        raise
    except Exception as error:
        # The decompressors have errors of their own each: zlib.error, EOFError, OSError, ZstdError.
        raise InputError(
            blob.subject, f"its {kind} data are damaged: {error}", "save the image again"
        ) from error


class ChunkFile(io.RawIOBase):
    """Chunks as a file object, for the decompressors."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """It is only read."""
        return True

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]
        """Up to as many bytes as the buffer holds; 0 at the end."""
        if not self._rest:
            self._rest = next(self._chunks, b"")
        part = self._rest[: len(buffer)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)
