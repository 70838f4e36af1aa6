"""HEALTHCHECK put to the test: what it says, what the engine makes of it, and whether it can fail."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..analyzer.credentials import mask
from .engine import errors
from .errors import EngineError
from .execution import Ran, run
from .healthcheck import HealthCheck
from .idle import idle
from .observation import Check, Process, Verdict
from .proc import Unreadable
from .session import Container, Session
from .timing import load
from .view import View

_SECOND = 1_000_000_000
_INTERVAL = _SECOND  # a probe a second instead of the image's interval, 30 s by default
_AGAIN = 1.0  # seconds between two probes by hand
_MARGIN = 3.0  # seconds beyond the time that is granted
_AGED = 15.0  # seconds for which a check may pass beside a frozen service
_FROZEN_WAIT = 5.0  # seconds after which a check that hangs on a frozen service has noticed it
# What a shell, or the engine, says of a program that is not there. A program's own "not found" is about something else.
_NOT_THERE = re.compile(
    r"(?m)^(?:\S*/)?(?:ba|da|a|k|z)?sh: .*not found\s*$|executable file not found|exec failed|exec: \"[^\"]*\": ",
)


def by_hand(health: HealthCheck, container: Container, wait: float) -> tuple[Check, Ran | None]:
    """Run the check ourselves, with its own timeout as a real deadline, until it passes or its time is over.

    Args:
        health: the check.
        container: it runs, since `container.started` if that is known.
        wait: seconds of the container's life after which nothing more is awaited.
    """
    if len(health.test) < 2:
        return Check("health.by-hand", "HEALTHCHECK", Verdict.DISPROVED, "it holds no command"), None
    began = container.started or time.monotonic()
    ran: list[Ran] = []
    while True:
        last = run(container.session.engine, container.id, health.command, health.timeout)
        ran.append(last)
        passed = time.monotonic() - began
        over = passed >= min(health.granted, wait)
        if last.exit_code == 0 or over or hopeless(last.exit_code, _output(last)):
            break
        if not container.inspect()["State"].get("Running"):
            break
        time.sleep(max(0.0, _AGAIN - last.seconds))
    proof = {
        "runs": [_shown(one) for one in (*ran[:1], *ran[1:][-2:])],
        "tries": len(ran),
        "seconds": round(passed, 1),
        "granted": health.granted,
        "timeout": health.timeout,
        "load": load(),
    }
    if last.exit_code == 0:
        summary = f"passes in {last.seconds * 1000:.0f} ms"
        if len(ran) > 1:
            first = reason(ran[0].exit_code, _output(ran[0]))
            summary += f", {passed:.0f} s after the start: first {first}"
        return Check("health.by-hand", "HEALTHCHECK", Verdict.PROVED, summary, proof), last
    told = reason(last.exit_code, _output(last))
    if hopeless(last.exit_code, _output(last)) or passed >= health.unhealthy_after(last.seconds):
        return Check("health.by-hand", "HEALTHCHECK", Verdict.DISPROVED, told, proof), last
    return Check(
        "health.by-hand", "HEALTHCHECK", Verdict.NOT_OBSERVED, _too_late(health, passed, told), proof
    ), last


def _too_late(health: HealthCheck, passed: float, told: str) -> str:
    wait = math.ceil(health.granted)
    return f"did not pass within {passed:.0f} s of the {health.granted:g} s that it grants. Use --wait {wait}; {told}"


def notices(health: HealthCheck, container: Container, view: View, before: Ran) -> Check:
    """Whether it can fail: it must not pass where the service is frozen, nor where there is none at all."""
    name, subject = "health.notices", "HEALTHCHECK"
    if before.exit_code != 0:
        summary = "it does not pass in the first place"
        return Check(name, subject, Verdict.NOT_OBSERVED, summary)
    proof: dict[str, Any] = {"running": _shown(before)}
    # First without the service: a check that only hangs with a frozen one passes once its connection is refused.
    alone = without_service(container.session, health)
    if isinstance(alone, Ran):
        proof["without a service"] = _shown(alone)
        if alone.exit_code == 0:
            summary = "passes in a container in which the service was never started: it can't fail"
            return Check(name, subject, Verdict.DISPROVED, summary, proof)
    else:
        proof["without a service"] = alone
    try:
        stopped = _freeze(container, view)
    except (EngineError, Unreadable) as error:
        _thaw(container, view, ())
        if isinstance(alone, Ran):
            return Check(
                name,
                subject,
                Verdict.PROVED,
                f"notices that the service is not there: it {_how(alone)}",
                proof,
            )
        summary = f"its processes can't be stopped from outside: {error}"
        return Check(name, subject, Verdict.CANNOT_TELL, summary, proof)
    try:
        patient = time.monotonic() + (min(health.granted, _AGED) if isinstance(alone, Ran) else 0)
        while True:
            after = run(
                container.session.engine, container.id, health.command, min(health.timeout, _FROZEN_WAIT)
            )
            # One that looks at the age of what the service writes notices it after a while.
            if after.exit_code != 0 or time.monotonic() > patient:
                break
            time.sleep(_AGAIN)
    finally:
        _thaw(container, view, stopped)
    proof |= {"frozen": _shown(after), "stopped": [1, *(one.pid for one in stopped)]}
    if after.exit_code == 0:
        summary = "passes while every process of the service is stopped: it can't fail"
        if isinstance(alone, Ran):
            summary = "passes while every process of the service is stopped: it can't fail by one that hangs"
        return Check(name, subject, Verdict.DISPROVED, summary, proof)
    if isinstance(alone, Ran):
        summary = f"notices a missing service, and a frozen one: it {_how(after)}"
        return Check(name, subject, Verdict.PROVED, summary, proof)
    if after.exit_code is None:
        summary = (
            f"{_how(after)} where the service is frozen; without a service it could not be tried: {alone}"
        )
        return Check(name, subject, Verdict.NOT_OBSERVED, summary, proof)
    return Check(name, subject, Verdict.PROVED, f"notices a frozen service: it {_how(after)}", proof)


def _how(ran: Ran) -> str:
    return f"hangs for {ran.seconds:.0f} s" if ran.exit_code is None else f"ends with {ran.exit_code}"


def without_service(session: Session, health: HealthCheck) -> Ran | str:
    """The check in a container of the image that only sleeps; why there is none, as text."""
    try:
        with idle(session) as container:
            return run(session.engine, container.id, health.command, min(health.timeout, _FROZEN_WAIT))
    except EngineError as error:
        return error.problem


def _freeze(container: Container, view: View) -> list[Process]:
    """Stop PID 1 by the engine, then what runs besides from beside; a stopped PID 1 starts nothing new.

    Raises:
        EngineError, Unreadable: it can't be done here.
    """
    _signal_main(container, "STOP")
    state = container.inspect()["State"]
    seen = view.snapshot(int(state.get("Pid") or 0))
    others = [process for process in seen.processes if process.pid != 1 and process.state != "Z"]
    if others and not view.signal("STOP", others):
        raise EngineError("the side container", "its signals did not go through", "run it once more")
    return others


def _thaw(container: Container, view: View, stopped: Sequence[Process]) -> None:
    """Let them go on. What has ended meanwhile needs it no more."""
    with contextlib.suppress(EngineError):
        _signal_main(container, "CONT")
    with contextlib.suppress(EngineError):
        view.signal("CONT", stopped)


def _signal_main(container: Container, name: str) -> None:
    with errors(container.id[:12]):
        container.session.engine.api.kill(container.id, signal=f"SIG{name}")


def engine_check(session: Session, health: HealthCheck, hand: Check | None, wait: float) -> Check:
    """Run the image once with its own check, probed every second, and take the engine's word for each change.

    Only the rhythm is another one: the time that the image grants stays, since there are as many more retries.
    The log is decisive, not the state: a container that ends is called unhealthy although no
    probe ever ran.

    Args:
        session: the run's.
        health: the check.
        hand: what was found by hand. What never passed there is not awaited a second time.
        wait: seconds after which nothing more is awaited.
    """
    if len(health.test) < 2:
        summary = f"the check {list(health.test)} holds no command"
        return Check("health.engine", "HEALTHCHECK", Verdict.DISPROVED, summary, {"test": list(health.test)})
    if hand is not None and hand.verdict is Verdict.NOT_OBSERVED:
        return Check(
            "health.engine", "HEALTHCHECK", Verdict.NOT_OBSERVED, f"as by hand: {hand.summary}", hand.proof
        )
    failed = hand is not None and hand.verdict is Verdict.DISPROVED
    retries = health.retries
    if not failed:
        retries = max(retries, math.ceil((health.granted - health.start_period) / (_INTERVAL / _SECOND)))
    container = session.create(
        healthcheck={
            "test": list(health.test), "interval": _INTERVAL, "timeout": int(health.timeout * _SECOND),
            "retries": retries, "start_period": 0 if failed else int(health.start_period * _SECOND),
            "start_interval": _INTERVAL,
        }
    )  # fmt: skip
    try:
        began = time.time()
        container.start()
        longest = retries * (_INTERVAL / _SECOND + health.timeout)
        granted = min(longest, wait) if failed else min(health.granted, wait)
        return _watched(container, health, began, granted + _MARGIN, failed=failed)
    finally:
        container.remove()


def _watched(
    container: Container, health: HealthCheck, began: float, seconds: float, *, failed: bool
) -> Check:
    start = time.monotonic()
    while True:
        state = container.inspect()["State"]
        seen: Mapping[str, Any] = state.get("Health") or {}
        status = str(seen.get("Status") or "")
        passed = time.monotonic() - start
        if not state.get("Running") or status in ("healthy", "unhealthy") or passed > seconds:
            break
        if (
            not seen.get("Log")
            and not container.session.schedules_probes
            and passed > 2 * _INTERVAL / _SECOND
        ):
            break
        time.sleep(0.1)
    log = [
        {"exit_code": one.get("ExitCode"), "output": mask(str(one.get("Output") or "").strip())[:300]}
        for one in seen.get("Log") or ()
    ]
    transitions = [{"status": "starting", "seconds": 0.0}, *_transitions(container, began)]
    proof = {
        "test": list(health.test),
        "transitions": transitions,
        "log": log,
        "interval_seconds": health.interval,
        "probed_every_seconds": _INTERVAL / _SECOND,
        "load": load(),
    }
    verdict, summary = _judged(status, bool(state.get("Running")), state.get("ExitCode"), log, transitions)
    if verdict is Verdict.NOT_OBSERVED and log and state.get("Running"):
        if failed:
            verdict = Verdict.DISPROVED  # it did not pass by hand within its time, either
        else:
            summary = _too_late(health, passed, summary)
    if log and verdict in (Verdict.PROVED, Verdict.DISPROVED):
        summary += f" (probed every second instead of every {health.interval:g} s)"
    return Check("health.engine", "HEALTHCHECK", verdict, summary, proof)


def _transitions(container: Container, began: float) -> list[dict[str, Any]]:
    """The changes of state, from the engine's event stream: the state itself may have flipped in between."""
    out = []
    for event in container.events("health_status", began):
        action = str(event.get("Action") or event.get("status") or "")
        status = action.partition(":")[2].strip() or str(event.get("HealthStatus") or "")
        when = int(event.get("timeNano") or 0) / _SECOND
        if status:
            out.append({"status": status, "seconds": round(max(when - began, 0.0), 1)})
    return out


