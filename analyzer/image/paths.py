"""PATH on the command line: which paths of an image it means, and what to say when it means none.

A path means itself and all that lies below it. In a pattern, `*` and `?` stop at a slash, `**` does not, and `[…]` is
one character of several. A pattern without a slash means names in any directory; one with a slash begins at the root.
A path that is there means itself, whatever characters it has.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..errors import InputError
from .image import Image
from .layer import normalised

_MOST_COMPARED = 5000  # names, to find the nearest
_MOST_TOLD = 4
_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^]/]*\]|.", re.DOTALL)


class Paths(NamedTuple):
    """What is asked for, as one question to each path."""

    matches: Callable[[str], bool]
    notes: tuple[str, ...] = ()  # what is taken for what


def paths_of(image: Image, asked: Iterable[str], layers: Iterable[int] | None = None) -> Paths:
    """The paths that are meant.

    Args:
        image: where they are looked for, and where links of it lead to.
        asked: paths and patterns; all paths where there are none.
        layers: what of the image is looked at; None for what a container sees.

    Raises:
        InputError: one of them means nothing there.
    """
    patterns: list[str] = []
    notes: list[str] = []
    known = None if layers is None else tuple(layers)
    for word in asked:
        path = normalised(word)
        if not path or any(True for _ in _at(image, path, known)):
            patterns.append(_below(path))
        elif _is_pattern(word):
            pattern = _translated(word)
            if not any(re.fullmatch(pattern, one, re.DOTALL) for one in _all(image, known)):
                raise InputError(image.source, f"no path {_where(known)} matches {word}", _hint(image, known))
            patterns.append(pattern)
        else:
            found = (image if known is None else image.up_to(max(known))).resolve(path)
            if not found or not any(True for _ in _at(image, found, known)):
                raise nowhere(image, path, known)
            notes.append(f"/{path} leads to /{found}")
            patterns.append(_below(found))
    if not patterns:
        return Paths(lambda path: True)
    match = re.compile("|".join(f"(?:{one})" for one in patterns), re.DOTALL).fullmatch
    return Paths(lambda path: match(path) is not None, tuple(notes))


def _below(path: str) -> str:
    return rf"{re.escape(path)}(?:/.*)?" if path else ".*"


def _is_pattern(word: str) -> bool:
    return any(char in word for char in "*?[")


def _translated(pattern: str) -> str:
    """A pattern as a regular expression."""
    anywhere = "(?:.*/)?" if "/" not in pattern else ""
    out = []
    for piece in _PIECES.findall(pattern.lstrip("/")):
        if piece == "**/":
            out.append("(?:.*/)?")
        elif piece in ("**", "*", "?"):
            out.append({"**": ".*", "*": "[^/]*", "?": "[^/]"}[piece])
        elif len(piece) > 2:
            negated = piece[1] == "!"
            inner = re.escape(piece[1 + negated : -1]).replace(r"\-", "-")
            out.append(f"(?!/)[{'^' if negated else ''}{inner}]")
        else:
            out.append(re.escape(piece))
    whole = anywhere + "".join(out)
    try:
        re.compile(whole)
    except re.error:
        raise InputError(pattern, "is no pattern that can be read", "Use *, ?, ** and [a-z]") from None
    return whole


def _all(image: Image, layers: tuple[int, ...] | None) -> Iterator[str]:
    if layers is None:
        yield from image.tree
        return
    for layer in layers:
        yield from (entry.path for entry in image.layers[layer].files)
        for removed in image.removals(layer):
            yield from removed


def _at(image: Image, path: str, layers: tuple[int, ...] | None) -> Iterator[str]:
    """The paths at or below a path."""
    if layers is None and path in image.tree:
        yield path
    below = f"{path}/"
    yield from (one for one in _all(image, layers) if one == path or one.startswith(below))


def _where(layers: tuple[int, ...] | None) -> str:
    if layers is None:
        return "that a container sees"
    return f"in layer {layers[0]}" if len(layers) == 1 else "in any layer"


def nowhere(image: Image, path: str, layers: tuple[int, ...] | None = None) -> InputError:
    """The error for a path that is not there: which layers have it, or what is called nearly so."""
    return InputError(image.source, f"there is no /{path} {_where(layers)}", _hint(image, layers, path))


def _hint(image: Image, layers: tuple[int, ...] | None, path: str = "") -> str:
    if path:
        below = f"{path}/"
        held = [
            layer.index
            for layer in image.layers
            if any(entry.path == path or entry.path.startswith(below) for entry in layer.files)
        ]
        if held:
            numbers = ", ".join(f"--layer {index}" for index in held[-_MOST_TOLD:][::-1])
            return f"Use {numbers}" + (", where it is hidden" if layers is None else "")
        if near := _nearest(image, path):
            return "Use " + " or ".join(f"/{one}" for one in near)
    return "`imglint files IMAGE` lists what is there"


def _nearest(image: Image, path: str) -> list[str]:
    """Paths of the same name elsewhere, or names like it beside it."""
    directory, _, name = path.rpartition("/")
    alike: list[str] = []
    beside: dict[str, str] = {}
    for one in image.tree:
        parent, _, last = one.rpartition("/")
        if last == name and len(alike) < _MOST_TOLD - 1:
            alike.append(one)
        if parent == directory and len(beside) < _MOST_COMPARED:
            beside[last] = one
    if alike:
        return alike
    return [beside[one] for one in difflib.get_close_matches(name, beside, 2)]
