"""The commands inside a RUN: programs, arguments, pipes and operators, each in its place.

PowerShell, cmd and scripts for other interpreters are recognised and not read at all: a shell
reader would only misunderstand them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .shell_syntax import Piece, Reader
from .span import Span
from .stage import POSIX_SHELLS
from .text import SPACE, Joined, Word
from .words import blank_delimited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .instruction import Instruction

_SHEBANG = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(\S+)")
_DOUBLE_QUOTED_ESCAPES = '$`"\\\n'
# Programs that run the program named behind them.
_WRAPPERS = frozenset(
    "sudo exec env nohup time command nice eatmydata gosu su-exec tini tini-static dumb-init catatonit docker-init"
    " stdbuf ionice setarch timeout xargs".split()
)
_INITS = frozenset({"tini", "tini-static", "dumb-init", "catatonit", "docker-init"})
_WRAPPER_FLAGS_WITH_VALUE = frozenset({"-u", "--user", "-g", "--group", "-n", "-C", "-h"})
_OTHER_FLAGS_WITH_VALUE = {
    "timeout": frozenset({"-s", "-k", "--signal", "--kill-after"}),
    "xargs": frozenset("-n -P -I -d -a -L -s -E --max-args --max-procs --delimiter --arg-file".split()),
} | dict.fromkeys(_INITS, frozenset({"-p", "-e", "-r", "--rewrite"}))
_MAX_NESTED_SCRIPTS = 4
_MAX_ESCAPES = 200


class Pipe(NamedTuple):
    """Where a command stands in a pipeline: which one of the script's, and which part of it."""

    pipeline: int
    part: int


class Redirect(NamedTuple):
    """`> /etc/hosts`: the operator and its target."""

    operator: str
    target: Word


class Command:
    """One simple command. `words` starts with the program; quotes are gone from their values.

    `after` is the operator before it in its list ("" for the first), `depth` how many compound commands
    (if, for, braces, parentheses) it stands in, `nested` says that it runs in a subshell, a substitution or a
    function, `wrapped` that another program starts it (sudo, or xargs, which adds arguments),
    `starts_script` that it is a shell whose `-c` string was read: its commands follow, and are `quoted`.
    """

    __slots__ = (
        "after", "assignments", "background", "depth", "instruction", "name", "nested", "pipe", "quoted", "redirects",
        "script", "starts_script", "substituted", "words", "wrapped",
    )  # fmt: skip

    def __init__(
        self,
        script: Script,
        words: tuple[Word, ...],
        *,
        assignments: tuple[Word, ...] = (),
        redirects: tuple[Redirect, ...] = (),
        after: str = "",
        depth: int = 0,
        nested: bool = False,
        substituted: bool = False,
        background: bool = False,
        pipe: Pipe | None = None,
        wrapped: bool = False,
        quoted: bool = False,
    ) -> None:
        self.script = script
        self.instruction = script.instruction
        self.words = words
        self.assignments = assignments
        self.redirects = redirects
        self.after = after
        self.depth = depth
        self.nested = nested
        self.substituted = substituted
        self.background = background
        self.pipe = pipe
        self.wrapped = wrapped
        self.quoted = quoted
        self.starts_script = False
        self.name = words[0].value.rpartition("/")[2] if words else ""

    def __repr__(self) -> str:
        return f"Command({' '.join(word.raw for word in self.words)!r})"

    @property
    def hands_over(self) -> bool:
        """Whether it starts what stands behind it, and nothing does: `tini --` of an ENTRYPOINT."""
        return self.name in _WRAPPERS and not _behind_wrapper(self)

    @property
    def args(self) -> tuple[Word, ...]:
        """The words behind the program."""
        return self.words[1:]

    @property
    def span(self) -> Span:
        """From the program to the last argument."""
        # Words of a resolved variable stand where it was set, before the command.
        first, last = self.words[0].span, max(self.words, key=lambda word: word.offset).span
        return Span(first.line, first.column, last.end_line, last.end_column)

    def has_flag(self, *names: str) -> bool:
        """Whether a flag is given: a letter ("y", also inside -qqy) or a word ("assume-yes")."""
        for word in self.args:
            value = word.value
            if value == "--":
                return False
            if value.startswith("--"):
                if value[2:].partition("=")[0] in names:
                    return True
            elif value.startswith("-") and any(len(name) == 1 and name in value[1:] for name in names):
                return True
        return False

    def operands(self, *valued: str) -> tuple[Word, ...]:
        """The arguments that are no flags; `valued` are flags whose next word is their value."""
        out = []
        skip = False
        only_operands = False
        for word in self.args:
            if skip:
                skip = False
            elif only_operands or not word.value.startswith("-") or word.value == "-":
                out.append(word)
            elif word.value == "--":
                only_operands = True
            elif word.value in valued:
                skip = True
        return tuple(out)


