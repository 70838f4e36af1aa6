"""Dockerfiles of our own with what is true of their lines, and what would be false to say of them.

`labelled/*.txt` hold them. A case begins with `=== what it is about`; its Dockerfile follows. Behind a line
stand its labels, which are taken away before anyone reads it:

    RUN apt-get update    #+ lists-left: nothing removes them     a finding is due here
    RUN apt-get clean     #- asks: clean never asks               a finding here would be false

`#+?` and `#-?` are labels that imglint is known to get wrong; what stands behind them says why. A label holds for
the whole instruction of its line. It names a problem, and PROBLEMS which codes of each linter mean that problem.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from imglint.analyzer.dockerfile import Dockerfile
from imglint.rules.judge import judge_dockerfile
from imglint.rules.registry import load, select
from imglint.rules.rule import Rule

FOLDER = Path(__file__).parent / "labelled"


class Label(NamedTuple):
    """What is true of a line: that a problem is there (`due`), or that it is not."""

    problem: str
    line: int
    due: bool
    known: bool  # imglint is known to be wrong about it
    why: str


class Case(NamedTuple):
    """A Dockerfile and its labels."""

    name: str
    text: str
    labels: tuple[Label, ...]

    def said(self, linter: str, findings: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """Problem and first line of the instruction, of a linter's codes and lines."""
        file = Dockerfile.from_string(self.text)
        meant = meanings(linter)
        return {(problem, _start(file, line)) for code, line in findings for problem in meant.get(code, ())}

    def judged(self, said: set[tuple[str, int]]) -> Iterator[tuple[Label, bool]]:
        """Each label, and whether a linter that says this is right about it."""
        file = Dockerfile.from_string(self.text)
        for label in self.labels:
            yield label, ((label.problem, _start(file, label.line)) in said) is label.due


def _start(file: Dockerfile, line: int) -> int:
    owner = file.instruction_at(line)
    return owner.span.line if owner else line


_LABEL = re.compile(r"\s*(?<=\s)#([+-])(\??) ([a-z-]+): (.*?)(?=\s+#[+-]\??\s|$)")


def read_cases() -> tuple[Case, ...]:
    """All cases, by file and title."""
    return tuple(
        case for path in sorted(FOLDER.glob("*.txt")) for case in _cases(path.stem, path.read_text())
    )


def _cases(stem: str, text: str) -> Iterator[Case]:
    for number, part in enumerate(re.split(r"(?m)^=== ", text)[1:], 1):
        title, _, body = part.partition("\n")
        lines = body.rstrip().split("\n")
        labels = []
        for at, line in enumerate(lines):
            for match in _LABEL.finditer(line):
                sign, known, problem, why = match.groups()
                if problem not in PROBLEMS:
                    raise ValueError(f"{stem}, {title}: {problem} is no problem of PROBLEMS")
                labels.append(Label(problem, at + 1, sign == "+", bool(known), why.strip()))
            lines[at] = _LABEL.sub("", line).rstrip()
        yield Case(f"{stem}-{number}: {title}", "\n".join(lines) + "\n", tuple(labels))


class Problem(NamedTuple):
    """The codes that mean it: imglint's and hadolint's; none where it has no rule for it."""

    imglint: str
    hadolint: str = ""


