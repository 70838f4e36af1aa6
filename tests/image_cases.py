"""The elementary ways to waste bytes, with what is true of each: an engine's export agrees."""

from __future__ import annotations

from typing import NamedTuple

from image_archives import DIRECTORY, LayerFiles, Node, hardlink

KIB = 1024
BASE: LayerFiles = {"base": "b" * KIB}


class Case(NamedTuple):
    """Layers from the bottom up, the bytes that stay visible, and (cause, added by, hidden by, bytes)."""

    name: str
    layers: tuple[LayerFiles, ...]
    live: int
    waste: tuple[tuple[str, int, int, int], ...]


BIG = "8" * 8 * KIB
CASES = (
    Case(
        "directory deleted",
        (BASE, {"d/": DIRECTORY, "d/e/": DIRECTORY, "d/e/a": BIG}, {"d": None}),
        KIB,
        (("deleted", 1, 2, 8 * KIB),),
    ),
    Case(
        "opaque directory",
        (BASE, {"d/": DIRECTORY, "d/a": BIG}, {"d/": DIRECTORY, "d/.wh..wh..opq": "", "d/b": "b" * 10}),
        KIB + 10,
        (("hidden by an opaque directory", 1, 2, 8 * KIB),),
    ),
    Case(
        "opaque mark after its own files",
        (BASE, {"d/": DIRECTORY, "d/a": BIG}, {"d/": DIRECTORY, "d/b": "b" * 10, "d/.wh..wh..opq": ""}),
        KIB + 10,
        (("hidden by an opaque directory", 1, 2, 8 * KIB),),
    ),
    Case(
        "directory to file",
        (BASE, {"d/": DIRECTORY, "d/a": BIG}, {"d": "f" * 10}),
        KIB + 10,
        (("replaced by another type", 1, 2, 8 * KIB),),
    ),
    Case(
        "file to directory",
        (BASE, {"d": BIG}, {"d/": DIRECTORY, "d/a": "f" * 10}),
        KIB + 10,
        (("replaced by another type", 1, 2, 8 * KIB),),
    ),
    Case(
        "mode changed",
        (BASE, {"a": Node(BIG.encode())}, {"a": Node(BIG.encode(), mode=0o600)}),
        9 * KIB,
        (("overwritten with the same content", 1, 2, 8 * KIB),),
    ),
    Case(
        "overwritten",
        (BASE, {"a": BIG}, {"a": "9" * 8 * KIB}),
        9 * KIB,
        (("overwritten with new content", 1, 2, 8 * KIB),),
    ),
    Case(
        "deleted, then there again",
        (BASE, {"a": BIG}, {"a": None}, {"a": BIG}),
        9 * KIB,
        (("deleted", 1, 2, 8 * KIB),),
    ),
    Case(
        "shrunk",
        (BASE, {"a": BIG}, {"a": "1" * KIB}),
        2 * KIB,
        (("overwritten with new content", 1, 2, 8 * KIB),),
    ),
    Case(
        "one of two hard links removed",
        (BASE, {"a": BIG, "b": hardlink("a")}, {"a": None}),
        9 * KIB,
        (),
    ),
    Case(
        "both hard links removed",
        (BASE, {"a": BIG, "b": hardlink("a")}, {"a": None, "b": None}),
        KIB,
        (("deleted", 1, 2, 8 * KIB),),
    ),
    Case(
        "the same layer twice",
        (BASE, {"a": BIG}, BASE),
        9 * KIB,
        (("the same layer again", 0, 2, KIB),),
    ),
    Case(
        "whiteout of nothing",
        (BASE, {"a": BIG}, {"zzz": None, "a": None}),
        KIB,
        (("deleted", 1, 2, 8 * KIB),),
    ),
    Case(
        "the same content at two paths",
        (BASE, {"a": BIG}, {"b": BIG}),
        17 * KIB,
        (),
    ),
)
