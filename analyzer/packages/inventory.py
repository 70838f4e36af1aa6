"""The packages of an image: each with its bytes that a container sees, the layer that brought it, and for whom."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .drawn import MOST_HEADS, Drawn, drawn
from .ecosystems import SYSTEM
from .npm import Modules
from .ownership import Ownership
from .reading import Told, told
from .record import Diversion, Listing, Mark, Record, Rest, Unread

if TYPE_CHECKING:
    from ..image.image import Image

_DEEPEST = 128  # directories of a key that are looked through


class Package(NamedTuple):
    """An installed package. Bytes are those of its files that a container sees, each file once."""

    ecosystem: (
        str  # "dpkg", "apk", "rpm", "pacman", "python", "npm", "gem", "go", "java", "composer", "conda"
    )
    name: str
    version: str  # "" where nothing says it
    bytes: int
    files: int
    layer: int | None  # that most of its bytes lie in; None: it has none, and nothing tells
    step: int | None  # of the history, that made the layer
    own: bool  # whether that layer is the build's own, and not the base's
    wanted: bool | None  # whether somebody asked for it by its name; None: nothing says so
    drawn_by: tuple[str, ...]  # names of the packages for which it was installed; of many the first
    recommended: bool  # whether it was installed only because it is recommended to somebody
    part_of: str  # the package in whose files it lies: their bytes are counted there
    database: str  # path of the file that tells of it
    architecture: str
    source: str


class Group(NamedTuple):
    """Packages that were installed for the same ones: with one of these itself, or for several of them together."""

    heads: tuple[Package, ...]  # those that somebody asked for; none: for more than are told
    drawn: tuple[Package, ...]  # those that only they draw in, the largest first
    own: bool  # whether most of the bytes are the build's own, and not the base's
    layer: int | None  # that has the most of them

    @property
    def packages(self) -> tuple[Package, ...]:
        """All whose bytes are meant: one alone is counted with what it draws in."""
        return (*self.heads, *self.drawn) if len(self.heads) == 1 else self.drawn

    @property
    def bytes(self) -> int:
        """Of all of them."""
        return sum(one.bytes for one in self.packages)

    @property
    def recommended_bytes(self) -> int:
        """The part that is recommended to somebody, and that nobody needs."""
        return sum(one.bytes for one in self.drawn if one.recommended)


class Inventory(NamedTuple):
    """All packages, the most bytes first; parts of others behind those."""

    packages: tuple[Package, ...]
    groups: tuple[Group, ...]  # your own before the base's, of each the most bytes first
    owned_bytes: int  # of all files that belong to a package, each file once
    unread: tuple[Unread, ...]

    def notes(self) -> Iterator[str]:
        """What could not be read: a sentence for each cause, with one of the files."""
        causes: dict[str, list[str]] = {}
        for one in self.unread:
            causes.setdefault(one.why, []).append(one.path)
        for why, paths in causes.items():
            others = f"{len(paths) - 1} more file{'s' * (len(paths) > 2)}"
            more = f" (the same of {others}: --format json names all)" if len(paths) > 1 else ""
            yield f"packages may be missing: /{paths[0]} is {why}{more}"


def inventory(image: Image) -> Inventory:
    """Read the package databases of an image that a container sees, and find the bytes of each package."""
    modules = Modules(image)
    records, lists, unread = _gathered(told(image), modules)
    owned = Ownership(image)
    by_key = {(one.record.ecosystem, one.record.key): at for at, one in enumerate(records)}
    parts: list[int | None] = [None] * len(records)
    # What the system's packages hold is theirs; a package of Python's in it is a part.
    order = sorted(range(len(records)), key=lambda at: records[at].record.ecosystem not in SYSTEM)
    for at in order:
        record = records[at].record
        listing = lists.get((record.ecosystem, record.key))
        if listing is not None:
            record = record._replace(files=(*record.files, *listing.files))
        trees = listing.trees if listing is not None else (record.directory,) if record.directory else ()
        outer = owned.listed_by(records[at].path) if record.ecosystem not in SYSTEM else None
        outer = outer if outer is not None and records[outer].record.ecosystem in SYSTEM else None
        owned.add(at, record.files, trees, outer)
        parts[at] = outer if outer is not None else by_key.get((record.ecosystem, record.inside))
    owned.settle(len(records))
    layers = [_layer(one, at, owned, lists, image, parts) for at, one in enumerate(records)]
    facts = [one.record for one in records]
    draws = drawn(facts, layers, modules)
    packages = []
    for at, (record, path) in enumerate(records):
        layer, inside = layers[at], parts[at]
        packages.append(
            Package(
                ecosystem=record.ecosystem,
                name=record.name,
                version=record.version,
                bytes=record.inner_bytes if record.inside else owned.bytes_of(at),
                files=owned.files_of(at),
                layer=layer,
                step=image.layers[layer].step if layer is not None else None,
                own=layer is not None and layer in image.own_layers,
                wanted=record.wanted,
                drawn_by=tuple(facts[one].name for one in draws[at].by),
                recommended=draws[at].recommended,
                part_of=facts[inside].name if inside is not None else "",
                database=path,
                architecture=record.architecture,
                source=record.source,
            )
        )
    return Inventory(
        tuple(sorted(packages, key=_order)), tuple(_groups(packages, draws)), owned.total, tuple(unread)
    )


def _groups(packages: Sequence[Package], draws: Sequence[Drawn]) -> list[Group]:
    """The packages by those that drew them in: your own before the base's, of each the most bytes first."""
    members: dict[tuple[tuple[int, ...], bool], list[Package]] = {}
    for at, package in enumerate(packages):
        if package.part_of:
            continue
        if draws[at].head:
            members.setdefault(((at,), package.own), [])
        elif draws[at].by:
            heads = tuple(sorted(draws[at].by)) if len(draws[at].by) < MOST_HEADS else ()
            own = packages[heads[0]].own if len(heads) == 1 else package.own
            members.setdefault((heads, own), []).append(package)
    groups = []
    for (heads, own), drawn_in in members.items():
        asked = tuple(packages[at] for at in heads)
        group = Group(asked, tuple(sorted(drawn_in, key=_order)), own, None)
        by_layer: Counter[int] = Counter()
        for one in group.packages:
            if one.layer is not None:
                by_layer[one.layer] += one.bytes
        layer = min(by_layer, key=lambda layer: (-by_layer[layer], layer), default=None)
        groups.append(group._replace(layer=layer))
    return sorted(groups, key=lambda one: (not one.own, -one.bytes, [_name(head) for head in one.heads]))


