"""Reading one layer: its entries, whiteouts and sizes. Pure, so that it can run anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple, NewType

from ..errors import InputError
from .blob import Blob, Hasher, Progress, Source, Stream, Window, chunks, unpacked
from .kept import MOST_KEPT
from .links import Links, leads_through
from .sparse import SparseDigests
from .tar import broken, members

Digest = NewType("Digest", str)  # "sha256:…" of bytes as they are stored
DiffID = NewType("DiffID", str)  # "sha256:…" of a layer's uncompressed tar
ChainID = NewType("ChainID", str)  # of a layer and all below it

_WHITEOUT = ".wh."
_END_MARK = 1024  # bytes of zeros
_MOST_PADDING = 22  # blocks: the end mark, and what fills the tar up to a record of 20
_OPAQUE = ".wh..wh..opq"
# A few megabytes of gzip can hold entries without end. An entry takes about this many bytes here
# beside its name, and no real layer has as many files as fill this.
_ENTRY_WEIGHT = 300
_MAX_HELD = 2 * 1024**3
_BLOCK = 1024 * 1024


class Entry(NamedTuple):
    """A path in a layer. `path` has no leading slash; "" is the root."""

    path: str
    kind: str  # "file", "directory", "symlink", "hardlink", …
    size: int
    mode: int
    uid: int
    gid: int
    link: str
    layer: int  # index of its layer, from 0 at the bottom
    data: (
        int  # offset of its contents in the uncompressed tar; of a sparse file, minus that of its first piece
    )
    digest: bytes | None  # XXH3 of the contents, where they were read

    @property
    def is_file(self) -> bool:
        """A regular file with contents of its own, not a further name of another."""
        return self.kind == "file"


_entry = tuple.__new__  # three times as fast as a call of Entry, which counts here


class LayerContents(NamedTuple):
    """What one layer's tar holds, in its order."""

    entries: tuple[Entry, ...]
    whiteouts: tuple[str, ...]  # paths that it removes from the layers below
    opaques: tuple[str, ...]  # directories of which it hides all that the layers below have
    tar_bytes: int
    content_bytes: int  # the sum of its regular files
    compression: str  # as Blob.compression has it
    hole_bytes: int = 0  # of content_bytes: zeros that sparse files claim, and the tar does not hold
    beside_bytes: int = 0  # behind the end mark: they hold no file
    padding_bytes: int = 0  # of zeros that the tar had at its end, and that were left out when it was packed
    kept: Mapping[
        int, bytes
    ] = {}  # beginnings of files of a compressed layer that are asked for later, by Entry.data


def read_layer(
    blob: Blob,
    index: int,
    diff_id: str,
    blob_digest: str | None = None,
    *,
    verify: bool = True,
    progress: Progress | None = None,
) -> LayerContents:
    """Read a layer.

    Args:
        blob: the layer as it is stored, compressed or not.
        index: its place in the image, for the entries.
        diff_id: what its uncompressed bytes must hash to.
        blob_digest: what its stored bytes must hash to, where that is stated.
        verify: hash all bytes and compare; without it only headers are read where possible.
        progress: told how many more bytes were read, where all of them are.

    Raises:
        InputError: the layer is damaged, or a digest does not fit; it names both.
    """
    compression = blob.compression()
    whole = hasher_of(diff_id) if verify else None
    source: Source
    stated: str | None
    if compression:
        source = Stream(unpacked(blob, progress), whole, blob.subject)
        stated, stored = blob_digest, hasher_of(blob_digest) if verify and blob_digest else None
    else:
        source = Window(blob)
        stated, stored = diff_id, whole
    if stored is None:
        contents = _walk(source, blob.subject, index, compression)
    else:
        # The stored bytes are hashed in a thread, which costs no time of Python's own. The headers
        # are read beside it, without the contents between them where they are not compressed.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            hashed = pool.submit(consume, chunks(blob, stored, None if compression else progress))
            contents = _walk(source, blob.subject, index, compression)
            hashed.result()
        compare(blob, stored, stated, "digest" if compression else "diff ID")
        if not compression and blob_digest and blob_digest.startswith(stored.name):
            compare(blob, stored, blob_digest, "digest")
    if compression:
        if compression == "zstd" and whole is not None:
            contents = contents._replace(padding_bytes=_pad(whole, diff_id))
        compare(blob, whole, diff_id, "diff ID")
    return contents


def _pad(whole: Hasher, diff_id: str) -> int:
    """Add the zeros that early makers of zstd:chunked leave out at a tar's end, if the diff ID fits then; their number."""
    stated = diff_id.partition(":")[2]
    if whole.hexdigest() == stated:
        return 0
    padded = whole.copy()
    for count in range(1, _MOST_PADDING + 1):
        padded.update(bytes(512))
        if padded.hexdigest() == stated:
            whole.update(bytes(512 * count))
            return 512 * count
    return 0


