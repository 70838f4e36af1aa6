"""What COPY and ADD find in the build context."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...analyzer.sizes import shown as shown_size
from ..rule import ContextExample, Outcome, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...analyzer.dockerfile import Instruction, Stage, Word
    from ...analyzer.dockerfile.context import BuildContext

IGNORED = Rule(
    code="CopyIgnoredFile",
    name="copied-file-is-ignored",
    severity=Severity.ERROR,
    message="`{pattern}` (.dockerignore line {line}) keeps {path} out of the build context; the build fails",
    page="""COPY or ADD names a file that .dockerignore keeps out.

The builder is never sent it and stops with "not found". Take the file back in by a line that
starts with `!`, or narrow the pattern. Looked at where the build context is known: by --context,
or when a .dockerignore stands beside the Dockerfile and what is copied stands there, too. Else the
nearest directory above that holds all of it is taken, up to the root of the repository.
""",
    bad=(
        ContextExample("FROM a\nCOPY dist/app /srv/\n", {".dockerignore": "dist\n", "dist/app": ""}),
        ContextExample("FROM a\nCOPY ./app.log /srv/\n", {".dockerignore": "# logs\n**/*.log\n"}),
        ContextExample(
            "FROM a\nCOPY key.txt /srv/\n", {".dockerignore": "*\n!go.mod\n!src/*.go\n", "key.txt": ""}
        ),
    ),
    good=(
        ContextExample("FROM a\nCOPY dist/app /srv/\n", {".dockerignore": "dist/*\n!dist/app\n"}),
        ContextExample("FROM a\nCOPY dist /srv/\n", {".dockerignore": "*\n!dist/app\n"}),
        ContextExample("FROM a\nCOPY web /srv/\n", {".dockerignore": "*\n!web/*.html\n", "web/a.html": "x"}),
        ContextExample("FROM a\nCOPY x/y /srv/\n", {".dockerignore": "*\n!**/y\n"}),
        ContextExample("FROM a AS b\nFROM c\nCOPY --from=b dist /srv/\n", {".dockerignore": "dist\n"}),
        ContextExample(
            "FROM a\nCOPY . /srv/\nADD https://x/dist /y\nCOPY $D /z\n", {".dockerignore": "dist\n"}
        ),
        "FROM a\nCOPY dist /srv/\n",
    ),
)
WHOLE = Rule(
    code="AV0305",
    name="context-copied-with-ballast",
    severity=Severity.INFO,
    antipattern=3,
    aliases=("S6470",),
    message="COPY {source} takes {ballast} into the image; name it in .dockerignore",
    page="""The whole build context is copied, with what no container needs.

Version control, installed dependencies, virtual environments and local settings make the layer
large, change it with every commit, and may hold secrets. Looked at where the build context is
known: by --context, or when .dockerignore or .git stands beside the Dockerfile. Of less than 100 kB
only version control and .env are told.
""",
    bad=(
        ContextExample("FROM a\nCOPY . /srv\n", {".git/HEAD": "ref", "app.py": ""}),
        ContextExample(
            "FROM a\nADD ./ /srv\n", {".dockerignore": ".git\n", "node_modules/x/y.js": "x" * 100_000}
        ),
    ),
    good=(
        ContextExample(
            "FROM a\nCOPY . /srv\n", {".dockerignore": ".git\n", ".git/HEAD": "ref", "app.py": ""}
        ),
        ContextExample("FROM a\nCOPY src /srv\n", {".git/HEAD": "ref"}),
        ContextExample("FROM a\nCOPY . /srv\n", {".vscode/settings.json": "{}", ".env": ""}),
        ContextExample("FROM a AS b\nCOPY . /x\nFROM c\nCOPY --from=b /x/y /y\n", {".git/HEAD": "ref"}),
        "FROM a\nCOPY . /srv\n",
    ),
    shipped_only=True,
)
_BALLAST = (
    ".git", ".hg", ".svn", "node_modules", ".venv", "venv", ".tox", ".mypy_cache", ".pytest_cache", ".terraform",
    ".idea", ".vscode", ".gradle", ".env",
)  # fmt: skip
_MANY = 20_000
_SMALL = 100_000  # bytes that no layer is the worse for
_TELLING = frozenset(
    {".git", ".hg", ".svn", ".env"}
)  # of whatever size: they tell what is not meant to be told


@IGNORED.instruction("COPY", "ADD")
def ignored_sources(instruction: Instruction, stage: Stage) -> Outcome:
    context = stage.file.context
    if context is None or instruction.flag("from") or not context.patterns:
        return
    for word, path in _sources(instruction, stage):
        pattern = context.ignored_by(path)
        if pattern and not context.takes_back(path):
            yield IGNORED.finding(word.span, path=path, pattern=pattern.text, line=pattern.line)


MISSING = Rule(
    code="IL030",
    name="copied-file-is-missing",
    severity=Severity.ERROR,
    message="{path} is not in the build context {directory}: the build fails, unless something makes it before",
    page="""COPY or ADD names a file that the build context does not hold.

