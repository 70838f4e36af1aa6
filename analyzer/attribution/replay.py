"""A Dockerfile's build, followed instruction by instruction: variables, arguments, shell, directory."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ..dockerfile.expansion import expand
from ..dockerfile.words import unquote
from .gaps import GAP

if TYPE_CHECKING:
    from ..dockerfile import Dockerfile, Instruction, Stage
    from ..dockerfile.text import Word
    from ..image import ImageConfig

_SHELL: tuple[str, ...] = ("/bin/sh", "-c")
_MAX_VALUE = 10_000  # of a variable, so that one that is made of others does not grow without end


class Replay:
    """What holds where the build stands.

    What the base image sets is read in the finished image's configuration, but for what the
    Dockerfile sets over it: that is unknown, a gap.
    """

    def __init__(
        self,
        file: Dockerfile,
        target: Stage,
        config: ImageConfig,
        given: Mapping[str, str],
        shells: Iterable[tuple[str, ...]] = (),
    ) -> None:
        """Stand at the beginning.

        Args:
            file: the Dockerfile.
            target: its stage that was built.
            config: the configuration of the image.
            given: the build arguments.
            shells: what the image's history has of SHELL.
        """
        self._stages = target.lineage[::-1]
        self._escape = file.escape
        self._given = given
        self._global = file.global_args
        self._beneath: dict[str, str] = {}
        self._env: dict[str, str] = {}
        self.arguments: dict[str, str | None] = {}  # name → value; None where it was given none
        self.declared: dict[str, str | None] = {}  # … of all stages so far
        self.shells = [_SHELL]  # those that may be in force: the base image's own may not be known
        self.workdir = "/"
        if target.lineage[-1].base_name != "scratch":
            own = target.env
            self._env = {name: value for name, value in config.env if name not in own}
            self._beneath = dict.fromkeys(own, GAP)
            if any(stage.all("SHELL") for stage in self._stages):
                self.shells += [shell for shell in shells if shell != _SHELL]
            elif config.shell:
                self.shells = [config.shell]
            sets_workdir = any(stage.all("WORKDIR") for stage in self._stages)
            self.workdir = GAP if sets_workdir else config.working_dir or "/"
        self._beneath.setdefault("PATH", GAP)

    def instructions(self) -> Iterator[Instruction]:
        """The instructions in the order of the build; what holds is what holds before each."""
        triggers: list[Instruction] = []
        for stage in self._stages:
            # Whether a stage has the arguments of the one beneath differs from builder to builder.
            self._beneath |= dict.fromkeys(self.arguments, GAP)
            self.arguments = {}
            for trigger in (*triggers, *stage.instructions):
                yield trigger
                self._apply(trigger)
            triggers = [one.trigger for one in stage.all("ONBUILD") if one.trigger is not None]

    def expanded(self, value: str) -> str:
        """An unquoted word with its variables replaced, a gap for each that is not known."""
        if "$" not in value:
            return value
        arguments = {name: GAP if value is None else value for name, value in self.arguments.items()}
        result = expand(value, {**self._beneath, **arguments, **self._env}, self._escape)
        return GAP if result is None or len(result) > _MAX_VALUE else result

    def pairs(self, instruction: Instruction) -> list[str]:
        """The "name=value" of ENV, LABEL and ARG, a name alone where there is no value."""
        return [
            self.expanded(name.value) + ("" if value is None else f"={self.expanded(value.value)}")
            for name, value in instruction.pairs
        ]

    def word(self, word: Word) -> str:
        """A word without its quotes and with its variables replaced."""
        return self.expanded(unquote(word.value, self._escape))

    def directory(self, value: str) -> str:
        """An absolute path, from what WORKDIR says or where COPY puts something."""
        if GAP in self.workdir and ".." in value.split("/"):
            return GAP
        return posixpath.normpath(posixpath.join(self.workdir, value))

    def _apply(self, instruction: Instruction) -> None:
        match instruction.keyword:
            case "ENV":
                self._env |= {
                    name.value: self.expanded(value.value)
                    for name, value in instruction.pairs
                    if value is not None
                }
            case "ARG":
                for name, value in instruction.pairs:
                    self.arguments[name.value] = self._argument(name.value, value)
                    self.declared[name.value] = self.arguments[name.value]
                    if name.value in self._env and self._env[name.value] != self.arguments[name.value]:
                        # An ENV wins over an ARG that comes later, but not when BuildKit copies.
                        self._env[name.value] = GAP
            case "SHELL" if instruction.json:
                self.shells = [tuple(word.value for word in instruction.json)]
            case "WORKDIR":
                self.workdir = self.directory(self.expanded(instruction.value.value))
            case _:
                pass

    def _argument(self, name: str, value: Word | None) -> str | None:
        if name in self._given:
            return self._given[name]
        return self._global.get(name) if value is None else self.expanded(value.value)