def _walk(source: Source, subject: str, index: int, compression: str) -> LayerContents:
    """Gather what a layer's tar holds."""
    from ..packages.ecosystems import kept_bytes

    entries: list[Entry] = []
    whiteouts: list[str] = []
    opaques: list[str] = []
    content = held = holes = 0
    links: list[str] = []
    ends: list[int] = []
    sparse = SparseDigests()
    kept: dict[int, bytes] = {}
    room = MOST_KEPT if compression else 0  # of another one they can be read when they are asked for
    add, hash_of = entries.append, source.hash
    for name, kind, size, mode, uid, gid, link, data, pieces in members(source, subject, ends.append):
        path = normalised(name)
        held += len(path) + len(link) + _ENTRY_WEIGHT
        if held > _MAX_HELD:
            raise broken(subject, data, f"has more entries than fit in memory: {len(entries)} so far")
        if "/.wh." in path or path.startswith(_WHITEOUT):
            directory, slash, base = path.rpartition("/")
            if base == _OPAQUE:
                opaques.append(directory)
                continue
            if base.startswith(_WHITEOUT):
                # Other names that begin like the opaque mark are notes of AUFS to itself.
                removed = base[len(_WHITEOUT) :]
                if removed not in ("", ".", "..") and not removed.startswith(_WHITEOUT):
                    whiteouts.append(directory + slash + removed)
                continue
        if not path and kind != "directory":
            continue  # nothing can stand in the root's place
        if pieces is not None:
            digest: bytes | None = sparse.digest(source.take, pieces, size)
            holes += size - pieces.stored
            data = -pieces.data
        else:
            if room and size and (wanted := kept_bytes(path, size, mode)) and wanted <= room:
                room -= wanted
                kept[data] = source.take(data, wanted)
            digest = hash_of(data, size) if size else None
        if kind == "symlink":
            links.append(path)
        add(_entry(Entry, (path, kind, size, mode, uid, gid, link, index, data, digest)))
        content += size
    beside = _beside(source, ends[0]) if ends else 0
    if links and leads_through((*(entry.path for entry in entries), *whiteouts, *opaques), links):
        entries, whiteouts, opaques = _followed(entries, whiteouts, opaques)
    return LayerContents(
        tuple(entries),
        tuple(whiteouts),
        tuple(opaques),
        source.end(),
        content,
        compression,
        holes,
        beside,
        kept=kept,
    )


def _beside(source: Source, end: int) -> int:
    """The bytes behind an end mark; 0 where they are zeros, to which tars are filled up."""
    at, told = end, False
    while block := source.take(at, _BLOCK):
        told = told or bool(block.strip(b"\0"))
        at += len(block)
    return max(at - end - _END_MARK, 0) if told else 0


def _followed(
    entries: list[Entry], whiteouts: list[str], opaques: list[str]
) -> tuple[list[Entry], list[str], list[str]]:
    """The same where they come to lie when they are unpacked one after the other."""
    links = Links()
    out = []
    for entry in entries:
        path = links.place(entry.path)
        links.put(path, entry.link if entry.kind == "symlink" else None)
        target = links.place(normalised(entry.link)) if entry.kind == "hardlink" else entry.link
        out.append(
            entry if path == entry.path and target == entry.link else entry._replace(path=path, link=target)
        )
    return out, [links.place(path) for path in whiteouts], [links.place(path) for path in opaques]


def read_contents(blob: Blob, entry: Entry, limit: int) -> bytes | None:
    """The first `limit` bytes of a file of a layer; None for a sparse one, which is not in one piece.

    Raises:
        InputError: the layer's bytes end before.
    """
    if entry.data < 0:
        return None
    length = min(entry.size, limit)
    if blob.compression():
        data = Stream(unpacked(blob), None, blob.subject).take(entry.data, length)
    else:
        data = blob.pread(entry.data, length)
    if len(data) < length:
        raise broken(blob.subject, entry.data, f"ends inside {entry.path!r}")
    return data


def consume(chunks: Iterable[bytes]) -> None:
    """Run through chunks for the sake of what happens on the way."""
    for _ in chunks:
        pass


def hasher_of(stated: str) -> Hasher:
    """What computes a digest of the algorithm that `stated` names.

    Raises:
        InputError: it names none that anybody uses.
    """
    algorithm = stated.partition(":")[0]
    if algorithm not in ("sha256", "sha384", "sha512"):
        raise InputError(
            stated, "is no digest that can be checked", "--no-verify reads the image all the same"
        )
    return hashlib.new(algorithm)


def compare(blob: Blob, hasher: Hasher | None, stated: str | None, what: str) -> None:
    """Hold what was hashed against what was stated; nothing to do without either."""
    if hasher is None or stated is None:
        return
    found = f"{hasher.name}:{hasher.hexdigest()}"
    if found != stated:
        raise InputError(
            blob.subject, f"its {what} is {found}, but the image states {stated}",
            "the archive is damaged or was tampered with; --no-verify reads it all the same",
        )  # fmt: skip


def normalised(name: str) -> str:
    """A member's name as a path below the root: no leading slash, no dots, never above the root."""
    if name[:2] == "./":
        name = name[2:]
    if "/." not in name and "//" not in name and name[:1] not in ("/", "."):
        return name.rstrip("/")
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def chain_ids(diff_ids: tuple[DiffID, ...]) -> tuple[ChainID, ...]:
    """The chain ID of each layer: of the bottom one its diff ID, then sha256("chain diff")."""
    out: list[ChainID] = []
    for diff_id in diff_ids:
        if not out:
            out.append(ChainID(diff_id))
        else:
            text = f"{out[-1]} {diff_id}"
            out.append(ChainID("sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()))
    return tuple(out)
