"""The main process: what the image declares, and what PID 1 really is and runs as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .files import read
from .observation import Check, Process, Verdict
from .session import Container
from .watch import Run

SHELLS = frozenset("sh bash dash ash zsh ksh busybox".split())


def main_process(run: Run) -> Process | None:
    """PID 1, if it was seen."""
    return next((process for process in run.seen.processes if process.pid == 1), None)


def declared_command(config: Mapping[str, Any]) -> list[str]:
    """ENTRYPOINT and CMD as the engine joins them."""
    return [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]


def command_check(config: Mapping[str, Any], run: Run, *, given: bool = False) -> Check:
    """PID 1 against what is declared: a shell gives its place away, or stays in front of the program.

    Args:
        config: what the engine was told to start.
        run: what came of it.
        given: whether the user named the program, and not the image.
    """
    declared = declared_command(config)
    main = main_process(run)
    if main is None:
        summary = run.ending or run.unreadable or "PID 1 was not seen"
        verdict = Verdict.CANNOT_TELL if run.unreadable else Verdict.NOT_OBSERVED
        return Check("command.pid1", "PID 1", verdict, summary, {"declared": declared})
    proof = {"argv": list(main.argv), "declared": declared, "executable": run.seen.executable}
    through_shell = declared[:1] and declared[0].rpartition("/")[2] in SHELLS and declared[1:2] == ["-c"]
    if list(main.argv) == declared:
        summary = f"is what {'you named in place of the image' if given else 'the image declares'}"
        if through_shell:
            summary += ": the shell stays PID 1, and signals go to it, not to the program"
    else:
        summary = f"is {' '.join(main.argv)!r}"
        if through_shell:
            summary += ": the shell gave its place to the command"
    return Check("command.pid1", "PID 1", Verdict.PROVED, summary, proof)


def user_check(config: Mapping[str, Any], run: Run, container: Container) -> Check:
    """Who PID 1 is: numbers, names, groups, capabilities, and who it is on the host."""
    main = main_process(run)
    if main is None or main.uid is None:
        verdict = Verdict.CANNOT_TELL if run.unreadable else Verdict.NOT_OBSERVED
        summary = run.ending or run.unreadable or "PID 1 was not seen"
        return Check("user.pid1", "PID 1", verdict, summary, {"User": config.get("User") or ""})
    name = _name(container, main.uid)
    groups = [group for group in main.groups if group != main.gid]
    summary = f"runs as uid {main.uid}{f' ({name})' if name else ''}, gid {main.gid}"
    if groups:
        summary += f", groups {', '.join(str(group) for group in groups)}"
    proof: dict[str, Any] = {
        "uid": main.uid,
        "gid": main.gid,
        "groups": list(main.groups),
        "name": name,
        "User": config.get("User") or "",
        "CapEff": None if main.capabilities is None else f"{main.capabilities:016x}",
        "NoNewPrivs": main.no_new_privileges,  # imglint itself asks for it
    }
    mapped = run.seen.user_map
    if mapped is not None and mapped[0] != 0:
        proof["host uid"] = mapped[0] + main.uid if main.uid < mapped[1] else None
        summary += f"; on the host that is uid {proof['host uid']}"
    return Check("user.pid1", "PID 1", Verdict.PROVED, summary, proof)


def _name(container: Container, uid: int) -> str:
    """The name that the image's own passwd gives a number; "" where it has none."""
    data = read(container, "/etc/passwd") or b""
    for line in data.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(uid):
            return fields[0]
    return ""
