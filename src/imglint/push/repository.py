"""The objects of a Git repository as they are: no filter runs, nothing is replaced, fetched or written."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple

from ..analyzer import InputError
from ..git import git

# How pathspecs are read, where the work tree and the index are: all of that is somebody else's wish.
_UNWANTED = frozenset(
    "GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_WORK_TREE"
    " GIT_INDEX_FILE GIT_PREFIX GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_NAMESPACE GIT_SHALLOW_FILE".split()
)
_WANTED = {
    "GIT_NO_REPLACE_OBJECTS": "1",  # the remote is sent the real objects
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",  # since Git 2.44; for older ones no protocol is allowed
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


_TOGETHER = 500  # so many names fit into a pipe, even of SHA-256


class Object(NamedTuple):
    """What is known of an object before it is read: its name, its kind ("commit", "blob"…), its bytes."""

    oid: str
    kind: str
    size: int


class TreeEntry(NamedTuple):
    """A path in a tree: the mode in octal digits, the kind, the object."""

    mode: str
    kind: str
    oid: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, neither a link nor a repository of its own."""
        return self.mode.startswith("100")


class Change(NamedTuple):
    """A path that a commit has otherwise than all its parents: the new mode and object, and the parents' objects.

    An object of zeros alone: the path is not there.
    """

    path: str
    mode: str
    oid: str
    before: tuple[str, ...]

    @property
    def deletes(self) -> bool:
        """Whether the path is gone."""
        return not self.oid.strip("0")


class Repository:
    """The Git repository here. Close it, or use it in a `with`: a process reads the blobs.

    Raises:
        InputError: there is none.
    """

    def __init__(self) -> None:
        self.directory = git("rev-parse", "--absolute-git-dir").removesuffix("\n")
        self.blobs_read = 0
        self.here = os.getcwd()
        self._environment = {name: one for name, one in os.environ.items() if name not in _UNWANTED} | _WANTED
        self._reader: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Repository:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that reads blobs."""
        if self._reader is not None:
            self._reader.kill()
            self._reader.communicate()
            self._reader = None

    def ask(self, *arguments: str, told: bytes = b"") -> bytes:
        """What a Git command prints; `told` is its standard input.

        Raises:
            InputError: it can't do it.
        """
        status, printed, problem = self._run(arguments, told)
        if status:
            raise self._error(arguments[0], problem)
        return printed

    def fields(self, *arguments: str, told: bytes) -> Iterator[bytes]:
        """What a Git command prints, cut at zero bytes, as it comes; `told` is its standard input.

        Raises:
            InputError: it can't do it.
        """
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as problem:
            stdin.write(told)
            stdin.seek(0)
            with subprocess.Popen(
                self._command(arguments),
                cwd=self.here, env=self._environment, stdin=stdin, stdout=subprocess.PIPE, stderr=problem,
            ) as process:  # fmt: skip
                assert process.stdout is not None
                rest = b""
                while chunk := process.stdout.read(1 << 16):
                    *fields, rest = (rest + chunk).split(b"\0")
                    yield from fields
            if process.returncode:
                problem.seek(0)
                raise self._error(arguments[0], problem.read())

    def tells(self, *arguments: str) -> bytes | None:
        """What a Git command prints; None: it can't do it."""
        status, printed, _ = self._run(arguments, b"")
        return None if status else printed

    def objects(self, names: Iterable[str]) -> dict[str, Object]:
        """The objects of these names ("OID", "OID^{commit}"); what the repository does not hold is left out."""
        names = list(dict.fromkeys(names))
        if not names:
            return {}
        command = ("cat-file", "--batch-check", "--buffer")
        status, printed, problem = self._run(command, _lines(names))
        if status:
            # A partial clone ends at the first object that it would have to fetch.
            listed = self.ask("cat-file", "--batch-check=%(objectname)", "--batch-all-objects", "--unordered")
            here = set(listed.decode().split())
            names = [name for name in names if name.partition("^")[0] in here]
            status, printed, problem = self._run(command, _lines(names))
        if status:
            raise self._error(command[0], problem)
        out = {}
        for name, line in zip(names, printed.decode("utf-8", "surrogateescape").splitlines(), strict=True):
            fields = line.split(" ")
            if len(fields) == 3:
                out[name] = Object(fields[0], fields[1], int(fields[2]))
        return out

    def read(self, oid: str) -> bytes:
        """The content of an object that is here.

        Raises:
            InputError: it can't be read.
        """
        return self.read_all([oid])[0]

    def read_all(self, oids: Sequence[str]) -> list[bytes]:
        """The contents of objects that are here; asked for together, as waiting for each takes longer than reading.

        Raises:
            InputError: one can't be read.
        """
        if self._reader is None:
            self._reader = subprocess.Popen(
                self._command(("cat-file", "--batch")),
                cwd=self.here, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        reader = self._reader
        assert reader.stdin is not None
        assert reader.stdout is not None
        out = []
        for start in range(0, len(oids), _TOGETHER):
            some = oids[start : start + _TOGETHER]
            try:
                reader.stdin.write(_lines(some))
                reader.stdin.flush()
                for oid in some:
                    size = int(reader.stdout.readline().split()[2])
                    data = reader.stdout.read(size + 1)
                    if len(data) != size + 1:
                        raise ValueError(oid)
                    out.append(data[:size])
            except (OSError, IndexError, ValueError) as error:
                wrong = some[len(out) - start]
                raise InputError("git cat-file", f"can't read {wrong[:9]}", "`git fsck` checks it") from error
        self.blobs_read += len(oids)
        return out

    def tree(self, name: str) -> dict[str, TreeEntry]:
        """All paths of a commit or tree, without the directories.

        Raises:
            InputError: it can't be read.
        """
        out = {}
        for record in self.ask("ls-tree", "-r", "-z", "--full-tree", name).split(b"\0"):
            about, _, path = record.partition(b"\t")
            if path:
                mode, kind, oid = about.decode().split(" ")
                out[path.decode("utf-8", "surrogateescape")] = TreeEntry(mode, kind, oid)
        return out

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        # Git asks that program when it reads the index, which even diff-tree does.
        return ["git", f"--git-dir={self.directory}", "-c", "core.fsmonitor=false", *arguments]

    def _run(self, arguments: tuple[str, ...], told: bytes) -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            self._command(arguments),
            cwd=self.here, env=self._environment, input=told, capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def _error(self, command: str, problem: bytes) -> InputError:
        lines = problem.decode("utf-8", "replace").strip().splitlines() or ["it failed"]
        return InputError(
            f"git {command}", lines[0].removeprefix("fatal: "), "`git fsck` checks the repository"
        )


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def changes(fields: Iterable[bytes]) -> Iterator[tuple[str, Change]]:
    """What `git diff-tree -r -c --raw -z` prints: commits (with --stdin), each with a path that it changes.

    Of the paths only those with the word of a Dockerfile or Containerfile in them, in any case.
    """
    fields = iter(fields)
    commit = b""
    for field in fields:
        if not field.startswith(b":"):
            commit = field.strip() or commit
            continue
        path = next(fields)
        if field[-4:-3] in b"RC" and not field.startswith(b"::"):
            path = next(fields)
        if not any(word in path.lower() for word in (b"dockerfile", b"containerfile")):
            continue
        parents = len(field) - len(field.lstrip(b":"))
        about = field[parents:].decode().split(" ")
        oids = about[parents + 1 : -1]
        change = Change(path.decode("utf-8", "surrogateescape"), about[parents], oids[-1], tuple(oids[:-1]))
        yield commit.decode(), change
