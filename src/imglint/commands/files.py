"""`imglint files`, `imglint cat` and `imglint extract`: the way into the files of an image."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..analyzer import InputError
from ..exits import Exit
from ..output import is_terminal, pour, tell, write_parts
from ..reports.text import printable
from .show import fail, show_problem, spare

if TYPE_CHECKING:
    from ..analyzer.image import Entry, Image
    from ..analyzer.image.extract import Extraction
    from ..analyzer.image.paths import Paths
    from ..reports.files_text import FilesView

_MOST_HOLES = 1_000_000_000  # bytes of a sparse file that are written out where nobody sets a limit
_MOST_LEFT_OUT = 20  # are told one by one


def files(
    source: str,
    paths: Sequence[str],
    view: FilesView,
    outputs: tuple[tuple[str, str], ...],
    *,
    layer: int | None = None,
    dockerfile: str | None = None,
    platform: str | None = None,
    verify: bool = True,
    engine: str | None = None,
) -> Exit:
    """List the files of an image."""
    from .. import measuring
    from ..reports import Report

    try:
        image = measuring.open_image(source, verify=verify, engine=engine, platform=platform)
        _check_layer(image, layer)
        _note(f"{image.source}{image.which}: {oddity}" for oddity in image.oddities())
        lines = {} if dockerfile is None else _lines(image, dockerfile)
        for form, target in outputs:
            everything = form in ("json", "csv") or view.hidden or view.changed
            chosen = _chosen(image, paths, layer, everything=everything)
            _note(chosen.notes)
            spare(Report(asked=("files", source, *([dockerfile] if dockerfile else []))), target)
            write_parts(_rendered(form, image, chosen, view, layer, lines), target)
    except InputError as error:
        machine = tuple(one for one in outputs if one[0] != "csv")
        return show_problem(error, machine, "files", source) if machine else fail(error)
    return Exit.CLEAN


def _rendered(
    form: str, image: Image, chosen: Paths, view: FilesView, layer: int | None, lines: dict[int, str]
) -> Iterator[str]:
    if form in ("json", "csv"):
        from ..reports import files_json

        render = files_json.as_json if form == "json" else files_json.as_csv
        return render(image, chosen.matches, view, layer, lines)
    from ..reports import files_text

    return files_text.render(image, chosen.matches, view, layer, lines)


def _chosen(image: Image, paths: Sequence[str], layer: int | None, *, everything: bool = False) -> Paths:
    from ..analyzer.image.paths import paths_of

    layers = (layer,) if layer is not None else range(len(image.layers)) if everything else None
    return paths_of(image, paths, layers)


def _check_layer(image: Image, layer: int | None) -> None:
    last = len(image.layers) - 1
    if layer is not None and not 0 <= layer <= last:
        hint = f"Use --layer 0 to --layer {last}" if last >= 0 else "the image has no layers"
        raise InputError(image.source, f"has no layer {layer}", hint)


def _lines(image: Image, dockerfile: str) -> dict[int, str]:
    """Where the Dockerfile makes each layer, as "Dockerfile:7", as far as there is no doubt."""
    from ..analyzer.attribution import attribute
    from ..analyzer.dockerfile import Dockerfile
    from ..config import Settings
    from ..linting import read_text

    found = attribute(Dockerfile(read_text(dockerfile, Settings()), {}, None), image)
    if not found.matches:
        more = f"; {found.fitting}" if found.fitting else ""
        _note((f"{image.source} was not built from this {dockerfile}: {found.reason}{more}",))
    return {layer: f"{dockerfile}:{span.line}" for layer, span in found.layers.items()}


def _note(notes: Iterable[str]) -> None:
    tell("".join(f"{printable(f'note: {note}')}\n" for note in notes))


def cat(
    source: str,
    path: str,
    *,
    layer: int | None = None,
    platform: str | None = None,
    verify: bool = True,
    engine: str | None = None,
) -> Exit:
    """Write what a file of an image holds to standard output."""
    from .. import measuring
    from ..analyzer.image.lookup import find_file

    try:
        image = measuring.open_image(source, verify=verify, engine=engine, platform=platform)
        _check_layer(image, layer)
        entry = find_file(image, path, layer)
        if entry.data < 0 and entry.size > _MOST_HOLES:
            raise InputError(
                image.source, f"/{entry.path} is sparse and would take {entry.size} bytes",
                "Use `imglint extract` with a --max that you have room for",
            )  # fmt: skip
        if layer is not None and entry.layer != layer:
            _note((f"layer {layer} leaves /{entry.path} as layer {entry.layer} made it",))
        for _, blocks in image.contents([entry]):
            pour(_legible(blocks, entry, image) if is_terminal(sys.stdout) else blocks)
    except InputError as error:
        return fail(error)
    return Exit.CLEAN


def _legible(blocks: Iterable[bytes], entry: Entry, image: Image) -> Iterator[bytes]:
    """The blocks, as long as they can't steer a terminal.

    Raises:
        InputError: they could.
    """
    harmless = bytes([*b"\t\n\r\f\b", *range(32, 127), *range(128, 256)])
    at = 0
    for block in blocks:
        other = block.translate(None, harmless)
        if other:
            begun = f" from byte {at + block.index(other[:1])} on" if at else ""
            raise InputError(
                image.source, f"/{entry.path} is binary{begun}, and a terminal would obey it",
                "Use > FILE, or a pipe: | less, | xxd",
            )  # fmt: skip
        yield block
        at += len(block)


def extract(
    source: str,
    paths: Sequence[str],
    directory: str,
    most: int,
    *,
    layer: int | None = None,
    platform: str | None = None,
    verify: bool = True,
    engine: str | None = None,
) -> Exit:
    """Write files of an image into a directory that is new or empty."""
    from .. import measuring
    from ..analyzer.image import extract as extracting
    from ..runner.interrupts import Interrupts

    done = extracting.Extraction()
    try:
        _refuse_full(directory)
        image = measuring.open_image(source, verify=verify, engine=engine, platform=platform)
        _check_layer(image, layer)
        chosen = _chosen(image, paths, layer)
        _note(chosen.notes)
        found = image.tree.values() if layer is None else image.layers[layer].files
        entries = extracting.plan(
            image, (entry for entry in found if entry.path and chosen.matches(entry.path)), most
        )
        if not entries:
            raise InputError(image.source, "has nothing to extract there", "Use the path of a file")
        root = _opened(directory)
        try:
            with Interrupts() as signals:
                extracting.extract(image, entries, root, done, signals.heard)
        except OSError as error:
            problem = f"can't be written: {(error.strerror or str(error)).lower()}"
            raise InputError(directory, problem, "Use a directory with room") from error
        finally:
            os.close(root)
    except InputError as error:
        fail(error)
        _tell_stop(done, directory)
        return Exit.INPUT
    except KeyboardInterrupt:
        _tell_stop(done, directory)
        raise
    return _told(done, directory)


def _refuse_full(directory: str) -> None:
    try:
        if os.listdir(directory):
            raise InputError(directory, "is not empty: nothing is written beside what is there", _NEW)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(directory, (error.strerror or str(error)).lower(), _NEW) from error


_NEW = "Use a directory that is new or empty"


def _opened(directory: str) -> int:
    """The descriptor of the directory; one that is made is for its owner alone."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
        root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(
            directory, f"can't be made: {(error.strerror or str(error)).lower()}", _NEW
        ) from error
    if os.listdir(root):
        os.close(root)
        raise InputError(directory, "is not empty any more: nothing is written", _NEW)
    return root


