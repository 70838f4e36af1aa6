"""FROM --platform: for which platform an image is built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Instruction, Stage

CONSTANT = Rule(
    code="DL3029",
    name="constant-platform",
    severity=Severity.WARNING,
    default=False,
    aliases=("FromPlatformFlagConstDisallowed",),
    message="{platform} is built whatever platform is asked for; leave --platform out, or use a variable",
    page="""FROM names a platform by a literal.

`docker build --platform` then has no effect on this stage, and the image does not run on other
machines, or only by emulation. Off by default, since some builds mean exactly this. A stage whose
name says the platform, and variables, are left alone.
""",
    bad=("FROM --platform=linux/amd64 a\n",),
    good=(
        "FROM --platform=$BUILDPLATFORM a\n",
        "FROM --platform=linux/arm64 a AS build-arm64\n",
        "ARG P=linux/amd64\nFROM --platform=$P a\n",
    ),
)
REDUNDANT = Rule(
    code="DL3065",
    name="redundant-target-platform",
    severity=Severity.WARNING,
    default=False,
    aliases=("RedundantTargetPlatform",),
    message="--platform=$TARGETPLATFORM is what FROM does by itself; leave it out",
    page="""FROM --platform=$TARGETPLATFORM.

Images are taken for the target platform anyway. Leave the flag out.
""",
    bad=("FROM --platform=$TARGETPLATFORM a\n", "FROM --platform=${TARGETPLATFORM} a\n"),
    good=("FROM --platform=$BUILDPLATFORM a\n", "FROM a\n"),
)
MISMATCH = Rule(
    code="InvalidBaseImagePlatform",
    name="base-of-another-platform",
    severity=Severity.WARNING,
    message="{image} is only for {held}, and the stage asks for {platform}",
    page="""A stage asks for a platform that its base image does not have.

Told where both can be read from the text: a literal `--platform`, and an image whose name says
its one platform (`arm64v8/…`, `amd64/…`, `i386/…` and the like). Builders take the image all the
same, and its programs run by emulation or not at all.
""",
    bad=("FROM --platform=linux/amd64 arm64v8/debian:12\n",),
    good=(
        "FROM --platform=linux/arm64 arm64v8/debian:12\n",
        "FROM --platform=linux/amd64 debian:12\n",
        "FROM arm64v8/debian:12\n",
    ),
)

_ONE_PLATFORM = {
    "amd64": "amd64", "i386": "386", "arm32v5": "arm", "arm32v6": "arm", "arm32v7": "arm", "arm64v8": "arm64",
    "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64", "mips64le": "mips64le",
}  # fmt: skip


@CONSTANT.instruction("FROM")
def literal_platform(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("platform")
    if flag is None or not flag.value or "$" in flag.value:
        return
    name = stage.name.value.lower() if stage.name else ""
    if not any(part and part in name for part in flag.value.lower().split("/")):
        yield CONSTANT.finding(flag.word.span, platform=flag.value)


@REDUNDANT.instruction("FROM")
def target_platform(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("platform")
    if flag and flag.value and re.fullmatch(r"\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})", flag.value):
        span = flag.word.span
        fix = Edit(span._replace(end_column=span.end_column + 1), "", safe=True)
        yield REDUNDANT.finding(span, fix=fix)


@MISMATCH.instruction("FROM")
def other_platform(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("platform")
    if flag is None or not flag.value or "$" in flag.value or stage.reference is None:
        return
    held = _ONE_PLATFORM.get(stage.reference.familiar.partition("/")[0])
    asked = flag.value.lower().split("/")
    architecture = asked[1] if len(asked) > 1 else asked[0]
    aliases = {"x86_64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm"}
    if held and held != aliases.get(architecture, architecture):
        yield MISMATCH.finding(stage.base.span, image=stage.base.raw, held=held, platform=flag.value)
