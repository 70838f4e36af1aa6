"""Antipattern 4: everything in a single layer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...analyzer.sizes import shown
from ..rule import ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage
    from ...analyzer.image import Image

SOURCE_FIRST = Rule(
    code="AV0401",
    name="source-before-dependencies",
    severity=Severity.INFO,
    antipattern=4,
    message="the source is copied (line {line}) before {program}: each change repeats it; copy {manifest} first",
    page="""Source and dependencies share a step of the build cache.

After `COPY . .` any changed file makes the install below run again, and pushes and pulls its
whole layer. Copy the manifest and lock files first, install, then copy the source: the layers
that change seldom stand below those that change often.
""",
    bad=(
        "FROM node:20\nWORKDIR /srv\nCOPY . .\nRUN npm ci\n",
        "FROM python:3.12\nCOPY ./ /srv/\nRUN pip install -r /srv/requirements.txt\n",
        "FROM mcr.microsoft.com/dotnet/sdk:8.0\nCOPY . .\nRUN dotnet restore\n",
        "FROM node:22\nWORKDIR /srv\nCOPY ./frontend .\nRUN npm ci\n",
    ),
    good=(
        "FROM node:20\nWORKDIR /srv\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\n",
        "FROM python:3.12\nCOPY requirements.txt /tmp/\nCOPY . /srv\nRUN pip install -r /tmp/requirements.txt\n",
        "FROM python:3.12\nCOPY . .\nRUN pip install .\n",
        "FROM node:20\nCOPY . .\nRUN npm run build\n",
        "FROM node:20\nWORKDIR /srv\nCOPY scripts scripts\nCOPY web/package.json .\nRUN npm ci\n",
    ),
)

_MANIFESTS = {
    "npm": ("package.json and its lock file", ("ci", "install", "i")),
    "yarn": ("package.json and yarn.lock", ("install", "")),
    "pnpm": ("package.json and pnpm-lock.yaml", ("install", "i")),
    "bundle": ("Gemfile and Gemfile.lock", ("install",)),
    "composer": ("composer.json and composer.lock", ("install",)),
    "go": ("go.mod and go.sum", ("mod",)),
    "pip": ("the requirements file", ("install",)),
    "pip3": ("the requirements file", ("install",)),
    "poetry": ("pyproject.toml and poetry.lock", ("install",)),
    "dotnet": ("the project files", ("restore",)),
    "uv": ("pyproject.toml and uv.lock", ("sync",)),
}
_MANIFEST_FILES = (
    r"(?i)package[\w*.-]*json|yarn\.lock|pnpm-lock|requirements|gemfile|composer\.(?:json|lock|\*)|go\.(?:mod|sum|\*)"
    r"|pyproject|poetry\.lock|uv\.lock|\.txt|\.(?:cs|fs|vb)proj|\.sln"
)


@SOURCE_FIRST.command(*_MANIFESTS)
def all_at_once(command: Command, stage: Stage) -> Outcome:
    manifest, subcommands = _MANIFESTS[command.name]
    operands = [word.value for word in command.operands()]
    first = operands[0] if operands else ""
    if first not in subcommands:
        return
    if command.name.startswith("pip") and not command.has_flag("r", "requirement"):
        return
    if command.name in ("npm", "yarn", "pnpm") and len(operands) > 1:
        return  # named packages: no manifest is read
    for instruction in stage.instructions:
        if instruction is command.instruction or instruction.flag("mount"):
            return
        if instruction.keyword in ("COPY", "ADD") and instruction.flag("from") is None:
            if any(re.search(_MANIFEST_FILES, word.value) for word in instruction.args[:-1]):
                return
            if _whole_context(instruction):
                yield SOURCE_FIRST.finding(
                    instruction.args[0].span, line=instruction.span.line, program=f"{command.name} {first}".strip(),
                    manifest=manifest,
                )  # fmt: skip
                return


def _whole_context(copy: Instruction) -> bool:
    """Whether all of the context is copied, or a directory of it to where the stage works."""
    if len(copy.args) < 2 or copy.heredocs:
        return False
    source = copy.args[0].value.strip("\"'").rstrip("/")
    if source in (".", "", "*"):
        return True
    directory = re.fullmatch(r"(?:\./)?[a-z][\w-]*(?:/[a-z][\w-]*)*", source)
    return directory is not None and len(copy.args) == 2 and copy.args[-1].value in (".", "./")


FLATTENED = Rule(
    code="DL3067",
    name="flattened-stage",
    severity=Severity.WARNING,
    antipattern=4,
    message="copying / to / makes one layer of all of {stage}, of which other images share nothing",
    page="""A whole root file system is copied from another stage or image.

