"""Antipattern 3: large images, by bytes that nobody can see."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from ...analyzer.sizes import shown
from ..rule import ImageExample, LayerRef, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage
    from ...analyzer.image import Image

REWRITTEN = Rule(
    code="AV0301",
    name="ownership-rewritten",
    severity=Severity.INFO,
    antipattern=3,
    message="{program} -R on {path} writes every file of it into a second layer: use COPY --{flag} on line {line}",
    page="""A RUN changes owner or mode of what a COPY has just brought in.

A layer can't hold a change of metadata alone: every file is stored again, whole. `COPY --chown`
and `COPY --chmod` set them at once.
""",
    bad=(
        "FROM a\nCOPY . /srv/app\nRUN chown -R app /srv/app\n",
        "FROM a\nWORKDIR /srv\nCOPY . .\nRUN useradd x && chmod -R 755 /srv\n",
    ),
    good=(
        "FROM a\nCOPY --chown=app . /srv/app\n",
        "FROM a\nCOPY . /srv/app\nRUN chown -R app /var/log\n",
        "FROM a\nCOPY . /srv/app\nRUN chown app /srv/app\n",
        "FROM a\nRUN chown -R app /srv\nCOPY . /srv/app\n",
        "FROM a AS b\nCOPY . /x\nRUN chown -R app /x\nFROM c\nCOPY --from=b /x /y\n",
    ),
    shipped_only=True,
)


@REWRITTEN.command("chown", "chmod", "chgrp")
def ownership(command: Command, stage: Stage) -> Outcome:
    if not command.has_flag("R", "recursive"):
        return
    here = command.instruction.span.line
    for word in command.operands()[1:]:
        path = stage.path(word, command.instruction)
        line = _copied(stage).first_line(path) if path else None
        if line is not None and line < here:
            flag = "chmod" if command.name == "chmod" else "chown"
            yield REWRITTEN.finding(command.span, program=command.name, path=word.value, flag=flag, line=line)
            return


class _Copied(NamedTuple):
    """Where a stage's COPY and ADD put things: by path the line of the first that does."""

    at: dict[str, int]  # their destinations
    below: dict[str, int]  # … and all directories above those

    def first_line(self, path: str) -> int | None:
        """The first line that puts something at this path, below it, or into a directory above it."""
        lines = [self.below.get(path.rstrip("/"))]
        lines += [self.at.get(above) for above in _with_parents(path)]
        return min((line for line in lines if line is not None), default=None)


@functools.lru_cache(maxsize=4)
def _copied(stage: Stage) -> _Copied:
    found = _Copied({}, {})
    for instruction in stage.instructions:
        if instruction.keyword in ("COPY", "ADD") and len(instruction.args) > 1:
            path = stage.path(instruction.args[-1], instruction)
            if path and path != "/":
                found.at.setdefault(path, instruction.span.line)
                for above in _with_parents(path):
                    found.below.setdefault(above, instruction.span.line)
    return found


def _with_parents(path: str) -> list[str]:
    """/a/b/c, /a/b, /a and "", which stands for the root."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


LATE_REMOVAL = Rule(
    code="AV0302",
    name="removed-in-later-layer",
    severity=Severity.INFO,
    antipattern=3,
    message="{path} was written on line {line}: removing it here hides it, and its bytes stay in that layer",
    page="""A RUN removes a file that an earlier instruction put into the image.

Layers only add up: the file stays in the layer that wrote it, is pulled and stored with it, and
can be read from it. Do not copy it in the first place (.dockerignore, a builder stage,
`RUN --mount=type=bind`), or remove it in the RUN that made it.
""",
    bad=(
        "FROM a\nCOPY app.tar.gz /tmp/\nRUN tar xf /tmp/app.tar.gz && rm /tmp/app.tar.gz\n",
        "FROM a\nRUN curl -o /tmp/x.zip https://example.org/x.zip\nRUN rm -f /tmp/x.zip\n",
    ),
    good=(
        "FROM a\nRUN curl -o /tmp/x https://example.org/x && rm /tmp/x\n",
        "FROM a\nCOPY x /tmp/x\nRUN rm /tmp/y\n",
        "FROM a AS b\nCOPY x /tmp/\nRUN rm /tmp/x\nFROM c\n",
    ),
    shipped_only=True,
)


@LATE_REMOVAL.command("rm")
def removed_too_late(command: Command, stage: Stage) -> Outcome:
    here = command.instruction.span.line
    for word in command.operands():
        lines = _written(stage).get(word.value.rstrip("/"), ())
        line = next((line for line in reversed(lines) if line < here), None)
        if line is not None:
            yield LATE_REMOVAL.finding(word.span, path=word.value, line=line)


@functools.lru_cache(maxsize=4)
def _written(stage: Stage) -> dict[str, list[int]]:
    """The paths that a stage is seen to write, each with the lines that do, in their order."""
    out: dict[str, list[int]] = {}
    for instruction in stage.instructions:
        line = instruction.span.line
        if instruction.keyword in ("COPY", "ADD") and len(instruction.args) > 1:
            target = instruction.args[-1].value.strip("\"'")
            for source in instruction.args[:-1]:
                name = source.value.strip("\"'").rstrip("/").rpartition("/")[2]
                if target.endswith("/") and name not in (".", "", "*"):
                    out.setdefault(f"{target}{name}", []).append(line)
            if not target.endswith("/") and target.startswith("/"):
                out.setdefault(target, []).append(line)
        elif instruction.keyword == "RUN":
            for command in stage.script(instruction).commands:
                flags = {"curl": ("-o", "--output"), "wget": ("-O", "--output-document")}.get(
                    command.name, ()
                )
                for flag, value in zip(command.args, command.args[1:], strict=False):
                    if flag.value in flags and value.value.startswith("/"):
                        out.setdefault(value.value, []).append(line)
    return out


WASTE = Rule(
    code="AV0303",
    name="wasted-bytes",
    severity=Severity.WARNING,
    antipattern=3,
    message="{bytes} of {layer} can't be seen by any container: {cause} by {hidden_by}; {advice}",
    page="""Bytes that every pull transfers and no container can see.

A file that a later layer overwrites, deletes or replaces stays in its own layer. Computed
exactly, by whiteouts, opaque directories, changes of type and hard links: the number is what
`docker save` holds and `docker export` lacks. Told for a pair of layers that wastes 1 MB or
more, or where more than a tenth of the image is wasted.
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
        layer = image.layers[waste.added_by]
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
            layer=_step_of(image, waste.added_by),
            cause=waste.cause,
            hidden_by=_step_of(image, waste.hidden_by),
            advice=waste.advice,
            proof=proof,
        )


def _step_of(image: Image, index: int) -> str:
    """A layer with the step that made it: "layer 4 (RUN make install)"."""
    from ...analyzer.credentials import mask

    step = image.layers[index].step
    if step is None:
        return f"layer {index}"
    words = " ".join(mask(image.steps[step].text).split())
    return f"layer {index} ({words if len(words) <= _SHOWN_STEP else words[: _SHOWN_STEP - 1] + '…'})"


BUILD_TOOLS = Rule(
    code="AV0304",
    name="build-tools-shipped",
    severity=Severity.INFO,
    antipattern=3,
    default=False,
    message="{package} is needed to build and not to run: build in a stage of its own, or remove it in this RUN",
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
    target = stage.file.target
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


LEFTOVERS = Rule(
    code="DKL-LI-0003",
    name="leftover-file",
    severity=Severity.INFO,
    antipattern=3,
    message="{path} belongs to making the image, not into it",
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
