"""Stopping a container as `docker stop` does: did it heed the signal, or was it killed?"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping
from typing import Any

from .command import SHELLS, main_process
from .engine import errors
from .observation import Check, Process, Verdict
from .session import Container
from .timing import alone, load
from .watch import Run

STOP_SECONDS = 10  # as docker stop waits
_WITHOUT_HANDLER = 2  # PID 1 that sets no handler never gets the signal: waiting longer shows nothing more
# Inits that take every signal and hand it on, to their child alone or to its group.
_INITS = frozenset("tini tini-static docker-init catatonit".split())


def stop_check(
    container: Container, config: Mapping[str, Any], run: Run, timeout: int = STOP_SECONDS
) -> Check:
    """Stop it, and measure. `timeout` is what lies between the signal and the kill."""
    name = str(config.get("StopSignal") or "SIGTERM")
    number = _number(name)
    main = main_process(run)
    proof: dict[str, Any] = {"signal": name}
    limit = timeout
    taken = None
    if main is not None and number is not None:
        taken = takes(main, number)
        proof["handler"] = bool(main.caught_signals >> (number - 1) & 1)
        proof["ignored"] = bool(main.ignored_signals >> (number - 1) & 1)
        proof["awaited"] = taken and not proof["handler"]
        limit = timeout if taken else min(timeout, _WITHOUT_HANDLER)
    proof |= {"timeout": limit, "load": load()}
    engine = container.session.engine
    before = container.inspect()["State"]
    if not before.get("Running"):
        summary = f"it had ended by itself before, with {before.get('ExitCode')}"
        return Check("stop.signal", name, Verdict.NOT_OBSERVED, summary, proof)
    # Without a handler it is going to be killed, and how long that takes says nothing of it.
    with contextlib.nullcontext() if taken is False else alone():
        began = time.time()
        start = time.monotonic()
        with errors(container.id[:12]):
            engine.api.stop(container.id, timeout=limit)
        seconds = time.monotonic() - start
    code = container.inspect()["State"].get("ExitCode")
    signals = _signals(container, began)
    proof |= {"seconds": round(seconds, 2), "exit_code": code, "signals sent": signals}
    # 137 alone may be the program's own: the engine's events say whether it was killed.
    killed = "9" in signals if len(signals) > 1 else code == 137 and seconds >= limit
    if killed:
        why = "" if taken is not False else f": PID 1 {_deafness(proof)} {name}, so the kernel drops it"
        waited = f"{limit} s" if limit == timeout else f"{limit} s, and would be after {timeout} s"
        return Check(
            "stop.signal", name, Verdict.DISPROVED, f"did not heed {name}: killed after {waited}{why}", proof
        )
    if not signals and engine.kind == "docker":
        summary = f"it ended by itself, with {code}, before a signal was sent"
        return Check("stop.signal", name, Verdict.NOT_OBSERVED, summary, proof)
    summary = f"ended {seconds:.1f} s after {name} with {code}"
    lost = _cut_off(run, number)
    if lost:
        proof["not told"] = lost
        summary += f"; {lost}"
    return Check("stop.signal", name, Verdict.PROVED, summary, proof)


def takes(process: Process, number: int) -> bool:
    """Whether a signal reaches a process: it has a handler, or blocks the signal and fetches it by sigwait."""
    bit = 1 << (number - 1)
    if process.caught_signals & bit:
        return True
    if process.ignored_signals & bit:
        return False
    return bool(process.blocked_signals & bit) or process.awaits_signals or process.program in _INITS


def _deafness(proof: Mapping[str, Any]) -> str:
    return "ignores" if proof.get("ignored") else "sets no handler for"


def _cut_off(run: Run, number: int | None) -> str:
    """Whom a shell between an init and the service keeps the signal from; "" where there is none."""
    by_parent: dict[int, list[Process]] = {}
    for process in run.seen.processes:
        by_parent.setdefault(process.parent, []).append(process)
    main = main_process(run)
    if main is None or number is None or main.program not in _INITS or "-g" in main.argv:
        return ""
    for shell in by_parent.get(1, ()):
        if shell.program not in SHELLS or takes(shell, number):
            continue
        for service in by_parent.get(shell.pid, ()):
            if service.program not in SHELLS and service.state != "Z":
                return (
                    f"but {shell.program} stands between {main.program} and {service.service} and does not hand it on:"
                    f" {service.service} is killed with the container. Use exec in front of {service.service}"
                )
    return ""


def _number(name: str) -> int | None:
    if name.isdecimal():
        return int(name)
    found = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", None)
    return int(found) if found is not None else None


def _signals(container: Container, since: float) -> list[str]:
    """The numbers of the signals that the engine says it sent."""
    out = []
    for event in container.events("kill", since):
        number = str((event.get("Actor") or {}).get("Attributes", {}).get("signal") or "")
        if number:
            out.append(str(_number(number) or number))
    return out