class Script:
    """What a shell would be given, and the commands in it.

    `shell` is the program that reads it ("sh", "bash", "powershell", "python3", …); `read` says
    whether it was read as commands at all.
    """

    def __init__(self, instruction: Instruction, shell: str, text: Joined | None) -> None:
        self.instruction = instruction
        self.shell = shell
        self.text = text
        self.commands: list[Command] = []
        self.comments: list[Word] = []
        # Variables that the script sets once, to a text that can be read: their words. None: set otherwise.
        self.constants: dict[str, tuple[Word, ...] | None] = {}
        self.read = text is None or shell in POSIX_SHELLS

    def pipeline(self, pipe: Pipe) -> list[Command]:
        """The commands of a pipeline, in order."""
        return [
            command for command in self.commands if command.pipe and command.pipe.pipeline == pipe.pipeline
        ]

    def following(self, command: Command) -> Iterator[Command]:
        """The commands behind one, in the order of the text."""
        seen = False
        for one in self.commands:
            if seen:
                yield one
            seen = seen or one is command


def read_script(instruction: Instruction, shell: tuple[str, ...]) -> Script:
    """The commands of a RUN, or of the shell or exec form of CMD, ENTRYPOINT and HEALTHCHECK."""
    if instruction.json is not None:
        return _exec_form(instruction)
    start, end = instruction.rest
    if instruction.keyword == "HEALTHCHECK" and instruction.args:
        # HEALTHCHECK CMD command
        start = instruction.args[1].offset if len(instruction.args) > 1 else end
    program = _program(shell[0]) if shell else "sh"
    heredocs = instruction.heredocs
    line = instruction.line.value[start:end].strip(SPACE)
    if len(heredocs) == 1 and line == heredocs[0].marker.word.raw:
        # RUN <<EOF: the body is the script, for the interpreter that its first line names.
        body = heredocs[0].body
        shebang = _SHEBANG.match(body.value)
        script = Script(instruction, _program(shebang[1]) if shebang else program, body)
        if script.read:
            _read(script, body)
        return script
    text = _clipped(instruction, start, end)
    script = Script(instruction, program, text)
    if script.read:
        _read(script, text)
        _read_stdin(script)
    return script


def read_text(text: str) -> list[Command]:
    """The commands of a script file; [] when its first line names no POSIX shell."""
    from .parser import parse
    from .text import Text

    shebang = _SHEBANG.match(text)
    if not shebang or _program(shebang[1]) not in POSIX_SHELLS:
        return []
    # A script needs an instruction to belong to: it is read as the here-document of a RUN.
    (run,) = parse(Text(f"RUN <<'/'\n{text}\n/\n")).instructions
    return read_script(run, ("sh",)).commands


def _program(path: str) -> str:
    name = re.split(r"[/\\]", path)[-1].lower()
    return name.removesuffix(".exe")


def _clipped(instruction: Instruction, start: int, end: int) -> Joined:
    """The shell's part of an instruction, with the here-documents below it."""
    text = instruction.line.clip(start, end)
    if not instruction.heredocs:
        return text
    line_end = instruction.line.offset(end - 1) + 1
    return text.followed_by(line_end, instruction.end)


def _exec_form(instruction: Instruction) -> Script:
    script = Script(instruction, "", None)
    if instruction.json:
        _read_words(script, instruction.json)
    return script


def _read_words(script: Script, words: tuple[Word, ...], *, wrapped: bool = False) -> None:
    """Add the commands that a list of words stands for."""
    name = _program(words[0].value)
    if name in POSIX_SHELLS and len(words) > 2 and re.fullmatch(r"-[a-z]*c", words[1].value):
        command = Command(script, words, wrapped=wrapped)
        script.commands.append(command)
        # A \n or \u0041 stands for a character that the file does not hold: such a string is not read.
        inner = _unescaped(words[2].joined(), '"\\/', others_stay=False)
        if inner is not None:
            command.starts_script = True
            _read(script, inner)
        return
    command = Command(script, words, wrapped=wrapped)
    script.commands.append(command)
    if command.name in _WRAPPERS and (args := _behind_wrapper(command)):
        _read_words(script, args, wrapped=True)


def _read_stdin(script: Script) -> None:
    """`bash <<EOF`: the body is a script too."""
    heredocs = script.instruction.heredocs
    if not heredocs:
        return
    for command in list(script.commands):
        if command.name in POSIX_SHELLS and not command.operands():
            for heredoc in heredocs:
                _read(script, heredoc.body)
            return


