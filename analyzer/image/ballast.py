"""What a container can see and hardly needs: caches, documentation, build tools, and the same content twice.

None of it is waste: the bytes are there and can be read. Told apart from it, by kind and layer, with
what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .layer import normalised

if TYPE_CHECKING:
    from .image import Image
    from .layer import Entry

DUPLICATES = "duplicate content"
_BYTECODE = "bytecode beside its source"
_MIN_DUPLICATE = 4096  # smaller files fill blocks, not layers
_SHOWN_PATHS = 20
_LONGEST = 4096  # characters of a path, beyond which no system opens it

# By the path in the image, without a leading slash; the first that fits counts.
_KINDS = (
    (
        "package caches and lists",
        r"var/lib/apt/lists/.|var/cache/(?:apt|apk|yum|dnf|libdnf5|zypp|pacman|debconf)/.|var/lib/(?:yum|dnf)/history"
        # Not all of ~/.cache: models and browsers are kept there, too, and read by the program.
        r"|(?:root|home/[^/]+)/\.(?:cache/(?:pip|uv|pypoetry|pipenv|yarn|node-gyp|pnpm|go-build|composer|bazel|conda|ccache)"
        r"|npm/_cacache|m2/repository|gradle/caches|cargo/registry|composer/cache)/"
        r"|go/pkg/mod/cache/|usr/local/share/\.cache/",
        "remove them in the RUN that makes them, or give them a cache mount: RUN --mount=type=cache",
    ),
    (
        "version control",
        r"(?:^|.*/)\.(?:git|hg|svn|bzr)/",
        "name it in .dockerignore, or copy what is needed instead of the whole context",
    ),
    (
        "documentation",
        # Licences have to go with the programs.
        r"usr/(?:local/)?share/(?:doc|man|info|gtk-doc|help|groff|lintian|linda)/(?!(?:.*/)?(?i:copyright|copying|licen[cs]e|notice|eula|authors|patents))"
        r"|usr/share/locale/.*/LC_MESSAGES/",
        "leave it out when packages are installed: dpkg's path-exclude, apk without -doc, dnf --nodocs",
    ),
    (
        "tests",
        r".*/(?:site-packages|dist-packages|node_modules|gems|lib/python[\d.]+)/(?:.+/)?(?:tests?|__tests__|spec|testdata)/",
        "delete them in the RUN that installs the packages",
    ),
    (
        "build tools",
        r"usr/(?:local/)?(?:include|lib/gcc|lib/gcc-cross|libexec/gcc)/.|usr/lib/llvm-[\d.]+/(?:bin|include|build)/"
        r"|usr/(?:local/)?bin/(?:[\w-]+-linux-(?:gnu|musl)\w*-)?(?:gcc|g\+\+|c\+\+|cpp|gfortran|clang(?:\+\+)?|ld(?:\.\w+)?"
        r"|as|gold|lto-dump|cmake|ctest|cpack)(?:-[\d.]+)?$|usr/(?:local/)?share/(?:cmake|aclocal|autoconf|automake)[\w.-]*/"
        r"|usr/local/go/(?:src|pkg|bin|test|api)/|(?:usr/local/rustup|root/\.rustup)/toolchains/|usr/lib/jvm/[^/]+/jmods/",
        "build in a stage of its own and copy the result, unless the container itself compiles",
    ),
    (
        "a kernel",
        r"boot/(?:vmlinu[xz]|initrd(?:\.img)?|initramfs|System\.map|config)-[^/]+$|(?:usr/)?lib/modules/\d[^/]*/."
        r"|usr/src/(?:linux-headers-\d|kernels/\d)[^/]*/.",
        "leave the packages of the kernel out: a container runs on its host's",
    ),
    (
        "static libraries",
        r".*\.(?:a|la)$",
        "leave them to a builder stage: nothing links when the container runs",
    ),
)
_KIND = re.compile("|".join(f"(?P<k{index}>{pattern})" for index, (_, pattern, _) in enumerate(_KINDS)))
_BYTECODE_FILE = re.compile(
    r"(?P<directory>.*/)?__pycache__/(?P<module>[^/]+)\.[a-z]+-\d+(?:\.opt-\d)?\.pyc$"
)


ANOTHER_BASE = "use another base: to delete them in a later layer frees nothing"
# What to do about each kind in a layer of one's own.
_ADVICE = {kind: advice for kind, _, advice in _KINDS} | {
    _BYTECODE: "install with PYTHONDONTWRITEBYTECODE=1 or pip --no-compile, unless start-up counts",
    DUPLICATES: "keep one of them and link to it, or leave the copy out",
}


@dataclass(frozen=True, slots=True)
class Ballast:
    """Visible bytes of one kind that one layer holds. `paths` are the largest of them."""

    kind: str
    layer: int
    bytes: int
    files: int
    paths: tuple[str, ...]
    advice: str
    own: bool  # whether the layer is the build's own, and not the base's


def ballast(image: Image) -> tuple[Ballast, ...]:
    """What an image holds beside what it needs, the most first. One file counts once."""
    out = []
    for (kind, layer), entries in image.ballast_files.items():
        paths = tuple(entry.path for entry in entries[:_SHOWN_PATHS])
        size = sum(entry.size for entry in entries)
        own = layer in image.own_layers
        advice = _ADVICE[kind] if own else ANOTHER_BASE
        out.append(Ballast(kind, layer, size, len(entries), paths, advice, own))
    return tuple(sorted(out, key=lambda one: (-one.bytes, one.layer, one.kind)))


def _started(image: Image) -> str | None:
    """The path of the program that the image starts; None where it has none, or starts none."""
    program = next(iter((*image.config.entrypoint, *image.config.cmd)), "")
    if "/" in program:
        return image.resolve(program)
    directories = image.config.search_path.split(":") if program else []
    found = (image.resolve(f"{directory}/{program}") for directory in directories if directory)
    return next((path for path in found if path), None)


def _needed(image: Image) -> set[str]:
    """The paths whose bytes have another name that is needed, through whatever chain of hard links."""
    needed: set[str] = set()
    for path, entry in image.tree.items():
        if entry.kind != "hardlink" or _kind(path, image):
            continue
        at = normalised(entry.link)
        while at not in needed:
            needed.add(at)
            below = image.tree.get(at)
            if below is None or below.kind != "hardlink":
                break
            at = normalised(below.link)
    return needed


def files_by_kind(image: Image, *, duplicates: bool = True) -> Mapping[tuple[str, int], Sequence[Entry]]:
    """The files that are hardly needed by kind and layer, of each the largest first.

    What has another name that is needed is none of them: its bytes would stay.

    Args:
        image: what to look at.
        duplicates: whether to look for equal contents, for which files of equal size are read.
    """
    groups: dict[tuple[str, int], list[Entry]] = {}
    rest: list[Entry] = []
    needed = _needed(image)
    started = _started(image)
    used = _kind(started, image) if started else ""  # a compiler that is started needs what lies beside it
    for path, entry in image.tree.items():
        if not entry.is_file or not entry.size:
            continue
        kind = _kind(path, image)
        if kind and kind != used and path not in needed:
            groups.setdefault((kind, entry.layer), []).append(entry)
        elif not kind and entry.size >= _MIN_DUPLICATE:
            rest.append(entry)
    if duplicates:
        for entry in _copies(image, rest):
            groups.setdefault((DUPLICATES, entry.layer), []).append(entry)
    for entries in groups.values():
        entries.sort(key=lambda entry: (-entry.size, entry.path))
    return groups


def _kind(path: str, image: Image) -> str:
    """What a file is, if it is hardly needed; "" otherwise."""
    if len(path) > _LONGEST:
        return ""  # and searching it could take hours
    match = _KIND.match(path)
    if match:
        return _KINDS[int((match.lastgroup or "k0")[1:])][0]
    if path.endswith(".pyc"):
        twin = _BYTECODE_FILE.match(path)
        if twin and f"{twin['directory'] or ''}{twin['module']}.py" in image.tree:
            return _BYTECODE
    return ""


def _copies(image: Image, entries: list[Entry]) -> Iterator[Entry]:
    """Of files with one content all but the first, from the bottom up."""
    by_size: dict[int, list[Entry]] = {}
    for entry in entries:
        by_size.setdefault(entry.size, []).append(entry)
    for same_size in by_size.values():
        if len(same_size) < 2:
            continue
        # Most files of one size differ at once: only those that begin alike are read whole.
        beginnings: dict[bytes, list[Entry]] = {}
        for entry in same_size:
            beginnings.setdefault(image.beginning(entry), []).append(entry)
        for alike in beginnings.values():
            if len(alike) > 1:
                yield from _equal(image, alike)


def _equal(image: Image, entries: list[Entry]) -> Iterator[Entry]:
    """Those whose content another one has that lies lower, or comes before it in the same layer."""
    seen: set[bytes] = set()
    for entry in sorted(entries, key=lambda one: (one.layer, one.path)):
        digest = image.content_digest(entry)
        if digest in seen:
            yield entry
        seen.add(digest)
