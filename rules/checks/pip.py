"""pip: downloads left behind, versions left open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..installing import configured, holds_home, mounted, unpinned
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage, Word

PIP_CACHE = Rule(
    code="DL3042",
    name="pip-cache-left",
    severity=Severity.INFO,
    antipattern=3,
    message="pip leaves its downloads in {directory}; use --no-cache-dir",
    page="""pip install without `--no-cache-dir`.

The downloads stay in the layer and are never used again. `PIP_NO_CACHE_DIR`, a cache mount on
the directory, or removing it in the same RUN does as well.
""",
    bad=(
        "FROM a\nRUN pip install b==1\n",
        "FROM a\nRUN python3 -m pip install b\n",
        "FROM a\nRUN /usr/bin/python3.12 -m pip install b\n",
        "FROM a\nRUN --mount=type=cache,target=/var/cache/apt pip install b\n",
        "FROM a\nENV PIP_CACHE_DIR=/p\nRUN pip install b && rm -rf /q /root\n",
        "FROM a\nRUN pip config set global.cache-dir /p && pip install b\n",
    ),
    good=(
        "FROM a\nRUN pip install --no-cache-dir b==1\n",
        "FROM a\nENV PIP_NO_CACHE_DIR=1\nRUN pip install b\n",
        "FROM a\nARG PIP_NO_CACHE_DIR=off\nRUN pip install b\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.cache/pip pip install b\n",
        "FROM a\nRUN --mount=type=cache,target=/home/app/.cache pip install b\n",
        "FROM a\nRUN pip install b && rm -rf /root/.cache\n",
        "FROM a\nRUN --mount=type=tmpfs,target=/root pip install b\n",
        "FROM a\nRUN pip install b && rm -rf /root\n",
        "FROM a\nENV XDG_CACHE_HOME=/p/c\nRUN pip install b && rm -rf /p\n",
        "FROM a\nRUN pip config set global.no-cache-dir true && pip install b\n",
        "FROM a\nRUN PIP_NO_CACHE_DIR=1 pip install b\n",
        "FROM a\nRUN pip install --no-cache b && pip --no-cache-dir install c\n",
        "FROM a\nRUN python3.11 -I -m pip install --no-cache-dir b\n",
        "FROM a\nRUN --mount=type=cache,target=/p PIP_CACHE_DIR=/p pip install b\n",
        "FROM a\nRUN pip install --no-index --find-links /w b\n",
    ),
    shipped_only=True,
    once_per_instruction=True,
)


_AT_HOME, _ELSEWHERE = "~/.cache/pip", "its cache"


def _directory(command: Command, stage: Stage) -> str:
    """Where pip keeps its downloads: at home, in a directory that a variable or a flag names, or elsewhere."""
    flags = [word.value for word in command.args]
    if "--cache-dir" in flags or any(flag.startswith("--cache-dir=") for flag in flags):
        return _ELSEWHERE
    given: dict[str, str | None] = {
        name: value for word in command.assignments for name, _, value in [word.value.partition("=")]
    }
    variables = {**stage.variables(command.instruction), **given}
    written = command.script.text.value if command.script.text else ""
    for name, below in (("PIP_CACHE_DIR", ""), ("XDG_CACHE_HOME", "/pip")):
        if name in variables:
            value = variables[name] or ""
            return value.rstrip("/") + below if value.startswith("/") and "$" not in value else _ELSEWHERE
        if name in written:
            return _ELSEWHERE
    moved = configured(stage, command.instruction, ("pip", "python"), "cache-dir")
    return _ELSEWHERE if moved else _AT_HOME


def _covered(path: str, directory: str, home: str | None) -> bool:
    """Whether what is mounted or removed at a path is pip's cache, or holds it; any path may where that is unknown."""
    if directory == _ELSEWHERE:
        return True
    if directory == _AT_HOME:
        return ".cache" in path or holds_home(path, home)
    whole = path.rstrip("/*")
    return f"{directory}/".startswith(f"{whole}/") or whole.startswith(f"{directory}/")


def _pip_arguments(command: Command) -> tuple[Word, ...] | None:
    """What follows `pip install`, also behind `python -m`; None for anything else."""
    words = command.args
    if command.name.startswith("python"):
        at = next((at for at, word in enumerate(words) if word.value == "-m"), -1)
        # Only flags of Python's own stand before -m: python -I -m pip.
        if (
            at < 0
            or [w.value for w in words[at + 1 : at + 2]] != ["pip"]
            or any(w.value[:1] != "-" for w in words[:at])
        ):
            return None
        words = words[at + 2 :]
    names = [word.value for word in words if not word.value.startswith("-")]
    return words if names[:1] == ["install"] else None


