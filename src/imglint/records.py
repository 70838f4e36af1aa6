"""Sizes over time: a row for each commit, tag and platform in a CSV or Parquet file."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from .analyzer import InputError
from .analyzer.credentials import mask_shapes
from .analyzer.dockerfile.reference import parse_reference
from .git import answer
from .rules.trends import Row

if TYPE_CHECKING:
    import pandas as pd

    from .analyzer.image import Image

_CI_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT")  # GitHub, GitLab, Jenkins
_MAX_BYTES = 256 * 1024 * 1024
_HINT = "give --record a .csv or .parquet file that imglint has written, or one that is not there yet"


_NUMBERS = ("pull_bytes", "content_bytes", "live_bytes", "wasted_bytes", "layers")


def commit() -> str:
    """The commit that is checked out here, or that CI names; "" without either."""
    with contextlib.suppress(InputError):  # CI may have no Git
        head = answer("rev-parse", "HEAD")
        if head is not None:
            return head.decode().strip()
    return next((os.environ[name] for name in _CI_COMMITS if os.environ.get(name)), "")


def row_of(image: Image, at: str) -> Row:
    """What is recorded of an image at a commit."""
    name = parse_reference(image.tags[0] if image.tags else "")
    shown = mask_shapes(name.familiar or os.path.basename(image.source))
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Row(
        now, at, shown, mask_shapes(name.tag or ""), image.platform, image.id,
        image.pull_bytes, image.content_bytes, image.live_bytes, image.wasted_bytes, len(image.layers),
    )  # fmt: skip


def record(path: str, images: Iterable[Image]) -> None:
    """Add a row for each image. One of the same commit, tag and platform is replaced, and stands last then.

    The file is written anew and put in place at once; whoever records at the same time waits.

    Raises:
        InputError: the file is not imglint's, or can't be written; it stays as it was.
    """
    from .output import write_bytes

    _form(path)
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe would be waited for
        raise InputError(path, "is no regular file", _HINT)
    at = commit()
    rows = [row_of(image, at) for image in images]
    with _alone(path):
        before = list(read(path)) if os.path.exists(path) else []
        if at:
            replaced = {row.key for row in rows}
            before = [row for row in before if row.key not in replaced]
        write_bytes(_bytes([*before, *rows], path), path)


def read(path: str) -> tuple[Row, ...]:
    """The rows of a file, in the order in which they were recorded.

    Raises:
        InputError: it can't be read, or is not imglint's.
    """
    form = _form(path)
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES >> 20} MiB")
        return _rows(_frame(path, form))
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise InputError(path, problem, "`imglint image SOURCE --record FILE` writes it") from error
    except InputError:
        raise
    except Exception as error:  # pandas and pyarrow let through whatever their parsers raise
        told = " ".join(mask_shapes(str(error)).split())[:200]
        raise InputError(path, f"is no record of sizes: {told}", _HINT) from error


def _form(path: str) -> str:
    form = path.rpartition(".")[2].lower()
    if form not in ("csv", "parquet"):
        raise InputError(path, "is no kind of record that imglint writes", "end it in .csv or .parquet")
    return form


def _frame(path: str, form: str) -> pd.DataFrame:
    import pandas as pd

    if form == "csv":
        # Everything as text: a commit of digits alone is no number, and a tag may be "NA".
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8")
    with _parquet(path):
        return pd.read_parquet(path)


def _rows(frame: pd.DataFrame) -> tuple[Row, ...]:
    if tuple(frame.columns) != Row._fields:
        raise ValueError(f"its columns are not {', '.join(Row._fields)}")
    rows = []
    for number, values in enumerate(cast("Iterable[Any]", frame.to_dict("records")), 2):
        try:
            given = {
                name: int(values[name]) if name in _NUMBERS else str(values[name]) for name in Row._fields
            }
        except ValueError as error:
            raise ValueError(f"row {number}: {error}") from error
        if any(cast("int", given[name]) < 0 for name in _NUMBERS):
            raise ValueError(f"row {number}: a size is below zero")
        rows.append(Row(**cast("dict[str, Any]", given)))
    return tuple(rows)


def _bytes(rows: list[Row], path: str) -> bytes:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(Row._fields))
    if _form(path) == "csv":
        return frame.to_csv(index=False, lineterminator="\n").encode("utf-8", "backslashreplace")
    stream = io.BytesIO()
    with _parquet(path):
        frame.to_parquet(stream, index=False)
    return stream.getvalue()


@contextlib.contextmanager
def _parquet(path: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise InputError(
            path, "Parquet needs pyarrow, which is not here", "pip install 'imglint[parquet]'"
        ) from error


@contextlib.contextmanager
def _alone(path: str) -> Iterator[None]:
    """Let nobody else record into this directory meanwhile. The lock is the directory's, so that no file is left."""
    directory = os.path.dirname(path) or "."
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError as error:
        problem = f"can't be written: {(error.strerror or str(error)).lower()}"
        raise InputError(path, problem, "make its directory first") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
