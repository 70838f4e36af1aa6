"""COPY and ADD: what they bring in, and how."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage, Word

_ARCHIVE = r"(?i)\.(?:tar|tgz|tbz2?|txz|tlz|tzst|tar\.\w+|gz|bz2|xz|lzma|zst)$"
# A glob or a variable at the end may be an archive; with another suffix behind it it is none.
_MAY_BE_ARCHIVE = r"(?i)[*?\]}]$|\$\w+$|\.[\w.]*[*?\[$][^/]*$"
_REMOTE = r"(?i)(?:https?|ftp|git|ssh)://|git@|[^/]+@[^/]+:|github\.com/"

ADD_FILE = Rule(
    code="DL3020",
    name="add-for-copy",
    severity=Severity.INFO,
    aliases=("CKV_DOCKER_4", "DS-0005", "CIS-DI-0009"),
    message="ADD only copies here; use COPY, which never unpacks or fetches anything",
    page="""ADD is used for files that COPY would copy.

ADD unpacks local archives and fetches URLs. For anything else COPY says what happens. Archives,
URLs, Git repositories, here-documents, and globs that may match an archive are left alone.
""",
    bad=("FROM a\nADD app.py /srv/\n", 'FROM a\nADD ["a b", "/srv/"]\n', "FROM a\nADD *.sql $V.conf /srv/\n"),
    good=(
        "FROM a\nADD rootfs.tar.gz /\n",
        "FROM a\nADD https://example.org/x /x\n",
        "FROM a\nADD git@github.com:me/it.git /x\n",
        "FROM a\nADD *.tar a-* b-$V /x/\n",
        'FROM a\nADD "site.tgz" /x/\nADD $V /y\nADD x.t?z /z/\n',
        "FROM a\nADD --checksum=sha256:0 a /b\n",
    ),
    shipped_only=True,
    once_per_stage=True,
)


@ADD_FILE.instruction("ADD")
def plain_file(instruction: Instruction, stage: Stage) -> Outcome:
    sources = instruction.args[:-1]
    if instruction.heredocs or not sources or instruction.flag("checksum"):
        return
    for word in sources:
        value = word.value.strip("\"'")
        if re.search(_ARCHIVE, value) or re.search(_MAY_BE_ARCHIVE, value) or re.match(_REMOTE, value):
            return
    fix = Edit(instruction.word.span, "COPY" if instruction.word.raw.isupper() else "copy", safe=True)
    yield ADD_FILE.finding(instruction.word.span, fix=fix)


NO_SLASH = Rule(
    code="DL3021",
    name="many-sources-one-file",
    severity=Severity.ERROR,
    aliases=("DS-0011",),
    message="several sources are copied to {path}, which is not a directory: the build fails; end it with /",
    page="""COPY of several sources to something that is not written as a directory.

The builder refuses it. End the destination with a slash.
""",
    bad=("FROM a\nCOPY x y /srv\n",),
    good=(
        "FROM a\nCOPY x y /srv/\n",
        "FROM a\nCOPY x /srv\n",
        "FROM a\nCOPY x y .\n",
        "FROM a\nCOPY x y $D\n",
    ),
)


@NO_SLASH.instruction("COPY")
def many_to_one(instruction: Instruction, stage: Stage) -> Outcome:
    if len(instruction.args) < 3:
        return
    target = instruction.args[-1]
    path = target.value.strip("\"'")
    if not path.endswith(("/", "\\")) and path not in (".", "..") and "$" not in path:
        yield NO_SLASH.finding(target.span, path=path)


UNPACKED = Rule(
    code="DL3010",
    name="copied-archive-unpacked",
    severity=Severity.INFO,
    default=False,
    message="{path} is copied, and unpacked on line {line}; use ADD, which leaves no archive behind",
    page="""An archive is copied and then unpacked by a RUN.

