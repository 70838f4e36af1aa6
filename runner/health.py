"""HEALTHCHECK as the engine runs it, from starting to its verdict, with the interval shortened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .observation import Check, Verdict
from .session import Session

_SECOND = 1_000_000_000
_INTERVAL = _SECOND  # a probe a second instead of the image's interval, 30 s by default
_MARGIN = 3.0  # seconds beyond the computed worst case
_LONGEST = 45.0
_DEFAULT_RETRIES, _DEFAULT_TIMEOUT = 3, 30


def health_check(session: Session, configured: Mapping[str, Any] | None) -> Check | None:
    """Run the image once with its own check, probed every second; None when it has no check.

    The log is decisive, not the state: a container that ends is called unhealthy although no
    probe ever ran.
    """
    test: list[str] = list((configured or {}).get("Test") or ())
    if configured is None or not test or test[0] == "NONE":
        return None
    if len(test) < 2 or test[0] not in ("CMD", "CMD-SHELL"):
        # Before Docker 29.5 the daemon itself breaks down on an empty command: never start that.
        return Check(
            "health.engine",
            "HEALTHCHECK",
            Verdict.DISPROVED,
            f"the check {test} holds no command",
            {"Test": test},
        )
    retries = int(configured.get("Retries") or _DEFAULT_RETRIES)
    timeout = int(configured.get("Timeout") or _DEFAULT_TIMEOUT * _SECOND)
    period = int(configured.get("StartPeriod") or 0)
    interval = int(configured.get("Interval") or 30 * _SECOND)
    worst = period / _SECOND + retries * (_INTERVAL + timeout) / _SECOND
    container = session.create(
        healthcheck={
            "test": test, "interval": _INTERVAL, "timeout": timeout, "retries": retries, "start_period": period,
        }
    )  # fmt: skip
    try:
        container.start()
        return _watch(container.inspect, min(worst + _MARGIN, _LONGEST), test, interval)
    finally:
        container.remove()


def _watch(inspect: Any, seconds: float, test: list[str], interval: int) -> Check:
    start = time.monotonic()
    transitions: list[dict[str, Any]] = []
    while True:
        state = inspect()["State"]
        health = state.get("Health") or {}
        status = str(health.get("Status") or "")
        passed = time.monotonic() - start
        if status and (not transitions or transitions[-1]["status"] != status):
            transitions.append({"status": status, "seconds": round(passed, 1)})
        if not state.get("Running") or status in ("healthy", "unhealthy") or passed > seconds:
            break
        time.sleep(0.1)
    log = [
        {
            "exit_code": one.get("ExitCode"),
            "output": str(one.get("Output") or "").strip()[:300],
        }
        for one in health.get("Log") or ()
    ]
    proof = {
        "test": test,
        "transitions": transitions,
        "log": log,
        "interval_seconds": interval / _SECOND,
        "probed_every_seconds": _INTERVAL / _SECOND,
    }
    verdict, summary = _judged(status, bool(state.get("Running")), state.get("ExitCode"), log, transitions)
    if log and verdict in (Verdict.PROVED, Verdict.DISPROVED):
        summary += f" (probed every second instead of every {interval / _SECOND:g} s)"
    return Check("health.engine", "HEALTHCHECK", verdict, summary, proof)


def _judged(
    status: str, running: bool, exit_code: Any, log: list[dict[str, Any]], transitions: list[dict[str, Any]]
) -> tuple[Verdict, str]:
    way = " → ".join(one["status"] for one in transitions)
    if status == "healthy":
        return Verdict.PROVED, f"{way} after {transitions[-1]['seconds']} s"
    if not log:
        if not running:
            return Verdict.NOT_OBSERVED, f"the container ended with {exit_code} before its first probe"
        return Verdict.CANNOT_TELL, "the engine never ran a probe: it has no scheduler for them"
    last = log[-1]
    if status == "unhealthy" and running:
        return Verdict.DISPROVED, f"{way}: {_reason(last)}"
    if not running:
        return (
            Verdict.DISPROVED,
            f"{way}: the container ended with {exit_code}; the last probe: {_reason(last)}",
        )
    return Verdict.NOT_OBSERVED, f"still {status} when the watch ended; the last probe: {_reason(last)}"


def _reason(probe: dict[str, Any]) -> str:
    """What a probe's exit code and output mean together: `|| exit 1` hides a missing tool's 127."""
    code, output = probe["exit_code"], probe["output"]
    if code == -1 and "exceeded timeout" in output:
        return f"the probe took too long ({output})"
    if code in (-1, 126, 127) or "not found" in output or "no such file" in output:
        return f"the probe's command is not there: {output.splitlines()[-1] if output else code}"
    return f"the probe ended with {code}" + (f": {output.splitlines()[-1]}" if output else "")
