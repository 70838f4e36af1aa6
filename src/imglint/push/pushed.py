"""What `git push` is about to send: its commits, and each version of each Dockerfile that they bring."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from ..analyzer import InputError
from ..analyzer.credentials import mask_shapes
from ..analyzer.sizes import shown
from ..discovery import SKIPPED_DIRECTORIES, begins_as_dockerfile, looks_like_dockerfile
from ..git import git
from ..linting import MAX_DOCKERFILE_BYTES
from .repository import Change, Object, Repository, TreeEntry, changes

_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PASS = "`git push --no-verify` pushes without the hook"  # noqa: S105
# Of renamed files only such are looked for; which of them are Dockerfiles is for `looks_like_dockerfile` to say.
_NAMES = (":(top,icase)*dockerfile*", ":(top,icase)*containerfile*")
_DIFF = ("diff-tree", "-r", "--root", "--raw", "-z", "--no-abbrev", "--no-ext-diff", "--no-textconv")
NAME_OF_BLOB = "Dockerfile"  # a blob that a ref names has no path


class Ref(NamedTuple):
    """A line that Git gives to a pre-push hook: this local object goes to that remote ref.

    `remote_oid` is what the remote has there: zeros or "" when it has nothing or nobody knows.
    """

    local: str
    oid: str
    remote: str
    remote_oid: str

    @property
    def deletes(self) -> bool:
        """Whether the remote ref is deleted, so that nothing is sent."""
        return not self.oid.strip("0")


class Version(NamedTuple):
    """A file in a commit that sends it: no parent has it so."""

    commit: str
    path: str
    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, neither a link nor a repository of its own."""
        return self.mode.startswith("100")


class Head(NamedTuple):
    """A commit that a ref is set to, and that no other pushed ref leads to."""

    commit: str
    ref: str
    bases: tuple[str, ...]  # commits that the remote has and that this one goes on from; (): none
    kind: str = "commit"  # a tag can name a "tree" or a "blob" without a commit


class Pushed(NamedTuple):
    """What a push sends.

    `commits` are those that the remote does not have, oldest first, each with the head that it is looked at
    with; `versions` those of Dockerfiles that they bring, oldest first; `known` the versions of Dockerfiles
    that stand in what the remote is known to have, wherever, by object.
    """

    heads: tuple[Head, ...]
    commits: Mapping[str, Head]
    versions: tuple[Version, ...]
    known: frozenset[str]
    notes: tuple[str, ...]


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


def at(revision: str, remote: str = "", before: str = "") -> Ref:
    """A revision of the repository here, as if it were pushed where the remote has `before`.

    Raises:
        InputError: there is no such revision.
    """
    oid, known = (
        git("rev-parse", "--verify", "--end-of-options", one).strip() if one.strip("0") else ""
        for one in (revision, before)
    )
    return Ref(revision, oid, remote, known)


def is_candidate(path: str) -> bool:
    """Whether a path of a repository is one that `imglint` would look at, too, by its name."""
    *directories, name = path.split("/")
    return looks_like_dockerfile(name) and SKIPPED_DIRECTORIES.isdisjoint(directories)


