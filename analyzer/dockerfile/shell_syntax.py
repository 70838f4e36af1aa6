"""Reading shell text: words, operators, and the simple commands between them.

What rules need is which programs run with which words, in what order, in which pipeline. So this
reads the language of POSIX shells and Bash in one pass into simple commands, and keeps of the
compound ones only what they say about the simple ones inside. It never fails: text that no shell
would take still gives the commands that can be made out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .shell_words import closing, word_end

_BLANKS = re.compile(r"(?:[ \t\r\v\f]|\\\n)+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(?:\[[^\]]*\])?\+?=")
_OPERATOR = re.compile(r"&&|\|\||;;&|;;|;&|\|&|&>>|&>|<<<|<<-|<<|<&|<>|>>|>&|>\||[;|&<>()\n]")
_REDIRECTS = frozenset({"&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">"})
_OPENERS = frozenset({"if", "while", "until", "{", "case", "for", "select", "function"})
_CLOSERS = frozenset({"fi", "done", "esac", "}"})
_INNER = frozenset({"then", "elif", "else", "do", "!"})
_MAX_DEPTH = 24


class Piece(NamedTuple):
    """A word: its range in the text, and the ranges of the substitutions inside it."""

    start: int
    end: int
    substitutions: tuple[tuple[int, int], ...]


class Simple:
    """A simple command, by ranges in the text."""

    __slots__ = (
        "after", "assignments", "background", "depth", "nested", "part", "pipeline", "redirects", "substituted",
        "words",
    )  # fmt: skip

    def __init__(self, after: str, nested: bool, substituted: bool, depth: int = 0) -> None:
        self.after = after
        self.depth = depth
        self.nested = nested
        self.substituted = substituted
        self.background = False
        self.pipeline: int | None = None
        self.part = 0
        self.words: list[Piece] = []
        self.assignments: list[Piece] = []
        self.redirects: list[tuple[str, Piece]] = []


class _Frame:
    """An open list of commands: the whole text, or the inside of a compound command."""

    __slots__ = ("after", "element", "kind", "list", "nested", "part", "pattern", "pipeline")

    def __init__(self, kind: str, nested: bool, at: int) -> None:
        self.kind = kind
        self.nested = nested
        self.after = ""
        self.list = at  # index of the first command of the current and-or list
        self.element = at  # … of the current element of a pipeline
        self.pipeline: int | None = None
        self.part = 0
        self.pattern = kind == "case"  # between `in` or `;;` and `)`


class Reader:
    """Reads `text` and collects its simple commands and its comments, in order."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.commands: list[Simple] = []
        self.comments: list[tuple[int, int]] = []
        self.pipelines = 0

    def read(
        self, start: int, end: int, *, nested: bool = False, substituted: bool = False, depth: int = 0
    ) -> None:
        """Read text[start:end]; what stands in substitutions is read too, to a sane depth."""
        _Pass(self, start, end, nested, substituted, depth).run()


