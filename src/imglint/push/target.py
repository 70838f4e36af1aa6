"""Where an image is pushed to, and whether what was audited is what the engine has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..analyzer import InputError
from ..analyzer.dockerfile.reference import parse_reference
from ..runner.push import is_content_id
from ..runner.registry import Target

if TYPE_CHECKING:
    from ..analyzer.image import Image
    from ..reports import Report
    from ..runner import Engine


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


def names_at(target: Target, tags: tuple[str, ...]) -> tuple[str, ...]:
    """The names that an image has in the target's repository once it is pushed there: the new one, and its others.

    >>> names_at(Target("localhost:5000/shop", "latest"), ("shop:latest", "localhost:5000/shop:1.0"))
    ('localhost:5000/shop:latest', 'localhost:5000/shop:1.0')
    """
    others = [found for found in map(target_of, tags) if found is not None]
    beside = [found for found in others if found.repository == target.repository and found != target]
    return tuple(str(found) for found in (target, *beside))


def hold(engine: Engine, name: str, identity: str, report: Report) -> str:
    """Hold what was audited under a name to the image of an ID, as far as the engine tells.

    Where IDs are digests of configurations, nothing else can have been read. Elsewhere it is held by its
    layers, and by the name, which must not have moved; after the push the registry's word settles it.

    Returns:
        What could not be held; "": it was held by all that it is.

    Raises:
        InputError: it was another image.
    """
    ids = {image.id for image in report.images}
    run = {seen.image_id for seen in report.observations}
    now = str(engine.inspect_image(name)["Id"])
    described = engine.inspect_image(identity)
    whole = is_content_id(engine)
    same = ids == {identity} if whole else any(_has_layers(image, described) for image in report.images)
    if not same or now != identity or not run <= {identity}:
        other = next((found for found in (now, *sorted(ids | run)) if found != identity), now)
        raise InputError(
            name,
            f"named {identity[:19]} at first and {other[:19]} then; nothing was pushed",
            "audit and push again, while nobody builds under this name",
        )
    return "" if whole else "this engine's IDs hold the image to the audit by its layers and its name alone"


def _has_layers(image: Image, described: dict[str, object]) -> bool:
    root = described.get("RootFS")
    layers = root.get("Layers") if isinstance(root, dict) else None
    return [layer.diff_id for layer in image.layers] == list(layers or ())
