"""Tables for people, and what stands in their cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..analyzer.credentials import mask_shapes
from ..analyzer.sizes import shown

# The builder names what it copied by 64 digits that tell a person nothing.
_LONG_HASH = re.compile(r"((?:file|dir|multi):[0-9a-f]{8})[0-9a-f]{56}")
_LEAST_COLUMN = 10


def size(count: int | None) -> str:
    """A number of bytes for people, "-" where it is not known."""
    return "-" if count is None else shown(count)


def change(grown: int) -> str:
    """A difference in bytes with its sign: "+1.2 MB"."""
    return "±0" if not grown else f"{'+' if grown > 0 else '-'}{size(abs(grown))}"


def clipped(text: str, width: int) -> str:
    """One line of at most `width` characters, control characters made visible.

    What is cut off could tell no more that the rest was a credential, so that these are masked before.
    """
    flat = _LONG_HASH.sub(r"\1…", " ".join(mask_shapes(text).split()))
    flat = "".join(char if char.isprintable() else "�" for char in flat)
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def table(
    rows: Iterable[Sequence[object]],
    headers: Sequence[str],
    right: Sequence[str] = (),
    *,
    width: int | None = None,
    flexible: Sequence[str] = (),
) -> str:
    """Columns; those named in `right` are aligned to the right.

    Where they take more than `width`, the cells of the columns named in `flexible` are cut, the first one first.
    """
    from tabulate import tabulate

    cells = [[str(cell) for cell in row] for row in rows]
    for header in flexible if width is not None else ():
        assert width is not None
        excess = sum(widths := _widths(cells, headers)) + 2 * (len(headers) - 1) - width
        if excess > 0:
            column = headers.index(header)
            room = max(widths[column] - excess, _LEAST_COLUMN)
            for row in cells:
                row[column] = "\n".join(_cut(line, room) for line in row[column].split("\n"))
    aligns = ["right" if header in right else "left" for header in headers]
    return str(
        tabulate(cells, headers=list(headers), tablefmt="simple", colalign=aligns, disable_numparse=True)
    )


def _cut(text: str, width: int) -> str:
    """At most `width` characters; of a path the last ones, which say more."""
    if text.startswith("/") and len(text) > width:
        return f"…{text[1 - width :]}"
    return clipped(text, width)


def _widths(cells: Sequence[Sequence[str]], headers: Sequence[str]) -> list[int]:
    # tabulate sets a header into two blanks.
    columns = [
        [len(header) + 2, *(len(line) for row in cells for line in row[at].split("\n"))]
        for at, header in enumerate(headers)
    ]
    return [max(column) for column in columns]
