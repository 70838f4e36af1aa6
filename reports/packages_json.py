"""The packages of images in JSON's own types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..analyzer.attribution import Attribution
    from ..analyzer.packages import Group, Inventory, Package, PackageChange


def inventory(found: Inventory, origin: Attribution | None) -> dict[str, Any]:
    """All packages, and by those that they were installed for."""
    return {
        "bytes": found.owned_bytes,
        "groups": [_group(one, origin) for one in found.groups],
        "found": [package(one, origin) for one in found.packages],
        "unread": [{"path": one.path, "why": one.why} for one in found.unread],
    }


def package(one: Package, origin: Attribution | None = None) -> dict[str, Any]:
    """One package."""
    return {
        "ecosystem": one.ecosystem,
        "name": one.name,
        "version": one.version,
        "architecture": one.architecture,
        "source": one.source,
        "bytes": one.bytes,
        "files": one.files,
        "layer": one.layer,
        "step": one.step,
        "own": one.own,
        "wanted": one.wanted,
        "drawn_by": list(one.drawn_by),
        "recommended": one.recommended,
        "part_of": one.part_of,
        "database": one.database,
        "line": _line(one.layer, origin),
    }


def _group(one: Group, origin: Attribution | None) -> dict[str, Any]:
    return {
        "installed_for": [head.name for head in one.heads],
        "packages": [{"ecosystem": each.ecosystem, "name": each.name} for each in one.packages],
        "bytes": one.bytes,
        "recommended_bytes": one.recommended_bytes,
        "own": one.own,
        "layer": one.layer,
        "line": _line(one.layer, origin),
    }


def _line(layer: int | None, origin: Attribution | None) -> int | None:
    """The line of the Dockerfile that made a layer."""
    span = origin.layers.get(layer) if origin is not None and layer is not None else None
    return span.line if span is not None else None


def change(one: PackageChange) -> dict[str, Any]:
    """A package that differs between two images."""
    either = one.new or one.old
    assert either is not None
    return {
        "kind": one.kind,
        "ecosystem": either.ecosystem,
        "name": either.name,
        "old_version": one.old.version if one.old else None,
        "new_version": one.new.version if one.new else None,
        "bytes": one.grown,
        "layer": one.new.layer if one.new else None,
    }
