"""Waits beside a run until it ends, and cleans up after one that was killed.

It holds the other end of a pipe: when the run's process is gone, however it went, the pipe ends. It
holds the lock on the run's journal, too, so that nobody else cleans up at the same time.
"""

import sys
import time

_SECONDS = 60.0  # in which an engine may come back, or let something go
_IN_FLIGHT = 10.0  # … and in which it may still make what nobody waits for any more
_PAUSE = 0.5


def main(url: str, path: str, descriptor: int) -> None:
    """Wait for the end of standard input, then remove what the journal names, unless it said "done"."""
    if sys.stdin.buffer.read() == b"done":
        return
    from .cleanup import Receipt, remove_all
    from .engine import connect
    from .errors import EngineError
    from .journal import Journal

    journal = Journal.inherited(path, descriptor)
    start = time.monotonic()
    while True:
        patience = _SECONDS
        try:
            with connect(url) as engine:
                receipt = Receipt()
                remove_all(engine, journal, receipt)
            if not receipt.left:
                patience = _IN_FLIGHT
        except EngineError:
            pass
        # What is left after all is in the journal, for the next run.
        if not journal.left() or time.monotonic() > start + patience:
            break
        time.sleep(_PAUSE)
    journal.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
