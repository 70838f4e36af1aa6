"""Reading the contents of many files, each layer once and in its order; and what is found in all of them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError
from ..key_files import MOST_READ, first_credential, may_hold_credentials
from ..tokens import FILE_CREDENTIALS, MOST_TOKENS, Token, TokenFinder, find_tokens, is_example_path
from .blob import Blob, Source, Stream, Window, unpacked
from .installed import LARGEST_CONFIRMED, Installed, digests, is_database
from .packed import Allowance, ClosedError, is_packed, is_zip, members
from .tape import Tape, is_tape
from .tar import begins_tar, broken

if TYPE_CHECKING:
    from .layer import Entry, LayerContents

BLOCK = 1024 * 1024
_DEEPEST = 6  # levels of what is packed in what is packed: a zip and an ar have two, as a .tar.gz has
_TOO_DEEP = "an archive in archives"
_TOO_LARGE = f"a file made for credentials, of which {MOST_READ >> 20} MiB was read as such"
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

    `tokens`, `unread`, `spared` and `confirmed` are in the order of the files.
    """

    def __init__(self) -> None:
        self.unread: list[Unread] = []
        self.spared: list[FileTokens] = []  # those of tests and documentation, which are left alone
        self.full: list[Entry] = []  # files with more tokens than are told
        self._found: list[tuple[FileTokens, tuple[str, ...]]] = []  # with the file's digests
        self._installed = Installed()
        self._allowance = Allowance(_MOST_UNPACKED)
        self._layer = -1
        self._known: dict[bytes, tuple[tuple[Token, ...], str]] = {}  # in this layer, by name and digest

    @cached_property
    def _sorted(self) -> tuple[list[FileTokens], list[FileTokens]]:
        """What is told, and what is left alone since a package brought it: in its own file, or in what was made of that."""
        brought = [
            bool(found) and self._installed.confirms(file.entry.path, found) for file, found in self._found
        ]
        public = {
            token.identity
            for (file, _), known in zip(self._found, brought, strict=True)
            if known
            for token in file.tokens
        }
        told, confirmed = [], []
        for (file, _), known in zip(self._found, brought, strict=True):
            own = tuple(token for token in file.tokens if not known and token.identity not in public)
            if own:
                told.append(file._replace(tokens=own))
            if len(own) < len(file.tokens):
                confirmed.append(file._replace(tokens=tuple(one for one in file.tokens if one not in own)))
        return told, confirmed

    @property
    def tokens(self) -> list[FileTokens]:
        """The files with credentials, without those that a package brought."""
        return self._sorted[0]

    @property
    def confirmed(self) -> list[FileTokens]:
        """The files with what looks like credentials that a package brought: they are left alone."""
        return self._sorted[1]

    def left_alone(self) -> tuple[str, ...]:
        """What was not read, and what looks like credentials and is not told, as sentences with counts."""
        notes = []
        if self.unread:
            first, why = self.unread[0]
            files = "a file" if len(self.unread) == 1 else f"{len(self.unread)} files"
            notes.append(f"{files} could not be searched for credentials to the end: /{first.path} is {why}")
        if confirmed := self.confirmed:
            path = confirmed[0].entry.path
            notes.append(
                f"{_files(confirmed)} what looks like credentials as a package brought it: left alone, as /{path}"
            )
        if spared := self.spared:
            path = spared[0].entry.path
            notes.append(
                f"{_files(spared)} what looks like credentials for tests or documentation: left alone, as /{path}"
            )
        if self.full:
            files = "a file has" if len(self.full) == 1 else f"{len(self.full)} files have"
            notes.append(f"{files} more credentials than are told, {MOST_TOKENS}: /{self.full[0].path}")
        if self._installed.too_large:
            notes.append("the package databases are too large to ask all: files of packages may be told")
        return tuple(notes)

    def add(self, entry: Entry, blocks: Iterator[bytes]) -> None:
        """Look into a file. What several files of a layer hold is looked at once."""
        self.__dict__.pop("_sorted", None)
        if entry.layer != self._layer:
            self._layer = entry.layer
            self._known.clear()
        if entry.data < 0:
            self.unread.append(Unread(entry, "a sparse file"))
            return
        first = next(blocks, b"")
        seen: list[bytes] = []
        if entry.size <= LARGEST_CONFIRMED:
            blocks = _kept(blocks, seen)
        # A file's name may say how it is read.
        key = _digest(entry, first)
        if key and may_hold_credentials(entry.path):
            key += entry.path.encode("utf-8", "surrogateescape")
        if key not in self._known:
            self._known[key] = self._look(itertools.chain([first], blocks), entry.path)
        tokens, why = self._known[key]
        if not key:
            del self._known[key]
        if is_database(entry.path) and entry.size <= LARGEST_CONFIRMED:
            self._installed.add(entry.path, b"".join((first, *seen, *blocks)))
        if tokens:
            self._keep(entry, tokens, (first, *seen, *blocks) if entry.size <= LARGEST_CONFIRMED else ())
        if why:
            self.unread.append(Unread(entry, why))

    def _keep(self, entry: Entry, tokens: tuple[Token, ...], content: Iterable[bytes]) -> None:
        """Sort what was found by whether it is told."""
        if len(tokens) >= MOST_TOKENS:
            self.full.append(entry)
        told = tuple(
            token
            for token in tokens
            if token.certain or not is_example_path(f"{entry.path}/{token.inside}".rstrip("/"))
        )
        if told:
            self._found.append((FileTokens(entry, told), digests(content) if content else ()))
        if len(told) < len(tokens):
            self.spared.append(FileTokens(entry, tuple(token for token in tokens if token not in told)))

    def _look(
        self, blocks: Iterator[bytes], path: str, inside: str = "", depth: int = 0
    ) -> tuple[tuple[Token, ...], str]:
        """The tokens of a file or a member of one; and why not all of it was read, "" where it was.

        `path` says of what kind the file is: its own, or that in the archive.
        """
        head = b""
        for block in blocks:
            head += block
            if len(head) >= _HEAD:
                break
        blocks = itertools.chain([head], blocks)
        if is_tape(head):
            return self._look_past(blocks, inside, depth + (1 if begins_tar(head) else 2))
        if not is_packed(head):
            return _tokens(blocks, path, inside)
        depth += 2 if is_zip(head) else 1
        if depth > _DEEPEST:
            return (), _TOO_DEEP
        tokens: list[Token] = []
        why = ""
        try:
            for name, content in members(blocks, self._allowance):
                found, unread = self._look(content, name or path, f"{inside}/{name}".strip("/"), depth)
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
                found, unread = self._look(content, name, f"{inside}/{name}".strip("/"), depth)
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


