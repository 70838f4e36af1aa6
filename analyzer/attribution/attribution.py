"""Holds a Dockerfile against an image's history: which line made which step and which layer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..dockerfile.span import Span
from .comparison import MAKERS, Comparison
from .notes import Note, note
from .replay import Replay
from .writings import Writing, writing

if TYPE_CHECKING:
    from ..dockerfile import Dockerfile, Instruction, Stage
    from ..image import Image

_SPARE_STEPS = 100  # of the image, beside twice as many as the Dockerfile has instructions
_MOST_SHELLS = 4
_BY_BUILDAH = re.compile(
    r"/bin/sh -c #\(nop\) (?!COPY|ADD|WORKDIR)\S"
)  # the classic builder has two blanks there


class Attribution(NamedTuple):
    """`spans` maps steps of the image to instructions of the Dockerfile, as far as there is no doubt.

    `layers` maps layers to what made them: one instruction, or the first to the last of those that
    made a layer together. Both are empty when image and Dockerfile don't belong together.
    """

    file: str  # the Dockerfile's name
    reason: str  # what does not fit; "" when all does
    spans: Mapping[int, Span] = {}  # each from the keyword to the instruction's end
    layers: Mapping[int, Span] = {}
    fitting: str = ""  # of an image of another version, the lines that fit: "lines 2 to 7 match"
    told: bool = True  # whether there was enough to compare; otherwise `reason` says what is missing

    @property
    def matches(self) -> bool:
        """Whether the image was built from this Dockerfile as it is, as far as its history says."""
        return not self.reason


def attribute(file: Dockerfile, image: Image) -> Attribution:
    """Match the instructions of the target stage against the image's steps, by what each builder writes."""
    target = file.target
    if target is None:
        return Attribution(file.name, "it has no stage to build", told=False)
    spare = 2 * sum(len(stage.instructions) for stage in target.lineage) + _SPARE_STEPS
    steps = [step for step in image.steps[-spare:] if not step.comment.startswith("merge sha256:")]
    if not steps:
        return Attribution(file.name, "the image has no history to compare with", told=False)
    by_buildah = any(step.comment.startswith("FROM ") or _BY_BUILDAH.match(step.created_by) for step in steps)
    notes = [note(step, by_buildah=by_buildah) for step in steps]
    writings = _writings(file, target, image, notes)
    from_scratch = target.lineage[-1].base_name == "scratch"
    found = Comparison(writings, steps, notes, image, from_scratch=from_scratch)
    if found.too_long:
        return Attribution(file.name, "it and the history are too long to compare", told=False)
    if not found.is_whole and not found.is_related:
        if found.is_untold and image.layers:
            reason = "the history does not tell what made the layers, as after a squash"
            return Attribution(file.name, reason, told=False)
        return Attribution(file.name, found.difference(last=True))
    made = {
        steps[column].index: writings[row].instruction
        for row, column in found.pairs.items()
        if writings[row].told
    }
    layers = dict(_layers(file, target, image, made))
    # Of a COPY without a layer of its own, classic builders and buildah tell too little.
    joint = {step.index for step in steps if step.within is not None}
    spans = {
        index: one.span
        for index, one in made.items()
        if index not in joint or one.keyword not in ("COPY", "ADD")
    }
    if found.is_whole:
        return Attribution(file.name, "", spans, layers)
    return Attribution(file.name, found.difference(), spans, layers, found.fitting())


def _writings(file: Dockerfile, target: Stage, image: Image, notes: Sequence[Note]) -> list[Writing]:
    """What builders write of each instruction, with the build arguments that the image was built with."""
    names = {name.value for stage in target.lineage for one in stage.all("ARG") for name, _ in one.pairs}
    given = {**_given(names, notes), **file.build_args}
    shells = {tuple(one.key.split()[1:]): None for one in notes if one.keyword == "SHELL"}
    now = Replay(file, target, image.config, given, list(shells)[-_MOST_SHELLS:])
    return [writing(instruction, now) for instruction in now.instructions()]


def _given(names: Iterable[str], notes: Iterable[Note]) -> dict[str, str]:
    """The build arguments that steps tell of, each with the only value that it has."""
    told = [one.command for one in notes if one.command is not None and one.command.startswith("|")]
    found: dict[str, set[str]] = {}
    for name in names if told else ():
        # Up to the next argument or the shell; an exec form's end can't be told from a value with blanks.
        pattern = re.compile(
            rf" {re.escape(name)}=(.*?)(?= \w+=| /\S*sh(?: -\w+(?: pipefail)?)*? -\w*c )", re.DOTALL
        )
        for command in told:
            if value := pattern.search(command):
                found.setdefault(name, set()).add(value[1])
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def _layers(
    file: Dockerfile, target: Stage, image: Image, made: Mapping[int, Instruction]
) -> Iterator[tuple[int, Span]]:
    """Each layer with what made it.

    Of a layer of many steps, each that may have put something into it must be known, and so must each
    instruction between the first and the last.
    """
    together: dict[int, list[Instruction | None]] = {}
    for step in image.steps:
        instruction = made.get(step.index)
        if step.layer is not None and instruction is not None:
            yield step.layer, instruction.span
        if step.within is not None and step.text.partition(" ")[0].upper() in MAKERS:
            together.setdefault(step.within, []).append(instruction)
    known = set(map(id, made.values()))
    own = {id(one) for stage in target.lineage for one in stage.instructions if one.keyword not in MAKERS}
    own |= known | {id(stage.source) for stage in target.lineage}
    for layer, makers in together.items():
        found = [maker for maker in makers if maker is not None]
        if len(found) == len(makers) and all(
            id(one) in own for one in file.instructions if found[0].start <= one.start <= found[-1].start
        ):
            first, last = found[0].span, found[-1].span
            yield layer, Span(first.line, first.column, last.end_line, last.end_column)
