"""Watching a container from its start until it has ended, or come to rest."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from .observation import Write
from .ports import Port
from .proc import Snapshot, Unreadable
from .session import Container
from .view import View

_SETTLE = 1.0  # seconds for which nothing may change before the picture counts as whole
PATIENCE = 8.0  # seconds to wait for declared ports that nobody listens on yet
_RUNTIME_INIT = ("runc", "crun", "init")


class Run(NamedTuple):
    """What one run of an image came to."""

    started: bool = True
    alive: bool = True
    exit_code: int | None = None
    error: str = ""
    seconds: float = 0.0
    log: str = ""
    seen: Snapshot = Snapshot()
    unreadable: str = ""  # why processes and sockets could not be seen
    orphans: frozenset[int] = frozenset()  # processes whose parent ended while they were watched
    writes: tuple[Write, ...] = ()

    @property
    def ending(self) -> str:
        """How it ended; "" while it runs."""
        if self.alive:
            return ""
        return f"the main process ended with {self.exit_code} after {self.seconds:.1f} s"

    @property
    def listening(self) -> frozenset[Port]:
        """The ports on which something waits."""
        return frozenset(Port(one.port, one.protocol) for one in self.seen.listeners)


def watch(container: Container, view: View, awaited: Iterable[Port], patience: float = PATIENCE) -> Run:
    """Look again and again, until it has ended, or nothing changes and nothing more is awaited."""
    start = time.monotonic()
    last = Snapshot()
    unchanged_since = start
    unreadable = ""
    awaited = set(awaited)
    parents: dict[int, int] = {}
    orphans: set[int] = set()
    while True:
        state = container.inspect()["State"]
        passed = time.monotonic() - start
        if not state.get("Running") or state.get("Restarting"):
            return Run(
                alive=False, exit_code=state.get("ExitCode"), error=str(state.get("Error") or ""),
                seconds=passed, log=container.logs(), seen=last,
            )  # fmt: skip  # that nothing can be read of it any more is what its end means
        try:
            now = view.snapshot(int(state.get("Pid") or 0))
            unreadable = ""
        except Unreadable as reason:
            now, unreadable = Snapshot(), str(reason)
        if _is_runtime(now):
            now = last  # the runtime has not handed over to the program yet
        for one in now.processes:
            if parents.setdefault(one.pid, one.parent) not in (one.parent, 1) and one.parent == 1:
                orphans.add(one.pid)
        if _shape(now) != _shape(last):
            unchanged_since = time.monotonic()
        last = now
        settled = time.monotonic() - unchanged_since >= _SETTLE
        missing = awaited - {Port(one.port, one.protocol) for one in now.listeners}
        if settled and (not missing or unreadable or passed >= patience):
            return Run(
                seconds=passed,
                log=container.logs(),
                seen=now,
                unreadable=unreadable,
                orphans=frozenset(orphans),
            )
        time.sleep(0.1)


def _is_runtime(seen: Snapshot) -> bool:
    main = next((one for one in seen.processes if one.pid == 1), None)
    name = seen.executable.rpartition("/")[2]
    return name in _RUNTIME_INIT if name else main is not None and main.argv[:2] == ("runc", "init")


def _shape(seen: Snapshot) -> tuple[Any, ...]:
    """What has to settle: the sockets and the main process, not the children of a loop."""
    return seen.listeners, tuple(one.argv for one in seen.processes if one.pid == 1)
