"""What a Dockerfile promises to its program: its environment, its directory, and the words of CMD."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .command import SHELLS, main_process
from .observation import Check, Verdict
from .watch import Run

# What a script reads its own arguments by: $0, $1, $@, $*, $#, also in braces.
_READS_ARGUMENTS = re.compile(r"\$(?:[@*#0-9]|\{[@*#0-9])|\bshift\b|\bgetopts\b")


def claims_checks(config: Mapping[str, Any], run: Run) -> list[Check]:
    """The claims that the image makes; none where it makes none."""
    checks = [_environment(config, run), _directory(config, run), _arguments(config)]
    return [check for check in checks if check is not None]


def _environment(config: Mapping[str, Any], run: Run) -> Check | None:
    """ENV against the environment that PID 1 was started with. Values are never shown."""
    declared: dict[str, str] = {}
    for one in config.get("Env") or ():
        variable, _, value = str(one).partition("=")
        declared[variable] = value
    if not declared or main_process(run) is None:
        return None
    name, subject = "environment.arrives", "ENV"
    seen = run.seen.environment
    if seen is None:
        return Check(name, subject, Verdict.CANNOT_TELL, "the environment of PID 1 can't be read from here")
    other = sorted(one for one, value in declared.items() if seen.get(one) != value)
    proof = {"declared": sorted(declared), "otherwise": other}
    count = f"{len(declared)} variable{'s' if len(declared) != 1 else ''}"
    if not other:
        return Check(name, subject, Verdict.PROVED, f"{count} of ENV in the environment of PID 1", proof)
    told = (
        f"PID 1 has {', '.join(other[:5])} otherwise: a program before it has changed that, or it has itself"
    )
    return Check(name, subject, Verdict.NOT_OBSERVED, told, proof)


def _directory(config: Mapping[str, Any], run: Run) -> Check | None:
    """WORKDIR against the directory in which PID 1 is."""
    declared = str(config.get("WorkingDir") or "")
    if not declared or main_process(run) is None:
        return None
    name, subject = "workdir.pid1", declared
    if not run.seen.directory:
        return Check(name, subject, Verdict.CANNOT_TELL, "the directory of PID 1 can't be read from here")
    proof = {"directory": run.seen.directory}
    if run.seen.directory == declared.rstrip("/") or run.seen.directory == declared:
        return Check(name, subject, Verdict.PROVED, "is the working directory of PID 1", proof)
    told = f"PID 1 is in {run.seen.directory}: it has gone there, or {declared} leads there"
    return Check(name, subject, Verdict.NOT_OBSERVED, told, proof)


def _arguments(config: Mapping[str, Any]) -> Check | None:
    """CMD under an ENTRYPOINT in shell form: its words become $0 and the arguments of a shell that has its script."""
    entrypoint = [str(one) for one in config.get("Entrypoint") or ()]
    command = [str(one) for one in config.get("Cmd") or ()]
    if not command or len(entrypoint) != 3 or entrypoint[1] != "-c":
        return None
    if entrypoint[0].rpartition("/")[2] not in SHELLS or _READS_ARGUMENTS.search(entrypoint[2]):
        return None
    told = (
        f"{' '.join(command)!r} never reaches the program: it becomes the arguments of the shell that runs ENTRYPOINT."
        " Use the exec form for ENTRYPOINT"
    )
    proof = {"Entrypoint": entrypoint, "Cmd": command}
    return Check("command.arguments", "CMD", Verdict.DISPROVED, told, proof)
