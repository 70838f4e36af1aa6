"""PHP's packages: what composer wrote into vendor/, and the application's own composer.json."""

from __future__ import annotations

import json
import posixpath
from typing import Any

from .record import NAMELESS, Facts, Mark, Record, Rest, Unread, bounded

COMPOSER = "composer"


def read(path: str, data: bytes) -> Facts:
    """What `vendor/composer/installed.json` or a composer.json says."""
    document = json.loads(data.decode("utf-8-sig"))
    if path.endswith("composer.json"):
        asked = document if isinstance(document, dict) else {}
        vendor = posixpath.join(posixpath.dirname(path), "vendor")
        names = [name for field in ("require", "require-dev") for name in _names(asked.get(field))]
        yield from (Mark(COMPOSER, (f"{vendor}/{name}",), wanted=True) for name in names)
        if names:
            yield Rest(COMPOSER, wanted=False, within=f"{vendor}/")
        return
    packages = document.get("packages") if isinstance(document, dict) else document
    if not isinstance(packages, list):
        raise ValueError("has no list of packages")
    vendor = posixpath.dirname(posixpath.dirname(path))
    for one in packages:
        name, version = (one.get("name"), one.get("version")) if isinstance(one, dict) else (None, None)
        if isinstance(name, str) and isinstance(version, str):
            key = posixpath.normpath(f"{vendor}/{name}").lstrip("/")
            needs = tuple(
                (need,) for need in bounded(f"{vendor}/{need}" for need in _names(one.get("require")))
            )
            yield Record(COMPOSER, key, name, version, directory=key, needs=needs)
        else:
            yield Unread(path, NAMELESS)


def _names(table: Any) -> list[str]:
    """The packages in a table of requirements; PHP itself and its extensions have no "/"."""
    return [name for name in table if "/" in name] if isinstance(table, dict) else []
