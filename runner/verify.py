"""Running an image and putting its claims to the test, phase by phase."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from . import ports
from .engine import Engine
from .errors import EngineError
from .health import health_check
from .observation import Check, Observation, Process, Verdict
from .ports import Port
from .proc import Snapshot, Unreadable, snapshot
from .session import Container, Session
from .writes import written

_SETTLE = 1.0  # seconds for which nothing may change before the picture counts as whole
_PATIENCE = 6.0  # seconds to wait for declared ports that nobody listens on yet
_STOP_TIMEOUT = 4  # seconds between SIGTERM and SIGKILL
_CONTROL_PORTS = (64999, 64998, 64997)  # one of them is published though nothing listens on it
_RUNTIME_INIT = ("runc", "crun", "init")


def verify(
    engine: Engine, image: str, *, publish: Sequence[str] = (), publish_all: bool = False
) -> Observation:
    """Start an image as it is and observe it.

    Args:
        engine: a connected engine.
        image: a name or ID that the engine has; nothing is pulled.
        publish: what to publish beside the ports found, as for `docker run -p`.
        publish_all: observe -P also where the image declares nothing and would be skipped.

    Raises:
        EngineError: the engine can't do it: no such image, a port that is taken, no answer.
    """
    wanted = [_publish(one) for one in publish]
    described = engine.inspect_image(image)
    config = described.get("Config") or {}
    checks: list[Check] = []
    declared = _declared(config)
    checks.append(_preflight(described, declared))
    with Session(engine, image) as session:
        plain = _plain_run(session, config, declared, checks)
        if plain.started:
            found = {Port(one.port, one.protocol) for one in plain.seen.listeners if not one.loopback}
            targets = sorted({*declared, *found})[: ports.MAX_PORTS]
            _published_run(session, targets, wanted, plain, checks)
            _publish_all_run(session, declared, plain, checks, asked=publish_all)
            health = health_check(session, config.get("Healthcheck"))
            if health is None and engine.kind == "podman":
                summary = "Podman's Docker API does not say whether the image has a health check"
                health = Check("health.engine", "HEALTHCHECK", Verdict.CANNOT_TELL, summary)
            if health is not None:
                checks.append(health)
        return Observation(
            image=image,
            image_id=str(described.get("Id", "")),
            engine=str(engine),
            started=plain.started,
            alive=plain.alive,
            exit_code=plain.exit_code,
            error=plain.error,
            seconds=round(plain.seconds, 2),
            log=plain.log,
            processes=plain.seen.processes,
            listeners=plain.seen.listeners,
            peers=plain.seen.peers,
            writes=plain.writes,
            volumes=tuple(config.get("Volumes") or {}),
            environment=_environment(config, plain.seen),
            checks=tuple(checks),
        )


class _Run(NamedTuple):
    """What one run of the image came to."""

    started: bool = True
    alive: bool = True
    exit_code: int | None = None
    error: str = ""
    seconds: float = 0.0
    log: str = ""
    seen: Snapshot = Snapshot()
    readable: str = ""  # why /proc could not be read
    writes: Any = ()


def _preflight(described: Mapping[str, Any], declared: Sequence[Port]) -> Check:
    proof = {
        "id": described.get("Id"),
        "platform": f"{described.get('Os')}/{described.get('Architecture')}",
        "exposed": [str(one) for one in declared],
    }
    summary = f"{proof['platform']}, {len(declared)} ports declared"
    if len(declared) > ports.MAX_PORTS:
        summary += f", of which {ports.MAX_PORTS} are tried"
    return Check("image.preflight", str(described.get("Id", ""))[:19], Verdict.PROVED, summary, proof)


# The first run: nothing published, no probes


def _plain_run(
    session: Session, config: Mapping[str, Any], declared: Sequence[Port], checks: list[Check]
) -> _Run:
    try:
        container = session.create()
    except EngineError as error:
        checks.append(
            Check("container.stays", "PID 1", Verdict.DISPROVED, f"can't be created: {error.problem}")
        )
        return _Run(started=False, alive=False, error=error.problem)
    try:
        try:
            container.start()
        except EngineError as error:
            code = container.inspect()["State"].get("ExitCode")
            summary = f"the engine can't start it: {error.problem}"
            checks.append(Check("container.stays", "PID 1", Verdict.DISPROVED, summary, {"exit_code": code}))
            return _Run(started=False, alive=False, exit_code=code, error=error.problem)
        run = _watch(container, declared)
        checks.append(_stays(run))
        state = container.inspect()
        if run.alive:
            checks.append(ports.plain_check(state))
        if run.readable:
            checks.append(Check("sockets.listening", "all", Verdict.CANNOT_TELL, run.readable))
            checks += [
                Check("ports.exposed", str(one), Verdict.CANNOT_TELL, run.readable) for one in declared
            ]
        else:
            checks += ports.listening_checks(run.seen.listeners)
            checks += ports.exposed_checks(declared, run.seen.listeners, _ending(run), run.seconds)
            checks += _main_process(config, run)
        writes = written(container)
        checks.append(_writes_check(writes, config))
        if run.alive:
            checks.append(_stop(container, config, run.seen))
        return run._replace(writes=writes)
    finally:
        container.remove()


def _watch(container: Container, declared: Sequence[Port]) -> _Run:
    """Look again and again, until it has ended, or nothing changes and nothing more is awaited."""
    start = time.monotonic()
    last = Snapshot()
    unchanged_since = start
    readable = ""
    awaited = {one for one in declared if one.protocol == "tcp"}
    while True:
        state = container.inspect()["State"]
        passed = time.monotonic() - start
        if not state.get("Running") or state.get("Restarting"):
            return _Run(
                alive=False, exit_code=state.get("ExitCode"), error=str(state.get("Error") or ""),
                seconds=passed, log=container.logs(), seen=last,
            )  # fmt: skip
        try:
            now = snapshot(int(state["Pid"]), container.id)
            readable = ""
        except Unreadable as reason:
            now, readable = Snapshot(), str(reason)
        if now.executable.rpartition("/")[2] in _RUNTIME_INIT:
            now = last  # the runtime has not handed over to the program yet
        if _shape(now) != _shape(last):
            last, unchanged_since = now, time.monotonic()
        last = now
        settled = time.monotonic() - unchanged_since >= _SETTLE
        missing = awaited - {Port(one.port, one.protocol) for one in now.listeners}
        if settled and (not missing or readable or passed >= _PATIENCE):
            return _Run(seconds=passed, log=container.logs(), seen=now, readable=readable)
        time.sleep(0.1)


def _shape(seen: Snapshot) -> tuple[object, ...]:
    """What has to settle: the sockets and the long-lived processes, not the children of a loop."""
    return seen.listeners, tuple(one.argv for one in seen.processes if one.pid == 1)


def _ending(run: _Run) -> str:
    if run.alive:
        return ""
    return f"the main process ended with {run.exit_code} after {run.seconds:.1f} s"


def _stays(run: _Run) -> Check:
    proof = {"exit_code": run.exit_code, "seconds": round(run.seconds, 2), "log": run.log[-500:]}
    if run.alive:
        summary = f"still runs after {run.seconds:.1f} s"
        return Check("container.stays", "PID 1", Verdict.PROVED, summary, proof)
    summary = _ending(run)
    if run.exit_code == 0:
        summary += ": it went into the background, or had nothing to do"
    elif run.log.strip():
        summary += f": {run.log.strip().splitlines()[-1][:120]}"
    return Check("container.stays", "PID 1", Verdict.DISPROVED, summary, proof)


def _main_process(config: Mapping[str, Any], run: _Run) -> list[Check]:
    main = next((one for one in run.seen.processes if one.pid == 1), None)
    if main is None:
        summary = _ending(run) or "PID 1 was not seen"
        return [Check("command.pid1", "PID 1", Verdict.NOT_OBSERVED, summary)]
    declared = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    same = list(main.argv) == declared
    summary = "is what the image declares" if same else f"is {' '.join(main.argv)!r}"
    if not same and declared[:2] == ["/bin/sh", "-c"]:
        summary += ": the shell gave its place to the command"
    proof = {"argv": list(main.argv), "declared": declared, "executable": run.seen.executable}
    checks = [Check("command.pid1", "PID 1", Verdict.PROVED, summary, proof)]
    checks.append(
        Check(
            "user.pid1", "PID 1", Verdict.PROVED, f"runs as uid {main.uid}, gid {main.gid}",
            {
                "uid": main.uid, "gid": main.gid, "User": config.get("User") or "",
                "CapEff": None if main.capabilities is None else f"{main.capabilities:016x}",
            },
        )
    )  # fmt: skip
    checks.append(_tree(run.seen.processes))
    return checks


def _tree(processes: Sequence[Process]) -> Check:
    zombies = sum(one.state == "Z" for one in processes)
    listed = [
        {"pid": one.pid, "parent": one.parent, "uid": one.uid, "argv": list(one.argv)[:8], "state": one.state}
        for one in processes[:50]
    ]
    summary = f"{len(processes)} process{'es' if len(processes) != 1 else ''}"
    if zombies:
        summary += f", {zombies} of them zombies that PID 1 does not reap"
    return Check("processes.tree", "processes", Verdict.PROVED, summary, {"processes": listed})


def _writes_check(writes: Sequence[Any], config: Mapping[str, Any]) -> Check:
    files = [one for one in writes if one.bytes is not None]
    total = sum(one.bytes for one in files)
    summary = (
        f"{len(files)} files, {total} bytes written outside volumes"
        if files
        else "nothing written outside volumes"
    )
    proof = {
        "paths": [one.path for one in files[:50]],
        "bytes": total,
        "volumes": list(config.get("Volumes") or {}),
    }
    return Check("writes.layer", "writable layer", Verdict.PROVED, summary, proof)


def _stop(container: Container, config: Mapping[str, Any], seen: Snapshot) -> Check:
    """Stop it as `docker stop` does, and see whether it heeded the signal or had to be killed."""
    name = str(config.get("StopSignal") or "SIGTERM")
    main = next((one for one in seen.processes if one.pid == 1), None)
    start = time.monotonic()
    container.session.engine.api.stop(container.id, timeout=_STOP_TIMEOUT)
    seconds = time.monotonic() - start
    state = container.inspect()["State"]
    code = state.get("ExitCode")
    killed = code == 137 and seconds >= _STOP_TIMEOUT
    proof: dict[str, Any] = {"signal": name, "seconds": round(seconds, 2), "exit_code": code}
    number = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", None)
    if main is not None and number is not None:
        proof["handler"] = bool(main.caught_signals >> (int(number) - 1) & 1)
    if killed:
        summary = f"did not heed {name}: killed after {_STOP_TIMEOUT} s"
        return Check("stop.signal", name, Verdict.DISPROVED, summary, proof)
    return Check(
        "stop.signal", name, Verdict.PROVED, f"ended {seconds:.1f} s after {name} with {code}", proof
    )


def _environment(config: Mapping[str, Any], seen: Snapshot) -> dict[str, str]:
    if seen.environment is not None:
        return dict(seen.environment)
    return {name: value for name, _, value in (one.partition("=") for one in config.get("Env") or ())}


# The runs with published ports


class _Wanted(NamedTuple):
    """A -p of the user's: `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`; an empty host port means any."""

    address: str
    host_port: int | None
    port: Port


