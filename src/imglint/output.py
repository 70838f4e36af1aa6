"""Puts rendered results where the user wants them."""

from __future__ import annotations

import contextlib
import os
import sys

from .analyzer import InputError


def write(text: str, target: str) -> None:
    """Write to a file, whole or not at all, or to standard output for "-".

    Raises:
        InputError: the file can't be written.
    """
    write_bytes(text.encode("utf-8", "backslashreplace"), target)


def write_bytes(data: bytes, target: str) -> None:
    """As `write`, for what is no text.

    Raises:
        InputError: the file can't be written.
    """
    if target == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    directory = os.path.dirname(target) or "."
    temporary = ""
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            # A device or a pipe (/dev/stderr) can't be replaced.
            with open(target, "wb") as stream:
                stream.write(data)
            return
        import tempfile

        descriptor, temporary = tempfile.mkstemp(prefix=".imglint-", dir=directory)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        problem = f"can't be written: {(error.strerror or str(error)).lower()}"
        raise InputError(
            target, problem, "give --output a file in a directory that you can write to"
        ) from error
