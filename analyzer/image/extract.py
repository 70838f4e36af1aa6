"""Files of an image, written into one directory and nowhere else.

Every name is made through the descriptor of its directory, which is reached from the given one step by step without
following a link, and is made new: nothing that is there is written over. Links come last. They are made only where
they can't lead out: relative, and with `..` only in front and no oftener than there are directories above.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, NoReturn

from ..errors import InputError
from ..sizes import shown
from .image import Image
from .layer import Entry
from .lookup import Names, what_it_is

_MOST_NAMES = 1_000_000
_MOST_BYTES_OF_PATH = 4095
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 1024 * 1024
_SPECIAL = 0o7000  # setuid, setgid and sticky


class LeftOut(NamedTuple):
    """A path that was asked for and is not there now, and why."""

    path: str
    why: str


class Extraction:
    """What was written, and what was not."""

    def __init__(self) -> None:
        self.files = 0
        self.directories = 0
        self.links = 0
        self.bytes = 0
        self.left_out: list[LeftOut] = []
        self.bits_taken: list[str] = []  # paths of files that were setuid, setgid or sticky
        self.copies: list[str] = []  # further names of files, which are files of their own now
        self.begun = ""  # what was being written when it stopped
        self.remains = False  # whether that could not be removed


def plan(image: Image, entries: Iterable[Entry], most: int) -> Sequence[Entry]:
    """The entries, each path once.

    Raises:
        InputError: they are more than `most` bytes, or more names than are written at a time.
    """
    names = Names(image)
    once = tuple({entry.path: entry for entry in entries}.values())
    total = 0
    for entry in once:
        file = names.file(entry)
        total += file.size if file is not None else 0
    if len(once) > _MOST_NAMES:
        raise InputError(
            image.source, f"has {len(once)} such paths, more than {_MOST_NAMES} at a time", "Name fewer"
        )
    if total > most:
        problem = f"holds {shown(total)} ({total} bytes) there, more than --max {shown(most)}"
        raise InputError(image.source, problem, "Use a larger --max, or name fewer paths")
    return once


# Around what may be broken off by a signal.
Heard = Callable[[], contextlib.AbstractContextManager[None]]


def extract(
    image: Image,
    entries: Sequence[Entry],
    root: int,
    done: Extraction,
    heard: Heard = contextlib.nullcontext,
) -> None:
    """Write entries below the directory of the descriptor `root`.

    Args:
        image: where they are from.
        entries: what to write, each path once.
        root: an open directory, which is empty.
        done: told what is written, also where it stops.
        heard: around what may be broken off by a signal, which is no place where a file would be left half.

    Raises:
        InputError: the image does not give a file.
        OSError: the disk does not take one.
    """
    tree = _Tree(root, image, entries, done)
    try:
        _write_all(image, entries, tree, done, heard)
    finally:
        tree.close()


def _write_all(image: Image, entries: Sequence[Entry], tree: _Tree, done: Extraction, heard: Heard) -> None:
    names = Names(image)
    wanted: dict[tuple[int, int, str], list[Entry]] = {}
    contents: list[Entry] = []
    for entry in entries:
        with heard():
            pass
        if entry.kind == "directory":
            with contextlib.suppress(_RefusedError):
                tree.directory(entry.path)
        elif entry.kind in ("file", "hardlink"):
            file = names.file(entry)
            if file is None:
                done.left_out.append(LeftOut(entry.path, f"a hard link to {entry.link}, which is nowhere"))
                continue
            if entry.kind == "hardlink":
                done.copies.append(entry.path)
            key = (file.layer, file.data, file.path)
            if key not in wanted:
                contents.append(file)
            wanted.setdefault(key, []).append(entry)
        elif entry.kind != "symlink":
            done.left_out.append(LeftOut(entry.path, what_it_is(entry.kind)))
    for file, blocks in image.contents(contents):
        tree.files(wanted[file.layer, file.data, file.path], file, _heard(blocks, heard))
    for entry in entries:
        with heard():
            pass
        if entry.kind == "symlink":
            tree.link(entry)


def _heard(blocks: Iterator[bytes], heard: Heard) -> Iterator[bytes]:
    """The blocks, whose reading can be broken off: of a compressed layer much may have to be unpacked before."""
    while True:
        with heard():
            block = next(blocks, None)
        if block is None:
            return
        yield block


class _RefusedError(Exception):
    """A path that is not written; it is told already."""


class _Tree:
    """The directory that is written into."""

    def __init__(self, root: int, image: Image, entries: Iterable[Entry], done: Extraction) -> None:
        self._root = root
        self._asked = {entry.path: entry for entry in entries if entry.kind == "directory"}
        self._image = image
        self._done = done
        self._umask = _umask()
        self._made = 0
        self._made_paths: set[str] = set()
        self._held: tuple[str, int] | None = None  # the directory that was asked for last, open

    def directory(self, path: str) -> int:
        """The descriptor of a directory, made where it is not there; it holds until the next call."""
        if not path:
            return self._root
        if self._held is not None:
            if self._held[0] == path:
                return self._held[1]
            os.close(self._held[1])
            self._held = None
        at = self._root
        done: list[str] = []
        try:
            for part in path.split("/"):
                done.append(part)
                below = self._step(at, part, "/".join(done), path)
                if at != self._root:
                    os.close(at)
                at = below
        except BaseException:
            if at != self._root:
                os.close(at)
            raise
        self._held = path, at
        return at

    def _step(self, at: int, part: str, path: str, whole: str) -> int:
        """Into a directory of this name, without following a link."""
        name = self._name(part, whole)
        if path not in self._made_paths:
            self._count(whole)
            try:
                os.mkdir(name, self._mode(path), dir_fd=at)
            except FileExistsError:
                self._refuse(whole, f"there is something at /{path} already")
            self._made_paths.add(path)
            self._done.directories += 1
        try:
            return os.open(name, _DIRECTORY, dir_fd=at)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENOENT):
                self._refuse(whole, f"somebody else has put something else at /{path}")
            raise

    def _mode(self, path: str) -> int:
        entry = self._asked.get(path) or self._image.tree.get(path)
        return (entry.mode & 0o777 | 0o700) if entry is not None and entry.kind == "directory" else 0o755

    def files(self, entries: Sequence[Entry], file: Entry, blocks: Iterable[bytes]) -> None:
        """Write one file under all its names, each as a file of its own."""
        first = -1
        try:
            for entry in entries:
                try:
                    if first < 0:
                        first = self._write(entry, blocks)
                    else:
                        os.close(self._write(entry, _again(first, file.size)))
                except _RefusedError:
                    continue
        finally:
            if first >= 0:
                os.close(first)

    def _write(self, entry: Entry, blocks: Iterable[bytes]) -> int:
        """Write a file whole or not at all; its descriptor."""
        directory, _, last = entry.path.rpartition("/")
        at = self._parent(directory, entry.path)
        name = self._name(last, entry.path)
        self._count(entry.path)
        try:
            descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=at)
        except FileExistsError:
            self._refuse(entry.path, "there is something of this name already")
        try:
            written = 0
            for block in blocks:
                rest = memoryview(block)
                while rest:  # a disk that fills up takes a part, and refuses the rest
                    rest = rest[os.write(descriptor, rest) :]
                written += len(block)
            os.fchmod(descriptor, entry.mode & 0o777 & ~self._umask | 0o600)
        except BaseException:
            self._done.begun = entry.path
            self._done.remains = not _unlinked(name, at, descriptor)
            os.close(descriptor)
            raise
        self._done.files += 1
        self._done.bytes += written
        if entry.mode & _SPECIAL:
            self._done.bits_taken.append(entry.path)
        return descriptor

    def link(self, entry: Entry) -> None:
        """Make a symbolic link, if it can't lead out."""
        if (why := _leads_out(entry)) is not None:
            self._done.left_out.append(LeftOut(entry.path, why))
            return
        directory, _, last = entry.path.rpartition("/")
        with contextlib.suppress(_RefusedError):
            at = self._parent(directory, entry.path)
            name = self._name(last, entry.path)
            self._count(entry.path)
            try:
                os.symlink(_bytes(entry.link), name, dir_fd=at)
            except FileExistsError:
                self._refuse(entry.path, "there is something of this name already")
            except OSError as error:
                if error.errno not in (errno.ENAMETOOLONG, errno.ENOENT, errno.EPERM):
                    raise
                self._refuse(entry.path, f"a link that the file system does not take: {entry.link}")
            self._done.links += 1

    def _parent(self, directory: str, path: str) -> int:
        try:
            return self.directory(directory)
        except _RefusedError:
            told = self._done.left_out[-1]
            if told.path != path:
                self._done.left_out[-1] = LeftOut(path, told.why)
            raise

    def _name(self, part: str, whole: str) -> bytes:
        name = _bytes(part)
        if name in (b"", b".", b"..") or b"\0" in name or b"/" in name:
            self._refuse(whole, "no name that a file system takes")
        if len(name) > 255 or len(_bytes(whole)) > _MOST_BYTES_OF_PATH:
            self._refuse(whole, "a name that is too long for a file system")
        return name

    def _count(self, path: str) -> None:
        self._made += 1
        if self._made > _MOST_NAMES:
            self._refuse(path, f"more than {_MOST_NAMES} names were made already")

    def _refuse(self, path: str, why: str) -> NoReturn:
        self._done.left_out.append(LeftOut(path, why))
        raise _RefusedError

    def close(self) -> None:
        """Let the directory that was written into last go."""
        if self._held is not None:
            os.close(self._held[1])
            self._held = None


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _leads_out(entry: Entry) -> str | None:
    """Why a link is not made; None where it stays within, whatever else there is."""
    target = entry.link
    if target.startswith("/"):
        return f"a link to {target}, which would be the host's here"
    if not target or "\0" in target:
        return "a link to nothing"
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    if up > entry.path.count("/"):
        return f"a link out of the directory, to {target}"
    if ".." in parts[up:]:
        return f"a link that could lead out through another, to {target}"
    return None


def _again(descriptor: int, size: int) -> Iterable[bytes]:
    for at in range(0, size, _BLOCK):
        yield os.pread(descriptor, min(_BLOCK, size - at), at)


def _unlinked(name: bytes, directory: int, descriptor: int) -> bool:
    """Remove a file that was just made, and no other that has taken its name; whether it is gone."""
    try:
        there = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if os.path.samestat(there, os.fstat(descriptor)):
            os.unlink(name, dir_fd=directory)
            return True
    except OSError:
        pass
    return False


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
