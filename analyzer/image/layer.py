"""Reading one layer: its entries, whiteouts and sizes. Pure, so that it can run anywhere."""

from __future__ import annotations

import hashlib
from typing import NamedTuple, NewType

from ..errors import InputError
from .blob import Blob, Stream, Window, unpacked
from .tar import members

Digest = NewType("Digest", str)  # "sha256:…" of bytes as they are stored
DiffID = NewType("DiffID", str)  # "sha256:…" of a layer's uncompressed tar
ChainID = NewType("ChainID", str)  # of a layer and all below it

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


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
    data: int  # offset of its contents in the uncompressed tar
    digest: bytes | None  # XXH3 of the contents, where they were read

    @property
    def is_file(self) -> bool:
        """A regular file with contents of its own, not a further name of another."""
        return self.kind == "file"


class LayerContents(NamedTuple):
    """What one layer's tar holds, in its order."""

    entries: tuple[Entry, ...]
    whiteouts: tuple[str, ...]  # paths that it removes from the layers below
    opaques: tuple[str, ...]  # directories of which it hides all that the layers below have
    tar_bytes: int
    content_bytes: int  # the sum of its regular files
    compression: str  # "gzip", "zstd" or ""


def read_layer(
    blob: Blob, index: int, diff_id: str, blob_digest: str | None = None, *, verify: bool = True
) -> LayerContents:
    """Read a layer.

    Args:
        blob: the layer as it is stored, compressed or not.
        index: its place in the image, for the entries.
        diff_id: what its uncompressed bytes must hash to.
        blob_digest: what its stored bytes must hash to, where that is stated.
        verify: hash all bytes and compare; without it only headers are read where possible.

    Raises:
        InputError: the layer is damaged, or a digest does not fit.
    """
    compression = blob.compression()
    stored = hashlib.sha256() if verify and blob_digest and compression else None
    whole = hashlib.sha256() if verify else None
    streamed = verify or compression != ""
    source = Stream(unpacked(blob, stored), whole, blob.subject) if streamed else Window(blob)
    entries: list[Entry] = []
    whiteouts: list[str] = []
    opaques: list[str] = []
    content = 0
    for member in members(source, blob.subject):
        path = normalised(member.name)
        directory, slash, name = path.rpartition("/")
        if name.startswith(_WHITEOUT):
            if name == _OPAQUE:
                opaques.append(directory)
            elif name != _WHITEOUT and not name.startswith(".wh..wh."):
                whiteouts.append(directory + slash + name[len(_WHITEOUT) :])
            continue
        digest = source.hash(member.data, member.size) if member.kind == "file" and member.size else None
        entries.append(
            Entry(
                path, member.kind, member.size, member.mode, member.uid, member.gid, member.link, index,
                member.data, digest,
            )
        )  # fmt: skip
        content += member.size
        if member.size and not compression and member.data + member.size > blob.size:
            raise InputError(
                blob.subject,
                f"at offset {member.data}: {member.name!r} claims {member.size} bytes, {blob.size - member.data}"
                " are left: the layer is truncated",
                "save the image again",
            )
    length = source.end()
    if compression and entries and entries[-1].size and entries[-1].data + entries[-1].size > length:
        raise InputError(blob.subject, f"ends inside {entries[-1].path!r}: the layer is truncated")
    _compare(blob, "sha256:" + whole.hexdigest() if whole else diff_id, diff_id, "diff ID")
    if stored and blob_digest:
        _compare(blob, "sha256:" + stored.hexdigest(), blob_digest, "digest")
    return LayerContents(tuple(entries), tuple(whiteouts), tuple(opaques), length, content, compression)


def read_contents(blob: Blob, entry: Entry, limit: int) -> bytes:
    """The contents of one file of a layer, at most `limit` bytes of them."""
    length = min(entry.size, limit)
    if blob.compression():
        return Stream(unpacked(blob), None, blob.subject).take(entry.data, length)
    return blob.pread(entry.data, length)


def _compare(blob: Blob, found: str, stated: str, what: str) -> None:
    if stated.startswith("sha256:") and found != stated:
        raise InputError(
            blob.subject, f"its {what} is {found}, but the image states {stated}",
            "the archive is damaged or was tampered with; --no-verify reads it all the same",
        )  # fmt: skip


def normalised(name: str) -> str:
    """A member's name as a path below the root: no leading slash, no dots, never above the root."""
    if name[:2] == "./":
        name = name[2:]
    name = name.strip("/")
    if "//" not in name and "." not in name:
        return name
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
