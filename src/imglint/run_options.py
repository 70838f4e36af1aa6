"""The options of whatever starts an image: how long it is looked at, and what it gets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .lint_options import UsageError
from .proving import Wishes

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_SECONDS = 3600.0
_MEMORY_UNITS = {"b": 0, "k": 10, "m": 20, "g": 30}
_LEAST_MEMORY = 6 << 20  # bytes; engines refuse less


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


def parse_run(given: Mapping[str, str | None], *, run: bool = True) -> Wishes:
    """What the options of a run ask for.

    Args:
        given: the values of --wait, --observe, --memory, --pids-limit and --network, by these names; None: not given.
        run: whether anything is started at all.

    Raises:
        UsageError: a value is none that the option takes, or nothing is started.
    """
    chosen = {name: text for name, text in given.items() if text is not None}
    if chosen and not run:
        raise UsageError(f"{next(iter(chosen))} is about the run: use it with --run")
    usual = Wishes()
    wait, observe = (
        parse_seconds(name, chosen[name]) if name in chosen else default
        for name, default in (("--wait", usual.wait), ("--observe", usual.observe))
    )
    network = chosen.get("--network", "")
    if "--network" in chosen and not re.fullmatch(r"[\w][\w.-]*", network):
        raise UsageError(f"--network takes the name of a network, not {network!r}")
    return usual._replace(
        wait=wait,
        observe=observe,
        memory=parse_memory(chosen["--memory"]) if "--memory" in chosen else None,
        pids=_parse_pids(chosen["--pids-limit"]) if "--pids-limit" in chosen else None,
        network=network,
    )


def _parse_pids(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise UsageError(f"--pids-limit takes a number from 1 on, not {text!r}")
    return int(text)
