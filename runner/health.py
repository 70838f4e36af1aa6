"""HEALTHCHECK put to the test: what it needs, what it says, what the engine makes of it, and whether it can fail."""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..analyzer.credentials import mask
from .engine import errors
from .errors import EngineError
from .execution import Ran, run
from .files import find_program
from .observation import Check, Process, Verdict
from .proc import Unreadable
from .session import Container, Session
from .timing import load
from .view import View

_SECOND = 1_000_000_000
_INTERVAL = _SECOND  # a probe a second instead of the image's interval, 30 s by default
_MARGIN = 3.0  # seconds beyond the computed worst case
_LONGEST = 45.0
_FROZEN_WAIT = 5.0  # seconds after which a check that hangs on a frozen service has noticed it
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_THERE = re.compile(r"not found|no such file|permission denied", re.IGNORECASE)


class HealthCheck(NamedTuple):
    """An image's HEALTHCHECK, with the engine's defaults filled in. Times in seconds."""

    test: tuple[str, ...]
    interval: float
    timeout: float
    start_period: float
    start_interval: float
    retries: int

    @property
    def by_shell(self) -> bool:
        """Whether /bin/sh reads it."""
        return self.test[:1] == ("CMD-SHELL",)

    @property
    def command(self) -> list[str]:
        """What the engine runs; the image's SHELL has no say in it."""
        if self.by_shell:
            return ["/bin/sh", "-c", *self.test[1:]]
        return list(self.test[1:])

    @property
    def worst(self) -> float:
        """How long it may take until a service that never answers is called unhealthy."""
        return self.start_period + self.retries * (self.interval + self.timeout)


def configured(config: Mapping[str, Any]) -> HealthCheck | None:
    """The health check of an image's configuration; None where it has none, or NONE.

    A test without a command comes back with an empty one: before Docker 29.5 the daemon itself
    breaks down on it, so it must never be started.
    """
    raw: Mapping[str, Any] = config.get("Healthcheck") or {}
    test = [str(one) for one in raw.get("Test") or ()]
    kind = test[0] if test else "NONE"
    if kind == "NONE":
        return None

    def seconds(key: str, default: float) -> float:
        return int(raw.get(key) or 0) / _SECOND or default

    return HealthCheck(
        tuple(test) if kind in ("CMD", "CMD-SHELL") else (kind,),
        seconds("Interval", 30.0), seconds("Timeout", 30.0), seconds("StartPeriod", 0.0),
        seconds("StartInterval", 5.0 if raw.get("StartPeriod") else 0.0), int(raw.get("Retries") or 3),
    )  # fmt: skip


def dropped_checks(session: Session) -> list[Check]:
    """Of an image without a health check: what is known of one that its Dockerfile had, and its engine left out.

    Podman drops it from images in OCI format, as `docker save` writes them by now; their history still has it.
    """
    from ..analyzer.image.history import instruction_text

    engine = session.engine
    if engine.kind != "podman":
        return []
    try:
        with errors(session.name):
            history = engine.api.history(session.image)
    except EngineError:
        return []  # Podman 5 breaks down on steps without a date
    said = [instruction_text(str(one.get("CreatedBy") or "")) for one in history]  # the newest first
    last = next((text for text in said if text.startswith("HEALTHCHECK ")), "HEALTHCHECK NONE")
    if last.upper() == "HEALTHCHECK NONE":
        return []
    told = (
        "the image's history has one, and the engine does not: Podman drops it from images in OCI format. "
        "Use `podman build --format docker`, or verify the archive of the image"
    )
    return [Check("health.static", "HEALTHCHECK", Verdict.CANNOT_TELL, told, {"history": mask(last)})]


def static_check(health: HealthCheck, config: Mapping[str, Any], container: Container) -> Check:
    """Whether the image holds what the check starts, and how long it takes to tell."""
    proof: dict[str, Any] = {
        "test": list(health.test),
        "form": "shell" if health.by_shell else "exec",
        "interval": health.interval,
        "timeout": health.timeout,
        "start period": health.start_period,
        "retries": health.retries,
        "worst case": health.worst,
    }
    faults = []
    if len(health.test) < 2:
        faults.append(f"the check {list(health.test)} holds no command")
    search = _search_path(config)
    programs = {}
    for name in _programs(health):
        found = find_program(container, name, search)
        programs[name] = found.path if found is not None and found.executable else None
        if found is None:
            faults.append(f"{name} is not in the image")
        elif not found.executable:
            faults.append(f"{found.path} is not executable")
    proof["programs"] = programs
    notes = []
    if health.timeout > health.interval:
        notes.append("its timeout is longer than its interval")
    raw: Mapping[str, Any] = config.get("Healthcheck") or {}
    if raw.get("StartInterval") and not raw.get("StartPeriod"):
        notes.append("its start interval does nothing without a start period")
    if health.by_shell and list(config.get("Shell") or ["/bin/sh", "-c"]) != ["/bin/sh", "-c"]:
        notes.append("it is run by /bin/sh, not by the image's SHELL")
    proof["notes"] = notes
    if faults:
        return Check("health.static", "HEALTHCHECK", Verdict.DISPROVED, "; ".join(faults), proof)
    told = f"a service that never answers is unhealthy after {health.worst:g} s at the latest"
    return Check("health.static", "HEALTHCHECK", Verdict.PROVED, "; ".join([told, *notes]), proof)


def _search_path(config: Mapping[str, Any]) -> str:
    for one in config.get("Env") or ():
        name, _, value = one.partition("=")
        if name == "PATH":
            return str(value)
    return _PATH


_BUILT_IN = frozenset(
    "exit test [ [[ true false : cd echo printf read set export unset eval exec trap wait kill if then else elif fi"
    " while until do done for in case esac ! { } time command type local return shift . source".split()
)


