"""Comments that switch rules off: imglint's own, hadolint's and BuildKit's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from .checks.house import UNUSED_PRAGMA
from .rule import Finding, Rule

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Comment, Dockerfile

# `imglint ignore=A,B ; reason=…`, `hadolint global ignore=A,B`, with scopes global and stage.
_IGNORE = re.compile(
    r"(?P<tool>imglint|hadolint)\s+(?:(?P<scope>global|stage)\s+)?ignore\s*=\s*"
    r"(?P<codes>[\w-]+(?:\s*,\s*[\w-]+)*)\s*(?:[;#].*)?$"
)
_BUILDKIT_SKIP = re.compile(r"(?:^|;)\s*skip=(?P<codes>[\w,]+)")


class _Pragma(NamedTuple):
    comment: Comment
    codes: tuple[str, ...]
    first: int  # the lines it holds for
    last: int
    own: bool  # imglint's own: told when it is not needed


class Pragmas:
    """The pragmas of a Dockerfile."""

    def __init__(self, file: Dockerfile) -> None:
        self._file = file
        self._pragmas = list(self._read())

    def _read(self) -> Iterable[_Pragma]:
        everything = 1, len(self._file.text.lines) + 1
        for directive in self._file.tree.directives:
            skip = _BUILDKIT_SKIP.search(directive.value) if directive.name == "check" else None
            if skip:
                yield _Pragma(_comment(self._file, directive.span.line), _codes(skip), *everything, own=False)
        for comment in self._file.tree.comments:
            match = _IGNORE.match(comment.text)
            if not match:
                continue
            lines = everything if match["scope"] == "global" else self._scope(comment, match["scope"])
            if lines:
                yield _Pragma(comment, _codes(match), *lines, own=match["tool"] == "imglint")

    def _scope(self, comment: Comment, scope: str | None) -> tuple[int, int] | None:
        """The lines that a comment above an instruction speaks of."""
        line = comment.span.line
        below = next((one for one in self._file.instructions if one.span.line > line), None)
        if below is None:
            return None
        if scope == "stage":
            stage = self._file.stage_at(below.span.line)
            if stage is None:
                return None
            last = stage.instructions[-1].span.end_line if stage.instructions else below.span.end_line
            return stage.source.span.line, last
        return below.span.line, below.span.end_line

    def obey(self, findings: list[Finding], rules: Iterable[Rule]) -> list[Finding]:
        """The findings that no pragma switches off, and those about pragmas that switch off none."""
        if not self._pragmas:
            return findings
        used: set[int] = set()
        kept = []
        for finding in findings:
            line = finding.place.span.line if finding.place.span else 0
            codes = {finding.rule.code, finding.rule.name, *finding.rule.aliases}
            silenced = False
            for index, pragma in enumerate(self._pragmas):
                if pragma.first <= line <= pragma.last and (
                    "all" in pragma.codes or codes & set(pragma.codes)
                ):
                    used.add(index)
                    silenced = True
            if not silenced:
                kept.append(finding)
        ran = {code for rule in rules for code in (rule.code, rule.name, *rule.aliases)}
        if UNUSED_PRAGMA.code in ran:
            for index, pragma in enumerate(self._pragmas):
                if pragma.own and index not in used and all(code in ran for code in pragma.codes):
                    finding = UNUSED_PRAGMA.finding(pragma.comment.span, codes=", ".join(pragma.codes))
                    kept.append(finding._replace(file=self._file.name))
        return kept


def _codes(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(code.strip() for code in match["codes"].split(","))


def _comment(file: Dockerfile, line: int) -> Comment:
    return next(one for one in file.tree.comments if one.span.line == line)