The archive stays in its own layer, beside its contents in another. ADD unpacks local tar archives
(plain, gzip, bzip2, xz) while it copies.
""",
    bad=("FROM a\nCOPY x.tar.gz /tmp/\nRUN tar xzf /tmp/x.tar.gz\n",),
    good=(
        "FROM a\nADD x.tar.gz /tmp/\n",
        "FROM a\nCOPY x.tar.gz /tmp/\nRUN tar xzf /tmp/y.tar.gz\n",
        "FROM a AS b\nFROM c\nCOPY --from=b x.tar /\nRUN tar xf x.tar\n",
    ),
)
_TAR = r"(?i)\.(?:tar|tgz|tbz2?|txz|tar\.(?:gz|bz2|xz|Z|lzma))$"


@UNPACKED.instruction("COPY")
def unpacked_later(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.flag("from"):
        return
    for word in instruction.args[:-1]:
        name = word.value.strip("\"'").rpartition("/")[2]
        if not re.search(_TAR, name):
            continue
        target = instruction.args[-1].value.strip("\"'")
        copied = (
            name if target.endswith(("/", ".")) or not re.search(_TAR, target) else target.rpartition("/")[2]
        )
        for run in stage.all("RUN"):
            if run.start > instruction.start and any(
                _unpacks(command, copied) for command in stage.script(run).commands
            ):
                yield UNPACKED.finding(word.span, path=name, line=run.span.line)
                break


def _unpacks(command: Command, name: str) -> bool:
    programs = ("tar", "bsdtar", "gunzip", "bunzip2", "unxz", "gzip", "bzip2", "xz", "unzip")
    if command.name not in programs:
        return False
    first = command.args[0].value.lstrip("-") if command.args else ""
    unpacking = command.name != "tar" or "x" in first or command.has_flag("x", "extract", "get")
    return unpacking and any(_named(word, name) for word in command.args)


def _named(word: Word, name: str) -> bool:
    return word.value.rpartition("/")[2] == name


UNVERIFIED = Rule(
    code="IL039",
    name="remote-file-unverified",
    severity=Severity.INFO,
    message="{url} is added as it is that day; {advice}",
    page="""ADD fetches a file from the network and compares nothing.

Whoever controls the server decides what is in the image, and over plain http so does everyone on the
way. `ADD --checksum=sha256:… https://…` stops the build when the file is another one. The builder takes
it for one source only: several URLs need an ADD each. Git
repositories are left alone: a tag or a commit behind `#` names their state; and so is the state of a
branch by GitHub's API, which is added to start the cache anew. What a later RUN of the stage compares
(sha256sum, gpg, cosign) is left alone, too.
""",
    bad=(
        "FROM a\nADD http://example.org/x.tar /x/\n",
        "FROM a\nADD https://example.org/x.sh /x.sh\n",
        "FROM a\nADD https://example.org/x https://example.org/y /z/\n",
    ),
    good=(
        "FROM a\nADD --checksum=sha256:0000 https://example.org/x.tar /x/\n",
        "FROM a\nADD https://github.com/a/b.git#v1 /x\nADD x.tar /y/\n",
        "FROM a\nADD https://example.org/x.zip ./\nRUN echo '0  x.zip' | sha256sum -c - && unzip x.zip\n",
    ),
    security=True,
)
_COMPARES = re.compile(r"\b(?:sha\d+sum|shasum|md5sum|gpgv?2?|cosign|minisign)\b")


@functools.lru_cache(maxsize=8)
def _last_comparison(stage: Stage) -> int:
    """Where the last RUN of a stage begins that compares a checksum or a signature; -1 without any."""
    return max((run.start for run in stage.all("RUN") if _COMPARES.search(run.written)), default=-1)


@UNVERIFIED.instruction("ADD")
def unverified(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.flag("checksum") or instruction.start < _last_comparison(stage):
        return
    for word in instruction.args[:-1]:
        url = word.value.strip("\"'")
        if not re.match(r"https?://", url) or re.search(
            r"\.git(?:#|$)|//api\.github\.com/repos/.*/git/", url
        ):
            continue
        plain = url.startswith("http://")
        # The builder takes a checksum for a single source only.
        named = "name its --checksum" if len(instruction.args) == 2 else "give it an ADD with --checksum"
        advice = f"nothing protects it on its way; use https, and {named}" if plain else named
        severity = Severity.WARNING if plain else None
        shown = url if len(url) <= 60 else url[:59] + "…"
        yield UNVERIFIED.finding(word.span, url=shown, advice=advice, severity=severity)
