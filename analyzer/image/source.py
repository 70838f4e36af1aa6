"""SOURCE on the command line: the names that people know from skopeo."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..errors import InputError

_ARCHIVES = ("docker-archive", "oci-archive", "oci", "dir")
# What people name besides, and how to get it here.
_UNREAD = {
    "containers-storage:": (
        "stores of containers",
        "copy it first: `podman save -o image.tar {name}`; or name {name} with --engine podman",
    ),
    "http://": ("URLs", "download the archive first"),
    "https://": ("URLs", "download the archive first"),
}


class Source(NamedTuple):
    """Where an image is: a path and one image of it, or a name that an engine or a registry knows."""

    kind: str  # "path", "daemon" or "registry"
    value: str
    select: str | None = None


def parse_source(text: str) -> Source:
    """Take a SOURCE apart.

    `docker-archive:PATH[:NAME|:@INDEX]`, `oci-archive:PATH[:REF]`, `oci:DIR[:REF]`, `docker-daemon:NAME`,
    `docker://HOST/NAME[:TAG|@DIGEST]`; a path that exists, an archive's or layout's with `:NAME`; anything else is
    a name for the engine.

    Raises:
        InputError: it is empty, or names a place that imglint does not read from.
    """
    transport, colon, rest = text.partition(":")
    if not text or (colon and not rest):
        raise InputError(
            text or "SOURCE", "names no image", "name an archive, a layout, or an image of the engine"
        )
    for start, (what, hint) in _UNREAD.items():
        if text.startswith(start) and not os.path.exists(text):
            subject = f"{start}…" if "@" in text else text  # a login is not repeated
            raise InputError(
                subject, f"{what} are not read yet", hint.format(name=subject.removeprefix(start))
            )
    if text.startswith("docker://") and not os.path.exists(text):
        from ..registry.reference import parse_place

        parse_place(rest.removeprefix("//"))
        return Source("registry", rest.removeprefix("//"))
    if colon and transport == "docker-daemon":
        return Source("daemon", rest)
    if colon and transport in _ARCHIVES:
        return _with_selector(rest)
    if os.path.exists(text):
        return Source("path", text)
    split = _with_selector(text)
    # A directory that is called like the image is the project's, unless it is a layout.
    if split.select is not None and (os.path.isfile(split.value) or is_layout(split.value)):
        return split
    if text.endswith((".tar", ".tar.gz", ".tgz", ".tar.zst")) or text.startswith((".", "/")):
        return Source("path", text)  # meant as a path, though nothing is there
    return Source("daemon", text)


def is_layout(directory: str) -> bool:
    """Whether a directory holds images: as an OCI layout, or as an archive of `docker save`, unpacked."""
    names = ("index.json", "manifest.json", "repositories")
    return any(os.path.isfile(os.path.join(directory, name)) for name in names)


def _with_selector(text: str) -> Source:
    """PATH:NAME, where a path with colons of its own is taken as it is when it exists."""
    if os.path.exists(text):
        return Source("path", text)
    at = text.find(":")
    while at > 0:
        if os.path.exists(text[:at]):
            return Source("path", text[:at], text[at + 1 :])
        at = text.find(":", at + 1)
    path, colon, select = text.partition(":")
    return Source("path", path, select if colon else None)
