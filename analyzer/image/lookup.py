"""One file of an image: what a path leads to, through links of the image and never out of it."""

from __future__ import annotations

from ..errors import InputError
from .image import Image
from .layer import Entry, normalised
from .paths import nowhere

_MAX_LINKS = 40  # as the kernel has it


class Names:
    """The entries of each layer by their paths, made when a layer is asked for."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._layers: dict[int, dict[str, Entry]] = {}

    def file(self, entry: Entry) -> Entry | None:
        """The file that an entry has the contents of: itself, or what its hard link leads to."""
        for _ in range(_MAX_LINKS):
            if entry.kind != "hardlink":
                return entry if entry.is_file else None
            found = self._below(normalised(entry.link), entry.layer)
            if found is None:
                return None
            entry = found
        return None

    def _below(self, path: str, layer: int) -> Entry | None:
        for index in range(layer, -1, -1):
            if index not in self._layers:
                self._layers[index] = {one.path: one for one in self._image.layers[index].files}
            found = self._layers[index].get(path)
            if found is not None:
                return found
        return None


def what_it_is(kind: str) -> str:
    """The kind of an entry as a sentence has it."""
    return "of an unknown kind" if kind == "unknown" else f"a {kind}"


def find_file(image: Image, path: str, layer: int | None = None) -> Entry:
    """The file with contents that a path leads to, as a container sees it, or as a layer has left it.

    Raises:
        InputError: it leads nowhere, or to what is no file.
    """
    view = image if layer is None else image.up_to(layer)
    wanted = normalised(path)
    found = view.resolve(path)
    if found is None:
        link = view.tree.get(wanted)
        if link is not None and link.kind == "symlink":
            raise InputError(
                image.source,
                f"/{wanted} is a link to {link.link}, which leads to nothing in the image, or round in a circle",
                "Use a path that is there",
            )
        raise nowhere(image, wanted, None if layer is None else (layer,))
    entry = view.tree.get(found)
    if entry is None or entry.kind == "directory":
        of = "" if layer is None else f" --layer {layer}"
        hint = f"Use `imglint files IMAGE /{found}{of}` for what is in it"
        raise InputError(image.source, f"/{found} is a directory", hint)
    file = Names(image).file(entry)
    if file is None:
        what = "a hard link that leads nowhere" if entry.kind == "hardlink" else what_it_is(entry.kind)
        raise InputError(image.source, f"/{found} is {what}: it has no contents", "Use a file's path")
    return file
