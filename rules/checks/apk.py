"""apk: the index left behind, versions left open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..installing import cached, subcommand, unpinned
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage

_VALUED = ("-t", "--virtual", "-X", "--repository", "-p", "--root", "--repositories-file", "--keys-dir")

APK_PIN = Rule(
    code="DL3018",
    name="unpinned-apk-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is not pinned: the build installs the version of that day; use package=version",
    page="""apk add of a package without a version.

Off by default: Alpine keeps only the newest version of a branch, so a pinned build breaks.
""",
    bad=("FROM a\nRUN apk add --no-cache b\n",),
    good=("FROM a\nRUN apk add --no-cache b=1.2-r0 'c>3' ./d.apk $E --virtual .deps\n",),
)


@APK_PIN.command("apk")
def apk_versions(command: Command, stage: Stage) -> Outcome:
    if subcommand(command, *_VALUED) != "add":
        return
    for word in command.operands(*_VALUED)[1:]:
        if unpinned(word, "=<>~") and not word.value.endswith(".apk"):
            yield APK_PIN.finding(word.span, package=word.value)


APK_CACHE = Rule(
    code="DL3019",
    name="apk-cache-left",
    severity=Severity.INFO,
    antipattern=3,
    aliases=("DS-0025", "DKL-DI-0004"),
    message="apk add leaves the package index in the layer; use --no-cache",
    page="""apk add without `--no-cache`.

The index in /var/cache/apk stays in the layer. A cache mount on that directory, or removing it
in the same RUN, does as well.
""",
    bad=("FROM a\nRUN apk add b\n", "FROM a\nRUN apk update && apk add b && rm -rf /x\n"),
    good=(
        "FROM a\nRUN apk add --no-cache b\n",
        "FROM a\nRUN --mount=type=cache,target=/var/cache/apk apk add b\n",
        "FROM a\nRUN apk add b && rm -rf /var/cache/apk/*\n",
        "FROM a\nRUN apk --no-cache add b\n",
    ),
    shipped_only=True,
    once_per_instruction=True,
)


@APK_CACHE.command("apk")
def apk_cache(command: Command, stage: Stage) -> Outcome:
    if subcommand(command, *_VALUED) != "add" or command.has_flag("no-cache"):
        return
    if cached(command.instruction, "/var/cache/apk", "/etc/apk/cache"):
        return
    for later in command.script.following(command):
        if later.name == "rm" and any("/var/cache" in word.value for word in later.args):
            return
        if later.name == "apk" and [word.value for word in later.operands()[:2]] == ["cache", "clean"]:
            return
    yield APK_CACHE.finding(command.span)
