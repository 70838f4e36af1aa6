"""The options of a plain lint, parsed without typer. A test holds them to those that typer shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .config import SEVERITIES, Settings

FORMATS = ("text", "full", "json")


class UsageError(Exception):
    """The command line can't be understood; the text says what is wrong."""


class LintOptions(NamedTuple):
    """A parsed command line of `imglint lint`."""

    paths: tuple[str, ...] = (".",)
    settings: Settings = Settings()
    outputs: tuple[tuple[str, str], ...] = (("text", "-"),)  # format and file


# Option → what it sets; the short forms beside the long ones.
_VALUED = {
    "--format": "format", "-f": "format", "--output": "output", "-o": "output", "--select": "select",
    "--ignore": "ignore", "--extend-select": "extend_select", "--fail-level": "fail_level",
    "--build-arg": "build_arg", "--target": "target", "--stdin-filename": "stdin_filename",
}  # fmt: skip
_SWITCHES = {"--no-pragmas": "no_pragmas"}
OPTION_NAMES = frozenset(_VALUED) | frozenset(_SWITCHES)


def parse(arguments: Sequence[str]) -> LintOptions:
    """Read a command line.

    Raises:
        UsageError: an unknown option, a missing or an impossible value.
    """
    given: dict[str, list[str]] = {}
    paths: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            paths += rest
            break
        if not word.startswith("-") or word == "-":
            paths.append(word)
            continue
        name, equals, value = word.partition("=")
        if name in _SWITCHES and not equals:
            given[_SWITCHES[name]] = [""]
            continue
        if name not in _VALUED:
            raise UsageError(f"there is no option {name}{_nearest(name)}")
        if not equals:
            if not rest:
                raise UsageError(f"{name} needs a value")
            value = rest.pop(0)
        given.setdefault(_VALUED[name], []).append(value)
    return build(paths, given)


def build(paths: Sequence[str], given: dict[str, list[str]]) -> LintOptions:
    """Options from their values, by name; each may have been given several times.

    Raises:
        UsageError: an impossible value.
    """
    level = _last(given, "fail_level", "warning")
    if level not in SEVERITIES:
        raise UsageError(f"--fail-level is {', '.join(SEVERITIES)}, not {level!r}")
    build_args = {}
    for pair in given.get("build_arg", ()):
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--build-arg takes NAME=VALUE, not {pair!r}")
        build_args[name] = value
    settings = Settings(
        select=_codes(given, "select"),
        ignore=_codes(given, "ignore"),
        extend_select=_codes(given, "extend_select"),
        fail_level=SEVERITIES[level],
        pragmas="no_pragmas" not in given,
        build_args=build_args,
        target=given["target"][-1] if "target" in given else None,
        stdin_filename=_last(given, "stdin_filename", "-"),
    )
    return LintOptions(
        tuple(paths) or (".",), settings, outputs(given.get("format", []), given.get("output", []))
    )


def outputs(formats: Sequence[str], files: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Formats and files in pairs; a format without a file goes to standard output.

    Raises:
        UsageError: an unknown format, more files than formats, or two formats for one output.
    """
    formats = list(formats) or ["text"]
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"--format is {', '.join(FORMATS)}, not {name!r}")
    if len(files) > len(formats):
        raise UsageError("each --output needs a --format of its own before it")
    pairs = tuple(zip(formats, [*files, *["-"] * (len(formats) - len(files))], strict=True))
    targets = [target for _, target in pairs]
    if len(set(targets)) < len(targets):
        raise UsageError("two formats go to the same place: give each an --output")
    return pairs


def _codes(given: dict[str, list[str]], name: str) -> tuple[str, ...]:
    return tuple(code.strip() for value in given.get(name, ()) for code in value.split(",") if code.strip())


def _last(given: dict[str, list[str]], name: str, default: str) -> str:
    return given[name][-1] if name in given else default


def _nearest(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, sorted(OPTION_NAMES), 1)
    return f"; did you mean {close[0]}?" if close else ""
