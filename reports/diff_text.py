"""Two images compared, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..analyzer.credentials import mask
from . import packages_text, text
from .gates_text import gates
from .look import PLAIN, Look
from .report import Report
from .tables import clipped, size, table

if TYPE_CHECKING:
    from ..analyzer.image import Image
    from ..analyzer.image.diff import Base, ImageDiff

_FILES = 15
_DIRECTORIES = 8


def render(report: Report, look: Look = PLAIN) -> str:
    """Totals, layers, configuration, directories, files and packages, then gates and findings."""
    assert report.diff is not None
    diff = report.diff
    parts = [_totals(diff), _layers(diff, look)]
    if diff.config:
        rows = [
            [clipped(one.key, 80), _value(one.key, one.old), _value(one.key, one.new)] for one in diff.config
        ]
        parts.append(table(rows, ["configuration", "before", "after"]))
    if diff.files:
        parts += [_directories(diff, look), _files(diff, look)]
    if packages := packages_text.changes(diff, look):
        parts.append(packages)
    if report.gates:
        parts.append(gates(report.gates, look))
    if report.failures():
        parts.append("\n".join([*text.failures(report, look), text.summary(report, look)]))
    if report.notes:
        parts.append(text.printable("\n".join(f"note: {note}" for note in report.notes)))
    return "\n\n".join(parts) + "\n"


def signed(count: int) -> str:
    """A number of bytes with its sign: "+3.1 MB"."""
    return ("+" if count > 0 else "-" if count < 0 else "±") + size(abs(count))


def _totals(diff: ImageDiff) -> str:
    names = [clipped(" ".join(image.tags) or image.id[:19], 60) for image in (diff.old, diff.new)]
    lines = [f"{names[0]} → {names[1]}"]
    for name, before, after in (
        ("content", diff.old.content_bytes, diff.new.content_bytes),
        ("live", diff.old.live_bytes, diff.new.live_bytes),
        ("wasted", diff.old.wasted_bytes, diff.new.wasted_bytes),
    ):
        lines.append(f"  {name:8} {size(before):>10} → {size(after):>10}  {signed(after - before)}")
    if diff.new_base.layers or diff.old_base.layers:
        lines.append(
            f"  of that  {signed(diff.own_grown)} by the build itself, {signed(diff.base_grown)} by its base"
            f" ({_bases(diff)})"
        )
    else:
        lines.append("  where the base image ends is not known: --base names it")
    fetched = sum(diff.new.layers[index].tar_bytes for index in diff.pull_layers)
    lines.append(
        f"  who has the first fetches {len(diff.pull_layers)} of {len(diff.new.layers)} layers, {size(fetched)} unpacked"
    )
    return "\n".join(lines)


def _bases(diff: ImageDiff) -> str:
    new, old = _base(diff.new, diff.new_base), _base(diff.old, diff.old_base)
    return new if diff.new_base.known_by == diff.old_base.known_by else f"{new}; before: {old}"


def _base(image: Image, base: Base) -> str:
    if not base.layers:
        return "where the base ends is not known, --base names it"
    known = {
        "time": "guessed from the history's dates; --base names it",
        "the base image": "its layers are the base's",
    }
    return f"the lowest {base.layers} of {len(image.layers)} layers, {known[base.known_by]}"


def _layers(diff: ImageDiff, look: Look) -> str:
    grown = diff.by_step()
    rows = []
    for one in diff.layers:
        mark = "=" if one.same else "-" if one.new is None else "+"
        image, index = (diff.new, one.new) if one.new is not None else (diff.old, one.old)
        assert index is not None
        layer = image.layers[index]
        step = clipped(mask(image.made_by(layer)) or "unknown", 60)
        change = signed(grown[one.new]) if one.new is not None and grown.get(one.new) else ""
        old, new = ("" if i is None else i for i in (one.old, one.new))
        rows.append([mark, old, new, size(layer.content_bytes), change, step])
    headers = ["", "before", "after", "content", "seen", "step"]
    return table(rows, headers, right=headers[1:5], width=look.width, flexible=("step",))


def _directories(diff: ImageDiff, look: Look) -> str:
    found = list(diff.by_directory().items())
    shown = found if look.full else found[:_DIRECTORIES]
    return table(
        [[signed(grown), clipped(f"/{directory}", 200)] for directory, grown in shown],
        ["seen", "directory"],
        right=("seen",),
    )


def _files(diff: ImageDiff, look: Look) -> str:
    shown = diff.files if look.full else diff.files[:_FILES]
    rows = [
        [
            one.kind,
            signed(one.grown) if one.grown else "",
            "base" if one.base else "build",
            clipped(
                f"/{one.path}" + (f" (was /{one.origin})" if one.origin is not None else ""),
                90,
            ),
        ]
        for one in shown
    ]
    view = table(
        rows, ["file", "bytes", "by", "path"], right=("bytes",), width=look.width, flexible=("path",)
    )
    rest = len(diff.files) - len(shown)
    return view + (f"\n… and {rest} more: --format full shows them" if rest else "")


def _value(key: str, value: str | None) -> str:
    if value is None:
        return "-"
    return clipped(mask(f"{key.removeprefix('env ')}={value}").partition("=")[2], 48)
