"""An opened image as the stream that every engine loads, whatever form it was read from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from .blob import Blob, chunks

_BLOCK = 512


def docker_archive(config: bytes, layers: Sequence[Blob], name: str) -> Iterator[bytes]:
    """A docker-archive in chunks: layers as they are stored, and the caller's name, so that no other tag can move.

    The configuration has one field more, which no engine reads: so it is no image that an engine may have already,
    and goes without another one. Docker's containerd store gives up an image without a name when the same one gets
    one, and with that name the image would go.
    """
    paths = [f"layer{index}" for index in range(len(layers))]
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": paths}]).encode()
    yield from _member("config.json", json.dumps({**json.loads(config), "imglint": name}).encode())
    for path, blob in zip(paths, layers, strict=True):
        yield _header(path, blob.size)
        yield from chunks(blob)
        yield _padding(blob.size)
    yield from _member("manifest.json", manifest)
    yield bytes(2 * _BLOCK)


def _member(name: str, data: bytes) -> Iterator[bytes]:
    yield _header(name, len(data)) + data + _padding(len(data))


def _header(name: str, size: int) -> bytes:
    import tarfile

    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)
