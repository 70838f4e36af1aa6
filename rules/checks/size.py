"""Antipattern 3: large images, by bytes that nobody can see."""

from __future__ import annotations

import fnmatch
import functools
import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from ...analyzer.dockerfile import Instruction
from ...analyzer.sizes import shown
from ..rule import ImageExample, LayerRef, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...analyzer.dockerfile import Command, Stage, Word
    from ...analyzer.image import Image

REWRITTEN = Rule(
    code="AV0301",
    name="ownership-rewritten",
    severity=Severity.INFO,
    antipattern=3,
    message="{program} -R on {path} writes all its files into a second layer; {advice}",
    page="""A RUN changes owner or mode of what a COPY has just brought in.

A layer can't hold a change of metadata alone: every file is stored again, whole, even where owner
and mode are what they were. `COPY --chown` and `COPY --chmod` set them at once. Told where a COPY
brings in a directory, or ADD unpacks an archive; a few files by their names are no matter, and what
the same RUN has made has no other copy.
""",
    bad=(
        "FROM a\nCOPY . /srv/app\nRUN chown -R app /srv/app\n",
        "FROM a\nWORKDIR /srv\nCOPY . .\nRUN useradd x && chmod -R 755 /srv\n",
        "FROM a\nCOPY --chown=app src /srv/src\nRUN ./gen && chown -R app /srv/src\n",
        "FROM a\nADD site.tar.gz /srv\nRUN chmod -R go-w /srv\n",
    ),
    good=(
        "FROM a\nCOPY --chown=app . /srv/app\n",
        "FROM a\nCOPY . /srv/app\nRUN chown -R app /var/log\n",
        "FROM a\nCOPY . /srv/app\nRUN chown app /srv/app\n",
        "FROM a\nRUN chown -R app /srv\nCOPY . /srv/app\n",
        "FROM a AS b\nCOPY . /x\nRUN chown -R app /x\nFROM c\nCOPY --from=b /x /y\n",
        "FROM a\nCOPY a.zip /opt/x/\nRUN unzip /opt/x/a.zip -d /opt/x && chown -R app /opt/x/sub\n",
        "FROM a\nCOPY package.json start.sh /srv/\nRUN npm ci && chmod -R g=u /srv\n",
        "FROM a\nCOPY --chown=app . /srv\nRUN ./gen && chown --from root:root -R app:app /srv\n",
    ),
    shipped_only=True,
)


@REWRITTEN.command("chown", "chmod", "chgrp")
def ownership(command: Command, stage: Stage) -> Outcome:
    if not command.has_flag("R", "recursive") or command.has_flag("from"):
        return  # --from=root changes what this RUN has made, and leaves the others
    here = command.instruction.span.line
    flag = "chmod" if command.name == "chmod" else "chown"
    for word in command.operands()[1:]:
        path = stage.path(word, command.instruction)
        copy = _copied(stage).first(path) if path else None
        if copy is None or copy.span.line >= here:
            continue
        line = copy.span.line
        advice = f"use COPY --{flag} on line {line}"
        if copy.keyword == "ADD" and any(
            re.search(_UNPACKED, arg.value.strip("\"'")) for arg in copy.args[:-1]
        ):
            advice = f"unpack the archive of line {line} in this RUN, from a bind mount"
        if copy.flag(flag):
            advice = f"line {line} has --{flag}; change only what this RUN made, without -R"
        yield REWRITTEN.finding(command.span, program=command.name, path=word.value, advice=advice)
        return


class _Copied(NamedTuple):
    """Where a stage's COPY and ADD put directories: by path the first that does."""

    at: dict[str, Instruction]  # their destinations
    below: dict[str, Instruction]  # … and all directories above those

    def first(self, path: str) -> Instruction | None:
        """The first that puts something at this path, below it, or into a directory above it."""
        found = [self.below.get(path.rstrip("/"))]
        found += [self.at.get(above) for above in _with_parents(path)]
        return min((one for one in found if one is not None), key=lambda one: one.start, default=None)


