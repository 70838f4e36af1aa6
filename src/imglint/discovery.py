"""Which files a path means."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .analyzer import InputError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_SKIPPED_DIRECTORIES = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv"})


def dockerfiles(path: str) -> list[str]:
    """The Dockerfiles that a path stands for: itself, those below a directory, or a glob's.

    An empty list: the directory or glob holds none.

    Raises:
        InputError: there is nothing of this name.
    """
    if os.path.isdir(path):
        return sorted(_below(path))
    if os.path.exists(path) or os.path.islink(path):
        return [path]
    if glob.has_magic(path):
        return sorted(name for name in glob.glob(path, recursive=True) if not os.path.isdir(name))
    raise InputError(
        path, "no such file or directory", "give a Dockerfile, a directory, or - for standard input"
    )


def looks_like_dockerfile(name: str) -> bool:
    """By its name: Dockerfile, Dockerfile.*, *.Dockerfile, and the same for Containerfile."""
    lower = name.lower()
    if lower.endswith(".dockerignore"):
        return False
    return any(
        lower == word or lower.startswith(f"{word}.") or lower.endswith(f".{word}")
        for word in ("dockerfile", "containerfile")
    )


def _below(directory: str) -> Iterator[str]:
    # Links to directories are not followed: they may lead back up.
    ignored = _Ignored(directory)
    for parent, directories, files in os.walk(directory):
        ignored.read(parent)
        directories[:] = [
            name
            for name in directories
            if name not in _SKIPPED_DIRECTORIES and not ignored.matches(os.path.join(parent, name) + "/")
        ]
        for name in files:
            path = os.path.join(parent, name)
            if looks_like_dockerfile(name) and not ignored.matches(path):
                yield path


class _Ignored:
    """What the .gitignore files of a repository leave out, from its root down."""

    def __init__(self, directory: str) -> None:
        self._specs: list[tuple[str, GitIgnoreSpec]] = []
        # Those above the directory hold, too, up to the root of the repository.
        above: list[str] = []
        at = os.path.abspath(directory)
        while not os.path.exists(os.path.join(at, ".git")):
            if at == os.path.dirname(at):
                above = []  # no repository: only what is found on the way down
                break
            at = os.path.dirname(at)
            above.append(at)
        for one in reversed(above):
            self.read(one)

    def read(self, directory: str) -> None:
        path = os.path.join(directory, ".gitignore")
        if not os.path.isfile(path):
            return
        from pathspec import GitIgnoreSpec

        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                self._specs.append((os.path.abspath(directory), GitIgnoreSpec.from_lines(stream)))
        except OSError:
            return

    def matches(self, path: str) -> bool:
        """Whether a path is left out; directories end with a slash. The nearest file decides."""
        full = os.path.abspath(path) + ("/" if path.endswith("/") else "")
        for directory, spec in reversed(self._specs):
            prefix = directory.rstrip("/") + "/"
            if full.startswith(prefix):
                decided = spec.check_file(full[len(prefix) :]).include
                if decided is not None:
                    return decided
        return False
