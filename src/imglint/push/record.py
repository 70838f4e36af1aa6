"""The record of pushes: a JSON object a line, one when a push begins and one when it ended."""

from __future__ import annotations

import datetime
import getpass
import json
import os
from typing import Any

from ..analyzer import InputError
from ..analyzer.credentials import mask, masked
from ..output import append
from ..reports import Report
from ..runner.push import Outcome
from ..runner.registry import Kept, Target


class PushRecord:
    """What is recorded of one push.

    Args:
        path: the file; None: imglint/pushes.jsonl below $XDG_STATE_HOME.
        report: of the audit.
        identity: the image's ID.
        target: where it goes.
        reason: why it is pushed although it fails; None: it passed.
    """

    def __init__(
        self, path: str | None, report: Report, identity: str, target: Target, reason: str | None
    ) -> None:
        self._path = path or _default_path()
        failures = report.failures()
        self._entry = {
            "image": identity,
            "target": str(target),
            "passed": not failures,
            "failed": sorted({failure.code for failure in failures}),
            "reason": reason,
            "user": _user(),
        }

    def started(self, named_before: str | None = None) -> None:
        """Record that the push begins.

        Args:
            named_before: the ID of the image that the target's name names on the engine; None: of none.

        Raises:
            InputError: it can't be recorded, and so should not be pushed.
        """
        _append(self._path, self._entry | {"outcome": "started", "named_before": named_before})

    def ended(self, outcome: Outcome) -> None:
        """Record how it ended, and what the registry said before and afterwards.

        Raises:
            InputError: it can't be recorded.
        """
        told: dict[str, Any] = {
            "outcome": outcome.state,
            "digest": outcome.digest or outcome.now.digest if outcome.state in _ARRIVED else outcome.digest,
            "before": _kept(outcome.before),
            "now": _kept(outcome.now),
        }
        if outcome.problem:
            told["problem"] = mask(outcome.problem)
        _append(self._path, self._entry | told)

    def given_up(self, problem: str) -> None:
        """Record that nothing was pushed, and why.

        Raises:
            InputError: it can't be recorded.
        """
        _append(self._path, self._entry | {"outcome": "not pushed", "problem": mask(problem)})

    def broken_off(self) -> None:
        """Record that nobody saw how it ended.

        Raises:
            InputError: it can't be recorded.
        """
        _append(self._path, self._entry | {"outcome": "unknown", "problem": "it was broken off"})


_ARRIVED = ("pushed", "unconfirmed", "another image")


def _kept(answer: Kept) -> dict[str, str | None]:
    return {"problem": mask(answer.problem)} if answer.problem else {"digest": answer.digest}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in containers
        return str(os.getuid())


def _default_path() -> str:
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # as the XDG base directory specification has it
        state = os.path.expanduser("~/.local/state")
    return os.path.join(state, "imglint", "pushes.jsonl")


def _append(path: str, entry: dict[str, Any]) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    line = json.dumps({"time": now, **masked(entry)}) + "\n"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        append(line, path)
    except OSError as error:
        problem = f"the push can't be recorded: {(error.strerror or str(error)).lower()}"
        raise InputError(path, problem, "--record names another file") from error
