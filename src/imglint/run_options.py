"""The options of whatever starts an image, as `docker run` names them: what they mean, and what is no value of theirs."""

from __future__ import annotations

import difflib
import ipaddress
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .analyzer import InputError
from .config import RunText
from .lint_options import UsageError
from .proving import Wishes

if TYPE_CHECKING:
    from .runner.service import Service
    from .runner.start import Mount, Start

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_SECONDS = 3600.0
_MEMORY_UNITS = {"b": 0, "k": 10, "m": 20, "g": 30}
_LEAST_MEMORY = 6 << 20  # bytes; engines refuse less
_MAX_ENV_FILE = 1 << 20  # bytes
_TMPFS_OPTION = r"(?:size=\d+[kmgKMG%]?|mode=0?[0-7]{3,4}|[ug]id=\d+|rw|ro|(?:no)?(?:exec|suid|dev|atime))"
_TMPFS_OPTIONS = re.compile(rf"(?:{_TMPFS_OPTION}(?:,{_TMPFS_OPTION})*)?", re.ASCII)
_NAME = re.compile(r"[^\s\0=]+")  # of a variable
_VOLUME = re.compile(r"[a-zA-Z0-9][\w.-]+", re.ASCII)


def parse_seconds(option: str, text: str) -> float:
    """A time of the command line, as `90`, `90s` or `2m`, in seconds.

    Raises:
        UsageError: it is none, or more than an hour.
    """
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh]?)", text, re.ASCII)
    seconds = float(match[1]) * _UNITS[match[2]] if match else -1.0
    if not 0 <= seconds <= _MOST_SECONDS:
        raise UsageError(f"{option} takes a time up to an hour, as 90, 90s or 2m, not {text!r}")
    return seconds


def parse_memory(text: str) -> int:
    """A size as `docker run --memory` takes it, in bytes.

    Raises:
        UsageError: it is none, or too little to start anything.
    """
    match = re.fullmatch(r"(\d{1,12})([bkmg]?)b?", text.lower(), re.ASCII)
    size = int(match[1]) << _MEMORY_UNITS[match[2] or "b"] if match else 0
    if size < _LEAST_MEMORY:
        raise UsageError(f"--memory takes a size from 6m on, as 512m or 2g, not {text!r}")
    return size


def parse_run(given: Mapping[str, Sequence[str]], *, run: bool = True, images: Iterable[str] = ()) -> Wishes:
    """What the options of the command line ask for.

    Args:
        given: the values of each option that was given, by its name without dashes.
        run: whether anything is started at all.
        images: the names of what is started: they are told, whatever a variable holds.

    Raises:
        UsageError: a value is none that the option takes, or nothing is started.
    """
    chosen = {name: tuple(texts) for name, texts in given.items() if texts}
    if chosen and not run:
        raise UsageError(f"{_flag(next(iter(chosen)))} is about the run: use it with --run")
    return parse_layer(RunText(chosen), images)


def check_for_hook(given: Mapping[str, Sequence[str]], *, run: bool) -> None:
    """See that options can stand in a hook, a file that others may read. Its variables are set when it runs.

    Raises:
        UsageError: a variable's value is among them, or a value is none that the option takes.
    """
    names = []
    for text in given.get("env", ()):
        name, equals, _ = text.partition("=")
        if equals and _NAME.fullmatch(name):
            raise UsageError(
                f"-e {name} would stand in the hook with its value: use -e {name}, or --env-file"
            )
        names.append(text if equals else f"{name}=")
    services = []
    for text in given.get("with-env", ()):
        name, equals, _ = text.partition("=")
        if equals:
            raise UsageError(
                f"--with-env {name} would stand in the hook with its value: use --with-env {name}"
            )
        services.append(f"{name}=")
    parse_run({**given, "env": names, "with-env": services}, run=run)


