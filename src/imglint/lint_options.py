"""The options of a plain lint, parsed without typer. A test holds them to those that typer shows."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

from .config import PROFILES, SEVERITIES
from .reports.formats import FOR_PEOPLE, FORMATS
from .rules.policy import is_registry
from .rules.verdicts import FAIL_ON, FailOn


class UsageError(Exception):
    """The command line can't be understood; the text says what is wrong."""


class LintOptions(NamedTuple):
    """A parsed command line of `imglint lint`. `chosen` holds fields of Settings that it sets."""

    paths: tuple[str, ...] = (".",)
    chosen: Mapping[str, Any] = {}
    outputs: tuple[tuple[str, str], ...] = (("text", "-"),)  # format and file
    config: str | None = None
    isolated: bool = False
    since: str | None = None
    write_baseline: str | None = None
    statistics: bool = False
    found: bool = False
    jobs: int = 0


# Option → what it sets; the short forms beside the long ones.
_VALUED = {
    "--format": "format", "-f": "format", "--output": "output", "-o": "output", "--select": "select",
    "--ignore": "ignore", "--extend-select": "extend_select", "--profile": "profile",
    "--fail-level": "fail_level", "--build-arg": "build_arg", "--target": "target", "--context": "context",
    "--trusted-registry": "trusted_registry", "--config": "config", "--baseline": "baseline",
    "--write-baseline": "write_baseline", "--since": "since", "--jobs": "jobs", "-j": "jobs",
    "--stdin-filename": "stdin_filename",
}  # fmt: skip
_SWITCHES = {
    "--no-pragmas": "no_pragmas", "--isolated": "isolated", "--statistics": "statistics", "--found": "found",
}  # fmt: skip
BOTH_CONFIGURATIONS = "--isolated reads no configuration, and --config names one: leave one of them out"
OPTION_NAMES = frozenset(_VALUED) | frozenset(_SWITCHES)


def command_first(arguments: Sequence[str], commands: Container[str]) -> list[str]:
    """The arguments, in which options that stand before the name of a command stand behind it.

    >>> command_first(["--profile", "strict", "image", "shop.tar"], {"image"})
    ['image', '--profile', 'strict', 'shop.tar']
    """
    at = 0
    while at < len(arguments) and arguments[at].partition("=")[0] in OPTION_NAMES:
        at += 2 if arguments[at] in _VALUED else 1
    if at < len(arguments) and arguments[at].startswith("-"):
        # An option of that command alone, which says itself what it thinks of it.
        at = next(
            (later for later in range(at, len(arguments)) if arguments[later] in commands), len(arguments)
        )
    if at < len(arguments) and arguments[at] in commands:
        return [arguments[at], *arguments[:at], *arguments[at + 1 :]]
    return list(arguments)


def parse(arguments: Sequence[str]) -> LintOptions:
    """Read a command line.

    Raises:
        UsageError: an unknown option, a missing or an impossible value.
    """
    refuse_empty(arguments)
    given: dict[str, list[str]] = {}
    paths: list[str] = []
    rest = in_pairs(arguments)
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
        if name in _SWITCHES:
            raise UsageError(f"{name} takes no value")
        if name not in _VALUED:
            raise UsageError(f"there is no option {name}{_nearest(name)}")
        if not equals:
            if not rest:
                raise UsageError(f"{name} needs a value")
            value = rest.pop(0)
        given.setdefault(_VALUED[name], []).append(value)
    return build(paths, given)


def build(paths: Sequence[str], given: Mapping[str, Sequence[str]]) -> LintOptions:
    """Options from their values, by name; each may have been given several times.

    Raises:
        UsageError: an impossible value.
    """
    jobs = _last(given, "jobs") or "0"
    if not re.fullmatch("[0-9]{1,4}", jobs):
        raise UsageError(f"--jobs takes a number up to 9999, not {jobs!r}")
    _refuse_contradictions(paths, given)
    return LintOptions(
        tuple(paths) or (".",),
        choose(given),
        outputs(given.get("format", []), given.get("output", [])),
        config=_last(given, "config"),
        isolated="isolated" in given,
        since=_last(given, "since"),
        write_baseline=_last(given, "write_baseline"),
        statistics="statistics" in given,
        found="found" in given,
        jobs=int(jobs),
    )


