"""Pushing an image by its ID, and what became of it: by the engine's word, and by the registry's."""

from __future__ import annotations

import contextlib
import io
import re
import tarfile
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .engine import errors
from .errors import EngineError
from .interrupts import Interrupts
from .registry import Kept, Target, ask

if TYPE_CHECKING:
    from .engine import Engine

State = Literal["pushed", "unconfirmed", "another image", "not pushed", "unknown"]
_DIGEST = re.compile(r"\bdigest: (sha256:[0-9a-f]{64})\b")
_DONE = ("Pushed", "Layer already exists", "Mounted from")
_REFUSALS = ("unauthorized", "denied", "no basic auth", "authentication", "authorization", "forbidden")


class Outcome(NamedTuple):
    """What became of a push.

    Its state: "pushed", which the registry confirms; "unconfirmed": pushed by the engine's word alone, since the
    registry could not be asked; "another image": what arrived is not what was audited; "not pushed"; "unknown".
    """

    state: State
    target: Target
    digest: str | None  # of the manifest that was pushed, by the engine's word; None: it tells none
    before: Kept  # what the registry said before
    now: Kept  # and afterwards
    problem: str = ""
    hint: str = ""
    left: str = ""  # what could not be put back on the engine, and why
    interrupted: bool = False

    @property
    def replaced(self) -> str | None:
        """The digest that the tag named before, where it names another one now."""
        return self.before.digest if self.before.digest != self.now.digest else None


class _Word(NamedTuple):
    """What the engine said."""

    digest: str | None = None
    failure: str = ""
    own: bool = True  # the engine knows the digest as one of the image
    broken: bool = False  # it stopped in the middle of a word
    interrupted: bool = False
    manifest_sent: bool = True  # False: the manifest, which is sent last, was not on its way yet


def push(
    engine: Engine,
    identity: str,
    target: Target,
    configs: Collection[str],
    *,
    tag: bool,
    interrupts: Interrupts | None = None,
) -> Outcome:
    """Push an image by its ID to a target, and ask the registry what it has there then.

    The engine's names are the same afterwards. Docker pushes by name only, so that the image has that name
    meanwhile; Podman pushes by ID.

    Args:
        engine: that has the image.
        identity: its ID.
        target: where it goes.
        configs: the digests of the configurations that were audited: one for each platform.
        tag: the target's name may be another image's, or nobody's. Else it must be this image's.
        interrupts: which are not to come while names are given and taken; None: only KeyboardInterrupt is.

    Raises:
        EngineError: nothing was pushed, since the name is another image's by now, or the engine can't name it.
    """
    interrupts = interrupts or Interrupts()
    if not tag:
        _must_be(engine, identity, target)
    before, interrupted = _asked(engine, target, interrupts)
    if interrupted:
        problem = "it was interrupted before it began"
        return Outcome("not pushed", target, None, before, before, problem, interrupted=True)
    if engine.pushes_by_id:
        word, left = _word(engine, identity, target, interrupts), ""
    else:
        back = _named(engine, identity, target)
        left = ""
        try:
            _must_be(engine, identity, target)
            word = _word(engine, identity, target, interrupts)
        finally:
            try:
                back()
            except EngineError as error:
                left = f"{target} could not be put back as it was: {error.problem}"
    now, interrupted = _asked(engine, target, interrupts)
    state, problem = _judged(identity, word, before, now, configs)
    return Outcome(
        state,
        target,
        word.digest,
        before,
        now,
        problem,
        _hint(word.failure),
        left,
        word.interrupted or interrupted,
    )


def _asked(engine: Engine, target: Target, interrupts: Interrupts) -> tuple[Kept, bool]:
    """What the registry says; and whether the question was interrupted."""
    try:
        with interrupts.heard():
            return ask(engine, target), False
    except KeyboardInterrupt:
        return Kept(problem="it was interrupted", fault="closed"), True


def _judged(
    identity: str, word: _Word, before: Kept, now: Kept, configs: Collection[str]
) -> tuple[State, str]:
    """The state, and why it is no better one."""
    audited = bool(now.images) and all(image in configs for image in now.images)
    if word.failure:
        return _failed(word, before, now), word.failure
    if now.fault == "garbled":
        return "unknown", f"the engine says that it pushed {word.digest or 'the image'}"
    if now.problem:
        if word.own:
            return "unconfirmed", ""
        return (
            "unknown",
            f"the engine pushed {word.digest}, and does not know it as a digest of {identity[:19]}",
        )
    if now.digest is None or now.digest != (word.digest or now.digest) or not (word.digest or audited):
        return "unknown", f"the engine says that it pushed {word.digest or 'the image'}"
    if not audited:
        return "another image", "what arrived is not the image that was audited"
    return "pushed", ""


def _failed(word: _Word, before: Kept, now: Kept) -> State:
    """Whether nothing can have arrived of what the engine could not push."""
    if word.broken:
        return "unknown"  # it may go on without us
    refused = any(refusal in word.failure.lower() for refusal in _REFUSALS)
    unchanged = not now.problem and (
        now.digest is None or (not before.problem and now.digest == before.digest)
    )
    unreachable = before.fault == now.fault == "unreachable"
    return "not pushed" if refused or unchanged or unreachable or not word.manifest_sent else "unknown"