def with_layers(wishes: Wishes, layers: Iterable[RunText], images: Iterable[str] = ()) -> Wishes:
    """What is wished with what files ask for below it. A later layer goes before an earlier one.

    Raises:
        InputError: a file asks for what its option does not take.
    """
    base = Wishes()
    for layer in layers:
        try:
            base = _over(parse_layer(layer, images), base)
        except UsageError as error:
            raise InputError(layer.place, str(error)) from error
    return _over(wishes, base)


def _over(wishes: Wishes, base: Wishes) -> Wishes:
    start = base.start if wishes.start is None else wishes.start.over(base.start)
    names = {service.name for service in wishes.services}
    return wishes._replace(
        wait=base.wait if wishes.wait is None else wishes.wait,
        observe=base.observe if wishes.observe is None else wishes.observe,
        memory=wishes.memory or base.memory,
        pids=wishes.pids or base.pids,
        network=wishes.network or base.network,
        start=start,
        services=(*(one for one in base.services if one.name not in names), *wishes.services),
    )


def parse_layer(layer: RunText, images: Iterable[str] = ()) -> Wishes:
    """What the options of one place ask for. The values of variables are masked from then on.

    Raises:
        UsageError: a value is none that the option takes.
    """
    values = layer.values
    (network,) = values.get("network") or ("",)
    if network and not re.fullmatch(r"[\w][\w.-]*", network):
        raise UsageError(f"--network takes the name of a network, not {network!r}")
    if network and "allow-egress" in values and values["allow-egress"]:
        raise UsageError("--network says itself what can be reached: leave out --allow-egress")
    services = tuple(_services(layer, images))
    if network and services:
        raise UsageError("--with starts services in a network of the run's own: leave out --network")
    wait, observe = (
        parse_seconds(_flag(name), values[name][-1]) if values.get(name) else None
        for name in ("wait", "observe")
    )
    start = _start(layer, images)
    if layer.found:
        _must_keep_closed(layer, network, start)
    return Wishes(
        wait=wait,
        observe=observe,
        memory=parse_memory(values["memory"][-1]) if values.get("memory") else None,
        pids=_parse_pids(values["pids-limit"][-1]) if values.get("pids-limit") else None,
        network=network,
        start=start,
        services=services,
    )


def _must_keep_closed(layer: RunText, network: str, start: Start | None) -> None:
    """See that a file which came with a repository does not open the container to the user's machine.

    Raises:
        UsageError: it asks for what only the command line, or a file that it names, may ask for.
    """
    opens = "--network" if network else ""
    if start is not None:
        inside = os.path.realpath(layer.directory or ".")
        paths = [one.source for one in start.mounts if one.kind == "bind"] + list(start.from_files.values())
        for path in paths:
            if os.path.commonpath([inside, os.path.realpath(path)]) != inside:
                opens = f"{path}, which lies outside of its directory,"
        for mount in start.mounts:
            if mount.kind == "volume" or (mount.kind == "bind" and mount.writable):
                opens = mount.flag()
        if start.egress:
            opens = "--allow-egress"
    if opens:
        raise UsageError(f"asks for {opens} which only the command line, or a file of --expect, can open")


def as_texts(wishes: Wishes, directory: str) -> dict[str, Any]:
    """Options as a file of expectations in a directory holds them. Of variables it holds the names, never a value."""
    from .runner.start import Start

    start = wishes.start or Start()

    def near(path: str) -> str:
        """A path from the file, where it lies beside or below it."""
        relative = os.path.relpath(path, directory or ".")
        return path if relative.startswith("..") else f"./{relative}"

    volumes = []
    for mount in start.mounts:
        source = near(mount.source) if mount.kind == "bind" else mount.source
        volumes.append(mount.target if mount.kind == "anonymous" else f"{source}:{mount.target}:{mount.mode}")
    out: dict[str, Any] = {
        "env": [name for name in start.environment if name not in start.from_files],
        "env-file": [near(path) for path in dict.fromkeys(start.from_files.values())],
        "volume": volumes,
        "tmpfs": [f"{path}:{options}" if options else path for path, options in start.tmpfs.items()],
        "user": start.user,
        "entrypoint": "".join(start.entrypoint or ()),
        "command": list(start.command or ()),
        "network": wishes.network,
        "add-host": list(start.hosts),
        "allow-egress": start.egress,
        "memory": f"{wishes.memory}b" if wishes.memory else "",
        "pids-limit": wishes.pids or "",
        "wait": "" if wishes.wait is None else f"{wishes.wait:g}s",
        "observe": "" if wishes.observe is None else f"{wishes.observe:g}s",
        "with": [f"{one.name}={one.image}" for one in wishes.services],
        "with-env": [f"{one.name}:{name}" for one in wishes.services for name in one.start.environment],
    }
    return {name: value for name, value in out.items() if value}


