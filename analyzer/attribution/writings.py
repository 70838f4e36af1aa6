"""What builders write of an instruction, where all that holds at it is known."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..image.created_by import SHELL
from .gaps import GAP, fits
from .notes import Note, key
from .replay import Replay

if TYPE_CHECKING:
    from ..dockerfile import Instruction
    from ..dockerfile.heredoc import Heredoc
    from ..image import Entry, Image

# The classic builder and buildah name what they copied by a sum; only the first one tells the owner.
_COPIED = re.compile(
    r"(?P<keyword>COPY|ADD) (?:--link )?(?:--chown=(?P<owner>\S*?))?(?:(?P<kind>file|dir|multi|archive|url):)?"
    r"(?P<sum>[0-9a-f]{32,}) in (?P<target>.+)",
    re.DOTALL,
)
_SHELL = re.compile(f" {SHELL}")
_WILDCARDS = re.compile(r"[*?\[]")


class Writing(NamedTuple):
    """An instruction, and what steps may say that it made."""

    instruction: Instruction
    keys: tuple[str, ...] = ()  # with gaps
    commands: tuple[str, ...] = ()  # of RUN, with the SHELL in force
    bare_commands: tuple[str, ...] = ()  # … of RUN by builders that do not name the SHELL
    arguments: Mapping[str, str | None] = {}  # what may stand before a command: names, and values where known
    copy: Copy | None = None
    told: bool = True  # whether the step says enough to tell this instruction from an edited one

    @property
    def keyword(self) -> str:
        """The instruction's."""
        return self.instruction.keyword

    def fits(self, note: Note, image: Image) -> bool:
        """Whether a step can be this instruction's."""
        if self.commands and note.command is not None:
            if any(self._ran(command, note.command) for command in self.commands):
                return True
            if not note.keeps_shell and any(
                self._ran(command, note.command) for command in self.bare_commands
            ):
                return True
        if self.copy is not None:
            summed = _COPIED.fullmatch(note.key)
            if summed:
                return self.copy.fits_sum(summed, note, image)
            written = any(fits(one, note.key) for one in self.keys) or self.copy.fits_without_flags(
                note, image
            )
            return written and self.copy.holds_documents(note, image)
        return bool(note.key) and any(fits(one, note.key) for one in self.keys)

    def _ran(self, command: str, text: str) -> bool:
        """Whether a step ran a command, perhaps with build arguments before it: `|2 A=1 B=2 /bin/sh -c make`."""
        if text == command:
            return True
        if not text.startswith("|") or not text.endswith(" " + command):
            return False
        head = text[: -len(command) - 1]
        first = head.split(" ", 2)[1:2]
        if not all(one.partition("=")[0] in self.arguments for one in first):
            return False
        if self.instruction.json is None:
            return not _SHELL.search(head + " ")  # the first one tells where the arguments end
        return self._only_arguments(head)

    def _only_arguments(self, head: str) -> bool:
        """Whether that is all that stands before an exec form: a blank may be of a value, or of a command."""
        names = "|".join(map(re.escape, self.arguments))
        for one in re.split(rf" (?=(?:{names})=)", head)[1:]:
            name, _, value = one.partition("=")
            if " " in value and value != self.arguments[name]:
                return False
        return True


