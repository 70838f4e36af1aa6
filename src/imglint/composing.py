"""`--compose`: the services of a file, each to be proved with what it depends on beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .analyzer import InputError
from .proving import Wishes

if TYPE_CHECKING:
    from .runner.compose.services import Composed
    from .runner.service import Service
    from .runner.start import Start


class Target(NamedTuple):
    """A service to prove."""

    name: str
    image: str
    start: Start
    services: tuple[Service, ...]  # what is started before it
    publish: tuple[str, ...]  # its ports

    def over(self, wishes: Wishes) -> Wishes:
        """What is wished for it: the file's, and over that what the command line and other files ask for."""
        return wishes._replace(
            start=self.start if wishes.start is None else wishes.start.over(self.start),
            services=self.services,
            called=self.name,
            publish=(
                *wishes.publish,
                *(port for port in self.publish if not _published(port, wishes.publish)),
            ),
        )


class Stack(NamedTuple):
    """What of a compose file is proved."""

    targets: Mapping[str, Target]  # by NAME=IMAGE, as reports call them
    notes: tuple[str, ...]
    asked: tuple[str, ...]  # the command, for reports


def _published(port: str, asked: Sequence[str]) -> bool:
    return any(text.removesuffix("/tcp").rpartition(":")[2] == port for text in asked)


def stack(path: str, names: Sequence[str]) -> Stack:
    """The services of a file that are proved: those that are named, else all that are no tasks of others.

    The values of variables and secrets are masked from then on.

    Raises:
        InputError: the file can't be used, or has no such service.
    """
    from .runner.compose.file import read_compose
    from .runner.compose.order import must_be_orderable
    from .runner.compose.services import active, all_composed
    from .runner.service import COMPLETED

    file = read_compose(path, os.environ)
    every = all_composed(file)
    _hide(every, file.used)
    profiles = set(filter(None, file.variables.get("COMPOSE_PROFILES", "").split(",")))
    services = active(every, profiles, names)
    needs = {
        name: [edge for edge in one.needs if edge.required or edge.name in services]
        for name, one in services.items()
    }
    for edge in (edge for edges in needs.values() for edge in edges):
        if edge.name in every and edge.name not in services:
            profile = every[edge.name].profiles[0]
            hint = f"set COMPOSE_PROFILES={profile}"
            raise InputError(edge.place, f"needs {edge.name}, which its profile switches off", hint)
    must_be_orderable(needs)
    tasks = {edge.name for edges in needs.values() for edge in edges if edge.condition == COMPLETED}
    chosen = list(dict.fromkeys(names)) or [name for name in services if name not in tasks]
    if not chosen:
        raise InputError(path, "has no service that is on", "set COMPOSE_PROFILES, or name a service")
    targets = {}
    started: dict[str, None] = {}
    for name in chosen:
        one = services[name]
        beside = _before(name, services, needs)
        started |= dict.fromkeys([name, *(other.name for other in beside)])
        ports = tuple(dict.fromkeys(str(number) for number, _ in one.ports))
        targets[f"{name}={one.service.image}"] = Target(
            name, one.service.image, one.service.start, beside, ports
        )
    notes = [note for name in started for note in services[name].notes]
    left = [name for name in tasks if name not in names and not names]
    if left:
        notes.append(
            f"{', '.join(left)}: others wait for the end of it; it is started beside them, and not verified"
        )
    notes += file.notes
    return Stack(targets, tuple(dict.fromkeys(notes)), ("verify", "--compose", path, *names))


def _before(
    name: str, services: Mapping[str, Composed], needs: Mapping[str, Sequence[object]]
) -> tuple[Service, ...]:
    from .runner.compose.order import before

    out = []
    for awaited in before(name, needs):  # type: ignore[arg-type]
        service = services[awaited.name].service
        out.append(service._replace(awaited=awaited.condition, optional=not awaited.required))
    return tuple(out)


def _hide(services: Mapping[str, Composed], used: Mapping[str, str]) -> None:
    from .analyzer.credentials import hide
    from .run_options import hide_values

    images = [one.service.image for one in services.values()]
    hide_values(used, images)
    for one in services.values():
        hide_values(one.service.start.environment, images)
        hide(secret for secret in one.secrets if secret)
