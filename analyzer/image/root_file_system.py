"""Tars of a whole root file system, as `docker export` and makers of base images write them: an image of one layer.

There is no configuration in them and no history, and so nothing is said of what starts, as whom, and from which step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from .archive import Manifest, digest_of
from .blob import Blob
from .old_docker import diff_id_of

_ROOT = frozenset({"bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run", "sbin", "srv",
                   "sys", "tmp", "usr", "var"})  # fmt: skip
_LEAST = 2  # of these names, so that it is a root
_MARK = ".dockerenv"  # that engines put into each container
_SAVED = re.compile(r"(?:manifest|index)\.json$|oci-layout$|blobs/|repositories$|[0-9a-f]{64}(?:\.json$|/)")


def is_root(names: Iterable[str]) -> bool:
    """Whether members are those of a root file system, and not what is left of a saved image."""
    tops = set()
    for name in names:
        if _SAVED.match(name):
            return False
        tops.add(name.partition("/")[0])
    return _MARK in tops or len(tops & _ROOT) >= _LEAST


def root_file_system(whole: Blob) -> Manifest:
    """The one layer that a root file system is."""
    diff_id = diff_id_of(whole)
    raw = json.dumps({"rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode()
    return Manifest(digest_of(raw), (), whole, raw, (diff_id,), (whole,), (None,), configured=False)
