"""Running an image and putting its claims to the test, phase by phase."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..analyzer.credentials import mask, mask_lines
from . import health, published
from .beside import beside_notes, start_services
from .calibration import UNKNOWN, Calibration, Controls, calibrate, calibration_check, start_controls
from .claims import claims_checks
from .command import command_check, user_check
from .ending import meaning, reason
from .engine import Engine
from .errors import EngineError
from .expect import Expectations, inside, outside
from .healthcheck import HealthCheck, configured, dropped_checks, static_check
from .hindrance import excused, hindrance
from .observation import Check, Observation, Verdict
from .peers import peers_check
from .pieces import pieces_check
from .ports import MAX_PORTS, Port, declared_ports, exposed_checks, listening_checks, plain_check
from .proc import Snapshot
from .processes import processes_checks
from .session import PROBE, USUAL, Archive, Conditions, Container, Session
from .start import Start
from .stop import STOP_SECONDS, stop_check
from .timing import alone, working
from .view import View, viewed
from .watch import PATIENCE, Patience, Run, watch
from .writes import writes_check, written

if TYPE_CHECKING:
    from .harden import Hardening

PHASES = ("calibration", "published", "health")


def verify(
    engine: Engine,
    image: str,
    *,
    archive: Archive | None = None,
    publish: Sequence[str] = (),
    publish_all: bool = False,
    deep: bool = False,
    harden: bool = False,
    expectations: Sequence[Expectations] = (),
    stop_seconds: int = STOP_SECONDS,
    patience: Patience = PATIENCE,
    conditions: Conditions = USUAL,
    probe: str = PROBE,
    vantages: Sequence[str] = ("host", "side", "exec"),
    phases: Collection[str] = PHASES,
    progress: Callable[[str], None] = lambda _: None,
) -> Observation:
    """Start an image as it is and observe it.

    Args:
        engine: a connected engine.
        image: a name or ID that the engine has; nothing is pulled.
        archive: where an image comes from that the engine may not have; it is loaded for this run.
        publish: what to publish beside the ports found, as for `docker run -p`.
        publish_all: observe -P also where the image declares too much and would be skipped.
        deep: run it read-only, as another user and without capabilities, too.
        harden: find the least that it needs.
        expectations: what has to hold, each in a check of its own.
        stop_seconds: what lies between the stop signal and the kill.
        patience: how long the image is waited for, and watched.
        conditions: what its containers get.
        probe: the image of the side container, if the engine has it.
        vantages: from where processes and sockets are looked at, in order.
        progress: told what is being done.
        phases: what to do beside the first run, with nothing published and no probes of the engine's.

    Raises:
        EngineError: the engine can't do it: no such image, a port that is taken, no answer.
    """
    wanted = published.parse_publish(publish)
    published.must_be_free(wanted, engine)
    hardening: Hardening | None = None
    problem = ""
    with (
        working(),
        Session(
            engine, image, archive=archive, probe=probe, vantages=vantages, conditions=conditions
        ) as session,
    ):
        own = session.described.get("Config") or {}
        start = conditions.start
        config = start.applied(own)
        declared = declared_ports(config)
        checks = [_preflight(session.described, declared)]
        if configured(config) is None:
            checks += dropped_checks(session)
        failed = start_services(session, patience.wait, progress)
        controls, unknown = _controls(session) if "calibration" in phases else (None, "it was not asked for")
        progress("running it as it is")
        plan = _Plan(config, declared, stop_seconds, expectations, patience)
        plain, first_checks = _plain_run(session, plan)
        hindered = hindrance(plain, session.conditions)
        if hindered is not None and hindered.kind != "network" and session.raise_limits(hindered.kind):
            progress("running it again with more memory and processes")
            plain, first_checks = _plain_run(session, plan)
            hindered = hindrance(plain, session.conditions)
        checks += first_checks
        known = _calibrated(engine, controls)
        session.schedules_probes = known.probes is not False
        checks[1:1] = [calibration_check(known, str(engine), unknown), *known.isolation]
        if conditions.network:
            told = f"it is in the network {conditions.network}, and reaches whatever that network reaches"
            checks.insert(2, Check("engine.isolation", conditions.network, Verdict.DISPROVED, told))
        elif start.egress:
            told = "it reaches whatever this machine reaches, since that was allowed"
            checks.insert(2, Check("engine.isolation", "--allow-egress", Verdict.DISPROVED, told))
        plain = _without_noise(plain, known)
        # What is known by now is told, whatever the engine does from here on.
        try:
            if plain.started:
                checks.append(writes_check(plain.writes, config, plain.seconds))
                checks.append(pieces_check(plain.writes, plain.seen.processes))
                checks += peers_check(plain, config)
                found = {
                    Port(listener.port, listener.protocol)
                    for listener in plain.seen.listeners
                    if not listener.loopback
                }
                targets = sorted({*declared, *found})[:MAX_PORTS]
                if "published" in phases:
                    progress("publishing its ports")
                    checks += published.published_runs(
                        session, declared, targets, wanted, plain, insist=publish_all
                    )
                check = configured(config)
                if check is not None and "health" in phases:
                    progress("waiting for its health check")
                    with alone():
                        hand = next((one for one in checks if one.name == "health.by-hand"), None)
                        checks.append(health.engine_check(session, check, hand, patience.wait))
                if deep:
                    progress("running it under harder conditions")
                    from .deep import deep_checks

                    checks += deep_checks(session, config, plain)
                if harden:
                    progress("looking for the least that it needs")
                    from .harden import harden as search

                    hardening = search(session, config, plain)
        except EngineError as error:
            problem = f"{error}; what was to follow is not known"
        notes = (*failed, *beside_notes(session))
        checks = excused(checks, hindered, session.conditions, plain.log)
    seen = Observation(
        image=image,
        image_id=session.image,
        engine=str(engine),
        started=plain.started,
        alive=plain.alive,
        exit_code=plain.exit_code,
        error=plain.error,
        seconds=round(plain.seconds, 2),
        seen_from=plain.seen.source,
        log=plain.log,
        processes=plain.seen.processes,
        listeners=plain.seen.listeners,
        peers=plain.seen.peers,
        writes=plain.writes,
        volumes=tuple(config.get("Volumes") or {}),
        environment=_environment(config, plain.seen, start),
        checks=tuple(checks),
        hardening=hardening,
        problem=problem,
        notes=(*start.told(own), *notes, *session.notes),
        started_otherwise=start.replaces,
        receipt=session.receipt,
    )
    more = [check for wanted_file in expectations for check in outside(wanted_file, seen)]
    return seen._replace(checks=(*seen.checks, *more))


# What engines that were met in this process are like. Two images at once may both find out.
_calibrations: dict[str, Calibration] = {}


def _calibrated(engine: Engine, controls: Controls | None) -> Calibration:
    if controls is not None:
        _calibrations[engine.identity] = calibrate(controls)
    return _calibrations.get(engine.identity, UNKNOWN)


def _controls(session: Session) -> tuple[Controls | None, str]:
    """The control containers; none where the engine is known already, or for the reason that is given."""
    if session.engine.identity in _calibrations:
        return None, ""
    try:
        return start_controls(session), ""
    except EngineError as error:
        return None, f"{error.subject}: {error.problem}"


def _without_noise(run: Run, known: Calibration) -> Run:
    return run._replace(writes=tuple(write for write in run.writes if write.path not in known.noise))


def _preflight(described: Mapping[str, Any], declared: Sequence[Port]) -> Check:
    proof = {
        "id": described.get("Id"),
        "platform": f"{described.get('Os')}/{described.get('Architecture')}",
        "exposed": [str(one) for one in declared[:MAX_PORTS]],
        "volumes": sorted((described.get("Config") or {}).get("Volumes") or {}),
    }
    summary = f"{proof['platform']}, {len(declared)} port{'s' if len(declared) != 1 else ''} declared"
    if len(declared) > MAX_PORTS:
        summary += f", of which {MAX_PORTS} are tried"
    return Check("image.preflight", str(described.get("Id", ""))[:19], Verdict.PROVED, summary, proof)


class _Plan(NamedTuple):
    """What the first run is about."""

    config: Mapping[str, Any]
    declared: Sequence[Port]
    stop_seconds: int
    expectations: Sequence[Expectations]
    patience: Patience


def _plain_run(session: Session, plan: _Plan) -> tuple[Run, list[Check]]:
    """The first run: nothing published, no probes of the engine's."""
    config, declared = plan.config, plan.declared
    checks: list[Check] = []
    try:
        container = session.create()
    except EngineError as error:
        if not error.answered:
            raise
        checks.append(
            Check("container.stays", "PID 1", Verdict.DISPROVED, f"can't be created: {error.problem}")
        )
        return Run(started=False, alive=False, error=error.problem), checks
    try:
        try:
            container.start()
            container.started = time.monotonic()
        except EngineError as error:
            if not error.answered:
                raise
            code = container.inspect()["State"].get("ExitCode")
            summary = f"the engine can't start it: {error.problem}"
            checks.append(Check("container.stays", "PID 1", Verdict.DISPROVED, summary, {"exit_code": code}))
            return Run(started=False, alive=False, exit_code=code, error=error.problem), checks
        with viewed(session, container) as view:
            run = watch(container, view, declared[:MAX_PORTS], plan.patience)
            run = run._replace(writes=written(container))
            checks += _observed(run, config, declared, container)
            check = configured(config)
            if check is not None:
                checks.append(static_check(check, config, container))
                if run.alive:
                    checks += _health_by_hand(check, container, view, plan.patience.wait)
            for wanted in plan.expectations:
                checks += inside(wanted, container, run)
            if run.alive:
                checks.append(stop_check(container, config, run, plan.stop_seconds))
        return run, checks
    finally:
        container.remove()


