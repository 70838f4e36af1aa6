"""A file's text, and stretches of it joined across continuation lines, that know where they stand."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from .span import Span

# What Go's unicode.IsSpace takes for white space; Python's str.strip() also strips \x1c to \x1f.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
SPACE += "\u2028\u2029\u202f\u205f\u3000"


class Text:
    """A whole file. Offsets count characters from 0; lines end with \\n alone, as BuildKit has it."""

    __slots__ = ("bom", "lines", "name", "starts", "value")

    def __init__(self, value: str, name: str = "Dockerfile") -> None:
        self.name = name
        self.bom = value.startswith("\ufeff")
        self.value = value
        self.lines = value.split("\n")
        self.starts = [0]
        for line in self.lines[:-1]:
            self.starts.append(self.starts[-1] + len(line) + 1)

    @classmethod
    def decode(cls, data: bytes, name: str = "Dockerfile") -> "Text":
        """Bytes that are not UTF-8 stay as lone surrogates, so that encode() gives them back."""
        return cls(data.decode("utf-8", "surrogateescape"), name)

    def encode(self) -> bytes:
        """The bytes that decode() was given."""
        return self.value.encode("utf-8", "surrogateescape")

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, from 1; a byte order mark has no column."""
        line = bisect_right(self.starts, offset)
        column = offset - self.starts[line - 1] + 1
        return line, column - (self.bom and line == 1 and column > 1)

    def span(self, start: int, end: int) -> Span:
        """The span from offset `start` to offset `end` (exclusive)."""
        return Span(*self.position(start), *self.position(end))


class Joined:
    """Text put together from pieces of a file, where each character knows where it came from.

    An instruction's continuation lines are joined this way: the escape characters, the line
    ends and the comments in between are gone from `value`, yet span() points at real places.
    """

    __slots__ = ("_at", "_from", "text", "value")

    def __init__(self, text: Text, pieces: list[tuple[int, int]]) -> None:
        """Join the stretches [start, end) of `text`."""
        self.text = text
        self._at: list[int] = []
        self._from: list[int] = []
        parts = []
        length = 0
        for start, end in pieces:
            self._at.append(length)
            self._from.append(start)
            parts.append(text.value[start:end])
            length += end - start
        self.value = "".join(parts)

    def offset(self, index: int) -> int:
        """Where the character at `index` of the value stands in the file."""
        piece = max(bisect_right(self._at, index) - 1, 0)
        # Empty pieces share their start with the next one; bisect has picked the last of them.
        return self._from[piece] + index - self._at[piece]

    def span(self, start: int, end: int) -> Span:
        """The span of value[start:end] in the file."""
        if end <= start:
            at = self.offset(start)
            return self.text.span(at, at)
        return self.text.span(self.offset(start), self.offset(end - 1) + 1)

    def clip(self, start: int, end: int) -> "Joined":
        """The part value[start:end], which still knows where it stands."""
        return Joined(self.text, self._within(start, end) or [(self.offset(start), self.offset(start))])

    def without(self, indices: list[int]) -> "Joined":
        """This text without the characters at some indices (in order), as unescaping takes them away."""
        pieces = []
        edges = [-1, *indices, len(self.value)]
        for before, after in pairwise(edges):
            if before + 1 < after:
                pieces += self._within(before + 1, after)
        return Joined(self.text, pieces or [(self.offset(0), self.offset(0))])

    def _within(self, start: int, end: int) -> list[tuple[int, int]]:
        """The stretches of the file that make up value[start:end]."""
        pieces = []
        for at, first, last in self._pieces():
            low, high = max(first + start - at, first), min(first + end - at, last)
            if low < high:
                pieces.append((low, high))
        return pieces

    def followed_by(self, start: int, end: int) -> "Joined":
        """This text and the stretch [start, end) of the file behind it."""
        pieces = [(first, last) for _, first, last in self._pieces()]
        return Joined(self.text, [*pieces, (start, end)])

    def _pieces(self) -> Iterator[tuple[int, int, int]]:
        """Each piece: where it starts in the value, and its stretch of the file."""
        for at, following, first in zip(self._at, [*self._at[1:], len(self.value)], self._from, strict=True):
            yield at, first, first + following - at


class Word:
    """A word of a Dockerfile: its value, and where it stands.

    `raw` is as written; `value` has quotes and escapes taken away, variables are not expanded.
    """

    __slots__ = ("_end", "_source", "_start", "raw", "value")

    def __init__(self, source: Joined, start: int, end: int, value: str | None = None) -> None:
        self._source = source
        self._start = start
        self._end = end
        self.raw = source.value[start:end]
        self.value = self.raw if value is None else value

    def __repr__(self) -> str:
        return f"Word({self.raw!r})"

    @property
    def span(self) -> Span:
        """Where the word stands in the file."""
        return self._source.span(self._start, self._end)

    @property
    def offset(self) -> int:
        """Where the word starts in the joined text that it was cut from."""
        return self._start

    def joined(self) -> Joined:
        """The raw word as a text of its own."""
        return self._source.clip(self._start, self._end)

    def part(self, start: int, end: int) -> "Word":
        """A piece of this word, by offsets into `raw`."""
        return Word(self._source, self._start + start, self._start + end)
