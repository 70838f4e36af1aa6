"""The processes of a container: one service with its workers, or several; zombies and orphans."""

from __future__ import annotations

from collections.abc import Sequence

from .command import SHELLS
from .observation import Check, Process, Verdict
from .watch import Run

# What stands before services, or helps them, and is none itself.
_FRAMES = SHELLS | frozenset(
    "tini dumb-init docker-init catatonit init s6-svscan s6-supervise s6-linux-init-shutdownd runsvdir runsv"
    " supervisord monit systemd circusd god forego foreman honcho runit"
    " gosu su-exec sudo su setpriv env timeout nice nohup sleep tail tee cat head logger".split()
)


def services(processes: Sequence[Process]) -> list[str]:
    """The programs that run side by side; workers of one program count as it."""
    by_pid = {process.pid: process for process in processes}
    names: dict[str, None] = {}
    for process in processes:
        if process.state == "Z" or not process.service or _is_frame(process):
            continue
        if process.pid != 1 and not process.parent:
            continue  # the engine started it beside: a health probe, an exec
        parent = by_pid.get(process.parent)
        # What a service starts is its own affair: a worker, a helper, a query.
        while parent is not None and _is_frame(parent):
            parent = by_pid.get(parent.parent)
        if parent is None:
            names[process.service] = None
    return list(names)


def _is_frame(process: Process) -> bool:
    return process.program in _FRAMES or process.service in _FRAMES


def processes_checks(run: Run) -> list[Check]:
    """All that runs, and what has ended without being reaped."""
    tree = _tree(run)
    # Those of another parent are its own to wait for.
    zombies = [process for process in run.seen.processes if process.state == "Z" and process.parent == 1]
    if tree.verdict is not Verdict.PROVED or not zombies:
        return [tree]
    count = f"{len(zombies)} zombie{'s' if len(zombies) > 1 else ''}"
    proof = {"zombies": [zomby.pid for zomby in zombies[:50]], "source": run.seen.source}
    summary = f"{count} that PID 1 does not reap: start it by an init (tini, or docker run --init)"
    return [tree, Check("processes.zombies", "processes", Verdict.DISPROVED, summary, proof)]


def _tree(run: Run) -> Check:
    if run.unreadable:
        return Check("processes.tree", "processes", Verdict.CANNOT_TELL, run.unreadable)
    seen = run.seen.processes
    if not seen or not run.alive:
        return Check("processes.tree", "processes", Verdict.NOT_OBSERVED, run.ending or "none was seen")
    zombies = sum(one.state == "Z" for one in seen)
    orphans = [one.pid for one in seen if one.pid in run.orphans and one.state != "Z"]
    found = services(seen)
    summary = f"{len(seen)} process{'es' if len(seen) != 1 else ''}"
    if len(found) > 1:
        summary += f", {len(found)} services: {', '.join(found[:5])}"
    if zombies:
        summary += f", {zombies} of them zombies"
    if orphans:
        summary += f", {len(orphans)} left to PID 1 by a parent that ended"
    listed = [
        {"pid": one.pid, "parent": one.parent, "uid": one.uid, "argv": list(one.argv)[:8], "state": one.state}
        for one in seen[:50]
    ]
    proof = {
        "processes": listed,
        "services": found,
        "zombies": zombies,
        "orphans": orphans,
        "source": run.seen.source,
    }
    return Check("processes.tree", "processes", Verdict.PROVED, summary, proof)