def _parse_pids(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise UsageError(f"--pids-limit takes a number from 1 on, not {text!r}")
    return int(text)


def _flag(name: str) -> str:
    return "a command behind --" if name == "command" else f"--{name}"


_STARTING = (
    "env",
    "env-file",
    "volume",
    "mount",
    "tmpfs",
    "user",
    "entrypoint",
    "command",
    "add-host",
    "allow-egress",
)


def _start(layer: RunText, images: Iterable[str]) -> Start | None:
    values = layer.values
    if not any(values.get(name) for name in _STARTING):
        return None
    from .runner.start import Start

    environment: dict[str, str] = {}
    from_files: dict[str, str] = {}
    for path in values.get("env-file", ()):
        path = os.path.join(layer.directory, os.path.expanduser(path))
        found = _of_file(path)
        environment |= found
        from_files |= dict.fromkeys(found, os.path.abspath(path))
    for text in values.get("env", ()):
        name, value = _variable(text)
        environment[name] = value
        from_files.pop(name, None)
    hide_values(environment, images)
    mounts = [_volume(text, layer.directory) for text in values.get("volume", ())]
    tmpfs: dict[str, str] = {}
    for text in values.get("mount", ()):
        mount = _mount(text, layer.directory)
        if mount.kind == "tmpfs":
            tmpfs[mount.target] = mount.source
        else:
            mounts.append(mount)
    for text in values.get("tmpfs", ()):
        path, _, options = text.partition(":")
        if not _TMPFS_OPTIONS.fullmatch(options):
            raise UsageError(f"--tmpfs {text}: takes options as in /run:size=64m,mode=1777")
        tmpfs[_target(f"--tmpfs {text}", path)] = options
    targets = [*(one.target for one in mounts), *tmpfs]
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} is mounted twice: name it once in -v, --mount and --tmpfs")
    user = (values.get("user") or ("",))[-1]
    if user and not re.fullmatch(r"[\w.-]+\$?(?::[\w.-]+\$?)?", user):
        raise UsageError(f"--user takes a name or a number, as in 1000, app or 1000:1000, not {user!r}")
    entrypoint = (values.get("entrypoint") or ("",))[-1]
    command = values.get("command") or None
    return Start(
        environment,
        tuple(mounts),
        tmpfs,
        user,
        (entrypoint,) if entrypoint else None,
        command,
        tuple(_host(text) for text in values.get("add-host", ())),
        bool(values.get("allow-egress")),
        from_files,
    )