def _publish(text: str) -> _Wanted:
    address, _, rest = text.rpartition(":") if text.count(":") > 1 else ("", "", text)
    host, colon, container = rest.partition(":")
    if not colon:
        host, container = "", rest
    found = ports.parse_port(container)
    if len(found) != 1 or (host and not host.isdecimal()) or (host and int(host) > 65535):
        raise EngineError(
            f"-p {text}", "is no port to publish", "as in -p 8888:80, or -p 127.0.0.1:8888:80/tcp"
        )
    return _Wanted(address, int(host) if host else None, found[0])


def _declared(config: Mapping[str, Any]) -> list[Port]:
    return sorted(port for text in config.get("ExposedPorts") or {} for port in ports.parse_port(text))


def _published_run(
    session: Session, targets: Sequence[Port], wanted: Sequence[_Wanted], plain: _Run, checks: list[Check]
) -> None:
    """-p of every port that listens or is declared, of what the user asked for, and of a dead one."""
    taken = {*targets, *(one.port for one in wanted)}
    control = next(Port(number, "tcp") for number in _CONTROL_PORTS if Port(number, "tcp") not in taken)
    bindings: dict[str, Any] = {str(one): ("127.0.0.1", None) for one in (*targets, control)}
    for one in wanted:
        bindings[str(one.port)] = (one.address or "127.0.0.1", one.host_port)
    asked = sorted({*targets, *(one.port for one in wanted)})
    container = session.create(ports=[*asked, control], bindings=bindings)
    try:
        _start_published(container, wanted)
        if plain.alive:
            checks.append(ports.control_check(container.inspect(), control))
        else:
            summary = "the container ended before it could be dialled"
            checks.append(Check("ports.dead", str(control), Verdict.NOT_OBSERVED, summary))
        checks += _served("ports.published", "published", asked, container, plain)
    finally:
        container.remove()


