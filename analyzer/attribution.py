"""Which instruction of a Dockerfile made which step of an image, or why it can't have made it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .credentials import mask

if TYPE_CHECKING:
    from .dockerfile import Dockerfile, Instruction, Span, Stage
    from .image import Image, Step

_COPIED = re.compile(r"(?:COPY|ADD)\s.*\bin\s+(?P<target>\S+)\s*$", re.DOTALL)


class Attribution(NamedTuple):
    """`spans` maps steps of the image to instructions of the Dockerfile; empty when they don't belong together."""

    file: str  # the Dockerfile's name
    reason: str  # what does not fit; "" when all does
    spans: Mapping[int, Span] = {}  # each from the keyword to the instruction's end

    @property
    def matches(self) -> bool:
        """Whether the image was built from this Dockerfile, as far as its history says."""
        return not self.reason


def attribute(file: Dockerfile, image: Image) -> Attribution:
    """Match the instructions of the target stage, from the last one up, against the image's last steps.

    A RUN must be the same text, a COPY or ADD the same destination, anything else the same
    keyword: builders write values in forms of their own.
    """
    if file.target is None:
        return Attribution(file.name, "the Dockerfile has no stage to build")
    instructions = [
        one
        for stage in reversed(file.target.lineage)
        for one in stage.instructions
        if one.keyword not in ("ARG", "ONBUILD", "SHELL")
    ]
    steps = [one for one in image.steps if _keyword(one) not in ("ARG", "ONBUILD", "SHELL")]
    if not steps:
        return Attribution(file.name, "the image has no history to compare with")
    spans: dict[int, Span] = {}
    remaining = list(steps)
    for one in reversed(instructions):
        step = remaining.pop() if remaining else None
        if step is None or not _same(one, step):
            there = f"the image has {_short(step.text)!r}" if step else "the image has no more steps"
            reason = f"line {one.span.line} is {_short(one.line.value)!r}, where {there}"
            return Attribution(file.name, reason)
        spans[step.index] = one.span
    return Attribution(file.name, "", spans | dict(_beside(file.target.lineage, image.steps, spans)))


def _beside(
    stages: Sequence[Stage], steps: Sequence[Step], spans: Mapping[int, Span]
) -> Iterator[tuple[int, Span]]:
    """ARG, ONBUILD and SHELL, which not every builder notes: those of the same text between the same neighbours."""
    if not spans:
        return
    first = min(spans)
    rest = [(step, _squeezed(step.text)) for step in steps if step.index >= first]
    numbers = {span: index for index, span in spans.items()}
    after = first - 1
    for instruction in (one for stage in reversed(stages) for one in stage.instructions):
        if instruction.span in numbers:
            after = numbers[instruction.span]
            continue
        text = _squeezed(instruction.line.value)
        for step, noted in rest:
            if step.index > after and step.index in spans:
                break
            if step.index > after and noted == text:
                yield step.index, instruction.span
                after = step.index
                break


def _keyword(step: Step) -> str:
    return step.text.partition(" ")[0].upper()


def _same(instruction: Instruction, step: Step) -> bool:
    text = step.text
    if instruction.keyword == "RUN":
        if instruction.heredocs:
            return text.startswith("RUN")
        wanted = _squeezed(instruction.value.raw)
        if instruction.json is not None:
            # The exec form leaves no keyword behind, only the words.
            wanted = " ".join(word.value for word in instruction.json)
            return _squeezed(text.removeprefix("RUN ")) in (
                _squeezed(wanted),
                _squeezed(instruction.value.raw),
            )
        return _squeezed(text.removeprefix("RUN ")) == wanted
    if _keyword(step) != instruction.keyword:
        return False
    if instruction.keyword in ("COPY", "ADD") and instruction.args:
        copied = _COPIED.match(text)
        target = instruction.args[-1].value.strip("\"'")
        if copied and not target.startswith("$"):
            return copied["target"].rstrip("/").endswith(target.rstrip("/").lstrip("."))
        return "$" in target or target in text
    return True


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    flat = mask(_squeezed(text))
    return flat if len(flat) <= 50 else flat[:49] + "…"