class Copy(NamedTuple):
    """A COPY or an ADD: what is known of it beside its text."""

    sources: tuple[str, ...]
    target: str
    targets: tuple[str, ...]  # as it may be written
    owner: str | None
    mode: str | None
    keeps_owner: bool  # whether files may have the owner that they had: from a stage, or from an archive
    without_flags: str  # its text without its flags
    documents: tuple[str | None, ...]  # what its here-documents hold; None: not known

    def fits_without_flags(self, note: Note, image: Image) -> bool:
        """Whether a step of BuildKit, before it told of --chown and --chmod, can be this one's."""
        if (
            (self.owner, self.mode) == (None, None)
            or note.layer is None
            or not fits(self.without_flags, note.key)
        ):
            return False
        files = [file for file in image.layers[note.layer].files if file.is_file]
        modes = {f"{file.mode & 0o7777:o}" for file in files}
        return self._owns(files) and (self.mode is None or modes == {self.mode.lstrip("0")})

    def fits_sum(self, summed: re.Match[str], note: Note, image: Image) -> bool:
        """Whether a step that gives the sum of its sources can be this one's."""
        if note.keeps_shell and (summed["owner"] is None) != (self.owner is None):
            return False
        if summed["owner"] is not None and not fits(self.owner or "", summed["owner"]):
            return False
        if not any(fits(target, summed["target"].strip()) for target in self.targets):
            return False
        known = not any(_WILDCARDS.search(source) or GAP in source for source in self.sources)
        many = len(self.sources) + len(self.documents) > 1
        if known and summed["kind"] and many != (summed["kind"] == "multi"):
            return False
        if note.layer is None:
            return True
        files = [file for file in image.layers[note.layer].files if file.is_file]
        if not note.keeps_shell and not self._owns(files):
            return False
        one_file = known and summed["kind"] == "file" and summed["keyword"] == "COPY" and len(files) == 1
        return not one_file or self._may_be(files[0].path)

    def _owns(self, files: Sequence[Entry]) -> bool:
        """Whether files have the owner that was asked for, as far as numbers tell."""
        if self.owner is None and self.keeps_owner:
            return True
        if self.owner is not None and not files:
            return False
        user, _, group = (self.owner or "0:0").partition(":")
        if not all(one.isdecimal() and len(one) < 11 for one in (user, group or user)):
            return all(file.uid for file in files) or user == "root"
        return all((file.uid, file.gid) == (int(user), int(group or user)) for file in files)

    def _may_be(self, path: str) -> bool:
        """Whether the one file in a layer can be the one that was copied, by its name."""
        name = posixpath.basename(self.sources[0].rstrip("/"))
        here = posixpath.basename(path)
        if self.target.endswith(("/", "/.", "/..")) or self.target in (".", ".."):
            return here == name
        return here in (name, posixpath.basename(self.target)) or GAP in self.target

    def holds_documents(self, note: Note, image: Image) -> bool:
        """Whether a step's layer has the here-documents that were copied: the step names but their delimiters."""
        if not self.documents:
            return True
        if note.layer is None:
            return True
        files = [file for file in image.layers[note.layer].files if file.is_file]
        return all(
            text is not None
            and any(image.holds(file, text.encode("utf-8", "surrogateescape")) for file in files)
            for text in self.documents
        )


def writing(instruction: Instruction, now: Replay) -> Writing:
    """What builders write of an instruction, where all that is before it has been built."""
    line = key(instruction.line.value)
    match instruction.keyword:
        case "RUN":
            return _run(instruction, now)
        case "COPY" | "ADD":
            return _copy(instruction, now)
        case "ENV" | "LABEL":
            keys = [line, f"{instruction.keyword} {' '.join(now.pairs(instruction))}"]
        case "ARG":
            pairs = now.pairs(instruction)
            # The newest BuildKit tells the value, too, that was given to one without a default.
            given = [pair if "=" in pair else f"{pair}={GAP}" for pair in pairs]
            keys = [line, f"ARG {' '.join(pairs)}", f"ARG {' '.join(given)}"]
        case "CMD" | "ENTRYPOINT":
            keys = [line]
            if instruction.json is None:
                text = instruction.value.raw.strip()
                keys += [key(f"{instruction.keyword} {_listed((*shell, text))}") for shell in now.shells]
        case "WORKDIR":
            directory = now.expanded(instruction.value.value)
            keys = [line, f"WORKDIR {directory}", f"WORKDIR {now.directory(directory)}"]
        case "USER" | "STOPSIGNAL" | "MAINTAINER":
            keys = [line, f"{instruction.keyword} {now.expanded(instruction.value.value)}"]
        case "EXPOSE" | "VOLUME":
            words = " ".join(now.word(word) for word in instruction.args)
            keys = [line, key(f"{instruction.keyword} {words}")]
        case _:
            keys = [line]
    return Writing(instruction, tuple(dict.fromkeys(keys)))


