"""Package URLs: how tools that know packages by name call them. Source: https://github.com/package-url/purl-spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .inventory import Package

_DISTRIBUTIONS = {
    "dpkg": ("deb", "debian"),
    "apk": ("apk", "alpine"),
    "rpm": ("rpm", ""),
    "pacman": ("alpm", "arch"),
}
_TYPES = {"python": "pypi", "npm": "npm", "gem": "gem", "go": "golang", "java": "maven", "composer": "composer",
          "conda": "conda"}  # fmt: skip
_VENDORS = {"rhel": "redhat"}  # where the name of a distribution and that of its packages differ


class Purl(NamedTuple):
    """The parts of a package URL, not escaped; "" for a part that there is not."""

    type: str
    namespace: str
    name: str
    version: str
    qualifiers: Mapping[str, str]


def purl(package: Package, system: Mapping[str, str]) -> Purl | None:
    """The URL of a package; None where its database tells too little for one.

    Args:
        package: what to name.
        system: the fields of the image's os-release, by which packages of the same name are told apart.
    """
    name, version = package.name, package.version
    if package.ecosystem in _DISTRIBUTIONS:
        kind, usual = _DISTRIBUTIONS[package.ecosystem]
        identity, release = system.get("ID", ""), system.get("VERSION_ID", "")
        epoch = ""
        if kind == "rpm" and ":" in version:
            epoch, _, version = version.partition(":")
        qualifiers = {
            "arch": package.architecture,
            "epoch": epoch,
            "distro": "-".join(one for one in (identity, release) if one),
        }
        namespace = _VENDORS.get(identity, identity) or usual
        return Purl(kind, namespace, name, version, {key: one for key, one in qualifiers.items() if one})
    kind = _TYPES[package.ecosystem]
    namespace, qualifiers = "", {}
    if kind == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    elif kind == "maven":
        namespace, colon, name = name.partition(":")
        if not colon:
            return None  # the name of a file tells no group
    elif kind == "conda" and package.architecture:
        qualifiers["subdir"] = package.architecture
    elif "/" in name and kind in ("npm", "golang", "composer"):
        namespace, _, name = name.rpartition("/")
    if version == "(devel)":
        version = ""  # what Go says of a program that was built from a directory
    return Purl(kind, namespace, name, version, qualifiers)
