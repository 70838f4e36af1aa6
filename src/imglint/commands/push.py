"""`imglint push`: audit, then push what passed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ..analyzer import InputError
from ..analyzer.image.source import parse_source
from ..config import Settings
from ..evidence import audit
from ..exits import Exit
from ..output import tell, write
from ..push_record import PushRecord
from ..pushing import is_content_id, push, target_of
from ..reports.formats import FOR_PEOPLE
from ..reports.push_verdict import push_verdict
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
        settings.entries()  # a code that no rule has is told before an engine is asked for
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
    # A file of the same name is not meant.
    source = wanted.image if parse_source(wanted.image).kind == "daemon" else f"docker-daemon:{wanted.image}"
    identity = str(client.inspect_image(wanted.image)["Id"])
    # Not the Dockerfile that happens to lie here: it may be another image's.
    dockerfile = wanted.dockerfile or _mapped(settings, wanted.image)
    report = audit(dockerfile, source, settings, run=wanted.run, engine=engine)
    [audited] = report.images
    if audited.id != identity and is_content_id(client):
        raise InputError(
            wanted.image,
            f"named {identity[:19]} at first and {audited.id[:19]} then; nothing was pushed",
            "audit and push again, while nobody builds under this name",
        )
    shown = show(report, outputs, matrix_view)
    if shown not in (Exit.CLEAN, Exit.FINDINGS):
        tell(f"imglint: {target}: not pushed, since the audit was not whole\n")
        return shown
    failures = report.failures()
    # Where the audit is shown, it begins with this sentence.
    told = any(form in FOR_PEOPLE and file == "-" for form, file in outputs)
    sentence = "" if told else f" {push_verdict(report).sentence}"
    if failures and wanted.reason is None:
        tell(
            f"imglint: {target}: not pushed.{sentence}\n"
            "  mend what failed; or push it all the same, which is recorded: --force --reason 'why'\n"
        )
        return Exit.FINDINGS
    # What is forced is always recorded; other pushes where that is wished.
    recorded = wanted.reason is not None or wanted.record is not None
    record = PushRecord(wanted.record, report, identity, target, wanted.reason) if recorded else None
    if record is not None:
        record.started()
    try:
        pushed = push(client, identity, target, tag=wanted.to is not None)
    except BaseException:
        if record is not None:
            record.ended(None)
        raise
    if record is not None:
        record.ended(pushed)
    verdict = "although it fails the audit" if failures else "it passed the audit"
    write(f"{pushed.target}: pushed {identity[:19]} as {pushed.digest}; {verdict}.{sentence}\n")
    return Exit.CLEAN


def _mapped(settings: Settings, image: str) -> str | None:
    here = os.path.dirname(settings.origin)
    return next((os.path.join(here, name) for name, one in settings.images.items() if one == image), None)
