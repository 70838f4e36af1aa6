"""Numbers for people: byte counts and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..analyzer.credentials import mask_shapes

# The builder names what it copied by 64 digits that tell a person nothing.
_LONG_HASH = re.compile(r"((?:file|dir|multi):[0-9a-f]{8})[0-9a-f]{56}")
_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(count: int | None) -> str:
    """A number of bytes in decimal units, as `docker images` shows them: 41.1 MB."""
    if count is None:
        return "-"
    value = float(count)
    for unit in _UNITS:
        if abs(value) < 1000 or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return str(count)


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


def table(rows: Iterable[Sequence[object]], headers: Sequence[str], right: Sequence[str] = ()) -> str:
    """Columns; those named in `right` are aligned to the right."""
    from tabulate import tabulate

    aligns = ["right" if header in right else "left" for header in headers]
    return str(
        tabulate(list(rows), headers=list(headers), tablefmt="simple", colalign=aligns, disable_numparse=True)
    )
