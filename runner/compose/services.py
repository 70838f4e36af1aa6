"""Services of a compose file as imglint starts them, and what it leaves out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...analyzer.errors import InputError
from ..service import STARTED, Service
from ..start import Start
from .file import ComposeFile
from .keys import ALL, LEFT_OUT, REFUSED
from .mounts import mounted, size_of
from .order import CONDITIONS, Dependency, nearest
from .value import Value
from .variables import read_variables

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", re.ASCII)
_NANOSECONDS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1000,
    "µs": 1000,
    "ns": 1,
}
_USER = re.compile(r"[\w.-]+\$?(?::[\w.-]+\$?)?")


class Composed(NamedTuple):
    """A service, and what stands beside it in the file."""

    service: Service
    needs: tuple[Dependency, ...]
    profiles: tuple[str, ...]
    ports: tuple[tuple[int, str], ...]  # of the container, that `ports` publishes: number, place
    replaced: tuple[
        str, ...
    ]  # keys that put something in the place of what the image says: user, healthcheck, …
    secrets: tuple[str, ...]  # contents that nothing may tell
    notes: tuple[str, ...]


def composed(name: str, file: ComposeFile) -> Composed:
    """One service of a file.

    Raises:
        InputError: a key is unknown, wrong, or one that imglint refuses.
    """
    value = file.services[name]
    value.only(sorted(ALL))
    notes: list[str] = []
    keys = value.mapping()
    for key, hint in REFUSED.items():
        if key in keys and keys[key].raw not in (None, False):
            raise keys[key].wrong("is nothing that imglint does", hint)
    _network_mode(keys.get("network_mode"))
    for key, what in LEFT_OUT.items():
        if key in keys and keys[key].raw not in (None, False, [], {}, "no") and not _is_plain(key, keys[key]):
            notes.append(f"{keys[key].place} is left out: {what}")
    found = mounted(value, file, notes.append)
    needs, links = _needs(value)
    host: dict[str, Any] = {}
    if (one := value.get("read_only")) is not None and one.flag():
        host["read_only"] = True
    if (one := value.get("cap_drop")) is not None:
        host["cap_drop"] = one.texts()
    if (one := value.get("init")) is not None and one.flag():
        host["init"] = True
    if (one := value.get("group_add")) is not None:
        host["group_add"] = one.texts()
    if (one := value.get("shm_size")) is not None:
        host["shm_size"] = size_of(one)
    health = _health(value.get("healthcheck"))
    start = Start(
        _environment(value, file),
        found.mounts,
        dict(found.tmpfs),
        _user(value.get("user")),
        _words(value.get("entrypoint"), "entrypoint"),
        _words(value.get("command"), "command"),
        tuple(_hosts(value.get("extra_hosts"))),
        working_dir=_text(value, "working_dir"),
        hostname=_text(value, "hostname"),
        health=health,
        files=found.files,
        host=host,
    )
    names = [
        *_aliases(value, file, notes.append),
        *([own] if (own := _text(value, "container_name")) else []),
    ]
    service = Service(name, _image(value, file), start, tuple(names), place=value.place)
    replaced = [key for key in ("user", "healthcheck", "entrypoint", "command") if value.get(key) is not None]
    return Composed(
        service, (*needs, *links), tuple(_texts(value, "profiles")), tuple(_ports(value.get("ports"))),
        tuple(replaced), found.secrets, tuple(notes),
    )  # fmt: skip


def _is_plain(key: str, value: Value) -> bool:
    """Whether imglint does by itself what the key asks for."""
    if key == "security_opt" and isinstance(value.raw, list):
        return all(str(one) in ("no-new-privileges", "no-new-privileges:true") for one in value.raw)
    return False


def _network_mode(value: Value | None) -> None:
    if value is not None and value.raw is not None and value.text() not in ("bridge", "none"):
        raise value.wrong(
            f"is {value.text()}, and a service has a network of its own here",
            "imglint starts nothing in the network of the machine or of another container",
        )


def _image(value: Value, file: ComposeFile) -> str:
    if (image := value.get("image")) is not None:
        if not re.fullmatch(r"\w[\w.:/@-]*", image.text()):
            raise image.wrong(f"takes the name of an image, not {image.text()!r}")
        return image.text()
    if value.get("build") is None:
        raise value.wrong("has neither image nor build")
    return f"{file.project}-{value.path[-1]}"


def _text(value: Value, key: str) -> str:
    return one.text() if (one := value.get(key)) is not None else ""


def _texts(value: Value, key: str) -> Sequence[str]:
    return one.texts() if (one := value.get(key)) is not None else ()


def _words(value: Value | None, key: str) -> tuple[str, ...] | None:
    """A command or an entrypoint: a list, or a text that is split as a shell would."""
    if value is None:
        return None
    if isinstance(value.raw, str):
        try:
            words = tuple(shlex.split(value.raw))
        except ValueError as error:
            raise value.wrong(
                f"can't be split into words: {str(error).lower()}", "close the quote"
            ) from error
    else:
        words = tuple(one.text() for one in value.items())
    if not words and key == "entrypoint":
        raise value.wrong("is empty, and imglint can't take an image's ENTRYPOINT away", "name the program")
    return words


def _user(value: Value | None) -> str:
    if value is None:
        return ""
    if not _USER.fullmatch(value.text()):
        raise value.wrong(f"takes a name or a number, as in 1000, app or 1000:1000, not {value.text()!r}")
    return value.text()


def _hosts(value: Value | None) -> Sequence[str]:
    out = []
    if value is not None and isinstance(value.raw, list):
        for one in value.items():
            match = re.fullmatch(r"([^:=\s]+)[:=](\S+)", one.text())
            if match is None:
                raise one.wrong("takes NAME=ADDRESS, as in db=10.0.0.5")
            out.append(f"{match[1]}:{match[2].strip('[]')}")
    elif value is not None:
        for name, one in value.mapping().items():
            out += [f"{name}:{address}" for address in one.texts()]
    return out


def _environment(value: Value, file: ComposeFile) -> dict[str, str]:
    """Files of variables, and over them `environment`; a name alone has the shell's value, or is not set."""
    import os

    out: dict[str, str] = {}
    listed = value.get("env_file")
    for one in [] if listed is None else [listed] if not isinstance(listed.raw, list) else listed.items():
        raw, required, path = False, True, one
        if isinstance(one.raw, dict):
            one.only(("path", "required", "format"))
            if (found := one.get("path")) is None:
                raise one.wrong("lacks path")
            path = found
            required = (flag := one.get("required")) is None or flag.flag()
            raw = _text(one, "format") == "raw"
        source = os.path.join(file.directory, os.path.expanduser(path.text()))
        if not os.path.exists(source):
            if required:
                raise path.wrong(f"{source} is not there", "make it, or say required: false")
            continue
        out |= read_variables(source, file.variables.get, raw=raw)
    if (given := value.get("environment")) is not None:
        for name, text, one in given.pairs():
            if not name or "\0" in name or "=" in name or any(mark.isspace() for mark in name):
                raise one.wrong("is no name for a variable", "as in NAME=VALUE")
            known = file.variables.get(name) if text is None else text
            if known is None:
                out.pop(name, None)
            else:
                out[name] = known
    return out


