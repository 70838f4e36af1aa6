"""Removing what runs made: only what a journal names, each object by its ID, and nothing by force but containers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .engine import Engine, errors
from .errors import EngineError
from .journal import KINDS, Entry, Journal, abandoned, known_names, looks_like_ours, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRIES, _PAUSE = 20, 0.25  # for what the engine can't remove at once, and the seconds in between
_TOLD = 5  # names that a command lists at most
_COMMANDS = {"container": "rm -fv", "network": "network rm", "image": "image rm", "volume": "volume rm"}


@dataclass(slots=True)
class Receipt:
    """What a run removed at its end, and what would not go."""

    containers: int = 0
    networks: int = 0
    images: int = 0
    volumes: int = 0
    left: list[str] = field(default_factory=list)  # what, why, and the command that removes it

    def __str__(self) -> str:
        """One sentence for people."""
        counts = {kind: int(getattr(self, f"{kind}s")) for kind in KINDS}
        counted = [f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in counts.items() if count]
        removed = "removed " + ", ".join(counted) if counted else "nothing had to be removed"
        return f"{removed}; {'left: ' + '; '.join(self.left) if self.left else 'nothing else was touched'}"

    def add(self, kind: str) -> None:
        """One more of a kind was removed."""
        setattr(self, f"{kind}s", getattr(self, f"{kind}s") + 1)

    def plus(self, other: Receipt) -> Receipt:
        """Both together."""
        return Receipt(
            self.containers + other.containers,
            self.networks + other.networks,
            self.images + other.images,
            self.volumes + other.volumes,
            [*self.left, *other.left],
        )


def remove_all(engine: Engine, journal: Journal, receipt: Receipt) -> None:
    """Remove everything that a journal says may be left; what would not go is told in the receipt."""
    for entry in journal.left():
        try:
            remove(engine, journal, entry, receipt)
        except EngineError as error:
            receipt.left.append(
                f"{_called(entry)}: {error.problem} ({_command(engine, entry.kind, entry.name)})"
            )


def remove(engine: Engine, journal: Journal, entry: Entry, receipt: Receipt) -> None:
    """Remove one object, if the engine has it under the name that was written down and the ID that it told.

    Raises:
        EngineError: it would not go, or the name is another object's by now.
    """
    identity = find(engine, entry.kind, entry.name)
    if identity and entry.identity and identity != entry.identity:
        raise EngineError(_called(entry), f"its name is {identity[:19]}'s by now, which was not made here")
    if identity:
        with errors("clean-up"):
            _remove(engine, entry, identity)
        if find(engine, entry.kind, entry.name) == identity:
            raise EngineError(_called(entry), "the engine removes it, but it is still there")
        receipt.add(entry.kind)
        journal.gone(entry.name)
    elif entry.kind == "container" and entry.identity and (name := _renamed(engine, entry.identity)):
        # Its name confirms it no longer: whoever renamed it may want to keep it.
        raise EngineError(_called(entry), f"it was renamed to {name}, and stays")
    elif entry.settled:
        journal.gone(entry.name)


def find(engine: Engine, kind: str, name: str) -> str:
    """The ID of the object that has exactly this name; "" where there is none.

    Raises:
        EngineError: the engine can't tell.
    """
    import docker.errors

    api = engine.api
    calls: Mapping[str, Callable[[], Any]] = {
        "container": lambda: api.inspect_container(name),
        "network": lambda: api.inspect_network(name),
        "image": lambda: api.inspect_image(name),
        "volume": lambda: api.inspect_volume(name),
    }
    with errors("clean-up"):
        try:
            described = _patiently(calls[kind])
        except docker.errors.NotFound:
            return ""
        # An engine also finds what begins so, or has such an ID.
        own = described.get("RepoTags") or () if kind == "image" else (str(described["Name"]).lstrip("/"),)
        wanted = f"{name}:latest" if kind == "image" else name
        # A volume has no ID beside its name.
        return str(described["Name" if kind == "volume" else "Id"]) if wanted in own else ""


def _renamed(engine: Engine, identity: str) -> str:
    """The name of the container of this ID; "" where there is none."""
    import docker.errors

    with errors("clean-up"):
        try:
            return str(_patiently(lambda: engine.api.inspect_container(identity))["Name"]).lstrip("/")
        except docker.errors.NotFound:
            return ""


def _remove(engine: Engine, entry: Entry, identity: str) -> None:
    import docker.errors

    api = engine.api
    calls: Mapping[str, Callable[[], object]] = {
        # Its anonymous volumes go with it.
        "container": lambda: api.remove_container(identity, v=True, force=True),
        "network": lambda: api.remove_network(identity),
        # The tag alone, and the image only where it was its last one and no container uses it.
        "image": lambda: api.remove_image(entry.name, force=False, noprune=True),
        "volume": lambda: api.remove_volume(identity),
    }
    if entry.kind == "container" and engine.waits_before_removal:
        with contextlib.suppress(docker.errors.APIError):  # it does not run, or is gone
            api.kill(identity)
    with contextlib.suppress(docker.errors.NotFound):
        _patiently(calls[entry.kind])


def _patiently(call: Callable[[], Any]) -> Any:
    """The answer to a call, made again while the engine or another run is removing what it is about."""
    import docker.errors

    for _ in range(_TRIES):
        try:
            return call()
        except docker.errors.APIError as error:
            # 403: a network has endpoints; 409: a removal is under way; 500: a mount is busy, or, of
            # Podman's lists, what was to be listed has just gone.
            if error.status_code not in (403, 409, 500):
                raise
            time.sleep(_PAUSE)
    return call()


# What earlier runs left


def sweep(engine: Engine) -> Receipt:
    """Remove what runs left whose process and guardian are both gone, by their journals on this engine.

    Raises:
        JournalError: there is no state directory to look into.
    """
    receipt = Receipt()
    for journal in abandoned(engine.identity):
        try:
            remove_all(engine, journal, receipt)
        finally:
            journal.close()
    return receipt


def leftovers(engine: Engine) -> tuple[Entry, ...]:
    """What `sweep` would remove."""
    found = []
    for journal in abandoned(engine.identity):
        found += [entry for entry in journal.left() if find(engine, entry.kind, entry.name)]
        journal.close()
    return tuple(found)


def strangers(engine: Engine) -> tuple[str, ...]:
    """What looks like a run's, though no journal here holds it: sentences that say so, and what can be done.

    It may be another user's run that goes on, one of another machine on this engine, or one whose
    journal was lost. Nothing of it is ever touched.
    """
    # In this order: whatever a run here has made is in its journal until the engine has lost it again.
    named = list(_named(engine))
    known = known_names(engine.identity)
    out = []
    for kind, names in named:
        lost = sorted(name for name in names if name not in known and find(engine, kind, name))
        if lost:
            several = len(lost) > 1
            what = f"{len(lost)} {kind}s look like imglint's" if several else f"a {kind} looks like imglint's"
            it, stay = ("they", "stay") if several else ("it", "stays")
            out.append(
                f"{what}, but no record of this user's holds the name{'s' if several else ''}, so {it} {stay}."
                f" If no other imglint uses this engine, remove {'them' if several else 'it'}:"
                f" {_command(engine, kind, *lost[:_TOLD])}{' …' if lost[_TOLD:] else ''}"
            )
    out += [
        f"{path} is no record that imglint can read, so nothing was removed by it."
        " Remove what it names if nobody needs it, then the file."
        for path in unreadable()
    ]
    return tuple(out)


def _named(engine: Engine) -> Iterator[tuple[str, list[str]]]:
    """The names on an engine that look like ours, by kind."""
    api = engine.api
    with errors(engine.url):
        containers = _patiently(lambda: api.containers(all=True))
        networks = _patiently(lambda: api.networks())
        images = _patiently(lambda: api.images())
        volumes = _patiently(lambda: api.volumes()).get("Volumes") or ()
        names = {
            "container": [str(name).lstrip("/") for found in containers for name in found.get("Names") or ()],
            "network": [str(found.get("Name")) for found in networks],
            "image": [
                str(tag).removesuffix(":latest") for found in images for tag in found.get("RepoTags") or ()
            ],
            "volume": [str(found.get("Name")) for found in volumes],
        }
    for kind in KINDS:
        yield kind, [name for name in names[kind] if looks_like_ours(name)]


def _command(engine: Engine, kind: str, *names: str) -> str:
    return f"{engine.command} {_COMMANDS[kind]} {' '.join(names)}"


def _called(entry: Entry) -> str:
    return f"the {entry.kind} {entry.name}"
