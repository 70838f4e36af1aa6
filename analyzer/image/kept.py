"""Contents of single files of a layer: kept from when it was unpacked, or read for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .blob import Blob, Stream, unpacked
from .tar import broken

if TYPE_CHECKING:
    from .layer import Entry, LayerContents

MOST_KEPT = 32 * 1024 * 1024  # bytes of a layer


class LayerReader:
    """The files of one layer, asked for in the order in which the layer has them."""

    def __init__(self, blob: Blob, contents: LayerContents) -> None:
        self._blob = blob
        self._contents = contents
        self._stream: Stream | None = None

    def part(self, entry: Entry, offset: int, length: int) -> bytes:
        """Bytes of a file. Those of a compressed layer that were not kept must be asked for by rising offsets.

        Raises:
            InputError: the layer's bytes end before.
        """
        length = max(min(length, entry.size - offset), 0)
        if entry.data < 0 or not length:
            return b""
        kept = self._contents.kept.get(entry.data, b"")
        if offset + length <= len(kept):
            return kept[offset : offset + length]
        if self._contents.compression:
            # Few layers have what makes it necessary to unpack them once more.
            if self._stream is None:
                self._stream = Stream(unpacked(self._blob), None, self._blob.subject)
            found = self._stream.take(entry.data + offset, length)
        else:
            found = self._blob.pread(entry.data + offset, length)
        if len(found) < length:
            raise broken(self._blob.subject, entry.data + offset, f"ends inside {entry.path!r}")
        return found
