"""What an image starts, as commands: from the Dockerfile's stage, or from a built image."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Command, Instruction, Stage
    from ..analyzer.image import Image

# What only a shell knows: no program has such a name.
SHELL_WORDS = frozenset(
    "cd export source . set unset alias exec eval ulimit umask if for while && || ;".split()
)


class Main(NamedTuple):
    """The main process: the argv as far as it is known, and the commands that it runs.

    `handed` are the commands that a CMD hands to an entrypoint of its own, most often to be started by it.
    """

    argv: tuple[str, ...]
    commands: tuple[Command, ...]
    handed: tuple[Command, ...] = ()


def main_of_stage(stage: Stage) -> Main:
    """ENTRYPOINT and CMD of a stage and those below it, by the documented combinations."""
    entrypoint, cmd = stage.entrypoint, stage.cmd
    if entrypoint is not None and entrypoint.args:
        commands = _commands(stage, entrypoint)
        if entrypoint.json is None or cmd is None or not cmd.json:
            return Main(tuple(word.value for word in entrypoint.args), commands)
        argv = tuple(word.value for word in (*entrypoint.json, *cmd.json))
        handed = _commands(stage, cmd)
        if commands and commands[-1].hands_over:
            return Main(argv, handed)  # an init, and what it starts
        return Main(argv, commands, handed)
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


_SCRIPT = re.compile(
    r"(?:\.(?:sh|bash|ksh|zsh)|[^/]*entry-?point[^/]*|(?:^|/)(?:start|run|init|boot|launch)[^/.]*)$"
)
_LARGEST_SCRIPT = 64 * 1024


def script_of_stage(stage: Stage) -> tuple[Instruction, str] | None:
    """The COPY that brings the script which a stage starts, and its text; None where it can't be read."""
    program = next(iter(stage.argv), "")
    name = program.rpartition("/")[2]
    for below in stage.lineage if name else ():
        for copy in reversed(below.all("COPY", "ADD")):
            if len(copy.args) < 2 or not (copy.heredocs or stage.file.context):
                continue
            target = below.path(copy.args[-1], copy)
            if target is None or not _brings(target, program, written=bool(copy.heredocs)):
                continue
            text = copy.heredocs[0].body.value if copy.heredocs else _in_context(stage, copy, name)
            if text and len(text) <= _LARGEST_SCRIPT:
                return copy, text
    return None


def _brings(target: str, program: str, *, written: bool) -> bool:
    """Whether what is copied to a path can be the program: the path itself, or a directory that holds it."""
    name = program.rpartition("/")[2]
    if program.startswith("/"):
        return program in (target, f"{target.rstrip('/')}/{name}")
    return target.rpartition("/")[2] == name or not written


def _in_context(stage: Stage, copy: Instruction, name: str) -> str | None:
    """The text of a script as the build context holds it."""
    context = stage.file.context
    sources = [word.value.strip("\"'").removeprefix("./").rstrip("/") for word in copy.args[:-1]]
    if context is None or copy.flag("from"):
        return None
    if len(sources) == 1 and sources[0].rpartition("/")[2] != name:
        # A directory whose contents are copied, or a file under another name.
        return context.text(f"{sources[0]}/{name}" if sources[0] not in ("", ".") else name) or context.text(
            sources[0]
        )
    return next((context.text(source) for source in sources if source.rpartition("/")[2] == name), None)


def is_script(command: Command) -> bool:
    """Whether a program is a script by its name, which starts whatever it likes."""
    return _SCRIPT.search(command.words[0].value) is not None


def unread(stage: Stage) -> str:
    """Why the text does not tell what a stage starts, for a rule that then has no answer; "" when it does."""
    base = stage.lineage[-1]
    facts = stage.root_base
    entrypoint, cmd = stage.entrypoint, stage.cmd
    if entrypoint is None and cmd is None:
        if base.base_name == "scratch" or facts.starts:
            return ""
        return f"nothing here says what is started: that is the CMD of {base.base.raw}, which is not at hand"
    for one in (entrypoint, cmd):
        if one is not None:
            owner = next(stage for stage in stage.lineage if one in stage.instructions)
            if not (started := owner.script(one)).read:
                return f"the {one.keyword} on line {one.span.line} is for {started.shell}, which is not read"
    if entrypoint is None and base.base_name != "scratch" and not facts.known:
        return f"an ENTRYPOINT of {base.base.raw} may start something else: that image is not at hand"
    main = main_of_stage(stage)
    for command in main.commands:
        program = command.words[0].value
        if is_script(command) and (program != next(iter(stage.argv), "") or script_of_stage(stage) is None):
            return f"{program} starts the program, and its text is not at hand (--context)"
    return ""


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
