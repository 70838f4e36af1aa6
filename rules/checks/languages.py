"""npm, yarn, gem and go: versions left open, caches left behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..installing import cached, unpinned
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage

NPM_PIN = Rule(
    code="DL3016",
    name="unpinned-npm-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is not pinned: the build installs the version of that day; use package@version",
    page="""npm install of a package without a version.

Off by default. A bare `npm install` reads package.json and is not meant; neither are paths,
archives, variables and Git URLs.
""",
    bad=("FROM a\nRUN npm install -g b\n", "FROM a\nRUN npm i @scope/c\n"),
    good=(
        "FROM a\nRUN npm install b@1 @scope/c@2 ./d e.tgz someone/f git+https://example.org/f.git#v1 $G\nRUN npm ci\n",
    ),
)
_NPM_VALUED = (
    "--registry",
    "--prefix",
    "-C",
    "--cache",
    "--loglevel",
    "--userconfig",
    "--omit",
    "--workspace",
    "-w",
)


@NPM_PIN.command("npm")
def npm_versions(command: Command, stage: Stage) -> Outcome:
    operands = command.operands(*_NPM_VALUED)
    if not operands or operands[0].value not in ("install", "i", "add"):
        return
    for word in operands[1:]:
        name = word.value.removeprefix("@")
        local = name.startswith((".", "/", "~")) or re.search(r"\.t(?:ar|gz)|://|^git@|\.tar\.", name)
        github = not word.value.startswith("@") and "/" in name
        if not local and not github and "@" not in name and "$" not in name and re.match(r"\w", name):
            yield NPM_PIN.finding(word.span, package=word.value)


YARN_CACHE = Rule(
    code="DL3060",
    name="yarn-cache-left",
    severity=Severity.INFO,
    antipattern=3,
    default=False,
    message="yarn leaves its downloads in its cache; use yarn cache clean at the end of the RUN",
    page="""yarn install without `yarn cache clean`.

The downloads stay in the layer. A cache mount on /usr/local/share/.cache or ~/.cache/yarn does
as well, and so does removing that directory in the same RUN.
""",
    bad=("FROM a\nRUN yarn install\n", "FROM a\nRUN yarn cache clean && yarn install\n"),
    good=(
        "FROM a\nRUN yarn install && yarn cache clean\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.cache/yarn yarn install\n",
        "FROM a\nRUN yarn install && rm -rf /usr/local/share/.cache/yarn\n",
    ),
    shipped_only=True,
)


@YARN_CACHE.command("yarn")
def yarn_cache(command: Command, stage: Stage) -> Outcome:
    operands = [word.value for word in command.operands("--cwd", "--cache-folder")]
    if operands[:1] != ["install"] or any(flag.name == "mount" and cached(
        command.instruction, "/root/.cache", "/usr/local/share/.cache", "/root/.yarn", "/usr/local/share",
        "/home",
    ) for flag in command.instruction.flags):  # fmt: skip
        return
    for later in command.script.following(command):
        words = [word.value for word in later.operands()]
        if later.name == "yarn" and words[:2] == ["cache", "clean"]:
            return
        if later.name == "rm" and any(".cache" in word or "yarn" in word for word in words):
            return
    yield YARN_CACHE.finding(command.span)


GEM_PIN = Rule(
    code="DL3028",
    name="unpinned-gem",
    severity=Severity.WARNING,
    default=False,
    message="{package} is not pinned: the build installs the version of that day; use package:version",
    page="""gem install without a version.

Off by default. `name:1.2` and `-v 1.2` name one; files and variables are left alone.
""",
    bad=("FROM a\nRUN gem install b\n",),
    good=("FROM a\nRUN gem install b:1.2 c.gem $D && gem install e -v 1 && gem install f --version '<2'\n",),
)


@GEM_PIN.command("gem")
def gem_versions(command: Command, stage: Stage) -> Outcome:
    operands = command.operands(
        "-i", "--install-dir", "-n", "--bindir", "-s", "--source", "-P", "-v", "--version"
    )
    if not operands or operands[0].value not in ("install", "i", "update"):
        return
    if command.has_flag("v", "version"):
        return
    for word in operands[1:]:
        if unpinned(word, ":/") and not word.value.endswith(".gem"):
            yield GEM_PIN.finding(word.span, package=word.value)


GO_PIN = Rule(
    code="DL3062",
    name="unpinned-go-module",
    severity=Severity.WARNING,
    default=False,
    message="{package} is not pinned: the build takes the version of that day; use package@version",
    page="""go install of a module without a version, or with @latest.

Off by default. Packages of the own module (`./...`) are read from go.mod and are not meant.
""",
    bad=(
        "FROM a\nRUN go install example.org/b@latest\n",
        "FROM a\nRUN go get example.org/b\n",
        "FROM a\nRUN go run example.org/b/cmd/c@latest --flag\n",
    ),
    good=("FROM a\nRUN go install example.org/b@v1.2 && go install ./... && go run main.go && go get $C\n",),
)


@GO_PIN.command("go")
def go_versions(command: Command, stage: Stage) -> Outcome:
    operands = command.operands("-tags", "-ldflags", "-gcflags", "-mod", "-o", "-p", "-C", "-modfile")
    if not operands or operands[0].value not in ("install", "get", "run"):
        return
    packages = operands[1:2] if operands[0].value == "run" else operands[1:]
    for word in packages:
        path, _, version = word.value.partition("@")
        remote = "." in path.partition("/")[0] and not path.startswith(".") and not path.endswith(".go")
        if remote and "$" not in word.value and version in ("", "latest"):
            yield GO_PIN.finding(word.span, package=word.value)
