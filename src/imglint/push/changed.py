"""What is new in the Dockerfiles that a push changes, against what the remote has of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

from ..analyzer import InputError
from ..analyzer.dockerfile import Text
from ..config import Settings
from ..known import Trace, baseline_of_traces, new_findings, trace
from ..linting import lint_text
from ..output import write
from .leaks import credential_rules
from .pushed import Head, changed

if TYPE_CHECKING:
    from ..rules.rule import Finding
    from .committed import CommittedFiles
    from .repository import Repository
    from .texts import PushedTexts


class Changed(NamedTuple):
    """A Dockerfile that a push changes: what is new in it and counts, and how much else there is."""

    path: str
    text: Text
    findings: tuple[Finding, ...]
    older: int  # findings that the remote's version has, too
    lesser: int  # new ones below the level that counts
    failed: bool  # a rule broke


def changed_dockerfiles(
    repository: Repository,
    head: Head,
    sent: Collection[str],
    files: Callable[[str], CommittedFiles],
    texts: PushedTexts,
) -> tuple[Changed, ...]:
    """The Dockerfiles of a head that its push changes.

    Args:
        repository: where they are.
        head: the commit that a ref is set to.
        sent: the objects that the push sends; what the remote has already is nobody's change.
        files: the files of a commit.
        texts: where their texts are.

    Raises:
        InputError: the configuration can't be read, or an object can't be.
    """
    here = files(head.commit)
    bases = {base: changed(repository, head, base) for base in head.bases}
    paths = [
        path
        for path, entry in here.candidates.items()
        if entry.oid in sent and all(path in one for one in bases.values())
    ]
    texts.expect(here.candidates[path].oid for path in paths)
    texts.expect(old for one in bases.values() for old in one.values() if old)
    out = []
    for path in sorted(paths):
        entry = here.candidates[path]
        text = texts.of(entry.oid, path, f"{head.kind} {head.commit[:9]}", is_file=entry.is_file)
        if text is None:
            continue
        settings = here.settings(path)
        known = known_traces(here, path, {base: one[path] for base, one in bases.items()}, files, texts)
        findings, failed = _findings(text, path, _without_credentials(settings), here)
        new = new_findings(findings, text, known)
        level = settings.fail_level
        counting = tuple(one for one in new if level is not None and one.severity >= level)
        out.append(Changed(path, text, counting, len(findings) - len(new), len(new) - len(counting), failed))
    return tuple(out)


def known_traces(
    here: CommittedFiles,
    path: str,
    old: dict[str, str | None],
    files: Callable[[str], CommittedFiles],
    texts: PushedTexts,
) -> list[Trace]:
    """What is known of a Dockerfile: by the configured baseline, and by the versions of it that the bases have.

    Args:
        here: the commit that is pushed.
        path: of the Dockerfile.
        old: the object of the old version in each base.
        files: the files of a commit.
        texts: where the texts are.
    """
    settings = here.settings(path)
    known = here.recorded(path)
    for base, oid in old.items():
        before = texts.of(oid, path) if oid else None
        if before is not None:
            with contextlib.suppress(InputError):  # the stage to build may be new
                findings, _ = _findings(before, path, settings, files(base), of=here)
                known += [trace(finding, before) for finding in findings]
    return known


def audit_settings(
    repository: Repository, head: Head, path: str, files: Callable[[str], CommittedFiles], texts: PushedTexts
) -> Settings:
    """The settings for the audit of a Dockerfile on disk, where the commit's files are then: only what is new counts.

    Args:
        repository: where it is.
        head: the commit that a ref is set to.
        path: of the Dockerfile in it.
        files: the files of a commit.
        texts: where the texts are.

    Raises:
        InputError: the configuration can't be read, or a file can't be written.
    """
    here = files(head.commit)
    here.write(here.entries)
    own = here.candidates[path].oid
    old = {base: changed(repository, head, base).get(path, own) for base in head.bases}
    texts.expect(oid for oid in old.values() if oid)
    settings = here.settings(path)
    context = here.context_directory(path, settings)
    if context is not None:
        settings = settings._replace(context=os.path.join(here.directory, context))
    known = known_traces(here, path, old, files, texts)
    return settings._replace(baseline=_baseline(known, path, here))


def _baseline(known: list[Trace], path: str, here: CommittedFiles) -> str:
    """Write what is known to a baseline beside the commit's files; its path."""
    target = os.path.join(here.beside, "baseline.json")
    name = os.path.relpath(os.path.join(here.directory, path), here.beside)
    write(baseline_of_traces({name: known}), target)
    return target


def _findings(
    text: Text, path: str, settings: Settings, here: CommittedFiles, of: CommittedFiles | None = None
) -> tuple[tuple[Finding, ...], bool]:
    """What is found in a text that stands at a path of a commit; `of`: whose settings these are."""
    directory = (of or here).context_directory(path, settings)
    context = None if directory is None else here.context(path, directory)
    judgement = lint_text(text, settings._replace(context=None), context=context, whole=True)
    return judgement.findings, judgement.failed


def _without_credentials(settings: Settings) -> Settings:
    """Those are looked for in every version, and told there."""
    return settings._replace(ignore=(*settings.ignore, *(rule.code for rule in credential_rules())))
