"""What stands behind an option: the word that help shows for it, and the values that the shell offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .config import PROFILES, SEVERITIES
from .reports.formats import FORMATS
from .rules.verdicts import FAIL_ON

# By the name of a parameter; any other is shown by its own name.
_WORDS = {
    "format": "FORMAT", "output": "FILE", "select": "CODES", "ignore": "CODES", "extend_select": "CODES",
    "fail_level": "|".join((*SEVERITIES, "none")), "fail_on": "|".join(FAIL_ON), "profile": "|".join(PROFILES),
    "build_arg": "NAME=VALUE", "target": "STAGE", "context": "DIRECTORY", "trusted_registry": "REGISTRY",
    "config": "FILE", "baseline": "FILE", "write_baseline": "FILE", "since": "REVISION", "stdin_filename": "PATH",
    "jobs": "NUMBER", "max_size": "SIZE", "max_pull": "SIZE", "max_layer": "SIZE", "max_waste": "SIZE",
    "max_reclaim": "SIZE", "min_efficiency": "PERCENT", "max_growth": "SIZE|PERCENT", "against": "SOURCE|FILE",
    "graph": "FILE",
    "record": "FILE", "platform": "OS/ARCH", "engine": "docker|podman|URL", "wait": "TIME", "observe": "TIME",
    "stop_timeout": "SECONDS", "memory": "SIZE", "pids_limit": "NUMBER", "expect": "FILE", "write_expect": "FILE",
    "layer": "NUMBER", "largest": "[NUMBER]", "least": "SIZE", "most": "SIZE", "directory": "DIRECTORY",
    "probe_image": "IMAGE", "to": "NAME", "dockerfile": "FILE", "reason": "TEXT", "last": "NUMBER",
}  # fmt: skip


def name_values(command: Any) -> None:
    """Let the help of a command, as typer makes it, and of its subcommands say what their options take."""
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda **_: ""  # newer typers show <list[str]> beside the name
        elif parameter.metavar is None and not parameter.is_flag:
            parameter.metavar = _WORDS.get(parameter.name, parameter.name.upper())
    for inner in getattr(command, "commands", {}).values():
        name_values(inner)


def choice(values: Sequence[str]) -> Callable[[str], list[str]]:
    """What the shell offers for an option that takes one of these."""
    return lambda incomplete: [value for value in values if value.startswith(incomplete)]


format_choice = choice(FORMATS)
level_choice = choice((*SEVERITIES, "none"))
fail_on_choice = choice(FAIL_ON)
profile_choice = choice(PROFILES)
engine_choice = choice(("docker", "podman"))


def codes_choice(incomplete: str) -> list[str]:
    """Codes of rules, also behind a comma: `--select DL3006,DL30<TAB>`."""
    from .rules.index import INDEX

    before, comma, last = incomplete.rpartition(",")
    codes = ("ALL", *(entry.code for entry in INDEX))
    return [f"{before}{comma}{code}" for code in codes if code.startswith(last)]
