"""What `git push` is about to send: the commits that Git names to a pre-push hook, and their files."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .analyzer import InputError
from .analyzer.credentials import mask_shapes
from .git import answer, git

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
                f"is not what Git gives to a pre-push hook: {mask_shapes(line)[:80]!r}",
                f"it has to be LOCAL-REF OBJECT REMOTE-REF OBJECT; {_PASS}",
            )
        found.append(Ref(*fields))
    return tuple(found)


def at(revision: str) -> Ref:
    """A revision of the repository here, as if it were pushed.

    Raises:
        InputError: there is no such revision.
    """
    return Ref(revision, git("rev-parse", "--verify", "--end-of-options", revision).strip(), "", "")


def commits(found: tuple[Ref, ...]) -> Mapping[str, str]:
    """The commits that are sent, each once, with the ref that names it; what is no commit is left out.

    Raises:
        InputError: the repository does not hold an object.
    """
    out: dict[str, str] = {}
    for ref in found:
        if ref.deletes:
            continue
        if answer("cat-file", "-e", ref.oid) is None:
            raise InputError(ref.local, f"is {ref.oid[:9]}, which the repository here does not hold", _PASS)
        # A tag leads to its commit; one of a file or tree holds nothing to audit.
        commit = answer("rev-parse", "--verify", "--quiet", f"{ref.oid}^{{commit}}")
        if commit is not None:
            out.setdefault(commit.decode().strip(), ref.local)
    return out


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[str]:
    """The files of a commit in a directory of their own, as long as it takes; the work tree stays untouched.

    Raises:
        InputError: Git can't do it.
    """
    repository = git("rev-parse", "--absolute-git-dir").strip()
    with tempfile.TemporaryDirectory(prefix="imglint-pushed-") as directory:
        tree = os.path.join(directory, "tree")
        # An empty .git ends the search for configuration and .gitignore here.
        os.makedirs(os.path.join(tree, ".git"))
        variables = {"GIT_INDEX_FILE": os.path.join(directory, "index"), "GIT_LFS_SKIP_SMUDGE": "1"}
        at = (f"--git-dir={repository}", f"--work-tree={tree}", *_NO_FILTERS)
        git(*at, "read-tree", commit, cwd=tree, **variables)
        git(*at, "checkout-index", "--all", "--quiet", cwd=tree, **variables)
        yield tree
