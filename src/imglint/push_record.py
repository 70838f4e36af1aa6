"""The record of pushes: a JSON object a line, one when a push begins and one when it ended."""

from __future__ import annotations

import datetime
import getpass
import json
import os
from typing import Any

from .analyzer import InputError
from .analyzer.credentials import masked
from .output import append
from .pushing import Pushed, Target
from .reports import Report


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

    def started(self) -> None:
        """Record that the push begins.

        Raises:
            InputError: it can't be recorded, and so should not be pushed.
        """
        _append(self._path, self._entry | {"outcome": "started"})

    def ended(self, pushed: Pushed | None) -> None:
        """Record how it ended; None: nothing arrived as it should.

        Raises:
            InputError: it can't be recorded.
        """
        outcome = (
            {"outcome": "not pushed"} if pushed is None else {"outcome": "pushed", "digest": pushed.digest}
        )
        _append(self._path, self._entry | outcome)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in containers
        return str(os.getuid())


def _default_path() -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
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
