"""The packages of two images compared: what came, what went, and what has another version."""

from __future__ import annotations

from typing import NamedTuple

from .inventory import Inventory, Package


class PackageChange(NamedTuple):
    """A package that differs. One of the two is None for a package that came or went."""

    old: Package | None
    new: Package | None

    @property
    def kind(self) -> str:
        """As "added", "removed" or "version"."""
        return "added" if self.old is None else "removed" if self.new is None else "version"

    @property
    def grown(self) -> int:
        """New minus old bytes; of a part of another package 0, since they are counted there."""
        old, new = ((one.bytes if one and not one.part_of else 0) for one in (self.old, self.new))
        return new - old


def package_changes(old: Inventory, new: Inventory) -> tuple[PackageChange, ...]:
    """What differs, the largest differences first. A package may be there several times, in several versions."""
    before, after = _by_name(old), _by_name(new)
    out = []
    for name in {**before, **after}:
        ones, others = before.get(name, []), after.get(name, [])
        for one in list(ones):
            same = next((other for other in others if other.version == one.version), None)
            if same is not None:
                ones.remove(one)
                others.remove(same)
        while ones and others:
            out.append(PackageChange(ones.pop(0), others.pop(0)))
        out += [PackageChange(one, None) for one in ones]
        out += [PackageChange(None, other) for other in others]
    return tuple(sorted(out, key=_order))


def _order(change: PackageChange) -> tuple[int, str, str, str]:
    package = change.new or change.old
    assert package is not None
    return -abs(change.grown), package.ecosystem, package.name, package.version


def _by_name(found: Inventory) -> dict[tuple[str, str], list[Package]]:
    out: dict[tuple[str, str], list[Package]] = {}
    for package in found.packages:
        out.setdefault((package.ecosystem, package.name), []).append(package)
    return out
