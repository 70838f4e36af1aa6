"""The parts of a Dockerfile: directives, comments, instructions, and the faults among them."""

from functools import cached_property
from typing import NamedTuple

from .heredoc import Heredoc
from .span import Span
from .text import Joined, Word
from .words import Flag, blank_delimited, quoted, unquote

KEYWORDS = frozenset(
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL"
    " STOPSIGNAL USER VOLUME WORKDIR".split()
)


class Directive(NamedTuple):
    """A parser directive at the top of the file: `# escape=...`, `# syntax=...`, `# check=...`."""

    name: str  # lower case
    value: str
    span: Span


class Comment(NamedTuple):
    """A comment line. `text` is what follows the #."""

    text: str
    span: Span


class Fault(NamedTuple):
    """Something that BuildKit would refuse, or read otherwise than it looks.

    `kind` is "syntax", "foreign" (the same, in a file for a frontend that may take it) or "blank-continuation".
    """

    kind: str
    message: str
    span: Span


class Pair(NamedTuple):
    """A name and its value, from ENV, LABEL or ARG; ARG may have no value."""

    name: Word
    value: Word | None


class Instruction:
    """One instruction, with every word in its place.

    `keyword` is upper case, `word` as written. `json` holds the strings of the exec form, or None,
    `trailing` what stands behind the array by mistake. `start` and `end` are offsets in the file,
    `span` the same as lines and columns, heredocs included. `trigger` is what stands behind ONBUILD.
    """

    def __init__(
        self,
        line: Joined,
        word: Word,
        flags: tuple[Flag, ...],
        rest: tuple[int, int],
        escape: str,
        comments: tuple[Comment, ...] = (),
        json: tuple[Word, ...] | None = None,
        trailing: Word | None = None,
        trigger: "Instruction | None" = None,
    ) -> None:
        self.line = line
        self.word = word
        self.keyword = word.raw.upper()
        self.flags = flags
        self.rest = rest
        self.escape = escape
        self.comments = comments
        self.json = json
        self.trailing = trailing
        self.trigger = trigger
        self.heredocs: tuple[Heredoc, ...] = ()
        self.start = line.offset(word.offset)
        self.end = self.start  # the parser sets it when the last line is known

    def __repr__(self) -> str:
        return f"<{self.keyword} at line {self.span.line}>"

    @property
    def span(self) -> Span:
        """From the keyword to the last character, heredocs included."""
        return self.line.text.span(self.start, self.end)

    @cached_property
    def written(self) -> str:
        """Its joined line and the bodies of its here-documents, to look for names in."""
        if not self.heredocs:
            return self.line.value
        return "".join((self.line.value, *(heredoc.body.value for heredoc in self.heredocs)))

    @property
    def raw(self) -> str:
        """Everything behind the keyword and the flags, as it is written."""
        return self.line.value[slice(*self.rest)]

    @cached_property
    def value(self) -> Word:
        """Everything behind the keyword and the flags, as one word."""
        word = Word(self.line, *self.rest)
        return Word(self.line, *self.rest, unquote(word.raw, self.escape))

    @cached_property
    def args(self) -> tuple[Word, ...]:
        """The arguments: the strings of the exec form, else words cut at blanks."""
        if self.json is not None:
            return self.json
        return blank_delimited(self.line, *self.rest)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The names and values of ENV, LABEL and ARG, in either notation."""
        words = quoted(self.line, *self.rest, self.escape)
        if not words:
            return ()
        if self.keyword != "ARG" and "=" not in words[0].raw:
            # The old notation: `ENV name the rest is the value`.
            first = blank_delimited(self.line, *self.rest)
            if len(first) == 1:
                return (Pair(first[0], None),)
            start = first[1].offset
            raw = self.line.value[start : self.rest[1]]
            value = Word(self.line, start, self.rest[1], unquote(raw, self.escape))
            return (Pair(first[0], value),)
        pairs = []
        for word in words:
            at = word.raw.find("=")
            if at < 0:
                pairs.append(Pair(word, None))
                continue
            start = word.offset + at + 1
            value = Word(
                self.line, start, word.offset + len(word.raw), unquote(word.raw[at + 1 :], self.escape)
            )
            name = Word(self.line, word.offset, word.offset + at, unquote(word.raw[:at], self.escape))
            pairs.append(Pair(name, value))
        return tuple(pairs)

    def flag(self, name: str) -> Flag | None:
        """The first flag of this name."""
        return next((flag for flag in self.flags if flag.name == name), None)


def shown(raw: str) -> str:
    """A word of the input, made fit for a message."""
    from ..credentials import mask

    clean = mask(raw.encode("utf-8", "replace").decode())
    return repr(clean if len(clean) <= 40 else clean[:39] + "…")
