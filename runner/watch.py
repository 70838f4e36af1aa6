"""Watching a container from its start until it has ended, or come to rest."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from .errors import DiskFilledError, EngineError
from .observation import Listener, Write
from .ports import Port
from .proc import Snapshot, Unreadable
from .protocols import HTTP, protocol_of
from .session import Container
from .view import View

WAIT = 60.0  # seconds to wait for declared ports while nobody listens on any port
_SETTLE = 1.0  # seconds for which nothing may change before the picture counts as whole
_UNSEEN = 10.0  # … where nothing can be seen: a busy engine tells late that the container has ended
_UNDECLARED = 6.0  # … where nothing is declared and nothing listens: a task may end, a server may come
_REST = 2.0  # … before ports are given up of which another declared one is served
_ELSEWHERE = 20.0  # … before they are given up where only undeclared ports are served
_ROUND = 5.0  # seconds between two rounds of requests
_KILLED, _KILLED_WAIT = 137, 1.0  # the exit code of who was killed, and seconds until it is told why
_RUNTIMES = ("runc", "crun")
_SIZE_ROUND = 2.0  # seconds between two looks at how much it has written
_MAX_WRITTEN = 2_000_000_000  # bytes of the writable layer, which no engine limits everywhere


class Patience(NamedTuple):
    """How long a container is looked at, in seconds."""

    wait: float = WAIT  # for what it declares: its ports, its health
    observe: float = 0.0  # beyond that, with requests sent to what listens


PATIENCE = Patience()


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
    out_of_memory: bool = False  # by the engine's word
    refused_processes: bool = False  # by the kernel's
    requests: int = 0  # sent while it was observed

    @property
    def ending(self) -> str:
        """How it ended; "" while it runs."""
        if self.alive:
            return ""
        return f"the main process ended with {self.exit_code} after {self.seconds:.1f} s"

    @property
    def listening(self) -> frozenset[Port]:
        """The ports on which something waits."""
        return frozenset(Port(listener.port, listener.protocol) for listener in self.seen.listeners)


def watch(container: Container, view: View, declared: Iterable[Port], patience: Patience = PATIENCE) -> Run:
    """Look again and again, until it has ended, or nothing changes and nothing more is awaited.

    Args:
        container: it has been started.
        view: on it.
        declared: its EXPOSE. While nothing listens at all, these are awaited for all of `patience.wait`.
        patience: for how long.

    Raises:
        DiskFilledError: it writes without end.
    """
    start = time.monotonic()
    last = Snapshot()
    unchanged_since = start
    unreadable = ""
    declared = frozenset(declared)
    parents: dict[int, int] = {}
    orphans: set[int] = set()
    rest_since: float | None = None  # since when the picture is whole
    requests, next_round = 0, 0.0
    refused = False
    next_size = start + _SIZE_ROUND
    while True:
        state = container.inspect()["State"]
        passed = time.monotonic() - start
        if not state.get("Running") or state.get("Restarting"):
            state = _settled(container, state)
            return Run(
                alive=False, exit_code=state.get("ExitCode"), error=str(state.get("Error") or ""),
                seconds=passed, log=container.logs(), seen=last._replace(listeners=()),
                out_of_memory=bool(state.get("OOMKilled")), refused_processes=refused, requests=requests,
            )  # fmt: skip  # that nothing can be read of it any more is what its end means
        try:
            now = view.snapshot(int(state.get("Pid") or 0))
            unreadable = ""
        except Unreadable as reason:
            now, unreadable = Snapshot(), str(reason)
        if _is_runtime(now):
            now = last  # the runtime has not handed over to the program yet
        refused = refused or now.refused_processes
        for process in now.processes:
            if (
                parents.setdefault(process.pid, process.parent) not in (process.parent, 1)
                and process.parent == 1
            ):
                orphans.add(process.pid)
        if _shape(now) != _shape(last):
            unchanged_since = time.monotonic()
        last = now
        if time.monotonic() >= next_size:
            next_size = time.monotonic() + _SIZE_ROUND
            _bounded(container, passed)
        unchanged = time.monotonic() - unchanged_since
        if rest_since is None and (
            (unreadable and unchanged >= _UNSEEN)
            or _whole(now.listeners, declared, unchanged, passed, patience)
        ):
            rest_since = time.monotonic()
        if rest_since is not None:
            if time.monotonic() - rest_since >= patience.observe:
                return Run(
                    seconds=passed, log=container.logs(), seen=now, unreadable=unreadable,
                    orphans=frozenset(orphans), out_of_memory=bool(state.get("OOMKilled")),
                    refused_processes=refused, requests=requests,
                )  # fmt: skip
            if time.monotonic() >= next_round:
                next_round = time.monotonic() + _ROUND
                requests += ask(view, now.listeners)
        time.sleep(0.1)


def _settled(container: Container, state: dict[str, Any]) -> dict[str, Any]:
    """The description of a container that was killed: that memory ran out an engine may say a moment later."""
    deadline = time.monotonic() + _KILLED_WAIT
    while state.get("ExitCode") == _KILLED and not state.get("OOMKilled") and time.monotonic() < deadline:
        time.sleep(0.1)
        state = container.inspect()["State"]
    return state


def _bounded(container: Container, passed: float) -> None:
    size = 0
    with contextlib.suppress(EngineError):  # an engine that takes too long to count says nothing
        size = container.written_bytes()
    if size > _MAX_WRITTEN:
        raise DiskFilledError(
            container.session.name,
            f"wrote {size / 1e9:.1f} GB into its own layer within {passed:.0f} s, and was ended before the disk is full",
            "run it by hand, with a volume of a limited size for what it writes",
        )


def _whole(
    listeners: Iterable[Listener],
    declared: frozenset[Port],
    unchanged: float,
    passed: float,
    patience: Patience,
) -> bool:
    """Whether nothing more is to be awaited."""
    found = {Port(listener.port, listener.protocol) for listener in listeners}
    if passed >= patience.wait + _SETTLE:
        return True
    if declared <= found or passed >= patience.wait:
        return unchanged >= (_SETTLE if found else min(_UNDECLARED, patience.wait))
    if declared & found:
        return unchanged >= _REST
    if any(not listener.loopback for listener in listeners):
        return unchanged >= min(_ELSEWHERE, patience.wait)
    return False


_MAX_ASKED = 8  # ports in a round


def ask(view: View, listeners: Iterable[Listener]) -> int:
    """Send each server of TCP a request in its protocol, from beside; how many were sent."""
    ports = {listener.port: listener.process for listener in listeners if listener.protocol == "tcp"}
    sent = 0
    for port, program in list(ports.items())[:_MAX_ASKED]:
        protocol = protocol_of(port, program) or HTTP
        with contextlib.suppress(EngineError):
            if view.side().ask(port, protocol.request) is not None:
                sent += 1
    return sent


def _is_runtime(seen: Snapshot) -> bool:
    main = next((process for process in seen.processes if process.pid == 1), None)
    if main is not None and main.argv[:2] == ("runc", "init"):
        return True
    return seen.executable.rpartition("/")[2] in _RUNTIMES


def _shape(seen: Snapshot) -> tuple[Any, ...]:
    """What has to settle: the sockets and the main process, not the children of a loop."""
    return seen.listeners, tuple(process.argv for process in seen.processes if process.pid == 1)