def _services(layer: RunText, images: Iterable[str]) -> Iterator[Service]:
    """--with NAME=IMAGE, each with the variables that --with-env NAME:VARIABLE gives it, in their order."""
    given: dict[str, dict[str, str]] = {}
    found: dict[str, str] = {}
    for text in layer.values.get("with", ()):
        name, equals, image = text.partition("=")
        if not equals or not _HOST_NAME.fullmatch(name) or not re.fullmatch(r"\w[\w.:/@-]*", image):
            raise UsageError(f"--with takes NAME=IMAGE, as in db=postgres:16, not {text!r}")
        if name in found:
            raise UsageError(f"--with names {name} twice: give each service a name of its own")
        found[name], given[name] = image, {}
    for text in layer.values.get("with-env", ()):
        name, colon, variable = text.partition(":")
        if not colon or not _HOST_NAME.fullmatch(name):
            raise UsageError(
                "--with-env takes NAME:VARIABLE=VALUE, or NAME:VARIABLE for one that is set here"
            )
        if name not in found:
            close = difflib.get_close_matches(name, found, 1)
            known = f"did you mean {close[0]}?" if close else f"use --with {name}=IMAGE"
            raise UsageError(f"--with-env {name}: no service is called so; {known}")
        key, value = _variable(variable, f"--with-env {name}:")
        given[name][key] = value
    if not found:
        return
    from .runner.service import Service
    from .runner.start import Start

    for name, image in found.items():
        hide_values(given[name], (*images, image))
        yield Service(name, image, Start(given[name]))


_HOST_NAME = re.compile(r"[a-zA-Z0-9](?:[\w-]{0,61}[a-zA-Z0-9])?", re.ASCII)


def hide_values(environment: Mapping[str, str], images: Iterable[str]) -> None:
    """Mask the values of variables from now on, but for the words of an image's name."""
    from .analyzer.credentials import hide, is_telling
    from .reports.own_words import OWN_WORDS

    # What stands in the image's own name is told with it.
    public = OWN_WORDS.union(word for image in images for word in re.split(r"[^\w.-]", image))
    hide(value for name, value in environment.items() if value not in public and is_telling(name, value))


def _variable(text: str, option: str = "-e ") -> tuple[str, str]:
    """NAME=VALUE, or NAME, whose value is that of our own environment. No error tells a value."""
    name, equals, value = text.partition("=")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{option.strip()} takes NAME=VALUE, or NAME for a variable that is set here")
    if equals and "\0" in value:
        raise UsageError(f"{option}{name}: its value holds a NUL, which no variable can")
    if not equals:
        try:
            value = os.environ[name]
        except KeyError:
            raise UsageError(
                f"{option}{name} takes its value from a variable that is not set here: use {option}{name}=VALUE,"
                " or set it"
            ) from None
    return name, value