def _is_digest_of(engine: Engine, identity: str, digest: str | None) -> bool:
    """Whether the engine itself knows what it pushed as this image: it looked the name up once more."""
    if engine.pushes_by_id or identity == digest:
        return True
    with contextlib.suppress(EngineError):
        known = engine.inspect_image(identity).get("RepoDigests") or ()
        return any(str(name).endswith(f"@{digest}") for name in known)
    return False


def _word(engine: Engine, identity: str, target: Target, interrupts: Interrupts) -> _Word:
    """Let the engine push, and listen."""
    digest, failure, writes = None, "", False
    missing: dict[str, bool] = {}  # layer → whether it is still to be sent
    try:
        with interrupts.heard(), contextlib.closing(engine.push(identity, target)) as told:
            for event in told:
                failure = failure or _failure(event)
                digest = _digest(event) or digest
                writes = writes or "Writing manifest" in str(event.get("stream"))
                if event.get("id"):
                    missing[str(event["id"])] = not str(event.get("status")).startswith(_DONE)
    except EngineError as error:
        # Where it answered, it refused, and nothing began.
        return _Word(None, error.problem, broken=not error.answered, manifest_sent=not error.answered)
    except KeyboardInterrupt:
        return _Word(digest, "it was interrupted", broken=True, interrupted=True)
    if failure:
        # The containerd store tells of layers when it comes to it, so that nothing follows from its silence.
        sent = writes if engine.pushes_by_id else not any(missing.values()) or not is_content_id(engine)
        return _Word(None, failure, manifest_sent=sent)
    if digest is None and not writes:
        return _Word(None, "the push ended without a word of what arrived", broken=True)
    return _Word(digest, own=_is_digest_of(engine, identity, digest))


def _failure(event: Mapping[str, Any]) -> str:
    detail = event.get("errorDetail")
    told = event.get("error") or (detail.get("message") if isinstance(detail, dict) else detail)
    return " ".join(str(told).split()) if told else ""


def _digest(event: Mapping[str, Any]) -> str | None:
    """The digest of a manifest in whichever form an engine tells it."""
    aux = event.get("aux")
    told = (aux.get("Digest") if isinstance(aux, dict) else None) or event.get("manifestdigest")
    if told:
        return str(told)
    found = _DIGEST.search(str(event.get("status")))
    return found[1] if found else None


def is_content_id(engine: Engine) -> bool:
    """Whether the engine's image IDs are digests of their configurations, so that an archive can be held to them.

    With the containerd image store they are digests of manifests.
    """
    try:
        with errors("the engine"):
            status = engine.api.info().get("DriverStatus") or []
    except EngineError:
        return False
    return not any("io.containerd.snapshotter" in str(value) for pair in status for value in pair)


def _must_be(engine: Engine, identity: str, target: Target) -> None:
    now = id_of(engine, target)
    if now != identity:
        raise EngineError(
            str(target),
            f"names {now[:19] or 'no image'} by now, and {identity[:19]} was audited; nothing was pushed",
            "audit and push again",
        )


def id_of(engine: Engine, target: Target) -> str:
    """The ID of the image of a name; "" if the engine has none."""
    import docker.errors

    with errors(str(target)):
        try:
            return str(engine.api.inspect_image(str(target))["Id"])
        except docker.errors.ImageNotFound:
            return ""


def _named(engine: Engine, identity: str, target: Target) -> Callable[[], None]:
    """Give an image a name; what gives it back to whom it belonged."""
    before = id_of(engine, target)
    if before == identity:
        return lambda: None
    digests = _digests_at(engine, identity, target)
    with errors(str(target)):
        engine.api.tag(identity, target.repository, target.tag)

    def back() -> None:
        if id_of(engine, target) != identity:
            return  # somebody has given it to another image since
        _without(engine, _digests_at(engine, identity, target) - digests)
        with errors(str(target)):
            if before:
                engine.api.tag(before, target.repository, target.tag)
                return
            # Taken from the image itself, it would take along the image's digests in this repository,
            # and with the only name Docker would remove the image.
            engine.api.tag(_empty_image(engine), target.repository, target.tag)
            engine.api.remove_image(str(target), noprune=True)

    return back


def _digests_at(engine: Engine, identity: str, target: Target) -> set[str]:
    """The names by digest that an image has in the target's repository."""
    known = engine.inspect_image(identity).get("RepoDigests") or ()
    return {str(name) for name in known if str(name).startswith(f"{target.repository}@")}


def _without(engine: Engine, digests: Collection[str]) -> None:
    """Take away the names by digest that the push has left, while the image still has its tag.

    The containerd store makes them up from the tags, and would take away the tag. What can't be taken away harms
    nobody.
    """
    if digests and is_content_id(engine):
        with contextlib.suppress(EngineError), errors("the digest"):
            for name in digests:
                engine.api.remove_image(name, noprune=True)


def _empty_image(engine: Engine) -> str:
    """An image without a file, that nobody misses."""
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w").close()
    answer = str(engine.api.import_image_from_data(archive.getvalue()))
    return f"sha256:{re.findall('[0-9a-f]{64}', answer)[-1]}"


def _hint(failure: str) -> str:
    lower = failure.lower()
    if "http response to https client" in lower:
        return "the registry speaks plain HTTP: allow that to the engine, as Docker's insecure-registries do"
    if any(word in lower for word in _REFUSALS):
        return "docker login REGISTRY"
    if any(word in lower for word in ("connection refused", "no such host", "timeout", "eof", "reset")):
        return "is the registry up, and its name right?"
    return ""
