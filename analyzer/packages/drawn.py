"""Who drew in which package: from those that somebody asked for along what they need and recommend."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .npm import NPM, Modules
from .record import Record

_MOST_NEEDS = 2000  # of a package; no real one has as many
MOST_HEADS = 5  # that are looked for; what so many draw in is nobody's alone


class Drawn(NamedTuple):
    """For whom a package was installed, by index."""

    head: bool  # somebody asked for it, or nobody needs it
    by: tuple[int, ...]
    recommended: bool  # nobody needs it: it is only recommended


_Edges = Sequence[Sequence[int]]


def drawn(records: Sequence[Record], layers: Sequence[int | None], modules: Modules) -> list[Drawn]:
    """Follow the dependencies of packages.

    Only what lies in the same layer was drawn in: what lies below was there before, and what lies above came later.

    Args:
        records: the packages.
        layers: the layer of each.
        modules: where Node finds packages.
    """
    answers: dict[tuple[str, str], int] = {}
    for at, record in enumerate(records):
        answers.setdefault((record.ecosystem, record.key), at)
    for at, record in enumerate(records):
        for answer in record.answers:
            answers.setdefault((record.ecosystem, answer), at)
    needs = [tuple(_found(record, record.needs, answers, modules)) for record in records]
    recommends = [tuple(_found(record, record.recommends, answers, modules)) for record in records]
    every = [(*one, *two) for one, two in zip(needs, recommends, strict=True)]
    needed = {to for at, ends in enumerate(every) for to in ends if to != at}
    heads = [
        at
        for at, record in enumerate(records)
        if record.wanted or (record.wanted is None and at not in needed)
    ]
    by = _spread(heads, every, layers)
    strictly = _spread(heads, needs, layers)
    known = frozenset(heads)
    return [
        Drawn(
            at in known,
            () if at in known else tuple(by[at]),
            at not in known and bool(by[at]) and not strictly[at],
        )
        for at in range(len(records))
    ]


def _found(
    record: Record,
    groups: Sequence[Sequence[str]],
    answers: Mapping[tuple[str, str], int],
    modules: Modules,
) -> Iterator[int]:
    """The packages that are meant: of each group the first that is there."""
    node = record.ecosystem == NPM
    homes = modules.homes(record.key) if node and groups else []
    for group in groups[:_MOST_NEEDS]:
        names = (f"{home}/{group[0]}" for home in homes) if node else iter(group)
        for name in names:
            found = answers.get((record.ecosystem, name))
            if found is None and node and (linked := modules.link(name)):
                found = answers.get((NPM, linked))
            if found is not None:
                yield found
                break


def _spread(heads: Sequence[int], edges: _Edges, layers: Sequence[int | None]) -> list[list[int]]:
    """Of each package the heads that it is reached from, the nearest first; also through other heads."""
    by: list[list[int]] = [[] for _ in edges]
    queue = deque((head, head) for head in heads)
    while queue:
        at, head = queue.popleft()
        ground = layers[head]
        for to in edges[at]:
            there = layers[to]
            apart = ground is not None and there is not None and there != ground
            if to == head or apart or head in by[to] or len(by[to]) >= MOST_HEADS:
                continue
            by[to].append(head)
            queue.append((to, head))
    return by
