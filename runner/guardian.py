"""Waits beside a run until it ends, and cleans up after one that was killed.

It holds the other end of a pipe: when the run's process is gone, however it went, the pipe ends.
"""

import sys


def main(url: str, session: str) -> None:
    """Wait for the end of standard input, then remove the session unless it said "done"."""
    if sys.stdin.buffer.read() == b"done":
        return
    from .engine import connect
    from .session import remove_session

    with connect(url) as engine:
        remove_session(engine, session)


if __name__ == "__main__":
    main(*sys.argv[1:3])
