"""What a container wrote into its own layer."""

from __future__ import annotations

from .engine import errors
from .files import stat
from .observation import Write
from .session import Container

_KINDS = {0: "modified", 1: "added", 2: "deleted"}
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
        size = None
        if kind != "deleted" and sized < _MAX_SIZED:
            size = _file_size(container, one["Path"])
            sized += 1
        out.append(Write(one["Path"], kind, size))
    return tuple(out)


def _file_size(container: Container, path: str) -> int | None:
    """The size of a file by the engine's word; None for anything else."""
    found = stat(container, path)
    return None if found is None or found.directory else found.size
