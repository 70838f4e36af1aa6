"""Reading the contents of many files, each layer once and in its order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .blob import Blob, Stream, Window, unpacked

if TYPE_CHECKING:
    from .layer import Entry, LayerContents


def contents_of(
    blob: Blob, layer: LayerContents, wanted: Callable[[Entry], int]
) -> Iterator[tuple[Entry, bytes]]:
    """The beginnings of a layer's files.

    Args:
        blob: the layer as it is stored.
        layer: what it holds.
        wanted: how many bytes of a file to read; 0 for none.
    """
    chosen = [
        (entry, wanted(entry)) for entry in layer.entries if entry.is_file and entry.size and entry.data >= 0
    ]
    chosen = sorted(((entry, size) for entry, size in chosen if size), key=lambda one: one[0].data)
    if not chosen:
        return
    # A compressed layer is unpacked once, from its beginning to the last file that is wanted.
    source = Stream(unpacked(blob), None, blob.subject) if layer.compression else Window(blob)
    for entry, size in chosen:
        yield entry, bytes(source.take(entry.data, min(size, entry.size)))
