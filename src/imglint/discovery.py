"""Which files a path means."""

import glob
import os
from collections.abc import Iterator

from .analyzer import InputError

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
    for parent, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if name not in _SKIPPED_DIRECTORIES]
        yield from (os.path.join(parent, name) for name in files if looks_like_dockerfile(name))