def _of_file(path: str) -> dict[str, str]:
    """The variables of an --env-file: a NAME=VALUE or a NAME a line; # begins a comment. No error tells a value."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_ENV_FILE + 1)
    except OSError as error:
        raise InputError(path, (error.strerror or str(error)).lower(), "check --env-file") from error
    if len(data) > _MAX_ENV_FILE:
        raise InputError(path, f"is larger than {_MAX_ENV_FILE >> 20} MiB", "check --env-file")
    found = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        where = f"{path}:{number}"
        try:
            text = line.removesuffix(b"\r").decode("utf-8").lstrip()
        except UnicodeDecodeError as error:
            raise InputError(where, "is not UTF-8", "save it as UTF-8") from error
        if not text or text.startswith("#"):
            continue
        name, equals, _ = text.partition("=")
        hint = (
            "write NAME=VALUE, or NAME for a variable that is set here; `export` and quotes mean nothing here"
        )
        if not _NAME.fullmatch(name) or "\0" in text:
            raise InputError(where, "is no variable", hint)
        if not equals and name not in os.environ:
            raise InputError(where, f"names {name}, which is not set here", hint)
        variable, value = _variable(text)
        found[variable] = value
    return found


def _volume(text: str, directory: str) -> Mount:
    """-v TARGET, SOURCE:TARGET or SOURCE:TARGET:MODE. Without a mode it is read-only, other than for docker run."""
    from .runner.start import Mount

    parts = text.split(":")
    option = f"-v {text}"
    if len(parts) == 1:
        return Mount("anonymous", "", _target(option, text), writable=True)
    source, target, *modes = parts
    if len(modes) > 1 or (modes and modes[0] not in ("ro", "rw")):
        raise UsageError(f"{option}: takes SOURCE:TARGET, SOURCE:TARGET:ro or SOURCE:TARGET:rw")
    kind, source = _source(option, source, directory)
    return Mount(kind, source, _target(option, target), modes == ["rw"], not modes)


def _source(option: str, source: str, directory: str) -> tuple[str, str]:
    """What is mounted: "bind" and an absolute path, or "volume" and a name."""
    if source.startswith(("/", ".", "~")):
        return "bind", os.path.abspath(os.path.join(directory, os.path.expanduser(source)))
    if not _VOLUME.fullmatch(source):
        raise UsageError(
            f"{option}: {source!r} is neither a volume's name nor a path: write ./{source} for a path"
        )
    return "volume", source


def _target(option: str, path: str) -> str:
    clean = posixpath.normpath(path)
    if not path.startswith("/") or clean.strip("/") == "" or "\0" in path:
        raise UsageError(f"{option}: takes an absolute path below / in the container, not {path!r}")
    return f"/{clean.lstrip('/')}"


# The keys of --mount by their other names.
_MOUNT_KEYS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}


def _mount(text: str, directory: str) -> Mount:
    """--mount type=bind|volume|tmpfs,source=…,target=…[,readonly]. The source of a tmpfs are its options."""
    from .runner.start import Mount

    option = f"--mount {text}"
    pairs = dict(_pairs(option, text))
    kind = pairs.pop("type", "volume")
    target = _target(option, pairs.pop("target", ""))
    source = pairs.pop("source", "")
    if kind == "tmpfs":
        size, mode = pairs.pop("tmpfs-size", ""), pairs.pop("tmpfs-mode", "")
        _nothing_else(option, pairs)
        if source:
            raise UsageError(f"{option}: a tmpfs has no source")
        options = [f"{key}={value}" for key, value in (("size", size), ("mode", mode)) if value]
        if not _TMPFS_OPTIONS.fullmatch(",".join(options)):
            raise UsageError(f"{option}: takes tmpfs-size as in 64m and tmpfs-mode as in 1777")
        return Mount("tmpfs", ",".join(options), target, writable=True)
    said = pairs.pop("readonly", None)
    _nothing_else(option, pairs)
    if said not in (None, "", "true", "false", "1", "0"):
        raise UsageError(f"{option}: readonly is true or false, not {said!r}")
    writable = said in ("false", "0")
    if kind == "volume" and not source:
        return Mount("anonymous", "", target, writable=True)
    if kind not in ("bind", "volume"):
        raise UsageError(f"{option}: type is bind, volume or tmpfs, not {kind!r}")
    if not source:
        raise UsageError(f"{option}: lacks source=PATH")
    if kind == "bind" and not source.startswith(("/", ".", "~")):
        source = f"./{source}"
    found, source = _source(option, source, directory)
    if found != kind:
        raise UsageError(f"{option}: {source} is a path: use type=bind")
    return Mount(kind, source, target, writable, said is None)


def _pairs(option: str, text: str) -> Iterator[tuple[str, str]]:
    for field in text.split(","):
        key, _, value = field.partition("=")
        if not key:
            raise UsageError(f"{option}: has an empty field")
        yield _MOUNT_KEYS.get(key, key), value


def _nothing_else(option: str, pairs: Mapping[str, str]) -> None:
    for key in pairs:
        raise UsageError(
            f"{option}: {key} is no key that imglint knows: type, source, target, readonly, tmpfs-size"
        )


def _host(text: str) -> str:
    """--add-host NAME:ADDRESS or NAME=ADDRESS."""
    match = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)[:=](.+)", text)
    address = match[2].strip("[]") if match else ""
    try:
        if address != "host-gateway":
            ipaddress.ip_address(address)
    except ValueError:
        raise UsageError(f"--add-host takes NAME:ADDRESS, as in db:10.0.0.5, not {text!r}") from None
    assert match is not None
    return f"{match[1]}:{address}"
