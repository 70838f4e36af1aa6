"""Limits that a measured image has to keep, and whether it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..analyzer.sizes import shown

if TYPE_CHECKING:
    from ..analyzer.image import Image


class Growth(NamedTuple):
    """How much more is allowed: bytes, or a part of what was there before."""

    bytes: int | None
    part: float | None

    def allowed(self, before: int) -> int:
        """The bytes that may be added to `before`."""
        return self.bytes if self.bytes is not None else int(before * (self.part or 0))


class Limits(NamedTuple):
    """What an image may weigh. None: no limit. Bytes, and parts of 1."""

    max_size: int | None = None  # content: all regular files of all layers
    max_pull: int | None = None  # what a registry would send
    max_layer: int | None = None  # content of the largest layer
    max_waste: int | None = None
    min_efficiency: float | None = None
    max_own_waste: float | None = None  # waste by the content above the lowest layer, as dive asks
    max_growth: Growth | None = None
    max_reclaim: int | None = None  # what a rebuild on the same base could save

    def replaced_by(self, other: Limits) -> Limits:
        """These limits, where the other ones set none."""
        given = {name: value for name, value in other._asdict().items() if value is not None}
        return self._replace(**given)


class Weight(NamedTuple):
    """An earlier measurement, for growth."""

    source: str
    content_bytes: int
    live_bytes: int
    wasted_bytes: int
    compressed_bytes: int | None  # None where the layers were stored unpacked
    steps: tuple[tuple[str, int], ...]  # what made each layer, credentials masked, and its content in bytes
    image: Image | None = None  # None where only the record of it is there

    @property
    def pull_bytes(self) -> int | None:
        """What a registry would have sent; None: the record does not say."""
        return self.image.pull_bytes if self.image is not None else self.compressed_bytes


def weigh(image: Image) -> Weight:
    """What another image will be compared with."""
    from ..analyzer.credentials import mask

    steps = tuple((mask(layer.created_by), layer.content_bytes) for layer in image.layers if layer.created_by)
    return Weight(
        image.source,
        image.content_bytes,
        image.live_bytes,
        image.wasted_bytes,
        image.compressed_bytes,
        steps,
        image,
    )


class Gate(NamedTuple):
    """One limit and what was measured: bytes, or parts of 1. `note` says what has to be known of it."""

    image: str
    name: str
    limit: float
    value: float | None
    passed: bool
    note: str = ""


def check(
    image: Image, limits: Limits, before: Weight | None = None, *, dive: bool = False
) -> tuple[Gate, ...]:
    """Hold an image against limits.

    Args:
        image: what was measured.
        limits: what it may weigh.
        before: an earlier measurement, for growth; None: there is none yet.
        dive: count waste and efficiency as dive does.
    """
    return tuple(_gates(image, limits, before, dive))


def _gates(image: Image, limits: Limits, before: Weight | None, dive: bool) -> Iterable[Gate]:
    name = (" ".join(image.tags) or image.source) + image.which

    def most(what: str, limit: float | None, value: float | None, note: str = "") -> Iterable[Gate]:
        if limit is not None:
            yield Gate(name, what, limit, value, value is None or value <= limit, note)

    yield from most("max-size", limits.max_size, image.content_bytes)
    if limits.max_pull is not None:
        stored = image.compressed_bytes
        note = (
            ""
            if stored is not None
            else "estimated: the layers are stored unpacked, and were compressed here"
        )
        yield from most("max-pull", limits.max_pull, image.pull_bytes, note)
    largest = max(image.layers, key=lambda layer: layer.content_bytes, default=None)
    if largest is not None:
        yield from most("max-layer", limits.max_layer, largest.content_bytes, f"layer {largest.index}")
    own = image.content_bytes - (image.layers[0].content_bytes if image.layers else 0)
    waste, efficiency = image.wasted_bytes, image.efficiency
    share = waste / own if own else None
    counted = ""
    if dive:
        numbers = image.dive_numbers
        waste, efficiency, share = numbers.wasted_bytes, numbers.efficiency, numbers.user_wasted_percent
        counted = "as dive counts"
    yield from most("max-waste", limits.max_waste, waste, counted)
    if limits.max_reclaim is not None:
        saved = image.savings
        notes = [f"the base holds {shown(saved.base_bytes)} more"] if saved.base_bytes else []
        if image.base_is_guessed:
            notes.append("where the base ends is guessed from the history's dates")
        note = "; ".join(notes)
        yield from most("max-reclaim", limits.max_reclaim, saved.own_bytes, note)
    yield from most("max-own-waste", limits.max_own_waste, share, counted)
    if limits.min_efficiency is not None:
        passed = efficiency is None or efficiency >= limits.min_efficiency
        yield Gate(name, "min-efficiency", limits.min_efficiency, efficiency, passed, counted)
    if limits.max_growth is not None:
        if before is None:
            yield Gate(name, "max-growth", 0, None, True, "there is nothing recorded yet to compare with")
        else:
            allowed = limits.max_growth.allowed(before.content_bytes)
            grown = image.content_bytes - before.content_bytes
            yield Gate(name, "max-growth", allowed, grown, grown <= allowed, f"since {before.source}")


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
          "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}  # fmt: skip


def parse_size(text: str) -> int:
    """Bytes from "500MB", "1.5GiB", "20 kB" or "1000".

    Raises:
        ValueError: it is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", text, re.IGNORECASE)
    if not match:
        raise ValueError(f"{text!r} is no size: write it as 500MB or 1.5GiB")
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def parse_part(text: str) -> float:
    """A part of 1 from "90%" or "0.9".

    Raises:
        ValueError: it is neither.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%)?\s*", text)
    value = float(match[1]) / (100 if match[2] else 1) if match else -1
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} is no part: write it as 90% or 0.9")
    return value


def parse_growth(text: str) -> Growth:
    """Growth from "5MB" or "3%".

    Raises:
        ValueError: it is neither.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if match:
        return Growth(None, float(match[1]) / 100)
    return Growth(parse_size(text), None)


PARSERS = {
    "max_size": parse_size, "max_pull": parse_size, "max_layer": parse_size, "max_waste": parse_size,
    "max_reclaim": parse_size,
    "min_efficiency": parse_part, "max_own_waste": parse_part, "max_growth": parse_growth,
}  # fmt: skip


def parse_limits(given: Mapping[str, str]) -> Limits:
    """Limits from texts, by the names of their fields.

    Raises:
        ValueError: one of them can't be understood; it says which.
    """
    values = {}
    for name, text in given.items():
        try:
            values[name] = PARSERS[name](str(text))
        except ValueError as error:
            raise ValueError(f"{name.replace('_', '-')}: {error}") from error
    return Limits(**values)  # type: ignore[arg-type]


# dive's rules and the limits that ask the same.
_DIVE_RULES = {
    "lowestEfficiency": "min_efficiency",
    "highestWastedBytes": "max_waste",
    "highestUserWastedPercent": "max_own_waste",
}


def dive_limits(rules: Mapping[str, object]) -> Limits:
    """The limits of a `.dive-ci` file's rules.

    Raises:
        ValueError: a rule that dive does not have, or a value that can't be understood.
    """
    given = {}
    for name, value in rules.items():
        if name not in _DIVE_RULES:
            raise ValueError(f"{name} is no rule of dive's: those are {', '.join(_DIVE_RULES)}")
        if str(value).lower() != "disabled":
            given[_DIVE_RULES[name]] = str(value)
    return parse_limits(given)
