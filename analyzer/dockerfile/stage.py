"""Build stages, and what holds at each of their instructions: variables, shell, user."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .base import Base, base_facts
from .expansion import Variables, expand
from .instruction import Instruction
from .reference import Reference, parse_reference
from .text import Word
from .words import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .dockerfile import Dockerfile
    from .shell import Script

PLATFORM_ARGS = frozenset(
    "TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT".split()
)
PREDEFINED_ARGS = frozenset(
    "HTTP_PROXY http_proxy HTTPS_PROXY https_proxy FTP_PROXY ftp_proxy NO_PROXY no_proxy"
    " ALL_PROXY all_proxy".split()
)
# What images of languages and servers set in their ENV.
CUSTOMARY_VARIABLES = frozenset(
    "HOME USER LANG LC_ALL LANGUAGE JAVA_HOME JRE_HOME JAVA_VERSION GOPATH GOROOT CARGO_HOME RUSTUP_HOME"
    " GEM_HOME BUNDLE_PATH NODE_VERSION YARN_VERSION PYTHON_VERSION PYTHONPATH LD_LIBRARY_PATH CONDA_DIR"
    " MAMBA_ROOT_PREFIX NB_USER NB_UID NB_GID CATALINA_HOME MAVEN_HOME GRADLE_HOME COMPOSER_HOME PHP_INI_DIR"
    " PGDATA CUDA_HOME CUDA_VERSION NVIDIA_VISIBLE_DEVICES DEBIAN_FRONTEND TZ APP_HOME APP_DIR APP_ROOT"
    " VIRTUAL_ENV HOSTNAME TERM SHELL PWD ProgramFiles SystemRoot windir TEMP TMP USERPROFILE".split()
)
POSIX_SHELLS = frozenset({"sh", "bash", "ash", "dash", "ksh", "zsh"})


class User(NamedTuple):
    """Who a stage runs as. `value` is None when it can't be told from the text."""

    value: str | None
    instruction: Instruction | None  # the USER that says so; None: the base image's
    reason: str

    @property
    def is_root(self) -> bool | None:
        """True, False, or None for unknown."""
        if self.value is None:
            return None
        return self.value.partition(":")[0] in ("", "root", "0")


