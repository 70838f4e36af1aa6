"""Images as pandas frames: the images themselves, their layers, files, waste, packages and shares.

`image` is an image's ID everywhere, `chain_id` a layer's, so that frames are joined by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from .image import Image

_LAYER = (
    "index", "diff_id", "chain_id", "compressed_bytes", "tar_bytes", "content_bytes", "live_bytes",
    "wasted_bytes", "entries", "step", "created_by", "created", "producer", "confidence",
)  # fmt: skip
_FILE = ("path", "kind", "size", "mode", "uid", "gid", "link", "layer")
_WASTE = ("cause", "added_by", "hidden_by", "added_step", "hidden_step", "bytes", "files", "advice")
_PACKAGE = (
    "ecosystem", "name", "version", "architecture", "bytes", "files", "layer", "step", "own", "wanted", "recommended",
    "part_of", "database",
)  # fmt: skip
_IMAGE = (
    "id", "source", "platform", "created", "author", "compressed_bytes", "tar_bytes", "content_bytes", "live_bytes",
    "wasted_bytes", "efficiency",
)  # fmt: skip
_SHARE = ("image", "total_bytes", "shared_bytes", "unique_bytes", "base")


class Frames(NamedTuple):
    """Tables of any number of images, each image once. Bytes."""

    images: pd.DataFrame  # a row for each image: id, tags, platform, sizes
    layers: pd.DataFrame  # … each layer of each image: image, chain_id, sizes, step
    files: pd.DataFrame  # … each path that a container sees: image, chain_id of the layer that has it
    waste: pd.DataFrame  # … each cause and pair of layers: image, added_chain, hidden_chain
    packages: pd.DataFrame  # … each installed package: image, chain_id of the layer that brought it
    shares: pd.DataFrame  # … each image among the others: image, its own bytes, and its base's ID


def frames(images: Iterable[Image]) -> Frames:
    """Images as pandas frames that join by ID: `frames.layers.merge(frames.images, left_on="image", right_on="id")`."""
    import pandas as pd

    once = tuple({image.id: image for image in images}.values())
    layers, waste = layers_frame(once), waste_frame(once)
    chains = layers.set_index(["image", "index"])["chain_id"]
    for side, column in (("added_chain", "added_by"), ("hidden_chain", "hidden_by")):
        waste[side] = waste[["image", column]].merge(
            chains, left_on=["image", column], right_index=True, how="left"
        )["chain_id"]
    parts = [files_frame(image).assign(image=image.id) for image in once]
    files = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*_FILE, "image"])
    files = files.merge(chains, left_on=["image", "layer"], right_index=True, how="left")
    packages = packages_frame(once).merge(chains, left_on=["image", "layer"], right_index=True, how="left")
    return Frames(images_frame(once), layers, files, waste, packages, shares_frame(once))


def shares_frame(images: Iterable[Image]) -> pd.DataFrame:
    """A row for each image: what it has in common with the others, by the layer graph."""
    import pandas as pd

    from ..graph import layer_graph, shares

    return pd.DataFrame(shares(layer_graph(images)), columns=list(_SHARE))


def images_frame(images: Iterable[Image]) -> pd.DataFrame:
    """A row for each image; `tags` is a text with blanks between them."""
    import pandas as pd

    rows = [
        {
            **{name: getattr(image, name) for name in _IMAGE},
            "tags": " ".join(image.tags),
            "layers": len(image.layers),
        }
        for image in images
    ]
    return pd.DataFrame(rows, columns=[*_IMAGE, "tags", "layers"])


def layers_frame(images: Iterable[Image]) -> pd.DataFrame:
    """A row for each layer of each image."""
    import pandas as pd

    rows = [
        {"image": image.id, **{name: getattr(layer, name) for name in _LAYER}}
        for image in images
        for layer in image.layers
    ]
    return pd.DataFrame(rows, columns=["image", *_LAYER])


def files_frame(image: Image) -> pd.DataFrame:
    """A row for each path that a container sees."""
    import pandas as pd

    rows = [[getattr(entry, name) for name in _FILE] for entry in image.tree.values()]
    return pd.DataFrame(rows, columns=list(_FILE)).sort_values("path", ignore_index=True)


def packages_frame(images: Iterable[Image]) -> pd.DataFrame:
    """A row for each package of each image; `drawn_by` is a text with blanks between the names."""
    import pandas as pd

    rows = [
        {
            "image": image.id,
            **{name: getattr(package, name) for name in _PACKAGE},
            "drawn_by": " ".join(package.drawn_by),
        }
        for image in images
        for package in image.packages.packages
    ]
    frame = pd.DataFrame(rows, columns=["image", *_PACKAGE, "drawn_by"])
    return frame.astype({"layer": "Int64", "step": "Int64"})


def waste_frame(images: Iterable[Image]) -> pd.DataFrame:
    """A row for each cause and pair of layers of each image."""
    import pandas as pd

    rows = [
        {"image": image.id, **{name: getattr(waste, name) for name in _WASTE}}
        for image in images
        for waste in image.waste
    ]
    return pd.DataFrame(rows, columns=["image", *_WASTE])