def _judged(
    status: str, running: bool, exit_code: Any, log: list[dict[str, Any]], transitions: list[dict[str, Any]]
) -> tuple[Verdict, str]:
    way = " → ".join(transition["status"] for transition in transitions)
    if status == "healthy":
        return Verdict.PROVED, f"{way} after {transitions[-1]['seconds']} s"
    if not log:
        if not running:
            return Verdict.NOT_OBSERVED, f"the container ended with {exit_code} before its first probe"
        return Verdict.CANNOT_TELL, "the engine ran no probe to its end: it may have no scheduler for them"
    last = reason(log[-1]["exit_code"], log[-1]["output"])
    if status == "unhealthy" and running:
        return Verdict.DISPROVED, f"{way}: {last}"
    if not running:
        return Verdict.DISPROVED, f"{way}: the container ended with {exit_code}; the last probe: {last}"
    return Verdict.NOT_OBSERVED, f"still {status} when the watch ended; the last probe: {last}"


def hopeless(code: int | None, output: str) -> bool:
    """Whether a probe failed for what no waiting mends: the program that it starts is not there."""
    return code in (126, 127) or _NOT_THERE.search(output) is not None


def reason(code: int | None, output: str) -> str:
    """What a probe's exit code and output mean together: `|| exit 1` hides a missing tool's 127."""
    lines = mask(output).strip().splitlines()
    last = lines[-1] if lines else ""
    if code is None:
        return "the probe took longer than its timeout"
    if code == -1 and "exceeded timeout" in output:
        return f"the probe took too long ({last})"
    if code in (-1, 126, 127) or _NOT_THERE.search(output):
        return f"the probe's command is not there: {last or code}"
    if code == 2:
        return f"the probe ended with 2, which is reserved{f': {last}' if last else ''}"
    if code > 128:
        return f"the probe itself was ended by signal {code - 128}{f': {last}' if last else ''}"
    return f"the probe ended with {code}{f': {last}' if last else ''}"


def _output(ran: Ran) -> str:
    return f"{ran.output}\n{ran.errors}".strip()


def _shown(ran: Ran) -> dict[str, Any]:
    return {
        "exit_code": ran.exit_code,
        "output": mask(_output(ran))[-300:],  # a program's last words say why
        "milliseconds": round(ran.seconds * 1000),
    }
