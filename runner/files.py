"""The files of a container by the engine's own word: no tool in the image is needed, and nothing is started."""

from __future__ import annotations

import base64
import io
import json
import posixpath
import tarfile
from typing import TYPE_CHECKING, Any, NamedTuple

from .engine import errors
from .errors import EngineError

if TYPE_CHECKING:
    from .session import Container

# The bits of Go's FileMode.
_DIRECTORY, _SYMLINK = 1 << 31, 1 << 27
_MAX_LINKS = 16
_MAX_FILE = 4 * 1024 * 1024


class FileStat(NamedTuple):
    """A path: what it is, and how long."""

    path: str  # where links led
    size: int
    mode: int  # the permission bits
    directory: bool

    @property
    def executable(self) -> bool:
        """A file that somebody may execute."""
        return not self.directory and bool(self.mode & 0o111)


def stat(container: Container, path: str) -> FileStat | None:
    """What a path leads to; None where there is nothing."""
    for _ in range(_MAX_LINKS):
        found = _header(container, path)
        if found is None:
            return None
        mode = int(found.get("mode", 0))
        target = str(found.get("linkTarget") or "")
        if not mode & _SYMLINK or not target or target == path:
            return FileStat(path, int(found.get("size", 0)), mode & 0o777, bool(mode & _DIRECTORY))
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return None


def is_link(container: Container, path: str) -> bool:
    """Whether a path itself is a symbolic link."""
    found = _header(container, path)
    return found is not None and bool(int(found.get("mode", 0)) & _SYMLINK)


def _header(container: Container, path: str) -> dict[str, Any] | None:
    """What the engine says of a path without following it; None where there is nothing."""
    engine = container.session.engine
    with errors(container.id[:12]):
        url = engine.url_of(container.id, "archive")
        answer = engine.api.head(url, params={"path": path}, timeout=10)
    header = answer.headers.get("X-Docker-Container-Path-Stat")
    if answer.status_code != 200 or not header:
        return None
    found: dict[str, Any] = json.loads(base64.b64decode(header))
    return found


def find_program(container: Container, name: str, search: str) -> FileStat | None:
    """The file that a name leads to along `search`, as the kernel's callers look; executable or not."""
    if "/" in name:
        return stat(container, name)
    first = None
    for directory in search.split(":"):
        found = stat(container, posixpath.join(directory or "/", name))
        if found is not None and found.executable:
            return found
        first = first or found
    return first


def read(container: Container, path: str) -> bytes | None:
    """A file's contents; None where there is none, or it has more than 4 MiB."""
    import docker.errors

    engine = container.session.engine
    found = stat(container, path)
    if found is None or found.directory or found.size > _MAX_FILE:
        return None
    try:
        with errors(container.id[:12]):
            chunks, _ = engine.api.get_archive(container.id, found.path)
            data = b"".join(chunks)
    except EngineError as error:
        if isinstance(error.__cause__, docker.errors.NotFound):
            return None
        raise
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            if stream is not None:
                return stream.read()
    return None
