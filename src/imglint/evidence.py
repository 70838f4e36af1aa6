"""Joins the evidence of Dockerfile, image and container into the matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .analyzer import InputError
from .config import Settings
from .linting import lint_files
from .measuring import measure, weigh
from .proving import Wishes, prove
from .reports import Report, Withdrawn
from .rules.gates import Limits
from .rules.matrix import Cell, CellVerdict, matrix
from .rules.registry import load
from .rules.rule import Severity

if TYPE_CHECKING:
    from .analyzer.attribution import Attribution
    from .analyzer.image import Image
    from .rules.rule import Evidence, Finding, Skipped
    from .runner import Observation


def audit(
    dockerfile: str | None = None,
    image: str | None = None,
    settings: Settings = Settings(),  # noqa: B008
    *,
    run: bool = False,
    wishes: Wishes = Wishes(),  # noqa: B008
    verify: bool = True,
    engine: str | None = None,
    against: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
    names: tuple[str, ...] | None = None,
) -> Report:
    """Read what there is and answer the thirty questions: `audit(...).matrix`.

    Args:
        dockerfile: its path; None: none.
        image: a SOURCE; None: the one that the settings map to the Dockerfile, if any.
        settings: as for lint.
        run: start the image, too.
        wishes: how it is run: how long it is looked at, and what it gets.
        verify: check digests of the image.
        engine: as for `connect`.
        against: what to compare the image's size with: a SOURCE, or the JSON of an earlier run.
        limits: what the image may weigh, beside what the settings say.
        names: what the image is going to be called; None: what it is called now.

    Raises:
        InputError: there is nothing to audit, or what was named can't be read.
        UnknownCodeError: the settings name a code that no rule has.
    """
    if image is None and dockerfile is not None:
        image = settings.image_of(dockerfile)
    if dockerfile is None and image is None:
        raise InputError("audit", "there is nothing to audit", "name a Dockerfile, or an image with --image")
    if run and image is None:
        raise InputError(
            "--run", "there is no image to start", "name it with --image; build it first if need be"
        )
    missing: dict[Evidence, str] = {}
    doubts: dict[Evidence, str] = {}
    parts: list[Report] = []
    if dockerfile is None:
        missing["dockerfile"] = "no Dockerfile was given"
    else:
        report = lint_files([dockerfile], settings)
        _must_have_read(report)
        parts.append(report)
        if any(finding.rule.code == "IL001" for finding in report.findings):
            doubts["dockerfile"] = "the Dockerfile could not be read whole"
    if image is None:
        missing["image"] = "no image was given: --image names it"
    else:
        own = None if dockerfile is None else _first_own_layer(parts[0], dockerfile, settings)
        report = measure(
            [image], settings, verify=verify, engine=engine, contents=True, names=names, first_own=own
        )
        _must_have_read(report)
        parts.append(weigh(report, settings, limits, against=against, engine=engine))
    if not run:
        missing["container"] = "nothing was started: --run does" + ("" if image else ", with --image")
    elif image is not None:
        report = prove([image], settings, wishes, engine=engine, called=names[0] if names else None)
        parts.append(report)
        watched = report.observations[0]
        if watched.started_otherwise:
            doubts["container"] = f"it was not started as the image says: {watched.started_otherwise}"
        if not watched.alive:
            doubts["container"] = f"the container ended after {watched.seconds:.1f} s, too early to tell"
    joined = _joined(parts)
    notes, origins = _lineage(dockerfile, joined, settings)
    joined = joined._replace(origins=origins)  # by which findings of both are put together
    kept, withdrawn = _settled(joined.findings, joined.skipped, missing, doubts, related=not notes)
    kept = _weighed(kept, joined, settings)
    rules = load(settings.entries())
    # Where nothing is to fail the run, a cell still says what is so.
    level = Severity.WARNING if settings.fail_level is None else settings.fail_level
    cells = matrix(kept, joined.skipped, rules, missing, doubts, level, left_alone=joined.left_alone)
    cells = _with_vantage(cells, joined.observations)
    return joined._replace(
        findings=kept,
        withdrawn=withdrawn,
        notes=(*joined.notes, *notes),
        matrix=cells,
        origins=origins,
        fail_level=settings.fail_level,
        fail_on=settings.fail_on,
        asked=("audit", *(one for one in (dockerfile, image) if one is not None)),
    )


def _with_vantage(cells: tuple[Cell, ...], observations: tuple[Observation, ...]) -> tuple[Cell, ...]:
    """The container's column with what each of its answers stands on: the run, and from where it was seen."""
    if not observations:
        return cells
    (run,) = observations
    vantage = {
        "engine": run.engine,
        "image_id": run.image_id,
        "seconds": run.seconds,
        "seen_from": run.seen_from or None,
    }
    answered = (CellVerdict.FAIL, CellVerdict.PASS)
    return tuple(
        cell._replace(proof={**(cell.proof or {}), "vantage": vantage})
        if cell.evidence == "container" and cell.verdict in answered
        else cell
        for cell in cells
    )


def _must_have_read(report: Report) -> None:
    if report.problems:
        first = report.problems[0]
        raise InputError(first.subject, first.problem, first.hint)


