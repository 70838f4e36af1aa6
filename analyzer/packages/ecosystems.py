"""The ecosystems, each with the files of its databases and what reads one of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from . import apk, composer, conda, dpkg, gem, java, npm, pacman, python, rpm
from .record import Facts

_MB = 1024 * 1024


class Database(NamedTuple):
    """Files that are read the same way: a path as a pattern, and the most bytes that one may have."""

    pattern: str
    read: Callable[[str, bytes], Facts]
    most: int = 16 * _MB  # 0: the name says all, and nothing is read


# Ecosystems of the system go before those of languages, whose packages may be parts of theirs.
DATABASES = (
    Database(r"var/lib/dpkg/status(?:\.d/[^/]+)?", dpkg.read, 32 * _MB),
    Database(r"var/lib/dpkg/(?:info/[^/]+\.list|diversions)|var/lib/apt/extended_states", dpkg.read),
    Database(r"(?:usr/)?lib/apk/db/installed|etc/apk/world", apk.read, 64 * _MB),
    Database(
        r"(?:var/lib/rpm|usr/lib/sysimage/rpm|usr/share/rpm)/(?:rpmdb\.sqlite(?:-wal)?|Packages(?:\.db)?)"
        r"|usr/lib/sysimage/libdnf5/packages\.toml",
        rpm.read,
        64 * _MB,
    ),
    Database(r"var/lib/pacman/local/[^/]+/(?:desc|files)", pacman.read),
    Database(r"(?:.*/)?conda-meta/[^/]+\.json", conda.read),
    Database(r"(?:.*/)?[^/]+\.dist-info/(?:METADATA|RECORD|REQUESTED)", python.read),
    Database(r"(?:.*/)?[^/]+\.egg-info(?:/(?:PKG-INFO|installed-files\.txt|top_level\.txt))?", python.read),
    Database(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/@.][^/]*/package\.json", npm.read, 4 * _MB),
    Database(r"(?:(?!(?:.*/)?node_modules/).*/)?package\.json", npm.read, 4 * _MB),
    Database(r"(?:.*/)?\.yarn/cache/[^/]+\.zip", npm.read, 0),
    Database(r"(?:.*/)?specifications/(?:default/)?[^/]+\.gemspec", gem.read, 4 * _MB),
    Database(
        r"(?:.*/)?vendor/composer/installed\.json|(?:(?!(?:.*/)?vendor/).*/)?composer\.json", composer.read
    ),
    Database(r".*\.[jw]ar", java.read, 128 * _MB),
)
# A system's own tools find these wherever a link leads.
HOMES = (
    "var/lib/dpkg", "var/lib/apt", "lib/apk/db", "usr/lib/apk/db", "etc/apk", "var/lib/rpm", "usr/lib/sysimage/rpm",
    "usr/share/rpm", "usr/lib/sysimage/libdnf5", "var/lib/pacman/local",
)  # fmt: skip
SYSTEM = frozenset({dpkg.DPKG, apk.APK, rpm.RPM, pacman.PACMAN})

_ENDS = (
    ".list", "/diversions", "/extended_states", "/status", "/installed", "/world", "/rpmdb.sqlite", "/rpmdb.sqlite-wal",
    "/Packages", "/Packages.db", "/packages.toml", "/desc", "/files", "/METADATA", "/RECORD", "/REQUESTED", ".egg-info",
    "/PKG-INFO", "/installed-files.txt", "/top_level.txt", ".json", ".zip", ".gemspec", ".jar", ".war",
)  # fmt: skip
_PARTS = "var/lib/dpkg/status.d/"
_LONGEST = 1024  # characters of a path
_ANY = re.compile("|".join(f"(?P<d{at}>{one.pattern})" for at, one in enumerate(DATABASES)))

_SMALL = 4 * _MB
LARGEST_HEAD = 4096
LEAST_PROGRAM = 500_000  # bytes; no program of Go is smaller


def database_of(path: str) -> Database | None:
    """Which database a file is one of, if any. Most files are told by their ends alone."""
    if not path.endswith(_ENDS) and not path.startswith(_PARTS):
        return None
    found = _ANY.fullmatch(path) if len(path) <= _LONGEST else None
    return DATABASES[int((found.lastgroup or "d0")[1:])] if found else None


def kept_bytes(path: str, size: int, mode: int) -> int:
    """How much of a file's beginning is kept while a compressed layer is unpacked, so that it is unpacked once.

    Jars, programs of Go and large databases would take too much memory; few images have any.
    """
    database = database_of(path)
    if database is not None:
        return size if size <= _SMALL and database.read is not java.read else 0
    return LARGEST_HEAD if mode & 0o111 and size >= LEAST_PROGRAM else 0
