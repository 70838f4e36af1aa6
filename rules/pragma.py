"""Comments that switch rules off: imglint's own, and those of hadolint, BuildKit, tally, Trivy and Checkov."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from .checks.house import UNUSED_PRAGMA
from .entry import Entry
from .index import INDEX
from .registry import IDLE, UnknownCodeError, matches
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


class Slip(NamedTuple):
    """What is wrong with a comment that is meant as a pragma; `certain`: it has no effect as it stands."""

    problem: str
    certain: bool = True


_START = r"(?P<tool>imglint|hadolint)\b(?P<colon>\s*:)?\s*"
_ASSIGNED = re.compile(
    _START + r"(?:(?P<scope>[a-z]\w*)\s+)?(?P<word>[a-z]\w*)\s*(?P<sign>[=:])\s*(?P<rest>.*)$", re.IGNORECASE
)
_UNASSIGNED = re.compile(
    _START + r"(?:(?P<scope>global|stage)\s+)?(?P<word>[a-z]\w*)(?:\s+(?P<rest>.*))?$", re.IGNORECASE
)
_SHELL = re.compile(r"(?:hadolint|imglint)\s+shell\s*=\s*\S+")
_CODE = re.compile(r"[A-Z]{2,6}[-_A-Z]*\d+")
_CODE_AS_REASON = re.compile(r"[^;#]*[;#]\s*[A-Z]{2,6}\d+(\s*,\s*[A-Z]{2,6}\d+)*\s*$")
# Words that ignore in other tools, and words of prose.
_SYNONYMS = frozenset({"disable", "skip", "nolint", "noqa", "suppress", "exclude", "off"})
_PROSE = frozenset({"ignores", "ignored", "ignoring"})


def slip(comment: Comment) -> Slip | None:
    """What is wrong with a comment that looks like a pragma of imglint's, hadolint's or BuildKit's; None: nothing."""
    text = comment.text
    if match := re.match(_IGNORE, text) or re.match(_CHECK, text):
        return _unknown_code(match, match.groupdict().get("tool", "check"))
    if _SHELL.match(text):
        return None
    if match := _ASSIGNED.match(text):
        return _assigned(match)
    if match := _UNASSIGNED.match(text):
        rest = match["rest"] or ""
        code = re.split(r"[,\s]", rest)[0]
        if _ignores(match["word"]) and (_is_code(code) or (not rest and match["word"] == "ignore")):
            # "imglint ignores this" is prose; a code makes it a pragma.
            return Slip(f"write it as `{_right(match)}{code or 'CODE'}`")
    return None


def _unknown_code(match: re.Match[str], tool: str) -> Slip | None:
    if tool == "tally":  # its own rules have names that only it knows
        return None
    for code in re.split(r"\s*,\s*", match["codes"]):
        if code.upper() in _known() or IDLE.fullmatch(code.upper()):
            continue
        nearest = UnknownCodeError(code).nearest
        meant = f"; did you mean {nearest}?" if nearest else ""
        if any(matches(entry, code) for entry in INDEX):
            meant = ": name whole codes, not their beginning"
        # The codes of other tools may be newer than ours.
        return Slip(f"no rule has the code {code}{meant}", certain=tool == "imglint")
    if _CODE_AS_REASON.match(match[0]):
        return Slip("behind the codes stands another one: separate codes by commas")
    return None


def _assigned(match: re.Match[str]) -> Slip | None:
    """What is wrong with WORD=… behind the name of a tool, where `ignore=` with its codes was not understood."""
    word, scope, rest = match["word"], match["scope"], match["rest"]
    if not _ignores(word):
        if _near(word, "shell"):
            return Slip(f"write it as `{match['tool'].lower()} shell={rest}`")
        unknown = f"there is no pragma {word}: write `{_right(match)}CODE`"
        return Slip(unknown) if match["tool"].lower() == "imglint" and not scope else None
    if not rest:
        return Slip(f"it names no code: write `{_right(match)}CODE`")
    if scope and scope not in ("global", "stage"):
        close = _near(scope, "global", "stage", cutoff=0.5)
        return Slip(f"{scope} is no scope: use {close or 'global or stage'}")
    if (word, match["sign"], match["tool"], match["colon"]) == ("ignore", "=", match["tool"].lower(), None):
        return Slip("separate codes by commas, and begin a reason behind them with ;")
    return Slip(f"write it as `{_right(match)}{rest.split(' ')[0]}`")


def _right(match: re.Match[str]) -> str:
    scope = (match["scope"] or "").lower()
    return f"{match['tool'].lower()} {f'{scope} ' if scope in ('global', 'stage') else ''}ignore="


def _ignores(word: str) -> bool:
    """Whether a word is `ignore`, however it is written."""
    lower = word.lower()
    return lower in _SYNONYMS or (lower not in _PROSE and bool(_near(word, "ignore")))


def _near(word: str, *words: str, cutoff: float = 0.7) -> str:
    """The one of `words` that is the nearest, or ""."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word.lower(), words, 1, cutoff)), "")


def _is_code(word: str) -> bool:
    return bool(_CODE.match(word)) or word.upper() in _known()


@cache
def _known() -> frozenset[str]:
    """Everything that a pragma can name."""
    return frozenset({"ALL"}.union(*(_names(entry) for entry in INDEX)))


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
            if match and lines is None and comment.text.startswith("imglint"):
                lines = 0, 0  # nothing stands below it that it could speak of
            if match and lines:
                yield _Pragma(comment, _codes(match), *lines, own=comment.text.startswith("imglint"))

    def _scope(self, comment: Comment, scope: str | None) -> tuple[int, int] | None:
        """The lines that a comment above an instruction speaks of."""
        line = comment.span.line
        below = next(
            (instruction for instruction in self._file.instructions if instruction.span.end_line > line), None
        )
        if below is None:
            return None
        if scope == "stage":
            stage = self._file.stage_at(below.span.line)
            if stage is None:
                return None
            last = stage.instructions[-1].span.end_line if stage.instructions else below.span.end_line
            return stage.source.span.line, last
        return below.span.line, below.span.end_line

    def obey(self, findings: list[Finding], rules: Iterable[Rule | Entry]) -> list[Finding]:
        """The findings that no pragma switches off, and those about pragmas that switch off none.

        `rules` are those that were asked: whether a pragma of another one is needed nobody knows.
        """
        if not self._pragmas:
            return findings
        used: set[int] = set()
        kept = []
        for finding in findings:
            line = finding.place.span.line if finding.place.span else 0
            codes = _names(finding.rule)
            silenced = False
            for index, pragma in enumerate(self._pragmas):
                everything = "ALL" in pragma.codes and (pragma.own or not finding.rule.stops_build)
                meant = everything or not pragma.codes.isdisjoint(codes)
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


def _names(rule: Rule | Entry) -> set[str]:
    """What a pragma can call a rule: its codes, Trivy's also as DS002 and AVD-DS-0002, and its name."""
    names = {rule.code, rule.name, *rule.aliases}
    for code in (rule.code, *rule.aliases):
        if code.startswith("DS-"):
            names |= {f"AVD-{code}", f"DS{code[4:]}", f"AVD{code}"}
    return {name.upper() for name in names}


def _codes(match: re.Match[str]) -> frozenset[str]:
    # tally writes the tool before the code: hadolint/DL3006.
    return frozenset(code.strip().rpartition("/")[2].upper() for code in match["codes"].split(","))