class Stage:
    """One FROM and what follows it.

    `instructions` are those behind FROM; the index is -1 where there is none. `parent` is the earlier stage
    that FROM names, if any.
    """

    def __init__(
        self, file: Dockerfile, index: int, source: Instruction, body: tuple[Instruction, ...]
    ) -> None:
        self.file = file
        self.index = index
        self.source = source
        self.instructions = body
        self._scripts: dict[int, Script] = {}
        self._settings: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"<Stage {self.index} {self.source.value.raw!r}>"

    # FROM

    @property
    def base(self) -> Word:
        """The image or stage that FROM names, as it is written."""
        return self.source.args[0]

    @property
    def name(self) -> Word | None:
        """What follows AS."""
        args = self.source.args
        return args[2] if len(args) > 2 and args[1].raw.lower() == "as" else None

    @cached_property
    def base_name(self) -> str | None:
        """The base with its variables expanded; None if that can't be done from the text."""
        return None if self.index < 0 else self.from_value(self.base.raw)

    @cached_property
    def parent(self) -> Stage | None:
        """The earlier stage that this one is built on."""
        return self.file.stage_named(self.base_name, self.index) if self.base_name else None

    @cached_property
    def reference(self) -> Reference | None:
        """The base image taken apart; None for an earlier stage, scratch, or an unknown."""
        if not self.base_name or self.base_name == "scratch" or self.parent:
            return None
        if self.file.frontend and self.base_name.startswith("."):
            return None  # a file, to some frontends
        return parse_reference(self.base_name)

    @cached_property
    def lineage(self) -> tuple[Stage, ...]:
        """This stage and those it is built on, nearest first."""
        chain: list[Stage] = [self]
        while (parent := chain[-1].parent) is not None:
            chain.append(parent)
        return tuple(chain)

    @cached_property
    def root_base(self) -> Base:
        """What is known of the image at the bottom of the lineage."""
        bottom = self.lineage[-1]
        if bottom.base_name == "scratch":
            return Base("root", windows=False, workdir="/", distribution="scratch")
        return base_facts(bottom.reference)

    @property
    def shipped(self) -> bool:
        """Whether its files end up in an image: the targets and the stages that they are built on."""
        return self.index < 0 or self.index in self.file.shipped

    @property
    def target(self) -> Stage | None:
        """The first of the file's targets that it is part of; None where it is not shipped."""
        return self.file.target_of.get(self.index)

    # Instructions

    @cached_property
    def _by_keyword(self) -> dict[str, tuple[Instruction, ...]]:
        groups: dict[str, list[Instruction]] = {}
        for instruction in self.instructions:
            groups.setdefault(instruction.keyword, []).append(instruction)
        return {keyword: tuple(group) for keyword, group in groups.items()}

    def all(self, *keywords: str) -> tuple[Instruction, ...]:
        """The instructions of these keywords, in order, without ONBUILD's."""
        if len(keywords) == 1:
            return self._by_keyword.get(keywords[0], ())
        return tuple(instruction for instruction in self.instructions if instruction.keyword in keywords)

    def last(self, *keywords: str) -> Instruction | None:
        """The last instruction of these keywords."""
        found = [group[-1] for keyword in keywords if (group := self._by_keyword.get(keyword))]
        return max(found, key=lambda one: one.start, default=None)

    def names_setting(self, setting: str) -> bool:
        """Whether an instruction here or below names a setting (lower case), not as a --flag, nor for one call (-o).

        That is how an apt.conf written by a RUN shows: `APT::Get::Assume-Yes "true";`.
        """
        if setting not in self._settings:
            pattern = re.compile(rf"(?<!-)(?<!-o )(?<!-o){re.escape(setting)}")
            self._settings[setting] = any(
                pattern.search(instruction.written.lower())
                for stage in self.lineage
                for instruction in stage.instructions
            )
        return self._settings[setting]

    def inherited(self, *keywords: str) -> Instruction | None:
        """The last instruction of these keywords in this stage or those it is built on."""
        for stage in self.lineage:
            found = stage.last(*keywords)
            if found:
                return found
        return None

    # Variables

    @cached_property
    def _environments(self) -> list[dict[str, str | None]]:
        """The variables in force before each instruction, and at the end."""
        # BuildKit hands build arguments, too, on to the stages that are built on this one.
        now = dict(self.parent._environments[-1]) if self.parent else {}
        # An ENV of the base image would win over ARG, but the text can't know it.
        fixed = set(self.parent.env) if self.parent else set()
        out = [now]
        for instruction in self.instructions:
            if instruction.keyword in ("ENV", "ARG"):
                after = dict(now)
                for word, value in instruction.pairs:
                    name = word.value
                    if instruction.keyword == "ENV":
                        after[name] = None if value is None else expand(value.value, now, self.file.escape)
                        fixed.add(name)
                    elif name not in fixed:
                        after[name] = self._arg(name, value, after)
                now = after
            out.append(now)
        return out

    def _arg(self, name: str, value: Word | None, now: dict[str, str | None]) -> str | None:
        given = self.file.build_args.get(name)
        if given is not None:
            return given
        if value is not None:
            return expand(value.value, now, self.file.escape)
        if name in PLATFORM_ARGS:
            return None
        # Declared without a value: the global default, else empty unless given at build time.
        return self.file.global_args.get(name)

    @cached_property
    def env(self) -> frozenset[str]:
        """The names that ENV sets here or in the stages below."""
        own = {name.value for one in self.all("ENV") for name, _ in one.pairs}
        return frozenset(own | (self.parent.env if self.parent else set()))

    def inherits(self, name: str) -> bool | None:
        """Whether the base image sets a variable that nothing here sets; None when nobody can tell here.

        A system alone sets PATH. Images of languages and servers set what is customary, and what is
        named after them; other images set what they like.
        """
        bottom = self.lineage[-1]
        if name == "PATH":
            return True
        if bottom.base_name == "scratch" or bottom.root_base.bare:
            return False
        if name in CUSTOMARY_VARIABLES:
            return True
        mark = name.partition("_")[0].lower()
        if len(mark) > 2 and mark in re.split(r"[^a-z0-9]+", (bottom.base_name or bottom.base.value).lower()):
            return True
        return False if bottom.root_base.known else None

    def variables(self, instruction: Instruction | None = None) -> dict[str, str | None]:
        """The variables in force at an instruction of this stage, or at its end."""
        if instruction is None:
            return self._environments[-1]
        index = self._positions.get(id(instruction))
        if index is not None:
            return self._environments[index]
        return self.file.global_args

    def expanded(self, word: Word, instruction: Instruction) -> str | None:
        """A word of an instruction with its variables replaced; None when one is unknown.

        A name that neither ARG nor ENV sets may still come from the base image.
        """
        if "$" not in word.value:
            return word.value
        known = self.variables(instruction)
        if self.lineage[-1].base_name == "scratch":
            return expand(word.value, known, self.file.escape)
        return expand(word.value, _MissingIsUnknown(known), self.file.escape)

    def resolved(self, raw: str, instruction: Instruction) -> str | None:
        """A word as it is written, without its quotes and with its variables replaced; None when one is unknown."""
        if "$" not in raw and "'" not in raw and '"' not in raw and self.file.escape not in raw:
            return raw
        if (len(raw) - len(raw.rstrip(self.file.escape))) % 2:
            raw = raw[:-1]  # an escape at the end escapes nothing, and goes away
        known = self.known_variables(instruction)
        return expand(unquote(raw, self.file.escape), known, self.file.escape)

    def known_variables(self, instruction: Instruction) -> Variables:
        """The variables in force at an instruction. One that nothing here sets may come from the base image: None."""
        known = self.variables(instruction)
        from_nowhere = self.lineage[-1].base_name == "scratch" and not self.is_trigger(instruction)
        if instruction is self.source or from_nowhere:
            return known
        return _MissingIsUnknown(known)

    def is_trigger(self, instruction: Instruction) -> bool:
        """Whether an instruction stands behind ONBUILD: it runs in another build, with that one's stages."""
        return id(instruction) in self._triggers

    @cached_property
    def _triggers(self) -> frozenset[int]:
        return frozenset(id(instruction.trigger) for instruction in self.instructions if instruction.trigger)

    def from_value(self, raw: str) -> str | None:
        """A word of FROM, which sees the ARGs before the first FROM alone; None when a variable is unknown."""
        return expand(unquote(raw, self.file.escape), self.file.global_args, self.file.escape)

    @cached_property
    def _positions(self) -> dict[int, int]:
        """Where each instruction stands in the stage, those behind ONBUILD too."""
        out = {id(one): index for index, one in enumerate(self.instructions)}
        out |= {id(one.trigger): index for index, one in enumerate(self.instructions) if one.trigger}
        return out

    # Paths

    @cached_property
    def _workdirs(self) -> list[str | None]:
        """The working directory before each instruction, and at the end; None when it can't be told."""
        now: str | None = self.parent._workdirs[-1] if self.parent else self.root_base.workdir
        out = [now]
        for instruction in self.instructions:
            if instruction.keyword == "WORKDIR":
                step = self.expanded(instruction.value, instruction)
                if step and not step.startswith("/"):
                    step = None if now is None else posixpath.join(now, step)
                now = posixpath.normpath(step) if step else None
            out.append(now)
        return out

    def workdir(self, instruction: Instruction | None = None) -> str | None:
        """The working directory at an instruction, or at the stage's end; None when it can't be told."""
        index = -1 if instruction is None else self._positions.get(id(instruction), -1)
        return self._workdirs[index]

    def path(self, word: Word, instruction: Instruction) -> str | None:
        """An absolute path from a word of an instruction of this stage, without a final slash."""
        value = self.expanded(word, instruction)
        if not value:
            return None
        value = value.strip("\"'")
        if not value.startswith("/"):
            directory = self.workdir(instruction)
            if directory is None:
                return None
            value = posixpath.join(directory, value)
        return posixpath.normpath(value)

    @cached_property
    def volumes(self) -> dict[str, Instruction]:
        """The directories that VOLUME declares here or below, and where."""
        out = dict(self.parent.volumes) if self.parent else {}
        for one in self.all("VOLUME"):
            for word in one.args:
                path = self.path(word, one)
                if path:
                    out[path] = one
        return out

    # What is started

    @cached_property
    def entrypoint(self) -> Instruction | None:
        """The ENTRYPOINT in force; an empty array takes an inherited one away."""
        return self.inherited("ENTRYPOINT")

    @cached_property
    def cmd(self) -> Instruction | None:
        """The CMD in force: an ENTRYPOINT drops the CMD of the stages below its own."""
        for stage in self.lineage:
            if found := stage.last("CMD"):
                return found
            if stage.last("ENTRYPOINT"):
                return None
        return None

    @cached_property
    def argv(self) -> tuple[str, ...]:
        """What the engine would start, of ENTRYPOINT and CMD in all their forms; () for nothing known.

        Behind a shell-form ENTRYPOINT the words of CMD are there, too: they are the `$0 $1 …` of its text.
        """
        return self._words(self.entrypoint) + self._words(self.cmd)

    def _words(self, instruction: Instruction | None) -> tuple[str, ...]:
        if instruction is None or not instruction.value.raw:
            return ()
        if instruction.json is not None:
            return tuple(word.value for word in instruction.json)
        owner = next(stage for stage in self.lineage if instruction in stage.instructions)
        return (*owner.shell(instruction), instruction.value.raw)

    # Shell and user

    @cached_property
    def _shells(self) -> list[tuple[str, ...] | None]:
        """The SHELL before each instruction, and at the end; None for the engine's own."""
        now = self.parent._shells[-1] if self.parent else None
        # A comment can say what shell a base image has: above FROM, or before the first one for all.
        first = (self.file.stages[0].source,) if self.file.stages else ()
        for one in (*self.file.preamble, *first, self.source):
            now = _named_shell(one) or now
        out = [now]
        for instruction in self.instructions:
            now = _named_shell(instruction) or now
            out[-1] = now
            if instruction.keyword == "SHELL" and instruction.json:
                now = tuple(word.value for word in instruction.json)
            out.append(now)
        return out

    def shell(self, instruction: Instruction) -> tuple[str, ...]:
        """The SHELL in force at an instruction."""
        index = self._positions.get(id(instruction), len(self.instructions))
        found = self._shells[index]
        if found is not None:
            return found
        return ("cmd", "/S", "/C") if self.windows else ("/bin/sh", "-c")

    @property
    def windows(self) -> bool:
        """Whether the stage is built for Windows, as far as the text tells: paths are why a backtick escapes."""
        facts = self.root_base
        return facts.windows or (self.file.escape == "`" and facts.distribution is None)

    @cached_property
    def user(self) -> User:
        """Who the stage runs as at its end."""
        for stage in self.lineage:
            instruction = stage.last("USER")
            if instruction:
                value = stage.expanded(instruction.value, instruction)
                return User(value, instruction, f"USER {instruction.value.raw}")
        if self.windows:
            return User(None, None, "Windows images have users of their own")
        known = self.root_base.user
        bottom = self.lineage[-1]
        if known is None:
            return User(None, None, f"the user of the base image {bottom.base.raw} is not known")
        return User(known, None, f"{bottom.base.raw} runs as {known}")

    def script(self, instruction: Instruction) -> Script:
        """The commands that an instruction runs (RUN, and the shell form of CMD and the like)."""
        key = id(instruction)
        if key not in self._scripts:
            from .shell import read_script  # heavy: only files with commands need it

            self._scripts[key] = read_script(instruction, self.shell(instruction))
        return self._scripts[key]

    def understands(self, instruction: Instruction) -> bool:
        """Whether `script` can read an instruction as commands. Told without reading it, where that is enough."""
        if instruction.json is not None:
            return True
        shell = self.shell(instruction)
        program = re.split(r"[/\\]", shell[0])[-1] if shell else "sh"
        if program in POSIX_SHELLS and not any(
            doc.body.value.startswith("#!") for doc in instruction.heredocs
        ):
            return True
        return self.script(instruction).read

    def runs(self) -> Iterator[Instruction]:
        """The RUN instructions of this stage, ONBUILD's too."""
        for instruction in self.instructions:
            if instruction.keyword == "RUN":
                yield instruction
            elif instruction.trigger and instruction.trigger.keyword == "RUN":
                yield instruction.trigger


_SHELL_COMMENT = re.compile(r"(?:hadolint|imglint)\s+shell\s*=\s*(\S+)")


def _named_shell(instruction: Instruction) -> tuple[str, ...] | None:
    """The shell that a comment above an instruction names: `# hadolint shell=powershell`."""
    for comment in reversed(instruction.comments):
        match = _SHELL_COMMENT.match(comment.text)
        if match:
            return match[1], "-c"
    return None


class _MissingIsUnknown(dict[str, str | None]):
    """Variables in which a missing name is not empty but unknown: the base image may set it."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> None:
        return None
