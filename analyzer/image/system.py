"""What system an image holds: distribution, C library, shell, packages. Read from its own files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .image import Image


@dataclass(frozen=True, slots=True)
class System:
    """Facts about an image's user land. None: there is none, or it can't be told."""

    distribution: str | None  # "Debian GNU/Linux 12 (bookworm)"
    libc: str | None  # "glibc", "musl" or "uClibc"
    shell: str | None  # what /bin/sh is: "dash", "busybox", "bash"
    package_manager: str | None  # "apt", "apk", "dnf", …
    packages: int | None  # how many are installed


_MANAGERS = (
    ("apt", ("usr/bin/apt-get", "bin/apt-get")),
    ("apk", ("sbin/apk", "usr/sbin/apk", "usr/bin/apk")),
    ("dnf", ("usr/bin/dnf", "usr/bin/dnf5")),
    ("microdnf", ("usr/bin/microdnf",)),
    ("yum", ("usr/bin/yum",)),
    ("zypper", ("usr/bin/zypper",)),
    ("pacman", ("usr/bin/pacman",)),
)
_LOADERS = (
    ("musl", re.compile(r"(?:usr/)?lib/ld-musl-[^/]+\.so\.1$")),
    ("glibc", re.compile(r"(?:usr/)?lib(?:32|64|x32)?/(?:[^/]+/)?ld-(?:linux[^/]*|2\.\d+)\.so(?:\.\d)?$")),
    ("uClibc", re.compile(r"(?:usr/)?lib/ld(?:64)?-uClibc[^/]*\.so\.\d$")),
)


def system_of(image: Image) -> System:
    """Look at an image's files."""
    return System(
        distribution=_distribution(image),
        libc=_libc(image),
        shell=_shell(image),
        package_manager=next(
            (name for name, paths in _MANAGERS if any(path in image.tree for path in paths)), None
        ),
        packages=_packages(image),
    )


def os_release(image: Image) -> dict[str, str]:
    """The fields of an image's os-release, as ID and VERSION_ID; none where it has no such file."""
    text = (image.read("etc/os-release") or image.read("usr/lib/os-release") or b"").decode(
        "utf-8", "replace"
    )
    return dict(re.findall(r"^([A-Z_]+)=[\"']?(.*?)[\"']?$", text, re.MULTILINE))


def _distribution(image: Image) -> str | None:
    fields = os_release(image)
    name = fields.get("PRETTY_NAME") or fields.get("NAME") or fields.get("ID")
    if name is None and "bin/busybox" in image.tree:
        return "BusyBox"
    return name


def _libc(image: Image) -> str | None:
    for name, pattern in _LOADERS:
        if any(pattern.match(path) for path in image.tree if "/ld" in path):
            return name
    return None


def _shell(image: Image) -> str | None:
    found = image.resolve("bin/sh")
    if found is None:
        return None
    entry = image.tree.get(found)
    name = found.rpartition("/")[2]
    if entry is not None and entry.kind == "hardlink":
        name = entry.link.rpartition("/")[2]
    return name


def _packages(image: Image) -> int | None:
    """Installed packages, where the list is a text: dpkg's and apk's; rpm keeps a database."""
    status = image.read("var/lib/dpkg/status")
    if status is not None:
        return len(re.findall(rb"^Status: install ok installed$", status, re.MULTILINE))
    parts = [
        path for path in image.tree if path.startswith("var/lib/dpkg/status.d/") and "." not in path[22:]
    ]
    if parts:
        return len(parts)  # distroless: a file for each
    installed = image.read("lib/apk/db/installed") or image.read("usr/lib/apk/db/installed")
    if installed is not None:
        return len(re.findall(rb"^P:", installed, re.MULTILINE))
    return None
