"""What `git push` is about to send: the commits that Git names to a pre-push hook, and their files."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .analyzer import InputError

_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PASS = "`git push --no-verify` pushes without the hook"  # noqa: S105
# Filters of the repository would run programs and fetch large files; Dockerfiles need neither.
_NO_FILTERS = ("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false")


class Ref(NamedTuple):
    """A line that Git gives to a pre-push hook: this local object goes to that remote ref."""

    local: str
    oid: str
    remote: str
    remote_oid: str

    @property
    def deletes(self) -> bool:
        """Whether the remote ref is deleted, so that nothing is sent."""
        return not self.oid.strip("0")


def refs(data: bytes) -> tuple[Ref, ...]:
    """The refs that Git gives on standard input, a line each.

    Raises:
        InputError: that is not what Git gives.
    """
    found = []
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").splitlines(), 1):
        fields = line.split(" ")
        if len(fields) != 4 or not all(_OBJECT.fullmatch(one) for one in (fields[1], fields[3])):
            raise InputError(
                f"standard input, line {number}",
                f"is not what Git gives to a pre-push hook: {line[:80]!r}",
                f"it has to be LOCAL-REF OBJECT REMOTE-REF OBJECT; {_PASS}",
            )
        found.append(Ref(*fields))
    return tuple(found)


def at(revision: str) -> Ref:
    """A revision of the repository here, as if it were pushed.

    Raises:
        InputError: there is no such revision.
    """
    return Ref(revision, _git("rev-parse", "--verify", "--end-of-options", revision).strip(), "", "")


def commits(found: tuple[Ref, ...]) -> Mapping[str, str]:
    """The commits that are sent, each once, with the ref that names it; what is no commit is left out.

    Raises:
        InputError: the repository does not hold an object.
    """
    out: dict[str, str] = {}
    for ref in found:
        if ref.deletes:
            continue
        _git("cat-file", "-e", ref.oid)
        # A tag leads to its commit; one of a file or tree holds nothing to audit.
        with contextlib.suppress(InputError):
            out.setdefault(
                _git("rev-parse", "--verify", "--quiet", f"{ref.oid}^{{commit}}").strip(), ref.local
            )
    return out


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[str]:
    """The files of a commit in a directory of their own, as long as it takes; the work tree stays untouched.

    Raises:
        InputError: Git can't do it.
    """
    repository = _git("rev-parse", "--absolute-git-dir").strip()
    with tempfile.TemporaryDirectory(prefix="imglint-pushed-") as directory:
        tree = os.path.join(directory, "tree")
        # An empty .git ends the search for configuration and .gitignore here.
        os.makedirs(os.path.join(tree, ".git"))
        index = {"GIT_INDEX_FILE": os.path.join(directory, "index")}
        at = (f"--git-dir={repository}", f"--work-tree={tree}", *_NO_FILTERS)
        _git(*at, "read-tree", commit, cwd=tree, **index)
        _git(*at, "checkout-index", "--all", "--quiet", cwd=tree, **index)
        yield tree


def hook_path() -> str:
    """Where the pre-push hook of the repository here belongs.

    Raises:
        InputError: there is no repository here.
    """
    return os.path.join(_git("rev-parse", "--git-path", "hooks").strip(), "pre-push")


def _git(*arguments: str, cwd: str | None = None, **variables: str) -> str:
    """What a Git command prints."""
    environment = {**os.environ, "GIT_LFS_SKIP_SMUDGE": "1", **variables}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise InputError(
            "git", f"can't be run: {(error.strerror or str(error)).lower()}", "install Git"
        ) from error
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it failed"]
        command = next((one for one in arguments if one in _COMMANDS), arguments[0])
        raise InputError(f"git {command}", told[0].removeprefix("fatal: "), _HINTS.get(command, _PASS))
    return done.stdout.decode("utf-8", "surrogateescape")


_COMMANDS = ("cat-file", "rev-parse", "read-tree", "checkout-index")
_HINTS = {"rev-parse": "call it inside a Git repository"}
