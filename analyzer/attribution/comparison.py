"""Lays the instructions of a Dockerfile beside the steps of an image, and says what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..credentials import mask
from .alignment import aligned, continuous
from .notes import SILENT, Note
from .writings import Writing

if TYPE_CHECKING:
    from ..image import Image, Step

MAKERS = ("RUN", "COPY", "ADD")  # what puts something into a layer
_MOST_CELLS = 1_000_000  # more would take seconds, and no real image has so many steps
_SHOWN = 50  # characters
_SHOWN_RANGES = 3


class Comparison:
    """Instructions (rows) and steps (columns), in the order of the build.

    `pairs` has of each row the column of which there is no doubt. `is_whole` says that all rows fit, one
    after the other, with nothing between; `too_long` that there was too much to compare.
    """

    def __init__(
        self,
        writings: Sequence[Writing],
        steps: Sequence[Step],
        notes: Sequence[Note],
        image: Image,
        *,
        from_scratch: bool,
    ) -> None:
        self.writings = writings
        self.steps = steps
        self._notes = notes
        # kaniko notes what has changed a file, and nothing else.
        by_kaniko = any(step.author == "kaniko" for step in steps)
        silent = {
            row
            for row, one in enumerate(writings)
            if one.keyword in SILENT or (by_kaniko and one.keyword not in ("COPY", "ADD"))
        }
        self._telling = [
            row
            for row, one in enumerate(writings)
            if row not in silent or (by_kaniko and one.keyword == "RUN")
        ]
        self._free = {column for column, one in enumerate(notes) if one.keyword in SILENT}
        # What --label adds stands at the end.
        for column in range(len(notes) - 1, -1, -1):
            if notes[column].keyword != "LABEL":
                break
            self._free.add(column)
        start = not from_scratch
        self._matches: list[set[int]] = []

        def fit(row: int, column: int) -> bool:
            return writings[row].keyword == notes[column].keyword and writings[row].fits(notes[column], image)

        height, width = len(writings), len(notes)
        pairs = continuous(fit, height, width, silent, self._free, free_start=start)
        if pairs is not None and by_kaniko and self._lacks_run(pairs):
            pairs = None
        self.is_whole = pairs is not None
        self.too_long = pairs is None and height * width > _MOST_CELLS
        if pairs is None and not self.too_long:
            self._matches = [{column for column in range(width) if fit(row, column)} for row in range(height)]
            pairs = aligned(self._matches, width, silent, self._free, free_start=start)
        self.pairs = pairs or {}
        self._start = min(self.pairs.values(), default=width) if start else 0

    def _lacks_run(self, pairs: Mapping[int, int]) -> bool:
        """Whether a RUN of kaniko's that fits nothing may be one that was edited, not one that changed nothing."""
        above = min(pairs.values(), default=len(self.steps)) - 1
        alone = any(one.keyword == "RUN" and row not in pairs for row, one in enumerate(self.writings))
        return alone and above >= 0 and self.steps[above].author == "kaniko"

    @cached_property
    def is_related(self) -> bool:
        """Whether so much fits that the image was built from an earlier or a later version."""
        makers = [row for row in self._telling if self.writings[row].keyword in MAKERS]
        # Of those in doubt it is sure that they fit something.
        fitting = sum(bool(self._matches[row]) for row in self._telling)
        own = sum(column not in self._free for column in range(self._start, len(self.steps)))
        enough = 2 * fitting >= max(len(self._telling), own)
        return enough and any(row in self.pairs for row in makers or self._telling)

    @property
    def is_untold(self) -> bool:
        """Whether the history names nothing that can have made a layer, as after a squash."""
        return not any(note.keyword in MAKERS for note in self._notes)

    def difference(self, *, last: bool = False) -> str:
        """The first thing that does not fit, or the last, in words."""
        known = set(self.pairs.values())
        order = range(len(self.writings))
        for row in reversed(order) if last else order:
            one = self.writings[row]
            if row in self.pairs or row not in self._telling:
                continue
            between = self._between(row)
            if not self._matches[row].intersection(between):
                there = next((self.steps[at].text for at in between if at not in known), "")
                said = f"the image has {_short(there)!r}" if there else "the image has no such step"
                return f"line {one.instruction.span.line} is {_short(one.instruction.line.value)!r}, where {said}"
        for column in range(self._start, len(self.steps)):
            if column not in known and column not in self._free and not self._fits_any(column):
                return f"the image has {_short(self.steps[column].text)!r}, which is not there"
        return "it has the same step more than once, and lines that were moved, added or removed"

    def fitting(self) -> str:
        """The lines that fit: "lines 2 to 7 and 9 match"."""
        ranges: list[tuple[int, int]] = []
        after_gap = True
        for row, one in enumerate(self.writings):
            if row not in self.pairs:
                after_gap = after_gap or row in self._telling
                continue
            span = one.instruction.span
            if after_gap:
                ranges.append((span.line, span.end_line))
            else:
                ranges[-1] = (ranges[-1][0], span.end_line)
            after_gap = False
        told = [
            str(first) if first == last else f"{first} to {last}" for first, last in ranges[:_SHOWN_RANGES]
        ]
        if len(ranges) > _SHOWN_RANGES:
            told.append("others")
        listed = " and ".join(filter(None, (", ".join(told[:-1]), told[-1] if told else "")))
        one_line = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
        return f"line {listed} matches" if one_line else f"lines {listed} match"

    def _fits_any(self, column: int) -> bool:
        return any(column in columns for columns in self._matches)

    def _between(self, row: int) -> range:
        """The columns between what fits above a row and what fits below; one where nothing fits above."""
        above = max((column for one, column in self.pairs.items() if one < row), default=-1)
        below = min((column for one, column in self.pairs.items() if one > row), default=len(self.steps))
        return range(above + 1 if above >= 0 or not self._start else max(below - 1, 0), below)


def _short(text: str) -> str:
    flat = mask(" ".join(text.split()))
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"