def _tokens(blocks: Iterator[bytes], path: str, inside: str) -> tuple[tuple[Token, ...], str]:
    """The tokens of a file, and why not all of it was read; at least one of a file made for credentials that holds some."""
    if not may_hold_credentials(path):
        return tuple(find_tokens(blocks, inside)), ""
    head = b""
    for block in blocks:
        head += block
        if len(head) > MOST_READ:
            break
    tokens = tuple(find_tokens(itertools.chain([head], blocks), inside))
    if any(not token.lower for token in tokens):
        return tokens, ""
    if found := first_credential(path, head[:MOST_READ]):
        identity = hashlib.blake2b(found.value, digest_size=16).digest()
        return (*tokens, Token(FILE_CREDENTIALS, "****", 0, found.line, inside, identity=identity)), ""
    if tokens:
        return tokens, ""
    return (), _TOO_LARGE if len(head) > MOST_READ else ""


def _files(files: list[FileTokens]) -> str:
    count = len({(file.entry.layer, file.entry.path) for file in files})
    return "a file holds" if count == 1 else f"{count} files hold"


def _kept(blocks: Iterator[bytes], seen: list[bytes]) -> Iterator[bytes]:
    """The blocks, which stay in `seen` as well."""
    for block in blocks:
        seen.append(block)
        yield block


def _digest(entry: Entry, first: bytes) -> bytes:
    """What tells its contents from those of other files; b"" where that would take another reading."""
    if entry.digest is not None:
        return entry.digest
    if len(first) < entry.size:
        return b""
    import xxhash

    return xxhash.xxh3_128_digest(first)
