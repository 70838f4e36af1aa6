"""An image's history: its steps, which layer each made, and which tool wrote it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from .created_by import SHELL, instruction_text


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the history. `layer` is the index of the layer that it alone made, None when it made none.

    `within` is the index of the layer that it made together with its neighbours: a squash, or a build
    that commits once. `empty` is whether the history gives it no layer. `confidence` is "exact" where
    history and layers agree in number, "aligned" where the mapping follows the habit of the tool that
    wrote it, and "unknown" where nobody can tell.
    """

    index: int
    created_by: str
    created: str | None
    comment: str
    author: str
    empty: bool
    layer: int | None
    confidence: str
    within: int | None = None

    @property
    def text(self) -> str:
        """The step as a Dockerfile would have it: "RUN apt-get update", "EXPOSE 5555"."""
        return instruction_text(self.created_by)


# Who wrote a step, by the marks that tools leave in created_by, comment and author.
_PRODUCERS = (
    ("BuildKit", "comment", re.compile(r"buildkit\.")),
    ("kaniko", "author", re.compile(r"kaniko$")),
    ("ko", "author", re.compile(r"ko$")),
    ("Jib", "author", re.compile(r"Jib$")),
    ("Bazel", "author", re.compile(r"Bazel$")),
    ("docker import", "comment", re.compile(r"Imported from ")),
    ("Nix", "comment", re.compile(r"store paths: ")),
    ("squash", "comment", re.compile(r"merge sha256:")),
    ("buildah", "comment", re.compile(r"FROM ")),
    ("BuildKit", "created_by", re.compile(r".*# buildkit$", re.DOTALL)),
    ("Docker builder", "created_by", re.compile(r"/bin/sh -c |\|\d+ .*/bin/sh -c ", re.DOTALL)),
    ("Docker builder", "created_by", re.compile(rf"(?:\|\d+ .*? )??{SHELL}", re.DOTALL)),
    ("Docker builder", "created_by", re.compile(r".*#\(nop\)", re.DOTALL)),
    ("Bazel", "created_by", re.compile(r"bazel build")),
    ("ko", "created_by", re.compile(r"ko build ")),
    ("Jib", "created_by", re.compile(r"jib-")),
)


def producer(step: Step) -> str:
    """The tool that wrote a step; "unknown" when nothing gives it away."""
    for name, field, pattern in _PRODUCERS:
        if pattern.match(getattr(step, field)):
            return name
    return "unknown"


def map_history(history: Any, layers: int, subject: str) -> tuple[Step, ...]:
    """The steps of a configuration's `history`, mapped to as many layers.

    By position, never by digest: the same layer may stand in an image twice. Of entries that are more
    than the layers, those that can't have made one (CMD, ENV, …) are left out. With fewer, a builder
    has appended its entries to a base that had none, so they belong to the top. If the numbers still
    differ, nobody can tell, and no layer is anybody's.

    Raises:
        InputError: the history is no list of objects.
    """
    if history is None:
        return ()
    if not isinstance(history, list) or not all(isinstance(one, dict) for one in history):
        raise InputError(f"{subject}: history", "is not a list of objects")
    steps = tuple(_step(index, one) for index, one in enumerate(history))
    filled = [index for index, one in enumerate(history) if not one.get("empty_layer")]
    confidence = "exact"
    if len(filled) > layers:
        filled = [index for index in filled if not _METADATA.match(steps[index].text)]
        confidence = "aligned"
    first = 0
    if len(filled) < layers:
        first = layers - len(filled)
        confidence = "aligned"
        if not all(producer(steps[index]) in _APPENDING for index in filled):
            filled = []
    if len(filled) > layers or not filled or any(producer(steps[index]) == "Bazel" for index in filled):
        # Bazel's rules put their own entries before those of the base.
        return tuple(
            dataclasses.replace(one, empty=bool(entry.get("empty_layer")), confidence="unknown")
            for one, entry in zip(steps, history, strict=True)
        )
    owners: dict[int, int] = {}
    shared: dict[int, int] = {}
    moved: set[int] = set()  # whose layer the history gives to another
    before = -1
    owning = frozenset(filled)
    for layer, index in enumerate(filled, first):
        makers = _makers(steps[before + 1 : index + 1])
        before = index
        if len(makers) == 1:
            owners[makers[0].index] = layer
            moved |= {makers[0].index} - {index}
        elif makers:
            shared |= dict.fromkeys(range(makers[0].index, makers[-1].index + 1), layer)
    return tuple(
        dataclasses.replace(
            step,
            layer=owners.get(step.index),
            within=shared.get(step.index),
            empty=step.index not in owning,
            confidence="aligned" if step.index in shared or step.index in moved else confidence,
        )
        for step in steps
    )


def _makers(steps: Sequence[Step]) -> Sequence[Step]:
    """Which of some steps made the layer that the history gives to the last of them, the only one not empty.

    Docker squashes into an entry of its own. buildah without --layers gives everything to the last
    instruction, be it CMD. The classic builder marks a RUN as empty that changed nothing, but no COPY.
    """
    *others, last = steps
    words = [other.text.partition(" ")[0].upper() for other in others]
    copied = "COPY" in words or "ADD" in words
    committed_once = producer(last) == "squash" or bool(_METADATA.match(last.text))
    if copied or committed_once or (last.comment.startswith("FROM ") and "RUN" in words):
        work = [one for one, word in zip(others, words, strict=True) if word in ("RUN", "COPY", "ADD")]
        return work if committed_once else [*work, last]
    return [last]


# They write an entry for each step of their own, and none for a base that has none.
_APPENDING = ("Docker builder", "buildah", "kaniko")
_METADATA = re.compile(
    r"(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b",
    re.IGNORECASE,
)


def _step(index: int, entry: dict[str, Any]) -> Step:
    """An entry, before it is known which layer it made."""

    def text(key: str) -> str:
        value = entry.get(key)
        return value if isinstance(value, str) else ""

    return Step(
        index=index,
        created_by=text("created_by"),
        created=text("created") or None,
        comment=text("comment"),
        author=text("author"),
        empty=True,
        layer=None,
        confidence="unknown",
    )


def steps_of_layers(steps: Sequence[Step]) -> dict[int, tuple[Step, ...]]:
    """The steps that made each layer, from the first to the last; without those of which nobody can tell."""
    out: dict[int, list[Step]] = {}
    for step in steps:
        layer = step.layer if step.layer is not None else step.within
        if layer is not None:
            out.setdefault(layer, []).append(step)
    return {layer: tuple(made) for layer, made in out.items()}


def producer_of(made: Sequence[Step], steps: Sequence[Step]) -> str:
    """The tool that wrote the steps that made a layer; "unknown" when nothing gives it away."""
    found = producer(made[-1])
    if found != "Docker builder":
        return found
    # What commits once leaves its mark at the entry that it gives the layer to.
    for index in range(made[-1].index + 1, len(steps)):
        one = steps[index]
        if one.layer is not None or one.within is not None:
            break
        if not one.empty:
            return found if producer(one) == "Docker builder" and len(made) == 1 else _once(producer(one))
    return found if len(made) == 1 else _once(producer(made[-1]))


def _once(name: str) -> str:
    """Of a build that commits once: Docker's own builder does not."""
    return "buildah" if name == "Docker builder" else name