def _refuse_contradictions(paths: Sequence[str], given: Mapping[str, Sequence[str]]) -> None:
    """Options of which one would be without effect."""
    if "isolated" in given and "config" in given:
        raise UsageError(BOTH_CONFIGURATIONS)
    if "write_baseline" in given and "since" in given:
        raise UsageError("--write-baseline records everything: leave --since out")
    if given.get("write_baseline") and (given.get("format") or given.get("output")):
        raise UsageError("--write-baseline shows no findings: leave --format and --output out")
    if "-" in paths and "since" in given:
        raise UsageError("--since needs files that Git knows, not standard input")
    if "stdin_filename" in given and "-" not in paths:
        raise UsageError("--stdin-filename names standard input: give - as the path")
    if "statistics" in given and given.get("format") and not set(FOR_PEOPLE).intersection(given["format"]):
        raise UsageError(f"--statistics is for --format text, not {given['format'][0]}")


def refuse_empty(arguments: Sequence[str]) -> None:
    """An empty value is a variable that was not set: nothing would be chosen by it.

    Raises:
        UsageError: an argument is empty.
    """
    before = ""
    for word in arguments:
        if word == "--":
            return
        name = word[:-1] if re.fullmatch("--[a-z-]+=", word) else before if not word else None
        if name is not None:
            raise UsageError(f"{name} is empty" if name.startswith("-") else "an argument is empty")
        before = word