def _programs(health: HealthCheck) -> list[str]:
    """The programs that a check starts, as far as they can be told without running it."""
    if len(health.test) < 2:
        return []
    if health.test[0] == "CMD":
        return [health.test[1]]
    lexer = shlex.shlex(health.test[1], posix=True, punctuation_chars=True)
    lexer.commenters = ""
    names = ["/bin/sh"]
    first = True
    try:
        for word in lexer:
            if set(word) <= set("();<>|&"):
                first = set(word) <= set("();|&")
                continue
            if first and not re.match(r"\w+=", word):
                first = word in (
                    "if",
                    "then",
                    "else",
                    "elif",
                    "while",
                    "until",
                    "do",
                    "!",
                    "{",
                    "exec",
                    "command",
                )
                if not first and word not in _BUILT_IN and re.fullmatch(r"[\w./+-]+", word):
                    names.append(word)
    except ValueError:
        return names[:1]
    return list(dict.fromkeys(names))


def by_hand(health: HealthCheck, container: Container) -> tuple[Check, Ran | None]:
    """Run the check ourselves, twice, with its own timeout as a real deadline."""
    if len(health.test) < 2:
        return Check("health.by-hand", "HEALTHCHECK", Verdict.DISPROVED, "it holds no command"), None
    first = run(container.session.engine, container.id, health.command, health.timeout)
    second = (
        first
        if first.exit_code is None
        else run(container.session.engine, container.id, health.command, health.timeout)
    )
    proof = {"runs": [_shown(one) for one in (first, second)], "timeout": health.timeout, "load": load()}
    if second.exit_code == 0:
        summary = f"passes in {second.seconds * 1000:.0f} ms"
        if first.exit_code != 0:
            summary += f", the second time: first {reason(first.exit_code, _output(first))}"
        return Check("health.by-hand", "HEALTHCHECK", Verdict.PROVED, summary, proof), second
    return Check(
        "health.by-hand", "HEALTHCHECK", Verdict.DISPROVED, reason(second.exit_code, _output(second)), proof
    ), second


def notices(health: HealthCheck, container: Container, view: View, before: Ran) -> Check:
    """Freeze the service, run the check again: one that still passes can't fail. The service goes on behind it."""
    name, subject = "health.notices", "HEALTHCHECK"
    if before.exit_code != 0:
        summary = "it does not pass in the first place"
        return Check(name, subject, Verdict.NOT_OBSERVED, summary)
    try:
        stopped = _freeze(container, view)
    except (EngineError, Unreadable) as error:
        _thaw(container, view, ())
        summary = f"its processes can't be stopped from outside: {error}"
        return Check(name, subject, Verdict.CANNOT_TELL, summary)
    try:
        after = run(container.session.engine, container.id, health.command, min(health.timeout, _FROZEN_WAIT))
    finally:
        _thaw(container, view, stopped)
    pids = [1, *(one.pid for one in stopped)]
    proof = {"running": _shown(before), "frozen": _shown(after), "stopped": pids}
    if after.exit_code == 0:
        summary = "passes while every process of the service is stopped: it can't fail"
        return Check(name, subject, Verdict.DISPROVED, summary, proof)
    what = f"hangs for {after.seconds:.0f} s" if after.exit_code is None else f"ends with {after.exit_code}"
    summary = f"notices a frozen service: it {what}"
    return Check(name, subject, Verdict.PROVED, summary, proof)


def _freeze(container: Container, view: View) -> list[Process]:
    """Stop PID 1 by the engine, then what runs besides from beside; a stopped PID 1 starts nothing new.

    Raises:
        EngineError, Unreadable: it can't be done here.
    """
    _signal_main(container, "STOP")
    state = container.inspect()["State"]
    seen = view.snapshot(int(state.get("Pid") or 0))
    others = [one for one in seen.processes if one.pid != 1 and one.state != "Z"]
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


def engine_check(session: Session, health: HealthCheck) -> Check:
    """Run the image once with its own check, probed every second, and take the engine's word for each change.

    The log is decisive, not the state: a container that ends is called unhealthy although no
    probe ever ran.
    """
    if len(health.test) < 2:
        summary = f"the check {list(health.test)} holds no command"
        return Check("health.engine", "HEALTHCHECK", Verdict.DISPROVED, summary, {"test": list(health.test)})
    container = session.create(
        healthcheck={
            "test": list(health.test), "interval": _INTERVAL, "timeout": int(health.timeout * _SECOND),
            "retries": health.retries, "start_period": int(health.start_period * _SECOND),
            "start_interval": _INTERVAL,
        }
    )  # fmt: skip
    try:
        began = time.time()
        container.start()
        worst = health.start_period + health.retries * (_INTERVAL / _SECOND + health.timeout)
        return _watched(container, health, began, min(worst + _MARGIN, _LONGEST))
    finally:
        container.remove()


def _watched(container: Container, health: HealthCheck, began: float, seconds: float) -> Check:
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
    way = " → ".join(one["status"] for one in transitions)
    if status == "healthy":
        return Verdict.PROVED, f"{way} after {transitions[-1]['seconds']} s"
    if not log:
        if not running:
            return Verdict.NOT_OBSERVED, f"the container ended with {exit_code} before its first probe"
        return Verdict.CANNOT_TELL, "the engine never ran a probe: it has no scheduler for them"
    last = reason(log[-1]["exit_code"], log[-1]["output"])
    if status == "unhealthy" and running:
        return Verdict.DISPROVED, f"{way}: {last}"
    if not running:
        return Verdict.DISPROVED, f"{way}: the container ended with {exit_code}; the last probe: {last}"
    return Verdict.NOT_OBSERVED, f"still {status} when the watch ended; the last probe: {last}"


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
