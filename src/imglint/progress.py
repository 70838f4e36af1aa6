"""A line on the terminal that says how far a long read has come."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType

from .output import is_terminal, tell

_PATIENCE = 1.0  # seconds; what ends before needs no bar
_BETWEEN = 0.1
_WIDTH = 30


class ProgressBar:
    """Counts bytes, from any thread. Drawn on standard error where that is a terminal, and taken away again."""

    def __init__(self, subject: str, total: int = 0) -> None:
        """`total`: the bytes to come; 0 where nobody knows."""
        self._subject = subject
        self._total = total
        self._done = 0
        self._next = time.monotonic() + _PATIENCE if is_terminal(sys.stderr) else float("inf")
        self._drawn = False

    def __call__(self, count: int) -> None:
        """So many more bytes are done."""
        self._done += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _BETWEEN
            self._drawn = True
            tell(f"\r\x1b[2K{self.line()}")

    def counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks, counted as they pass."""
        for chunk in chunks:
            self(len(chunk))
            yield chunk

    def line(self) -> str:
        """How far it is."""
        megabytes = f"{self._done / 1e6:,.0f}"
        if self._done > self._total:
            return f"reading {self._subject}: {megabytes} MB"
        full = _WIDTH * self._done // self._total
        bar = "#" * full + "." * (_WIDTH - full)
        return f"reading {self._subject} [{bar}] {megabytes} of {self._total / 1e6:,.0f} MB"

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            tell("\r\x1b[2K")


class StatusLine:
    """What is being done, on standard error where that is a terminal, and taken away again."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._shown = False

    def __call__(self, doing: str) -> None:
        """Show this now."""
        if is_terminal(sys.stderr):
            self._shown = True
            tell(f"\r\x1b[2K{self._subject}: {doing}")

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            tell("\r\x1b[2K")


def bytes_of(path: str) -> int:
    """The bytes of a file, or of all files of a directory; 0 where they can't be seen."""
    try:
        if not os.path.isdir(path):
            return os.path.getsize(path)
        return sum(
            os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(path) for name in names
        )
    except OSError:
        return 0