@functools.lru_cache(maxsize=4)
def _copied(stage: Stage) -> _Copied:
    found = _Copied({}, {})
    for instruction in stage.instructions:
        if (
            instruction.keyword in ("COPY", "ADD")
            and len(instruction.args) > 1
            and _brings_many(instruction, stage)
        ):
            path = stage.path(instruction.args[-1], instruction)
            if path and path != "/":
                found.at.setdefault(path, instruction)
                for above in _with_parents(path):
                    found.below.setdefault(above, instruction)
    return found


_FILE_NAME = (
    r"(?:^|/)(?:[^/]*\.[A-Za-z]\w{0,9}|Dockerfile|Makefile|Gemfile|LICENSE|Procfile|Pipfile|go\.(?:mod|sum))$"
)
_UNPACKED = r"(?i)\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz)$"


def _brings_many(copy: Instruction, stage: Stage) -> bool:
    """Whether a COPY or ADD brings in a directory, as far as the names of its sources tell."""
    if copy.heredocs:
        return False
    context = stage.file.context if not copy.flag("from") else None
    for word in copy.args[:-1]:
        name = word.value.strip("\"'")
        if copy.keyword == "ADD" and re.search(_UNPACKED, name):
            return True
        if context and context.is_file(name):
            continue
        if not re.search(_FILE_NAME, name) or name.rstrip("/").endswith((".", "..")):
            return True
    return False


def _with_parents(path: str) -> list[str]:
    """/a/b/c, /a/b, /a and "", which stands for the root."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


LATE_REMOVAL = Rule(
    code="AV0302",
    name="removed-in-later-layer",
    severity=Severity.INFO,
    antipattern=3,
    message="{path} stays in the layer of line {line}: removing it here only hides it; remove it where it is made",
    page="""A RUN removes a file that an earlier instruction put into the image.

Layers only add up: the file stays in the layer that wrote it, is pulled and stored with it, and
can be read from it. Do not copy it in the first place (.dockerignore, a builder stage,
`RUN --mount=type=bind`), or remove it in the RUN that made it. Told of archives, packages, installers,
what is fetched and whole directories; the few kilobytes of a script or a list matter to nobody.
""",
    bad=(
        "FROM debian:12\nRUN curl -fLO https://example.org/x.tgz\nRUN tar xf x.tgz\nRUN rm x.tgz\n",
        "FROM debian:12\nRUN wget -q https://example.org/x.deb\nRUN rm *.deb\n",
        "FROM a\nENV P=a.zip\nCOPY $P /opt/\nRUN unzip /opt/$P && rm /opt/$P\n",
        "FROM a\nADD j-1.zip /tmp/\nRUN cd /tmp && unzip j-1.zip && rm -rf j-1*\n",
        "FROM a\nCOPY src /src\nRUN make -C /src\nRUN rm -rf /src\n",
        "FROM a\nCOPY app.tar.gz /tmp/\nRUN tar xf /tmp/app.tar.gz && rm /tmp/app.tar.gz\n",
        "FROM a\nRUN curl -o /tmp/x.zip https://example.org/x.zip\nRUN rm -f /tmp/x.zip\n",
        "FROM a\nWORKDIR /opt\nCOPY app.deb .\nRUN dpkg -i app.deb && rm app.deb\n",
        "FROM a\nRUN wget -O /tmp/b/x.tgz https://example.org/x.tgz\nRUN rm -rf /tmp/b\n",
    ),
    good=(
        "FROM a\nRUN curl -o /tmp/x https://example.org/x && rm /tmp/x\n",
        "FROM a\nCOPY x /tmp/x\nRUN rm /tmp/y\n",
        "FROM a AS b\nCOPY x.zip /tmp/\nRUN rm /tmp/x.zip\nFROM c\n",
        "FROM a\nCOPY src /src\nRUN rm -rf /src/tests /tmp/*\n",
        "FROM debian:12\nRUN cd /x && curl -fLO https://example.org/x.tgz\nRUN rm x.tgz\n",
        "FROM debian:12\nRUN curl -fLO https://example.org/x.tgz && tar xf x.tgz && rm x.tgz\nRUN rm -f x.tgz\n",
        "FROM a\nCOPY requirements.txt /tmp/\nRUN pip install -r /tmp/requirements.txt && rm /tmp/requirements.txt\n",
    ),
    shipped_only=True,
)


@LATE_REMOVAL.command("rm")
def removed_too_late(command: Command, stage: Stage) -> Outcome:
    written = _written(stage)
    if not written.by:
        return
    here = command.instruction.span.line
    recursive = command.has_flag("r", "R", "recursive")
    for word in command.operands():
        path = _path(word, command, stage)
        if not path or path == "/" or path.endswith("/*"):
            continue  # to empty /tmp is a habit, and says nothing of what is in it
        for file in written.removed_by(path, recursive=recursive):
            line = next((line for line in written.lines(file, stage) if line < here), None)
            if line is not None:
                yield LATE_REMOVAL.finding(word.span, path=file, line=line)
                break


def _path(word: Word, command: Command, stage: Stage) -> str | None:
    """The absolute path that a word of a command means; None when it can't be told."""
    value = stage.expanded(word, command.instruction)
    if value and not value.startswith("/"):
        directory = _directory(command, stage)
        value = posixpath.join(directory, value) if directory else None
    return posixpath.normpath(value) if value else None


