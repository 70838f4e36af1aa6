"""The options of `imglint image`, parsed without typer, whose import takes longer than measuring a small image.

Only what is right is read here. Of everything else typer says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .analyzer import InputError
from .commands.image import View
from .config import Configuration, Settings
from .lint_options import UsageError, choose, in_pairs, outputs, refuse_empty
from .reports.formats import OF_IMAGES
from .rules.gates import PARSERS, parse_limits

_SHORT = {"-f": "--format", "-o": "--output"}
_LIMITS = {f"--{name.replace('_', '-')}": name for name in PARSERS if name != "max_own_waste"}
_VALUED = frozenset({
    "--format", "--output", "--select", "--ignore", "--extend-select", "--profile", "--config", "--fail-level",
    "--against", "--graph", "--record", "--platform", "--engine", *_LIMITS,
})  # fmt: skip
_SWITCHES = frozenset({
    "--dive-compat", "--compare", "--no-verify", "--isolated", "--secrets", "--packages", "--plain-http",
})  # fmt: skip
_CHOSEN = ("--select", "--ignore", "--extend-select", "--profile", "--fail-level")
OPTION_NAMES = _VALUED | _SWITCHES


class ImageOptions(NamedTuple):
    """What `commands.image.image` takes."""

    sources: tuple[str, ...]
    settings: Settings
    outputs: tuple[tuple[str, str], ...]
    verify: bool
    engine: str | None
    view: View


def parse(arguments: Sequence[str]) -> ImageOptions | None:
    """Read a command line without its first word; None where there is anything to say of it."""
    try:
        refuse_empty(arguments)
        return _parsed(in_pairs(arguments))
    except (UsageError, ValueError, InputError):
        return None


def _parsed(rest: list[str]) -> ImageOptions | None:
    given: dict[str, list[str]] = {}
    sources: list[str] = []
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            sources.append(word)
            continue
        name, equals, value = word.partition("=")
        name = _SHORT.get(name, name) if not equals else name
        if name in _SWITCHES and not equals:
            given[name] = [""]
            continue
        if name not in _VALUED or not (equals or rest):
            return None
        value = value if equals else rest.pop(0)
        if value.startswith("-") and value != "-":
            return None
        given.setdefault(name, []).append(value)
    last = {name: values[-1] for name, values in given.items()}
    engine = last.get("--engine")
    if not sources or ("--max-growth" in last and "--against" not in last):
        return None
    if "--isolated" in last and "--config" in last:
        return None
    if engine is not None and engine not in ("docker", "podman") and "://" not in engine:
        return None
    chosen = choose({name[2:].replace("-", "_"): given.get(name, []) for name in _CHOSEN})
    return ImageOptions(
        tuple(sources),
        Configuration(chosen, last.get("--config"), isolated="--isolated" in last)
        .settings()
        ._replace(plain_http="--plain-http" in last),
        outputs(
            given.get("--format", []), given.get("--output", []), OF_IMAGES,
            graph=last.get("--graph"), record=last.get("--record"),
        ),
        "--no-verify" not in last,
        engine,
        View(
            parse_limits({field: last[name] for name, field in _LIMITS.items() if name in last}),
            last.get("--against"), "--dive-compat" in last, "--compare" in last, last.get("--graph"),
            last.get("--platform"), last.get("--record"), "--secrets" in last,
            "--packages" in last,
        ),
    )  # fmt: skip
