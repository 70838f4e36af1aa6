"""The same image under harder conditions: read-only, as any user, without capabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .observation import Check, Verdict
from .oracle import Oracle
from .session import Session
from .watch import Run
from .writes import directories_of

_ANY_USER = "1000670000:0"  # as platforms that give each project numbers of its own start it


def deep_checks(session: Session, config: Mapping[str, Any], first: Run) -> list[Check]:
    """One differential run each. None of them is a fault of the image: they tell how far it can be locked up."""
    oracle = Oracle(session, config, first)
    oracle.learn()
    directories = directories_of(write for write in first.writes if write.bytes is not None)
    tmpfs = dict.fromkeys(directories, "")
    trials: list[tuple[str, str, dict[str, Any]]] = [
        ("deep.read-only", "--read-only", {"read_only": True}),
        ("deep.any-user", f"--user {_ANY_USER}", {"user": _ANY_USER}),
        ("deep.no-capabilities", "--cap-drop ALL", {"cap_drop": ["ALL"]}),
        ("deep.low-limits", "--pids-limit 64 --memory 128m", _LOW),
    ]
    if tmpfs:
        shown = " ".join(f"--tmpfs {directory}" for directory in directories)
        trials.insert(
            1, ("deep.read-only-tmpfs", f"--read-only {shown}", {"read_only": True, "tmpfs": tmpfs})
        )
    checks = []
    for name, subject, options in trials:
        found = oracle.try_with(**options)
        verdict = Verdict.PROVED if found.holds else Verdict.DISPROVED
        summary = "does all that it did" if found.holds else found.reason
        checks.append(Check(name, subject, verdict, summary, {"options": subject, **found.proof}))
    return checks


_LOW: dict[str, Any] = {"pids_limit": 64, "mem_limit": "128m", "memswap_limit": "128m"}
