"""Putting fixes into a text: all that don't touch each other, and none twice."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from .rule import Edit, Finding, Rule

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Span, Text


class Fixed(NamedTuple):
    """A text after fixing, and the findings that were fixed."""

    value: str
    findings: tuple[Finding, ...]


@functools.cache
def mends(rule: Rule) -> str | None:
    """Whether `imglint fix` mends what a rule finds, as its own examples show: "safe", "unsafe", or None."""
    from ..analyzer.dockerfile import Dockerfile
    from .judge import judge_dockerfile

    edits = [
        finding.fix
        for example in rule.bad
        if isinstance(example, str)
        for finding in judge_dockerfile(Dockerfile.from_string(example), [rule]).findings
        if finding.fix is not None
    ]
    if not edits:
        return None
    return "safe" if any(edit.safe for edit in edits) else "unsafe"


def apply(text: Text, findings: Iterable[Finding], *, unsafe: bool = False) -> Fixed:
    """The text with the fixes of these findings.

    Of two fixes in one place the first one wins; the other may be made in a second pass. Unsafe
    ones, which may change what is built, only where they are asked for.
    """
    edits: list[tuple[int, int, Edit, Finding]] = []
    for one in findings:
        if one.fix is not None and (one.fix.safe or unsafe):
            edits.append((*_offsets(text, one.fix.span), one.fix, one))
    out = []
    done = []
    at = 0
    for start, end, edit, finding in sorted(edits, key=lambda entry: entry[:2]):
        if start < at:
            continue
        out += [text.value[at:start], edit.text]
        at = end
        done.append(finding)
    return Fixed("".join([*out, text.value[at:]]), tuple(done))


def _offsets(text: Text, span: Span) -> tuple[int, int]:
    return _offset(text, span.line, span.column), _offset(text, span.end_line, span.end_column)


def _offset(text: Text, line: int, column: int) -> int:
    # A byte order mark has no column of its own.
    return text.starts[line - 1] + column - 1 + (text.bom and line == 1)
