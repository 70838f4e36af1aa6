"""What a service of a compose file finds in its file system: volumes, memory, secrets and configs."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable
from typing import NamedTuple

from ..start import File, Mount
from .file import ComposeFile
from .order import nearest
from .value import Value

_MAX_SECRET = 1 << 20  # bytes
_MODES = frozenset("ro rw z Z cached delegated consistent nocopy".split())
_LONG = ("type", "source", "target", "read_only", "bind", "volume", "tmpfs", "image", "consistency")


class Mounted(NamedTuple):
    """What one or several keys come to."""

    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[tuple[str, str], ...] = ()  # path, options
    files: tuple[File, ...] = ()
    secrets: tuple[str, ...] = ()  # contents that nothing may tell

    def plus(self, other: Mounted) -> Mounted:
        """Both together."""
        return Mounted(
            self.mounts + other.mounts, self.tmpfs + other.tmpfs, self.files + other.files, self.secrets + other.secrets
        )  # fmt: skip


class Paths:
    """The paths of this machine that a compose file names, and which of them may be mounted."""

    def __init__(self, file: ComposeFile, note: Callable[[str], None]) -> None:
        self._file = file
        self._note = note

    def mount(self, value: Value, source: str, target: str, *, writable: bool) -> Mounted:
        """A path, read-only; nothing where it lies outside of the project.

        Raises:
            InputError: it is not there.
        """
        path = self._absolute(source)
        if not self.is_inside(path):
            self._note(
                f"{value.place}: {path} lies outside of the project, and is not mounted; -v {path}:{target} gives it"
                " to the services that are verified"
            )
            return Mounted()
        if not os.path.exists(path):
            raise value.wrong(
                f"{path} is not there", "make it, or correct the path; docker compose would make a directory"
            )
        if writable:
            self._note(
                f"{value.place}: {path} is mounted read-only; -v {path}:{target}:rw lets a service that is verified write it"
            )
        return Mounted((Mount("bind", path, target),))

    def file(self, value: Value, source: str, target: str) -> Mounted:
        """A file of the project, read-only, as compose mounts what secrets and configs name.

        Raises:
            InputError: it is not there, or lies outside of the project.
        """
        path = self._absolute(source)
        if not self.is_inside(path):
            raise value.wrong(
                f"{path} lies outside of the project", "copy it below the directory of the compose file"
            )
        if not os.path.isfile(path):
            raise value.wrong(f"{path} is not there, or no file", "make it, or correct the path")
        return Mounted((Mount("bind", path, target),))

    def read(self, value: Value, source: str) -> bytes:
        """What such a file holds.

        Raises:
            InputError: it can't be read.
        """
        path = self._absolute(source)
        try:
            with open(path, "rb") as stream:
                data = stream.read(_MAX_SECRET + 1)
        except OSError as error:
            raise value.wrong(f"{path}: {(error.strerror or str(error)).lower()}") from error
        if len(data) > _MAX_SECRET:
            raise value.wrong(f"{path} is larger than {_MAX_SECRET >> 20} MiB")
        return data

    def is_inside(self, path: str) -> bool:
        """Whether a path is in the project, where its links lead, too."""
        top = os.path.realpath(self._file.directory)
        return os.path.commonpath([top, os.path.realpath(path)]) == top

    def _absolute(self, source: str) -> str:
        return os.path.abspath(os.path.join(self._file.directory, os.path.expanduser(source)))


def mounted(service: Value, file: ComposeFile, note: Callable[[str], None]) -> Mounted:
    """What `volumes`, `tmpfs`, `secrets` and `configs` of a service come to.

    Raises:
        InputError: one is nothing that can be mounted.
    """
    paths = Paths(file, note)
    out = Mounted()
    if (volumes := service.get("volumes")) is not None:
        for one in volumes.items():
            out = out.plus(
                _long(one, file, paths, note) if isinstance(one.raw, dict) else _short(one, file, paths, note)
            )
    if (tmpfs := service.get("tmpfs")) is not None:
        for text in tmpfs.texts():
            path, _, options = text.partition(":")
            out = out.plus(Mounted(tmpfs=((_target(tmpfs, path), options),)))
    for kind in ("secrets", "configs"):
        if (listed := service.get(kind)) is not None:
            for one in listed.items():
                out = out.plus(_secret(kind, one, file, paths))
    targets = [*(mount.target for mount in out.mounts), *(path for path, _ in out.tmpfs)]
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice is not None:
        raise service.wrong(f"mounts {twice} twice", "name it once in volumes and tmpfs")
    return out


def _short(value: Value, file: ComposeFile, paths: Paths, note: Callable[[str], None]) -> Mounted:
    """SOURCE:TARGET:MODE, or TARGET."""
    source, colon, rest = value.text().partition(":")
    if not colon:
        return Mounted((Mount("anonymous", "", _target(value, source), writable=True),))
    target, _, mode = rest.partition(":")
    modes = set(mode.split(",")) if mode else set()
    if not modes <= _MODES:
        raise value.wrong(f"has the mode {mode}", "use ro or rw")
    writable = "ro" not in modes
    if source.startswith(("/", ".", "~")):
        return paths.mount(value, source, _target(value, target), writable=writable)
    return _named(value, source, _target(value, target), file, note, writable=writable)


def _long(value: Value, file: ComposeFile, paths: Paths, note: Callable[[str], None]) -> Mounted:
    """A mapping with type, source and target."""
    value.only(_LONG)
    if (kind := value.get("type")) is None or (where := value.get("target")) is None:
        raise value.wrong("lacks type or target", "as in {type: volume, source: data, target: /data}")
    target = _target(where, where.text())
    writable = (only := value.get("read_only")) is None or not only.flag()
    source = value.get("source")
    match kind.text():
        case "bind" if source is not None:
            return paths.mount(value, source.text(), target, writable=writable)
        case "volume" if source is None:
            return Mounted((Mount("anonymous", "", target, writable=True),))
        case "volume":
            assert source is not None
            return _named(value, source.text(), target, file, note, writable=writable)
        case "tmpfs":
            options = []
            if (more := value.get("tmpfs")) is not None:
                more.only(("size", "mode"))
                options = [f"{key}={one.text()}" for key, one in more.mapping().items()]
            return Mounted(tmpfs=((target, ",".join(options)),))
        case "bind":
            raise value.wrong("lacks source")
    raise kind.wrong(f"is {kind.text()}, which imglint does not mount", "use bind, volume or tmpfs")


def _named(
    value: Value, name: str, target: str, file: ComposeFile, note: Callable[[str], None], *, writable: bool
) -> Mounted:
    """A volume of the file: one of this run stands in its place."""
    volumes = file.root.get("volumes")
    known = volumes.mapping() if volumes is not None else {}
    if name not in known:
        hint = f"write ./{name} for a path, or put it under `volumes:` at the top"
        raise value.wrong(
            f"names the volume {name}, which the file does not have", nearest(name, known) if known else hint
        )
    external = known[name].get("external") if known[name].raw else None
    if external is not None and external.raw is not False:
        note(f"{value.place}: in place of the external volume {name} it gets an empty one of this run")
    return Mounted((Mount("shared", name, target, writable=writable),))


def _secret(kind: str, value: Value, file: ComposeFile, paths: Paths) -> Mounted:
    """A secret or a config, as a file in the container."""
    name, target, mode, uid, gid = "", "", 0o444, 0, 0
    if isinstance(value.raw, dict):
        value.only(("source", "target", "uid", "gid", "mode"))
        source = value.get("source")
        if source is None:
            raise value.wrong("lacks source")
        name = source.text()
        target = one.text() if (one := value.get("target")) is not None else ""
        if (one := value.get("mode")) is not None:
            if not re.fullmatch(r"0?o?[0-7]{3,4}", one.text()):
                raise one.wrong("takes an octal mode, as in 0440")
            mode = int(one.text().replace("o", ""), 8)
        uid, gid = (found.number() if (found := value.get(key)) is not None else 0 for key in ("uid", "gid"))
    else:
        name = value.text()
    top = file.root.get(kind)
    known = top.mapping() if top is not None else {}
    if name not in known:
        raise value.wrong(
            f"names {name}, which is not under `{kind}:` at the top", nearest(name, known) if known else ""
        )
    base = "/run/secrets" if kind == "secrets" else "/"
    place = _target(value, posixpath.join(base, target or name))
    top_value = known[name]
    top_value.only(_TOP)
    if (path := top_value.get("file")) is not None:
        content = paths.file(path, path.text(), place)
        data = paths.read(path, path.text()) if kind == "secrets" else b""
    else:
        data = _content(top_value, file)
        content = Mounted(files=(File(place, data, mode, uid, gid),))
    return content._replace(secrets=(data.decode("utf-8", "replace").strip(),) if kind == "secrets" else ())


_TOP = (
    "file",
    "environment",
    "content",
    "external",
    "name",
    "labels",
    "driver",
    "driver_opts",
    "template_driver",
)


def _content(value: Value, file: ComposeFile) -> bytes:
    if (text := value.get("content")) is not None:
        return text.text().encode()
    if (variable := value.get("environment")) is not None:
        if variable.text() not in file.variables:
            raise variable.wrong(
                f"takes the value of {variable.text()}, which is not set", "set it where imglint runs"
            )
        return file.variables[variable.text()].encode()
    raise value.wrong("is kept by another engine, where imglint can't read it", "give it a file for this run")


def _target(value: Value, path: str) -> str:
    clean = posixpath.normpath(path)
    if not path.startswith("/") or clean.strip("/") == "":
        raise value.wrong(f"takes an absolute path below / in the container, not {path!r}")
    return f"/{clean.lstrip('/')}"


def size_of(value: Value) -> int:
    """A size as compose files have it, in bytes.

    Raises:
        InputError: it is none.
    """
    match = re.fullmatch(r"(\d{1,12})([bkmg]?)b?", value.text().lower(), re.ASCII)
    if match is None:
        raise value.wrong("takes a size, as in 64m")
    return int(match[1]) << {"b": 0, "k": 10, "m": 20, "g": 30}[match[2] or "b"]
