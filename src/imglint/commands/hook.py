"""`imglint hook`: a pre-push hook of Git, and what it runs."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..analyzer import InputError
from ..analyzer.credentials import mask
from ..config import RUN_SWITCHES
from ..exits import Exit, worst
from ..output import write
from ..proving import Wishes
from ..push import hook_file
from ..push.changed import Changed, audit_settings, changed_dockerfiles
from ..push.committed import CommittedFiles
from ..push.leaks import Leak, leaks, where
from ..push.pushed import NAME_OF_BLOB, Head, Pushed, Ref, at, pushed, refs
from ..push.repository import Repository
from ..push.texts import PushedTexts
from ..reports import Report, text
from ..rules.checks.house import RULE_FAILED
from ..rules.rule import Severity
from .show import fail, look_of

_SHOWN = 50  # so many credentials are told one by one
_NAMED = 3  # so many Dockerfiles are named in a command that shows more


def install(options: Mapping[str, Sequence[str]], *, run: bool, force: bool) -> Exit:
    """Write the hook; one that is not imglint's is only replaced by force, and kept beside it.

    Args:
        options: for each run of it, their values by their names without dashes; what is empty is left out.
        run: let it start images, too.
        force: replace somebody else's.
    """
    given = []
    for name, texts in options.items():
        for value in texts:
            if name in RUN_SWITCHES:
                given.append(f"--{name}")
            elif value:
                given += [f"--{name}", value]
    text = "".join(f" {shlex.quote(word)}" for word in (["--run"] if run else []) + given)
    try:
        kept = hook_file.install(text, force=force)
    except InputError as error:
        return fail(error)
    more = f"; the hook that was there is kept as {kept}" if kept else ""
    _tell(f"{hook_file.path()}: looks at what `git push` sends from now on{more}")
    _tell("  `git push --no-verify` passes it once; imglint.toml says what counts (docs/configuration.md)")
    return Exit.CLEAN


def uninstall() -> Exit:
    """Remove the hook, and put back the one that was there before."""
    try:
        back = hook_file.uninstall()
    except InputError as error:
        return fail(error)
    what = "the hook that was there before is back" if back else "removed"
    _tell(f"{hook_file.path()}: {what}")
    return Exit.CLEAN


def run(remote: str, chosen: Mapping[str, Any], *, start: bool, wishes: Wishes, engine: str | None) -> Exit:
    """Look at what is pushed, as standard input names it.

    Args:
        remote: where to, by its name or address.
        chosen: what the command line sets.
        start: run the images that the configuration maps, too.
        wishes: how they are run.
        engine: as for `connect`.
    """
    try:
        told, remote = _told(remote)
        with Repository() as repository, contextlib.ExitStack() as stack:
            return _Gate(repository, stack, chosen, start=start, wishes=wishes, engine=engine).look(
                told, remote
            )
    except InputError as error:
        return fail(error)


def _told(remote: str) -> tuple[tuple[Ref, ...], str]:
    """What is pushed and where to, as Git tells it on standard input, or pre-commit, which reads that."""
    if os.environ.get("PRE_COMMIT"):
        names = ("PRE_COMMIT_TO_REF", "PRE_COMMIT_LOCAL_BRANCH")
        revision = next((os.environ[name] for name in names if os.environ.get(name)), "HEAD")
        branch = os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
        before = os.environ.get("PRE_COMMIT_FROM_REF", "")
        return (at(revision, branch, before),), os.environ.get("PRE_COMMIT_REMOTE_NAME") or remote
    if sys.stdin.isatty():
        raise InputError(
            "standard input",
            "is a terminal, and Git would name there what is pushed",
            "`imglint hook install` lets Git run this; `imglint audit` is for you",
        )
    return refs(sys.stdin.buffer.read()), remote


class _Gate:
    """Looks at what a push sends and prints what it finds; `_codes` gather how that went."""

    def __init__(
        self,
        repository: Repository,
        stack: contextlib.ExitStack,
        chosen: Mapping[str, Any],
        *,
        start: bool,
        wishes: Wishes,
        engine: str | None,
    ) -> None:
        self._repository = repository
        self._stack = stack
        self._chosen = chosen
        self._start = start
        self._wishes = wishes
        self._engine = engine
        self._files: dict[str, CommittedFiles] = {}
        self._blobs: set[str] = set()
        self._codes: list[Exit] = []

    def look(self, told: tuple[Ref, ...], remote: str) -> Exit:
        """Look at what is sent to a remote."""
        sent = pushed(self._repository, told, remote)
        new = {version.oid for version in sent.versions} - sent.known
        self._blobs = {head.commit for head in sent.heads if head.kind == "blob"}
        texts = PushedTexts(
            self._repository,
            (candidate.oid for head in sent.heads for candidate in self._of(head.commit).candidates.values()),
        )
        texts.expect(version.oid for version in sent.versions)
        leaked = leaks(sent, self._of, texts)
        for number, leak in enumerate(leaked):
            self._leak(leak, sent, shown=number < _SHOWN)
        if len(leaked) > _SHOWN:
            _tell(f"  and {_count(len(leaked) - _SHOWN, 'credential')} more")
        if any(leak.removed for leak in leaked):
            _tell(
                "  what is pushed stays readable: take it out of that commit, as by git rebase --interactive"
            )
        for head in sent.heads:
            mapped = self._mapped(self._of(head.commit))
            changed = changed_dockerfiles(self._repository, head, new, self._of, texts)
            changed = tuple(one for one in changed if one.path not in mapped)
            credentials = sum(sent.commits[leak.version.commit] is head for leak in leaked)
            self._head(head, sent, changed, credentials, remote)
            for path, image in mapped.items():
                self._image(head, path, image, texts)
        configured = (note for file in self._files.values() for note in file.notes)
        for note in dict.fromkeys((*sent.notes, *texts.notes, *configured)):
            _tell(f"note: {note}")
        return worst(self._codes)

    def _of(self, commit: str) -> CommittedFiles:
        if commit not in self._files:
            name = NAME_OF_BLOB if commit in self._blobs else ""
            self._files[commit] = CommittedFiles(self._repository, commit, self._chosen, blob_name=name)
            self._stack.callback(self._files[commit].close)
        return self._files[commit]

    def _leak(self, leak: Leak, sent: Pushed, *, shown: bool) -> None:
        finding, version = leak.finding, leak.version
        removed = " (removed again later)" if leak.removed else ""
        span = finding.place.span
        place = f"{version.path}:{span.line}:{span.column}" if span else version.path
        rest = f"{finding.rule.title}: {finding.message} [{finding.severity.label}]"
        if shown:
            _tell(f"{where(version, sent)}{removed}: {place}: {rest}")
        if finding.rule is RULE_FAILED:
            self._codes.append(Exit.INTERNAL)
        elif self._chosen.get("fail_level", Severity.ERROR) is not None:
            self._codes.append(Exit.FINDINGS)

    def _head(
        self, head: Head, sent: Pushed, changed: tuple[Changed, ...], credentials: int, remote: str
    ) -> None:
        findings = tuple(finding for one in changed for finding in one.findings)
        if findings:
            report = Report(
                tuple(one.path for one in changed), findings, texts={one.path: one.text for one in changed}
            )
            write(text.render(report, look_of()), "-")
            self._codes.append(Exit.FINDINGS)
        if any(one.failed for one in changed):
            self._codes.append(Exit.INTERNAL)
        named = " to ".join(one for one in (head.ref, remote) if one and one != head.commit)
        commits = {commit for commit, of in sent.commits.items() if of is head}
        versions = sum(version.commit in commits for version in sent.versions)
        told = f"{_count(len(commits), head.kind)}, {_count(versions, 'version')} of Dockerfiles"
        if versions:
            level = self._chosen.get("fail_level", Severity.ERROR)
            told += f": {_count(credentials, 'credential')}, {_count(len(findings), 'new finding')}"
            told += f" at {level.label} or above" if level else ""
        _tell(f"imglint: {head.commit[:9]}{f' ({mask(named)})' if named else ''}: {told}")
        older, lesser = sum(one.older for one in changed), sum(one.lesser for one in changed)
        if older or lesser:
            paths = [one.path for one in changed if one.older or one.lesser]
            command = " ".join(["imglint", *map(shlex.quote, paths)]) if len(paths) <= _NAMED else "imglint"
            if head.kind == "blob":
                command = f"git cat-file blob {head.commit[:9]} | imglint -"
            kinds = [f"{number} {kind}" for number, kind in ((older, "older"), (lesser, "lesser")) if number]
            noun = "finding is" if older + lesser == 1 else "findings are"
            _tell(f"  {' and '.join(kinds)} {noun} not shown: `{command}` shows them")

    def _mapped(self, files: CommittedFiles) -> dict[str, str]:
        """The Dockerfiles whose images the commit's configuration names."""
        if not files.maps_images:
            return {}
        found = {
            path: files.settings(path).image_of(os.path.join(files.directory, path))
            for path in files.candidates
        }
        return {path: image for path, image in found.items() if image is not None}

    def _image(self, head: Head, path: str, image: str, texts: PushedTexts) -> None:
        """Audit a Dockerfile of a head together with its image: what is new, and all that the image shows."""
        from ..evidence import audit
        from ..reports import matrix_text

        files = self._of(head.commit)
        built = os.path.join(self._repository.here, image)
        if os.path.exists(built):
            image = built  # what was built lies in the work tree, never in a commit
        try:
            settings = audit_settings(self._repository, head, path, self._of, texts)
            with contextlib.chdir(files.directory):
                report = audit(
                    path, image, settings, run=self._start, wishes=self._wishes, engine=self._engine
                )
        except InputError as error:
            self._codes.append(fail(error))
            return
        self._codes.append(report.exit_code)
        if report.failures():
            write(matrix_text.render(report, look_of()), "-")
        else:
            _tell(f"imglint: {path} and its image {image} pass the audit")


def _tell(line: str) -> None:
    """Print a line that can't be more than one, whatever a path holds."""
    write(text.printable(line.replace("\n", "\\n")) + "\n", "-")


def _count(number: int, noun: str) -> str:
    """A number and its noun: `1 version of Dockerfiles`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
