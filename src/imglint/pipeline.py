"""Wires the others: sources to models to rules to a report. The commands and the API call this."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .analyzer import InputError
from .analyzer.dockerfile import Dockerfile, Text
from .config import Configuration, Settings
from .discovery import dockerfiles
from .exits import Exit, worst
from .reports import Problem, Report
from .rules.gates import Limits
from .rules.judge import Judgement, judge_container, judge_dockerfile, judge_image
from .rules.policy import Policy
from .rules.profiles import HADOLINT, HADOLINT_SHIPPED
from .rules.registry import load, select

if TYPE_CHECKING:
    from .analyzer.dockerfile.context import BuildContext
    from .analyzer.image import Image
    from .known import Trace
    from .proving import Wishes
    from .rules.entry import Entry
    from .rules.gates import Gate, Weight
    from .rules.rule import Evidence, Finding, Rule
    from .runner import Engine, Observation

MAX_DOCKERFILE_BYTES = 32 * 1024 * 1024


class Linted(NamedTuple):
    """What became of one file: its text and judgement, or the problem with it."""

    name: str
    text: Text | None
    judgement: Judgement
    code: Exit
    problem: Problem | None = None
    notes: tuple[str, ...] = ()


def lint(
    text: str | bytes,
    settings: Settings = Settings(),  # noqa: B008
    *,
    name: str = "Dockerfile",
) -> Report:
    """Lint the text of a Dockerfile.

    >>> [one.message for one in lint("FROM debian:12\\nMAINTAINER me\\n").findings if one.place.span.line == 2]
    ['MAINTAINER is deprecated: tools read LABEL org.opencontainers.image.authors']

    Args:
        text: as it is or as UTF-8; whatever it holds, it never fails.
        settings: which rules, and how strict.
        name: how to call it in findings. The file need not be there.

    Raises:
        InputError: it has no stage of the name that the settings ask for.
        UnknownCodeError: the settings name a code that no rule has.
    """
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    decoded = Text.decode(data, name)
    judgement, code = lint_text(decoded, settings)
    return Report((name,), judgement.findings, judgement.skipped, texts={name: decoded}, exit_code=code)


def lint_files(
    paths: Iterable[str],
    settings: Settings | Configuration = Settings(),  # noqa: B008
    *,
    since: str | None = None,
    jobs: int = 1,
) -> Report:
    """Lint files, directories and globs; "-" is standard input. One bad input never stops the rest.

    Args:
        paths: what to lint.
        settings: for all files, or what finds the settings of each.
        since: a Git revision: only what is new since then is reported.
        jobs: how many processes to use; 0 for one a core.

    Raises:
        UnknownCodeError: the command line names a code that no rule has.
    """
    if isinstance(settings, Settings):
        settings = _Fixed(settings)
    codes: list[Exit] = []
    problems: list[Problem] = []
    names: dict[str, None] = {}
    for path in paths:
        try:
            found = [path] if path == "-" else dockerfiles(path)
        except InputError as error:
            problems.append(_problem(error))
            codes.append(Exit.INPUT)
            continue
        if not found:
            problems.append(
                Problem(path, "holds no Dockerfile", "looked for Dockerfile, *.Dockerfile, Containerfile")
            )
            codes.append(Exit.NOTHING)
        names |= dict.fromkeys(found)
    results = _each(list(names), settings, since, jobs)
    texts = {one.text.name: one.text for one in results if one.text is not None}
    problems += dict.fromkeys(one.problem for one in results if one.problem is not None)
    return Report(
        files=tuple(texts),
        findings=tuple(finding for one in results for finding in one.judgement.findings),
        skipped=tuple(skipped for one in results for skipped in one.judgement.skipped),
        problems=tuple(problems),
        notes=tuple(dict.fromkeys(note for one in results for note in one.notes)),
        texts=texts,
        exit_code=worst([*codes, *(one.code for one in results)]),
    )


class _Fixed(Configuration):
    """The same settings for every file."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def settings(self, path: str = "-") -> Settings:
        return self._settings


