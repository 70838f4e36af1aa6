"""`imglint push`: audit, then push what passed."""

from __future__ import annotations

import contextlib
import datetime
import getpass
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..analyzer import InputError
from ..config import Settings
from ..evidence import audit
from ..exits import Exit
from ..pushing import Pushed, Target, is_content_id, push, target_of
from ..reports import Report
from ..rules.matrix import CellVerdict
from ..rules.registry import UnknownCodeError
from .audit import matrix_view
from .lint import unknown_code
from .show import fail, show

if TYPE_CHECKING:
    from ..runner import Engine


class Push(NamedTuple):
    """What to push, where to, and how to judge it."""

    image: str
    to: str | None = None
    dockerfile: str | None = None
    run: bool = False
    reason: str | None = None  # why it is pushed although it fails; None: it is not
    record: str | None = None


def command(
    wanted: Push, settings: Settings, outputs: tuple[tuple[str, str], ...], *, engine: str | None = None
) -> Exit:
    """Audit an image and push it if it passes, or if there is a reason to push it all the same."""
    from ..runner import EngineError, connect

    try:
        with connect(engine) as client:
            return _command(client, wanted, settings, outputs, engine)
    except UnknownCodeError as error:
        return unknown_code(error)
    except EngineError as error:
        return fail(InputError(error.subject, error.problem, error.hint))
    except InputError as error:
        return fail(error)


def _command(
    client: Engine, wanted: Push, settings: Settings, outputs: tuple[tuple[str, str], ...], engine: str | None
) -> Exit:
    target = target_of(wanted.to or wanted.image)
    if target is None:
        raise InputError(
            wanted.to or wanted.image, "is no name that can be pushed to", "--to REGISTRY/NAME:TAG says where"
        )
    identity = str(client.inspect_image(wanted.image)["Id"])
    # Not the Dockerfile that happens to lie here: it may be another image's.
    dockerfile = wanted.dockerfile or _mapped(settings, wanted.image)
    report = audit(dockerfile, wanted.image, settings, run=wanted.run, engine=engine)
    [audited] = report.images
    if audited.id != identity and is_content_id(client):
        raise InputError(
            wanted.image,
            f"named {identity[:19]} at first and {audited.id[:19]} then; nothing was pushed",
            "audit and push again, while nobody builds under this name",
        )
    shown = show(report, outputs, matrix_view)
    if shown not in (Exit.CLEAN, Exit.FINDINGS):
        sys.stderr.write(f"imglint: {target}: not pushed, since the audit was not whole\n")
        return shown
    if report.exit_code and wanted.reason is None:
        sys.stderr.write(
            f"imglint: {target}: not pushed\n"
            "  mend what failed; or push it all the same, which is recorded: --force --reason 'why'\n"
        )
        return Exit.FINDINGS
    with _recorded(wanted, report, identity, target) as told:
        pushed = push(client, identity, target, tag=wanted.to is not None)
        told(pushed)
    verdict = "although it fails the audit" if report.exit_code else "it passed the audit"
    sys.stdout.write(f"{pushed.target}: pushed {identity[:19]} as {pushed.digest}; {verdict}\n")
    return Exit.CLEAN


def _mapped(settings: Settings, image: str) -> str | None:
    here = os.path.dirname(settings.origin)
    return next((os.path.join(here, name) for name, one in settings.images.items() if one == image), None)


@contextlib.contextmanager
def _recorded(wanted: Push, report: Report, identity: str, target: Target) -> Iterator[Any]:
    """Record a push that was forced, or any if so wished: that it begins, and how it ended.

    What can't be recorded is not pushed.
    """
    if wanted.reason is None and wanted.record is None:
        yield lambda pushed: None
        return
    path = wanted.record or _default_record()
    entry = {
        "image": identity,
        "target": str(target),
        "passed": not report.exit_code,
        "failed": sorted(
            {code for cell in report.matrix if cell.verdict is CellVerdict.FAIL for code in cell.codes}
        ),
        "reason": wanted.reason,
        "user": _user(),
    }
    _append(path, entry | {"outcome": "started"})
    done: list[Pushed] = []
    try:
        yield done.append
    finally:
        ended = {"outcome": "pushed", "digest": done[0].digest} if done else {"outcome": "not pushed"}
        _append(path, entry | ended)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in containers
        return str(os.getuid())


def _default_record() -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "imglint", "pushes.jsonl")


def _append(path: str, entry: dict[str, Any]) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    line = json.dumps({"time": now, **entry}) + "\n"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        # One write of one line: those of others can't get between.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        problem = f"the push can't be recorded: {(error.strerror or str(error)).lower()}"
        raise InputError(path, problem, "--record names another file") from error
