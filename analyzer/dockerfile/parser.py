"""Text to instructions, as BuildKit reads them, without stopping at a fault.

The tree is lossless: instructions, comments and directives hold offsets into the text, which
stays as it was, so that what lies between them can always be given back.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .arguments import MAY_BE_BARE, argument_faults
from .heredoc import Heredoc, Marker, markers
from .instruction import KEYWORDS, Comment, Directive, Fault, Instruction, shown
from .text import SPACE, Joined, Text, Word
from .words import BLANKS, NotStringsError, json_array, leading_flags

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$")
_LONGEST_LINE = 65_535  # bytes, without the end of the line
_DIRECTIVE_NAMES = frozenset({"escape", "syntax", "check"})
_JSON_FORMS = frozenset({"ADD", "COPY", "CMD", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})
_HEREDOC_FORMS = frozenset({"ADD", "COPY", "RUN"})
# Where a lost terminator leaves a heredoc open, the next line that starts so is the next instruction.
_LIKELY_INSTRUCTION = re.compile(rf"(?:{'|'.join(sorted(KEYWORDS))})[ \t]+\S")


# The frontends that builders come with, by the last part of their names.
_FRONTENDS = ("dockerfile", "dockerfile-upstream")


class Tree(NamedTuple):
    """What the parser saw, in the order of the file."""

    text: Text
    directives: tuple[Directive, ...]
    comments: tuple[Comment, ...]
    instructions: tuple[Instruction, ...]
    faults: tuple[Fault, ...]

    def parts(self) -> Iterator[tuple[int, int, Directive | Comment | Instruction | None]]:
        """The whole file in order, without gaps: stretches of offsets, each with the node that stands there.

        None stands for what lies between nodes: blanks, line ends, and text that is no instruction.
        Comments inside a continued instruction are part of the instruction.
        """
        nodes: list[tuple[int, int, Directive | Comment | Instruction]] = []
        nodes += [(instruction.start, instruction.end, instruction) for instruction in self.instructions]
        others: list[Directive | Comment] = [*self.directives, *self.comments]
        for other in others:
            span = other.span
            start = self.text.starts[span.line - 1] + span.column - 1 + (self.text.bom and span.line == 1)
            nodes.append((start, start + span.end_column - span.column, other))
        at = 0
        for start, end, node in sorted(nodes, key=lambda entry: (entry[0], -entry[1])):
            if start < at:
                continue  # a comment inside an instruction, or the comment that a directive is, too
            if start > at:
                yield at, start, None
            yield start, end, node
            at = end
        if at < len(self.text.value):
            yield at, len(self.text.value), None

    def source(self) -> str:
        """The file, put together again from its parts."""
        return "".join(self.text.value[start:end] for start, end, _ in self.parts())


def foreign_frontend(directives: Sequence[Directive]) -> str | None:
    """The frontend that `# syntax=` names, where it is not one of Docker's own."""
    named = next((directive.value.split()[0] for directive in directives if directive.name == "syntax"), "")
    repository = named.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return named if named and repository not in _FRONTENDS else None


def parse(text: Text) -> Tree:
    """Read a whole file. Never raises; what is wrong comes back as faults."""
    return _Parser(text).run()


