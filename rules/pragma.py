"""Comments that switch rules off: imglint's own, and those of hadolint, BuildKit, tally, Trivy and Checkov."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from .checks.house import UNUSED_PRAGMA
from .rule import Finding, Rule

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Comment, Dockerfile

# `imglint ignore=A,B ; reason=…`, `hadolint global ignore=A,B # why`, with scopes global and stage.
_IGNORE = (
    r"(?P<tool>imglint|hadolint|tally)\s+(?:(?P<scope>global|stage)\s+)?ignore\s*=\s*"
    r"(?P<codes>[\w./-]+(?:\s*,\s*[\w./-]+)*)\s*(?:[;#].*)?$"
)
_BUILDKIT_SKIP = r"(?:^|;)\s*skip=(?P<codes>[\w,]+)"
# BuildKit's for one instruction: `check=skip=A,B // why`.
_CHECK = r"check\s*=\s*(?:\S*;)?skip=(?P<codes>[\w,]+)"
_TRIVY = r"(?:trivy|tfsec)\s*:\s*ignore\s*:\s*(?P<codes>[\w-]+)"
_CHECKOV = r"checkov\s*:\s*skip\s*=\s*(?P<codes>\w+)"


class _Pragma(NamedTuple):
    comment: Comment
    codes: frozenset[str]  # upper case, since some tools don't care
    first: int  # the lines it holds for
    last: int
    own: bool  # imglint's own: told when it is not needed


def is_pragma(comment: Comment) -> bool:
    """Whether a comment switches rules off."""
    return any(re.match(one, comment.text) for one in (_IGNORE, _CHECK, _TRIVY, _CHECKOV))


class Pragmas:
    """The pragmas of a Dockerfile."""

    def __init__(self, file: Dockerfile) -> None:
        self._file = file
        self._pragmas = list(self._read())

    def _read(self) -> Iterator[_Pragma]:
        everything = 1, len(self._file.text.lines) + 1
        directives = set()
        for directive in self._file.tree.directives:
            directives.add(directive.span.line)
            skip = re.search(_BUILDKIT_SKIP, directive.value) if directive.name == "check" else None
            if skip:
                comment = next(
                    one for one in self._file.tree.comments if one.span.line == directive.span.line
                )
                yield _Pragma(comment, _codes(skip), *everything, own=False)
        for comment in self._file.tree.comments:
            if comment.span.line in directives:
                continue
            lines: tuple[int, int] | None = None
            match = re.match(_IGNORE, comment.text)
            if match:
                lines = everything if match["scope"] == "global" else self._scope(comment, match["scope"])
            elif match := re.match(_CHECKOV, comment.text):
                lines = everything
            elif match := re.match(_CHECK, comment.text) or re.match(_TRIVY, comment.text):
                lines = self._scope(comment, None)
            if match and lines:
                yield _Pragma(comment, _codes(match), *lines, own=comment.text.startswith("imglint"))

    def _scope(self, comment: Comment, scope: str | None) -> tuple[int, int] | None:
        """The lines that a comment above an instruction speaks of."""
        line = comment.span.line
        below = next((one for one in self._file.instructions if one.span.end_line > line), None)
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
            codes = _names(finding.rule)
            silenced = False
            for index, pragma in enumerate(self._pragmas):
                meant = "ALL" in pragma.codes or not pragma.codes.isdisjoint(codes)
                if meant and pragma.first <= line <= pragma.last and finding.rule.code != "DL1001":
                    used.add(index)
                    silenced = True
            if not silenced:
                kept.append(finding)
        ran = {code for rule in rules for code in _names(rule)}
        if UNUSED_PRAGMA.code in ran:
            for index, pragma in enumerate(self._pragmas):
                if pragma.own and index not in used and pragma.codes <= ran:
                    codes_shown = ", ".join(sorted(pragma.codes))
                    finding = UNUSED_PRAGMA.finding(pragma.comment.span, codes=codes_shown)
                    kept.append(finding._replace(file=self._file.name))
        return kept


def _names(rule: Rule) -> set[str]:
    """What a pragma can call a rule: its codes, Trivy's also as DS002 and AVD-DS-0002, and its name."""
    names = {rule.code, rule.name, *rule.aliases}
    for code in (rule.code, *rule.aliases):
        if code.startswith("DS-"):
            names |= {f"AVD-{code}", f"DS{code[4:]}", f"AVD{code}"}
    return {name.upper() for name in names}


def _codes(match: re.Match[str]) -> frozenset[str]:
    # tally writes the tool before the code: hadolint/DL3006.
    return frozenset(code.strip().rpartition("/")[2].upper() for code in match["codes"].split(","))