def pushed(repository: Repository, found: Iterable[Ref], remote: str) -> Pushed:
    """What these refs send to a remote.

    What the remote has is told by what it says of the refs, and by the refs that Git keeps of it. Whatever is
    not known to be there counts as sent.

    Args:
        repository: the one here.
        found: the refs that are pushed.
        remote: its name; "" or an address: nothing is kept of it.

    Raises:
        InputError: the repository does not hold an object.
    """
    notes: list[str] = []
    live = [ref for ref in found if not ref.deletes]
    if not live:
        return Pushed((), {}, (), frozenset(), ())
    kept = _kept_of(repository, remote)
    olds = {ref.remote_oid for ref in found if ref.remote_oid.strip("0")}
    names = [*(ref.oid for ref in live), *kept, *olds]
    # A tag leads to what it tags.
    objects = repository.objects([*names, *(f"{name}^{{}}" for name in names)])
    for ref in live:
        if f"{ref.oid}^{{}}" not in objects:
            raise InputError(ref.local, f"is {ref.oid[:9]}, which the repository here does not hold", _PASS)
    peeled = {name: objects[f"{name}^{{}}"] for name in names if f"{name}^{{}}" in objects}
    for ref in live:
        if ref.remote_oid in olds and ref.remote_oid not in peeled:
            notes.append(
                f"{ref.remote} of the remote is {ref.remote_oid[:9]}, which is not here: all that the remote is"
                " not known to have is looked at"
            )
    has = {one.oid for name in (*kept, *olds) if (one := peeled.get(name)) and one.kind == "commit"}
    tips = {peeled[ref.oid].oid: ref for ref in live if peeled[ref.oid].kind == "commit"}
    trees = {peeled[ref.oid].oid: ref.local for ref in live if peeled[ref.oid].kind == "tree"}
    parents = _range(repository, tips, has)
    notes += _shallow(repository, parents)
    leading = {parent for some in parents.values() for parent in some}
    heads = []
    edges: set[str] = set()
    for tip, ref in tips.items():
        if tip in parents and tip not in leading:
            old = peeled.get(ref.remote_oid)
            edge = _edge(tip, parents)
            edges |= edge
            bases = (old.oid,) if old and old.kind == "commit" else tuple(sorted(edge))
            heads.append(Head(tip, ref.local, bases))
    of: dict[str, Head] = {head.commit: head for head in heads}
    for commit, some in parents.items():  # children stand before their parents
        for parent in some:
            if parent in parents:
                of.setdefault(parent, of[commit])
    versions = [
        Version(commit, one.path, one.mode, one.oid)
        for commit, one in _brought(repository, parents)
        if not one.deletes
    ]
    for tree, ref_name in trees.items():
        heads.append(Head(tree, ref_name, (), "tree"))
        of[tree] = heads[-1]
        entries: dict[str, TreeEntry] = repository.tree(tree)
        versions += [
            Version(tree, path, one.mode, one.oid) for path, one in entries.items() if is_candidate(path)
        ]
    blobs = {peeled[ref.oid]: ref.local for ref in live if peeled[ref.oid].kind == "blob"}
    for blob, ref_name in blobs.items():
        note = _no_dockerfile(repository, blob)
        if note:
            notes.append(f"{ref_name}: is the blob {blob.oid[:9]}, which {note}, and was not looked at")
            continue
        heads.append(Head(blob.oid, ref_name, (), "blob"))
        of[blob.oid] = heads[-1]
        versions.append(Version(blob.oid, NAME_OF_BLOB, "100644", blob.oid))
    known = _known(repository, has, edges) if versions else set()
    commits = {
        commit: of[commit]
        for commit in (*reversed(parents), *trees, *(one.oid for one in blobs))
        if commit in of
    }
    return Pushed(tuple(heads), commits, tuple(versions), frozenset(known), tuple(notes))


def changed(repository: Repository, head: Head, base: str) -> dict[str, str | None]:
    """The candidates that a head has otherwise than a base; each with the base's version, also of another name.

    What was renamed or copied has the version that it was made of. None: the base has no version.
    """
    both = (base, head.commit, "--", *_NAMES)
    printed = repository.tells(*_DIFF, "--find-renames=30%", *both)
    if printed is None:  # a clone without all blobs can't compare them
        printed = repository.ask(*_DIFF, "--no-renames", *both)
    old = _old_versions(printed)
    if None in old.values():
        # Any two Dockerfiles have lines in common, so a copy has to be more alike than what replaces a file.
        copied = _old_versions(
            repository.tells(*_DIFF, "--find-copies=50%", "--find-copies-harder", *both) or b""
        )
        old = {path: oid or copied.get(path) for path, oid in old.items()}
    return old


def _old_versions(printed: bytes) -> dict[str, str | None]:
    """What `git diff-tree` tells of the candidates that are there afterwards: what each was before."""
    return {
        one.path: one.before[0] if one.before[0].strip("0") else None
        for _, one in changes(printed.split(b"\0"))
        if not one.deletes and is_candidate(one.path)
    }


