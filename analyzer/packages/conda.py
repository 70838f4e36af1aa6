"""Conda's packages: a JSON file for each, with its files."""

from __future__ import annotations

import itertools
import json
import posixpath

from .record import NAMELESS, Facts, Record, Unread, bounded

CONDA = "conda"


def read(path: str, data: bytes) -> Facts:
    """What a file of `conda-meta/` says."""
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError("is no object")
    prefix = posixpath.dirname(posixpath.dirname(path))
    name, version = document.get("name"), document.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        yield Unread(path, NAMELESS)
        return
    files, needs = (
        [one for one in document.get(field) or () if isinstance(one, str)] for field in ("files", "depends")
    )
    asked = document.get("requested_spec")
    yield Record(
        CONDA,
        path,
        name,
        version,
        files=bounded(
            itertools.chain(
                [path], (posixpath.normpath(posixpath.join("/", prefix, one)).lstrip("/") for one in files)
            )
        ),
        answers=(f"{prefix}:{name}",),
        needs=tuple(
            (one,) for one in bounded(f"{prefix}:{need.split()[0]}" for need in needs if need.strip())
        ),
        wanted=asked not in ("", "None", None) if "requested_spec" in document else None,
        architecture=str(document.get("subdir") or ""),
    )
