"""What several kinds of evidence show, told once: the same fault in Dockerfile, image and container."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..rules.rule import Finding
from .report import Report

_SHORTEST_NAME = 3  # characters


class Fault(NamedTuple):
    """A finding, and those of the other evidence that show the same fault."""

    finding: Finding  # the worst, and of equal ones the one in the Dockerfile's text
    others: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        return (self.finding, *self.others)


def faults(report: Report, findings: Iterable[Finding]) -> list[Fault]:
    """Findings in their order, those of one fault together.

    Two findings of different evidence show one fault where they have one code, or the one can settle the other, and
    where they name the same thing: a variable, a value. A rule that found one thing on each evidence means the same,
    and so do a finding in the text and those of one code in the step that its instruction made, and what was foretold
    of a layer and is found in it.
    """
    count = Counter((finding.rule.code, finding.place.evidence) for finding in report.findings)
    groups: list[list[Finding]] = []
    named: dict[tuple[str, str], list[Finding]] = {}
    alone: dict[str, list[Finding]] = {}
    texts: dict[tuple[str, str], list[list[Finding]]] = {}  # code, Dockerfile → groups that begin in the text
    for finding in findings:
        codes = (finding.rule.code, *finding.rule.settled_by)
        single = count[finding.rule.code, finding.place.evidence] == 1
        known = [named.get((code, name)) for code in codes for name in _names(finding, report)]
        known += [alone.get(code) for code in codes if single]
        file = report.located(finding).file
        for code in (finding.rule.code, *finding.rule.confirms):
            known += _of_instruction(finding, texts.get((code, file), ()), report)
        group = next((one for one in known if one and _may_join(finding, one, report)), None)
        if group is None:
            groups.append(group := [])
            if finding.place.evidence == "dockerfile":
                texts.setdefault((finding.rule.code, finding.file), []).append(group)
        group.append(finding)
        for code in codes:
            for name in _names(finding, report):
                named.setdefault((code, name), group)
            if single:
                alone.setdefault(code, group)
    return [_fault(group) for group in groups]


def _may_join(finding: Finding, group: list[Finding], report: Report) -> bool:
    """Whether the evidence is another one, and of the same image."""
    if _witness(finding) in {_witness(one) for one in group}:
        return False
    kinds = {one.place.evidence for one in (*group, finding)}
    return bool(report.origins) or "dockerfile" not in kinds


def _witness(finding: Finding) -> tuple[str, bool]:
    """What shows a finding: text, image or container; and of the image its history beside all else."""
    return finding.place.evidence, str((finding.proof or {}).get("where", "")).startswith("step ")


def _of_instruction(
    finding: Finding, groups: Iterable[list[Finding]], report: Report
) -> Iterator[list[Finding]]:
    """Of the groups those whose text stands in the instruction that made the finding's step."""
    in_image = finding.place.step is not None or (finding.rule.confirms and finding.place.layer is not None)
    span = report.located(finding).span if in_image else None
    for group in groups if span is not None else ():
        text = group[0].place.span
        if span is not None and text is not None and span.line <= text.line <= span.end_line:
            yield group


def _names(finding: Finding, report: Report) -> Iterator[str]:
    """What a finding is about, as far as it names that: the word that it points at, and what was measured."""
    span, text = finding.place.span, report.texts.get(finding.file)
    if span is not None and text is not None and span.line == span.end_line:
        word = text.lines[span.line - 1][span.column - 1 : span.end_column - 1]
        if len(word) >= _SHORTEST_NAME:
            yield word
    for value in (finding.proof or {}).values():
        if isinstance(value, str):
            # Of NAME=VALUE the name: the value is masked.
            yield from (name for name in re.split(r"[=\s]", value)[:1] if len(name) >= _SHORTEST_NAME)


def _fault(group: list[Finding]) -> Fault:
    first = max(group, key=lambda one: (one.severity, one.place.evidence == "dockerfile"))
    return Fault(first, tuple(one for one in group if one is not first))
