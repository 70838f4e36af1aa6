"""The texts of the Dockerfiles that a push sends, and why some are none."""

from __future__ import annotations

from collections.abc import Iterable

from ..analyzer.dockerfile import Text
from ..analyzer.sizes import shown
from ..discovery import begins_as_dockerfile, looks_otherwise
from ..linting import MAX_DOCKERFILE_BYTES, UnparsableError, checked_text, no_dockerfile
from .repository import Object, Repository

_LFS = b"version https://git-lfs.github.com/spec/"
_TOGETHER = 500  # versions that are read together, as long as they have not more
_AHEAD = 4 * 1024 * 1024  # bytes
_NO_FILE = "is a link or a submodule, and was not followed"


class PushedTexts:
    """Reads versions of Dockerfiles, each once.

    `notes` tell what was not looked at, and why.

    Args:
        repository: where they are.
        kept: the objects that are asked for more than once.
    """

    def __init__(self, repository: Repository, kept: Iterable[str]) -> None:
        self._repository = repository
        self._objects: dict[str, Object] = {}
        self._kept = frozenset(kept)
        self._texts: dict[tuple[str, str], Text | None] = {}
        self._order: list[str] = []  # as they are expected
        self._at: dict[str, int] = {}
        self._ahead: dict[str, bytes] = {}  # read, and not asked for yet
        self.notes: dict[str, None] = {}

    def expect(self, oids: Iterable[str]) -> None:
        """Learn about objects that will be asked for, in this order."""
        new = self._repository.objects(oid for oid in oids if oid not in self._objects)
        self._objects |= new
        self._at |= {oid: at for at, oid in enumerate(new, len(self._order))}
        self._order += new

    def of(self, oid: str, path: str, where: str = "", *, is_file: bool = True) -> Text | None:
        """The text of a version; None when there is nothing to look at.

        Args:
            oid: its object, which is expected.
            path: its path, which may say that it is something else.
            where: the commit, for the notes; "": no note is made.
            is_file: whether it is a regular file.

        Raises:
            InputError: it can't be read.
        """
        key = oid, path
        if key in self._texts:
            return self._texts[key]
        text, note = self._read(oid, path, where) if is_file else (None, f"{path}: {_NO_FILE}")
        if note and where:
            self.notes[note] = None
        if oid in self._kept:
            self._texts[key] = text
        return text

    def _read(self, oid: str, path: str, where: str) -> tuple[Text | None, str]:
        """The text, or why there is none."""
        known = self._objects.get(oid)
        if known is None:
            return None, f"{where}: {path} is not here, since the clone is partial, and was not looked at"
        if known.size > MAX_DOCKERFILE_BYTES:
            return None, f"{where}: {path} has {shown(known.size)}, and was not looked at"
        data = self._data(oid)
        if looks_otherwise(path) and not begins_as_dockerfile(data):
            return None, ""
        if data.startswith(_LFS):
            return None, f"{path}: is kept in Git LFS, and was not looked at"
        try:
            return checked_text(data, path, named=False), ""
        except UnparsableError as error:
            return None, no_dockerfile(error)

    def _data(self, oid: str) -> bytes:
        """The content of an object; those that are expected behind it are read with it."""
        if oid not in self._ahead:
            some = [oid]
            room = _AHEAD - self._objects[oid].size
            for other in self._order[self._at[oid] + 1 : self._at[oid] + _TOGETHER]:
                room -= self._objects[other].size
                if room < 0 or other in self._ahead:
                    break
                some.append(other)
            self._ahead |= zip(some, self._repository.read_all(some), strict=True)
        return self._ahead.pop(oid)
