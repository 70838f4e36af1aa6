"""Lints files and texts: what to read, its settings, the rules that can fire, what was known before."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from .analyzer import InputError
from .analyzer.dockerfile import Dockerfile, Text
from .config import Configuration, Settings
from .discovery import Found, dockerfiles, is_template
from .exits import Exit
from .reports import Problem, Report
from .rules.checks.house import UNUSED_PRAGMA
from .rules.judge import Judgement, folded, judge_dockerfile
from .rules.policy import Policy
from .rules.profiles import HADOLINT, HADOLINT_SHIPPED
from .rules.registry import load
from .rules.rule import Severity

if TYPE_CHECKING:
    from .analyzer.dockerfile.context import BuildContext
    from .known import Trace
    from .rules.entry import Entry

MAX_DOCKERFILE_BYTES = 32 * 1024 * 1024


class Linted(NamedTuple):
    """What became of one file: its text and judgement, or the problem with it."""

    name: str
    text: Text | None
    judgement: Judgement
    problem: Problem | None = None
    notes: tuple[str, ...] = ()
    fail_level: Severity | None = Severity.WARNING  # of the file's own settings


def lint(
    text: str | bytes,
    settings: Settings = Settings(),  # noqa: B008
    *,
    name: str = "Dockerfile",
) -> Report:
    """Lint the text of a Dockerfile.

    >>> [one.message for one in lint("FROM debian:12\\nMAINTAINER me\\n").findings if one.place.span.line == 2]
    ['MAINTAINER is deprecated; use LABEL org.opencontainers.image.authors']

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
    judgement = lint_text(decoded, settings)
    return Report(
        (name,),
        judgement.findings,
        judgement.skipped,
        texts={name: decoded},
        fail_level=settings.fail_level,
        asked=("lint", name),
    )


