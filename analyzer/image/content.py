"""What files of a layer hold: of any layer, also where no container sees them. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .blob import Blob, Source, Stream, Window, unpacked
from .layer import Entry, LayerContents
from .sparse import Pieces
from .tar import broken, members

BLOCK = 1024 * 1024


def contents(
    blob: Blob, layer: LayerContents, entries: Iterable[Entry], limit: int | None = None
) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Files of a layer with what they hold, in the layer's order. A compressed layer is unpacked once for all.

    Args:
        blob: the layer as it is stored.
        layer: what it holds.
        entries: its files that are wanted; what is no file with contents of its own is passed over.
        limit: bytes of each file, after which its blocks end.

    Yields:
        A file, and its bytes in blocks of at most `BLOCK`, to be read before the next file is asked for. Where one
        file stands in pieces, its holes are given as zeros: up to 16 TiB of them, so mind the limit.

    Raises:
        InputError: while blocks are read: the layer's bytes end before.
    """
    files = sorted((entry for entry in entries if entry.is_file), key=lambda entry: abs(entry.data))
    wanted = {entry.data for entry in files if entry.data < 0}
    pieces = dict(_pieces(blob, layer, wanted)) if wanted else {}
    source = _source(blob, layer)
    for entry in files:
        size = entry.size if limit is None else min(entry.size, limit)
        parts = pieces[entry.data] if entry.data < 0 else Pieces(entry.data, ((0, entry.size),))
        yield entry, _blocks(source, parts, size, blob.subject, entry.path)


def _source(blob: Blob, layer: LayerContents) -> Source:
    return Stream(unpacked(blob), None, blob.subject) if layer.compression else Window(blob)


def _pieces(blob: Blob, layer: LayerContents, wanted: set[int]) -> Iterator[tuple[int, Pieces]]:
    """Where the pieces of sparse files stand, by what is the `data` of their entries; only the headers tell."""
    left = len(wanted)
    for member in members(_source(blob, layer), blob.subject):
        if member.pieces is not None and -member.pieces.data in wanted:
            yield -member.pieces.data, member.pieces
            left -= 1
            if not left:
                return


def _blocks(source: Source, pieces: Pieces, size: int, subject: str, path: str) -> Iterator[bytes]:
    """The first bytes of a file, of which some stand in the layer and the rest are zeros."""
    at = 0
    data = pieces.data
    for offset, length in (*pieces.ranges, (size, 0)):
        for start in range(at, min(offset, size), BLOCK):
            yield bytes(min(BLOCK, offset - start, size - start))
        for start in range(offset, min(offset + length, size), BLOCK):
            wanted = min(BLOCK, offset + length - start, size - start)
            block = bytes(source.take(data + start - offset, wanted))
            if len(block) < wanted:
                raise broken(subject, data + start - offset, f"ends inside {path!r}")
            yield block
        at = offset + length
        data += length
