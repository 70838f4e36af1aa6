"""pip: downloads left behind, versions left open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..installing import cached, unpinned
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage, Word

PIP_CACHE = Rule(
    code="DL3042",
    name="pip-cache-left",
    severity=Severity.INFO,
    antipattern=3,
    message="pip leaves what it downloaded in ~/.cache/pip: use --no-cache-dir",
    page="""pip install without `--no-cache-dir`.

The downloads stay in the layer and are never used again. `PIP_NO_CACHE_DIR`, a cache mount on
the directory, or removing it in the same RUN does as well.
""",
    bad=("FROM a\nRUN pip install b==1\n", "FROM a\nRUN python3 -m pip install b\n"),
    good=(
        "FROM a\nRUN pip install --no-cache-dir b==1\n",
        "FROM a\nENV PIP_NO_CACHE_DIR=1\nRUN pip install b\n",
        "FROM a\nARG PIP_NO_CACHE_DIR=off\nRUN pip install b\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.cache/pip pip install b\n",
        "FROM a\nRUN pip install b && rm -rf /root/.cache\n",
        "FROM a\nRUN PIP_NO_CACHE_DIR=1 pip install b\n",
    ),
    shipped_only=True,
    once_per_instruction=True,
)


def _pip_arguments(command: Command) -> tuple[Word, ...] | None:
    """What follows `pip install`, also behind `python -m`; None for anything else."""
    words = command.args
    if re.fullmatch(r"python[\d.]*", command.name):
        if [word.value for word in words[:2]] != ["-m", "pip"]:
            return None
        words = words[2:]
    names = [word.value for word in words if not word.value.startswith("-")]
    return words if names[:1] == ["install"] else None


_PIPS = ("pip", "pip2", "pip3", "python", "python2", "python3", *(f"pip3.{minor}" for minor in range(6, 16)))


@PIP_CACHE.command(*_PIPS)
def pip_cache(command: Command, stage: Stage) -> Outcome:
    if _pip_arguments(command) is None or command.has_flag("no-cache-dir"):
        return
    setting = "PIP_NO_CACHE_DIR"
    if setting in stage.variables(command.instruction) or cached(command.instruction, "/root/.cache", "/"):
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
    message="{package} is installed in whatever version the index has that day",
    page="""pip install of a package without a version.

Off by default. A requirements or constraints file can pin it as well, and is left alone; so are
paths, URLs and variables.
""",
    bad=("FROM a\nRUN pip install b\n", "FROM a\nRUN pipx install b\n"),
    good=(
        "FROM a\nRUN pip install b==1 'c>=2,<3' ./d e @ https://x/e.whl\n",
        "FROM a\nRUN pip install -r requirements.txt\n",
        "FROM a\nRUN pip install -c constraints.txt b\n",
        "FROM a\nRUN pip install .\n",
        "FROM a\nRUN pip install git+https://example.org/b.git@v1\n",
    ),
)

_PIP_VALUED = frozenset(
    "-r --requirement -c --constraint -i --index-url --extra-index-url -e --editable -t --target --root"
    " --prefix -f --find-links --trusted-host --python-version --platform --timeout --retries --src"
    " --cache-dir --proxy --log --progress-bar --no-binary --only-binary --build-option".split()
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
        if unpinned(word, "=<>~!@/\\:") and not word.value.endswith((".whl", ".gz", ".zip", ".txt")):
            yield PIP_PIN.finding(word.span, package=word.value)
