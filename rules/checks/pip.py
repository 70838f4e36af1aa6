"""pip: downloads left behind, versions left open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..installing import mounted, unpinned
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage, Word

PIP_CACHE = Rule(
    code="DL3042",
    name="pip-cache-left",
    severity=Severity.INFO,
    antipattern=3,
    message="pip leaves its downloads in ~/.cache/pip; use --no-cache-dir",
    page="""pip install without `--no-cache-dir`.

The downloads stay in the layer and are never used again. `PIP_NO_CACHE_DIR`, a cache mount on
the directory, or removing it in the same RUN does as well.
""",
    bad=(
        "FROM a\nRUN pip install b==1\n",
        "FROM a\nRUN python3 -m pip install b\n",
        "FROM a\nRUN /usr/bin/python3.12 -m pip install b\n",
        "FROM a\nRUN --mount=type=cache,target=/var/cache/apt pip install b\n",
    ),
    good=(
        "FROM a\nRUN pip install --no-cache-dir b==1\n",
        "FROM a\nENV PIP_NO_CACHE_DIR=1\nRUN pip install b\n",
        "FROM a\nARG PIP_NO_CACHE_DIR=off\nRUN pip install b\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.cache/pip pip install b\n",
        "FROM a\nRUN --mount=type=cache,target=/home/app/.cache pip install b\n",
        "FROM a\nRUN pip install b && rm -rf /root/.cache\n",
        "FROM a\nRUN PIP_NO_CACHE_DIR=1 pip install b\n",
        "FROM a\nRUN pip install --no-cache b && pip --no-cache-dir install c\n",
        "FROM a\nRUN python3.11 -I -m pip install --no-cache-dir b\n",
        "FROM a\nRUN --mount=type=cache,target=/p PIP_CACHE_DIR=/p pip install b\n",
        "FROM a\nRUN pip install --no-index --find-links /w b\n",
    ),
    shipped_only=True,
    once_per_instruction=True,
)


def _kept_outside(command: Command, stage: Stage) -> bool:
    """Whether a mount holds pip's cache: below somebody's home, or where a variable puts it."""
    elsewhere = (
        "PIP_CACHE_DIR" in stage.variables(command.instruction)
        or "XDG_CACHE_HOME" in stage.variables()
        or any(word.raw.startswith(("PIP_CACHE_DIR=", "XDG_CACHE_HOME=")) for word in command.assignments)
    )
    return any(elsewhere or ".cache" in one or "pip" in one for one in mounted(command.instruction))


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
    if setting in stage.variables(command.instruction) or _kept_outside(command, stage):
        return
    if any(word.raw.startswith(setting) for word in command.assignments):
        return
    for one in command.script.commands:
        if setting in " ".join(word.value for word in one.words):
            return
    for later in command.script.following(command):
        if later.name == "rm" and any(".cache" in word.value for word in later.args):
            return
        if later.name.startswith("pip") and [w.value for w in later.operands()[:2]] == ["cache", "purge"]:
            return
    yield PIP_CACHE.finding(command.span)


PIP_PIN = Rule(
    code="DL3013",
    name="unpinned-pip-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is not pinned: the build installs the version of that day; use package==version",
    page="""pip install of a package without a version.

Off by default. A requirements or constraints file can pin it as well, and is left alone; so are
paths, URLs and variables.
""",
    bad=(
        "FROM a\nRUN pip install b\n",
        "FROM a\nRUN pipx install b\n",
        "FROM a\nRUN pip install git+https://example.org/c/d.git\n",
    ),
    good=(
        "FROM a\nRUN pip install b==1 'c>=2,<3' ./d e @ https://x/e.whl\n",
        "FROM a\nRUN pip install -r requirements.txt\n",
        "FROM a\nRUN pip install -c constraints.txt b\n",
        "FROM a\nRUN pip install .\n",
        "FROM a\nRUN pip install git+https://example.org/b.git@v1 git+ssh://git@example.org/c.git@v2\n",
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
        if named or _moving_branch(word.value):
            yield PIP_PIN.finding(word.span, package=word.value)


def _moving_branch(value: str) -> bool:
    """Whether a package comes from a Git repository whose newest commit is taken: no @ behind the path."""
    return value.startswith("git+") and "$" not in value and "@" not in value.rpartition("/")[2]