def _start_published(container: Container, wanted: Sequence[_Wanted]) -> None:
    try:
        container.start()
    except EngineError as error:
        text = error.problem
        if "already allocated" in text or "address already in use" in text:
            busy = ", ".join(str(one.host_port) for one in wanted if one.host_port) or "a port"
            hint = "choose another host port with -p; this says nothing about the image"
            raise EngineError(f"port {busy}", "is busy on the engine's host", hint) from error
        raise


def _publish_all_run(
    session: Session, declared: Sequence[Port], plain: _Run, checks: list[Check], *, asked: bool
) -> None:
    """-P: what is published, and whether it serves."""
    if len(declared) > ports.MAX_PORTS and not asked:
        summary = f"{len(declared)} declared ports are too many to publish at once; -P insists"
        checks.append(Check("ports.publish-all", "-P", Verdict.CANNOT_TELL, summary))
        return
    container = session.create(publish_all=True)
    try:
        _start_published(container, ())
        if declared:
            checks += _served("ports.publish-all", "-P publishes it", declared, container, plain)
        else:
            checks.append(ports.publish_all_nothing(container.inspect()))
    finally:
        container.remove()


def _served(
    name: str, manner: str, published: Sequence[Port], container: Container, plain: _Run
) -> list[Check]:
    """A check for each published port, from end to end."""
    if not plain.alive:
        summary = f"{manner}, but {_ending(plain)}: nothing can serve"
        return [Check(name, str(port), Verdict.DISPROVED, summary) for port in published]
    if plain.readable:
        return [Check(name, str(port), Verdict.CANNOT_TELL, plain.readable) for port in published]
    state, seen, reachable = _ready(container, plain)
    return [
        ports.published_check(name, port, state, seen.listeners, reachable=reachable) for port in published
    ]


def _ready(container: Container, plain: _Run) -> tuple[Mapping[str, Any], Snapshot, bool]:
    """Wait until the sockets of the first run are there again: description, sockets, reachability."""
    deadline = time.monotonic() + min(plain.seconds, _PATIENCE) + 2
    expected = {(one.protocol, one.port) for one in plain.seen.listeners}
    seen, reachable = Snapshot(), False
    while True:
        state = container.inspect()
        if not state["State"].get("Running") or plain.readable:
            return state, seen, reachable
        try:
            seen = snapshot(int(state["State"]["Pid"]), container.id)
            reachable = True  # the container's network is on this machine
        except Unreadable:
            return state, Snapshot(), False
        if expected <= {(one.protocol, one.port) for one in seen.listeners} or time.monotonic() > deadline:
            return state, seen, reachable
        time.sleep(0.1)
