"""In which order services are started: by what they depend on, and by what is awaited of each."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ...analyzer.errors import InputError
from ..service import COMPLETED, HEALTHY, STARTED

CONDITIONS = (STARTED, HEALTHY, COMPLETED)  # a later one asks for more


class Dependency(NamedTuple):
    """What a service waits for."""

    name: str
    condition: str = STARTED
    required: bool = True
    place: str = ""  # for errors


class Awaited(NamedTuple):
    """A service that is started before another one."""

    name: str
    condition: str
    required: bool


Dependencies = Mapping[str, Sequence[Dependency]]


def before(name: str, needs: Dependencies) -> tuple[Awaited, ...]:
    """What is started before a service, in this order, each with the most that anybody awaits of it.

    Args:
        name: of the service.
        needs: what each service depends on; all names are in it, and there is no cycle.
    """
    order: dict[str, None] = {}
    _visit(name, needs, order)
    del order[name]
    found = []
    for one in order:
        edges = [edge for other in (*order, name) for edge in needs[other] if edge.name == one]
        condition = max((edge.condition for edge in edges), key=CONDITIONS.index)
        found.append(Awaited(one, condition, any(edge.required for edge in edges)))
    return tuple(found)


def _visit(name: str, needs: Dependencies, order: dict[str, None]) -> None:
    """Depth first, without recursion: a chain may be long."""
    stack = [(name, iter(needs[name]))]
    entered = {name}
    while stack:
        current, edges = stack[-1]
        edge = next((one for one in edges if one.name not in entered), None)
        if edge is None:
            order[current] = None
            stack.pop()
        else:
            entered.add(edge.name)
            stack.append((edge.name, iter(needs[edge.name])))


def must_be_orderable(needs: Dependencies) -> None:
    """See that each name is a service, and that none waits for itself.

    Raises:
        InputError: a name is unknown, with the nearest one; or they wait in a circle, which is told in full.
    """
    for edges in needs.values():
        for edge in edges:
            if edge.name not in needs:
                raise InputError(
                    edge.place, f"names {edge.name}, which is no service", nearest(edge.name, needs)
                )
    done: set[str] = set()
    for name in needs:
        trail: list[str] = []
        stack = [(name, iter(needs[name]))] if name not in done else []
        trail += [name] if stack else []
        while stack:
            current, waiting = stack[-1]
            following = next((one for one in waiting if one.name not in done), None)
            if following is None:
                done.add(current)
                stack.pop()
                trail.pop()
            elif following.name in trail:
                circle = " → ".join([*trail[trail.index(following.name) :], following.name])
                raise InputError(
                    following.place,
                    f"closes a circle of services that wait for each other: {circle}",
                    "take one out",
                )
            else:
                stack.append((following.name, iter(needs[following.name])))
                trail.append(following.name)


def nearest(name: str, known: Collection[str]) -> str:
    """A hint for a name that is unknown."""
    close = difflib.get_close_matches(name, known, 1, 0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known)[:12])}"
