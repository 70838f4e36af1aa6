"""The one door by which text leaves: standard output, the error stream and files. Credentials are masked here.

What cuts a text or escapes it so that a credential could not be known any more masks it before, as
`clipped` does. Here is the net under all of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterable
from typing import TextIO

from .analyzer import InputError
from .analyzer.credentials import mask_shapes

_STANDARD_OUTPUT = "standard output"


def write(text: str, target: str = "-", *, errors: str = "backslashreplace") -> None:
    """Write to a file, whole or not at all, or to standard output for "-"; credentials are masked.

    A reader of standard output that has gone, as `head` does, is no error: there is nobody to tell.

    Args:
        text: what to write.
        target: a path, or "-".
        errors: what UTF-8 does with bytes that were none, as `str.encode` has it.

    Raises:
        InputError: it can't be written.
    """
    write_bytes(mask_shapes(text).encode("utf-8", errors), target)


def write_own(text: str, target: str = "-") -> None:
    """As `write`, for text that is imglint's own: its examples of credentials stay.

    Raises:
        InputError: it can't be written.
    """
    write_bytes(text.encode("utf-8"), target)


def write_parts(parts: Iterable[str], target: str = "-", *, errors: str = "backslashreplace") -> None:
    """As `write`, for a text that is made bit by bit. Each part has whole lines: credentials are masked in each.

    Raises:
        InputError: it can't be written.
    """
    data = (mask_shapes(part).encode("utf-8", errors) for part in parts)
    if target == "-":
        for piece in data:
            if not _print(piece):
                return
    else:
        _write_file(data, target)


def tell(text: str) -> None:
    """Write to the error stream; credentials are masked. Where that can't be written, there is nobody to tell."""
    if sys.stderr is None:  # closed before the start
        return
    try:
        sys.stderr.write(mask_shapes(text))
        sys.stderr.flush()
    except (OSError, ValueError):
        _silence(sys.stderr)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at a standard stream."""
    return stream is not None and not stream.closed and stream.isatty()


def pour(blocks: Iterable[bytes]) -> None:
    """Write bytes to standard output as they are, unmasked: what was asked for by its name.

    Raises:
        InputError: it can't be written.
    """
    for block in blocks:
        if not _print(block):
            return


def write_bytes(data: bytes, target: str) -> None:
    """As `write`, for what is no text, or holds no text of others.

    Raises:
        InputError: it can't be written.
    """
    if target == "-":
        _print(data)
        return
    _write_file((data,), target)


def _write_file(data: Iterable[bytes], target: str) -> None:
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            # A device or a pipe (/dev/stderr) can't be replaced.
            with contextlib.suppress(BrokenPipeError), open(target, "wb") as stream:
                stream.writelines(data)
            return
        replace(data, target)
    except OSError as error:
        raise InputError(
            target, _problem(error), "give --output a file in a directory that you can write to"
        ) from error


def replace(data: bytes | Iterable[bytes], path: str) -> None:
    """Put a file in another one's place when all of it is written. An old one's mode is kept.

    Raises:
        OSError: it can't be written; what was there is still there.
    """
    import tempfile

    descriptor, temporary = tempfile.mkstemp(prefix=".imglint-", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.writelines((data,) if isinstance(data, bytes) else data)
        try:
            mode = os.stat(path).st_mode & 0o7777
        except FileNotFoundError:
            umask = os.umask(0)
            os.umask(umask)
            mode = 0o666 & ~umask
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def append(line: str, path: str) -> None:
    """Add a line to a file, whole or not at all; credentials are masked. Lines of others can't get between.

    Raises:
        OSError: it can't be written, or is no regular file; the file is as it was.
    """
    import fcntl
    import stat

    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is no regular file", path)

    data = mask_shapes(line).encode("utf-8", "backslashreplace")
    # A pipe that takes the file's place now would be waited for.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        try:
            at = 0
            while at < len(data):  # a disk that fills up takes a part, and refuses the rest
                at += os.write(descriptor, data[at:])
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _print(data: bytes) -> bool:
    """Write to standard output; whether there is still a reader."""
    if sys.stdout is None:
        raise InputError(_STANDARD_OUTPUT, "is closed", "send it to a file or to /dev/null")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        return False
    except OSError as error:
        _silence(sys.stdout)
        hint = "what was printed is not whole; send it where there is room"
        raise InputError(_STANDARD_OUTPUT, _problem(error), hint) from error
    return True


def _problem(error: OSError) -> str:
    return f"can't be written: {(error.strerror or str(error)).lower()}"


def _silence(stream: TextIO) -> None:
    """Let what is still in a stream's buffer go nowhere: Python would fail once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
