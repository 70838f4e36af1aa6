"""The files of a commit: its configuration, and the build context that it holds."""

from __future__ import annotations

import contextlib
import os
import posixpath
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from ..analyzer import InputError
from ..analyzer.dockerfile.context import BuildContext, ContextFile, Pattern, parse_patterns
from ..config import Configuration, Settings, nearest
from ..known import Baseline, Trace
from ..output import replace
from .pushed import is_candidate
from .repository import Repository, TreeEntry

_CONFIGURATIONS = ("imglint.toml", "pyproject.toml")
_ROOT_CONFIGURATIONS = (".hadolint.yaml", ".hadolint.yml")
_MAX_TEXT = 1024 * 1024


class CommittedFiles:
    """The files of a commit. What has to lie on disk is written to `directory`, and that is removed by `close`.

    Args:
        repository: the one that holds the commit.
        commit: the commit, or a tree, or a blob.
        chosen: what the command line sets.
        blob_name: the path that a blob is looked at under, as its only file; "": it is none.
    """

    def __init__(
        self, repository: Repository, commit: str, chosen: Mapping[str, Any] = {}, *, blob_name: str = ""
    ) -> None:
        self.repository = repository
        self.commit = commit
        self._is_blob = bool(blob_name)
        self.entries = (
            {blob_name: TreeEntry("100644", "blob", commit)} if blob_name else repository.tree(commit)
        )
        self.notes: dict[str, None] = {}  # what of the configuration is not understood
        self._chosen = chosen
        self._written: set[str] = set()
        self._configurations: dict[str | None, Configuration] = {}
        self._settings: dict[str, Settings] = {}
        self._baselines: dict[str, Baseline] = {}

    def close(self) -> None:
        """Remove what was written."""
        if "_temporary" in self.__dict__:
            self._temporary.cleanup()

    @cached_property
    def _temporary(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="imglint-pushed-")

    @cached_property
    def directory(self) -> str:
        """Where the root of the commit lies on disk, as far as it was written."""
        path = os.path.join(os.path.realpath(self._temporary.name), "tree")
        os.mkdir(path)
        return path

    @property
    def beside(self) -> str:
        """A directory for what does not belong to the commit."""
        return os.path.dirname(self.directory)

    @cached_property
    def candidates(self) -> dict[str, TreeEntry]:
        """What is a Dockerfile by its path."""
        return {path: entry for path, entry in self.entries.items() if is_candidate(path)}

    @cached_property
    def maps_images(self) -> bool:
        """Whether a configuration says which images are built from Dockerfiles."""
        found = {
            entry.oid
            for path, entry in self.entries.items()
            if path.rpartition("/")[2] in _CONFIGURATIONS and entry.is_file
        }
        sizes = self.repository.objects(found)
        return any(
            b"images" in self.repository.read(oid)
            for oid in sorted(found)
            if 0 < _size(sizes, oid) <= _MAX_TEXT
        )

    def settings(self, path: str) -> Settings:
        """The settings for a Dockerfile, as the commit's own configuration has them.

        Raises:
            InputError: the configuration says what nobody understands.
        """
        if path not in self._settings:
            self._settings[path] = self._read_settings(path)
        return self._settings[path]

    def _read_settings(self, path: str) -> Settings:
        above = _above(path)
        self.write(posixpath.join(one, name) for one in above for name in _CONFIGURATIONS)
        self.write(_ROOT_CONFIGURATIONS)
        with contextlib.chdir(self.directory):
            source = nearest(os.path.join(self.directory, posixpath.dirname(path)))
            if source is not None and not source.startswith(self.directory + os.sep):
                # Beside a directory of temporary files lies what anybody has put there.
                source = nearest(os.sep)
            if source not in self._configurations:
                self._configurations[source] = Configuration(self._chosen, source, isolated=source is None)
            try:
                settings = self._configurations[source].settings(os.path.join(self.directory, path))
            except InputError as error:
                subject = error.subject.removeprefix(self.directory + os.sep)
                raise InputError(subject, error.problem, error.hint) from error
        self.notes |= dict.fromkeys(note.replace(self.directory + os.sep, "") for note in settings.notes)
        if settings.baseline is not None:
            self.write([os.path.relpath(settings.baseline, self.directory)])
        return settings

    def recorded(self, path: str) -> list[Trace]:
        """What the configured baseline has of a Dockerfile.

        Raises:
            InputError: the commit does not hold the baseline, or it is none.
        """
        name = self.settings(path).baseline
        if name is None:
            return []
        if name not in self._baselines:
            self._baselines[name] = Baseline(name)
        return list(self._baselines[name].of(os.path.join(self.directory, path)))

    def context(self, path: str, directory: str) -> CommittedContext:
        """The build context of a Dockerfile, with its root at a directory of the commit."""
        return CommittedContext(self, directory, path)

    def context_directory(self, path: str, settings: Settings) -> str | None:
        """The root of a Dockerfile's build context as a path of the commit, "" for the top; None: unknown."""
        if settings.context is not None:
            directory = os.path.relpath(settings.context, self.directory)
            return None if directory.startswith("..") else _clean(directory)
        if self._is_blob:
            return None
        directory = posixpath.dirname(path)
        beside = not directory or posixpath.join(directory, ".dockerignore") in self.entries
        return directory if beside else None

    def text(self, path: str) -> str | None:
        """A small text file; None when it is none, or not there."""
        entry = self.entries.get(path)
        if entry is None or not entry.is_file:
            return None
        if not 0 <= _size(self.repository.objects([entry.oid]), entry.oid) <= _MAX_TEXT:
            return None
        try:
            return self.repository.read(entry.oid).decode()
        except UnicodeDecodeError:
            return None

    def write(self, paths: Iterable[str]) -> None:
        """Write files below `directory`, those that are there; large ones get their size and no content.

        Links are left out, so that nothing is written or read through them.
        """
        wanted = {
            path: self.entries[path].oid
            for path in paths
            if path not in self._written and path in self.entries and self.entries[path].is_file
            # A tree can be made to hold names that lead out of it.
            if not {"", ".", "..", ".git"} & set(path.lower().split("/"))
        }
        sizes = self.repository.objects(wanted.values())
        for path, oid in wanted.items():
            size = _size(sizes, oid)
            if size < 0:
                continue
            full = os.path.join(self.directory, path)
            try:
                os.makedirs(os.path.dirname(full), exist_ok=True)
                replace(self.repository.read(oid) if size <= _MAX_TEXT else b"", full)
                os.truncate(full, size)
            except OSError as error:
                problem = f"can't be written to {self.directory}: {(error.strerror or str(error)).lower()}"
                raise InputError(path, problem, "check TMPDIR") from error
            self._written.add(path)


