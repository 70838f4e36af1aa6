"""Does an image still do what it did? The same run again under other conditions, held against the first one."""

from __future__ import annotations

import contextlib
import posixpath
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..analyzer.credentials import mask, mask_lines
from . import health
from .errors import EngineError
from .exercise import Exercise, exercise
from .healthcheck import configured
from .ports import Port
from .proc import Snapshot, Unreadable
from .session import Container, Session
from .view import viewed
from .watch import Run

_TROUBLE = re.compile(
    r"read-only file system|permission denied|operation not permitted|\bE(?:ROFS|ACCES|PERM)\b|cannot (?:create|write)"
    r"|can't create|no space left|out of memory|resource temporarily unavailable",
    re.IGNORECASE,
)
_MARGIN = 3.0  # seconds beyond what the first run took
_CALM = 1.0  # seconds for which it has to hold


class Outcome(NamedTuple):
    """How a run under other conditions went."""

    holds: bool
    reason: str  # what is otherwise; "" where it holds
    proof: Mapping[str, Any]
    peak_pids: int = 0
    peak_bytes: int = 0
    refused: tuple[str, ...] = ()  # directories in which it complains that it may not write


class Oracle:
    """The first run of an image, and the judgement of later ones by it."""

    def __init__(self, session: Session, config: Mapping[str, Any], first: Run) -> None:
        self._session = session
        self._first = first
        self._check = configured(config)
        # Known only after a run: whether the check passes under the usual conditions, and what is served.
        self._healthy: bool | None = None
        self._usual = Exercise()
        self._usual_lines: set[str] = set(_masked_lines(first.log))

    def learn(self) -> Outcome:
        """A run under the usual conditions, to know what the health check and the log are like then."""
        return self._run({}, learning=True)

    def try_with(self, **options: Any) -> Outcome:
        """A run with more options of the engine's: read_only, tmpfs, user, cap_drop, …"""
        return self._run(options, learning=False)

    def _run(self, options: Mapping[str, Any], *, learning: bool) -> Outcome:
        try:
            container = self._session.create(**options)
        except EngineError as error:
            if not error.answered:
                raise
            return Outcome(False, f"can't be created: {error.problem}", {"error": error.problem})
        try:
            container.start()
            outcome = self._judged(container, learning=learning)
            if not outcome.holds and options.get("read_only"):
                outcome = outcome._replace(refused=refused_places(container.logs(200)))
            return outcome
        except EngineError as error:
            if not error.answered:
                raise
            return Outcome(False, f"can't be started: {error.problem}", {"error": error.problem})
        finally:
            container.remove()

    def _judged(self, container: Container, *, learning: bool) -> Outcome:
        first = self._first
        deadline = time.monotonic() + first.seconds + _MARGIN
        calm_since = None
        missing = first.listening
        seen = Snapshot()
        done, peak = Exercise(), (0, 0)
        with viewed(self._session, container) as view:
            while True:
                state = container.inspect()["State"]
                if not state.get("Running"):
                    return self._ended(container, state)
                try:
                    seen = view.snapshot(int(state.get("Pid") or 0))
                    missing = first.listening - {
                        Port(listener.port, listener.protocol) for listener in seen.listeners
                    }
                except Unreadable:
                    missing = frozenset()
                now = time.monotonic()
                calm_since = (calm_since or now) if not missing else None
                if (calm_since and now - calm_since >= _CALM) or now > deadline:
                    break
                time.sleep(0.1)
            if not missing and seen.listeners:
                with contextlib.suppress(EngineError):  # without anybody beside nothing is asked
                    done = exercise(container, view.side(), seen.listeners)
            log = container.logs(200)
            if learning:
                peak = _peak(container)
            if missing:
                ports = ", ".join(str(one) for one in sorted(missing))
                return Outcome(
                    False, f"nothing listens on {ports}", {"missing": ports, "log": mask(log)[-500:]}, *peak
                )
            if not first.alive:
                why = f"still runs, where it ended with {first.exit_code}"
                return Outcome(False, why, {"log": mask(log)[-500:]}, *peak)
            if learning:
                self._usual = done
                self._usual_lines.update(_masked_lines(log))
            failed = done.lacks(self._usual) or self._health(container, learning=learning)
            if failed:
                return Outcome(False, failed, {"log": mask(log)[-500:]}, *peak)
            return self._complaints(log, peak)

    def _ended(self, container: Container, state: Mapping[str, Any]) -> Outcome:
        code, log = state.get("ExitCode"), container.logs(200)
        proof = {"exit_code": code, "oom": bool(state.get("OOMKilled")), "log": mask(log)[-500:]}
        if self._first.alive:
            last = (_masked_lines(log.strip())[-1:] or [""])[0][:120]
            return Outcome(False, f"it ends with {code}{f': {last}' if last else ''}", proof)
        if code != self._first.exit_code:
            return Outcome(False, f"it ends with {code}, where it ended with {self._first.exit_code}", proof)
        return self._complaints(log, (0, 0))

    def _health(self, container: Container, *, learning: bool) -> str:
        """What is wrong with its health; "" where nothing is, or never was."""
        if self._check is None or len(self._check.test) < 2:
            return ""
        if not learning and not self._healthy:
            return ""
        found, ran = health.by_hand(self._check, container, self._first.seconds + _MARGIN)
        passed = ran is not None and ran.exit_code == 0
        if learning:
            self._healthy = passed
            return ""
        return "" if passed else f"its health check fails: {found.summary}"

    def _complaints(self, log: str, peak: tuple[int, int]) -> Outcome:
        """Lines of trouble that the first run had not: a program that goes on in spite of them is degraded."""
        new = [line for line in _masked_lines(log) if line not in self._usual_lines and _TROUBLE.search(line)]
        if new:
            return Outcome(False, f"goes on, but complains: {new[0].strip()[:120]}", {"log": new[:10]}, *peak)
        return Outcome(True, "", {}, *peak)

    @property
    def usual(self) -> Exercise:
        """What the service does under the usual conditions; known after `learn`."""
        return self._usual


def _masked_lines(log: str) -> list[str]:
    return "\n".join(mask_lines(log)).splitlines()


_REFUSED = re.compile(r"read-only file system|\bEROFS\b|permission denied|no such file", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w/])/[\w.@+-]+(?:/[\w.@+-]+)+")


def refused_places(log: str) -> tuple[str, ...]:
    """The directories of the paths that a program's own words name as not writable."""
    return tuple(
        dict.fromkeys(
            posixpath.dirname(path)
            for line in log.splitlines()
            if _REFUSED.search(line)
            for path in _PATH.findall(line)
        )
    )


def _peak(container: Container) -> tuple[int, int]:
    """The processes and the bytes of memory that it has used at most, by the engine's word; 0 where unknown."""
    from .engine import errors

    with errors(container.id[:12]):
        stats = container.session.engine.api.stats(container.id, stream=False)
    pids = (stats.get("pids_stats") or {}).get("current") or 0
    memory = stats.get("memory_stats") or {}
    return int(pids), int(memory.get("max_usage") or memory.get("usage") or 0)
