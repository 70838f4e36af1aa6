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
from ..proving import Wishes
from ..push.record import PushRecord
from ..push.target import hold, names_at, target_of
from ..reports.formats import FOR_PEOPLE
from ..reports.push_verdict import push_verdict
from ..rules.registry import UnknownCodeError
from .audit import matrix_view
from .lint import unknown_code
from .show import fail, show, show_problem, spare

if TYPE_CHECKING:
    from ..reports import Report
    from ..runner import Engine
    from ..runner.push import Outcome
    from ..runner.registry import Target


class Push(NamedTuple):
    """What to push, where to, and how to judge it."""

    image: str
    to: str | None = None
    dockerfile: str | None = None
    run: bool = False
    reason: str | None = None  # why it is pushed although it fails; None: it is not
    record: str | None = None
    wishes: Wishes = Wishes()  # how it is run


class Audited(NamedTuple):
    """An image whose audit was shown."""

    report: Report
    shown: Exit
    identity: str  # the image's ID
    target: Target
    unheld: str  # why what was audited may be another image; "" where it can't


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
        return show_problem(
            InputError(error.subject, error.problem, error.hint), outputs, "audit", wanted.image
        )
    except InputError as error:
        return show_problem(error, outputs, "audit", wanted.image)


def _command(
    client: Engine, wanted: Push, settings: Settings, outputs: tuple[tuple[str, str], ...], engine: str | None
) -> Exit:
    from ..runner import EngineError

    target = target_of(wanted.to or wanted.image)
    if target is None:
        raise InputError(
            wanted.to or wanted.image, "is no name that can be pushed to", "--to REGISTRY/NAME:TAG says where"
        )
    described = client.inspect_image(wanted.image)
    identity = str(described["Id"])
    # Not the Dockerfile that happens to lie here: it may be another image's.
    dockerfile = wanted.dockerfile or _mapped(settings, wanted.image)
    # A file of the same name is not meant.
    source = wanted.image if parse_source(wanted.image).kind == "daemon" else f"docker-daemon:{wanted.image}"
    names = names_at(target, tuple(described.get("RepoTags") or ())) if wanted.to is not None else None
    report = audit(
        dockerfile, source, settings, run=wanted.run, wishes=wanted.wishes, engine=engine, names=names
    )
    if wanted.record is not None:
        spare(report, wanted.record)
    unheld = hold(client, wanted.image, identity, report)
    shown = show(report, outputs, matrix_view)
    try:
        return _pushed(client, wanted, Audited(report, shown, identity, target, unheld), outputs)
    except EngineError as error:
        # The audit was shown: its reports stay as they are.
        return fail(InputError(error.subject, error.problem, error.hint))
    except InputError as error:
        return fail(error)


def _pushed(client: Engine, wanted: Push, audited: Audited, outputs: tuple[tuple[str, str], ...]) -> Exit:
    from ..runner import EngineError
    from ..runner.interrupts import Interrupts
    from ..runner.push import id_of, push

    report, shown, identity, target, unheld = audited
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
    configs = {image.id for image in report.images}
    with Interrupts() as interrupts:
        if record is not None:
            record.started(id_of(client, target) or None)
        try:
            outcome = push(
                client, identity, target, configs, tag=wanted.to is not None, interrupts=interrupts
            )
        except EngineError as error:
            if record is not None:
                record.given_up(error.problem)
            raise
        except BaseException:
            if record is not None:
                record.broken_off()
            raise
        verdict = "although it fails the audit" if failures else "it passed the audit"
        code = _told(outcome, identity, f"{verdict}.{sentence}" if sentence else verdict, unheld)
        if record is not None:
            record.ended(outcome)
        return code


def _told(outcome: Outcome, identity: str, verdict: str, unheld: str) -> Exit:
    """Say what became of it, and no more than is known."""
    if outcome.state in ("pushed", "unconfirmed"):
        digest = outcome.digest or outcome.now.digest
        lines = [f"{outcome.target}: pushed {identity[:19]}{f' as {digest}' if digest else ''}; {verdict}"]
        if outcome.state == "pushed":
            lines.append("the registry confirms it")
        else:
            lines += ["that is the engine's word alone", str(outcome.now), *([unheld] if unheld else [])]
        if outcome.replaced and outcome.state == "pushed":
            lines.append(f"it took this tag from {outcome.replaced}")
    else:
        lines = [f"imglint: {outcome.target}: {_FAULTS[outcome.state]}: {outcome.problem}"]
        lines += [outcome.hint] if outcome.hint else []
        lines.append(_now(outcome))
    lines += [outcome.left] if outcome.left else []
    good = outcome.state in ("pushed", "unconfirmed")
    text = "\n  ".join(lines) + "\n"
    write(text) if good else tell(text)
    if outcome.interrupted:
        return Exit.INTERRUPTED
    return Exit.CLEAN if good and not outcome.left else Exit.INPUT


_FAULTS = {
    "another image": "pushed, and wrong",
    "not pushed": "not pushed",
    "unknown": "it is unknown whether it was pushed",
}


def _now(outcome: Outcome) -> str:
    """What the registry says, and whether that is news."""
    if outcome.now.problem or outcome.now.digest is None:
        return str(outcome.now)
    if outcome.before.problem:
        return f"{outcome.now}; before the push it could not be asked"
    return f"{outcome.now}, {'as before' if outcome.now.digest == outcome.before.digest else 'and had not before'}"


def _mapped(settings: Settings, image: str) -> str | None:
    here = os.path.dirname(settings.origin)
    return next((os.path.join(here, name) for name, one in settings.images.items() if one == image), None)
