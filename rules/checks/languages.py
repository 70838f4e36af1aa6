"""npm, yarn, poetry, conda, gem and go: versions left open, caches left behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..installing import configured, holds_home, mounted, unpinned
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
    message="yarn leaves its downloads in its cache; use yarn cache clean at the end of the RUN",
    page="""yarn install without `yarn cache clean`.

The downloads stay in the layer. A cache mount on /usr/local/share/.cache or ~/.cache/yarn does
as well, and so does removing that directory, or one above it, in the same RUN. A cache that a
variable, a flag or the configuration puts elsewhere is left alone. Yarn from version 2 on may run
programs right out of its cache: a file that speaks of it is left alone (`.yarnrc.yml`, `.yarn`,
corepack, `--immutable`).
""",
    bad=(
        "FROM a\nRUN yarn install\n",
        "FROM a\nRUN yarn\n",
        "FROM a\nRUN yarn cache clean && yarn install\n",
    ),
    good=(
        "FROM a\nCOPY .yarnrc.yml ./\nRUN yarn install\n",
        "FROM a\nRUN yarn install --immutable\n",
        "FROM a\nRUN yarn --version && yarn build\n",
        "FROM a\nRUN yarn install && yarn cache clean\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.cache/yarn yarn install\n",
        "FROM a\nRUN yarn install && rm -rf /usr/local/share/.cache/yarn\n",
        "FROM a\nRUN yarn install && rm -rf /root /usr/local/share\n",
        "FROM a\nRUN --mount=type=tmpfs,target=/root yarn install\n",
        "FROM a\nENV YARN_CACHE_FOLDER=/tmp/c\nRUN yarn install\n",
        "FROM a\nRUN yarn install --cache-folder /tmp/c && rm -rf /tmp/c\n",
        "FROM a\nRUN yarn config set cache-folder /tmp/c && yarn install && rm -rf /tmp/*\n",
    ),
    shipped_only=True,
)


@YARN_CACHE.command("yarn")
def yarn_cache(command: Command, stage: Stage) -> Outcome:
    operands = [word.value for word in command.operands("--cwd", "--cache-folder")]
    bare = not operands and not command.has_flag("version", "v", "help", "h")
    if not (bare or operands[:1] == ["install"]) or _yarn_of_today(stage):
        return
    variables = stage.variables(command.instruction)
    given = [word.raw for word in (*command.assignments, *command.args)]
    if any(one.startswith(("YARN_CACHE_FOLDER", "--cache-folder")) for one in (*variables, *given)):
        return
    if configured(stage, command.instruction, ("yarn",), "cache-folder"):
        return

    def covers(path: str) -> bool:
        above = path.rstrip("/*") in ("/usr", "/usr/local", "/usr/local/share")
        return above or ".cache" in path or "yarn" in path or holds_home(path, variables.get("HOME"))

    if any(covers(target) for target in mounted(command.instruction)):
        return
    for later in command.script.following(command):
        words = [word.value for word in later.operands()]
        if later.name == "yarn" and words[:2] == ["cache", "clean"]:
            return
        if later.name in ("rm", "find") and any(covers(word) for word in words):
            return
    yield YARN_CACHE.finding(command.span)


def _yarn_of_today(stage: Stage) -> bool:
    """Whether something speaks of Yarn from version 2 on, which needs its cache when the program runs."""
    text = stage.file.text.value
    return any(sign in text for sign in (".yarn", "corepack", "--immutable", "yarn set version"))


class _Cache(NamedTuple):
    """Where a program keeps what it downloaded, and what empties it."""

    directory: str
    installs: frozenset[str]
    clean: str
    marks: tuple[str, ...]  # in the paths of those who remove it or mount something there
    settings: tuple[str, ...]  # variables and flags that put it elsewhere
    key: str  # of the configuration that does


_CONDA = _Cache(
    "its directory pkgs",
    frozenset({"install", "create", "update", "upgrade", "env"}),
    "conda clean -afy",
    ("pkgs", ".conda", "conda", ".cache", "/opt/micromamba"),
    ("CONDA_PKGS_DIRS",),
    "pkgs_dirs",
)
_CONDAS = ("conda", "mamba", "micromamba")
_CACHES = {
    "npm": _Cache(
        "~/.npm",
        frozenset({"install", "i", "ci", "add", "clean-install"}),
        "npm cache clean --force",
        (".npm", "npm", "/root/.", "$HOME/."),
        ("NPM_CONFIG_CACHE", "npm_config_cache", "--cache"),
        "cache",
    ),
    "poetry": _Cache(
        "~/.cache/pypoetry",
        frozenset({"install", "add", "update", "sync"}),
        "rm -rf ~/.cache/pypoetry",
        (".cache", "pypoetry", "poetry"),
        ("POETRY_CACHE_DIR", "XDG_CACHE_HOME", "--no-cache"),
        "cache-dir",
    ),
    "conda": _CONDA,
    "mamba": _CONDA._replace(clean="mamba clean -afy"),
    "micromamba": _CONDA._replace(clean="micromamba clean -afy"),
}
PACKAGE_CACHE = Rule(
    code="AV0310",
    name="package-cache-left",
    severity=Severity.INFO,
    antipattern=3,
    message="{program} leaves its downloads in {directory}; use {clean} at the end of the RUN",
    page="""npm, poetry or conda leaves its downloads in the layer.

