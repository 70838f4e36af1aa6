"""What a rebuild could save: bytes that nobody sees and bytes that hardly anybody needs, each counted once.

To delete a file in a later layer frees nothing, so every saving stands at the layer that would become smaller: one of
the build's own, or one of the base, which only another base can change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .visibility import DUPLICATE_LAYER, SAME_CONTENT, Hidden

if TYPE_CHECKING:
    from .image import Image
    from .layer import Entry

_SHOWN_PATHS = 20


class Saving(NamedTuple):
    """Bytes of one layer that could be saved for one reason. `paths` are the largest of its files."""

    what: str  # a kind of Ballast, or the cause of a Waste
    layer: int  # that would become smaller
    hidden_by: int | None  # of waste: the layer that hides it
    own: bool  # whether the layer is the build's own, and not the base's
    bytes: int
    files: int
    paths: tuple[str, ...]
    advice: str


class Savings(NamedTuple):
    """What could be saved, the build's own before the base's, of each the most first."""

    found: tuple[Saving, ...]

    @property
    def own_bytes(self) -> int:
        """What a rebuild of the same base saves."""
        return sum(one.bytes for one in self.found if one.own)

    @property
    def base_bytes(self) -> int:
        """What another base could save beside it."""
        return sum(one.bytes for one in self.found if not one.own)


def savings(image: Image) -> Savings:
    """What a rebuild of an image could save. A file that is waste and ballast, or two kinds of it, counts once."""
    counted: set[int] = set()
    found = []
    for what, layer, hidden_by, advice, entries in _reasons(image, counted):
        fresh = [entry for entry in entries if id(entry) not in counted]
        counted.update(map(id, fresh))
        if fresh:
            own = layer in image.own_layers
            fresh.sort(key=lambda entry: (-entry.size, entry.path))
            paths = tuple(entry.path for entry in fresh[:_SHOWN_PATHS])
            size = sum(entry.size for entry in fresh)
            found.append(Saving(what, layer, hidden_by, own, size, len(fresh), paths, advice))
    found.sort(key=lambda one: (not one.own, -one.bytes, one.layer, one.what))
    return Savings(tuple(found))


def _reasons(image: Image, counted: set[int]) -> Iterator[tuple[str, int, int | None, str, Iterable[Entry]]]:
    """What could be saved, in which layer, hidden by which, with what to do, and the files."""
    advice = {(one.cause, one.added_by, one.hidden_by): one.advice for one in image.waste}
    own = image.own_layers
    equal = (SAME_CONTENT, DUPLICATE_LAYER)
    linked = _visible_links(image)
    for key, members in sorted(image.hidden_files.items(), key=lambda item: item[0][1:]):
        cause, added_by, hidden_by = key
        if cause in equal and added_by not in own and hidden_by in own:
            # The base's file has to stay. What can be saved is the copy, which the build has made itself.
            copies = [_spare(image, member, linked) for member in members]
            yield cause, hidden_by, hidden_by, advice[key], [copy for copy in copies if copy is not None]
            continue
        # Of a file that was copied up again and again, the first copy may be counted above.
        again = [
            _spare(image, member, linked) or member.entry
            if id(member.entry) in counted and cause in equal
            else member.entry
            for member in members
        ]
        by_layer: dict[int, list[Entry]] = {}
        for entry in again:
            by_layer.setdefault(entry.layer, []).append(entry)
        for layer, files in by_layer.items():
            yield cause, layer, hidden_by, advice[key], files
    for one in image.ballast:
        yield one.kind, one.layer, None, one.advice, image.ballast_files[one.kind, one.layer]


def _visible_links(image: Image) -> Mapping[int, Sequence[str]]:
    """The hard links that a container sees, by the identity of the file that they lead to in their layer."""
    links: dict[int, list[str]] = {}
    for path, entry in image.tree.items():
        if entry.kind == "hardlink":
            links.setdefault(id(image.file_at(entry.layer, path)), []).append(path)
    return links


def _spare(image: Image, hidden: Hidden, linked: Mapping[int, Sequence[str]]) -> Entry | None:
    """The copy that covers a file; None where it has to stay for a name that the covered file has not had.

    `ln` to a file of a lower layer stores it anew, and the new name would not be there without the copy.
    """
    copy, origin = hidden.cover, hidden.entry
    if copy is None:
        return None
    seen = [path for path in (copy.path, *linked.get(id(copy), ())) if path in image.tree]
    is_new = any(path != origin.path and image.file_at(origin.layer, path) is not origin for path in seen)
    return None if is_new else copy
