"""A whole Dockerfile: its tree, its stages, and what is global to them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from .expansion import expand
from .instruction import Fault, Instruction
from .parser import Tree, foreign_frontend, parse
from .stage import PLATFORM_ARGS, Stage
from .text import Text

if TYPE_CHECKING:
    from .context import BuildContext

# Stages for those who work on the program: nobody ships them.
_WORKPLACE = re.compile(
    r"(?i)(?:^|[-_.])(?:dev|devel|development|tests?|testing|debug|lint|ci|docs?|bench|e2e|local)(?:$|[-_.])"
)
MAX_BYTES = 32 * 1024 * 1024


class Dockerfile:
    """A Dockerfile and the facts that rules share, each computed when first asked for.

    Args:
        text: the file.
        build_args: what `docker build --build-arg` would be given.
        target: the stage to build, by name or index; the last one when None.
        context: the build context, where it is known.
    """

    def __init__(
        self,
        text: Text,
        build_args: Mapping[str, str] | None = None,
        target: str | None = None,
        context: "BuildContext | None" = None,
    ) -> None:
        self.text = text
        self.tree: Tree = parse(text)
        self.build_args = dict(build_args or {})
        self._target = target
        self.context = context

    @classmethod
    def from_string(cls, text: str, name: str = "Dockerfile") -> "Dockerfile":
        """A Dockerfile from a string."""
        return cls(Text(text, name))

    @property
    def name(self) -> str:
        """The path or the name that the user gave."""
        return self.text.name

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """All instructions, in order."""
        return self.tree.instructions

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the parser had to step over."""
        return self.tree.faults

    @cached_property
    def escape(self) -> str:
        """The escape character: a backslash, or a backtick after `# escape=`."""
        return next(
            (directive.value for directive in self.tree.directives if directive.name == "escape"), "\\"
        )

    @cached_property
    def frontend(self) -> str | None:
        """The frontend that `# syntax=` names, where it is not Docker's: what it takes nobody here can know."""
        return foreign_frontend(self.tree.directives)

    @cached_property
    def headless(self) -> Stage | None:
        """Instructions before the first FROM that no builder takes there, as a stage on a base that nobody knows."""
        if all(one.keyword == "ARG" for one in self.preamble):
            return None
        return Stage(self, -1, parse(Text("FROM unknown")).instructions[0], self.preamble)

    @cached_property
    def preamble(self) -> tuple[Instruction, ...]:
        """What stands before the first FROM."""
        out = []
        for instruction in self.instructions:
            if instruction.keyword == "FROM":
                break
            out.append(instruction)
        return tuple(out)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The build stages, in order."""
        starts = [index for index, one in enumerate(self.instructions) if one.keyword == "FROM" and one.args]
        ends = [*starts, len(self.instructions)][1:]
        return tuple(
            Stage(self, index, self.instructions[start], self.instructions[start + 1 : end])
            for index, (start, end) in enumerate(zip(starts, ends, strict=True))
        )

    @cached_property
    def global_args(self) -> dict[str, str | None]:
        """The ARGs before the first FROM, which FROM lines can use; None: defined, value unknown."""
        values: dict[str, str | None] = dict.fromkeys(PLATFORM_ARGS)
        for one in self.preamble:
            if one.keyword != "ARG":
                continue
            for name, value in one.pairs:
                if name.value in self.build_args:
                    values[name.value] = self.build_args[name.value]
                elif value is not None:
                    values[name.value] = expand(value.value, values, self.escape)
                else:
                    values[name.value] = None
        return values

    @cached_property
    def target(self) -> Stage | None:
        """The stage that becomes the image; None when there is no stage, or none of that name."""
        if self._target is None:
            return self.stages[-1] if self.stages else None
        for stage in self.stages:
            if (stage.name and stage.name.value.lower() == self._target.lower()) or (
                str(stage.index) == self._target
            ):
                return stage
        return None

    @cached_property
    def _names(self) -> dict[str, list[int]]:
        names: dict[str, list[int]] = {}
        for stage in self.stages:
            if stage.name:
                names.setdefault(stage.name.value.lower(), []).append(stage.index)
        return names

    def stage_named(self, name: str, before: int) -> Stage | None:
        """The last stage of this name with an index below `before`; case makes no difference."""
        indices = self._names.get(name.lower(), [])
        at = bisect_left(indices, before)
        return self.stages[indices[at - 1]] if at else None

    @cached_property
    def shipped(self) -> frozenset[int]:
        """The indices of the stages whose files end up in an image."""
        return frozenset(self.target_of)

    @cached_property
    def target_of(self) -> dict[int, Stage]:
        """The index of each stage that is shipped → the first target that it is part of."""
        out: dict[int, Stage] = {}
        for target in self.targets:
            for stage in target.lineage:
                out.setdefault(stage.index, target)
        return out

    @cached_property
    def targets(self) -> tuple[Stage, ...]:
        """The stages that become images: the one that was asked for; else the last one, and those beside it.

        A named stage that starts something, and that no other stage takes anything from, is built by its name
        (`--target`, compose, bake): as a builder it would be dead code. Those for a developer's own machine, by
        their names, are not shipped.
        """
        if self.target is None:
            return ()
        if self._target is not None or len(self.stages) == 1:
            return (self.target,)
        beside = [
            stage
            for stage in self.stages[:-1]
            if stage.name and (stage.cmd or stage.entrypoint) and stage.index not in self._taken_from
            if not _WORKPLACE.search(stage.name.value)
        ]
        return (*beside, self.target)

    @cached_property
    def _taken_from(self) -> frozenset[int]:
        """The indices of the stages that a FROM, a COPY --from or a mount names, or may name."""
        found: set[int] = set()
        for stage in self.stages:
            named = [stage.base_name or stage.base.value]
            for instruction in stage.instructions:
                for flag in instruction.flags:
                    if flag.name == "from":
                        named.append(flag.value or "")
                    elif flag.name == "mount" and "from=" in (flag.value or ""):
                        named.append((flag.value or "").partition("from=")[2].partition(",")[0])
            for name in named:
                if name.isdigit():
                    found.add(int(name))
                elif "$" in name:
                    start = name.partition("$")[0].lower()
                    found |= {
                        at for key, indices in self._names.items() if key.startswith(start) for at in indices
                    }
                elif other := self.stage_named(name, stage.index):
                    found.add(other.index)
        return frozenset(found)

    @cached_property
    def _stage_lines(self) -> list[int]:
        return [stage.source.span.line for stage in self.stages]

    @cached_property
    def _instruction_lines(self) -> list[int]:
        return [instruction.span.line for instruction in self.instructions]

    def stage_at(self, line: int) -> Stage | None:
        """The stage that a line belongs to."""
        index = bisect_right(self._stage_lines, line)
        return self.stages[index - 1] if index else None

    def instruction_at(self, line: int) -> Instruction | None:
        """The instruction that starts on a line or reaches over it."""
        index = bisect_right(self._instruction_lines, line)
        one = self.instructions[index - 1] if index else None
        return one if one is not None and one.span.end_line >= line else None
