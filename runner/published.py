"""The runs with published ports: -p of what listens or is declared, and -P."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..analyzer import InputError
from . import ports
from .engine import Engine
from .errors import EngineError
from .observation import Check, Peer, Verdict
from .ports import Port
from .proc import HOST_PROC, Snapshot, Unreadable
from .session import Container, Session
from .view import View, viewed
from .watch import Run

_ELSEWHERE = "the engine publishes on another machine's addresses"
_CONTROL_PORTS = (64999, 64998, 64997)  # one of them is published though nothing listens on it


class Wanted(NamedTuple):
    """A -p of the user's: `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`; an empty host port means any."""

    address: str
    host_port: int | None
    port: Port


def parse_publish(texts: Sequence[str]) -> list[Wanted]:
    """The -p of a command line, as `docker run` takes them, but each port of the container once.

    Raises:
        InputError: one is none, or a port is named twice.
    """
    out: dict[Port, Wanted] = {}
    for text in texts:
        match = _PUBLISH.fullmatch(text)
        number, host = (int(match["number"]), match["host"]) if match else (0, None)
        if match is None or not 0 < number <= _LAST_PORT or int(host or 0) > _LAST_PORT:
            raise InputError(
                f"-p {text}", "is no port to publish", "as in -p 8888:80, or -p 127.0.0.1:8888:80/tcp"
            )
        port = Port(number, (match["protocol"] or "tcp").lower())
        if port in out:
            raise InputError(
                f"-p {text}", f"publishes {port} a second time", "give each port of the container one -p"
            )
        out[port] = Wanted((match["address"] or "").strip("[]"), int(host) if host else None, port)
    return list(out.values())


_LAST_PORT = 65535
_PUBLISH = re.compile(
    r"(?:(?:(?P<address>\[[\da-f:.]+\]|[^:]*):)?(?P<host>\d{0,5}):)?(?P<number>\d{1,5})(?:/(?P<protocol>tcp|udp|sctp))?",
    re.IGNORECASE | re.ASCII,
)