def lint_files(
    paths: Iterable[str],
    settings: Settings | Configuration = Settings(),  # noqa: B008
    *,
    since: str | None = None,
    jobs: int = 1,
    found: bool = False,
    whole: bool = False,
) -> Report:
    """Lint files, directories and globs; "-" is standard input. One bad input never stops the rest.

    Args:
        paths: what to lint.
        settings: for all files, or what finds the settings of each.
        since: a Git revision: only what is new since then is reported.
        jobs: how many processes to use; 0 for one a core.
        found: a program has found the paths: what is no Dockerfile is left out, as below a directory.
        whole: each finding by itself, also of rules that are told once in a stage, as a baseline needs them.

    Raises:
        UnknownCodeError: the command line names a code that no rule has.
    """
    if isinstance(settings, Settings):
        settings = _Fixed(settings)
    problems: list[Problem] = []
    paths = tuple(paths)
    names: dict[str, bool] = {}  # whether somebody named it
    notes: list[str] = []
    for path in paths:
        try:
            here = Found((path,), named=True) if path == "-" else dockerfiles(path, found=found)
        except InputError as error:
            problems.append(Problem.of(error))
            continue
        if not here.files and not found:
            hint = "looked for Dockerfile, Dockerfile.*, *.Dockerfile, Containerfile"
            problems.append(Problem(path, "holds no Dockerfile", hint, Exit.NOTHING))
        notes += here.notes
        for name in here.files:
            names[name] = names.get(name, False) or here.named
    results = _each(list(names.items()), settings, since, jobs, whole=whole)
    texts = {result.text.name: result.text for result in results if result.text is not None}
    problems += dict.fromkeys(result.problem for result in results if result.problem is not None)
    return Report(
        files=tuple(texts),
        findings=tuple(finding for result in results for finding in result.judgement.findings),
        skipped=tuple(skipped for result in results for skipped in result.judgement.skipped),
        problems=tuple(problems),
        notes=tuple(dict.fromkeys([*notes, *(note for result in results for note in result.notes)])),
        texts=texts,
        fail_levels={result.text.name: result.fail_level for result in results if result.text is not None},
        asked=("lint", *paths),
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


def _each(
    names: list[tuple[str, bool]], configuration: Configuration, since: str | None, jobs: int, *, whole: bool
) -> list[Linted]:
    jobs = jobs or os.cpu_count() or 1
    if jobs == 1 or len(names) < _WORTH_PROCESSES or ("-", True) in names:
        return [_lint_name(name, configuration, since, whole=whole) for name in names]
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    with ProcessPoolExecutor(min(jobs, len(names))) as pool:
        work = partial(_lint_name, configuration=configuration, since=since, whole=whole)
        return list(pool.map(work, names, chunksize=max(1, min(50, len(names) // (jobs * 4)))))


def _lint_name(
    name: tuple[str, bool], configuration: Configuration, since: str | None, *, whole: bool
) -> Linted:
    return lint_file(name[0], configuration, since, named=name[1], whole=whole)


def lint_file(
    name: str,
    configuration: Configuration,
    since: str | None = None,
    *,
    named: bool = True,
    whole: bool = False,
) -> Linted:
    """Lint one file. What is wrong with it comes back as a problem; if nobody named it, as a note.

    Raises:
        UnknownCodeError: the command line names a code that no rule has.
    """
    nothing = Judgement((), ())
    notes: tuple[str, ...] = ()
    try:
        settings = configuration.settings(name)
        notes = settings.notes
        if (settings.select or settings.ignore) and not settings.entries("dockerfile"):
            notes = (*notes, "nothing was checked: of the rules that are selected none looks at a Dockerfile")
        text = read_text(name, settings, named=named)
        judgement = lint_text(text, settings, path=name, whole=True)
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
            judgement = judgement._replace(findings=new)
        if settings.profile != "hadolint" and not whole:
            judgement = judgement._replace(findings=folded(judgement.findings))
    except InputError as error:
        if isinstance(error, UnparsableError) and not named:
            return Linted(name, None, nothing, notes=(*notes, no_dockerfile(error)))
        code = Exit.UNPARSABLE if isinstance(error, UnparsableError) else Exit.INPUT
        return Linted(name, None, nothing, Problem.of(error, code), notes)
    return Linted(name, text, judgement, notes=notes, fail_level=settings.fail_level)


def _known(name: str, text: Text, settings: Settings, since: str | None) -> list[Trace] | None:
    """What is known of a file from before; None when nothing was asked to be left out."""
    if since is None and settings.baseline is None:
        return None
    from .known import Baseline, text_at_revision, trace

    known: list[Trace] = []
    if settings.baseline is not None:
        known += Baseline(settings.baseline).of(settings.stdin_filename if name == "-" else name)
    if since is not None and name != "-":
        before = text_at_revision(name, since)
        if before is not None:
            old = Text.decode(before, text.name)
            known += [
                trace(finding, old) for finding in lint_text(old, settings, path=name, whole=True).findings
            ]
    return known


def lint_text(
    text: Text,
    settings: Settings,
    *,
    path: str = "-",
    context: BuildContext | None = None,
    whole: bool = False,
) -> Judgement:
    """Lint one text; `path` is where it stands, for the build context beside it, if none is given.

    `whole`: each finding by itself, also of rules that are told once in a stage.

    Raises:
        InputError: it has no stage of the name that the settings ask for.
        UnknownCodeError: the settings name a code that no rule has.
    """
    idle = settings.policy == Policy()
    selected = [
        entry
        for entry in settings.entries()
        if ("dockerfile" in entry.evidence and not (idle and entry.policy))
        or entry.code == UNUSED_PRAGMA.code
    ]
    file = Dockerfile(text, settings.build_args, settings.target, context)
    if context is None:
        file.context = _context(path, settings, file)
    if settings.target is not None and file.stages and file.target is None:
        raise InputError(
            text.name, f"has no stage {settings.target!r}", "give --target a stage's name or index"
        )
    hadolint = settings.profile == "hadolint"
    judgement = judge_dockerfile(
        file,
        load(_wanted(file, selected)),
        selected=selected,
        pragmas=settings.pragmas,
        policy=settings.policy,
        severities={**HADOLINT, **settings.severities} if hadolint else settings.severities,
        silent_if_unshipped=HADOLINT_SHIPPED if hadolint else None,
    )
    # hadolint tells each by itself.
    return judgement if whole or hadolint else judgement._replace(findings=folded(judgement.findings))


def _context(path: str, settings: Settings, file: Dockerfile) -> BuildContext | None:
    """The build context: the one that was named, or the one that what is copied fits into."""
    directory = settings.context
    if directory is None:
        beside = os.path.dirname(path) or "."
        if path == "-" or not any(
            os.path.exists(os.path.join(beside, name)) for name in (".dockerignore", ".git")
        ):
            return None
        from .analyzer.dockerfile.context import likely_context, literal_source

        copied = [
            literal_source(stage.expanded(word, one) or "")
            for stage in file.stages
            for one in stage.all("COPY", "ADD")
            if not one.flag("from") and not one.heredocs
            for word in one.args[:-1]
        ]
        return likely_context(path, [one for one in copied if one])
    if not os.path.isdir(directory):
        raise InputError(directory, "is no directory", "give --context the directory that is built")
    from .analyzer.dockerfile.context import BuildContext

    return BuildContext(directory, path if path != "-" else None)


class UnparsableError(InputError):
    """The input is no Dockerfile at all."""


def no_dockerfile(error: UnparsableError) -> str:
    """The note on a file that nobody named, and that is no Dockerfile whatever its name says."""
    return f"{error.subject}: {error.problem}, and was not linted"


def read_text(path: str, settings: Settings, *, named: bool = True) -> Text:
    """A Dockerfile's text.

    Raises:
        UnparsableError: it is binary, or holds no instruction; or nobody named it, and it is a template.
        InputError: it can't be read, or is absurdly large.
    """
    name = settings.stdin_filename if path == "-" else path
    try:
        if path == "-" and sys.stdin is None:
            raise InputError(name, "standard input is closed", "name a Dockerfile")
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
    return checked_text(data, name, named=named)


def checked_text(data: bytes, name: str, *, named: bool = True) -> Text:
    """The text of a Dockerfile's bytes.

    Raises:
        UnparsableError, InputError: as `read_text`.
    """
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
    if not named and is_template(data):
        raise UnparsableError(name, "is a template", "name it to lint it all the same")
    return text


def _wanted(file: Dockerfile, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The rules that anything in this file can set off."""
    present = {instruction.keyword for instruction in file.instructions}
    present |= {instruction.trigger.keyword for instruction in file.instructions if instruction.trigger}
    # Joined lines and here-documents of every RUN: a program that is not named there is not called.
    runs = "\n".join(
        instruction.written
        for instruction in file.instructions
        if instruction.keyword == "RUN" or instruction.trigger
    )
    return tuple(
        entry
        for entry in entries
        if (not entry.keywords or not present.isdisjoint(entry.keywords))
        and (not entry.programs or any(program in runs for program in entry.programs))
    )