def _known(repository: Repository, has: set[str], edges: set[str]) -> set[str]:
    """The objects of the Dockerfiles that the remote has, as far as their trees are here."""
    for commits in (has | edges, edges):
        with suppress(InputError):
            return _versions_in(repository, commits)
    return set()


def _versions_in(repository: Repository, commits: Iterable[str]) -> set[str]:
    """The objects of all Dockerfiles, by their paths, that stand in the trees of these commits.

    One tree is read whole, and of each other what it has otherwise than the one next to it in time: a remote
    may have thousands of branches.

    Raises:
        InputError: the clone is partial, and a tree is not here.
    """
    told = "".join(f"{commit}\n" for commit in sorted(commits)).encode()
    if not told:
        return set()
    first, *others = ordered = (
        repository.ask("rev-list", "--no-walk=sorted", "--stdin", told=told).decode().split()
    )
    found = {one.oid for path, one in repository.tree(first).items() if one.is_file and is_candidate(path)}
    if others:
        pairs = "".join(f"{commit} {before}\n" for before, commit in pairwise(ordered)).encode()
        fields = repository.fields(*_DIFF, "--no-renames", "--stdin", told=pairs)
        found |= {
            one.oid for _, one in changes(fields) if one.mode.startswith("100") and is_candidate(one.path)
        }
    return found


def _no_dockerfile(repository: Repository, blob: Object) -> str:
    """Why a blob without a path is not looked at as a Dockerfile; "": it is."""
    if blob.size > MAX_DOCKERFILE_BYTES:
        return f"has {shown(blob.size)}"
    return "" if begins_as_dockerfile(repository.read(blob.oid)) else "does not begin as a Dockerfile"


def _kept_of(repository: Repository, remote: str) -> list[str]:
    """The objects of the refs that Git keeps of a remote."""
    remotes = (repository.tells("remote") or b"").decode("utf-8", "surrogateescape").splitlines()
    if remote not in remotes:
        return []
    # The refs of a remote of the name a/b lie below those of a, and are none of a's.
    inner = tuple(f"refs/remotes/{name}/" for name in remotes if name.startswith(f"{remote}/"))
    listed = repository.ask("for-each-ref", "--format=%(objectname) %(refname)", f"refs/remotes/{remote}/")
    lines = (line.split(" ", 1) for line in listed.decode("utf-8", "surrogateescape").splitlines())
    return [oid for oid, name in lines if not inner or not name.startswith(inner)]


def _range(repository: Repository, tips: Iterable[str], has: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The commits that lead to the tips and that the remote does not have, children first, with their parents."""
    told = "".join([*(f"{tip}\n" for tip in tips), *(f"^{one}\n" for one in has)])
    if not told:
        return {}
    lines = repository.ask("rev-list", "--topo-order", "--parents", "--stdin", told=told.encode())
    return {fields[0]: tuple(fields[1:]) for line in lines.decode().splitlines() if (fields := line.split())}


def _edge(tip: str, parents: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The commits of the remote that those behind a tip go on from."""
    edge = set()
    seen = {tip}
    waiting = [tip]
    while waiting:
        for parent in parents[waiting.pop()]:
            if parent not in parents:
                edge.add(parent)
            elif parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return edge


def _shallow(repository: Repository, parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A note when history was cut off among the commits that are sent."""
    path = repository.ask("rev-parse", "--git-path", "shallow").decode("utf-8", "surrogateescape")
    try:
        with open(os.path.join(repository.here, path.removesuffix("\n")), encoding="ascii") as stream:
            cut = [line.strip() for line in stream if line.strip() in parents]
    except (OSError, ValueError):
        return []
    return [
        f"the history here is cut off at commit {one[:9]}: what is before it was not looked at" for one in cut
    ]


def _brought(repository: Repository, parents: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, Change]]:
    """What the commits change of candidates, oldest first; of a merge only what no parent has so."""
    if not parents:
        return
    told = "".join(f"{commit}\n" for commit in reversed(parents)).encode()
    # Without paths it is three times as fast.
    fields = repository.fields(*_DIFF, "-c", "--no-renames", "--stdin", told=told)
    for commit, one in changes(fields):
        if is_candidate(one.path):
            yield commit, one
