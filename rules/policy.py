"""What a team demands of its Dockerfiles, for the rules that are idle without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Policy(NamedTuple):
    """Demands from the configuration.

    `trusted_registries` are registries that images may come from, with * at either end as in
    `*.example.org`. `labels` maps the labels that an image has to carry to their types: text,
    url, semver, hash, rfc3339, spdx, email. `strict_labels` allows no others.
    """

    trusted_registries: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    strict_labels: bool = False


LABEL_TYPES = ("text", "url", "semver", "hash", "rfc3339", "spdx", "email")


def is_registry(text: str) -> bool:
    """Whether this can be a registry, with * at either end perhaps: no URL and no path ever matches one."""
    name = text.removeprefix("*").removesuffix("*")
    return bool(text) and not {*name} & {*"*/ \t"}
