"""Pushes exactly the image that was audited, with the engine's own push."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .analyzer.dockerfile.reference import parse_reference
from .runner.engine import errors
from .runner.errors import EngineError

if TYPE_CHECKING:
    from .runner import Engine


class Target(NamedTuple):
    """Where an image goes: a repository, which names its registry, and a tag."""

    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


class Pushed(NamedTuple):
    """What arrived: where, and the digest of the manifest under which the registry keeps it."""

    target: Target
    digest: str


def target_of(name: str) -> Target | None:
    """The target that a name with or without a tag means; None: an ID or a digest, which can't be pushed to.

    >>> target_of("localhost:5000/shop:1.0")
    Target(repository='localhost:5000/shop', tag='1.0')
    >>> target_of("shop")
    Target(repository='shop', tag='latest')
    >>> target_of("shop@sha256:00") is None
    True
    """
    reference = parse_reference(name)
    if reference.digest is not None or name.startswith("sha256:"):
        return None
    registry = f"{reference.registry}/" if reference.registry else ""
    return Target(registry + reference.repository, reference.tag or "latest")


def is_content_id(engine: Engine) -> bool:
    """Whether the engine's image IDs are digests of their configurations, so that an archive can be held to them.

    With the containerd image store they are digests of manifests, which `docker save` writes anew.
    """
    with errors("the engine"):
        status = engine.api.info().get("DriverStatus") or []
    return not any("io.containerd.snapshotter" in str(value) for pair in status for value in pair)


def push(engine: Engine, identity: str, target: Target, *, tag: bool) -> Pushed:
    """Push an image by its ID to a target.

    Args:
        engine: that has it.
        identity: its ID.
        target: where it goes.
        tag: give it this name first; it loses it again if the push fails. Else it must have it already.

    Raises:
        EngineError: the name is another image's by now, the registry refuses it, or either went away;
            the text says so.
    """
    with _tagged(engine, identity, target) if tag else contextlib.nullcontext():
        _must_be(engine, identity, target, "nothing was pushed")
        digest = _sent(engine, target)
        # The engine looks the name up once more: hold what it sent against the ID.
        if not any(
            one.endswith(f"@{digest}") for one in engine.inspect_image(identity).get("RepoDigests") or ()
        ):
            raise EngineError(
                str(target),
                f"{digest} arrived, and is not {identity[:19]}: the name was given to another image meanwhile",
                "remove it from the registry, and let nobody build under this name while it is pushed",
            )
    return Pushed(target, digest)


def _must_be(engine: Engine, identity: str, target: Target, outcome: str) -> None:
    now = str(engine.inspect_image(str(target))["Id"])
    if now != identity:
        raise EngineError(
            str(target),
            f"names {now[:19]} by now, and {identity[:19]} was audited; {outcome}",
            "audit and push again",
        )


@contextlib.contextmanager
def _tagged(engine: Engine, identity: str, target: Target) -> Iterator[None]:
    """Give an image a name, and take it back if what follows fails."""
    import docker.errors

    try:
        before = str(engine.api.inspect_image(str(target))["Id"])
    except docker.errors.ImageNotFound:
        before = ""
    with errors(str(target)):
        engine.api.tag(identity, target.repository, target.tag)
    try:
        yield
    except BaseException:
        if before != identity:
            # Without the engine there is nothing to take back from.
            with contextlib.suppress(EngineError), errors(str(target)):
                if before:
                    engine.api.tag(before, target.repository, target.tag)
                else:
                    engine.api.remove_image(str(target), noprune=True)
        raise


def _sent(engine: Engine, target: Target) -> str:
    """Let the engine push; the digest of the manifest that the registry took."""
    digest = ""
    with errors(str(target)):
        for told in engine.api.push(target.repository, target.tag, stream=True, decode=True):
            if told.get("error"):
                raise EngineError(
                    str(target),
                    f"the push failed: {' '.join(str(told['error']).split())}",
                    _hint(str(told["error"])),
                )
            digest = str((told.get("aux") or {}).get("Digest") or digest)
    if not digest:
        raise EngineError(
            str(target), "the push ended without a word of what arrived", "look whether the engine still runs"
        )
    return digest


def _hint(error: str) -> str:
    lower = error.lower()
    if any(word in lower for word in ("unauthorized", "denied", "no basic auth", "authentication")):
        return "docker login REGISTRY"
    if any(word in lower for word in ("connection refused", "no such host", "timeout", "eof", "reset")):
        return "is the registry up, and its name right?"
    return ""
