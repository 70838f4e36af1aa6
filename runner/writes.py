"""What a container wrote into its own layer."""

from __future__ import annotations

import base64
import json
from typing import Any

from .engine import errors
from .observation import Write
from .session import Container

_KINDS = {0: "modified", 1: "added", 2: "deleted"}
_MAX_SIZED = 200  # paths whose size is asked for, one call each
_GO_DIRECTORY = 1 << 31  # the directory bit of Go's FileMode


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
    engine = container.session.engine
    with errors(container.id[:12]):
        response = engine.api.head(engine.url_of(container.id, "archive"), params={"path": path}, timeout=10)
    header = response.headers.get("X-Docker-Container-Path-Stat")
    if response.status_code != 200 or not header:
        return None
    stat: dict[str, Any] = json.loads(base64.b64decode(header))
    return None if int(stat.get("mode", 0)) & _GO_DIRECTORY else int(stat.get("size", 0))
