"""What a container can see and hardly needs: caches, documentation, tests, and the same content twice.

None of it is waste: the bytes are there and can be read. Told apart from it, by kind and layer, with
what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .image import Image
    from .layer import Entry

DUPLICATES = "duplicate content"
_MIN_DUPLICATE = 4096  # smaller files fill blocks, not layers
_SHOWN_PATHS = 20

# By the path in the image, without a leading slash; the first that fits counts.
_KINDS = (
    (
        "package caches and lists",
        r"var/lib/apt/lists/.|var/cache/(?:apt|apk|yum|dnf|libdnf5|zypp|pacman|debconf)/.|var/lib/(?:yum|dnf)/history"
        r"|(?:root|home/[^/]+)/\.(?:cache|npm/_cacache|m2/repository|gradle/caches|cargo/registry|composer/cache)/"
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
        r"usr/(?:local/)?share/(?:doc|man|info|gtk-doc|help|groff|lintian|linda)/"
        r"|usr/share/locale/.*/LC_MESSAGES/",
        "leave it out when packages are installed: dpkg's path-exclude, apk without -doc, dnf --nodocs",
    ),
    (
        "tests",
        r".*/(?:site-packages|dist-packages|node_modules|gems|lib/python[\d.]+)/(?:.+/)?(?:tests?|__tests__|spec|testdata)/",
        "delete them in the RUN that installs the packages",
    ),
    (
        "static libraries",
        r".*\.(?:a|la)$",
        "leave them to a builder stage: nothing links when the container runs",
    ),
)
_KIND = re.compile("|".join(f"(?P<k{index}>{pattern})" for index, (_, pattern, _) in enumerate(_KINDS)))
_BYTECODE = re.compile(r"(?P<directory>.*/)?__pycache__/(?P<module>[^/]+)\.[a-z]+-\d+(?:\.opt-\d)?\.pyc$")


@dataclass(frozen=True, slots=True)
class Ballast:
    """Visible bytes of one kind that one layer holds. `paths` are the largest of them."""

    kind: str
    layer: int
    bytes: int
    files: int
    paths: tuple[str, ...]
    advice: str


def ballast(image: Image, *, duplicates: bool = True) -> tuple[Ballast, ...]:
    """What an image holds beside what it needs, the most first. One file counts once.

    Args:
        image: what to look at.
        duplicates: whether to look for equal contents, for which files of equal size are read.
    """
    groups: dict[tuple[str, int, str], list[Entry]] = {}
    rest: list[Entry] = []
    for path, entry in image.tree.items():
        if not entry.is_file or not entry.size:
            continue
        kind = _kind(path, image)
        if kind:
            groups.setdefault((kind[0], entry.layer, kind[1]), []).append(entry)
        elif entry.size >= _MIN_DUPLICATE:
            rest.append(entry)
    if duplicates:
        advice = "keep one of them and link to it, or leave the copy out"
        for entry in _copies(image, rest):
            groups.setdefault((DUPLICATES, entry.layer, advice), []).append(entry)
    out = []
    for (name, layer, advice), entries in groups.items():
        entries.sort(key=lambda one: (-one.size, one.path))
        paths = tuple(one.path for one in entries[:_SHOWN_PATHS])
        out.append(Ballast(name, layer, sum(one.size for one in entries), len(entries), paths, advice))
    return tuple(sorted(out, key=lambda one: (-one.bytes, one.layer, one.kind)))


def _kind(path: str, image: Image) -> tuple[str, str] | None:
    match = _KIND.match(path)
    if match:
        name, _, advice = _KINDS[int((match.lastgroup or "k0")[1:])]
        return name, advice
    if path.endswith(".pyc"):
        twin = _BYTECODE.match(path)
        if twin and f"{twin['directory'] or ''}{twin['module']}.py" in image.tree:
            return (
                "bytecode beside its source",
                "install with PYTHONDONTWRITEBYTECODE=1 or pip --no-compile, unless start-up counts",
            )
    return None


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