def _read(script: Script, text: Joined, start: int = 0, end: int | None = None, depth: int = 0) -> None:
    """Add the commands of a POSIX script to `script`."""
    reader = Reader(text.value)
    reader.read(start, len(text.value) if end is None else end)
    script.comments.extend(Word(text, *comment) for comment in reader.comments)
    first = 1 + max((one.pipe.pipeline for one in script.commands if one.pipe), default=-1)
    for simple in reader.commands:
        if not simple.words:
            for piece in simple.assignments:
                _remember(script, text, piece, certain=not simple.nested and simple.after in ("", ";", "&&"))
            continue
        command = Command(
            script,
            tuple(word for piece in simple.words for word in _words(script, text, piece)),
            assignments=tuple(_word(text, piece) for piece in simple.assignments),
            redirects=tuple(Redirect(operator, _word(text, piece)) for operator, piece in simple.redirects),
            after=simple.after,
            depth=simple.depth,
            nested=simple.nested,
            substituted=simple.substituted,
            background=simple.background,
            pipe=None if simple.pipeline is None else Pipe(first + simple.pipeline, simple.part),
            quoted=depth > 0,
        )
        script.commands.append(command)
        _follow(script, text, command, depth)


_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_CONSTANT = re.compile(r"""(?P<name>\w+)=(?P<quote>["']?)(?P<value>[^$`\\"']*)(?P=quote)""")


def _remember(script: Script, text: Joined, piece: Piece, *, certain: bool) -> None:
    """Note what `PACKAGES="a b"` sets, for the commands that use it."""
    match = _CONSTANT.fullmatch(text.value, piece.start, piece.end)
    name = text.value[piece.start : piece.end].partition("=")[0].rstrip("+")
    known = match is not None and certain and name not in script.constants
    words = blank_delimited(text, *match.span("value")) if known and match else None
    script.constants[name] = words


def _words(script: Script, text: Joined, piece: Piece) -> tuple[Word, ...]:
    """A word, or those that the variable stands for which it consists of."""
    if script.constants:
        match = _VARIABLE.fullmatch(text.value, piece.start, piece.end)
        words = script.constants.get(match[1] or match[2]) if match else None
        if words:
            return words
    return (_word(text, piece),)


def _word(text: Joined, piece: Piece) -> Word:
    return Word(text, piece.start, piece.end, unquoted(text.value[piece.start : piece.end]))


def _follow(script: Script, text: Joined, command: Command, depth: int) -> None:
    """`sudo make install` runs make, too, and `bash -c '…'` what the quotes hold."""
    if command.name in _WRAPPERS:
        args = _behind_wrapper(command)
        if args:
            inner = Command(
                script, args, assignments=command.assignments, redirects=command.redirects,
                after=command.after, depth=command.depth, nested=command.nested, substituted=command.substituted,
                background=command.background, pipe=command.pipe, wrapped=True, quoted=command.quoted,
            )  # fmt: skip
            script.commands.append(inner)
            _follow(script, text, inner, depth)
        return
    if command.name not in POSIX_SHELLS or depth >= _MAX_NESTED_SCRIPTS:
        return
    for flag, word in zip(command.args, command.args[1:], strict=False):
        if re.fullmatch(r"-[a-z]*c", flag.value):
            raw = word.raw
            quote = raw[:1]
            text = word.joined().clip(1, len(raw) - 1)
            whole = len(raw) > 2 and quote in ("'", '"') and raw[-1] == quote
            if not whole or re.search(rf"(?<!\\){quote}", text.value):
                return
            read = text if quote == "'" else _unescaped(text, _DOUBLE_QUOTED_ESCAPES, others_stay=True)
            if read is not None:
                command.starts_script = True
                _read(script, read, depth=depth + 1)
            return


def _unescaped(text: Joined, escaped: str, *, others_stay: bool) -> Joined | None:
    """A text without the backslashes before these characters; None when it can't be told without others."""
    dropped: list[int] = []
    at = text.value.find("\\")
    while at >= 0 and len(dropped) <= _MAX_ESCAPES:
        follower = text.value[at + 1 : at + 2]
        if follower and follower in escaped:
            dropped.append(at)
        elif not others_stay:
            return None
        at = text.value.find("\\", at + 2)
    if not dropped:
        return text
    return text.without(dropped) if len(dropped) <= _MAX_ESCAPES else None


def _behind_wrapper(command: Command) -> tuple[Word, ...]:
    args = command.args
    at = 0
    while at < len(args):
        value = args[at].value
        if value in _OTHER_FLAGS_WITH_VALUE.get(command.name, _WRAPPER_FLAGS_WITH_VALUE):
            at += 2
        elif value.startswith("-") or (command.name == "env" and "=" in value):
            at += 1
        else:
            break
    if command.name in ("gosu", "su-exec", "timeout"):
        at += 1  # the user, or how long
    return args[at:]


def unquoted(raw: str) -> str:
    """A shell word without its quotes; expansions stay as they are written."""
    if not any(char in raw for char in "'\"\\"):
        return raw
    out = []
    quote = ""
    at = 0
    while at < len(raw):
        char = raw[at]
        at += 1
        if quote == "'":
            if char == "'":
                quote = ""
            else:
                out.append(char)
        elif char == "\\" and at < len(raw):
            if quote and raw[at] not in _DOUBLE_QUOTED_ESCAPES:
                out.append(char)
            out.append(raw[at])
            at += 1
        elif char == quote:
            quote = ""
        elif char in "'\"" and not quote:
            quote = char
        else:
            out.append(char)
    return "".join(out)