def _needs(value: Value) -> tuple[list[Dependency], list[Dependency]]:
    needs = []
    depends = value.get("depends_on")
    if depends is not None and isinstance(depends.raw, list):
        needs = [Dependency(one.text(), place=one.place) for one in depends.items()]
    elif depends is not None:
        for name, one in depends.mapping().items():
            one.only(("condition", "required", "restart"))
            condition = _text(one, "condition") or STARTED
            if condition not in CONDITIONS:
                raise one.wrong(f"has the condition {condition}", nearest(condition, CONDITIONS))
            required = (flag := one.get("required")) is None or flag.flag()
            needs.append(Dependency(name, condition, required, one.place))
    links = []
    for one in listed.items() if (listed := value.get("links")) is not None else ():
        links.append(Dependency(one.text().partition(":")[0], place=one.place))
    return needs, links


def _health(value: Value | None) -> dict[str, Any]:
    """As the Healthcheck of an image; its times in nanoseconds."""
    if value is None:
        return {}
    value.only(("test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"))
    out: dict[str, Any] = {}
    if (test := value.get("test")) is not None:
        words = (
            ["CMD-SHELL", test.text()] if isinstance(test.raw, str) else [one.text() for one in test.items()]
        )
        if words[:1] not in (["NONE"], ["CMD"], ["CMD-SHELL"]):
            raise test.wrong("begins with neither NONE, CMD nor CMD-SHELL", "write a text for a shell")
        out["Test"] = words
    if (disable := value.get("disable")) is not None and disable.flag():
        out["Test"] = ["NONE"]
    for key, name in (
        ("interval", "Interval"), ("timeout", "Timeout"),
        ("start_period", "StartPeriod"), ("start_interval", "StartInterval"),
    ):  # fmt: skip
        if (one := value.get(key)) is not None:
            out[name] = _duration(one)
    if (retries := value.get("retries")) is not None:
        out["Retries"] = retries.number()
    return out


