"""What a registry keeps under a tag, beside a push."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..analyzer.registry import (
    Client,
    Deadline,
    Garbled,
    Patience,
    Place,
    RegistryError,
    Unreachable,
    is_loopback,
    parsed,
)
from .errors import EngineError
from .login import login_of

if TYPE_CHECKING:
    from .engine import Engine

_SECONDS = 20.0  # for one question, whatever it takes
_STEP = 5.0  # for one answer to begin, and for each part of it
_MOST_IMAGES = 20  # of an index


class Target(NamedTuple):
    """Where an image goes: a repository, which names its registry, and a tag."""

    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


class Kept(NamedTuple):
    """What a registry says that it keeps under a tag."""

    digest: str | None = None  # of the manifest or index; None: there is nothing, or it could not be asked
    images: tuple[str, ...] = ()  # the digests of its images' configurations
    problem: str = ""  # why it could not be asked
    fault: Literal["", "unreachable", "closed", "garbled"] = (
        ""  # nobody answers; not to us; not as a registry does
    )

    def __str__(self) -> str:
        if self.problem:
            return f"the registry could not be asked: {self.problem}"
        return (
            f"the registry has {self.digest} under this tag"
            if self.digest
            else "the registry has nothing under this tag"
        )


def ask(engine: Engine, target: Target) -> Kept:
    """Ask the registry of a target what it keeps there. Whatever is wrong with it is told in the answer.

    Args:
        engine: which knows the registries that are trusted without a certificate.
        target: the repository and tag.
    """
    try:
        return _Registry(engine, target.repository).kept(target.tag)
    except Unreachable as trouble:
        return Kept(problem=str(trouble), fault="unreachable")
    except Garbled as trouble:
        return Kept(problem=str(trouble), fault="garbled")
    except RegistryError as trouble:
        return Kept(problem=str(trouble), fault="closed")


class _Registry:
    """A repository of a registry, for one question."""

    def __init__(self, engine: Engine, repository: str) -> None:
        import docker.auth
        import docker.errors

        try:
            index, name = docker.auth.resolve_repository_name(repository)
        except docker.errors.DockerException as error:
            raise RegistryError(str(error)) from error
        if index == docker.auth.INDEX_NAME and "/" not in name:
            name = f"library/{name}"
        place = Place(index, name)
        # The engine takes it as it is, too. What it answers is checked by digests.
        insecure = is_loopback(place.host) or _is_insecure(engine, index)
        self._client = Client(
            place,
            login_of,
            schemes=("https", "http") if insecure else ("https",),
            verified=not insecure,
            patience=Patience(0),
            deadline=Deadline(_SECONDS, _STEP),
        )

    def kept(self, tag: str) -> Kept:
        """What is under a tag."""
        found = self._client.manifest(tag)
        return Kept() if found is None else Kept(found.digest, tuple(self._images(found.raw)))

    def _images(self, manifest: bytes) -> list[str]:
        document = _manifest_of(manifest)
        if "config" in document:
            return [_digest_of(document["config"])]
        found = []
        for listed in document.get("manifests", [])[:_MOST_IMAGES]:
            if (listed.get("platform") or {}).get("os") == "unknown":  # of an attestation
                continue
            # An engine may push only the platforms that it has.
            answer = self._client.manifest(_digest_of(listed))
            if answer is not None:
                found.append(_digest_of(_manifest_of(answer.raw).get("config")))
        return found


def _manifest_of(body: bytes) -> dict[str, Any]:
    document = parsed(body)
    manifests = document.get("manifests")
    is_index = isinstance(manifests, list) and all(isinstance(listed, dict) for listed in manifests)
    if document.get("schemaVersion") != 2 or not (is_index or isinstance(document.get("config"), dict)):
        raise Garbled("what it answers is no manifest of an image")
    return document


def _digest_of(descriptor: Any) -> str:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(digest, str) or not re.fullmatch(r"[a-z0-9+._-]+:[0-9a-f]{32,}", digest):
        raise Garbled("what it answers is no manifest of an image")
    return digest


def _is_insecure(engine: Engine, index: str) -> bool:
    """Whether the engine was told to trust this registry without a certificate."""
    from .engine import errors

    try:
        with errors("the engine"):
            known = engine.api.info().get("RegistryConfig") or {}
    except EngineError:  # it may have gone: then the registry is asked as carefully as any
        return False
    listed = (known.get("IndexConfigs") or {}).get(index) or {}
    return listed.get("Secure") is False
