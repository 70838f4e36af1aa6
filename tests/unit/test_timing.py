"""What is timed is timed alone, though several images run at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from imglint.runner.timing import alone, working


class Watched:
    """Who is at work, and who is being timed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.at_work = 0
        self.most_at_work = 0
        self.together: list[int] = []  # how many others were at work while one was timed

    def run(self) -> None:
        for _ in range(3):
            with working():
                self._work(0.01)
                with alone():
                    before = self.at_work
                    time.sleep(0.01)
                    self.together += [before, self.at_work]
                self._work(0.01)

    def _work(self, seconds: float) -> None:
        with self._lock:
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
        time.sleep(seconds)
        with self._lock:
            self.at_work -= 1


def test_nobody_works_while_one_is_timed() -> None:
    watched = Watched()
    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(watched.run) for _ in range(4)]:
            one.result(timeout=30)
    assert watched.together == [0] * 24
    assert watched.most_at_work > 1, "the rest is done side by side"


def test_a_run_that_fails_makes_room() -> None:
    with pytest.raises(ValueError, match="timed"), working(), alone():
        raise ValueError("timed")
    with pytest.raises(ValueError, match="worked"), working():
        raise ValueError("worked")
    with working(), alone():
        pass