def _observed(
    run: Run, config: Mapping[str, Any], declared: Sequence[Port], container: Container
) -> list[Check]:
    """What the watch showed, claim by claim."""
    checks = [_stays(run, container.session.conditions)]
    if run.alive:
        checks.append(plain_check(container.inspect()))
    if run.unreadable:
        checks.append(Check("sockets.listening", "all", Verdict.CANNOT_TELL, run.unreadable))
        checks += [Check("ports.exposed", str(one), Verdict.CANNOT_TELL, run.unreadable) for one in declared]
    else:
        checks += listening_checks(run.seen.listeners, run.seen.source)
        if run.alive and not run.seen.listeners:
            told = f"nothing waited for peers in the {run.seconds:.0f} s watched. Use --observe SECONDS to look longer"
            checks.append(Check("sockets.listening", "all", Verdict.PROVED, told))
        checks += exposed_checks(declared, run.seen.listeners, run.ending, run.seconds)
    checks.append(command_check(config, run, given=container.session.conditions.start.other_program))
    checks += claims_checks(config, run)
    checks.append(user_check(config, run, container))
    checks += processes_checks(run)
    return checks


def _health_by_hand(check: HealthCheck, container: Container, view: View, wait: float) -> list[Check]:
    found, ran = health.by_hand(check, container, wait)
    if ran is None:
        return [found]
    return [found, health.notices(check, container, view, ran)]