def _duration(value: Value) -> int:
    parts = _DURATION.findall(value.text())
    if not parts or "".join(number + unit for number, unit in parts) != value.text():
        raise value.wrong(f"takes a time, as in 30s or 1m30s, not {value.text()!r}")
    return int(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))


def _aliases(value: Value, file: ComposeFile, note: Callable[[str], None]) -> list[str]:
    """The names that networks give it. All services share one network here."""
    networks = value.get("networks")
    if networks is None:
        return []
    if isinstance(networks.raw, list):
        named = {one.text(): one for one in networks.items()}
        out: list[str] = []
    else:
        named = networks.mapping()
        out = [alias for one in named.values() if one.raw is not None for alias in _texts(one, "aliases")]
        for one in named.values():
            if (
                one.raw is not None
                and (address := one.get("ipv4_address") or one.get("ipv6_address")) is not None
            ):
                note(f"{address.place} is left out: the engine chooses the address")
    top = file.root.get("networks")
    known = top.mapping() if top is not None else {}
    for name, one in named.items():
        if name not in known and name != "default":
            raise one.wrong(
                f"names the network {name}, which is not under `networks:` at the top",
                nearest(name, known) if known else "",
            )
        external = known[name].get("external") if name in known and known[name].raw is not None else None
        if external is not None and external.raw is not False:
            note(f"{one.place}: what else is in the external network {name} is not reached")
    return out


def _ports(value: Value | None) -> list[tuple[int, str]]:
    """The container's ports of TCP that are published."""
    out = []
    for one in value.items() if value is not None else ():
        if isinstance(one.raw, dict):
            target = one.get("target")
            text = "" if target is None else f"{target.text()}/{_text(one, 'protocol') or 'tcp'}"
        else:
            text = one.text()
        match = re.fullmatch(r"(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp))?", text, re.ASCII)
        if match is None or not 0 < int(match[1]) <= int(match[2] or match[1]) < 65536:
            raise one.wrong(f"is no port to publish: {text!r}", 'as in "8080:80"')
        if match[3] != "udp" and match[2] is None:
            out.append((int(match[1]), one.place))
    return out


def all_composed(file: ComposeFile) -> dict[str, Composed]:
    """All services of a file.

    Raises:
        InputError: one of them is wrong.
    """
    return {name: composed(name, file) for name in file.services}


def active(services: dict[str, Composed], profiles: set[str], named: Sequence[str]) -> dict[str, Composed]:
    """The services without a profile, those of the profiles that are on, and those that are named, with their profiles.

    Raises:
        InputError: no service has a name that was given.
    """
    for name in named:
        if name not in services:
            raise InputError(name, "is no service of the compose file", nearest(name, services))
    on = profiles | {profile for name in named for profile in services[name].profiles}
    return {
        name: one for name, one in services.items()
        if not one.profiles or "*" in on or on & set(one.profiles) or name in named
    }  # fmt: skip