# Below this, starting processes takes longer than linting.
_WORTH_PROCESSES = 40


def _each(names: list[str], configuration: Configuration, since: str | None, jobs: int) -> list[Linted]:
    jobs = jobs or os.cpu_count() or 1
    if jobs == 1 or len(names) < _WORTH_PROCESSES or "-" in names:
        return [lint_file(name, configuration, since) for name in names]
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    with ProcessPoolExecutor(min(jobs, len(names))) as pool:
        work = partial(lint_file, configuration=configuration, since=since)
        return list(pool.map(work, names, chunksize=max(1, min(50, len(names) // (jobs * 4)))))


def lint_file(name: str, configuration: Configuration, since: str | None = None) -> Linted:
    """Lint one file. What is wrong with it comes back as a problem.

    Raises:
        UnknownCodeError: the command line names a code that no rule has.
    """
    nothing = Judgement((), ())
    notes: tuple[str, ...] = ()
    try:
        settings = configuration.settings(name)
        notes = settings.notes
        text = read_text(name, settings)
        judgement, code = lint_text(text, settings, path=name)
        known = _known(name, text, settings, since)
        if known is not None:
            from .known import new_findings

            new = new_findings(judgement.findings, text, known)
            old = len(judgement.findings) - len(new)
            if old:
                notes = (
                    *notes,
                    f"{text.name}: {old} finding{'s' if old > 1 else ''} known before, not shown",
                )
            failed = judgement.failed
            judgement = judgement._replace(findings=new)
            code = exit_for(new, settings, failed=failed)
    except InputError as error:
        code = Exit.UNPARSABLE if isinstance(error, UnparsableError) else Exit.INPUT
        return Linted(name, None, nothing, code, _problem(error), notes)
    return Linted(name, text, judgement, code, notes=notes)


def _known(name: str, text: Text, settings: Settings, since: str | None) -> list[Trace] | None:
    """What is known of a file from before; None when nothing was asked to be left out."""
    if since is None and settings.baseline is None:
        return None
    from .known import Baseline, text_at_revision, trace

    known: list[Trace] = []
    if settings.baseline is not None:
        known += Baseline(settings.baseline).of(name)
    if since is not None and name != "-":
        before = text_at_revision(name, since)
        if before is not None:
            old = Text.decode(before, text.name)
            known += [trace(one, old) for one in lint_text(old, settings, path=name)[0].findings]
    return known


def lint_text(text: Text, settings: Settings, *, path: str = "-") -> tuple[Judgement, Exit]:
    """Lint one text; `path` is where it stands, for the build context beside it.

    Raises:
        InputError: it has no stage of the name that the settings ask for.
        UnknownCodeError: the settings name a code that no rule has.
    """
    entries = select(settings.select, settings.ignore, settings.extend_select, settings.profile)
    file = Dockerfile(text, settings.build_args, settings.target, _context(path, settings))
    if settings.target is not None and file.stages and file.target is None:
        raise InputError(
            text.name, f"has no stage {settings.target!r}", "give --target a stage's name or index"
        )
    hadolint = settings.profile == "hadolint"
    judgement = judge_dockerfile(
        file,
        load(_wanted(file, entries, settings)),
        pragmas=settings.pragmas,
        policy=settings.policy,
        severities={**HADOLINT, **settings.severities} if hadolint else settings.severities,
        silent_if_unshipped=HADOLINT_SHIPPED if hadolint else None,
    )
    return judgement, exit_for(judgement.findings, settings, failed=judgement.failed)


def _context(path: str, settings: Settings) -> BuildContext | None:
    """The build context: the one that was named, or the file's directory if it looks like one."""
    directory = settings.context
    if directory is None and path != "-":
        beside = os.path.dirname(path) or "."
        if any(os.path.exists(os.path.join(beside, name)) for name in (".dockerignore", ".git")):
            directory = beside
    if directory is None:
        return None
    if not os.path.isdir(directory):
        raise InputError(directory, "is no directory", "give --context the directory that is built")
    from .analyzer.dockerfile.context import BuildContext

    return BuildContext(directory, path if path != "-" else None)


def exit_for(findings: Iterable[Finding], settings: Settings, *, failed: bool = False) -> Exit:
    """The exit code that findings call for."""
    if failed:
        return Exit.INTERNAL
    level = settings.fail_level
    return (
        Exit.FINDINGS if level is not None and any(one.severity >= level for one in findings) else Exit.CLEAN
    )


class UnparsableError(InputError):
    """The input is no Dockerfile at all."""


def read_text(path: str, settings: Settings) -> Text:
    """A Dockerfile's text.

    Raises:
        UnparsableError: it is binary, or holds no instruction.
        InputError: it can't be read, or is absurdly large.
    """
    name = settings.stdin_filename if path == "-" else path
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_DOCKERFILE_BYTES + 1)
        else:
            if not os.path.isfile(path):
                problem = "is not a regular file" if os.path.exists(path) else "is a broken link"
                raise InputError(path, problem, "name a Dockerfile, or - for standard input")
            with open(path, "rb") as stream:
                data = stream.read(MAX_DOCKERFILE_BYTES + 1)
    except OSError as error:
        raise InputError(
            name, (error.strerror or str(error)).lower(), "check the path and its permissions"
        ) from error
    if len(data) > MAX_DOCKERFILE_BYTES:
        raise InputError(name, f"is larger than {MAX_DOCKERFILE_BYTES >> 20} MiB", "is this a Dockerfile?")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnparsableError(name, "is UTF-16 text", "save it as UTF-8, which builders read")
    if b"\0" in data[:65536]:
        raise UnparsableError(
            name, "is binary, not a Dockerfile", "for an image archive: imglint image " + name
        )
    text = Text.decode(data, name)
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.lines):
        what = "is empty" if not data.strip() else "holds only comments"
        raise UnparsableError(name, what, "a Dockerfile needs at least FROM and an image")
    return text


def _wanted(file: Dockerfile, entries: Iterable[Entry], settings: Settings) -> tuple[Entry, ...]:
    """The rules that anything in this file can set off."""
    present = {one.keyword for one in file.instructions}
    present |= {one.trigger.keyword for one in file.instructions if one.trigger}
    # Joined lines and here-documents of every RUN: a program that is not named there is not called.
    runs = "\n".join(
        one.line.value + "".join(doc.body.value for doc in one.heredocs)
        for one in file.instructions
        if one.keyword == "RUN" or one.trigger
    )
    return tuple(
        entry
        for entry in entries
        if "dockerfile" in entry.evidence
        and (settings.policy != Policy() or not entry.policy)
        and (not entry.keywords or not present.isdisjoint(entry.keywords))
        and (not entry.programs or any(program in runs for program in entry.programs))
    )


def _problem(error: InputError) -> Problem:
    return Problem(error.subject, error.problem, error.hint)


def measure(
    sources: Iterable[str],
    settings: Settings,
    *,
    verify: bool = True,
    engine: str | None = None,
    platform: str | None = None,
    contents: bool = False,
) -> Report:
    """Open images, measure and judge them. One that can't be read never stops the others.

    `contents`: look into the files of all layers, too.

    Raises:
        UnknownCodeError: the settings name a code that no rule has.
    """
    rules = _rules(settings, "image")
    images: list[Image] = []
    problems: list[Problem] = []
    codes: list[Exit] = []
    judgements: list[Judgement] = []
    for source in sources:
        try:
            found = open_images(source, verify=verify, engine=engine, platform=platform)
        except InputError as error:
            problems.append(_problem(error))
            codes.append(Exit.INPUT)
            continue
        for image in found:
            judgement = judge_image(image, rules, contents=contents)
            images.append(image)
            judgements.append(judgement)
            codes.append(exit_for(judgement.findings, settings, failed=judgement.failed))
    return Report(
        files=tuple(image.source for image in images),
        findings=tuple(one for judgement in judgements for one in judgement.findings),
        skipped=tuple(one for judgement in judgements for one in judgement.skipped),
        problems=tuple(problems),
        images=tuple(images),
        exit_code=worst(codes),
    )


def weigh(
    report: Report,
    settings: Settings,
    limits: Limits,
    *,
    against: str | None = None,
    dive: bool = False,
    engine: str | None = None,
) -> Report:
    """Hold the images of a report against limits: those given, and those of the settings.

    Args:
        report: with its images.
        settings: the limits by image name.
        limits: of the command line, which go before them.
        against: what to compare with for growth: a SOURCE, or the JSON of an earlier run.
        dive: count waste and efficiency as dive does.
        engine: as for `connect`.

    Raises:
        InputError: `against` is there and can't be read.
    """
    from .gates import earlier
    from .rules.gates import check

    gates: list[Gate] = []
    notes: list[str] = []
    weights: dict[str, Weight] = {}
    for image in report.images:
        before = None
        if against is not None:
            before = earlier(against, image, engine=engine)
            if before is None:
                notes.append(
                    f"{against} holds nothing of {image.source} yet: there is nothing to compare with"
                )
            else:
                weights[image.id] = before
                grown = image.content_bytes - before.content_bytes
                notes.append(
                    f"{image.source}: content {grown:+,} bytes, live {image.live_bytes - before.live_bytes:+,}"
                    f" against {before.source}"
                )
        wanted = settings.limits_of((*image.tags, image.source)).replaced_by(limits)
        gates += check(image, wanted, before, dive=dive)
    kept = Exit.CLEAN if all(one.passed for one in gates) else Exit.FINDINGS
    return report._replace(
        gates=tuple(gates),
        earlier=weights,
        notes=(*report.notes, *notes),
        exit_code=worst([Exit(report.exit_code), kept]),
    )


def compare(
    old: str,
    new: str,
    settings: Settings,
    limits: Limits,
    *,
    base: Sequence[str] = (),
    verify: bool = True,
    engine: str | None = None,
) -> Report:
    """Compare two images.

    Raises:
        InputError: one can't be read, or is several.
    """
    from .analyzer.image.diff import ImageDiff
    from .rules.gates import check, weigh

    before, after = (open_image(source, verify=verify, engine=engine) for source in (old, new))
    bases = [image for source in base for image in open_images(source, verify=verify, engine=engine)]
    wanted = settings.limits_of((*after.tags, new)).replaced_by(limits)
    gates = check(after, Limits(max_growth=wanted.max_growth), weigh(before))
    return Report(
        files=(old, new),
        images=(before, after),
        diff=ImageDiff(before, after, bases),
        gates=gates,
        earlier={after.id: weigh(before)},
        exit_code=Exit.CLEAN if all(one.passed for one in gates) else Exit.FINDINGS,
    )


def prove(images: Sequence[str], settings: Settings, wishes: Wishes, *, engine: str | None = None) -> Report:
    """Run images and judge what was observed. An archive is loaded for it, and removed again.

    Raises:
        InputError: no engine answers, it has no such image, or it can't do what was asked.
        UnknownCodeError: the settings name a code that no rule has.
    """
    from .proving import observe, read_expectations, side_by_side, unmet
    from .runner import EngineError, connect

    rules = _rules(settings, "container")

    def run(image: str) -> Observation:
        with connect(engine) as client, _in_engine(client, image, engine) as identity:
            return observe(client, image, identity, wishes, files)

    try:
        files = read_expectations(wishes.expect)
        seen = side_by_side(run, images)
    except EngineError as error:
        raise InputError(error.subject, error.problem, error.hint) from error
    # Structure tests start nothing of the image's own, so that there is nothing to judge.
    judged = [
        judge_container(one, rules)
        for one in seen
        if (one.started and one.processes) or not files.structure_tests
    ]
    findings = tuple(finding for one in judged for finding in one.findings)
    code = exit_for(findings, settings, failed=any(one.failed for one in judged))
    if any(unmet(one, allow_unknown=wishes.allow_unknown) for one in seen):
        code = worst([code, Exit.FINDINGS])
    return Report(
        files=tuple(images),
        findings=findings,
        skipped=tuple(skipped for one in judged for skipped in one.skipped),
        observations=tuple(seen),
        exit_code=code,
    )


def verify(
    image: str,
    *,
    publish: Sequence[str] = (),
    publish_all: bool = False,
    deep: bool = False,
    harden: bool = False,
    expect: Sequence[str] = (),
    stop_seconds: int = 10,
    engine: str | None = None,
) -> Observation:
    """Run an image and observe it: `verify(...).checks` are the verdicts, each with its proof.

    Args:
        image: a name or ID that the engine has, or an archive, which is loaded for as long as it takes.
        publish: as for `docker run -p`.
        publish_all: as for `docker run -P`.
        deep: run it under harder conditions, too.
        harden: find the least that it needs; in `.hardening`.
        expect: files of expectations.
        stop_seconds: what lies between the stop signal and the kill.
        engine: docker, podman or a URL; None: the local one.

    Raises:
        InputError: no engine answers, it has no such image, or it can't do what was asked.
    """
    from .proving import Wishes

    wishes = Wishes(
        tuple(publish), publish_all, deep, harden, stop_seconds, expect=tuple(expect), allow_unknown=True
    )
    return prove((image,), Settings(), wishes, engine=engine).observations[0]


@contextlib.contextmanager
def _in_engine(client: Engine, image: str, engine: str | None) -> Iterator[str]:
    """An image in the engine, loaded for a while if it is an archive; its name or ID."""
    from .analyzer.image import parse_source
    from .runner import loaded

    source = parse_source(image)
    if source.kind != "path":
        yield source.value
        return
    found = open_image(image, engine=engine)
    with loaded(client, found.docker_archive(), found.id) as identity:
        yield identity


def open_image(
    source: str, *, verify: bool = True, engine: str | None = None, platform: str | None = None
) -> Image:
    """The one image of a SOURCE. See `open_images`.

    >>> image = open_image("examples/waste/waste.tar")
    >>> image.content_bytes, image.wasted_bytes
    (155546, 87690)

    Raises:
        InputError: it can't be read, no engine knows it, or it holds several.
    """
    found = open_images(source, verify=verify, engine=engine, platform=platform)
    if len(found) != 1:
        hint = "name one: PATH:NAME, or PATH:@0; or its platform"
        raise InputError(source, f"holds {len(found)} images", hint)
    return found[0]


def open_images(
    source: str, *, verify: bool = True, engine: str | None = None, platform: str | None = None
) -> tuple[Image, ...]:
    """The images of a SOURCE: a path, or a name that is streamed from the engine; of one platform, if named.

    Raises:
        InputError: it can't be read, or no engine knows it.
    """
    from .analyzer.image import open_images as read_images
    from .analyzer.image import parse_source
    from .progress import ProgressBar, bytes_of

    parsed = parse_source(source)
    if parsed.kind == "path":
        with ProgressBar(source, bytes_of(parsed.value)) as progress:
            return read_images(
                parsed.value,
                name=source,
                select=parsed.select,
                verify=verify,
                platform=platform,
                progress=progress,
            )
    from .runner import EngineError, connect

    try:
        with connect(engine) as client, ProgressBar(source) as progress:
            chunks = progress.counted(client.save(parsed.value))
            return read_images(chunks, name=source, verify=verify, platform=platform)
    except EngineError as error:
        hint = error.hint or "give the path of an archive, or the name of an image that the engine has"
        raise InputError(source, f"is no path, and as an image's name: {error.problem}", hint) from error


def _rules(settings: Settings, evidence: Evidence) -> tuple[Rule, ...]:
    entries = select(settings.select, settings.ignore, settings.extend_select, settings.profile)
    return load(entry for entry in entries if evidence in entry.evidence)
