"""Stopping a container as `docker stop` does: did it heed the signal, or was it killed?"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping
from typing import Any

from .command import main_process
from .engine import errors
from .observation import Check, Verdict
from .session import Container
from .timing import alone, load
from .watch import Run

STOP_SECONDS = 10  # as docker stop waits
_WITHOUT_HANDLER = 2  # PID 1 that sets no handler never gets the signal: waiting longer shows nothing more


def stop_check(
    container: Container, config: Mapping[str, Any], run: Run, timeout: int = STOP_SECONDS
) -> Check:
    """Stop it, and measure. `timeout` is what lies between the signal and the kill."""
    name = str(config.get("StopSignal") or "SIGTERM")
    number = _number(name)
    main = main_process(run)
    proof: dict[str, Any] = {"signal": name}
    limit = timeout
    handled = None
    if main is not None and number is not None:
        handled = bool(main.caught_signals >> (number - 1) & 1)
        proof["handler"] = handled
        proof["ignored"] = bool(main.ignored_signals >> (number - 1) & 1)
        limit = timeout if handled else min(timeout, _WITHOUT_HANDLER)
    proof |= {"timeout": limit, "load": load()}
    engine = container.session.engine
    # Without a handler it is going to be killed, and how long that takes says nothing of it.
    with contextlib.nullcontext() if handled is False else alone():
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
        why = "" if handled is not False else f": PID 1 sets no handler for {name}, so the kernel drops it"
        waited = f"{limit} s" if limit == timeout else f"{limit} s, and would be after {timeout} s"
        return Check(
            "stop.signal", name, Verdict.DISPROVED, f"did not heed {name}: killed after {waited}{why}", proof
        )
    return Check(
        "stop.signal", name, Verdict.PROVED, f"ended {seconds:.1f} s after {name} with {code}", proof
    )


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