def must_be_free(wanted: Sequence[Wanted], engine: Engine) -> None:
    """See that the user's own ports of this machine are free, before anything is started.

    Raises:
        EngineError: one is taken.
    """
    for one in wanted if engine.local else ():
        if one.host_port is None or one.port.protocol not in ("tcp", "udp"):
            continue
        family = socket.AF_INET6 if ":" in one.address else socket.AF_INET
        kind = socket.SOCK_STREAM if one.port.protocol == "tcp" else socket.SOCK_DGRAM
        try:
            with socket.socket(family, kind) as trial:
                if kind == socket.SOCK_STREAM:  # a connection that has ended does not hold its port
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind((one.address or "127.0.0.1", one.host_port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _busy(str(one.host_port)) from error


def _busy(port: str) -> EngineError:
    hint = "choose another host port with -p; this says nothing about the image"
    return EngineError(f"port {port}", "is busy on the engine's host", hint)


def published_runs(
    session: Session,
    declared: Sequence[Port],
    targets: Sequence[Port],
    wanted: Sequence[Wanted],
    plain: Run,
    *,
    insist: bool,
) -> list[Check]:
    """Two containers side by side: -p of what listens, is declared or asked for, and of a dead port; and -P.

    Args:
        session: the run's.
        declared: the image's EXPOSE.
        targets: what listens or is declared.
        wanted: the user's own -p.
        plain: what the first run showed.
        insist: whether -P is tried with too many declared ports, too.
    """
    taken = {*targets, *(one.port for one in wanted)}
    control = next(Port(number, "tcp") for number in _CONTROL_PORTS if Port(number, "tcp") not in taken)
    bindings: dict[str, Any] = {str(target): ("127.0.0.1", None) for target in (*targets, control)}
    for one in wanted:
        bindings[str(one.port)] = (one.address or "127.0.0.1", one.host_port)
    asked = sorted(taken)
    too_many = len(declared) > ports.MAX_PORTS and not insist
    checks = []
    with contextlib.ExitStack() as stack:
        published = session.create(ports=[*asked, control], bindings=bindings)
        stack.callback(published.remove)
        _start(published, wanted)
        all_of_them = None if too_many else session.create(publish_all=True)
        if all_of_them is not None:
            stack.callback(all_of_them.remove)
            _start(all_of_them, ())
        if plain.alive and session.engine.local:
            checks.append(ports.control_check(published.inspect(), control))
        else:
            summary = "the container ended before it could be dialled" if not plain.alive else _ELSEWHERE
            checks.append(Check("ports.dead", str(control), Verdict.NOT_OBSERVED, summary))
        checks += _served("ports.published", "published", asked, published, plain)
        if all_of_them is None:
            summary = f"{len(declared)} declared ports are too many to publish at once; -P insists"
            checks.append(Check("ports.publish-all", "-P", Verdict.CANNOT_TELL, summary))
        elif declared:
            checks += _served("ports.publish-all", "-P publishes it", declared, all_of_them, plain)
        else:
            checks.append(ports.publish_all_nothing(all_of_them.inspect()))
    return checks


def _start(container: Container, wanted: Sequence[Wanted]) -> None:
    try:
        container.start()
    except EngineError as error:
        text = error.problem
        if "already allocated" in text or "address already in use" in text:
            busy = ", ".join(str(one.host_port) for one in wanted if one.host_port) or "a port"
            raise _busy(busy) from error
        raise


def _served(
    name: str, manner: str, published: Sequence[Port], container: Container, plain: Run
) -> list[Check]:
    """A check for each published port, from end to end."""
    if not plain.alive:
        summary = f"{manner}, but {plain.ending}: nothing can serve"
        return [Check(name, str(port), Verdict.DISPROVED, summary) for port in published]
    if plain.unreadable:
        return [Check(name, str(port), Verdict.CANNOT_TELL, plain.unreadable) for port in published]
    with viewed(container.session, container) as view:
        state, seen, reachable = _ready(container, plain, view)
        checks = [
            ports.published_check(
                name,
                port,
                state,
                seen.listeners,
                reachable=reachable,
                local=container.session.engine.local,
                arrived=partial(_arrived, container, view, port) if port.protocol == "tcp" else None,
            )
            for port in published
        ]
    if (
        any(check.verdict is Verdict.NOT_OBSERVED for check in checks)
        and (code := _ended(container)) is not None
    ):
        summary = f"{manner}, but the container ended with {code} when it was dialled"
        checks = [
            check._replace(verdict=Verdict.DISPROVED, summary=summary)
            if check.verdict is Verdict.NOT_OBSERVED
            else check
            for check in checks
        ]
    return checks


_LATE = 2.0  # seconds; a busy engine tells so much later that a container has ended


def _ended(container: Container) -> int | None:
    """The exit code of a container that ended just now; None where it runs."""
    deadline = time.monotonic() + _LATE
    while True:
        state = container.inspect()["State"]
        if not state.get("Running"):
            return int(state.get("ExitCode") or 0)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.2)


def _arrived(container: Container, view: View, port: Port) -> frozenset[Peer]:
    """The far ends of the connections on a port of the container."""
    state = container.inspect()["State"]
    try:
        seen = view.snapshot(int(state.get("Pid") or 0))
    except Unreadable:
        return frozenset()  # it has ended meanwhile
    return frozenset(far for near, far in seen.connections if near == port.number)


def _ready(container: Container, plain: Run, view: View) -> tuple[Mapping[str, Any], Snapshot, bool]:
    """Wait until the sockets of the first run are there again: description, sockets, reachability."""
    deadline = time.monotonic() + 1.5 * plain.seconds + 2
    seen = Snapshot()
    while True:
        state = container.inspect()
        if not state["State"].get("Running"):
            return state, seen, False
        try:
            seen = view.snapshot(int(state["State"].get("Pid") or 0))
        except Unreadable:
            return state, Snapshot(), False
        found = frozenset(Port(listener.port, listener.protocol) for listener in seen.listeners)
        if plain.listening <= found or time.monotonic() > deadline:
            # Where the host's /proc shows the container, its network is on this machine, too.
            return state, seen, seen.source == HOST_PROC
        time.sleep(0.1)