def _order(package: Package) -> tuple[bool, int, str, str, str]:
    return bool(package.part_of), -package.bytes, *_name(package)


def _name(package: Package) -> tuple[str, str, str]:
    return package.name, package.version, package.database


def _gathered(
    said: Iterator[Told], modules: Modules
) -> tuple[list[_Found], dict[tuple[str, str], Listing], list[Unread]]:
    """Records with what other files say of them: their lists of files, and who asked for them."""
    records: dict[tuple[str, str], _Found] = {}
    lists: dict[tuple[str, str], Listing] = {}
    marks: dict[tuple[str, str], bool] = {}
    diverted: dict[tuple[str, str], Diversion] = {}
    rests: list[Rest] = []
    unread: list[Unread] = []
    for path, fact in said:
        match fact:
            case Record():
                records.setdefault((fact.ecosystem, fact.key), _Found(fact, path))
            case Listing():
                known = lists.get((fact.ecosystem, fact.key))
                # RECORD names files, and top_level.txt directories: the first says more.
                if known is None or (known.trees and not fact.trees):
                    lists[fact.ecosystem, fact.key] = fact
            case Mark():
                marks.update({(fact.ecosystem, key): fact.wanted for key in fact.keys})
                linked = (modules.linked(key) for key in fact.keys if "node_modules/" in key)
                marks.update({(fact.ecosystem, key): fact.wanted for key in linked if key})
            case Diversion():
                diverted[fact.ecosystem, fact.file] = fact
            case Rest():
                rests.append(fact)
            case Unread():
                unread.append(fact)
    rest = {(one.ecosystem, one.within): one.wanted for one in rests}
    out = []
    for record, path in records.values():
        if record.wanted is None:
            wanted = _wanted(record, marks, rest)
            record = record._replace(wanted=wanted)
        out.append(_Found(record, path))
    for found in out:
        key = (found.record.ecosystem, found.record.key)
        if key not in lists and (known := lists.get((found.record.ecosystem, found.record.name))):
            lists[key] = known
        if diverted and key in lists:
            lists[key] = lists[key]._replace(files=tuple(_placed(found.record, lists[key].files, diverted)))
    return out, lists, unread


def _placed(
    record: Record, files: Iterable[str], diverted: Mapping[tuple[str, str], Diversion]
) -> Iterator[str]:
    """Where the files of a package are, since others have taken their names."""
    for file in files:
        away = diverted.get((record.ecosystem, file))
        yield away.place if away is not None and away.keeper != record.name else file


class _Found(NamedTuple):
    record: Record
    path: str


def _wanted(
    record: Record, marks: Mapping[tuple[str, str], bool], rest: Mapping[tuple[str, str], bool]
) -> bool | None:
    for key in (record.key, record.name):
        if (record.ecosystem, key) in marks:
            return marks[record.ecosystem, key]
    # The nearest directory that says so: keys are paths then.
    within = record.key if record.key.count("/") <= _DEEPEST else ""
    if not within:
        return rest.get((record.ecosystem, ""))
    while within:
        within = posixpath.dirname(within.rstrip("/"))
        found = rest.get((record.ecosystem, f"{within}/" if within else ""))
        if found is not None:
            return found
    return None


def _layer(
    found: _Found,
    at: int,
    owned: Ownership,
    lists: Mapping[tuple[str, str], Listing],
    image: Image,
    parts: Sequence[int | None],
) -> int | None:
    """The layer that has the most of a package's bytes; of a package without bytes, of what tells of it."""
    by_layer: Counter[int] = owned.by_layer(at)
    if by_layer:
        return min(by_layer, key=lambda layer: (-by_layer[layer], layer))
    inside = parts[at]
    if inside is not None and found.record.inside and (outer := owned.by_layer(inside)):
        return min(outer, key=lambda layer: (-outer[layer], layer))
    if found.record.ecosystem == "dpkg":
        # The status holds all packages, and is written anew with each change.
        for stem in (found.record.key, found.record.name):
            entry = image.tree.get(image.resolve(f"var/lib/dpkg/info/{stem}.list") or "")
            if entry is not None:
                return entry.layer
    entry = image.tree.get(image.resolve(found.path) or "")
    return entry.layer if entry is not None else None
