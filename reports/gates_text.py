"""Gates, for people: what was allowed, what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .look import PLAIN, Look
from .tables import clipped, size, table

if TYPE_CHECKING:
    from ..rules.gates import Gate

_PARTS = ("min-efficiency", "max-own-waste")


def gates(found: Iterable[Gate], look: Look = PLAIN) -> str:
    """A row for each gate."""
    rows = [
        [
            look.verdict("passed" if one.passed else "FAILED"),
            one.name,
            measured(one.name, one.value),
            measured(one.name, one.limit) if one.value is not None or one.name != "max-growth" else "",
            clipped(one.image, 40),
            one.note,
        ]
        for one in found
    ]
    return table(rows, ["gate", "limit on", "is", "may be", "image", ""], right=("is", "may be"))


# What each limit is about.
_MEASURES = {
    "max-size": "the content", "max-pull": "what a registry sends", "max-layer": "the content of the largest layer",
    "max-waste": "what can't be seen", "max-reclaim": "what a rebuild could save", "min-efficiency": "the efficiency",
    "max-own-waste": "the own waste", "max-growth": "the growth",
}  # fmt: skip


def missed(gate: Gate) -> str:
    """A limit that is not kept, in one sentence."""
    is_, may_be = measured(gate.name, gate.value), measured(gate.name, gate.limit)
    return f"{gate.image}: {_MEASURES.get(gate.name, gate.name)} is {is_}, and {gate.name} allows {may_be}"


def measured(name: str, value: float | None) -> str:
    """What was measured, or allowed, in the units of a limit; "-" where nothing was."""
    if value is None:
        return "-"
    if name in _PARTS:
        return f"{value:.1%}"
    return size(int(value)) if value >= 0 else f"-{size(int(-value))}"