def choose(given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The fields of Settings that a command line sets.

    Raises:
        UsageError: an impossible value.
    """
    chosen: dict[str, Any] = {}
    for name in ("select", "ignore", "extend_select"):
        codes = [code.strip() for value in given.get(name, ()) for code in value.split(",")]
        if codes and not any(codes):
            raise UsageError(f"--{name.replace('_', '-')} names no code")
        if codes:
            chosen[name] = tuple(filter(None, codes))
    for name in ("target", "context", "baseline", "stdin_filename"):
        if given.get(name):
            chosen[name] = given[name][-1]
    level = _last(given, "fail_level")
    if level is not None:
        if level not in (*SEVERITIES, "none"):
            meant = _meant(level, (*SEVERITIES, "none"))
            raise UsageError(f"--fail-level is {', '.join(SEVERITIES)} or none, not {level!r}{meant}")
        chosen["fail_level"] = SEVERITIES.get(level)
    fail_on = _last(given, "fail_on")
    if fail_on is not None:
        if fail_on not in FAIL_ON:
            told = f"--fail-on is {', '.join(FAIL_ON[:-1])} or {FAIL_ON[-1]}, not {fail_on!r}"
            raise UsageError(told + _meant(fail_on, FAIL_ON))
        chosen["fail_on"] = FailOn.of(fail_on)
    profile = _last(given, "profile")
    if profile is not None:
        if profile not in PROFILES:
            raise UsageError(
                f"--profile is {', '.join(PROFILES)}, not {profile!r}{_meant(profile, PROFILES)}"
            )
        chosen["profile"] = profile
    for registry in given.get("trusted_registry", ()):
        if not is_registry(registry):
            raise UsageError(
                f"--trusted-registry takes a registry as in docker.io or *.example.org, not {registry!r}"
            )
    if given.get("trusted_registry"):
        chosen["trusted_registries"] = tuple(given["trusted_registry"])
    if "no_pragmas" in given:
        chosen["pragmas"] = False
    for pair in given.get("build_arg", ()):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--build-arg takes NAME=VALUE, not {pair!r}")
        chosen.setdefault("build_args", {})[name] = value
    return chosen


_OUTPUT = ("--output", "-o")


def in_pairs(arguments: Sequence[str]) -> list[str]:
    """The arguments, in which a format that another one follows without a file has "-" as its file.

    So each file belongs to the format before it, which the lists of both alone would not tell.

    >>> in_pairs(["--format", "github", "-f", "json", "-o", "x.json"])
    ['--format', 'github', '--output', '-', '-f', 'json', '-o', 'x.json']
    """
    if not any(word.startswith(_OUTPUT) for word in arguments):
        return list(arguments)
    out: list[str] = []
    waiting = False
    for number, word in enumerate(arguments):
        if word == "--":
            return [*out, *arguments[number:]]
        if word.startswith(_OUTPUT):
            waiting = False
        elif word.startswith(("--format", "-f")):
            if waiting:
                out += ["--output", "-"]
            waiting = True
        out.append(word)
    return out


# What a file's name says of the format in it, the one that it is taken for first.
_FORMATS_OF = {
    ".json": ("json", "sarif", "gitlab"),
    ".sarif": ("sarif",),
    ".md": ("markdown",),
    ".markdown": ("markdown",),
    ".html": ("html",),
    ".htm": ("html",),
    ".xml": ("junit", "checkstyle"),
}


def outputs(
    formats: Sequence[str], files: Sequence[str], also: Sequence[str] = (), **beside: str | None
) -> tuple[tuple[str, str], ...]:
    """Formats and files in pairs; a format without a file goes to standard output.

    Without any format each file's name says which: `report.json` gets JSON. `also`: formats of this command alone.

    Args:
        formats: as they were given.
        files: of --output.
        beside: what other options write, by their names: `graph`, `record`.

    Raises:
        UsageError: an unknown format, more files than formats, two formats for one output, or a file
            whose name says another format, or that another option writes, too.
    """
    formats = list(formats) or [_format_of(file) for file in files] or ["text"]
    known = (*FORMATS, *also)
    for name in formats:
        if name not in known:
            raise UsageError(f"--format is {', '.join(known)}, not {name!r}{_meant(name, known)}")
    if len(files) > len(formats):
        raise UsageError("each --output needs a --format of its own before it")
    pairs = tuple(zip(formats, [*files, *["-"] * (len(formats) - len(files))], strict=True))
    for name, file in pairs:
        suffix = os.path.splitext(file)[1].lower()
        fitting = (*_FORMATS_OF.get(suffix, (name,)), *(also if suffix == ".json" else ()))
        if name not in fitting:
            raise UsageError(
                f"{file} would hold {name}: use --format {' or '.join(fitting)}, or another name for the file"
            )
    targets = [os.path.realpath(file) if file != "-" else file for file in files]
    if len(set(targets)) < len(targets) or len(formats) > len(files) + 1:
        raise UsageError("two formats go to the same place: give each an --output")
    places = {target: "--output" for target in targets if target != "-"}
    for name, path in beside.items():
        option = f"--{name.replace('_', '-')}"
        if path is not None and places.setdefault(os.path.realpath(path), option) != option:
            raise UsageError(f"--output and {option} both write {path}: give each a file of its own")
    return pairs


def _format_of(file: str) -> str:
    fitting = _FORMATS_OF.get(os.path.splitext(file)[1].lower(), ("text",))
    if fitting == _FORMATS_OF[".xml"]:
        raise UsageError(f"{file} can be {' or '.join(fitting)}: say which by --format")
    return fitting[0]


def _last(given: Mapping[str, Sequence[str]], name: str) -> str | None:
    return given[name][-1] if given.get(name) else None


def _nearest(name: str) -> str:
    return _meant(name, sorted(OPTION_NAMES))


def _meant(word: str, words: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, words, 1)
    return f"; did you mean {close[0]}?" if close else ""
