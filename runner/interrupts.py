"""Signals that ask to stop, heard where stopping harms nobody."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """In a `with` of it, SIGINT, SIGTERM and SIGHUP do nothing but inside of `heard`.

    There the first of them raises KeyboardInterrupt, also if it came before; further ones do nothing. What was
    ignored before, as with nohup, is ignored. Outside of the main thread, which alone hears signals, it does nothing.
    """

    def __init__(self) -> None:
        self._came = self._raised = self._hears = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in _STOPS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._come)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _come(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        if self._hears:
            self._raise()

    def _raise(self) -> None:
        if self._came and not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Around what may be broken off.

        Raises:
            KeyboardInterrupt: it is to stop.
        """
        self._hears = True
        try:
            self._raise()
            yield
        finally:
            self._hears = False