_PIPS = (
    *("pip", "pip2", "pip3", "python", "python2", "python3"),
    *(f"{name}3.{minor}" for name in ("pip", "python") for minor in range(6, 16)),
)


@PIP_CACHE.command(*_PIPS)
def pip_cache(command: Command, stage: Stage) -> Outcome:
    words = _pip_arguments(command)
    # pip takes any beginning of an option that no other one has: --no-cache is --no-cache-dir.
    if words is None or any(word.value.startswith("--no-ca") for word in command.args):
        return
    if command.has_flag("no-index", "download-cache"):
        return  # nothing is downloaded
    setting = "PIP_NO_CACHE_DIR"
    variables = stage.variables(command.instruction)
    if setting in variables or configured(stage, command.instruction, ("pip", "python"), "no-cache-dir"):
        return
    directory, home = _directory(command, stage), variables.get("HOME")
    for target in mounted(command.instruction):
        if "pip" in target or ".cache" in target or _covered(target, directory, home):
            return
    if any(word.raw.startswith(setting) for word in command.assignments):
        return
    for one in command.script.commands:
        if setting in " ".join(word.value for word in one.words):
            return
    for later in command.script.following(command):
        if later.name in ("rm", "find") and any(
            ".cache" in word.value or _covered(word.value, directory, home) for word in later.operands()
        ):
            return
        if later.name.startswith("pip") and [w.value for w in later.operands()[:2]] == ["cache", "purge"]:
            return
    yield PIP_CACHE.finding(command.span, directory=directory)


PIP_PIN = Rule(
    code="DL3013",
    name="unpinned-pip-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is not pinned: the build installs the version of that day; use {pin}",
    page="""pip install of a package without a version.

Off by default. A requirements or constraints file can pin it as well, and is left alone; so are
paths, archives' URLs and variables. A Git repository's URL is pinned by `@` and a tag or a commit behind
its path: `git+https://example.org/b.git@v1`.
""",
    bad=(
        "FROM a\nRUN pip install b\n",
        "FROM a\nRUN pipx install b\n",
        "FROM a\nRUN pip install git+https://example.org/c/d.git\n",
        "FROM a\nRUN pip install git+ssh://git@example.org/c.git#egg=c@1\n",
    ),
    good=(
        "FROM a\nRUN pip install b==1 'c>=2,<3' ./d e @ https://x/e.whl\n",
        "FROM a\nRUN pip install -r requirements.txt\n",
        "FROM a\nRUN pip install -c constraints.txt b\n",
        "FROM a\nRUN pip install .\n",
        "FROM a\nRUN pip install git+https://example.org/b.git@v1 git+ssh://git@example.org/c.git@v2\n",
        "FROM a\nRUN pip install git+https://example.org/b@v1#subdirectory=c/d git+https://example.org/e@rel/1\n",
        "FROM a\nRUN pip install --root-user-action ignore b==1 && pip install --group dev .\n",
    ),
)

_PIP_VALUED = frozenset(
    "-r --requirement -c --constraint -i --index-url --extra-index-url -e --editable -t --target --root"
    " --prefix -f --find-links --trusted-host --python-version --platform --timeout --retries --src"
    " --cache-dir --proxy --log --progress-bar --no-binary --only-binary --build-option --root-user-action --group"
    " --report --config-settings -C --global-option --cert --client-cert --python --abi --implementation"
    " --upgrade-strategy --keyring-provider --use-feature --use-deprecated --resume-retries".split()
)


@PIP_PIN.command(*_PIPS, "pipx")
def pip_versions(command: Command, stage: Stage) -> Outcome:
    words = _pip_arguments(command)
    if words is None or any(word.value in ("-r", "-c", "--requirement", "--constraint") for word in words):
        return
    if any(word.value.startswith(("-r", "-c", "--requirement=", "--constraint=")) for word in words):
        return
    skip = False
    operands = []
    for word in words:
        if skip:
            skip = False
        elif word.value in _PIP_VALUED:
            skip = True
        elif not word.value.startswith("-"):
            operands.append(word)
    values = [word.value for word in operands]
    if "@" in values:
        return
    for word in operands[1:]:
        named = unpinned(word, "=<>~!@/\\:") and not word.value.endswith((".whl", ".gz", ".zip", ".txt"))
        if named:
            yield PIP_PIN.finding(word.span, package=word.value, pin="package==version")
        elif _moving_branch(word.value):
            yield PIP_PIN.finding(word.span, package=word.value, pin="@ and a commit behind its path")


def _moving_branch(value: str) -> bool:
    """Whether a package comes from a Git repository whose newest commit is taken: no @ behind the path."""
    path = value.partition("#")[0].partition("://")[2].partition("/")[2]
    return value.startswith("git+") and "$" not in value and "@" not in path