class _Pass:
    def __init__(
        self, reader: Reader, start: int, end: int, nested: bool, substituted: bool, depth: int
    ) -> None:
        self.reader = reader
        self.commands = reader.commands
        self.text = reader.text
        self.at = start
        self.end = end
        self.substituted = substituted
        self.depth = depth
        self.frames = [_Frame("", nested, len(self.commands))]
        self.current: Simple | None = None
        self.pending: list[tuple[str, bool]] = []  # here-documents whose bodies are still to come
        self.substitutions: list[tuple[int, int]] = []
        self.function = False  # the next compound command is a function's body

    def run(self) -> None:
        text, end = self.text, self.end
        joined = False
        while self.at < end:
            blanks = _BLANKS.match(text, self.at, end)
            if blanks:
                self.at = blanks.end()
                continue
            char = text[self.at]
            if char == "#":
                start = self.at
                line = text.find("\n", start, end)
                self.at = end if line < 0 else line
                self.reader.comments.append((start, self.at))
                continue
            operator = _OPERATOR.match(text, self.at, end) if char in "&|;<>()\n" else None
            if operator and operator[0] in "<>" and text.startswith("(", operator.end()):
                operator = None  # <(…) is a word, which names a pipe
            if operator:
                self.at = operator.end()
                if operator[0] == "\n" and joined:
                    self._skip_heredocs()  # the list goes on in the next line
                    continue
                joined = operator[0] in ("&&", "||", "|", "|&")
                self._operator(operator[0])
                continue
            joined = False
            self._word(self._piece())
        self._end_list("")
        while len(self.frames) > 1:
            self._close()
        self._end_list("")
        if self.depth < _MAX_DEPTH:
            for start, stop in self.substitutions:
                self.reader.read(start, stop, nested=True, substituted=True, depth=self.depth + 1)

    # Words

    def _piece(self) -> Piece:
        start = self.at
        inner: list[tuple[int, int]] = []
        self.at = word_end(self.text, start, self.end, inner)
        if self.at == start:
            self.at += 1  # an odd character stands for itself
        return Piece(start, self.at, tuple(inner))

    def _word(self, piece: Piece) -> None:
        text, frame = self.text, self.frames[-1]
        raw = text[piece.start : piece.end]
        self.substitutions.extend(piece.substitutions)
        if frame.pattern:
            if raw == "esac":
                self._close()
            return
        if self.current is None:
            if self._reserved(raw):
                return
            if text.startswith("((", piece.start):
                return
            self.current = Simple(frame.after, frame.nested, self.substituted, len(self.frames) - 1)
            self.commands.append(self.current)
        follower = text[piece.end] if piece.end < self.end else ""
        if raw.isdigit() and follower in "<>" and follower:
            return  # the number of a redirected file descriptor
        if not self.current.words and _ASSIGNMENT.match(raw):
            self.current.assignments.append(piece)
            return
        self.current.words.append(piece)
        if raw == "[[" and len(self.current.words) == 1:
            self._test()

    def _reserved(self, raw: str) -> bool:
        if raw in _INNER:
            self._end_list(self.frames[-1].after if raw == "!" else "")
            return True
        if raw in _CLOSERS:
            if len(self.frames) > 1:
                self._close()
            return True
        if raw not in _OPENERS:
            return False
        if raw == "function":
            self._skip_blanks()
            self._piece()
            self.function = True
            return True
        self._open(raw)
        if raw == "case":
            self._skip_blanks()
            self.substitutions.extend(self._piece().substitutions)
            self._skip_until("in")
        elif raw in ("for", "select"):
            self._skip_until("do")
        return True

    def _skip_blanks(self) -> None:
        blanks = _BLANKS.match(self.text, self.at, self.end)
        if blanks:
            self.at = blanks.end()

    def _pieces(self) -> Iterator[Piece]:
        """Word after word, whatever operators stand between them: none of them ends a command here."""
        while self.at < self.end:
            self._skip_blanks()
            operator = _OPERATOR.match(self.text, self.at, self.end)
            if operator:
                self.at = operator.end()
            elif self.at < self.end:
                piece = self._piece()
                self.substitutions.extend(piece.substitutions)
                yield piece

    def _skip_until(self, word: str) -> None:
        """Pass over the head of a for or case, whose words are no commands."""
        for piece in self._pieces():
            if self.text[piece.start : piece.end] == word:
                return

    def _test(self) -> None:
        """[[ … ]]: operators inside are no operators of the list."""
        for piece in self._pieces():
            if self.current:
                self.current.words.append(piece)
            if self.text[piece.start : piece.end] == "]]":
                return

    # Operators

    def _operator(self, operator: str) -> None:
        frame = self.frames[-1]
        if operator == "\n" and self.pending:
            self._skip_heredocs()
        if frame.pattern:
            if operator == ")":
                frame.pattern = False
            return
        if operator in _REDIRECTS:
            self._redirect(operator)
        elif operator == "(":
            self._open_parenthesis()
        elif operator == ")":
            if any(one.kind == "(" for one in self.frames):
                while self.frames[-1].kind != "(":
                    self._close()
                self._close()
        elif operator in ("|", "|&"):
            self._pipe(operator)
        elif operator in ("&&", "||"):
            self._end_element(operator)
        else:
            self._end_list(operator)
            if operator in (";;", ";&", ";;&"):
                while len(self.frames) > 1 and self.frames[-1].kind != "case":
                    self._close()
                if self.frames[-1].kind == "case":
                    self.frames[-1].pattern = True

    def _redirect(self, operator: str) -> None:
        self._skip_blanks()
        if self.at >= self.end or self.text[self.at] in "\n;&|)":
            return
        piece = self._piece()
        self.substitutions.extend(piece.substitutions)
        if operator in ("<<", "<<-"):
            raw = self.text[piece.start : piece.end]
            self.pending.append((re.sub(r"""["'\\]""", "", raw), operator == "<<-"))
            return
        if self.current is None:
            # A redirection behind a compound command belongs to all that it holds.
            for command in self.commands[self.frames[-1].element :]:
                command.redirects.append((operator, piece))
            return
        self.current.redirects.append((operator, piece))

    def _skip_heredocs(self) -> None:
        for delimiter, chomp in self.pending:
            while self.at < self.end:
                line_end = self.text.find("\n", self.at, self.end)
                line_end = self.end if line_end < 0 else line_end
                line = self.text[self.at : line_end].rstrip("\r")
                self.at = min(line_end + 1, self.end)
                if (line.lstrip("\t") if chomp else line) == delimiter:
                    break
        self.pending = []

    def _open_parenthesis(self) -> None:
        text = self.text
        if self.current is None:
            if text.startswith("(", self.at):
                # (( arithmetic ))
                close = text.find("))", self.at, self.end)
                self.at = self.end if close < 0 else close + 2
                return
            self._open("(")
            return
        words = self.current.words
        if len(words) == 1 and re.match(r"[ \t]*\)", text[self.at : self.at + 40]):
            # name() starts a function.
            self.at = text.index(")", self.at) + 1
            self.commands.remove(self.current)
            self.current = None
            self.function = True
            return
        # An array or a pattern: pass over it.
        self.at = closing(text, self.at, self.end)

    def _open(self, kind: str) -> None:
        outer = self.frames[-1]
        frame = _Frame(kind, outer.nested or kind == "(" or self.function, len(self.commands))
        frame.after = outer.after
        self.function = False
        self.frames.append(frame)

    def _close(self) -> None:
        self._end_list("")
        self.frames.pop()

    def _pipe(self, operator: str) -> None:
        frame = self.frames[-1]
        if frame.pipeline is None:
            frame.pipeline = self.reader.pipelines
            self.reader.pipelines += 1
            frame.part = 0
        self._mark_element()
        frame.part += 1
        frame.element = len(self.commands)
        frame.after = operator
        self.current = None

    def _mark_element(self) -> None:
        frame = self.frames[-1]
        for command in self.commands[frame.element :]:
            if command.pipeline is None:
                command.pipeline, command.part = frame.pipeline, frame.part

    def _end_element(self, operator: str) -> None:
        frame = self.frames[-1]
        if frame.pipeline is not None:
            self._mark_element()
        frame.pipeline = None
        frame.element = len(self.commands)
        frame.after = operator
        self.current = None

    def _end_list(self, operator: str) -> None:
        frame = self.frames[-1]
        if operator == "\n":
            operator = ";" if self.commands else ""
        self._end_element(operator)
        if operator == "&":
            for command in self.commands[frame.list :]:
                command.background = True
        frame.list = len(self.commands)
