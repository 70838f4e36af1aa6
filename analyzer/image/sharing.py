"""What several images share: bases, layers, and what pulling or deleting one of them moves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .image import Image, Layer


@dataclass(frozen=True, slots=True)
class Share:
    """One image among others. Bytes are those of the layers' tars, as an engine stores them.

    `reclaimable_bytes` is what deleting the image alone would free: its layers that no other image
    has. `base` is the index of the largest other image that it is built on, exactly.
    """

    image: int
    total_bytes: int
    shared_bytes: int
    unique_bytes: int
    base: int | None

    @property
    def reclaimable_bytes(self) -> int:
        """What deleting this image alone would free."""
        return self.unique_bytes


def shares(images: Sequence[Image]) -> tuple[Share, ...]:
    """What each of several images has for itself and in common with the others.

    Layers are the same when their chain IDs are: the same content on the same layers below.
    """
    owners: dict[str, set[int]] = {}
    for index, image in enumerate(images):
        for layer in image.layers:
            owners.setdefault(layer.chain_id, set()).add(index)
    out = []
    for index, image in enumerate(images):
        shared = sum(layer.tar_bytes for layer in image.layers if len(owners[layer.chain_id]) > 1)
        total = image.tar_bytes
        out.append(Share(index, total, shared, total - shared, base_of(images, index)))
    return tuple(out)


def stored_bytes(images: Iterable[Image]) -> int:
    """What all of them take together: each layer once."""
    return sum({layer.chain_id: layer.tar_bytes for image in images for layer in image.layers}.values())


def reclaimable_bytes(images: Sequence[Image], tags: Iterable[str]) -> int:
    """What deleting these tags would free: layers of images that no other tag names."""
    wanted = set(tags)
    kept = {
        layer.chain_id
        for image in images
        if not image.tags or set(image.tags) - wanted
        for layer in image.layers
    }
    gone = {
        layer.chain_id: layer.tar_bytes
        for image in images
        if image.tags and not set(image.tags) - wanted
        for layer in image.layers
    }
    return sum(size for chain, size in gone.items() if chain not in kept)


def base_of(images: Sequence[Image], index: int) -> int | None:
    """The largest other image whose layers are exactly the lowest ones of this image; None: there is none."""
    own = [layer.chain_id for layer in images[index].layers]
    best: int | None = None
    for other, image in enumerate(images):
        depth = len(image.layers)
        if other == index or not 0 < depth < len(own) or own[depth - 1] != image.layers[-1].chain_id:
            continue
        if best is None or depth > len(images[best].layers):
            best = other
    return best


def pull(have: Iterable[Image], wanted: Image) -> tuple[Layer, ...]:
    """The layers of an image that an engine still has to fetch when it has others already.

    A registry names layers by their content, so that those of other images count as well.
    """
    there = {layer.diff_id for image in have for layer in image.layers}
    fetched: dict[str, Layer] = {}
    for layer in wanted.layers:
        if layer.diff_id not in there:
            fetched.setdefault(layer.diff_id, layer)
    return tuple(fetched.values())