def _tell_stop(done: Extraction, directory: str) -> None:
    if not (done.begun or done.files or done.directories):
        tell("nothing was written\n")
        return
    said = f"stopped: {directory} holds {_counted(done)}, each whole"
    if done.begun:
        end = "could not be removed, and is not whole" if done.remains else "is removed"
        said += f"; /{done.begun}, which was begun, {end}"
    tell(f"{printable(said)}\n")


def _counted(done: Extraction) -> str:
    from ..analyzer.sizes import shown

    parts = [f"{done.files} file{'s' * (done.files != 1)} ({shown(done.bytes)})"]
    if done.directories:
        parts.append("1 directory" if done.directories == 1 else f"{done.directories} directories")
    if done.links:
        parts.append("1 link" if done.links == 1 else f"{done.links} links")
    return ", ".join(parts)


def _told(done: Extraction, directory: str) -> Exit:
    """Say what was written and what was not."""
    from ..output import write

    write(f"{printable(f'{directory}: {_counted(done)}')}\n")
    if done.bits_taken:
        _note((_several(done.bits_taken, "without its setuid, setgid or sticky bit"),))
    if done.copies:
        _note((_several(done.copies, "a hard link in the image, a file of its own here"),))
    for one in done.left_out[:_MOST_LEFT_OUT]:
        tell(f"{printable(f'left out: /{one.path}: {one.why}')}\n")
    if len(done.left_out) > _MOST_LEFT_OUT:
        tell(f"left out: {len(done.left_out) - _MOST_LEFT_OUT} more\n")
    return Exit.FINDINGS if done.left_out else Exit.CLEAN


def _several(paths: Sequence[str], what: str) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"/{paths[0]}{more}: {what}"
