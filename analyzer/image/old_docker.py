"""Archives of Docker before 1.10: a folder for each layer, and `repositories`, which has the names.

A folder holds `layer.tar` and `json`, which tells the folder below. Today's configuration is made of such a chain as
engines make it when they load one, so that an image has the ID that it gets there. Engines before 1.8.3 wrote less, and
what they left out is filled in when it is loaded: there the IDs differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .archive import Manifest, digest_of
from .blob import Blob, unpacked
from .layer import DiffID, hasher_of

if TYPE_CHECKING:
    from .archive import Archive

_MAX_LAYERS = 1000  # engines of that time made 127 at most
_MAX_FOLDERS = 10_000
_MAX_JSON = 256 * 1024 * 1024  # in all
_NO_LONGER = ("id", "parent", "Size", "parent_id", "layer_id", "throwaway")
_HINT = "`docker load` it into a newer engine and `docker save` it again"


def old_images(archive: Archive) -> Iterator[Manifest]:
    """The images of an archive of that form: the named ones, and those that no other one is built on.

    Raises:
        InputError: something is missing or makes no sense; names the file and the member.
    """
    folders = archive.layer_folders()
    if len(folders) > _MAX_FOLDERS:
        raise InputError(archive.name, f"has {len(folders)} layers, and no manifest", _HINT)
    chains = _Chains(archive)
    named = _names(archive)
    below = {parent for folder in folders for parent in chains.parents(folder)}
    for folder in dict.fromkeys([*named, *(one for one in folders if one not in below)]):
        yield chains.image(folder, tuple(named.get(folder, ())))


def _names(archive: Archive) -> Mapping[str, list[str]]:
    """Folder → the names of its image, in the order of `repositories`."""
    if archive.find("repositories") is None:
        return {}
    listed = archive.json("repositories", "the list of names")
    out: dict[str, list[str]] = {}
    for name, tags in listed.items() if isinstance(listed, dict) else [("", None)]:
        if not isinstance(tags, dict) or not all(isinstance(one, str) for one in tags.values()):
            raise InputError(f"{archive.name}: repositories", "is not a list of names with their tags", _HINT)
        for tag, folder in tags.items():
            out.setdefault(folder, []).append(f"{name}:{tag}")
    return out


class _Chains:
    """The folders of an archive, each read once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._documents: dict[str, dict[str, Any]] = {}
        self._diff_ids: dict[str, DiffID] = {}
        self._read = 0

    def image(self, folder: str, tags: tuple[str, ...]) -> Manifest:
        """The image whose uppermost layer is in a folder."""
        chain = [folder, *self.parents(folder)][::-1]
        layers = tuple(self._archive.get(f"{one}/layer.tar", "a layer") for one in chain)
        diff_ids = tuple(self._diff_id(one, layer) for one, layer in zip(chain, layers, strict=True))
        raw = _configuration(self._documents[folder], [self._documents[one] for one in chain], diff_ids)
        blob = self._archive.get(f"{folder}/json", "the configuration")
        return Manifest(digest_of(raw), tags, blob, raw, diff_ids, layers, (None,) * len(layers))

    def parents(self, folder: str) -> list[str]:
        """The folders below one, from its parent to the lowest."""
        out: list[str] = []
        parent = self._document(folder).get("parent")
        while parent:
            if not isinstance(parent, str) or len(out) >= _MAX_LAYERS:
                where = f"{self._archive.name}: {folder}/json"
                raise InputError(where, "has no end of layers below it, or one that is no name", _HINT)
            out.append(parent)
            parent = self._document(parent).get("parent")
        return out

    def _document(self, folder: str) -> dict[str, Any]:
        if folder not in self._documents:
            what = "the configuration of a layer"
            self._read += self._archive.get(f"{folder}/json", what).size
            if self._read > _MAX_JSON or len(self._documents) > _MAX_FOLDERS:
                raise InputError(self._archive.name, "has more configurations than make sense", _HINT)
            found = self._archive.json(f"{folder}/json", what)
            if not isinstance(found, dict):
                raise InputError(f"{self._archive.name}: {folder}/json", "is not an object", _HINT)
            self._documents[folder] = found
        return self._documents[folder]

    def _diff_id(self, folder: str, layer: Blob) -> DiffID:
        if folder not in self._diff_ids:
            self._diff_ids[folder] = diff_id_of(layer)
        return self._diff_ids[folder]


def diff_id_of(layer: Blob) -> DiffID:
    """The diff ID of a layer, computed."""
    hasher = hasher_of("sha256")
    for chunk in unpacked(layer):
        hasher.update(chunk)
    return DiffID(f"sha256:{hasher.hexdigest()}")


def _configuration(
    top: Mapping[str, Any], chain: Iterable[Mapping[str, Any]], diff_ids: Iterable[DiffID]
) -> bytes:
    """The configuration of a chain, with the keys in order and escaped as Go does it."""
    document = {key: value for key, value in top.items() if key not in _NO_LONGER}
    document["rootfs"] = {"type": "layers", "diff_ids": list(diff_ids)}
    document["history"] = [_step(one) for one in chain]
    text = json.dumps(dict(sorted(document.items())), separators=(",", ":"), ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode("utf-8", "surrogatepass")


def _step(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a layer's JSON says of the step that made it, as an entry of a history."""
    container = document.get("container_config")
    command = container.get("Cmd") if isinstance(container, dict) else None
    words = [str(one) for one in command] if isinstance(command, list) else []
    told = {"created": document.get("created"), "author": document.get("author"), "created_by": " ".join(words),
            "comment": document.get("comment")}  # fmt: skip
    return {key: value for key, value in told.items() if value}