All its layers become one, which can't be shared with images on the same base, and is pushed and
pulled whole for any change. Copy what is needed, or build FROM that stage. A builder stage that takes
its tools so (`COPY --from=tonistiigi/xx / /`) ships nothing of it, and is left alone; what is taken so
from a finished image, onto a system, is most often a few files of a helper image: a note.
""",
    shipped_only=True,
    bad=("FROM a AS b\nFROM scratch\nCOPY --from=b / /\n",),
    good=(
        "FROM a AS b\nFROM scratch\nCOPY --from=b /srv /srv\nCOPY x /\n",
        "FROM a AS b\nCOPY --from=tools / /\nRUN make\nFROM c\nCOPY --from=b /x /x\n",
    ),
)


@FLATTENED.instruction("COPY")
def whole_root(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("from")
    if flag and flag.value and [word.value.strip("\"'") for word in instruction.args] == ["/", "/"]:
        whole = stage.root_base.distribution == "scratch" or stage.file.stage_named(flag.value, stage.index)
        severity = None if whole or flag.value.isdigit() else Severity.INFO
        yield FLATTENED.finding(instruction.args[0].span, stage=flag.value, severity=severity)


SINGLE = Rule(
    code="AV0402",
    name="single-layer",
    severity=Severity.WARNING,
    antipattern=4,
    message="{steps} ended in one layer of {bytes}: a change of one file transfers all of it again",
    page="""The image consists of a single layer, though it was made of several parts.

Nothing of it can be shared with another image, and each new version is pushed and pulled whole.
It comes from `docker import` or a flattened export, from `--squash`, and from `buildah build`
without `--layers`. An image that really is one file or one COPY on nothing is left alone.
""",
    bad=(
        ImageExample(
            layers=({"etc/os-release": "ID=debian\n", "srv/app": "x"},),
            steps=("COPY app /srv/app # buildkit",),
            empty_steps=("RUN apt-get install -y python3", "RUN make"),
        ),
    ),
    good=(
        ImageExample(layers=({"etc/os-release": "ID=debian\n"}, {"srv/app": "x"})),
        ImageExample(layers=({"srv/app": "x"},), steps=("COPY app /srv/app # buildkit",)),
        ImageExample(
            layers=({"srv/app": "x"}, {}),
            steps=("COPY app /srv/app # buildkit", 'RUN ["/srv/app", "--check"]'),
        ),
    ),
)


@SINGLE.image
def one_layer(image: Image) -> Outcome:
    filled = [layer for layer in image.layers if layer.entries]
    if len(filled) != 1:
        return
    # A step that changed no file may have a layer of its own, in which nothing ended.
    elsewhere = {step for layer in image.layers if not layer.entries for step in layer.steps}
    steps = [
        step
        for step in image.steps
        if step.index not in elsewhere and re.match(r"(?:RUN|COPY|ADD)\b", step.text)
    ]
    system = "etc/os-release" in image.tree or "usr/lib/os-release" in image.tree
    imported = any(step.comment.startswith("Imported from") for step in image.steps) or not image.steps
    proof = {"layers": len(filled), "steps": len(steps), "bytes": image.content_bytes}
    if len(steps) > 1:
        what = f"{len(steps)} steps"
    elif system and imported and (image.config.cmd or image.config.entrypoint):
        what = "an imported file system with its application"
    else:
        return
    yield SINGLE.finding(Place("image"), steps=what, bytes=shown(image.content_bytes), proof=proof)


GIANT = Rule(
    code="AV0403",
    name="everything-in-one-run",
    severity=Severity.INFO,
    antipattern=4,
    message="this RUN installs system packages, language packages and the application; use a RUN for each",
    page="""System packages, dependencies and the application are made by a single RUN.

