"""How package managers are called: subcommands, packages, versions, and where their caches lie."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Command, Instruction, Word


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
