"""The packages of images for people: what was installed for whom, all of it, and how two images differ."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .look import PLAIN, Look
from .tables import change, clipped, size, table

if TYPE_CHECKING:
    from ..analyzer.image import Image
    from ..analyzer.image.diff import ImageDiff
    from ..analyzer.packages import Group, Inventory, Package, PackageChange

_ROWS = 10
_NAMED = 3
_CHANGES = 10
_LONGEST = 60
_LEAST = 0.001  # of what a container sees


def overview(image: Image, look: Look = PLAIN) -> str:
    """What takes the most of what the build itself has installed, by those that it was installed for; the total."""
    found = image.packages
    worth = [one for one in found.groups if one.own and one.bytes and one.bytes >= _LEAST * image.live_bytes]
    shown = worth if look.full else worth[:_ROWS]
    lines = []
    if shown:
        narrow = look.width is not None
        rows = [
            [
                size(one.bytes),
                "" if one.layer is None else one.layer,
                clipped(_for(one), _LONGEST),
                _what(one, narrow),
            ]
            for one in shown
        ]
        headers = ["packages", "layer", "installed for", "what"]
        right = ("packages", "layer")
        lines.append(table(rows, headers, right, width=look.width, flexible=("what", "installed for")))
        if len(worth) > len(shown):
            lines.append(f"… and {len(worth) - len(shown)} smaller ones: --format full shows them")
    lines.append(look.folded(_total(image, found)))
    return "\n".join(lines)


def _for(group: Group) -> str:
    return ", ".join(one.name for one in group.heads) or "many packages"


def _what(group: Group, narrow: bool) -> str:
    """What a group holds: "12 packages: gcc-12 53.1 MB, …"; in lines of their own where there is little room."""
    drawn = group.drawn
    if not drawn:
        return _titled(group.heads[0])
    with_it = "with " if len(group.heads) == 1 else ""
    more = " more" if with_it else ""
    count = f"{with_it}{len(drawn)}{more} package{'s' if len(drawn) > 1 else ''}"
    named = ", ".join(f"{one.name} {size(one.bytes)}" for one in drawn[:_NAMED])
    named += ", …" if len(drawn) > _NAMED else ""
    recommended = group.recommended_bytes
    only = f"{size(recommended)} only recommended" if recommended else ""
    if narrow:
        return "\n".join(part for part in (count, only, clipped(named, 200)) if part)
    return f"{count}: {clipped(named, 200)}{f'; {only}' if only else ''}"


def _titled(package: Package) -> str:
    return clipped(f"{package.name} {package.version} ({package.ecosystem})".replace("  ", " "), _LONGEST)


def _total(image: Image, found: Inventory) -> str:
    counts = Counter(one.ecosystem for one in found.packages if not one.part_of)
    named = ", ".join(f"{ecosystem} {count}" for ecosystem, count in counts.most_common())
    number = counts.total()
    return (
        f"{number} package{'s' if number != 1 else ''} ({named}): {size(found.owned_bytes)} of the"
        f" {size(image.live_bytes)} that a container sees; --packages lists them"
    )


def listing(image: Image, look: Look = PLAIN) -> str:
    """Every package, the largest first."""
    rows = [
        [
            size(one.bytes),
            "" if one.layer is None else one.layer,
            one.ecosystem,
            clipped(one.name, _LONGEST),
            clipped(one.version, _LONGEST),
            clipped(_reason(one), _LONGEST),
        ]
        for one in image.packages.packages
    ]
    headers = ["bytes", "layer", "kind", "package", "version", "why"]
    return table(rows, headers, ("bytes", "layer"), width=look.width, flexible=("why", "version", "package"))


def _reason(package: Package) -> str:
    if package.part_of:
        return f"part of {package.part_of}"
    if package.drawn_by:
        only = ", only recommended" if package.recommended else ""
        return f"for {', '.join(package.drawn_by)}{only}"
    return "" if package.wanted is None else "asked for" if package.wanted else "drawn in"


def changes(diff: ImageDiff, look: Look = PLAIN) -> str:
    """Packages that came, went or changed their version, the largest differences first; "" where none did."""
    found = diff.packages
    if not found:
        return ""
    shown = found if look.full else found[:_CHANGES]
    rows = [[one.kind, change(one.grown), _named(one), *_versions(one)] for one in shown]
    headers = ["package", "bytes", "name", "before", "after"]
    view = table(rows, headers, ("bytes",), width=look.width, flexible=("after", "before", "name"))
    rest = len(found) - len(shown)
    return view + (f"\n… and {rest} more: --format full shows them" if rest else "")


def _named(one: PackageChange) -> str:
    package = one.new or one.old
    assert package is not None
    return clipped(f"{package.name} ({package.ecosystem})", _LONGEST)


def _versions(one: PackageChange) -> list[str]:
    return ["-" if package is None else clipped(package.version, 40) for package in (one.old, one.new)]
