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
    for change in changes:
        kind = _KINDS.get(change["Kind"], "modified")
        found = None
        unsized = kind != "deleted" and sized >= _MAX_SIZED
        if kind != "deleted" and not unsized:
            found = stat(container, change["Path"])
            sized += 1
        file = found if found is not None and not found.directory else None
        size = None if file is None else file.size
        out.append(Write(change["Path"], kind, size, file is not None and file.executable, unsized))
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


def writes_check(writes: Sequence[Write], config: Mapping[str, Any], watched: float) -> Check:
    """What was written outside volumes in the seconds that were watched, and what to mount there."""
    files = [write for write in writes if write.bytes is not None]
    unsized = sum(write.unsized for write in writes)
    total = sum(file.bytes or 0 for file in files)
    summary = f"nothing written outside volumes in the {watched:.0f} s watched"
    if files:
        count = f"{len(files)} file{'s' if len(files) != 1 else ''}"
        summary = f"{count}, {shown(total)} written outside volumes"
        if unsized:
            summary += f", and {unsized} more paths that were not measured"
        summary += f": {_advice(files)}"
    proof = {
        "paths": [file.path for file in files[:50]],
        "bytes": total,
        "not measured": unsized,
        "directories": directories_of(files),
        "volumes": list(config.get("Volumes") or {}),
        "seconds": round(watched, 1),
    }
    return Check("writes.layer", "writable layer", Verdict.PROVED, summary, proof)


def places_of(files: Iterable[Write]) -> list[str]:
    """The directories that hold what was written, as few as cover it; of the root the files themselves."""
    out: set[str] = set()
    for file in files:
        directory = posixpath.dirname(file.path)
        out.add(directory if directory.strip("/") else file.path)
    return sorted(
        one
        for one in out
        if not any(one != other and one.startswith(f"{other.rstrip('/')}/") for other in out)
    )


def directories_of(files: Iterable[Write]) -> list[str]:
    """What can be mounted over: the same, without files in the root, for which nothing can."""
    return places_of(file for file in files if posixpath.dirname(file.path).strip("/"))


def _advice(files: Sequence[Write]) -> str:
    directories = directories_of(files)
    lasting = [directory for directory in directories if not re.match(_PASSING, directory)]
    passing = [directory for directory in directories if re.match(_PASSING, directory)]
    in_the_root = [file.path for file in files if not posixpath.dirname(file.path).strip("/")]
    parts = [f"VOLUME {' '.join(lasting[:3])}"] if lasting else []
    if passing:
        parts.append(" ".join(f"--tmpfs {one}" for one in passing[:3]))
    if in_the_root:
        parts.append(
            f"a directory of its own for {', '.join(in_the_root[:2])}, which nothing can be mounted over"
        )
    return " and ".join(parts)


# What need not last: a tmpfs is enough.
_PASSING = r"/(?:tmp|run|var/(?:run|tmp|cache|lock)|dev|root/\.cache|home/[^/]+/\.cache)(?:/|$)"
