"""What a run would start, touch and remove, found out without making anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .cleanup import leftovers, strangers
from .egress import target
from .engine import Engine
from .errors import EngineError
from .healthcheck import configured
from .journal import state_path
from .ports import declared_ports
from .service import Service, services_must_be_there
from .session import PROBE
from .start import Start, must_be_there


@dataclass(frozen=True, slots=True)
class Plan:
    """Sentences, by what would be done."""

    image: str
    engine: str
    starts: tuple[str, ...]
    makes: tuple[str, ...]
    touches: tuple[str, ...]
    removes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def plan(
    engine: Engine,
    image: str,
    *,
    archive: bool = False,
    publish: Sequence[str] = (),
    deep: bool = False,
    harden: bool = False,
    structure_tests: int = 0,
    checks: bool = True,
    probe: str = PROBE,
    network: str = "",
    start: Start = Start(),  # noqa: B008
    services: Sequence[Service] = (),
) -> Plan:
    """The plan of `verify` with the same options.

    Args:
        engine: a connected engine.
        image: a name or ID.
        archive: whether it comes from an archive, so that it is loaded where the engine lacks it.
        publish: as for `verify`.
        deep: as for `verify`.
        harden: as for `verify`.
        structure_tests: files of container-structure-test to run.
        checks: whether the container's own checks run, or structure tests alone.
        probe: as for `verify`.
        network: the user's, in which it is started.
        start: as for `verify`.
        services: as for `verify`.

    Raises:
        EngineError: the engine has no such image or network, or does not answer.
    """
    config: dict[str, Any] = {}
    loads = False
    try:
        config = engine.inspect_image(image).get("Config") or {}
    except EngineError:
        if not archive:
            raise
        loads = True
    if network:
        engine.must_have_network(network)
    must_be_there(start, engine)
    services_must_be_there(services, engine)
    ports = ", ".join(str(port) for port in declared_ports(config)) or "none declared"
    starts = [f"the service {one.name} of {one.image}, beside it and before it" for one in services]
    if checks:
        starts += [
            "the image as it is, without published ports",
            f"the image with its ports published on 127.0.0.1: those declared ({ports}), those found listening,"
            f" a dead one{''.join(f', -p {text}' for text in publish)}",
            "the image with -P",
        ]
        if loads or configured(config) is not None:
            starts.append("the image with its health check, if it has one, run by the engine")
            starts.append("the image where it only sleeps, to run its health check without the service")
        starts.append(
            "the image as it is once more, with more memory, processes or privileges, if it lacks them"
        )
        if deep:
            starts.append("the image read-only, as another user and without capabilities (--deep)")
        if harden:
            starts.append("the image again and again with less and less, up to some 30 times (--harden)")
        starts.append("two containers whose behaviour is known, and side containers that look at the others")
    if structure_tests:
        starts.append(
            f"the commands of {structure_tests} structure test file{'s' if structure_tests > 1 else ''}"
        )
    makes = [
        "two networks: one without a way out, one to publish ports on"
        if checks
        else "a network without a way out"
    ]
    if services:
        makes.append("a network of the services and the image, without a way out")
    volumes = {
        mount.source
        for one in (start, *(service.start for service in services))
        for mount in one.mounts
        if mount.kind == "shared"
    }
    if volumes:
        makes.append(f"volumes of this run in place of {', '.join(sorted(volumes))}")
    if loads:
        makes.append("the archive's image, loaded under one random name")
    try:
        engine.inspect_image(probe)
    except EngineError:
        makes.append("an image for side containers, of this machine's static busybox")
    makes.append(f"a record of all names, before each is used, in {state_path()}")
    touches = ["the image's own ports, dialled on 127.0.0.1"] if checks else []
    if checks:
        touches.append(
            f"{target()}:53, dialled once from this machine and once from inside, to see whether egress is open"
        )
    if network:
        touches.append(
            f"the network {network} of yours, in which the image runs, and all that it reaches from there"
        )
    elif start.egress:
        touches.append("whatever the image reaches from this machine (--allow-egress)")
    mounts = [*start.mounts, *(mount for one in services for mount in one.start.mounts)]
    for mount in mounts:
        if mount.kind in ("bind", "volume"):
            how = "which it may change" if mount.writable else "read-only"
            touches.append(f"{mount.source} of yours, mounted in {mount.target}, {how}")
    removes = ["at its end all that it made, each by its ID; no image, network, volume or container of yours"]
    removes += [
        f"the {entry.kind} {entry.name}, which a run that was cut off has left" for entry in leftovers(engine)
    ]
    return Plan(
        image,
        str(engine),
        tuple(starts),
        tuple(makes),
        tuple(touches),
        tuple(removes),
        (*start.told(config), *strangers(engine)),
    )
