"""Reading the contents of many files, each layer once and in its order; and what is found in all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError
from ..tokens import MOST_TOKENS, Token, TokenFinder, find_tokens
from .blob import Blob, Source, Stream, Window, unpacked
from .packed import Allowance, ClosedError, is_packed, is_zip, members
from .tape import Tape, is_tape
from .tar import begins_tar, broken

if TYPE_CHECKING:
    from .layer import Entry, LayerContents

BLOCK = 1024 * 1024
_DEEPEST = 6  # levels of what is packed in what is packed: a zip and an ar have two, as a .tar.gz has
_TOO_DEEP = "an archive in archives"
_HEAD = 4096  # tells what a file is
_MOST_UNPACKED = 4 * 1024**3  # of all files of an image that are packed themselves


def files_of(blob: Blob, layer: LayerContents) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """A layer's files with their contents in blocks, which can be read until the next file is asked for.

    Args:
        blob: the layer as it is stored.
        layer: what it holds.

    Raises:
        InputError: while blocks are read: the layer's bytes end before.
    """
    files = [entry for entry in layer.entries if entry.is_file and entry.size]
    files.sort(key=lambda entry: entry.data)
    if not files:
        return
    # A compressed layer is unpacked once, from its beginning to the last file.
    source: Source = Stream(unpacked(blob), None, blob.subject) if layer.compression else Window(blob)
    for entry in files:
        yield entry, _blocks(source, entry, blob.subject)


def _blocks(source: Source, entry: Entry, subject: str) -> Iterator[bytes]:
    if entry.data < 0:
        return  # a sparse file is not in one piece
    for at in range(0, entry.size, BLOCK):
        length = min(BLOCK, entry.size - at)
        block = bytes(source.take(entry.data + at, length))
        if len(block) < length:
            raise broken(subject, entry.data + at, f"ends inside {entry.path!r}")
        yield block


class FileTokens(NamedTuple):
    """The credentials in a file of a layer."""

    entry: Entry
    tokens: tuple[Token, ...]


class Unread(NamedTuple):
    """A file that could not be looked into, and what it is."""

    entry: Entry
    why: str


class ContentScan:
    """What is found in all files of an image. Each is added once, layer by layer.

    `tokens` and `unread` are in the order of the files.
    """

    def __init__(self) -> None:
        self.tokens: list[FileTokens] = []
        self.unread: list[Unread] = []
        self._allowance = Allowance(_MOST_UNPACKED)
        self._layer = -1
        self._known: dict[bytes, tuple[tuple[Token, ...], str]] = {}  # in this layer, by digest

    def add(self, entry: Entry, blocks: Iterator[bytes]) -> None:
        """Look into a file. What several files of a layer hold is looked at once."""
        if entry.layer != self._layer:
            self._layer = entry.layer
            self._known.clear()
        if entry.data < 0:
            self.unread.append(Unread(entry, "a sparse file"))
            return
        first = next(blocks, b"")
        digest = _digest(entry, first)
        if digest not in self._known:
            self._known[digest] = self._look(itertools.chain([first], blocks))
        tokens, why = self._known[digest]
        if not digest:
            del self._known[digest]
        if tokens:
            self.tokens.append(FileTokens(entry, tokens))
        if why:
            self.unread.append(Unread(entry, why))

    def _look(
        self, blocks: Iterator[bytes], inside: str = "", depth: int = 0
    ) -> tuple[tuple[Token, ...], str]:
        """The tokens of a file or a member of one; and why not all of it was read, "" where it was."""
        head = b""
        for block in blocks:
            head += block
            if len(head) >= _HEAD:
                break
        blocks = itertools.chain([head], blocks)
        if is_tape(head):
            return self._look_past(blocks, inside, depth + (1 if begins_tar(head) else 2))
        if not is_packed(head):
            return tuple(find_tokens(blocks, inside)), ""
        depth += 2 if is_zip(head) else 1
        if depth > _DEEPEST:
            return (), _TOO_DEEP
        tokens: list[Token] = []
        why = ""
        try:
            for name, content in members(blocks, self._allowance):
                found, unread = self._look(content, f"{inside}/{name}".strip("/"), depth)
                tokens += found[: MOST_TOKENS - len(tokens)]
                why = why or unread
        except ClosedError as error:
            why = why or str(error)
        return tuple(tokens), why

    def _look_past(self, blocks: Iterator[bytes], inside: str, depth: int) -> tuple[tuple[Token, ...], str]:
        """The same of an archive without a table. What is no member of it is looked at as one file."""
        if depth > _DEEPEST:
            return (), _TOO_DEEP
        beside = TokenFinder(text=False, inside=inside)
        tape = Tape(blocks, beside.add)
        tokens: list[Token] = []
        why = ""
        try:
            for name, content in tape.members():
                found, unread = self._look(content, f"{inside}/{name}".strip("/"), depth)
                tokens += found[: MOST_TOKENS - len(tokens)]
                why = why or unread
        except ClosedError as error:
            why = why or str(error)
        except InputError:
            pass  # what is left of a damaged one is looked at as it is
        try:
            tape.end()
        except ClosedError as error:
            why = why or str(error)
        beside.end()
        tokens += [token._replace(offset=tape.place(token.offset)) for token in beside.tokens]
        if tape.unreached:
            why = why or "an archive with packed data outside its members"
        return tuple(tokens[:MOST_TOKENS]), why


def _digest(entry: Entry, first: bytes) -> bytes:
    """What tells its contents from those of other files; b"" where that would take another reading."""
    if entry.digest is not None:
        return entry.digest
    if len(first) < entry.size:
        return b""
    import xxhash

    return xxhash.xxh3_128_digest(first)
