"""How the recorded sizes of images went, and whether one grew by more than it may."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from typing import NamedTuple

from .gates import Gate, Growth


class Row(NamedTuple):
    """What one image weighed at one commit. The fields are the columns of the file."""

    recorded: str  # UTC, ISO 8601
    commit: str  # "" where there was none
    image: str  # without its tag
    tag: str
    platform: str
    id: str
    pull_bytes: int
    content_bytes: int
    live_bytes: int
    wasted_bytes: int
    layers: int

    @property
    def key(self) -> tuple[str, ...]:
        """What there is one row of."""
        return (self.commit, self.image, self.tag, self.platform)


class Trend(NamedTuple):
    """The last rows of one image on one platform, the earliest first."""

    rows: tuple[Row, ...]  # at least one
    before: Row | None  # the row that stands before them
    gate: Gate | None  # None: growth has no limit


def trends(
    rows: Iterable[Row],
    *,
    image: str | None = None,
    last: int = 20,
    growth: Growth | None = None,
    over: int = 1,
) -> tuple[Trend, ...]:
    """The trend of each image and platform.

    Args:
        rows: as recorded.
        image: only images of this name; `*` and `?` stand for anything.
        last: how many rows to keep of each.
        growth: by how much content may grow.
        over: since the row that stands so many rows before the last, or since the first.
    """
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(Row._fields))
    if image is not None:
        frame = frame[[fnmatch.fnmatchcase(name, image) for name in frame["image"]]]
    found = []
    for _, group in frame.groupby(["image", "platform"], sort=False):
        whole = [Row(*values) for values in group.itertuples(index=False, name=None)]
        before = whole[-last - 1] if len(whole) > last else None
        gate = None if growth is None else _gate(whole, growth, over)
        found.append(Trend(tuple(whole[-last:]), before, gate))
    return tuple(found)


def _gate(rows: list[Row], growth: Growth, over: int) -> Gate:
    now = rows[-1]
    name = f"{now.image}:{now.tag}" if now.tag else now.image
    if len(rows) == 1:
        return Gate(name, "max-growth", 0, None, True, "there is nothing recorded yet to compare with")
    then = rows[max(len(rows) - 1 - over, 0)]
    allowed = growth.allowed(then.content_bytes)
    grown = now.content_bytes - then.content_bytes
    since = then.commit[:9] or then.recorded
    return Gate(name, "max-growth", allowed, grown, grown <= allowed, f"since {since}")