def _directory(command: Command, stage: Stage) -> str | None:
    """Where a command runs: the directory of the last `cd` before it in the RUN, else the stage's."""
    directory = stage.workdir(command.instruction)
    for one in command.script.commands:
        if one is command:
            break
        if one.name == "cd":
            target = stage.expanded(one.args[0], command.instruction) if len(one.args) == 1 else None
            known = target and (directory or target.startswith("/"))
            directory = posixpath.join(directory or "/", target or "") if known else None
    return directory


_LARGE = re.compile(
    r"(?i)\.(?:tar|tgz|tbz2?|txz|zip|7z|rar|gz|bz2|xz|zst|deb|rpm|apk|whl|jar|war|run|bin|exe|msi|iso|img|dmg|pkg|bsx)$"
)


class _Written(NamedTuple):
    """What a stage is seen to write: large files, and directories that a COPY fills."""

    by: dict[str, list[Instruction | Command]]  # each path, and what writes it, in the order of the text
    below: dict[str, list[str]]  # of each directory the paths in it

    def removed_by(self, path: str, *, recursive: bool) -> list[str]:
        """The paths that `rm` of a path takes away."""
        if "*" in path or "?" in path:
            return [
                one for one in self.below.get(path.rpartition("/")[0], ()) if fnmatch.fnmatchcase(one, path)
            ]
        found = [path] if path in self.by else []
        return found + [one for one in self.below.get(path, ()) if one not in found] if recursive else found

    def lines(self, path: str, stage: Stage) -> Iterator[int]:
        """The lines of what writes a path and leaves it there, the last one first."""
        for one in reversed(self.by[path]):
            if isinstance(one, Instruction):
                yield one.span.line
            elif not _removed_at_once(path, one, stage):
                yield one.instruction.span.line


@functools.lru_cache(maxsize=4)
def _written(stage: Stage) -> _Written:
    by: dict[str, list[Instruction | Command]] = {}
    for instruction in stage.instructions:
        if instruction.keyword in ("COPY", "ADD") and len(instruction.args) > 1:
            for copied in _copied_to(instruction, stage):
                by.setdefault(copied, []).append(instruction)
        elif instruction.keyword == "RUN":
            for command in stage.script(instruction).commands:
                if command.name in ("curl", "wget") and (path := _fetched(command, stage)):
                    by.setdefault(path, []).append(command)
    below: dict[str, list[str]] = {}
    for path in by:
        for above in _with_parents(path)[1:]:
            below.setdefault(above, []).append(path)
    return _Written(by, below)


