"""What the package databases of an image say of its files: dpkg's, apk's, and those of Python's packages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import posixpath
import re
from collections.abc import Iterable

_DPKG = re.compile(r"^var/lib/dpkg/(?:info|status\.d)/[^/]+\.md5sums$")
_APK = re.compile(r"^(?:lib|usr/lib)/apk/db/installed$")
_RECORD = re.compile(r"^(?P<site>.*/)?[^/]+\.dist-info/RECORD$")
# Written where a package came from a directory or a repository: it is the image's own, not the index's.
_OWN = re.compile(r"^(?P<info>.*\.dist-info)/direct_url\.json$")
_MD5 = re.compile(r"^([0-9a-f]{32})  (.+)$", re.MULTILINE)
_MOST_HELD = 64 * 1024 * 1024  # bytes of databases

LARGEST_CONFIRMED = 16 * 1024 * 1024  # bytes of a file


def is_database(path: str) -> bool:
    """Whether a file is one of a package database."""
    return path.endswith((".md5sums", "apk/db/installed", ".dist-info/RECORD", ".dist-info/direct_url.json"))


class Installed:
    """The files that packages brought, with their digests. They are read when the first is asked for."""

    def __init__(self) -> None:
        self._databases: dict[tuple[str, str], bytes] = {}  # path and digest → contents
        self._held = 0
        self._files: dict[str, set[str]] | None = None  # path → "md5:…", "sha1:…", "sha256:…"
        self.too_large = False  # not all databases are held: some files may be as their packages have them

    def add(self, path: str, data: bytes) -> None:
        """A file of a database, as some layer has it."""
        key = (path, hashlib.blake2b(data, digest_size=16).hexdigest())
        if key in self._databases:
            return
        if self._held + len(data) > _MOST_HELD:
            self.too_large = True
            return
        self._held += len(data)
        self._databases[key] = data
        self._files = None

    def confirms(self, path: str, digests: Iterable[str]) -> bool:
        """Whether a package brought this file with one of these digests."""
        if self._files is None:
            self._files = self._read()
        return not self._files.get(path, set()).isdisjoint(digests)

    def _read(self) -> dict[str, set[str]]:
        files: dict[str, set[str]] = {}
        own = {found["info"] for path, _ in self._databases if (found := _OWN.match(path))}
        for (path, _), data in self._databases.items():
            text = data.decode("utf-8", "replace")
            if _DPKG.match(path):
                for digest, name in _MD5.findall(text):
                    files.setdefault(name.lstrip("./"), set()).add(f"md5:{digest}")
            elif _APK.match(path):
                _read_apk(text, files)
            elif (record := _RECORD.match(path)) and posixpath.dirname(path) not in own:
                _read_record(record["site"] or "", text, files)
        return files


def digests(blocks: Iterable[bytes]) -> tuple[str, ...]:
    """The digests of a file's contents that package databases know files by."""
    hashes = [hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256")]
    for block in blocks:
        for one in hashes:
            one.update(block)
    return tuple(f"{one.name}:{one.hexdigest()}" for one in hashes)


def _read_apk(text: str, files: dict[str, set[str]]) -> None:
    directory = path = ""
    for line in text.splitlines():
        field, value = line[:2], line[2:]
        if field == "F:":
            directory = value
        elif field == "R:":
            path = posixpath.join(directory, value)
        elif field == "Z:" and value.startswith("Q1") and path:
            _add(files, path, "sha1", value[2:])


def _read_record(site: str, text: str, files: dict[str, set[str]]) -> None:
    for line in text.splitlines():
        name, _, rest = line.rpartition(",")[0].rpartition(",")
        if rest.startswith("sha256="):
            path = posixpath.normpath(posixpath.join(site, name.strip('"')))
            _add(files, path, "sha256", rest.removeprefix("sha256="))


def _add(files: dict[str, set[str]], path: str, name: str, text: str) -> None:
    try:
        digest = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return
    files.setdefault(path, set()).add(f"{name}:{digest.hex()}")
