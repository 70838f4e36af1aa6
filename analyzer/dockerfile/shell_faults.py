"""What no shell would read: quotes and brackets that stay open, operators with nothing beside them.

Only what dash, BusyBox and Bash all refuse counts; where this reader does not follow, it says nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_BLANKS = re.compile(r"(?:[ \t\r\v\f]|\\\n)+")
_PLAIN = re.compile(r"[^\s'\"\\$`();&|<>#]+")
_OPERATOR = re.compile(r"&&|\|\||;;&|;;|;&|\|&|[;|&\n]")
_REDIRECT = re.compile(r"\d*(?:<<<|<<-|<<|<&|<>|>>|>&|>\||<|>)")
# Reserved words: what has to stand around a list that one of them opens, in order.
_CLOSED_BY = {"if": "fi", "while": "done", "until": "done", "for": "done", "{": "}"}
_CLOSERS = frozenset({*_CLOSED_BY.values(), "esac"})
_INNER = frozenset({"then", "elif", "else", "do"})
_LEADS = {"fi": "then", "done": "do"}  # what has to stand before the commands of the list that these close
_ARM = ";;"  # closes an arm of a case, as `esac` does
_NAME = re.compile(r"[A-Za-z_]\w*")
_NO_ARGUMENTS = re.compile(r"\([ \t]*\)")
_MAX_DEPTH = 20


class _Open(NamedTuple):
    """A reserved word that opens a list, and whether `then` or `do` has come."""

    word: str
    at: int
    led: bool = False


class ShellFault(NamedTuple):
    """What is wrong, and where it stands in the text."""

    message: str
    start: int
    end: int


class _FoundError(Exception):
    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.fault = ShellFault(message, start, end)


class _LostError(Exception):
    """The text is more than this reader understands."""


def shell_fault(text: str) -> ShellFault | None:
    """The first thing that keeps every shell from running a script."""
    try:
        _Reader(text).script("", 0)
    except _FoundError as found:
        return found.fault
    except _LostError:
        return None
    return None


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.heredocs: list[tuple[str, bool]] = []

    # Lists of commands

    def script(self, closer: str, depth: int, opened: int = 0) -> None:
        """Read commands up to `closer` and pass over it: ")", "" for the end, or ;; or esac for _ARM."""
        if depth > _MAX_DEPTH:
            raise _LostError
        open_words: list[_Open] = []
        expected = False  # whether something has to stand here: behind && or |
        operator, operator_at = "", 0
        command = False  # whether the current command has begun
        words = 0  # of the current command
        compound = False  # whether a compound command has just ended: a reserved word may follow at once
        empty = True
        word = ""  # the last one
        while True:
            self._skip_blanks()
            start = self.at
            char = self.text[start : start + 1]
            if char == "" or (char == ")" and closer == ")"):
                if expected:
                    if operator == "!":
                        raise _LostError  # Bash takes it for a list of nothing, which succeeds
                    raise _FoundError(
                        f"nothing stands behind {operator}; use a command there",
                        operator_at,
                        operator_at + len(operator),
                    )
                self._all_closed(open_words)
                if char == "" and closer == _ARM:
                    raise _FoundError(
                        "`case` is never closed; use esac behind it", opened, opened + len("case")
                    )
                if char == "" and closer:
                    raise _FoundError("the parenthesis is never closed; use )", opened, opened + 1)
                if char and empty:
                    raise _FoundError(
                        "nothing stands between the parentheses; use a command there", opened, start + 1
                    )
                self.at += len(char)
                return
            if char == "#":
                end = self.text.find("\n", start)
                self.at = len(self.text) if end < 0 else end
                continue
            redirect = _REDIRECT.match(self.text, start)
            if redirect:
                self._redirect(redirect)
                command, expected, empty = True, False, False
                continue
            found = _OPERATOR.match(self.text, start)
            if found:
                if self.text.startswith("&>", start) and (expected or not command):
                    raise _LostError  # Bash's redirection of both outputs
                self.at = found.end()
                compound = False
                if closer == _ARM and not expected and found[0] in (";;", ";&", ";;&"):
                    self._all_closed(open_words)
                    return
                read = self._operator(
                    found[0], operator if expected else "", start, command=command, expected=expected
                )
                if read == "\n" and expected:
                    continue
                operator = read
                expected, operator_at = operator in ("&&", "||", "|", "|&"), start
                command, words = False, 0
                continue
            empty = False
            if char == "(":
                if command and word.replace("\\\n", "").endswith("="):
                    raise _LostError  # an array, which only Bash knows
                if command and words == 1 and not compound and (end := self._function(start)):
                    self.at, command, words = end, False, 0
                    expected, operator, operator_at = True, "()", start
                    continue
                if command:
                    if words > 1 and self.text[start - 1] in " \t":
                        raise _FoundError(
                            "a parenthesis stands among the arguments; leave it out, or quote it",
                            start,
                            start + 1,
                        )
                    raise _LostError  # a function, or what only Bash knows
                self.at += 1
                if self.text.startswith("(", self.at):
                    raise _LostError  # arithmetic
                self.script(")", depth + 1, start)
                command, expected, compound = True, False, True
                continue
            if char == ")":
                raise _FoundError("this parenthesis closes none; leave it out, or quote it", start, start + 1)
            word = self._word(depth)
            words += 1
            if not command or expected or (compound and word in _CLOSERS | _INNER):
                if word == "esac" and closer == _ARM:
                    if expected:
                        raise _FoundError(
                            f"nothing stands behind {operator}; use a command there", start, self.at
                        )
                    self._all_closed(open_words)
                    self.at = start
                    return
                command = self._first_word(word, start, open_words, depth)
                compound = word in _CLOSERS or word == "case"
                words = int(command)
                if word == "!":
                    expected, operator, operator_at = True, "!", start
                    continue
            expected = expected and word in ("then", "do", "else")

    def _operator(self, found: str, before: str, start: int, *, command: bool, expected: bool) -> str:
        if found == "\n":
            self._skip_heredocs()
            return found
        if expected:
            if before == "!":
                raise _LostError
            raise _FoundError(
                f"nothing stands between {before} and {found}; use a command there", start, self.at
            )
        if found in (";;", ";;&", ";&"):
            raise _FoundError(f"{found} stands in no case; use ;", start, self.at)
        if not command:
            raise _FoundError(
                f"{found} ends no command; use a command before it, or leave it out", start, self.at
            )
        return found

    def _first_word(self, word: str, start: int, open_words: list[_Open], depth: int) -> bool:
        """Note a reserved word; whether the command has begun with this word."""
        if word in ("select", "function", "[[", "coproc", "time"):
            raise _LostError
        if word == "case":
            self._case(start, depth)
            return True
        if word in _CLOSED_BY:
            if word == "{" and open_words and open_words[-1].word == "for" and not open_words[-1].led:
                raise _LostError  # Bash takes braces for do and done
            open_words.append(_Open(word, start))
            if word == "for":
                self._for_head(depth)
            return False
        if word in _CLOSERS:
            if not open_words or _CLOSED_BY[open_words[-1].word] != word:
                raise _FoundError(f"`{word}` closes nothing; leave it out", start, self.at)
            opened = open_words.pop()
            lead = _LEADS.get(word)
            if lead and not opened.led:
                raise _FoundError(
                    f"`{opened.word}` has no {lead}; use {lead} before its commands",
                    opened.at,
                    opened.at + len(opened.word),
                )
            return True
        if word in _INNER:
            if (
                not open_words
                or open_words[-1].word == "{"
                or (open_words[-1].word == "if") == (word == "do")
            ):
                raise _FoundError(
                    f"`{word}` stands in no {'loop' if word == 'do' else 'if'}; leave it out", start, self.at
                )
            if word in ("then", "do"):
                open_words[-1] = open_words[-1]._replace(led=True)
            return False
        return True

    def _all_closed(self, open_words: list[_Open]) -> None:
        if open_words:
            word, at, _ = open_words[-1]
            raise _FoundError(
                f"`{word}` is never closed; use {_CLOSED_BY[word]} behind it", at, at + len(word)
            )

    def _for_head(self, depth: int) -> None:
        """What stands between `for` and `do`: a name, and the words that it goes through."""
        self._skip_blanks()
        if not _NAME.fullmatch(self._word(depth)):
            raise _LostError
        self._skip_blanks()
        if self.text.startswith(";", self.at) and not self.text.startswith(";;", self.at):
            self.at += 1
            return
        self._skip_lines()
        if not self._word_follows("in"):
            return
        self.at += len("in")
        while True:
            self._skip_blanks()
            char = self.text[self.at : self.at + 1]
            if char == "#":
                self._skip_lines()
                return
            if char in (";", "\n"):
                self.at += (
                    char == ";"
                )  # a line break is read as usual, since here-documents may begin behind it
                return
            if not char or char in "&|()<>":
                raise _LostError
            self._word(depth)

    def _case(self, start: int, depth: int) -> None:
        """The rest of `case word in … esac`."""
        self._skip_blanks()
        self._word(depth)
        self._skip_lines()
        if not self._word_follows("in"):
            raise _LostError
        self.at += len("in")
        while True:
            self._skip_lines()
            if self.at >= len(self.text):
                raise _FoundError("`case` is never closed; use esac behind it", start, start + len("case"))
            if self._word_follows("esac"):
                self.at += len("esac")
                return
            if self.text.startswith("(", self.at):
                self.at += 1
                self._skip_blanks()
            self._word(depth)
            self._skip_blanks()
            while self.text.startswith("|", self.at):
                self.at += 1
                self._skip_blanks()
                self._word(depth)
                self._skip_blanks()
            if not self.text.startswith(")", self.at):
                raise _LostError
            self.at += 1
            self.script(_ARM, depth + 1, start)

    def _function(self, start: int) -> int:
        """The end of `()` behind the name of a function; 0 where it is none."""
        found = _NO_ARGUMENTS.match(self.text, start)
        return found.end() if found else 0

    def _word_follows(self, word: str) -> bool:
        """Whether this word stands here, and ends here."""
        if not self.text.startswith(word, self.at):
            return False
        return self.text[self.at + len(word) : self.at + len(word) + 1] in ("", *" \t\n;&|()<>")

    def _skip_lines(self) -> None:
        """Pass over blanks, comments and line breaks."""
        while True:
            self._skip_blanks()
            if self.text.startswith("\n", self.at):
                self.at += 1
                self._skip_heredocs()
            elif self.text.startswith("#", self.at):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _redirect(self, found: re.Match[str]) -> None:
        self.at = found.end()
        if self.text.startswith("(", self.at):
            raise _LostError  # <(…)
        self._skip_blanks()
        start = self.at
        if self.text.startswith(("<(", ">("), start):
            raise _LostError  # > >(…)
        if not self.text[start : start + 1] or self.text[start] in "\n;&|)<>(":
            raise _FoundError(f"{found[0]} names no file; use one behind it", found.start(), found.end())
        self._word(0)
        if found[0].lstrip("0123456789") in ("<<", "<<-"):
            delimiter = re.sub(r"""["'\\]""", "", self.text[start : self.at])
            self.heredocs.append((delimiter, found[0].endswith("-")))

    def _skip_heredocs(self) -> None:
        for delimiter, chomp in self.heredocs:
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end].rstrip("\r")
                self.at = min(end + 1, len(self.text))
                if (line.lstrip("\t") if chomp else line) == delimiter:
                    break
        self.heredocs = []

    def _skip_blanks(self) -> None:
        blanks = _BLANKS.match(self.text, self.at)
        if blanks:
            self.at = blanks.end()

    # Words

    def _word(self, depth: int) -> str:
        """Pass over a word; the word as it is written."""
        text, start = self.text, self.at
        while self.at < len(text):
            plain = _PLAIN.match(text, self.at)
            if plain:
                self.at = plain.end()
                continue
            char = text[self.at]
            if char == "#" and self.at > start:
                self.at += 1
            elif char == "\\":
                self.at += 2
            elif char in "'\"`":
                self._quoted(char, depth)
            elif char == "$":
                self._dollar(depth)
            else:
                break
        if self.at == start:
            raise _LostError
        self.at = min(self.at, len(text))
        return text[start : self.at]

    def _quoted(self, quote: str, depth: int) -> None:
        text, start = self.text, self.at
        self.at += 1
        while self.at < len(text):
            char = text[self.at]
            if char == quote:
                self.at += 1
                return
            if char == "\\" and quote != "'":
                self.at += 2
            elif char == "$" and quote == '"':
                self._dollar(depth)
            elif char == "`" and quote == '"':
                self._quoted("`", depth)
            else:
                self.at += 1
        raise _FoundError(f"the quote {quote} is never closed; use another at its end", start, start + 1)

    def _dollar(self, depth: int) -> None:
        text, start = self.text, self.at
        self.at += 1
        follower = text[self.at : self.at + 1]
        if follower and follower in "$#?!@*-":
            self.at += 1
            return
        if follower and follower in "'[":
            raise _LostError  # Bash's $'…' and $[…]
        if follower == "(":
            if text.startswith("((", self.at):
                self._arithmetic(start)
                return
            self.at += 1
            if re.match(r"\s*\)", text[self.at :]):
                raise _LostError  # an empty substitution
            self.script(")", depth + 1, start + 1)
        elif follower == "{":
            self._braces(start)

    def _arithmetic(self, start: int) -> None:
        depth = 0
        for at in range(self.at, len(self.text)):
            depth += {"(": 1, ")": -1}.get(self.text[at], 0)
            if not depth:
                if self.text[at - 1] != ")":
                    raise _LostError  # `$( (a); b )`, as Bash reads it
                self.at = at + 1
                return
        if ")" in self.text[start:]:
            raise _LostError  # or a subshell in a substitution, which a here-document or a comment keeps open
        raise _FoundError("$(( is never closed; use ))", start, start + 3)

    def _braces(self, start: int) -> None:
        close = self.text.find("}", self.at)
        if close < 0:
            raise _FoundError("${ is never closed; use }", start, start + 2)
        inside = self.text[self.at + 1 : close]
        if any(char in inside for char in "'\"`\\{$"):
            raise _LostError
        self.at = close + 1
