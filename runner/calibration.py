"""What an engine shows of a container whose behaviour is known: how far its other answers can be trusted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from .dial import DATA, REFUSED, UNREACHABLE, dial, dial_until_served
from .egress import Dialled, dialling, egress_check, target
from .errors import EngineError
from .observation import Check, Verdict
from .ports import Port, published_address
from .proc import Unreadable, snapshot
from .session import Container, Session
from .side import beside
from .writes import written

_LIVE, _DEAD = Port(64998, "tcp"), Port(64999, "tcp")
_SERVE = "while :; do echo live | nc -l -p 64998; done"
_DIAL_WAIT = 6.0  # seconds from the start in which its dial has ended
_LISTEN_WAIT = 2.0  # seconds for a server to listen again
# Seconds from the start in which a probe of every second must have come. Docker has always a scheduler for
# them, which may be late on a busy machine; Podman has one where systemd runs.
_PROBE_WAIT = {"docker": 10.0, "podman": 2.5}


class Calibration(NamedTuple):
    """What was learned of an engine. The texts are reasons, "" where there is nothing to object."""

    lies: bool | None  # whether connecting to a port that nobody listens on succeeds; None: not tried
    answers: bool | None  # whether a port that serves gives an answer
    host_proc: str  # why the host's /proc does not show its containers
    side: str  # why side containers don't work
    probes: bool | None  # whether it runs health probes by itself
    noise: frozenset[str]  # paths that it changes in an idle container
    isolation: tuple[Check, ...]  # whether a container has a way out, by the network that it is on
    proof: Mapping[str, Any]


UNKNOWN = Calibration(None, None, "", "", None, frozenset(), (), {})


class Controls(NamedTuple):
    """The containers whose behaviour is known: a server with published ports, and a client without any."""

    server: Container
    client: Container
    dialled: str  # the machine that both try to reach


def start_controls(session: Session) -> Controls:
    """Start the control containers. Of the server's ports one serves, the other one is published and dead.

    Raises:
        EngineError: there is no image for them, or the engine can't.
    """
    address = target()
    dial_out = dialling(address)
    server = session.create_control(["/bin/sh", "-c", f"({dial_out}) & {_SERVE}"], (_LIVE, _DEAD))
    client = session.create_control(["/bin/sh", "-c", f"{dial_out}; sleep 60"], ())
    for container in (server, client):
        container.start()
        container.started = time.monotonic()
    return Controls(server, client, address)


def calibrate(controls: Controls) -> Calibration:
    """Look at control containers that have been started, and remove them."""
    control = controls.server
    try:
        described = control.inspect()
        proof: dict[str, Any] = {}
        lies = answers = None
        dead, live = published_address(described, _DEAD), published_address(described, _LIVE)
        if dead is not None and live is not None and control.session.engine.local:
            refused = dial(*dead)
            served = dial_until_served(*live, seconds=1.5)
            lies, answers = refused.outcome not in (REFUSED, UNREACHABLE), served.outcome == DATA
            proof |= {"dead port": refused.proof(), "live port": served.proof()}
        host_proc = side = ""
        try:
            if not _listens_in_host_proc(int(described["State"].get("Pid") or 0), control.id):
                host_proc = "it does not show the socket that the control container holds"
        except Unreadable as reason:
            host_proc = str(reason)
        try:
            with beside(control.session, control) as helper:
                found = helper.snapshot()
            proof["side container"] = [" ".join(process.argv) for process in found.processes][:5]
            if not any(process.pid == 1 for process in found.processes):
                side = "it does not see the other container's processes"
        except Unreadable as reason:
            side = str(reason)
        except EngineError as error:
            side = f"{error.subject}: {error.problem}"
        noise = frozenset(one.path for one in written(control))
        isolation = tuple(
            egress_check(
                Dialled(controls.dialled, _dial_log(container)), ports, local=control.session.engine.local
            )
            for container, ports in (
                (controls.client, "without published ports"),
                (controls.server, "with published ports"),
            )
        )
        wait = _PROBE_WAIT[control.session.engine.kind]
        while time.monotonic() < control.started + wait and not _probed(described):
            time.sleep(0.1)
            described = control.inspect()
        return Calibration(lies, answers, host_proc, side, _probed(described), noise, isolation, proof)
    finally:
        controls.client.remove()
        control.remove()


def _dial_log(container: Container) -> str:
    """What the container tells of its dial, which ends a moment after its start."""
    deadline = container.started + _DIAL_WAIT
    while "dialled" not in (log := container.logs()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return log


def _listens_in_host_proc(host_pid: int, container: str) -> bool:
    """Whether the live port is seen in the host's /proc; its server comes back some time after each answer."""
    deadline = time.monotonic() + _LISTEN_WAIT
    while not any(listener.port == _LIVE.number for listener in snapshot(host_pid, container).listeners):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _probed(described: Mapping[str, Any]) -> bool:
    health = described["State"].get("Health") or {}
    return bool(health.get("Log"))


def calibration_check(found: Calibration, engine: str, problem: str = "") -> Check:
    """What was learned, for people."""
    if found is UNKNOWN:
        summary = f"nothing is known of how this engine behaves: {problem}"
        return Check("engine.calibration", engine, Verdict.CANNOT_TELL, summary)
    parts = [
        "published ports are on another machine"
        if found.lies is None
        else "an accepted connection proves nothing here"
        if found.lies
        else "refused connections are told",
        f"its processes are not in this machine's /proc ({found.host_proc})"
        if found.host_proc
        else "its processes are in this machine's /proc",
        f"no side container ({found.side})" if found.side else "side containers work",
        "health probes are run" if found.probes else "health probes are never run",
    ]
    proof = {
        "connecting to a dead port succeeds": found.lies,
        "a live port answers": found.answers,
        "host /proc": found.host_proc or True,
        "side container": found.side or True,
        "schedules health probes": found.probes,
        "changes by itself": sorted(found.noise),
        **{f"{name} (control)": value for name, value in found.proof.items()},
    }
    return Check("engine.calibration", engine, Verdict.PROVED, "; ".join(parts), proof)
