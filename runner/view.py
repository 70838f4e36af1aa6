"""Looking at a container's processes and sockets from the first place that shows them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from .errors import EngineError
from .execution import run
from .observation import Process
from .proc import Snapshot, Unreadable, snapshot
from .session import Container, Session
from .side import LOOK, MARK, Side, beside, parse

_SECONDS = 10.0


class View:
    """A container, seen from the host's /proc, else from a side container, else by a shell of its own."""

    def __init__(self, session: Session, container: Container, stack: ExitStack) -> None:
        self._session = session
        self._container = container
        self._stack = stack
        self._sides: dict[int, Side] = {}  # by the user that they run as
        self._problems: dict[str, str] = {}  # of the places that show nothing

    def snapshot(self, host_pid: int) -> Snapshot:
        """What is to be seen now. `host_pid` is PID 1 by the engine's word.

        Raises:
            Unreadable: from no place; the text gives each one's reason.
        """
        for place in self._session.vantages:
            if place in self._problems:
                continue
            try:
                if place == "host":
                    return snapshot(host_pid, self._container.id)
                if place == "side":
                    return self.side().snapshot()
                return self._from_inside()
            except Unreadable as reason:
                self._problems[place] = str(reason)
            except EngineError as error:
                self._problems[place] = f"{error.subject}: {error.problem}"
        raise Unreadable("; ".join(self._problems.values()) or "there is no place to look from")

    def side(self, uid: int = 0) -> Side:
        """A side container that runs as a user. It stays until the view ends.

        Raises:
            EngineError: it can't be had here.
        """
        if uid not in self._sides:
            self._sides[uid] = self._stack.enter_context(beside(self._session, self._container, str(uid)))
        return self._sides[uid]

    def signal(self, name: str, processes: Iterable[Process]) -> bool:
        """Send a signal to processes from beside, each by a side container of its own user's; whether all got it.

        Raises:
            EngineError: there is no side container here.
        """
        by_user: dict[int, list[int]] = {}
        for process in processes:
            by_user.setdefault(process.uid or 0, []).append(process.pid)
        sent = [self.side(uid).signal(name, pids) for uid, pids in by_user.items()]
        return all(sent)

    def _from_inside(self) -> Snapshot:
        ran = run(self._session.engine, self._container.id, ["/bin/sh", "-c", LOOK, MARK], _SECONDS)
        if ran.exit_code is None or "=tcp\n" not in ran.output:
            raise Unreadable("the image has no shell to look with")
        return parse(ran.output)._replace(source="a shell of the image")


@contextlib.contextmanager
def viewed(session: Session, container: Container) -> Iterator[View]:
    """A view of a container, for as long as it is needed."""
    with ExitStack() as stack:
        yield View(session, container, stack)
