"""What an engine holds: of the user's, and of runs."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import docker.errors

from imglint.runner import Engine
from imglint.runner.cleanup import find
from imglint.runner.journal import looks_like_ours, state_directory


class Held(NamedTuple):
    """The IDs of everything, and the names of volumes."""

    containers: frozenset[str]
    images: frozenset[str]
    tags: frozenset[str]
    volumes: frozenset[str]
    networks: frozenset[str]


def images_of(engine: Engine, *, all: bool = False) -> list[dict[str, Any]]:
    """The engine's list of images, asked for again where one of them went meanwhile: Podman gives none then."""
    for _ in range(50):
        try:
            return list(engine.api.images(all=all))
        except docker.errors.APIError as error:
            if error.status_code != 500:
                raise
            time.sleep(0.1)
    return list(engine.api.images(all=all))


def holdings(engine: Engine) -> Held:
    """What there is, whoever made it."""
    api = engine.api
    images = images_of(engine, all=True)
    return Held(
        frozenset(found["Id"] for found in api.containers(all=True)),
        frozenset(found["Id"] for found in images),
        frozenset(tag for found in images for tag in found.get("RepoTags") or ()),
        frozenset(found["Name"] for found in api.volumes()["Volumes"] or ()),
        frozenset(found["Id"] for found in api.networks()),
    )


def named_like_ours(engine: Engine) -> frozenset[tuple[str, str]]:
    """The kinds and names of what looks like a run's."""
    api = engine.api
    found: set[tuple[str, str]] = set()
    found |= {
        ("container", name.lstrip("/")) for one in api.containers(all=True) for name in one["Names"] or ()
    }
    found |= {("network", one["Name"]) for one in api.networks()}
    found |= {("volume", one["Name"]) for one in api.volumes()["Volumes"] or ()}
    found |= {
        ("image", tag.removesuffix(":latest"))
        for one in images_of(engine)
        for tag in one.get("RepoTags") or ()
    }
    return frozenset(one for one in found if looks_like_ours(one[1]))


def leftovers(engine: Engine, seconds: float = 180) -> list[str]:
    """What runs have left. What goes within this time is another run's, that still goes on."""
    deadline = time.monotonic() + seconds
    left = named_like_ours(engine)
    while left and time.monotonic() < deadline:
        time.sleep(0.2)
        left &= named_like_ours(engine)
    return sorted(name for _, name in left)


def written_down(state: Path | None = None) -> list[dict[str, Any]]:
    """The lines of all journals in a state directory that name something to be made."""
    place = Path(state_directory()) if state is None else state / "imglint/runs"
    out = []
    for path in place.glob("*.jsonl"):
        try:
            lines = path.read_text().splitlines()
        except FileNotFoundError:
            continue
        out += [line for line in map(json.loads, lines) if "will make" in line]
    return out


def made(engine: Engine, state: Path | None = None, kind: str = "") -> list[str]:
    """The names written down in a state directory of what the engine has now."""
    return [
        line["name"]
        for line in written_down(state)
        if kind in ("", line["will make"]) and find(engine, line["will make"], line["name"])
    ]


def is_guarded(state: Path) -> bool:
    """Whether a run or its guardian still holds a journal in a state directory."""
    for path in (state / "imglint/runs").glob("*.jsonl"):
        try:
            with open(path, "rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            continue
    return False


def running(engine: Engine, names: Iterable[str]) -> list[str]:
    """Those of some containers that run."""
    out = []
    for name in names:
        try:
            if engine.api.inspect_container(name)["State"]["Running"]:
                out.append(name)
        except docker.errors.NotFound:
            continue
    return out


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    """Look again and again until it is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