def _removed_at_once(path: str, fetch: Command, stage: Stage) -> bool:
    """Whether a later command of the same RUN removes or moves what was fetched."""
    return any(
        fnmatch.fnmatchcase(path, gone) or path.startswith(f"{gone}/")
        for one in fetch.script.following(fetch)
        if one.name in ("rm", "mv")
        for word in one.operands()
        if (gone := _path(word, one, stage))
    )


def _copied_to(copy: Instruction, stage: Stage) -> Iterator[str]:
    """The large files that a COPY or ADD writes, and the directory that it fills alone."""
    target = stage.path(copy.args[-1], copy)
    if target is None:
        return
    into = copy.args[-1].value.strip("\"'").endswith(("/", "."))
    for source in copy.args[:-1]:
        name = (stage.expanded(source, copy) or "").strip("\"'").rstrip("/").rpartition("/")[2]
        unpacked = copy.keyword == "ADD" and re.search(_UNPACKED, name)
        if _LARGE.search(name) and not unpacked and "*" not in name:
            yield f"{target.rstrip('/')}/{name}" if into else target
        elif (
            len(copy.args) == 2
            and copy.keyword == "COPY"
            and target.count("/")
            and target != "/"
            and _is_directory(copy)
        ):
            yield target


def _is_directory(copy: Instruction) -> bool:
    """Whether a COPY of one source is one of a directory by its name: no dot in it, nor is it a usual file."""
    name = copy.args[0].value.strip("\"'")
    if copy.heredocs:
        return False
    if name in (".", "./"):
        return True
    last = name.rstrip("/").rpartition("/")[2]
    return "." not in last and last.islower() and not re.search(_FILE_NAME, name)


def _fetched(command: Command, stage: Stage) -> str | None:
    """The file that curl or wget writes; a name that the URL gives counts where it is an archive's."""
    curl = command.name == "curl"
    prefix = None
    for flag, value in zip(command.args, command.args[1:], strict=False):
        if re.fullmatch(r"-[a-zA-Z]*o|--output" if curl else r"-[a-zA-Z]*O|--output-document", flag.value):
            return _path(value, command, stage)
        if not curl and flag.value in ("-P", "--directory-prefix"):
            prefix = value
    if command.redirects or (curl and not command.has_flag("O", "remote-name")):
        return None
    url = next((word for word in command.args if "://" in word.value), None)
    written = stage.expanded(url, command.instruction) if url is not None else None
    name = (written or "").partition("?")[0].rpartition("/")[2]
    if not _LARGE.search(name):
        return None
    directory = _directory(command, stage) if prefix is None else _path(prefix, command, stage)
    return posixpath.join(directory, name) if directory else None


WASTE = Rule(
    code="AV0303",
    name="wasted-bytes",
    severity=Severity.WARNING,
    antipattern=3,
    message="no container sees {bytes} of {layer}: {cause} by {hidden_by}; {advice}",
    page="""Bytes that every pull transfers and no container can see.

A file that a later layer overwrites, deletes or replaces stays in its own layer. Computed
exactly, by whiteouts, opaque directories, changes of type and hard links: the number is what
`docker save` holds and `docker export` lacks. Told for a pair of layers that wastes 1 MB or
more, or where more than a tenth of the image is wasted. What the base wastes only another base can
save: that is a note.
""",
    bad=(ImageExample(layers=({"srv/a": "x" * 20_000}, {"srv/a": "y" * 20_000})),),
    good=(ImageExample(layers=({"srv/a": "x" * 20_000}, {"srv/b": "y"})),),
)


_SHOWN_STEP = 60  # characters


