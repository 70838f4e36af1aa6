"""Several images are run at once, but what is timed is timed alone: the others of this process wait meanwhile."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_turn = threading.Condition()
_working = 0  # runs that are not being timed
_timed = False  # whether one is


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Around a whole run: it begins when none is being timed."""
    global _working
    with _turn:
        _turn.wait_for(lambda: not _timed)
        _working += 1
    try:
        yield
    finally:
        with _turn:
            _working -= 1
            _turn.notify_all()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within a run, around what is timed: it begins when every other one has ended, or waits for its own turn."""
    global _working, _timed
    with _turn:
        _working -= 1
        _turn.notify_all()
    try:
        with _turn:
            _turn.wait_for(lambda: not _timed and not _working)
            _timed = True
        try:
            yield
        finally:
            with _turn:
                _timed = False
    finally:
        with _turn:
            _working += 1
            _turn.notify_all()


def load() -> float | None:
    """How busy this machine is: the mean number of processes that ran or waited in the last minute."""
    with contextlib.suppress(OSError, AttributeError):
        return round(os.getloadavg()[0], 2)
    return None
