"""A registry of a test: what stands on it, and how it misbehaves."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

from image_archives import Saved, digest
from registry_server import Reply, Server

OCI = "application/vnd.oci.image"
MANIFEST_TYPE = f"{OCI}.manifest.v1+json"
INDEX_TYPE = f"{OCI}.index.v1+json"


def descriptor(raw: bytes, kind: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(raw), "size": len(raw), **more}


class Shelf:
    """Manifests by reference and blobs by digest, served on the loopback.

    `meddle` sees each path and its headers first; what it gives is the answer.
    """

    def __init__(self, meddle: Callable[[str, Mapping[str, str]], Reply | None] | None = None) -> None:
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.meddle = meddle or (lambda path, headers: None)
        self.server = Server(self._reply)
        self.address = self.server.address

    def close(self) -> None:
        self.server.close()

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.server.seen]

    def put(self, document: Mapping[str, Any], kind: str, *names: str) -> bytes:
        """Put a manifest or index under names and its digest."""
        raw = json.dumps(document).encode()
        for name in (*names, digest(raw)):
            self.manifests[name] = kind, raw
        return raw

    def image(self, saved: Saved, *names: str) -> bytes:
        """Put an image with gzipped layers there; its manifest."""
        layers = [gzip.compress(layer, mtime=0) for layer in saved.layers]
        self.blobs.update({digest(one): one for one in (saved.raw, *layers)})
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": descriptor(saved.raw, f"{OCI}.config.v1+json"),
            "layers": [descriptor(one, f"{OCI}.layer.v1.tar+gzip") for one in layers],
        }
        return self.put(document, MANIFEST_TYPE, *names)

    def index(self, *listed: Mapping[str, Any], names: tuple[str, ...] = ()) -> bytes:
        document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": list(listed)}
        return self.put(document, INDEX_TYPE, *names)

    def _reply(self, path: str, headers: dict[str, str]) -> Reply:
        meddled = self.meddle(path, headers)
        return self.answer(path, headers) if meddled is None else meddled

    def answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        """What a good registry says."""
        kind, _, reference = path.removeprefix("/v2/team/shop/").partition("/")
        if kind == "manifests" and reference in self.manifests:
            media_type, raw = self.manifests[reference]
            return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest(raw)}, raw
        if kind == "blobs" and reference in self.blobs:
            raw, begin = self.blobs[reference], headers.get("Range", "")
            if begin:
                at = int(begin.removeprefix("bytes=").removesuffix("-"))
                told = {"Content-Range": f"bytes {at}-{len(raw) - 1}/{len(raw)}"}
                return 206, told, raw[at:]
            return 200, {}, raw
        return 404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'