def _joined(parts: list[Report]) -> Report:
    return Report(
        files=tuple(dict.fromkeys(name for part in parts for name in part.files)),
        findings=tuple(finding for part in parts for finding in part.findings),
        skipped=tuple(one for part in parts for one in part.skipped),
        problems=tuple(problem for part in parts for problem in part.problems),
        images=tuple(one for part in parts for one in part.images),
        observations=tuple(observation for part in parts for observation in part.observations),
        texts={name: text for part in parts for name, text in part.texts.items()},
        gates=tuple(gate for part in parts for gate in part.gates),
        earlier={image: weight for part in parts for image, weight in part.earlier.items()},
        notes=tuple(note for part in parts for note in part.notes),
        left_alone=tuple(note for part in parts for note in part.left_alone),
    )


def _lineage(
    dockerfile: str | None, joined: Report, settings: Settings
) -> tuple[list[str], dict[str, Attribution]]:
    """Whether each image was built from this Dockerfile, and if so, by which of its instructions."""
    if dockerfile is None or not joined.images:
        return [], {}
    from .analyzer.attribution import attribute
    from .analyzer.dockerfile import Dockerfile

    text = joined.texts[dockerfile]
    file = Dockerfile(text, settings.build_args, settings.target)
    notes = []
    origins: dict[str, Attribution] = {}
    for image in joined.images:
        found = attribute(file, image)
        if found.matches or found.fitting:
            origins[image.id] = found
        if not found.matches:
            notes.append(f"{image.source}{image.which} {_mismatch(found)}")
    return notes, origins


def _first_own_layer(report: Report, dockerfile: str, settings: Settings) -> Callable[[Image], int | None]:
    """What tells of an image where the layers of this Dockerfile begin; None where they don't belong together."""
    from .analyzer.attribution import attribute
    from .analyzer.dockerfile import Dockerfile

    file = Dockerfile(report.texts[dockerfile], settings.build_args, settings.target)

    def first(image: Image) -> int | None:
        found = attribute(file, image)
        if not found.matches or not found.spans or file.target is None:
            return None
        if file.target.lineage[-1].base_name == "scratch":
            return 0
        begin = min(found.spans)
        later = (layer.index for layer in image.layers if layer.steps and layer.steps[-1] >= begin)
        return next(later, len(image.layers))

    return first


_WORTH_A_WARNING = 1_000_000  # bytes


def _weighed(findings: tuple[Finding, ...], report: Report, settings: Settings) -> tuple[Finding, ...]:
    """What the text says of caches left behind, with the bytes in the layer: from 1 MB on it is a warning.

    Where the configuration says how bad it is, that holds.
    """
    from .rules.checks.ballast import left_behind

    out = []
    for finding in findings:
        span, size = finding.place.span, 0
        for image in report.images if span is not None else ():
            origin = report.origins.get(image.id)
            for layer in image.layers if origin is not None and origin.file == finding.file else ():
                made = origin.layers.get(layer.index) if origin and layer.step is not None else None
                if made is not None and span is not None and made.line <= span.line <= made.end_line:
                    size = max(size, left_behind(finding.rule.code, layer))
        if size:
            severity = finding.severity
            if size >= _WORTH_A_WARNING and finding.rule.code not in settings.severities:
                severity = max(severity, Severity.WARNING)
            finding = finding._replace(severity=severity, proof={**(finding.proof or {}), "bytes": size})
        out.append(finding)
    return tuple(out)


def _mismatch(found: Attribution) -> str:
    """What keeps an image and a Dockerfile from being held against each other."""
    if not found.told:
        return f"can't be held against {found.file}: {found.reason}"
    if found.fitting:
        return (
            f"was built from another version of {found.file}: {found.fitting}, but {found.reason};"
            " use an image built from it as it stands to hold both against each other"
        )
    return f"was not built from this {found.file}, so neither is held against the other: {found.reason}"


def _settled(
    findings: tuple[Finding, ...],
    skipped: tuple[Skipped, ...],
    missing: dict[Evidence, str],
    doubts: dict[Evidence, str],
    *,
    related: bool,
) -> tuple[tuple[Finding, ...], tuple[Withdrawn, ...]]:
    """Withdraw what better evidence refutes: the image outweighs the text, the container both.

    A question is settled when a rule that `settled_by` names was asked of the better evidence,
    could answer, and found nothing.
    """
    kept = []
    withdrawn = []
    order: tuple[Evidence, ...] = ("dockerfile", "image", "container")
    for finding in findings:
        refuted = ""
        for better in order[order.index(finding.place.evidence) + 1 :]:
            if (
                better in missing
                or better in doubts
                or (finding.place.evidence == "dockerfile" and not related)
            ):
                continue
            for code in finding.rule.settled_by:
                found = any(f.rule.code == code and f.place.evidence == better for f in findings)
                open_question = any(s.rule.code == code and s.evidence == better for s in skipped)
                if not found and not open_question and _asks(code, better):
                    refuted = f"the {better} shows otherwise"
        if refuted:
            withdrawn.append(Withdrawn(finding, refuted))
        else:
            kept.append(finding)
    return tuple(kept), tuple(withdrawn)


def _asks(code: str, evidence: Evidence) -> bool:
    from .rules.registry import find

    return evidence in find(code).evidence