@WASTE.image
def wasted(image: Image) -> Outcome:
    inefficient = image.efficiency is not None and image.efficiency < 0.9 and image.wasted_bytes >= 4096
    for waste in image.waste:
        if waste.bytes < 1_000_000 and not (inefficient and waste.bytes * 20 >= image.content_bytes):
            continue
        # Of the base's files that were only copied up, it is the copy that can be cured.
        copied = waste.own and waste.added_by not in image.own_layers
        layer = image.layers[waste.hidden_by if copied else waste.added_by]
        proof = {
            "bytes": waste.bytes,
            "cause": waste.cause,
            "added_by": waste.added_by,
            "hidden_by": waste.hidden_by,
            "paths": list(waste.paths[:10]),
        }
        yield WASTE.finding(
            Place("image", layer=LayerRef(layer.index, layer.diff_id), path=next(iter(waste.paths), None)),
            bytes=shown(waste.bytes),
            layer=step_of(image, waste.added_by),
            cause=waste.cause,
            hidden_by=step_of(image, waste.hidden_by),
            advice=waste.advice,
            severity=None if waste.own else Severity.INFO,
            proof=proof,
        )


def step_of(image: Image, index: int) -> str:
    """A layer with the step that made it: "layer 4 (RUN make install)"."""
    from ...analyzer.credentials import mask

    words = " ".join(mask(image.made_by(image.layers[index])).split())
    if not words or words.startswith("("):  # which says that nobody knows
        return f"layer {index}"
    return f"layer {index} ({words if len(words) <= _SHOWN_STEP else words[: _SHOWN_STEP - 1] + '…'})"


BUILD_TOOLS = Rule(
    code="AV0304",
    name="build-tools-shipped",
    severity=Severity.INFO,
    antipattern=3,
    default=False,
    message="{package} is needed to build, not to run; use a builder stage, or remove it in this RUN",
    page="""Compilers and headers are installed into the shipped image.

They are hundreds of megabytes that the running program never uses, and tools for whoever gets in.
Build in an earlier stage and copy the result, or remove the packages in the same RUN. Off by
default, since the text can't tell an image that is meant to build things.
""",
    bad=("FROM debian:12\nRUN apt-get install -y build-essential\nCMD x\n",),
    good=(
        "FROM debian:12 AS b\nRUN apt-get install -y gcc\nFROM debian:12\nCOPY --from=b /x /x\nCMD x\n",
        "FROM debian:12\nRUN apt-get install -y gcc && make && apt-get purge -y gcc\nCMD x\n",
        "FROM alpine:3\nRUN apk add --virtual .build gcc && make && apk del .build\nCMD x\n",
        "FROM debian:12\nRUN apt-get install -y gcc\n",
    ),
    shipped_only=True,
)
_TOOLS = frozenset(
    "build-essential gcc g++ make cmake autoconf automake libtool clang build-base gcc-c++ musl-dev linux-headers"
    " python3-dev python-dev pkg-config pkgconfig".split()
)


@BUILD_TOOLS.command("apt-get", "apt", "apk", "yum", "dnf", "microdnf", "zypper")
def tools_shipped(command: Command, stage: Stage) -> Outcome:
    operands = command.operands("-o", "-t", "--virtual", "-c")
    target = stage.target
    if not operands or operands[0].value not in ("install", "add", "in") or target is None:
        return
    if not (target.entrypoint or target.cmd):
        return  # nothing is started: an image to build in
    for later in command.script.following(command):
        words = {word.value for word in later.operands()[:1]}
        if later.name == command.name and words & {"remove", "purge", "autoremove", "del", "erase", "rm"}:
            return
    for word in operands[1:]:
        if word.value.partition("=")[0] in _TOOLS:
            yield BUILD_TOOLS.finding(word.span, package=word.value)
            return