The builder stops with "not found". Told only where the context is named by --context, for paths
without wildcards and variables. A file that another program makes before the build has to be there
when the context is looked at: names that .gitignore leaves out, and directories for what is built
(dist, build, target, out), are left alone.
""",
    bad=(ContextExample("FROM a\nCOPY app.py config.yml /srv/\n", {"app.py": "x"}),),
    good=(
        ContextExample("FROM a\nCOPY app.py /srv/\nCOPY c*.yml ./x/.. /srv/\n", {"app.py": "x"}),
        ContextExample("FROM a\nCOPY dist/app target/x.jar /srv/\n", {"app.py": "x"}),
        ContextExample("FROM a\nCOPY made.bin /srv/\n", {".gitignore": "*.bin\n"}),
        "FROM a\nCOPY app.py /srv/\n",
    ),
)
_MADE = re.compile(
    r"(?:^|/)(?:dist|build|target|out|bin|release|artifacts?|node_modules|vendor|\.output|\.next|_build)(?:/|$)"
)


@MISSING.instruction("COPY", "ADD")
def missing_sources(instruction: Instruction, stage: Stage) -> Outcome:
    context = stage.file.context
    if context is None or not context.named or instruction.flag("from"):
        return
    for word, path in _sources(instruction, stage):
        if context.exists(path) or context.ignored_by(path) or ".." in path.split("/") or _MADE.search(path):
            continue
        if not context.made_later(path):
            yield MISSING.finding(word.span, path=path, directory=context.directory)


def _sources(instruction: Instruction, stage: Stage) -> Iterator[tuple[Word, str]]:
    """The sources in the build context, with slashes from its root, without globs and unknowns."""
    from ...analyzer.dockerfile.context import literal_source

    sources = instruction.args[:-1] if not instruction.heredocs else ()
    for word in sources:
        path = literal_source(stage.expanded(word, instruction) or "")
        if path:
            yield word, path


@WHOLE.instruction("COPY", "ADD")
def ballast(instruction: Instruction, stage: Stage) -> Outcome:
    context = stage.file.context
    if context is None or instruction.flag("from") or len(instruction.args) < 2:
        return
    source = instruction.args[0]
    if source.value.strip("\"'") not in (".", "./", "/", "./."):
        return
    proof = {
        name: size
        for name in _BALLAST
        if context.exists(name) and not context.ignored_by(name) and (size := _bytes(context, name))
    }
    found = [name for name in proof if proof[name] >= _SMALL or name in _TELLING]
    if found:
        shown = ", ".join(f"{name} ({shown_size(proof[name])})" for name in found[:4])
        more = f" and {len(found) - 4} more" if found[4:] else ""
        yield WHOLE.finding(source.span, source=source.raw, ballast=shown + more, proof=proof)


def _bytes(context: BuildContext, name: str) -> int:
    """The bytes of a file or directory of the context, of its first files if it holds very many."""
    import itertools

    return sum(one.size for one in itertools.islice(context.below(name), _MANY))
