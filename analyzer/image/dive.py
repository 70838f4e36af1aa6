"""dive's own numbers, for gates that were tuned to them. Our own are in image.py and differ.

dive counts each copy of a path that occurs in several layers, the visible one too, does not see
opaque directories, and takes the lowest layer for the base (dive 0.13, by its documentation and by
running it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .layer import Entry, LayerContents


class DiveNumbers(NamedTuple):
    """What `dive --ci` would judge. `user_wasted_percent` is a part of 1, None for a single layer."""

    efficiency: float
    wasted_bytes: int
    user_wasted_percent: float | None


def dive_numbers(layers: Sequence[LayerContents]) -> DiveNumbers:
    """Efficiency, wasted bytes and the user's share of them, as dive counts."""
    sizes: dict[str, list[int]] = {}
    stacked: dict[str, Entry] = {}
    for contents in layers:
        own = {entry.path: entry for entry in contents.entries if entry.path}
        parents = {path.rpartition("/")[0] for path in (*own, *contents.whiteouts)}
        for path in (*own, *contents.whiteouts):
            if path in parents:
                continue  # only leaves are counted
            if path in own:
                size = _size(own[path])
            else:
                target = stacked.get(path)
                inside = target is not None and target.kind == "directory"
                size = (
                    sum(_size(one) for at, one in stacked.items() if at.startswith(f"{path}/"))
                    if inside
                    else 0
                )
            sizes.setdefault(path, []).append(size)
        for path in contents.whiteouts:
            for gone in [at for at in stacked if at == path or at.startswith(f"{path}/")]:
                del stacked[gone]
        stacked.update(own)
    least = sum(min(found) for found in sizes.values())
    every = sum(sum(found) for found in sizes.values())
    wasted = sum(sum(found) for found in sizes.values() if len(found) > 1)
    user = sum(sum(_size(one) for one in contents.entries) for contents in layers[1:])
    return DiveNumbers(least / every if every else 1.0, wasted, wasted / user if user else None)


def _size(entry: Entry) -> int:
    return entry.size if entry.is_file else 0
