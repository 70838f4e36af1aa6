"""Where limits and earlier measurements come from: .dive-ci, recorded JSON, another image."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from .analyzer import InputError
from .rules.gates import Limits, Weight, dive_limits, weigh

if TYPE_CHECKING:
    from .analyzer.image import Image

DIVE_FILE = ".dive-ci"
_MAX_JSON = 64 * 1024 * 1024


def dive_file_limits(path: str = DIVE_FILE) -> Limits | None:
    """The limits of a `.dive-ci` file; None when there is none.

    Raises:
        InputError: it can't be read, or holds what dive would not take.
    """
    if not os.path.isfile(path):
        return None
    from .analyzer.yaml_file import read_yaml

    file = read_yaml(path)
    content = {} if file.is_empty else file.value
    hint = "dive's rules stand under `rules:`, as in `rules: {lowestEfficiency: 0.95}`"
    if not isinstance(content, dict):
        raise file.wrong("holds no keys", hint)
    for key in content:
        if key != "rules":
            raise file.wrong(f"{key} is no key of dive's", hint, line=file.line([key]))
    rules = content.get("rules") or {}
    if not isinstance(rules, dict):
        raise file.wrong("rules takes a mapping", hint, line=file.line(["rules"]))
    limits = Limits()
    for name, value in rules.items():
        try:
            limits = limits.replaced_by(dive_limits({name: value}))
        except ValueError as error:
            raise file.wrong(str(error), hint, line=file.line(["rules", name])) from error
    return limits


def earlier(
    source: str, image: Image, *, engine: str | None = None, plain_http: bool = False
) -> Weight | None:
    """What was measured of an image before: in recorded JSON, or of another image. None: nothing yet.

    Raises:
        InputError: it is there and can't be read.
    """
    if not os.path.exists(source) and source.endswith(".json"):
        return None
    if os.path.isfile(source) and _is_json(source):
        return _recorded(source, image)
    from .measuring import open_image

    return weigh(open_image(source, engine=engine, prefer=image.platform, plain_http=plain_http))


def _is_json(path: str) -> bool:
    with open(path, "rb") as stream:
        return stream.read(64).lstrip()[:1] == b"{"


def _recorded(path: str, image: Image) -> Weight | None:
    try:
        if os.path.getsize(path) > _MAX_JSON:
            raise ValueError("is larger than any measurement")
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
        if content.get("version") != 1:
            raise ValueError(f"its version is {content.get('version')!r}, and this imglint reads version 1")
        images: list[dict[str, Any]] = content["images"]
        # By a tag that both have, else the only one there is.
        same = [
            one for one in images if set(one["tags"]) & set(image.tags) and one["platform"] == image.platform
        ]
        chosen = same or (images if len(images) == 1 else [])
        if not chosen:
            return None
        own = chosen[0]
        stored = own["compressed_bytes"]
        return Weight(
            path,
            int(own["content_bytes"]),
            int(own["live_bytes"]),
            int(own["wasted_bytes"]),
            None if stored is None else int(stored),
            tuple(
                (str(one["created_by"]), int(one["content_bytes"]))
                for one in own["layers"]
                if one["created_by"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        problem = f"is no JSON of `imglint image`: {' '.join(str(error).split())}"
        raise InputError(
            path, problem, "write it with `imglint image SOURCE --format json --output FILE`"
        ) from error
