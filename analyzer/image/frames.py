"""Images as pandas frames: the images themselves, their layers, files and waste."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .image import Image

_LAYER = (
    "index", "diff_id", "chain_id", "compressed_bytes", "tar_bytes", "content_bytes", "live_bytes",
    "wasted_bytes", "entries", "step", "created_by", "created", "producer", "confidence",
)  # fmt: skip
_FILE = ("path", "kind", "size", "mode", "uid", "gid", "link", "layer")
_WASTE = ("cause", "added_by", "hidden_by", "added_step", "hidden_step", "bytes", "files", "advice")
_IMAGE = (
    "id", "source", "platform", "created", "author", "compressed_bytes", "tar_bytes", "content_bytes", "live_bytes",
    "wasted_bytes", "efficiency",
)  # fmt: skip


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


def waste_frame(images: Iterable[Image]) -> pd.DataFrame:
    """A row for each cause and pair of layers of each image."""
    import pandas as pd

    rows = [
        {"image": image.id, **{name: getattr(waste, name) for name in _WASTE}}
        for image in images
        for waste in image.waste
    ]
    return pd.DataFrame(rows, columns=["image", *_WASTE])
