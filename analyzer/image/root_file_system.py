"""Tars of a whole root file system, as `docker export` and makers of base images write them: an image of one layer.

There is no configuration in them and no history, and so nothing is said of what starts, as whom, and from which step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .archive import Manifest, digest_of
from .blob import Blob
from .old_docker import diff_id_of

if TYPE_CHECKING:
    from .archive import Archive

_ROOT = frozenset({"bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run", "sbin", "srv",
                   "sys", "tmp", "usr", "var"})  # fmt: skip
_LEAST = 2  # of these names, so that it is a root
_MARK = ".dockerenv"  # that engines put into each container
# What only makers of saved images name so: by digest.
_BY_DIGEST = re.compile(r"(?:blobs/sha256/)?[0-9a-f]{64}(?:$|\.json$|/(?:json|layer\.tar|VERSION)$)")


def is_root(archive: Archive, names: Collection[str]) -> bool:
    """Whether members are those of a root file system, and not of a saved image or what is left of one.

    A program may well keep a `manifest.json`, an `index.json` or a folder `blobs` in its root: what stands in them tells.
    """
    tops = {name.partition("/")[0] for name in names}
    if _MARK not in tops and len(tops & _ROOT) < _LEAST:
        return False
    return not _says_image(archive) and (_MARK in tops or not any(map(_BY_DIGEST.match, names)))


def _says_image(archive: Archive) -> bool:
    """Whether a member says that this is a saved image, in whatever form."""
    manifest = _json(archive, "manifest.json")
    if isinstance(manifest, dict):
        return isinstance(manifest.get("layers"), list) and isinstance(manifest.get("config"), dict)
    if isinstance(manifest, list) and manifest:
        return all(isinstance(one, dict) and {"Config", "Layers"} <= one.keys() for one in manifest)
    index, layout = _json(archive, "index.json"), _json(archive, "oci-layout")
    if isinstance(index, dict) and _are_listed(index.get("manifests")):
        return True
    if isinstance(layout, dict) and "imageLayoutVersion" in layout:
        return True
    documents = (_json(archive, f"{folder}/json") for folder in archive.layer_folders())
    return any(isinstance(one, dict) and isinstance(one.get("id"), str) for one in documents)


def _are_listed(manifests: object) -> bool:
    """Whether these are what an index lists: descriptors, each with a digest."""
    return isinstance(manifests, list) and any(isinstance(one, dict) and "digest" in one for one in manifests)


def _json(archive: Archive, member: str) -> Any:
    """What a member holds; None where it is not there, or no JSON."""
    try:
        return archive.json(member, "")
    except InputError:
        return None


def root_file_system(whole: Blob) -> Manifest:
    """The one layer that a root file system is."""
    diff_id = diff_id_of(whole)
    raw = json.dumps({"rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode()
    return Manifest(digest_of(raw), (), whole, raw, (diff_id,), (whole,), (None,), configured=False)
