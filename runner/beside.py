"""Services beside the container that is proved: started first, waited for, and reached by their names."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..analyzer.credentials import mask, mask_lines
from .ending import meaning, reason
from .errors import EngineError
from .execution import run
from .healthcheck import HealthCheck, configured
from .ports import declared_ports
from .proc import Unreadable
from .service import COMPLETED, HEALTHY, STARTED, Service, about
from .session import Container, Session
from .view import viewed

_SHORT_WHILE = 5.0  # seconds for a service that declares no port and has no health check
_AGAIN = 0.25  # seconds between two looks
_PROBE = 1.0  # … and between two probes of a health check at most
_SHOWN = 3  # lines of its log that an error holds


def start_services(
    session: Session, wait: float, progress: Callable[[str], None] = lambda _: None
) -> tuple[str, ...]:
    """Start a session's services one after the other, each when the one before is what is awaited of it.

    Args:
        session: the run's.
        wait: seconds for what has no time of its own: that it listens, that a task ends.
        progress: told which one is awaited.

    Returns: what the user has to know of those that are not required, and failed.

    Raises:
        EngineError: one can't be started, ends, or does not become healthy.
    """
    notes = []
    for service in session.conditions.services:
        progress(f"starting {service.name}")
        try:
            _start(session, service, wait)
        except EngineError as error:
            if not service.optional or not error.answered:
                raise
            notes.append(f"{service.told}: {error.problem}; it is not required")
    return tuple(notes)


def _start(session: Session, service: Service, wait: float) -> None:
    with about(service):
        described = session.engine.inspect_image(service.image)
        config = service.start.applied(described.get("Config") or {})
        container = session.create_service(service, str(described["Id"]))
        container.start()
        container.started = time.monotonic()
        check = configured(config)
        if service.awaited == COMPLETED:
            _complete(service, container, wait)
        elif check is not None and service.awaited != STARTED:
            _become_healthy(service, container, check)
        elif service.awaited == HEALTHY:
            raise EngineError(
                service.told,
                "is awaited as service_healthy, and neither the file nor its image has a health check",
                "give it a healthcheck, or await service_started",
            )
        else:
            _listen(service, container, bool(declared_ports(config)), wait)


def beside_notes(session: Session) -> tuple[str, ...]:
    """What holds only with the services, and which of them ended while others needed them."""
    names = [f"{service.name} ({service.image})" for service, _ in session.services]
    out = [f"it was started beside {', '.join(names)}: what was proved holds with that"] if names else []
    for service, container in session.services:
        state = container.inspect()["State"] if service.awaited != COMPLETED else {"Running": True}
        if not state.get("Running"):
            code = state.get("ExitCode")
            out.append(
                f"the service {service.name} has ended with {code}; its log ends with {_log(container)}"
            )
    return tuple(out)


def _become_healthy(service: Service, container: Container, check: HealthCheck) -> None:
    """Run its health check by hand, since Podman leaves that to others, until an engine would call it unhealthy."""
    engine = container.session.engine
    if len(check.test) < 2:
        raise EngineError(service.told, "has a health check without a command", "give it one", status=500)
    failed = 0
    while True:
        _must_run(service, container)
        ran = run(engine, container.id, check.command, check.timeout)
        if ran.exit_code == 0:
            return
        failed += 1
        passed = time.monotonic() - container.started
        if failed >= check.retries and passed >= check.unhealthy_after(ran.seconds):
            said = " ".join(mask((ran.output + ran.errors).strip()).split())[:200]
            ends = "did not end in time" if ran.exit_code is None else f"ended with {ran.exit_code}"
            told = f"did not become healthy within {passed:.0f} s: its health check {ends}"
            raise EngineError(
                service.told, f"{told}{f' ({said})' if said else ''}; its log ends with {_log(container)}",
                "see that it starts alone, or grant it more by the health check's start_period", status=500,
            )  # fmt: skip
        time.sleep(max(0.0, min(check.interval, _PROBE) - ran.seconds))


def _listen(service: Service, container: Container, declares: bool, wait: float) -> None:
    """Wait until something of it listens on more than the loopback; for a short while where it declares no port."""
    limit = container.started + (wait if declares else min(wait, _SHORT_WHILE))
    with viewed(container.session, container) as view:
        while time.monotonic() < limit:
            state = container.inspect()["State"]
            if not state.get("Running"):
                if service.awaited == STARTED:
                    return
                _must_run(service, container)
            try:
                seen = view.snapshot(int(state.get("Pid") or 0))
            except Unreadable:
                time.sleep(min(1.0, max(0.0, limit - time.monotonic())))
                return
            if any(not one.loopback for one in seen.listeners):
                return
            time.sleep(_AGAIN)
    if declares and service.awaited != STARTED:
        raise EngineError(
            service.told, f"declares a port, and did not listen within {wait:.0f} s; its log ends with {_log(container)}",
            "give it more time with --wait", status=500,
        )  # fmt: skip


def _complete(service: Service, container: Container, wait: float) -> None:
    """Wait until a task has ended with 0."""
    while True:
        state = container.inspect()["State"]
        if not state.get("Running"):
            if state.get("ExitCode") == 0:
                return
            raise _ended(service, container, state, "service_completed_successfully asks for 0")
        if time.monotonic() - container.started > wait:
            raise EngineError(
                service.told, f"did not end within {wait:.0f} s, as service_completed_successfully asks;"
                f" its log ends with {_log(container)}", "give it more time with --wait", status=500,
            )  # fmt: skip
        time.sleep(_AGAIN)


def _must_run(service: Service, container: Container) -> None:
    state = container.inspect()["State"]
    if not state.get("Running"):
        raise _ended(service, container, state, "it has to run beside the others")


def _ended(service: Service, container: Container, state: Mapping[str, Any], wanted: str) -> EngineError:
    code = state.get("ExitCode")
    why = f" ({told})" if (told := meaning(code)) else ""
    hint = "see that it starts alone"
    lacks = reason(container.logs(), service.start)
    if lacks is not None and lacks.kind == "variable":
        why = f": {lacks.told}"
        given = (
            f"under environment in {service.place}"
            if service.place
            else f"by --with-env {service.name}:{lacks.name}=VALUE"
        )
        hint = f"set it {given}"
    if state.get("OOMKilled"):
        limit = container.session.conditions.memory_bytes >> 20
        why, hint = f": it hit the limit of {limit} MB that imglint sets", "give it more with --memory"
    told = f"ended with {code}{why}, and {wanted}; its log ends with {_log(container)}"
    return EngineError(service.told, told, hint, status=500)


def _log(container: Container) -> str:
    """The end of a container's output, in one line."""
    lines = mask_lines(container.logs(_SHOWN).strip())
    return " | ".join(" ".join(line.split())[:160] for line in lines[-_SHOWN:] if line.strip()) or "nothing"