def _stays(run: Run, conditions: Conditions) -> Check:
    proof: dict[str, Any] = {
        "exit_code": run.exit_code, "seconds": round(run.seconds, 2), "log": mask(run.log)[-500:]
    }  # fmt: skip
    if run.alive:
        summary = f"still runs after {run.seconds:.1f} s"
        if run.requests:
            summary += f" and {run.requests} requests"
        return Check("container.stays", "PID 1", Verdict.PROVED, summary, proof)
    summary = run.ending
    if run.exit_code == 0:
        summary += ": it went into the background, or had nothing to do"
        return Check("container.stays", "PID 1", Verdict.DISPROVED, summary, proof)
    why = reason(run.log, conditions.start, network_open=conditions.open)
    if why is not None:
        summary += f": {why}"
        proof["missing"] = {"kind": why.kind, "name": why.name, "told": why.told, "use": why.use}
    elif run.log.strip():
        summary += f": {mask_lines(run.log.strip())[-1][:120]}"
    if meant := meaning(run.exit_code):
        proof["exit_code_means"] = meant
        summary += f" ({meant})" if why is None else ""
    return Check("container.stays", "PID 1", Verdict.DISPROVED, summary, proof)


def _environment(config: Mapping[str, Any], seen: Snapshot, start: Start) -> dict[str, str]:
    """The environment of PID 1 without what the user has given, which says nothing of the image."""
    if seen.environment is not None:
        found = dict(seen.environment)
    else:
        found = {name: value for name, _, value in (one.partition("=") for one in config.get("Env") or ())}
    return {name: value for name, value in found.items() if name not in start.environment}
