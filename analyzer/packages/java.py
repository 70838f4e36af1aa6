"""Java's archives: the libraries that a jar names itself as, and those that lie in it."""

from __future__ import annotations

import io
import re
import zlib
from typing import TYPE_CHECKING

from .record import Facts, Record, Unread

if TYPE_CHECKING:
    import zipfile

JAVA = "java"
_END = b"PK\5\6"
_LONG_END = b"PK\6\7"
_MOST_INDEX = 4 * 1024 * 1024  # bytes of a zip's table; that of a jar with 40,000 classes
_MOST_MEMBER = 256 * 1024
_LONGEST_NAME = 255  # of a file on any disk; longer ones would take their square in time
_PROPERTIES = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_LINE = re.compile(r"^(groupId|artifactId|version)[ \t]*[=:][ \t]*(\S+)", re.MULTILINE)
_HEADER = re.compile(r"^([A-Za-z-]+): (.*(?:\n .*)*)", re.MULTILINE)
_FILE = re.compile(r"(?P<name>.+?)-(?P<version>\d[\w.+-]*)\.[jw]ar")


def read(path: str, data: bytes) -> Facts:
    """What a jar or war says of itself, and the names of the jars in it."""
    if not data:
        return
    if (why := _too_much(data)) is not None:
        yield Unread(path, why)
        return
    import zipfile

    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        yield Unread(path, f"a damaged zip archive: {error}")
        return
    with archive:
        members = archive.infolist()
        described = [
            found
            for one in members
            if _PROPERTIES.fullmatch(one.filename) and (found := _properties(_member(archive, one)))
        ]
        manifest = next((one for one in members if one.filename == "META-INF/MANIFEST.MF"), None)
        file = path.rpartition("/")[2]
        own = _own(file, described)
        if own is None and manifest is not None:
            own = _by_manifest(file, _member(archive, manifest))
        if own is None:
            own = _by_name(file)
        yield Record(JAVA, path, *own, files=(path,))
        for name, version in described:
            if (name, version) != own:
                yield Record(JAVA, f"{path}!{name}", name, version, inside=path)
        for one in members:
            if one.filename.endswith(".jar"):
                name, version = _by_name(one.filename.rpartition("/")[2])
                yield Record(
                    JAVA, f"{path}!{one.filename}", name, version, inside=path, inner_bytes=one.compress_size
                )


def _too_much(data: bytes) -> str | None:
    """Why a zip's table is not read: it would take more memory than its bytes are worth."""
    at = len(data) - 22 if data[-22:-18] == _END and data[-2:] == b"\0\0" else data.rfind(_END, -65557)
    if at < 0 or at + 16 > len(data):
        return "no zip archive, or a damaged one"
    if data[max(at - 20, 0) : at].startswith(_LONG_END):
        return "a zip archive with 64-bit offsets, which is not read"
    if int.from_bytes(data[at + 12 : at + 16], "little") > _MOST_INDEX:
        return f"a zip archive whose table is larger than {_MOST_INDEX >> 20} MiB"
    return None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    import zipfile

    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        return ""  # the others can't be read piece by piece
    try:
        with archive.open(member) as file:
            return file.read(_MOST_MEMBER).decode("utf-8", "replace").replace("\r\n", "\n")
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return ""


def _properties(text: str) -> tuple[str, str] | None:
    """Group and artifact, and version: ("com.example:shop", "1.0")."""
    found = dict(_LINE.findall(text))
    if not {"groupId", "artifactId", "version"} <= found.keys():
        return None
    return f"{found['groupId']}:{found['artifactId']}", found["version"]


def _own(file: str, described: list[tuple[str, str]]) -> tuple[str, str] | None:
    """Of the libraries that a jar describes, the one that it is; the others were merged into it."""
    for name, version in described:
        artifact = name.partition(":")[2]
        if file == f"{artifact}.jar" or file.startswith(f"{artifact}-{version}"):
            return name, version
    return described[0] if len(described) == 1 else None


def _by_manifest(file: str, text: str) -> tuple[str, str] | None:
    head = text.partition("\n\n")[0]
    fields = {name: value.replace("\n ", "").strip() for name, value in _HEADER.findall(head)}
    version = fields.get("Implementation-Version") or fields.get("Bundle-Version")
    name, named = _by_name(file)
    return (name, named or version) if version else None  # "5.17.0 (b0)" is what a builder calls 5.17.0


def _by_name(file: str) -> tuple[str, str]:
    """What a file's name says: "shop-1.0.jar" is shop 1.0; the version is "" where it says none."""
    found = _FILE.fullmatch(file) if len(file) <= _LONGEST_NAME else None
    return (found["name"], found["version"]) if found else (file.rpartition(".")[0], "")
