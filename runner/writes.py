"""What a container wrote into its own layer."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..analyzer.sizes import shown
from .engine import errors
from .files import read, stat
from .observation import Check, Verdict, Write
from .session import Container

_KINDS = {0: "modified", 1: "added", 2: "deleted"}
_ACCOUNTS = ("/etc/passwd", "/etc/group")
_MAX_SIZED = 200  # paths whose size is asked for, one call each


def written(container: Container) -> tuple[Write, ...]:
    """The paths that differ from the image; `bytes` is None for directories and what is gone."""
    api = container.session.engine.api
    with errors(container.id[:12]):
        changes = api.diff(container.id) or []
    out = []
    sized = 0
    for one in changes:
        kind = _KINDS.get(one["Kind"], "modified")
        found = None
        if kind != "deleted" and sized < _MAX_SIZED:
            found = stat(container, one["Path"])
            sized += 1
        file = found if found is not None and not found.directory else None
        size = None if file is None else file.size
        out.append(Write(one["Path"], kind, size, file is not None and file.executable))
    if container.session.engine.adds_accounts and any(one.path in _ACCOUNTS for one in out):
        ours = _added_by_engine(container)
        out = [one for one in out if one.path not in ours]
    return tuple(out)


def _added_by_engine(container: Container) -> set[str]:
    """The files of accounts in which nothing changed but the engine's own line for the container's user."""
    untouched = container.session.create()
    try:
        return {
            path
            for path in _ACCOUNTS
            if only_a_number_added(read(untouched, path) or b"", read(container, path) or b"")
        }
    finally:
        untouched.remove()


def only_a_number_added(before: bytes, after: bytes) -> bool:
    """Whether a file of accounts has one line more, whose name is its own number: no program names users so."""
    lines = after.removeprefix(before).splitlines()
    fields = lines[0].split(b":") if after.startswith(before) and len(lines) == 1 else []
    return len(fields) > 3 and fields[0].isdigit() and fields[0] == fields[2]


def writes_check(writes: Sequence[Write], config: Mapping[str, Any]) -> Check:
    """What was written outside volumes, and what to mount there."""
    files = [one for one in writes if one.bytes is not None]
    total = sum(one.bytes or 0 for one in files)
    directories = directories_of(files)
    summary = "nothing written outside volumes"
    if files:
        summary = f"{len(files)} files, {shown(total)} written outside volumes: {_mounts(directories)}"
    proof = {
        "paths": [one.path for one in files[:50]],
        "bytes": total,
        "directories": directories,
        "volumes": list(config.get("Volumes") or {}),
    }
    return Check("writes.layer", "writable layer", Verdict.PROVED, summary, proof)


def directories_of(files: Iterable[Write]) -> list[str]:
    """The directories that hold what was written: as few as cover it, none of them a system's own."""
    out: set[str] = set()
    for one in files:
        directory = posixpath.dirname(one.path)
        out.add(directory if directory.strip("/") else one.path)
    return sorted(
        one
        for one in out
        if not any(one != other and one.startswith(f"{other.rstrip('/')}/") for other in out)
    )


def _mounts(directories: Sequence[str]) -> str:
    lasting = [one for one in directories if not re.match(_PASSING, one)]
    passing = [one for one in directories if re.match(_PASSING, one)]
    parts = [f"VOLUME {' '.join(lasting[:3])}"] if lasting else []
    if passing:
        parts.append(" ".join(f"--tmpfs {one}" for one in passing[:3]))
    return " and ".join(parts)


# What need not last: a tmpfs is enough.
_PASSING = r"/(?:tmp|run|var/(?:run|tmp|cache|lock)|dev|root/\.cache|home/[^/]+/\.cache)(?:/|$)"
