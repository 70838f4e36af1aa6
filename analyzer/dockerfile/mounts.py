"""The values of `RUN --mount=` and `--device=`: their fields, and what builders refuse in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from .instruction import shown

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_KEYS = (
    "type", "from", "source", "src", "target", "dst", "destination", "readonly", "ro", "readwrite", "rw", "id",
    "sharing", "required", "size", "mode", "uid", "gid", "env",
)  # fmt: skip
# What only Podman's builder knows.
_PODMAN_KEYS = frozenset(
    "bind-propagation relabel shared rshared private rprivate slave rslave z u no-dereference notmpcopyup tmpcopyup"
    " tmpfs-mode tmpfs-size".split()
)
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_TRUTHS = frozenset("1 t T TRUE true True 0 f F FALSE false False".split())
_SIZE = r"(?i)\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)? ?(?:b|[kmgtp](?:i?b)?)?"

# Replaces variables; None where a value can't be told.
Resolve = Callable[[str], str | None]


class Mount(NamedTuple):
    """A mount whose fields builders take, as far as the text tells; None where it does not."""

    kind: str | None
    fields: dict[str, str | None]


class RefusedMountError(Exception):
    """A builder refuses the mount; the text says why, and what to write."""


def read_mount(value: str, resolve: Resolve) -> Mount:
    """Read the value of a --mount.

    Raises:
        RefusedMountError: a builder would not take it.
    """
    fields: dict[str, str | None] = {}
    kind: str | None = "bind"
    for field in _split(value):
        key, equals, raw = field.partition("=")
        key = key.lower()
        if key in _PODMAN_KEYS:
            continue
        if not equals:
            if key not in ("readonly", "ro", "readwrite", "rw", "required"):
                raise RefusedMountError(f"{shown(field)} is no field of a mount; use KEY=VALUE")
            content: str | None = "true"
        elif key == "from" and "$" in raw.rstrip("$"):
            raise RefusedMountError(
                "from can't hold a variable; name a stage, FROM … AS name, and use from=name"
            )
        else:
            content = resolve(raw)
        if key not in _KEYS:
            raise RefusedMountError(f"a mount has no key {shown(key)}{_meant(key)}")
        key = _ALIASES.get(key, key)
        if key == "required" and kind not in ("secret", "ssh", None):
            raise RefusedMountError(
                f"a mount of type {kind} takes no required; use it behind type=secret or type=ssh"
            )
        if key == "size" and kind not in ("tmpfs", None):
            raise RefusedMountError(f"a mount of type {kind} takes no size; use it behind type=tmpfs")
        fields[key] = content
        if content is not None:
            fault = _value_fault(key, content)
            if fault:
                raise RefusedMountError(fault)
        if key == "type":
            kind = None if content is None else content.lower()
    fault = _combination_fault(kind, fields)
    if fault:
        raise RefusedMountError(fault)
    return Mount(kind, fields)


def read_device(value: str) -> None:
    """Look through the value of a --device.

    Raises:
        RefusedMountError: a builder would not take it.
    """
    if not value:
        raise RefusedMountError("the device is empty; use --device=vendor.com/class=name")
    name = ""
    for field in _split(value):
        key, equals, content = field.partition("=")
        if key.lower() == "required":
            if equals and content not in _TRUTHS:
                raise RefusedMountError(
                    f"required is true or false, not {shown(content)}; use required alone"
                )
        elif not name:
            name = content if key.lower() == "name" and equals else field
        else:
            raise RefusedMountError(f"a device has no field {shown(field)}; use its name, and required")


def _split(value: str) -> list[str]:
    """The fields between commas; as in CSV, a field may stand in double quotes."""
    if not value:
        raise RefusedMountError("the mount is empty; use --mount=type=cache,target=/PATH")
    if '"' not in value:
        return value.split(",")
    import csv

    try:
        (row,) = csv.reader([value], strict=True)
    except (csv.Error, ValueError):
        raise RefusedMountError(
            'a quote stands in the middle of a field; use "KEY=VALUE" around all of it'
        ) from None
    if any('"' in field for field in value.split(",") if field[:1] != '"'):
        raise RefusedMountError('a quote stands in the middle of a field; use "KEY=VALUE" around all of it')
    return row


def _value_fault(key: str, value: str) -> str | None:
    if key == "type" and value.lower() not in _TYPES:
        return f"there is no mount of type {shown(value)}{_near(value, _TYPES) or '; use bind, cache, tmpfs, secret or ssh'}"
    if key == "sharing" and value.lower() not in _SHARING:
        return f"sharing can't be {shown(value)}; use shared, private or locked"
    if key in ("readonly", "readwrite", "required") and value not in _TRUTHS:
        return f"{key} is true or false, not {shown(value)}; use {key} alone to switch it on"
    if key in ("uid", "gid") and not (re.fullmatch(r"[0-9]{1,10}", value) and int(value) < 2**32):
        return f"{key} takes a number, not {shown(value)}; use {key}=1000"
    if key == "mode" and not (re.fullmatch(r"[0-7]{1,11}", value) and int(value, 8) < 2**32):
        return f"mode takes an octal number, not {shown(value)}; use mode=0755"
    if key == "size" and not re.fullmatch(_SIZE, value):
        return f"size takes a number of bytes, not {shown(value)}; use size=64m"
    return None


def _combination_fault(kind: str | None, fields: dict[str, str | None]) -> str | None:
    if kind is None:
        return None
    if kind not in ("secret", "ssh", "cache"):
        for key in ("mode", "uid", "gid"):
            if key in fields:
                return f"a mount of type {kind} takes no {key}; leave it out"
    if fields.get("sharing") and kind != "cache":
        return f"a mount of type {kind} takes no sharing; use it with type=cache"
    if kind == "secret":
        if fields.get("from"):
            return "a secret comes from nowhere but the builder's user; leave from out"
        given = [key for key in ("source", "target", "id") if fields.get(key, "") != ""]
        if not given:
            return "the secret has no name; use id=NAME"
        if fields.get("source") and fields.get("id"):
            return "source and id both name the secret; use id alone"
    if kind == "ssh" and fields.get("source"):
        return "a mount of type ssh takes no source; use id=NAME"
    return None


def _meant(key: str) -> str:
    return _near(key, _KEYS) or "; use target, source, from, id and the like"


def _near(word: str, words: tuple[str, ...]) -> str:
    import difflib

    close = difflib.get_close_matches(word.lower(), words, 1)
    return f"; did you mean {close[0]}?" if close else ""