class CommittedContext(BuildContext):
    """A directory of a commit as `docker build` would be sent it."""

    def __init__(self, files: CommittedFiles, directory: str, dockerfile: str) -> None:
        self.directory = directory
        self.named = False  # what is made before a build is in no commit
        self._files = files
        own = f"{dockerfile}.dockerignore"
        self.ignore_file = own if own in files.entries else posixpath.join(directory, ".dockerignore")

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """The patterns of .dockerignore, in order; () when there is none."""
        return tuple(parse_patterns(self._files.text(self.ignore_file) or ""))

    @cached_property
    def files(self) -> tuple[ContextFile, ...]:
        """Every file that a build would be sent, by path."""
        return tuple(sorted(self.below("")))

    def _read(self, path: str) -> str | None:
        """A small text file, sent or not; None when it is not there, or no text."""
        return self._files.text(self._full(path))

    def exists(self, path: str) -> bool:
        """Whether a path is there, sent or not."""
        full = self._full(path)
        return full in self._files.entries or any(self._inside_of(full))

    def is_file(self, path: str) -> bool:
        """Whether a path is there, and no directory."""
        return self._full(path.lstrip("/")) in self._files.entries

    def below(self, path: str) -> Iterator[ContextFile]:
        """The files that are sent of one directory of the context, or the file itself."""
        full = self._full(path)
        paths = [full] if full in self._files.entries else list(self._inside_of(full))
        sizes = self._files.repository.objects(self._files.entries[one].oid for one in paths)
        for one in paths:
            relative = posixpath.relpath(one, self.directory or ".")
            if not self.ignored_by(relative):
                yield ContextFile(relative, max(_size(sizes, self._files.entries[one].oid), 0))

    def _full(self, path: str) -> str:
        return _clean(posixpath.join(self.directory, path))

    def _inside_of(self, directory: str) -> Iterator[str]:
        prefix = f"{directory}/" if directory else ""
        return (entry for entry in self._files.entries if entry.startswith(prefix))


def _size(objects: Mapping[str, Any], oid: str) -> int:
    """The bytes of an object; -1 when it is not here."""
    return int(objects[oid].size) if oid in objects else -1


def _clean(path: str) -> str:
    clean = posixpath.normpath(path)
    return "" if clean == "." else clean


def _above(path: str) -> list[str]:
    """The directories above a path, "" for the top."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(len(parts) + 1)]
