"""The files of an image for people: a list, a tree, the largest, or directories with what lies in them.

A path is never cut: it stands at the end of its line.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..analyzer.credentials import mask
from ..analyzer.sizes import shown
from .tables import clipped

if TYPE_CHECKING:
    from ..analyzer.image import Image
    from ..analyzer.image.files import File

_BATCH = 500  # lines that are written at a time
_STEP_WIDTH = 50
_FILES = ("file", "hardlink")
_MARKS = {"added": "+", "changed": "~", "removed": "-", "kept": " "}


class FilesView(NamedTuple):
    """What to show of the files, and how."""

    tree: bool = False
    largest: int | None = None  # how many of the largest
    directories: bool = False  # directories with all that lies in them
    least: int = 0  # bytes
    changed: bool = False  # what was changed or removed, not what is new
    hidden: bool = False  # what no container sees


def wanted(file: File, view: FilesView) -> bool:
    """Whether a file is to be shown, by its change, its size and whether it is seen."""
    if view.hidden and file.hidden_by is None:
        return False
    if view.changed and file.change not in ("changed", "removed"):
        return False
    return max(file.size, file.removed_bytes) >= view.least


def selected(image: Image, view: FilesView, layer: int | None) -> Iterator[File]:
    """The files of a view, before any path is asked for."""
    from ..analyzer.image.files import files_of_layers, seen_files

    if layer is None and not view.hidden and not view.changed:
        yield from seen_files(image)
        return
    for _, files in files_of_layers(image, layer):
        yield from files


def render(
    image: Image, matches: Callable[[str], bool], view: FilesView, layer: int | None, lines: dict[int, str]
) -> Iterator[str]:
    """The text, in parts of whole lines."""
    found = [file for file in selected(image, view, layer) if matches(file.path)]
    if view.directories or view.tree:
        # The least size is one of directories then, or of all that stands in the tree.
        found = [file for file in found if wanted(file, view._replace(least=0))]
    else:
        found = [file for file in found if wanted(file, view)]
    yield f"{_printable(image.source)}{image.which}: {_title(image, view, layer)}\n\n"
    if not found:
        yield "nothing\n"
        return
    if view.tree or view.directories:
        yield from _batched(_directories(found, view))
        of = ""
    else:
        if view.largest is not None:
            found = [file for file in found if file.size or file.removed_bytes]
        shown_first = _ordered(found, view)
        more = len(found) - len(shown_first)
        found = shown_first
        yield from _batched(_list(found))
        of = f"; {more} more are no larger" if more else ""
    yield f"\n{_summary(found)}{of}\n"
    yield from _layers(image, found, lines)


def _title(image: Image, view: FilesView, layer: int | None) -> str:
    if view.hidden:
        return "what no container sees" + (f", of layer {layer}" if layer is not None else "")
    if layer is not None:
        return f"layer {layer}"
    return "what its layers change and remove" if view.changed else "what a container sees"


def _ordered(found: list[File], view: FilesView) -> list[File]:
    if view.largest is not None:
        return heapq.nlargest(view.largest, found, key=lambda file: max(file.size, file.removed_bytes))
    return sorted(found, key=lambda file: (file.path, file.layer))


def _list(found: list[File]) -> Iterator[str]:
    hiding = any(file.hidden_by is not None for file in found)
    yield f"     SIZE  LAYER  {'HIDDEN BY  ' if hiding else ''}   PATH"
    for file in found:
        by = f"{'' if file.hidden_by is None else file.hidden_by:>9}  " if hiding else ""
        yield f"{_size(file):>9}  {file.layer:>5}  {by}{_MARKS[file.change]}  {_path(file)}"


def _size(file: File) -> str:
    if file.change == "removed":
        return f"-{shown(file.removed_bytes)}" if file.removed_bytes else ""
    return shown(file.size) if file.kind == "file" or file.size else ""


def _path(file: File) -> str:
    """A path with what tells its kind."""
    path = f"/{_printable(file.path)}"
    if file.entry is not None and file.kind == "symlink":
        return f"{path} -> {_printable(file.entry.link)}"
    if file.entry is not None and file.kind == "hardlink" and not file.size:
        return f"{path} = /{_printable(file.entry.link.lstrip('/'))}"
    if file.kind == "directory":
        return path if path == "/" else f"{path}/"
    if file.kind == "opaque directory":
        return f"{path.rstrip('/')}/*"
    return path if file.kind in ("file", "hardlink", "whiteout") else f"{path} ({file.kind})"


def _directories(found: Iterable[File], view: FilesView) -> Iterator[str]:
    """Directories with the bytes of all that lies in them, and for a tree the files, too."""
    totals: dict[str, list[int]] = {"": [0, 0]}
    leaves: dict[str, File] = {}
    for file in found:
        size = max(file.size, file.removed_bytes)
        directory = file.path if file.kind == "directory" else file.path.rpartition("/")[0]
        if file.kind != "directory" and view.tree and not view.directories and size >= view.least:
            leaves[file.path] = file
        while True:
            total = totals.setdefault(directory, [0, 0])
            total[0] += size
            total[1] += file.kind in _FILES
            if not directory:
                break
            directory = directory.rpartition("/")[0]
    rows = [(path, size, count) for path, (size, count) in totals.items() if size >= view.least]
    if view.tree:
        yield "     SIZE  FILES"
        for path, size, count in sorted(
            [*rows, *((path, -1, 0) for path in leaves)], key=lambda row: row[0].split("/") if row[0] else []
        ):
            depth = path.count("/") + 1 if path else 0
            name = f"{'  ' * depth}{_printable(path.rpartition('/')[2])}"
            if size < 0:
                file = leaves[path]
                mark = f" {_MARKS[file.change]}" if file.change != "added" else ""
                yield f"{_size(file):>9}         {name}{_path(file)[len(_printable(path)) + 1 :]}{mark}"
            else:
                yield f"{shown(size):>9}  {count:>5}  {name}/"
        return
    rows.sort(key=(lambda row: -row[1]) if view.largest is not None else lambda row: row[0])
    yield "     SIZE  FILES  DIRECTORY"
    for path, size, count in rows[: view.largest]:
        yield f"{shown(size):>9}  {count:>5}  /{_printable(path)}"


def _summary(found: list[File]) -> str:
    files = sum(1 for file in found if file.kind in _FILES)
    directories = sum(1 for file in found if file.kind == "directory")
    removed = sum(1 for file in found if file.change == "removed")
    others = len(found) - files - directories - removed
    parts = [f"{files} file{'s' * (files != 1)}"]
    parts += [f"{directories} director{'ies' if directories != 1 else 'y'}"] if directories else []
    parts += [f"{others} link{'s' * (others != 1)} and others"] if others else []
    parts += [f"{removed} removed"] if removed else []
    return f"{', '.join(parts)}: {shown(sum(file.size for file in found))}"


def _layers(image: Image, found: list[File], lines: dict[int, str]) -> Iterator[str]:
    """What made the layers that are named."""
    named = {file.layer for file in found}
    named |= {file.hidden_by for file in found if file.hidden_by is not None}
    for index in sorted(named):
        step = clipped(
            mask(image.made_by(image.layers[index])) or "unknown: the history does not say", _STEP_WIDTH
        )
        where = f"  {_printable(lines[index])}" if index in lines else ""
        yield f"  layer {index:<3} {step}{where}\n"
    marks = {_MARKS[file.change] for file in found} & {"~", "-"}
    if marks:
        yield "  + new, ~ changed, - removed, by its layer\n"


def _printable(text: str) -> str:
    """A name on one line that can't steer the terminal; bytes that are no UTF-8 as \\x and two digits."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_char(char) for char in text)


def _char(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _batched(lines: Iterable[str]) -> Iterator[str]:
    batch: list[str] = []
    for line in lines:
        batch.append(line)
        if len(batch) == _BATCH:
            yield "\n".join([*batch, ""])
            batch.clear()
    if batch:
        yield "\n".join([*batch, ""])
