"""The build context: which files a build would be sent, after .dockerignore."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

MAX_ENTRIES = 200_000
_MAX_TEXT = 1024 * 1024


class Pattern(NamedTuple):
    """A line of a .dockerignore file: what it matches, and whether it takes files back in."""

    text: str
    expression: re.Pattern[str]
    negated: bool
    line: int


class ContextFile(NamedTuple):
    """A file that a build is sent: its path in the context, and its size in bytes."""

    path: str
    size: int


class BuildContext:
    """A directory as `docker build` sends it. Nothing is read before it is asked for.

    Args:
        directory: the root of the context.
        dockerfile: the Dockerfile's path, for a .dockerignore of its own (`NAME.dockerignore`).
        named: whether somebody said that this is the context; else it only looks like one.
    """

    def __init__(self, directory: str, dockerfile: str | None = None, *, named: bool = True) -> None:
        self.directory = directory
        self.named = named
        own = f"{dockerfile}.dockerignore" if dockerfile else ""
        self.ignore_file = own if own and os.path.isfile(own) else os.path.join(directory, ".dockerignore")

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """The patterns of .dockerignore, in order; () when there is none."""
        try:
            with open(self.ignore_file, encoding="utf-8", errors="surrogateescape") as stream:
                return tuple(parse_patterns(stream.read(_MAX_TEXT)))
        except OSError:
            return ()

    def ignored_by(self, path: str) -> Pattern | None:
        """The pattern that keeps a path (with slashes, from the root) out; None when it is sent."""
        found = None
        parents = _with_parents(path)
        for pattern in self.patterns:
            if any(pattern.expression.fullmatch(parent) for parent in parents):
                found = None if pattern.negated else pattern
        return found

    def takes_back(self, path: str) -> bool:
        """Whether a later `!` line may take a path, or something below it, back in."""
        here = path.strip("/").split("/")
        return any(
            _reaches(pattern.text.strip("/").split("/"), here) for pattern in self.patterns if pattern.negated
        )

    @cached_property
    def files(self) -> tuple[ContextFile, ...]:
        """Every file that a build would be sent, by path; at most MAX_ENTRIES of them."""
        out = []
        for one in self._walk(self.directory):
            out.append(one)
            if len(out) >= MAX_ENTRIES:
                break
        return tuple(sorted(out))

    def text(self, path: str) -> str | None:
        """A small text file of the context; None when it is not sent, not there, or no text."""
        return None if self.ignored_by(path) else self._read(path)

    def _read(self, path: str) -> str | None:
        """A small text file, sent or not; None when it is not there, or no text."""
        full = os.path.join(self.directory, path)
        if not self._inside(full) or not os.path.isfile(full):
            return None
        try:
            with open(full, encoding="utf-8") as stream:
                return stream.read(_MAX_TEXT)
        except (OSError, ValueError):
            return None

    def exists(self, path: str) -> bool:
        """Whether a path is there, sent or not."""
        return os.path.lexists(os.path.join(self.directory, path))

    def is_file(self, path: str) -> bool:
        """Whether a path is there, and no directory."""
        return os.path.isfile(os.path.join(self.directory, path.lstrip("/")))

    def made_later(self, path: str) -> bool:
        """Whether .gitignore at the root leaves a path out, as it does with what a build makes."""
        lines = (self._read(".gitignore") or "").splitlines()
        # A name without a slash is left out wherever it stands.
        wanted = [
            line if "/" in line.strip("/") else f"**/{line}" for line in lines if not line.startswith("#")
        ]
        parents = _with_parents(path)
        return any(
            pattern.expression.fullmatch(parent)
            for pattern in parse_patterns("\n".join(wanted))
            if not pattern.negated
            for parent in parents
        )

    def _inside(self, full: str) -> bool:
        root = os.path.realpath(self.directory)
        return os.path.commonpath([root, os.path.realpath(full)]) == root

    def below(self, path: str) -> Iterator[ContextFile]:
        """The files that are sent of one directory of the context, or the file itself."""
        top = os.path.join(self.directory, path)
        if os.path.isfile(top) or os.path.islink(top):
            if not self.ignored_by(path):
                yield ContextFile(path, os.lstat(top).st_size)
        else:
            yield from self._walk(top)

    def _walk(self, top: str) -> Iterator[ContextFile]:
        # Links are sent as links and never followed.
        back = any(pattern.negated for pattern in self.patterns)
        for parent, directories, files in os.walk(top):
            below = os.path.relpath(parent, self.directory).replace(os.sep, "/")
            prefix = "" if below == "." else f"{below}/"
            if not back:
                directories[:] = [name for name in directories if not self.ignored_by(prefix + name)]
            for name in files:
                if not self.ignored_by(prefix + name):
                    try:
                        size = os.lstat(os.path.join(parent, name)).st_size
                    except OSError:
                        continue
                    yield ContextFile(prefix + name, size)


def literal_source(path: str) -> str:
    """A source of COPY as a path from the root of the context; "" for globs, URLs, and what is no path in it."""
    path = re.sub(r"^(?:\./|/)+", "", path.strip("\"'")).rstrip("/")
    if path == "." or re.search(r"[*?\[$]|://|^git@", path) or path.startswith("../"):
        return ""
    return path


def likely_context(dockerfile: str, sources: list[str]) -> BuildContext | None:
    """The directory that a Dockerfile is most likely built in; None when what it copies speaks against all.

    Args:
        dockerfile: its path, in a directory that looks like a context (it has a .dockerignore or .git).
        sources: what its COPY and ADD take, as `literal_source` gives it.

    The file's own directory if it holds what is copied; else the nearest one above it that holds all of that, up
    to the root of the repository; else its own, if half of that is there.
    """
    beside = os.path.dirname(dockerfile) or "."
    here = sum(os.path.lexists(os.path.join(beside, source)) for source in sources)
    if here == len(sources):
        return BuildContext(beside, dockerfile, named=False)
    for directory in _above_in_repository(beside):
        if all(os.path.lexists(os.path.join(directory, source)) for source in sources):
            return BuildContext(directory, dockerfile, named=False)
    # What is not there is made before the build, as long as the rest is.
    return BuildContext(beside, dockerfile, named=False) if here * 2 >= len(sources) else None


def _above_in_repository(directory: str) -> list[str]:
    """The directories above one, nearest first, up to the root of its repository; [] outside of one."""
    found: list[str] = []
    at = directory
    while not os.path.exists(os.path.join(at, ".git")):
        above = os.path.join(at, os.pardir)
        if os.path.samefile(at, above):
            return []
        at = above
        found.append(os.path.normpath(at))
    return found


def parse_patterns(text: str) -> Iterator[Pattern]:
    """The patterns of a .dockerignore text, cleaned as the engine does it."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.startswith("#"):
            continue
        pattern = line.strip()
        negated = pattern.startswith("!")
        if negated:
            pattern = pattern[1:].strip()
        cleaned = os.path.normpath(pattern).replace(os.sep, "/").lstrip("/") if pattern else ""
        if cleaned and cleaned != ".":
            yield Pattern(pattern, _expression(cleaned), negated, number)


def _reaches(pattern: list[str], path: list[str]) -> bool:
    """Whether a pattern can match a path or something below it: part by part, as deep as the path goes."""
    for wanted, part in zip(pattern, path, strict=False):
        if "**" in wanted:
            return True
        if not _expression(wanted).fullmatch(part):
            return False
    return True


def _with_parents(path: str) -> list[str]:
    """A path and the directories above it: a pattern that matches one of them matches the path."""
    parts = path.strip("/").split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _expression(pattern: str) -> re.Pattern[str]:
    """`*` stays within a directory, `**` crosses any number of them, [...] is a class."""
    out = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            if pattern.startswith("**", at):
                at += 2
                if pattern.startswith("/", at):
                    at += 1
                out.append(".*" if at >= len(pattern) else "(?:.*/)?")
                continue
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "\\" and at + 1 < len(pattern):
            at += 1
            out.append(re.escape(pattern[at]))
        elif char == "[" and (close := pattern.find("]", at + 2)) > 0:
            inner = pattern[at + 1 : close].replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"[{inner}]")
            at = close
        else:
            out.append(re.escape(char))
        at += 1
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))