What changes together belongs into one layer, and these don't: packages of the system change by
the month, dependencies by the week, the application by the hour. One step for each keeps the
build cache useful, and a push transfers what changed.
""",
    bad=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y npm git && git clone https://x/y /y"
        " && cd /y && npm install && npm run build\n",
    ),
    good=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y npm\nRUN npm install\nCOPY . .\nRUN npm run build\n",
        "FROM debian:12\nRUN apt-get update && apt-get install -y npm && npm install -g pnpm\n",
        "FROM debian:12 AS b\nRUN apt-get install -y git npm && git clone x && npm install && npm run build\n"
        "FROM debian:12\nCOPY --from=b /x /x\n",
    ),
    shipped_only=True,
)
_SYSTEM = frozenset({"apt-get", "apt", "apk", "yum", "dnf", "microdnf", "zypper"})
_LANGUAGE = frozenset(
    {"pip", "pip3", "npm", "yarn", "pnpm", "bundle", "composer", "go", "cargo", "mvn", "gradle"}
)
_SOURCES = frozenset({"git", "svn", "hg"})


@GIANT.instruction("RUN")
def all_in_one(instruction: Instruction, stage: Stage) -> Outcome:
    commands = stage.script(instruction).commands
    if len(commands) < 4:
        return
    system = any(
        command.name in _SYSTEM and {w.value for w in command.args} & {"install", "add"}
        for command in commands
    )
    language = any(
        command.name in _LANGUAGE
        and {w.value for w in command.args[:2]} & {"install", "ci", "mod", "get", "fetch"}
        for command in commands
    )
    source = any(
        command.name in _SOURCES and {w.value for w in command.args[:2]} & {"clone", "checkout"}
        for command in commands
    )
    if system and language and source:
        yield GIANT.finding(instruction.word.span)


UNPACKED_ROOT = Rule(
    code="AV0404",
    name="unpacked-root-as-application",
    severity=Severity.INFO,
    antipattern=4,
    message="{archive} is system and application in one layer, which no other image can share; use a base image",
    page="""An image on `scratch` is one unpacked root file system, and serves something.

Base images are made so. An application on top of one has layers of its own: build it `FROM` the
base, so that the base is shared, and a new version transfers only what is new.
""",
    bad=('FROM scratch\nADD rootfs.tar.xz /\nEXPOSE 80\nENTRYPOINT ["/srv/app"]\n',),
    good=(
        'FROM scratch\nADD rootfs.tar.xz /\nCMD ["bash"]\n',
        'FROM scratch\nADD rootfs.tar.xz /\nCOPY app /srv/\nEXPOSE 80\nENTRYPOINT ["/srv/app"]\n',
    ),
    shipped_only=True,
)


@UNPACKED_ROOT.stage
def unpacked_root(stage: Stage) -> Outcome:
    adds = stage.all("ADD")
    if stage.base_name != "scratch" or len(adds) != 1 or stage.all("COPY", "RUN") or not stage.all("EXPOSE"):
        return
    words = [word.value for word in adds[0].args]
    if len(words) == 2 and words[1] == "/" and re.search(r"\.t(?:ar|gz|xz|bz)", words[0]):
        yield UNPACKED_ROOT.finding(adds[0].args[0].span, archive=words[0])
