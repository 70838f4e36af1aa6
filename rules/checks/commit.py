"""Antipattern 5: an image made from a running container."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage
    from ...analyzer.image import Image

SNAPSHOT_BASE = Rule(
    code="AV0501",
    name="snapshot-base",
    severity=Severity.WARNING,
    antipattern=5,
    message="{image} is named like a snapshot of a container, which nobody can build again; use a Dockerfile",
    page="""A stage is built on something that was saved from a running container.

`docker commit` and `docker export` keep the state of one moment. Nothing says how it came
about, what was typed into it, or which credentials were lying around. Told by the name:
a repository or tag ending in snapshot, backup, commit, export or dump.
""",
    bad=("FROM registry.example.org/shop-snapshot:1\n", "FROM shop:backup-2024-01-05\n"),
    good=("FROM debian:12\n", "FROM backup-tools:1.2\n", "FROM eclipse-temurin:21-jdk\n"),
)

_SNAPSHOT = r"(?i)(?:^|[-_.])(?:snapshot|backup|commit|committed|export|dump)(?:[-_.]?\d[\d._T-]*)?$"


@SNAPSHOT_BASE.instruction("FROM")
def named_like_a_snapshot(instruction: Instruction, stage: Stage) -> Outcome:
    reference = stage.reference
    if reference and (re.search(_SNAPSHOT, reference.name) or re.search(_SNAPSHOT, reference.tag or "")):
        yield SNAPSHOT_BASE.finding(stage.base.span, image=stage.base_name)


COMMITS = Rule(
    code="AV0503",
    name="commit-in-build",
    severity=Severity.WARNING,
    antipattern=5,
    message="{command} makes an image out of a container's state; write the steps into a Dockerfile",
    page="""A RUN commits or imports a container.

The result can't be built again from its sources.
""",
    bad=("FROM a\nRUN docker commit x y\n",),
    good=("FROM a\nRUN docker build .\n",),
)


@COMMITS.command("docker", "podman", "nerdctl", "buildah")
def commit_command(command: Command, stage: Stage) -> Outcome:
    operands = [word.value for word in command.operands()]
    if operands[:1] == ["container"]:
        operands = operands[1:]
    if operands[:1] in (["commit"], ["import"]):
        yield COMMITS.finding(command.span, command=f"{command.name} {operands[0]}")


COMMITTED = Rule(
    code="AV0502",
    name="committed-container",
    severity=Severity.WARNING,
    antipattern=5,
    message="the image was committed from a container ({signs}), so nobody can build it again; use a Dockerfile",
    page="""The image carries the marks of `docker commit`.

A builder leaves the host name empty, names its base by ID, and writes each step with a prefix
of its own; a commit keeps the container's host name and the bare command that ran in it. Told
when at least two of these marks agree, since a single one has innocent explanations:
the host name of 12 hexadecimal digits that begins the container's ID; a base named by name; a
last step without any builder's prefix; the leftovers of a shell session.
""",
    bad=(
        ImageExample(
            config={"Hostname": "8c5b2d1f3a4e", "Image": "debian:12", "Cmd": ["bash"]},
            steps=("bash",),
            top={"container": "8c5b2d1f3a4e0000000000000000000000000000000000000000000000000000"},
        ),
        ImageExample(
            layers=({"srv/a": "x"}, {"root/.bash_history": "ls\n"}), steps=("COPY a /srv/a", "bash")
        ),
    ),
    good=(
        ImageExample(config={"Hostname": ""}, steps=("/bin/sh -c apt-get update",)),
        ImageExample(steps=("COPY app /srv/app # buildkit",)),
        ImageExample(steps=("/bin/busybox mkdir /x",)),
    ),
)

_BUILDERS = r"/bin/sh -c|\|\d+ |#\(nop\)|[A-Z]+ |.*# buildkit$|ko build|bazel build|jib|crane |buildkit|$"
_SESSION_ENDINGS = ("hist", "history", ".lesshst", ".viminfo")
_SESSION = (
    r"(?:^|/)\.(?:bash|ash|zsh|sh|python|psql|mysql|lesshst)_?hist(?:ory)?$|(?:^|/)\.lesshst$|\.viminfo$"
)


@COMMITTED.image
def marks_of_a_commit(image: Image) -> Outcome:
    signs = {}
    hostname = image.config.hostname
    container = str(image.raw.get("container") or "")
    if re.fullmatch(r"[0-9a-f]{12}", hostname) and (not container or container.startswith(hostname)):
        signs["hostname"] = hostname
    if image.config.image and not image.config.image.startswith("sha256:"):
        signs["base named by"] = image.config.image
    steps = [step for step in image.steps if not step.empty]
    # Exec-form RUNs have no prefix either, so this alone says nothing.
    if (
        steps
        and not re.match(_BUILDERS, steps[-1].created_by)
        and not steps[-1].comment.startswith("buildkit")
    ):
        signs["last step"] = steps[-1].created_by
    history = [path for path in image.tree if path.endswith(_SESSION_ENDINGS) and re.search(_SESSION, path)]
    if history:
        signs["shell session"] = f"/{history[0]}"
    if len(signs) >= 2:
        shown = ", ".join(f"{name} {value}" for name, value in signs.items())
        yield COMMITTED.finding(Place("image"), signs=shown, proof=signs)
