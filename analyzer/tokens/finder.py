"""Finds the credentials of a file in its blocks, whatever the file is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from . import checksums
from .examples import is_example
from .marks import MARKS, positions
from .shapes import ENCRYPTED_KEY, PRIVATE_KEY, SHAPES, URL, Shape

MOST_TOKENS = 100  # that are told of one file

_REACH = 2048  # no token is longer
_BEFORE = 128  # what has to be seen before one
_HEAD = 4096
_TEXT_HEAD = 512  # what has no zero in it is no program
_KEY_LETTERS = 1000  # of a key, which tell it from others
# What nobody writes by chance.
_PROOFS = (checksums.base62_crc, checksums.grafana_crc, checksums.atlassian_crc)


class Token(NamedTuple):
    """A credential in a file: what it is, and where it begins, by bytes from 0 and by lines from 1."""

    kind: str
    shown: str  # it with its secret part masked
    offset: int
    line: int | None  # None in what is no text
    inside: str = ""  # the member of the archive that the file is
    lower: str = ""  # why it weighs less than others, "" where it does not
    certain: bool = False  # its checksum is right
    identity: bytes = b""  # the same for the same credential wherever it stands; not to be shown


class _Form(NamedTuple):
    """A shape with its patterns compiled."""

    rank: int
    shape: Shape
    rest: re.Pattern[bytes]
    before: re.Pattern[bytes] | None


_FORMS: dict[int, list[_Form]] = {number: [] for number in range(len(MARKS))}  # by the number of their mark
for _rank, _known in enumerate(SHAPES):
    _form = _Form(
        _rank, _known, re.compile(_known.rest), re.compile(_known.before) if _known.before else None
    )
    for _mark in _known.marks:
        _FORMS[MARKS.index(_mark)].append(_form)

# What may stand before a token though it ends like a word: the n of a line end that JSON and C escape, and other escapes.
_ESCAPE = re.compile(rb"(?:\\[nrt]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2})\Z")
_LONGEST_ESCAPE = 6


def _stands_alone(data: bytes, start: int) -> bool:
    """Whether no word goes on here."""
    before = data[max(start - _LONGEST_ESCAPE, 0) : start]
    return not re.match(rb"[A-Za-z0-9_]", before[-1:]) or bool(_ESCAPE.search(before))


def _shown(kind: str, found: re.Match[bytes]) -> str:
    if kind == URL:
        return f"{found['user'].decode()}:****@{found['host'].decode()}"
    return "****"


def _key_identity(data: bytes, start: int) -> bytes:
    """The letters of a key from here on, however its lines end."""
    body = data[start : start + _REACH - 400].partition(b"-----")[0]
    return re.sub(rb"\\[nr]|[^A-Za-z0-9+/]", b"", body)[:_KEY_LETTERS]


def _is_encrypted(label: bytes, groups: dict[str, bytes], data: bytes, start: int) -> bool:
    return (
        b"ENCRYPTED" in label
        or b"ENCRYPTED" in groups.get("head", b"")
        or groups.get("cipher", b"none") != b"none"
        or (b"OPENSSH" in label and checksums.encrypted_openssh(_key_identity(data, start)))
    )


class _Hit(NamedTuple):
    """A credential in a piece of data, before it is known whether it is told."""

    start: int
    end: int
    rank: int
    token: Token


def _judged(form: _Form, data: bytes, mark: int, length: int) -> _Hit | None:
    """The credential whose mark of so many bytes stands here, if there is one."""
    shape = form.shape
    found = form.rest.match(data, mark + length)
    if found is None:
        return None
    start = mark
    if form.before is not None:
        # With a width there is one place to look at; else a hostile text could make each mark cost much.
        first = max(start - (shape.width or _BEFORE), 0)
        beginning = (
            form.before.search(data[first:start])
            if not shape.width
            else form.before.fullmatch(data, first, start)
        )
        if beginning is None:
            return None
        start = beginning.start() + (0 if shape.width else first)
    if not shape.within_words and not _stands_alone(data, start):
        return None
    whole = data[start : found.end()]
    groups = {name: text or b"" for name, text in found.groupdict().items()}
    kind, lower = shape.kind, shape.lower
    genuine = shape.genuine is None or shape.genuine(whole)
    if (shape.strict and not genuine) or is_example(kind, whole, groups):
        return None
    if kind == PRIVATE_KEY:
        at = found.start("value")
        if _is_encrypted(data[start:mark], groups, data, at):
            kind, lower = ENCRYPTED_KEY, "encrypted"
        whole = _key_identity(data, at)
    elif not genuine:
        lower = "its checksum is wrong"
    elif "value" in groups and kind != URL:
        whole = groups["value"]
    identity = hashlib.blake2b(whole, digest_size=16).digest()
    certain = genuine and shape.genuine in _PROOFS
    token = Token(kind, _shown(kind, found), start, None, lower=lower, certain=certain, identity=identity)
    return _Hit(start, found.end(), form.rank, token)


def _hits(data: bytes, first: int, last: int) -> list[_Hit]:
    """The credentials whose marks stand from `first` up to before `last`, in their order, none in another."""
    hits = [
        hit
        for mark, number in positions()(data)
        if first <= mark < last
        for form in _FORMS[number]
        if (hit := _judged(form, data, mark, len(MARKS[number])))
    ]
    hits.sort()
    kept: list[_Hit] = []
    for hit in hits:
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
        elif hit.rank < kept[-1].rank:
            kept[-1] = hit
    return kept


class TokenFinder:
    """Finds the tokens of one file in its blocks; `tokens` has them after `end`."""

    def __init__(self, *, text: bool, inside: str = "", first: int = 0, step: int = 1) -> None:
        """`text`: lines can be told. The bytes given here are every `step`th of the file from its `first` on."""
        self.tokens: list[Token] = []
        self._text = text
        self._inside = inside
        self._first = first
        self._step = step
        self._rest = b""
        self._at = 0  # of the rest, in the file
        self._line = 1
        self._told = 0  # what begins before was looked at
        self._end = self._rank = 0  # of the last token: where it ends, and the rank of its shape

    def add(self, block: bytes) -> None:
        """The next block. What begins near its end waits for more."""
        data = self._rest + block if self._rest else block
        cut = len(data) - _REACH
        if cut <= 0:
            self._rest = data
            return
        self._look(data, cut)
        keep = max(cut - _BEFORE, 0)
        if self._text:
            self._line += data.count(b"\n", 0, keep)
        self._at += keep
        self._rest = data[keep:]

    def end(self) -> None:
        """There is no more."""
        self._look(self._rest, len(self._rest))
        self._rest = b""

    def _look(self, data: bytes, cut: int) -> None:
        for hit in _hits(data, self._told - self._at, cut):
            # One that began before the cut may reach over this one.
            if self.tokens and self._at + hit.start < self._end:
                if hit.rank >= self._rank:
                    continue
                self.tokens.pop()
            if len(self.tokens) >= MOST_TOKENS:
                break
            line = self._line + data.count(b"\n", 0, hit.start) if self._text else None
            offset = (self._at + hit.start) * self._step + self._first
            self.tokens.append(hit.token._replace(offset=offset, line=line, inside=self._inside))
            self._end, self._rank = self._at + hit.end, hit.rank
        self._told = self._at + cut


def find_tokens(blocks: Iterator[bytes], inside: str = "") -> list[Token]:
    """The tokens in a file, in their order. It is read in blocks, so that its size does not matter.

    Text of one, two and four bytes a character is read, also where it follows other text, and that of two bytes in
    programs for Windows, too.
    """
    first = next(blocks, b"")
    head = first[:_HEAD]
    step = 2 if head.startswith(b"MZ") else _width(head)
    narrow = TokenFinder(text=b"\0" not in head, inside=inside)
    # Each second, or fourth, byte of wide text is what other text would be.
    text = not head.startswith(b"MZ")
    wide = [TokenFinder(text=text, inside=inside, first=part, step=step) for part in range(step) if step > 1]
    at = 0
    block = first
    while block:
        narrow.add(block)
        if not wide and b"\0" not in head[:_TEXT_HEAD] and (zero := block.find(0)) >= 0:
            step = _width(block[zero : zero + _HEAD])
            if step > 1:
                starts = [at + (part - at) % step for part in range(step)]
                wide = [
                    TokenFinder(text=False, inside=inside, first=start, step=step)
                    for start in sorted(starts, key=lambda start: start % step)
                ]
        for part, finder in enumerate(wide):
            finder.add(block[(part - at) % step :: step])
        at += len(block)
        block = next(blocks, b"")
    finders = [narrow, *wide]
    for finder in finders:
        finder.end()
    found = (token for finder in finders for token in finder.tokens)
    return sorted(found, key=lambda token: token.offset)[:MOST_TOKENS]


def _width(data: bytes) -> int:
    """How many bytes a character has, if this is text: 1, 2 or 4."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return 4
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return 2
    if b"\0" not in data:
        return 1
    zeros = sorted(data[part::4].count(0) * 16 for part in range(4))
    # Of ASCII in four bytes, three are always zero, of that in two one is; other letters have a few less.
    if zeros[1] > len(data) * 3 and zeros[0] < len(data):
        return 4
    halves = [data[part::2].count(0) * 4 for part in range(2)]
    return 2 if max(halves) > len(data) and min(halves) < len(data) // 8 else 1