PROBLEMS = {
    "add-for-copy": Problem("DL3020", "DL3020"),
    "asks": Problem("DL3014 DL3030 DL3034 DL3038 IL052", "DL3014 DL3030 DL3034 DL3038"),
    "bash-in-dash": Problem("IL035", "SC3010 SC3040 SC3044 SC3046 SC3051"),
    "below-volume": Problem("AV0101"),
    "brackets-for-braces": Problem(""),
    "blank-line": Problem("NoEmptyContinuation"),
    "cache-left": Problem(
        "DL3019 DL3032 DL3036 DL3040 DL3042 DL3060 AV0310", "DL3019 DL3032 DL3036 DL3040 DL3042 DL3060"
    ),
    "cache-mount-lost": Problem("IL037"),
    "copied-for-root": Problem(""),
    "copy-without-workdir": Problem("DL3045", "DL3045"),
    "empty-password": Problem(""),
    "env-swallows": Problem("IL033"),
    "error-page": Problem("IL038"),
    "exec-form-shell": Problem("IL046"),
    "flattened": Problem("DL3067", "DL3067"),
    "forks": Problem("IL010"),
    "insecure": Problem(
        "CKV2_DOCKER_2 CKV2_DOCKER_3 CKV2_DOCKER_4 CKV2_DOCKER_5 CKV2_DOCKER_6 CKV2_DOCKER_7 CKV2_DOCKER_8"
        " CKV2_DOCKER_9 CKV2_DOCKER_10 CKV2_DOCKER_11 CKV2_DOCKER_12 CKV2_DOCKER_14 CKV2_DOCKER_15"
    ),
    "key-file": Problem("AV0802"),
    "key-made": Problem("AV0804"),
    "latest-tag": Problem("DL3007", "DL3007"),
    "lists-left": Problem("DL3009 DS-0017", "DL3009"),
    "login-password": Problem("AV0801 AV0803"),
    "maintainer": Problem("DL4000", "DL4000"),
    "needs-argument": Problem("InvalidDefaultArgInFrom"),
    "no-lists": Problem("IL040"),
    "no-probe": Problem("IL041"),
    "no-volume": Problem("AV0105"),
    "old-base": Problem("IL042"),
    "passwordless-sudo": Problem("AV0903"),
    "pipe-hides": Problem("DL4006 IL050", "DL4006"),
    "quoted-command": Problem("IL047"),
    "recommends": Problem("DL3015", "DL3015"),
    "redirected": Problem("IL036"),
    "relative-workdir": Problem("DL3000", "DL3000"),
    "removed-late": Problem("AV0302"),
    "replaced": Problem("DL4003 DL4004 DL3012", "DL4003 DL4004 DL3012"),
    "rewritten": Problem("AV0301"),
    "root": Problem("DL3002 AV0901", "DL3002"),
    "same-env": Problem("DL3044", "DL3044"),
    "secret": Problem("DL3064 AV0801", "DL3064"),
    "setting-lost": Problem("IL048"),
    "shell-form": Problem("DL3025 IL047", "DL3025"),
    "several-services": Problem("AV0701"),
    "source-first": Problem("AV0401"),
    "ssh-port": Problem("DS-0004"),
    "stage-name": Problem("DL3022 DL3023 DL3024", "DL3022 DL3023 DL3024"),
    "started-in-build": Problem("IL049", "DL3001"),
    "substitution": Problem("IL034"),
    "sudo": Problem("DL3004", "DL3004"),
    "swallowed": Problem("IL031 IL032"),
    "tilde": Problem("IL014"),
    "world-writable": Problem("AV0902"),
    "toolchain": Problem("AV0306"),
    "undefined-variable": Problem("UndefinedVar UndefinedArgInFrom"),
    "unverified": Problem("IL039"),
    "update-alone": Problem("DS-0017"),
    "untagged-base": Problem("DL3006", "DL3006"),
}


def imglint_says(case: Case) -> set[tuple[str, int]]:
    """What the default profile says of a case, each finding by itself."""
    findings = judge_dockerfile(Dockerfile.from_string(case.text), _default_rules()).findings
    return case.said("imglint", [(one.rule.code, one.place.span.line) for one in findings if one.place.span])


@functools.cache
def _default_rules() -> tuple[Rule, ...]:
    return load(select())


@functools.cache
def meanings(linter: str) -> Mapping[str, tuple[str, ...]]:
    """The problems that each code of a linter means."""
    out: dict[str, tuple[str, ...]] = {}
    for name, problem in PROBLEMS.items():
        for code in str(getattr(problem, linter)).split():
            out[code] = (*out.get(code, ()), name)
    return out
