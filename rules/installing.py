"""How package managers are called: subcommands, packages, versions, and where their caches lie."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Command, Dockerfile, Instruction, Stage, Word


def mounted(instruction: Instruction) -> list[str]:
    """The directories that cache and tmpfs mounts hold, so that no layer does; without a final slash."""
    targets = []
    for flag in instruction.flags:
        if flag.name == "mount" and flag.value and re.search(r"type=(?:cache|tmpfs)", flag.value):
            found = re.search(r"(?:target|dst|destination)=([^,]+)", flag.value)
            targets += [found[1].rstrip("/")] if found else []
    return targets


def cached(instruction: Instruction, *targets: str) -> bool:
    """Whether a cache or tmpfs mount holds one of these directories, or a part of it that is its own."""
    return any(
        f"{target}/".startswith(f"{one}/") or one.startswith(f"{target}/")
        for one in mounted(instruction)
        for target in targets
    )


def holds_home(path: str, home: str | None = None) -> bool:
    """Whether a path is a home directory, all that is in it, or what homes lie in; `home` is one more of them."""
    whole = path.rstrip("/") or "/"
    known = home is not None and home.startswith("/") and f"{home.rstrip('/')}/".startswith(f"{whole}/")
    return known or re.fullmatch(_HOMES, whole) is not None


_HOMES = r"(?:/|/root|/home(?:/[^/]+)?|~\w*|\$HOME|\$\{HOME\})(?:/\.(?:[*?]|\[).*)?"


def configured(stage: Stage, instruction: Instruction, programs: tuple[str, ...], key: str) -> bool:
    """Whether a RUN up to this one sets a key of a program's configuration: `npm config set cache /x`."""
    since = _configurations(stage.file, programs, key)
    first = since.get(stage.index)
    return (first is not None and first <= instruction.start) or (
        bool(since) and any(below.index in since for below in stage.lineage[1:])
    )


@functools.lru_cache(maxsize=16)
def _configurations(file: Dockerfile, programs: tuple[str, ...], key: str) -> dict[int, int]:
    """Where the first RUN begins that sets a key of a program's configuration, for each stage that has one."""
    set_here = re.compile(rf"(?:^|[.]){key}(?:=|$)")
    out: dict[int, int] = {}
    for stage in file.stages:
        for run in stage.all("RUN"):
            if key not in run.written or not re.search(r"\b(?:config|set)\b", run.written):
                continue
            for command in stage.script(run).commands:
                values = [word.value for word in command.args]
                named = command.name.startswith(programs) and ("config" in values or "set" in values)
                if named and any(set_here.search(value) for value in values):
                    out.setdefault(stage.index, run.start)
    return out


def subcommand(command: Command, *valued: str) -> str:
    """The first operand: `install` of `apt-get -y install`; `valued` are flags that take a word."""
    return next((word.value for word in command.operands(*valued)), "")


def unpinned(word: Word, marks: str) -> bool:
    """Whether a word is a package that names no version, by these marks; variables may hold one."""
    value = word.value
    named = re.match(r"[A-Za-z0-9]", value) is not None
    return named and "$" not in value and not any(mark in value for mark in marks)


def cleaned(command: Command, *paths: str) -> bool:
    """Whether a later command of the same RUN removes one of these directories, or what is in it."""
    return any(
        word.value.rstrip("/*").startswith(path) or path.startswith(word.value.rstrip("/*") + "/")
        for later in command.script.following(command)
        if later.name in ("rm", "find")
        for word in later.operands()
        if word.value.startswith("/") and word.value.rstrip("/*")
        for path in paths
    )