TOOLCHAIN = Rule(
    code="AV0306",
    name="toolchain-shipped",
    severity=Severity.INFO,
    antipattern=3,
    message="{image} is shipped with all its build tools; use a builder stage, and COPY --from its result",
    page="""A program is built in the image that is shipped, on a base that is made to build.

Compilers, SDKs and the package manager's cache are hundreds of megabytes that the running program never
uses, and tools for whoever gets in.

    FROM golang:1.24 AS build
    WORKDIR /src
    COPY . .
    RUN go build -o /app .
    FROM gcr.io/distroless/base-debian12:nonroot
    COPY --from=build /app /app
    CMD ["/app"]

Told for Go, Rust, Maven, Gradle and the .NET SDK, where the shipped stage runs their build and starts
something.
""",
    bad=(
        'FROM golang:1.24\nCOPY . .\nRUN go build -o /app .\nCMD ["/app"]\n',
        'FROM maven:3-eclipse-temurin-21 AS b\nCOPY . .\nRUN mvn -B package\nFROM b\nCMD ["java", "-jar", "x.jar"]\n',
    ),
    good=(
        'FROM golang:1.24 AS b\nRUN go build -o /app .\nFROM debian:12\nCOPY --from=b /app /app\nCMD ["/app"]\n',
        'FROM golang:1.24\nCOPY . .\nCMD ["go", "test", "./..."]\n',
        "FROM golang:1.24\nCOPY . .\nRUN go build -o /app .\n",
        'FROM golang:1.24\nRUN go install example.org/tool@v1\nCMD ["go", "run", "."]\n',
    ),
    shipped_only=True,
    once_per_stage=True,
)
_BUILDS = {
    "go": ("golang", ("build",)), "cargo": ("rust", ("build",)), "mvn": ("maven", ("package", "install", "verify")),
    "gradle": ("gradle", ("build", "bootJar", "shadowJar", "assemble")),
    "dotnet": ("mcr.microsoft.com/dotnet/sdk", ("publish", "build")),
}  # fmt: skip


@TOOLCHAIN.command(*_BUILDS)
def built_where_it_runs(command: Command, stage: Stage) -> Outcome:
    image, subcommands = _BUILDS[command.name]
    reference = stage.lineage[-1].reference
    if (
        reference is None
        or reference.familiar != image
        or not any(w.value in subcommands for w in command.args)
    ):
        return
    target = stage.target
    if target is None or not target.argv or target.argv[0].rpartition("/")[2] in (command.name, "bash", "sh"):
        return  # for working in it
    yield TOOLCHAIN.finding(command.span, image=stage.lineage[-1].base.raw)


LEFTOVERS = Rule(
    code="DKL-LI-0003",
    name="leftover-file",
    severity=Severity.INFO,
    antipattern=3,
    message="{path} is needed to make the image, not in the image",
    page="""A file is left over from the workplace.

The Dockerfile itself, compose files, editors' and desktops' notes, histories of shells: nothing in
the container reads them, and they tell a stranger how the image is made and used. Name them in
.dockerignore.
""",
    bad=(
        ImageExample(layers=({"srv/Dockerfile": "FROM a\n"},)),
        ImageExample(layers=({"root/.bash_history": "x\n"},)),
    ),
    good=(ImageExample(layers=({"srv/app": "x", "usr/share/doc/x/Dockerfile": "x"},)),),
)
_LEFTOVERS = frozenset(
    "Dockerfile docker-compose.yml docker-compose.yaml .dockerignore .DS_Store .vimrc .viminfo Thumbs.db"
    " .bash_history .ash_history .zsh_history .python_history .node_repl_history".split()
)


@LEFTOVERS.image
def left_over(image: Image) -> Outcome:
    for path, entry in image.tree.items():
        if path.rpartition("/")[2] not in _LEFTOVERS or not entry.is_file or not entry.size:
            continue
        if path.startswith(("usr/share/", "usr/lib/", "usr/local/lib/")) or "/node_modules/" in path:
            continue
        layer = image.layers[entry.layer]
        place = Place("image", layer=LayerRef(layer.index, layer.diff_id), path=path)
        yield LEFTOVERS.finding(place, path=f"/{path}", proof={"bytes": entry.size})
