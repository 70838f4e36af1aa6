"""What an image starts, as commands: from the Dockerfile's stage, or from a built image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Command, Instruction, Stage
    from ..analyzer.image import Image


class Main(NamedTuple):
    """The main process: the argv as far as it is known, and the commands that it runs."""

    argv: tuple[str, ...]
    commands: tuple[Command, ...]


def main_of_stage(stage: Stage) -> Main:
    """ENTRYPOINT and CMD of a stage and those below it, by the documented combinations."""
    entrypoint, cmd = stage.entrypoint, stage.cmd
    if entrypoint is not None and entrypoint.args:
        commands = _commands(stage, entrypoint)
        more: tuple[str, ...] = ()
        if entrypoint.json is not None and cmd is not None and cmd.json is not None:
            more = tuple(word.value for word in cmd.json)
        return Main((*(word.value for word in entrypoint.args), *more), commands)
    if cmd is not None and cmd.args:
        return Main(tuple(word.value for word in cmd.args), _commands(stage, cmd))
    return Main((), ())


def main_of_image(image: Image) -> Main:
    """The same from a built image's configuration, read as an exec form."""
    from ..analyzer.dockerfile import Dockerfile

    argv = (*image.config.entrypoint, *image.config.cmd)
    if not argv:
        return Main((), ())
    # The exec form is JSON in both places, so that the Dockerfile's reader reads this one, too.
    file = Dockerfile.from_string(f"FROM scratch\nCMD {json.dumps(argv, ensure_ascii=False)}\n")
    stage = file.stages[0]
    return Main(argv, _commands(stage, stage.instructions[0]))


def _commands(stage: Stage, instruction: Instruction) -> tuple[Command, ...]:
    """The commands, with the wrappers (exec, sh -c) left out where what they start is known."""
    owner = next(one for one in stage.lineage if instruction in one.instructions)
    commands = owner.script(instruction).commands
    inner = [
        one
        for at, one in enumerate(commands)
        if not (at + 1 < len(commands) and (commands[at + 1].wrapped or one.starts_script))
    ]
    return tuple(inner)
