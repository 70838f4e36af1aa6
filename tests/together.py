"""What the processes of one run of the tests share: a directory, and turns at making what all use."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

SHARED = "IMGLINT_TESTS"  # the variable that names the directory


def shared() -> Path:
    """The directory of this run; it goes with it."""
    return Path(os.environ[SHARED])


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """No other process makes what all of them use meanwhile. It is not for calls within each other."""
    with open(shared() / "turn", "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
