"""The files of every layer for programs: JSON, a line for each file, and CSV, a row for each. Both are streamed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..analyzer.credentials import mask
from .files_text import FilesView, wanted

if TYPE_CHECKING:
    from ..analyzer.image import Image
    from ..analyzer.image.files import File

_BATCH = 500  # files that are written at a time
_FIELDS = [
    "path", "layer", "change", "kind", "size", "mode", "uid", "gid", "link", "hidden_by", "cause", "removed_files",
    "removed_bytes",
]  # fmt: skip

Matches = Callable[[str], bool]


def as_json(
    image: Image, matches: Matches, view: FilesView, layer: int | None, lines: dict[int, str]
) -> Iterator[str]:
    """One JSON object, in parts of whole lines."""
    head = {
        "id": image.id, "source": image.source, "tags": list(image.tags), "platform": image.platform,
        "content_bytes": image.content_bytes, "live_bytes": image.live_bytes,
    }  # fmt: skip
    yield f'{{"version": 1, "errors": [], "image": {json.dumps(head)}, "layers": [\n'
    from ..analyzer.image.files import files_of_layers

    comma = ""
    for index, files in files_of_layers(image, layer):
        one = image.layers[index]
        told: dict[str, Any] = {
            "index": index, "diff_id": one.diff_id, "content_bytes": one.content_bytes,
            "created_by": mask(one.created_by) if one.created_by is not None else None, "made_by": lines.get(index),
        }  # fmt: skip
        yield f'{comma}{json.dumps(told)[:-1]}, "files": [\n'
        rows = (_row(file) for file in files if matches(file.path) and wanted(file, view))
        yield from _batched((json.dumps(row) for row in rows), ",\n")
        yield "]}"
        comma = ",\n"
    yield "\n]}\n"


def as_csv(
    image: Image, matches: Matches, view: FilesView, layer: int | None, lines: dict[int, str]
) -> Iterator[str]:
    """Rows under a head, in parts of whole rows."""
    from ..analyzer.image.files import files_of_layers

    held = io.StringIO()
    rows: csv.DictWriter[str] = csv.DictWriter(held, _FIELDS, lineterminator="\n")
    rows.writeheader()
    count = 0
    for _, files in files_of_layers(image, layer):
        for file in files:
            if not matches(file.path) or not wanted(file, view):
                continue
            row = _row(file)
            if str(row["link"]).startswith(("=", "+", "-", "@")):
                row["link"] = f"./{row['link']}"  # the same link, which no spreadsheet takes for a formula
            rows.writerow(row)
            count += 1
            if count % _BATCH == 0:
                yield held.getvalue()
                held.seek(0)
                held.truncate()
    yield held.getvalue()


def _row(file: File) -> dict[str, Any]:
    entry = file.entry
    return {
        "path": f"/{file.path}",
        "layer": file.layer,
        "change": file.change,
        "kind": file.kind,
        "size": file.size,
        "mode": f"{entry.mode:04o}" if entry is not None else None,
        "uid": entry.uid if entry is not None else None,
        "gid": entry.gid if entry is not None else None,
        "link": entry.link or None if entry is not None else None,
        "hidden_by": file.hidden_by,
        "cause": file.cause or None,
        "removed_files": file.removed_files,
        "removed_bytes": file.removed_bytes,
    }


def _batched(texts: Iterator[str], between: str) -> Iterator[str]:
    batch: list[str] = []
    before = ""
    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH:
            yield before + between.join(batch)
            before = between
            batch.clear()
    if batch:
        yield before + between.join(batch)