The archives of all packages stay beside what was unpacked of them, and nothing reads them again:
express, typescript and vite come to 71 MB in node_modules, and to 61 MB in ~/.npm. Empty the cache in
the same RUN, or keep it in a mount: `RUN --mount=type=cache,target=/root/.npm npm ci`. A cache that a
variable, a flag or the program's configuration puts elsewhere is left alone. So are uv and pnpm, whose
caches share their files with what is installed by hard links. Told once in a stage.
""",
    bad=(
        "FROM a\nRUN npm ci\n",
        "FROM a\nRUN npm install -g b && rm -rf /tmp/x\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.x poetry install && rm -rf /root/.ssh /root/*\n",
        "FROM a\nRUN npm ci\nRUN npm config set cache /tmp/c\n",
        "FROM a\nRUN npm cache clean --force && npm i b\n",
        "FROM a\nRUN poetry install --only main\n",
        "FROM a\nRUN conda install -y b\n",
        "FROM a\nRUN /opt/conda/bin/mamba env create -f e.yml\n",
    ),
    good=(
        "FROM a\nRUN npm ci && npm cache clean --force\n",
        "FROM a\nRUN npm ci && npm run build && rm -rf /root/.npm /tmp/x\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.npm npm ci\n",
        "FROM a\nENV NPM_CONFIG_CACHE=/tmp/n\nRUN npm ci\n",
        "FROM a\nRUN --mount=type=cache,target=/root npm ci\n",
        "FROM a\nRUN --mount=type=tmpfs,target=/home/node/ poetry install\n",
        "FROM a\nENV HOME=/srv/app\nRUN --mount=type=tmpfs,target=/srv npm ci\n",
        "FROM a\nRUN poetry install && rm -rf /root\n",
        "FROM a\nRUN conda install -y b && rm -rf /opt\n",
        "FROM a\nRUN npm config set cache /tmp/c\nRUN npm ci\n",
        "FROM a\nRUN npm config set cache=/tmp/c --global && npm ci\n",
        "FROM a\nRUN poetry config cache-dir /x && poetry install\n",
        "FROM a\nENV XDG_CACHE_HOME=/x\nRUN poetry install\n",
        "FROM a\nRUN npm ci --cache /tmp/n && npm install --package-lock-only && npm run install\n",
        "FROM a AS b\nRUN npm ci\nFROM c\nCOPY --from=b /x /x\n",
        "FROM a\nRUN npm install --dry-run && npm --version\n",
        "FROM a\nRUN poetry install --no-cache\nRUN poetry config virtualenvs.create false\n",
        "FROM a\nRUN conda install -y b && conda clean -afy\n",
        "FROM a\nRUN mamba install -y b && mamba clean --all -f -y && conda env list\n",
        "FROM a\nRUN uv pip install b && pnpm install\n",
    ),
    shipped_only=True,
    once_per_instruction=True,
    once_per_stage=True,
)


@PACKAGE_CACHE.command(*_CACHES)
def package_cache(command: Command, stage: Stage) -> Outcome:
    cache = _CACHES[command.name]
    words = [word.value for word in command.operands("--prefix", "-C", "--registry", "-n", "-p", "--name")]
    if words[:1] == ["env"]:
        words = words[:2] if words[1:2] in (["create"], ["update"]) else []
    if not words or words[0] not in cache.installs:
        return
    if command.has_flag("dry-run", "package-lock-only", "offline", "download-only", "help", "version"):
        return
    settings = (
        *stage.variables(command.instruction),
        *(word.raw for word in (*command.assignments, *command.args)),
    )
    if any(setting.startswith(name) for setting in settings for name in cache.settings):
        return
    script = command.script.text.value if command.script.text else ""
    if any(name in script for name in cache.settings if not name.startswith("-")):
        return
    programs = _CONDAS if command.name in _CONDAS else (command.name,)
    if configured(stage, command.instruction, programs, cache.key):
        return
    home = stage.variables(command.instruction).get("HOME")

    def covers(path: str) -> bool:
        whole = path.rstrip("/*") == "/opt" if command.name in _CONDAS else holds_home(path, home)
        return whole or any(mark in path for mark in cache.marks)

    if any(covers(target) for target in mounted(command.instruction)):
        return
    for later in command.script.following(command):
        arguments = [word.value for word in later.args]
        if later.name in _CACHES and ("clean" in arguments or "clean-all" in arguments):
            return
        if later.name in ("rm", "find") and any(covers(argument) for argument in arguments):
            return
    yield PACKAGE_CACHE.finding(
        command.span, program=command.name, directory=cache.directory, clean=cache.clean
    )


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
