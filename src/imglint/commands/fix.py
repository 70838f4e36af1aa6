"""`imglint fix`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from ..analyzer import InputError
from ..analyzer.credentials import mask_lines
from ..analyzer.dockerfile import Dockerfile, Text
from ..config import Configuration
from ..discovery import dockerfiles
from ..exits import Exit, worst
from ..linting import UnparsableError, lint_text, no_dockerfile, read_text
from ..output import replace, tell, write
from ..reports.text import printable
from ..rules.fix import apply
from ..rules.registry import UnknownCodeError
from .lint import unknown_code
from .show import fail

# One fix can make room for another one; more than this many rounds would mean that two undo each other.
_ROUNDS = 10


class _Result(NamedTuple):
    before: Text
    after: str
    fixed: int
    left: int  # findings that remain


def fix(
    paths: Sequence[str], configuration: Configuration, *, unsafe: bool = False, diff: bool = False
) -> Exit:
    """Fix files in place, or show what would change."""
    codes: list[Exit] = []
    shown: list[str] = []
    fixed = left = files = 0
    try:
        for path in paths or (".",):
            if path == "-":
                raise InputError("-", "standard input can't be fixed in place", "name a Dockerfile")
            found = dockerfiles(path)
            for note in found.notes:
                tell(f"note: {printable(note)}\n")
            if not found.files:
                tell(f"imglint: {path}: holds no Dockerfile\n")
                codes.append(Exit.NOTHING)
            for name in found.files:
                try:
                    result = _fixed(name, configuration, unsafe=unsafe, named=found.named)
                    if diff:
                        shown.append(_diff(name, result))
                    elif result.fixed:
                        _write(name, result.after)
                except InputError as error:
                    if isinstance(error, UnparsableError) and not found.named:
                        tell(f"note: {printable(no_dockerfile(error))}\n")
                    else:
                        codes.append(fail(error))
                    continue
                files += result.fixed > 0
                fixed += result.fixed
                left += result.left
    except InputError as error:
        codes.append(fail(error))
    except UnknownCodeError as error:
        return unknown_code(error)
    try:
        write("".join(shown), errors="surrogateescape")
    except InputError as error:
        codes.append(fail(error))
    verb = "could be fixed" if diff else "fixed"
    tell(f"{fixed} {verb} in {files} file{'s' if files != 1 else ''}, {left} left to you\n")
    if diff and fixed:
        codes.append(Exit.FINDINGS)
    return worst(codes)


def _fixed(name: str, configuration: Configuration, *, unsafe: bool, named: bool) -> _Result:
    settings = configuration.settings(name)
    before = text = read_text(name, settings, named=named)
    count = left = 0
    for _ in range(_ROUNDS):
        findings = lint_text(text, settings, path=name, whole=True).findings
        left = len(findings)
        result = apply(text, findings, unsafe=unsafe)
        new = Text(result.value, name)
        # A fix must leave a file that is read as well as before.
        if not result.findings or len(Dockerfile(new).faults) > len(Dockerfile(text).faults):
            break
        text = new
        count += len(result.findings)
    return _Result(before, text.value, count, left)


def _diff(name: str, result: _Result) -> str:
    import difflib

    # Both are masked whole: a key's lines can only be told by what stands before them. They keep their numbers.
    before, after = (
        "\n".join(mask_lines(text)).splitlines(keepends=True) for text in (result.before.value, result.after)
    )
    lines = difflib.unified_diff(before, after, name, name)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _write(name: str, value: str) -> None:
    """Write a file whole or not at all, with its mode kept; a link stays a link.

    It is the user's own text, of which nothing is masked.
    """
    try:
        replace(value.encode("utf-8", "surrogateescape"), os.path.realpath(name))
    except OSError as error:
        raise InputError(
            name, f"can't be written: {(error.strerror or str(error)).lower()}", "check who owns it"
        ) from error
