"""Where the marks of credentials stand in bytes: all of them at once, in one of two ways that find the same.

With the extra `secrets`, hyperscan reads them at the speed of memory. Without it, NumPy looks up each pair of bytes
in a table, and what is left of a few pairs is compared.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from .shapes import SHAPES, URL, Shape

Positions = Callable[
    [bytes], list[tuple[int, int]]
]  # data → places of marks and their numbers, in their order

MARKS = tuple(dict.fromkeys(mark for shape in SHAPES for mark in shape.marks))
_LONGEST_RUN = 16  # characters that hyperscan compares behind a mark
_LONGEST_URL = 176  # from its colon to the sign before the host


@functools.cache
def positions() -> Positions:
    """The faster of the ways that this machine has."""
    try:
        return with_hyperscan()
    except ImportError:
        return with_tables()


# How often bytes stand in files, roughly: of a mark the rarest pair is looked for.
_OFTEN = {
    **dict.fromkeys(b"abcdefghijklmnopqrstuvwxyz", 5),
    **dict.fromkeys(b"_/.=", 3),
    **dict.fromkeys(b"-:", 2),
}


def _rarest(mark: bytes) -> int:
    return min(range(len(mark) - 1), key=lambda at: _OFTEN.get(mark[at], 1) * _OFTEN.get(mark[at + 1], 1))


def with_tables() -> Positions:
    """By a table of all pairs of bytes."""
    import numpy

    table = numpy.zeros(1 << 16, dtype=numpy.bool_)
    by_pair: dict[bytes, list[tuple[bytes, int, int]]] = defaultdict(list)
    for number, mark in enumerate(MARKS):
        at = _rarest(mark)
        pair = mark[at : at + 2]
        table[int.from_bytes(pair, "little")] = True
        by_pair[pair].append((mark, at, number))

    def found(data: bytes) -> list[tuple[int, int]]:
        places = []
        for first in (0, 1):
            count = (len(data) - first) // 2
            if count > 0:
                pairs = numpy.frombuffer(data, "<u2", count, first)
                hits = numpy.flatnonzero(numpy.take(table, pairs, mode="clip"))
                places += (hits * 2 + first).tolist()
        return sorted(
            (place - at, number)
            for place in places
            for mark, at, number in by_pair[data[place : place + 2]]
            if place >= at and data.startswith(mark, place - at)
        )

    return found


# The one part of a pattern that says how many characters of a class must follow the mark.
_RUN = re.compile(rb"(\[[^\]]+\]|\\[dw])(?:\{(\d+)(?:,\d*)?\})?(?![?*+{])")


def _run(shape: Shape) -> tuple[bytes, int]:
    """What follows the mark in any case, as a pattern of so many characters."""
    found = _RUN.match(shape.rest)
    if found is None:
        return b"", 0
    count = min(int(found[2] or 1), _LONGEST_RUN)
    return found[1] + b"{%d}" % count if count else b"", count


def with_hyperscan() -> Positions:
    """By hyperscan.

    Raises:
        ImportError: it is not installed.
    """
    import hyperscan

    patterns: dict[bytes, tuple[int, int]] = {}  # pattern → number of the mark, and how long it is
    for shape in SHAPES:
        for mark in shape.marks:
            run, count = _run(shape)
            patterns[re.escape(mark) + run] = (MARKS.index(mark), len(mark) + count)
    # Most URLs hold no password: they are compared up to the sign before the host.
    url = next(shape.rest for shape in SHAPES if shape.kind == URL)
    login = re.sub(rb"\?P<\w+>", b"?:", url.partition(b"@(?P<host>")[0])
    del patterns[b"://"]
    patterns[b"://" + login + b"@"] = (MARKS.index(b"://"), 0)
    known = tuple(patterns.values())
    database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=list(patterns),
        ids=list(range(len(patterns))),
        flags=[hyperscan.HS_FLAG_DOTALL] * len(patterns),
    )

    def found(data: bytes) -> list[tuple[int, int]]:
        places = set()

        def hit(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            number, length = known[pattern]
            # Where a URL begins is not told, and there is no slash in what follows.
            place = end - length if length else data.rfind(b"://", max(end - _LONGEST_URL, 0), end)
            if place >= 0:
                places.add((place, number))

        if data:
            database.scan(data, match_event_handler=hit)
        return sorted(places)

    return found
