"""WORKDIR, and the directories that paths are relative to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage

RELATIVE = Rule(
    code="DL3000",
    name="relative-workdir",
    severity=Severity.INFO,
    aliases=("WorkdirRelativePath", "DS-0009", "CKV_DOCKER_10"),
    message="WORKDIR {path} is relative to the working directory of the base image; use {absolute}",
    page="""A WORKDIR is relative before any absolute one.

Where it leads depends on the base image and can change with it. A relative WORKDIR behind an
absolute one in the same stage or those below it is plain and is not reported. Nothing breaks by it
today, so that this is a note.
""",
    bad=("FROM a\nWORKDIR app\n",),
    good=(
        "FROM a\nWORKDIR /srv\nWORKDIR app\n",
        "FROM a AS b\nWORKDIR /srv\nFROM b\nWORKDIR app\n",
        "FROM a\nWORKDIR $HOME\n",
        "FROM a\nWORKDIR C:\\\\app\n",
        'FROM a\nWORKDIR "/srv"\n',
        "FROM a\nENV D=/x\nWORKDIR ${D}/app\n",
    ),
)
TILDE = Rule(
    code="IL014",
    name="tilde-in-workdir",
    severity=Severity.ERROR,
    message="no shell expands ~ in {path}, so a directory named ~ is made; use the whole path",
    page="""WORKDIR, COPY and ADD never expand a tilde.

`WORKDIR ~/app` makes a directory whose name is `~` in the current one. Write the path out, or
use a variable.
""",
    bad=("FROM a\nWORKDIR ~/app\n", "FROM a\nWORKDIR ~\n", "FROM a\nWORKDIR /x\nCOPY a ~/\n"),
    good=("FROM a\nWORKDIR /home/me\nCOPY ~x /y\n", "FROM a\nWORKDIR /a~b\n"),
)

_ABSOLUTE = re.compile(r"/|[A-Za-z]:|\\|\$")


@RELATIVE.stage
def relative_before_absolute(stage: Stage) -> Outcome:
    known = any(_is_absolute(one) for below in stage.lineage[1:] for one in below.all("WORKDIR"))
    for one in stage.all("WORKDIR"):
        if _is_absolute(one):
            known = True
        elif not known and one.value.value and not one.value.value.startswith("~"):
            absolute = "/" + one.value.value if stage.workdir(one) == "/" else "an absolute path"
            yield RELATIVE.finding(one.value.span, path=one.value.value, absolute=absolute)


@TILDE.instruction("WORKDIR", "COPY", "ADD")
def tilde(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.keyword == "WORKDIR":
        word = instruction.value
    elif len(instruction.args) > 1:
        word = instruction.args[-1]
    else:
        return
    if re.match(r"~(?:[/\w]|$)", word.value):
        yield TILDE.finding(word.span, path=word.value)


def _is_absolute(instruction: Instruction) -> bool:
    return bool(_ABSOLUTE.match(instruction.value.value))


COPY_RELATIVE = Rule(
    code="DL3045",
    name="copy-without-workdir",
    severity=Severity.INFO,
    message="{path} is relative, but no WORKDIR is set: it lands {where}; use WORKDIR",
    page="""COPY or ADD to a relative path, with no WORKDIR before it.

The destination is relative to the working directory of the base image, `/` for most. Set a
WORKDIR first. On `scratch` it is `/` and nothing else, and images that are made to be built upon,
such as those of AWS Lambda, say in their documentation what it is: both are left alone.
""",
    bad=("FROM a\nCOPY x app/\n",),
    good=(
        "FROM a\nWORKDIR /srv\nCOPY x app/\n",
        "FROM a AS b\nWORKDIR /srv\nFROM b\nCOPY x .\n",
        "FROM a\nCOPY x /app/\nCOPY x $HOME\n",
        "FROM a\nCOPY x C:\\\\app\n",
        "FROM scratch\nCOPY app .\n",
        "FROM public.ecr.aws/lambda/nodejs:20\nCOPY index.mjs ./\n",
    ),
)


@COPY_RELATIVE.stage
def relative_destination(stage: Stage) -> Outcome:
    bottom, facts = stage.lineage[-1], stage.root_base
    placed = any(below.all("WORKDIR") for below in stage.lineage[1:]) or bottom.base_name == "scratch"
    placed = placed or facts.workdir not in (None, "/")
    where = "in /" if facts.workdir == "/" else "where the base image happens to be"
    for instruction in stage.instructions:
        if instruction.keyword == "WORKDIR":
            placed = placed or not instruction.value.value.startswith("~")
        elif instruction.keyword in ("COPY", "ADD") and not placed and len(instruction.args) > 1:
            path = instruction.args[-1].value.strip("\"'")
            if not _ABSOLUTE.match(path):
                yield COPY_RELATIVE.finding(instruction.args[-1].span, path=path, where=where)


CD = Rule(
    code="DL3003",
    name="cd-in-run",
    severity=Severity.WARNING,
    default=False,
    message="cd ends with this RUN; use WORKDIR for what follows",
    page="""A RUN begins with `cd`.

Each RUN starts in the working directory again, so a `cd` is forgotten at its end. WORKDIR says
it once. A `cd` in the middle of a chain, in a subshell, or one that is taken back (`cd -`) has
its reason and is not reported.
""",
    yields_to=("IL048",),
    bad=("FROM a\nRUN cd /srv && make\n",),
    good=(
        "FROM a\nRUN make && cd /x && make\n",
        "FROM a\nRUN (cd /x && make)\n",
        "FROM a\nRUN cd /x && make && cd -\n",
    ),
)


@CD.command("cd")
def leading_cd(command: Command, stage: Stage) -> Outcome:
    if command.nested or command.after or command.script.commands[0] is not command:
        return
    back = any(one.name == "cd" for one in command.script.following(command))
    if not back:
        yield CD.finding(command.span)


SYSTEM_DIRECTORY = Rule(
    code="DS-0030",
    name="system-directory-used",
    severity=Severity.ERROR,
    aliases=("DKL-DI-0002",),
    message="{path} belongs to the kernel, and engines mount it anew in each container",
    page="""WORKDIR or VOLUME names /proc, /sys or /dev.

The engine mounts these into every container, so nothing that the image puts there is seen, and a
volume in their place hides what programs need.
""",
    bad=("FROM a\nWORKDIR /proc/x\n", "FROM a\nVOLUME /sys\n"),
    good=("FROM a\nWORKDIR /process\nVOLUME /srv/dev /sys/fs/cgroup\n",),
)


@SYSTEM_DIRECTORY.instruction("WORKDIR", "VOLUME")
def system_directory(instruction: Instruction, stage: Stage) -> Outcome:
    for word in (instruction.value,) if instruction.keyword == "WORKDIR" else instruction.args:
        path = stage.path(word, instruction)
        # Below /sys a volume can be meant: systemd wants /sys/fs/cgroup.
        below = "(?:/|$)" if instruction.keyword == "WORKDIR" else "$"
        if path and re.match(rf"/(?:proc|sys|dev){below}", path):
            yield SYSTEM_DIRECTORY.finding(word.span, path=path)