class _Parser:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.number = 0  # index of the next line to read
        self.escape = "\\"
        self.directives: list[Directive] = []
        self.comments: list[Comment] = []
        self.instructions: list[Instruction] = []
        self.faults: list[Fault] = []
        self.fault_kind = "syntax"

    def run(self) -> Tree:
        self._read_directives()
        if foreign_frontend(self.directives):
            self.fault_kind = "foreign"
        above: list[Comment] = []
        lost = False  # inside a run of lines that are no instructions: one fault is enough
        unknown = 0
        while self.number < len(self.text.lines):
            line = self._line(self.number)
            stripped = line.strip(SPACE)
            if not stripped:
                self.number += 1
                continue
            if stripped.startswith("#"):
                above.append(self._comment(self.number))
                self.number += 1
                continue
            instruction = self._read_instruction(tuple(above))
            above = []
            if instruction is None:
                continue
            if instruction.keyword not in KEYWORDS:
                unknown += 1
                meant = _meant(instruction.keyword) if unknown <= _MOST_MEANT else ""
                if meant or not lost:
                    self._fault(f"unknown instruction {shown(instruction.word.raw)}{meant}", instruction.word)
                lost = True
                continue
            lost = False
            self.instructions.append(instruction)
        self._check_lengths()
        if not self.instructions and not self.faults:
            self.faults.append(Fault("syntax", "the file has no instructions", self.text.span(0, 0)))
        return Tree(
            self.text,
            tuple(self.directives),
            tuple(self.comments),
            tuple(self.instructions),
            tuple(self.faults),
        )

    def _check_lengths(self) -> None:
        """Tell of the first line that is longer than builders read, wherever it stands."""
        if len(self.text.value) <= _LONGEST_LINE // 4:
            return
        for number, line in enumerate(self.text.lines):
            if (
                len(line) > _LONGEST_LINE // 4
                and len(line.encode("utf-8", "surrogateescape")) > _LONGEST_LINE
            ):
                start = self.text.starts[number]
                where = self.text.span(start, start + len(line))
                message = f"builders read lines of at most {_LONGEST_LINE:,} bytes; use several"
                self.faults.append(Fault(self.fault_kind, message, where))
                return

    # Lines

    def _line(self, number: int) -> str:
        line = self.text.lines[number]
        if number == 0 and self.text.bom:
            line = line[1:]
        return line.rstrip("\r\n")

    def _start(self, number: int) -> int:
        return self.text.starts[number] + (number == 0 and self.text.bom)

    def _comment(self, number: int) -> Comment:
        line = self._line(number)
        indent = len(line) - len(line.lstrip(SPACE))
        start = self._start(number)
        comment = Comment(line[indent + 1 :].strip(), self.text.span(start + indent, start + len(line)))
        self.comments.append(comment)
        return comment

    def _fault(self, message: str, where: Word) -> None:
        self.faults.append(Fault(self.fault_kind, message, where.span))

    # Directives

    def _read_directives(self) -> None:
        seen: set[str] = set()
        for number in range(len(self.text.lines)):
            line = self._line(number)
            match = _DIRECTIVE.match(line)
            if not match:
                return
            name = match[1].lower()
            if name not in _DIRECTIVE_NAMES:
                return  # a comment, behind which nothing is a directive any more
            start = self._start(number)
            span = self.text.span(start, start + len(line))
            if name in seen:
                self.faults.append(Fault("syntax", f"only one {name} directive can be used", span))
                continue
            seen.add(name)
            self.directives.append(Directive(name, match[2], span))
            if name == "escape":
                if match[2] in ("\\", "`"):
                    self.escape = match[2]
                else:
                    self.faults.append(
                        Fault("syntax", f"escape must be \\ or `, not {shown(match[2])}", span)
                    )

    # Instructions

    def _read_instruction(self, comments: tuple[Comment, ...]) -> Instruction | None:
        pieces, blank = self._continued_lines()
        line = Joined(self.text, pieces)
        start = len(line.value) - len(line.value.lstrip(SPACE))
        end = len(line.value.rstrip(SPACE))
        if end <= start:
            return None
        instruction = self._instruction(line, start, end, comments)
        # Comments and blank lines that the last continuation swallowed belong to it, too.
        last = min(self.number, len(self.text.lines) - (not self.text.lines[-1])) - 1
        if self.text.starts[last] > instruction.end:
            instruction.end = self._start(last) + len(self._line(last))
        self._read_heredocs(instruction)
        if blank is not None and instruction.keyword in KEYWORDS:
            at = self._start(blank)
            self.faults.append(
                Fault(
                    "blank-continuation",
                    "blank line inside a continued instruction",
                    self.text.span(at, at + len(self._line(blank))),
                )
            )
        return instruction

    def _continued_lines(self) -> tuple[list[tuple[int, int]], int | None]:
        """The pieces of one logical line, and the number of the first blank line among them."""
        continued = re.compile(rf"(?:^|[^{re.escape(self.escape)}])({re.escape(self.escape)}[ \t]*)$")
        pieces = []
        blank: int | None = None
        first = True
        while self.number < len(self.text.lines):
            line = self._line(self.number)
            number = self.number
            self.number += 1
            if not first:
                stripped = line.strip(SPACE)
                if stripped.startswith("#"):
                    self._comment(number)
                    continue
                if not stripped:
                    # The last "line" of a file that ends with a newline is none.
                    if blank is None and number < len(self.text.lines) - 1:
                        blank = number
                    continue
            first = False
            match = continued.search(line)
            start = self._start(number)
            pieces.append((start, start + (match.start(1) if match else len(line))))
            if not match:
                break
        return pieces, blank

    def _instruction(
        self, line: Joined, start: int, end: int, comments: tuple[Comment, ...] = ()
    ) -> Instruction:
        gap = BLANKS.search(line.value, start, end)
        word = Word(line, start, gap.start() if gap else end)
        keyword = word.raw.upper()
        flags, at = leading_flags(line, gap.end(), end, self.escape) if gap else ((), end)
        while at < end and line.value[at] in SPACE:
            at += 1
        array: tuple[tuple[Word, ...], int] | None = None
        trigger = None
        if keyword in KEYWORDS and at >= end and keyword not in MAY_BE_BARE:
            self._fault(f"{keyword} requires an argument", word)
        elif keyword == "ONBUILD":
            trigger = self._instruction(line, at, end)
            if trigger.keyword not in KEYWORDS:
                meant = _meant(trigger.keyword)
                self._fault(
                    f"unknown instruction {shown(trigger.word.raw)} after ONBUILD{meant}", trigger.word
                )
        elif keyword in _JSON_FORMS:
            array = self._json(line, at, end)
        elif keyword == "HEALTHCHECK":
            # The JSON array stands behind the word CMD.
            command = BLANKS.search(line.value, at, end)
            if command:
                array = self._json(line, command.end(), end)
        json, close = array or (None, end)
        behind = line.value[close:end].strip(SPACE)
        trailing = Word(line, line.value.index(behind, close), end) if behind and json is not None else None
        instruction = Instruction(
            line, word, flags, (at, end), self.escape, comments, json, trailing, trigger
        )
        instruction.end = line.offset(end - 1) + 1
        self._check_arguments(instruction)
        return instruction

    def _json(self, line: Joined, start: int, end: int) -> tuple[tuple[Word, ...], int] | None:
        try:
            return json_array(line, start, end)
        except NotStringsError:
            self._fault("a JSON array here may hold strings only", Word(line, start, end))
            return None

    def _check_arguments(self, instruction: Instruction) -> None:
        """The flags and arguments for which BuildKit refuses the instruction; one fault is enough."""
        for fault in argument_faults(instruction):
            self._fault(*fault)
            return

    # Here-documents

    def _read_heredocs(self, instruction: Instruction) -> None:
        owner = instruction
        if owner.keyword == "ONBUILD" and owner.trigger:
            owner = owner.trigger
        if owner.keyword not in _HEREDOC_FORMS or owner.json is not None or "<<" not in owner.line.value:
            return
        heredocs = tuple(self._heredoc(marker) for marker in markers(owner.line, 0, owner.rest[1]))
        owner.heredocs = heredocs
        instruction.heredocs = heredocs
        if heredocs:
            last = self.number - 1
            instruction.end = owner.end = self._start(last) + len(self._line(last))

    def _heredoc(self, marker: Marker) -> Heredoc:
        first = self.number
        for number in range(first, len(self.text.lines)):
            if _body_line(self._line(number), marker) == marker.delimiter:
                self.number = number + 1
                return Heredoc(marker, self._body(marker, first, number), terminated=True)
        self._fault(f"here-document {shown(marker.delimiter)} has no end", marker.word)
        end = next(
            (n for n in range(first, len(self.text.lines)) if _LIKELY_INSTRUCTION.match(self._line(n))),
            len(self.text.lines),
        )
        self.number = end
        return Heredoc(marker, self._body(marker, first, end), terminated=False)

    def _body(self, marker: Marker, first: int, end: int) -> Joined:
        return Joined(self.text, list(self._body_pieces(marker, first, end)))

    def _body_pieces(self, marker: Marker, first: int, end: int) -> Iterator[tuple[int, int]]:
        limit = len(self.text.value)
        for number in range(first, end):
            start = self._start(number)
            line = self.text.lines[number]
            tabs = len(line) - len(line.lstrip("\t")) if marker.chomp else 0
            yield start + tabs, min(self.text.starts[number] + len(line) + 1, limit)


def _body_line(line: str, marker: Marker) -> str:
    return line.lstrip("\t") if marker.chomp else line


_MOST_MEANT = 50  # words to compare: what has more of them is no Dockerfile


def _meant(keyword: str) -> str:
    """The instruction that a word may be meant for, as the end of a message; "" where none is near."""
    import difflib

    close = difflib.get_close_matches(keyword, KEYWORDS, 1, 0.74)
    if not close:  # letters that were typed in another order: CDM
        close = [known for known in KEYWORDS if sorted(known) == sorted(keyword)]
    return f"; did you mean {close[0]}?" if close else ""