def _listed(words: Iterable[str]) -> str:
    import json

    return json.dumps(list(words), ensure_ascii=False)


def _run(instruction: Instruction, now: Replay) -> Writing:
    raw = instruction.value.raw.strip()
    line = instruction.line.value.strip()
    documents = instruction.heredocs
    told = True
    if instruction.json is not None:
        commands = [" ".join(word.value for word in instruction.json)]
    else:
        script = raw
        if documents:
            script, told = _script(raw, documents)
        commands = [f"{' '.join(shell)} {script}".strip() for shell in now.shells]
    # buildah gives what stands behind RUN to one shell, whatever SHELL says.
    as_it_stands = line[len(instruction.word.raw) :]
    behind = "".join(f"\n{_lines(document).strip()}" for document in documents)
    bare = [f"/bin/sh -c {as_it_stands[1:]}{behind}", f"/bin/sh -c {raw}{behind}"]
    return Writing(
        instruction,
        (key(line),),
        commands=tuple(dict.fromkeys(commands)),
        bare_commands=tuple(dict.fromkeys(bare)),
        arguments=dict(now.declared),
        told=told,
    )


def _script(raw: str, documents: Sequence[Heredoc]) -> tuple[str, bool]:
    """What a RUN with here-documents gives to its shell, and whether that is all of their text.

    One alone is the script. Others stand behind the command.
    """
    first = documents[0]
    if len(documents) == 1 and first.marker.word.raw == raw:
        if first.body.value.startswith("#!"):
            # It has an interpreter of its own: BuildKit puts it into a file, and tells only of that.
            return f"/dev/pipes/{first.marker.delimiter}", False
        return first.body.value.strip(), True
    return raw + "".join(f"\n{_lines(document)}{document.marker.delimiter}" for document in documents), True


def _lines(document: Heredoc) -> str:
    """The lines of a here-document with their tabs, which `<<-` takes away only when it is read."""
    body = document.body
    if not body.value:
        return ""
    first = body.span(0, len(body.value)).line - 1
    return "".join(f"{line}\n" for line in body.text.lines[first : first + body.value.count("\n")])


def _content(document: Heredoc, now: Replay) -> str | None:
    """What a here-document that is copied holds; None when a variable in it is not known."""
    text = document.body.value
    if document.marker.expand:
        text = now.expanded(text)
    return None if GAP in text else text


def _copy(instruction: Instruction, now: Replay) -> Writing:
    words = [now.word(word) for word in instruction.args]
    documents = instruction.heredocs
    if len(words) < 2:
        return Writing(instruction, (key(instruction.line.value),))
    marks = {document.marker.word.raw for document in documents}
    target = words[-1]
    sources = [
        word for word, written in zip(words, instruction.args[:-1], strict=False) if written.raw not in marks
    ]
    flags = {name: _flag(instruction, name, now) for name in ("chown", "chmod")}
    parents = "--parents " if instruction.flag("parents") else ""
    told = "".join(f"--{name}={value} " for name, value in flags.items() if value is not None)
    text = " ".join([*sources, *(f"<<{document.marker.delimiter}" for document in documents), target]).strip()
    keys = [key(instruction.line.value), f"{instruction.keyword} {parents}{told}{text}"]
    target = target.strip()
    targets = [target, instruction.args[-1].raw.strip()]
    absolute = now.directory(target)
    targets += [absolute, f"{absolute.rstrip('/')}/"]
    return Writing(
        instruction,
        tuple(dict.fromkeys(keys)),
        copy=Copy(
            tuple(sources),
            target,
            tuple(dict.fromkeys(targets)),
            flags["chown"],
            flags["chmod"],
            instruction.flag("from") is not None or instruction.keyword == "ADD",
            f"{instruction.keyword} {text}",
            tuple(_content(document, now) for document in documents),
        ),
    )


def _flag(instruction: Instruction, name: str, now: Replay) -> str | None:
    flag = instruction.flag(name)
    return None if flag is None else now.expanded(flag.value or "")
