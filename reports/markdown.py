"""Markdown for a comment on a pull request: a marker, what changed, the matrix, the findings that matter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..analyzer.credentials import mask, mask_shapes
from ..analyzer.image.created_by import instruction_text
from ..rules.gates import weigh
from ..rules.matrix import ANTIPATTERNS, EVIDENCE, CellVerdict
from ..rules.rule import Finding, Severity
from .failure import Failure, counted
from .faults import Fault, faults
from .image_text import saved
from .json_v1 import URL
from .push_verdict import push_verdict
from .report import Report
from .tables import change, clipped, size
from .text import shown_also, where

if TYPE_CHECKING:
    from ..analyzer.image import Image
    from ..analyzer.image.diff import ImageDiff
    from ..rules.gates import Weight
    from ..runner import Observation

MAX_CHARACTERS = 65_000  # GitHub refuses a comment of more than 65,536
_ROOM = 10_000  # for what there may be any number of: images, limits, problems, containers, notes
_INPUTS = 50
_STEPS = 8
_DIRECTORIES = 8
_SAVINGS = 5
_CHECKS = 40
_MATTERING = 40  # findings shown unfolded
_FOLDED = 200
_MESSAGE = 300
_STEP_WIDTH = 90
_SIGNS = {
    CellVerdict.PASS: "✅ pass",
    CellVerdict.FAIL: "❌ **fail**",
    CellVerdict.UNKNOWN: "❔ unknown",
    CellVerdict.NOT_APPLICABLE: "n/a",
}
_ACTIVE = re.compile(r"([\\`*_\[\]<>|~#@&!$])")


def render(report: Report) -> str:
    """The report as one comment, with a final newline; never longer than a comment may be."""
    images = report.images if report.diff is None else (report.diff.new,)
    parts = [
        _heading(report),
        plain(push_verdict(report).sentence) if report.matrix else "",
        *_first(
            [_sizes(image, report.earlier.get(image.id)) for image in images[:_INPUTS]], len(images), "images"
        ),
        _directories(report.diff) if report.diff is not None else "",
        *_first([_failure(finding) for finding in report.failures_beside_findings()], what="failures"),
        *_first([f"- ⛔ {plain(str(problem))}" for problem in report.problems], what="problems"),
        _matrix(report) if report.matrix else "",
        *_first([_checks(observation) for observation in report.observations], what="containers"),
        *_first([f"> {plain(note)}" for note in report.notes], what="notes"),
    ]
    # Only an audit holds evidence against each other.
    found = (
        faults(report, report.findings) if report.matrix else [Fault(finding) for finding in report.findings]
    )
    mattering = [fault for fault in found if any(_matters(finding, report) for finding in fault.findings)]
    rest = [fault for fault in found if not any(_matters(finding, report) for finding in fault.findings)]
    room = MAX_CHARACTERS - sum(len(part) + 2 for part in parts)
    shown = _list(report, mattering, _MATTERING, room // 2)
    folded = _list(report, rest, _FOLDED, room - len(shown) - 200)
    if shown:
        parts.append(shown)
    if folded:
        title = f"{len(rest)} finding{'s' if len(rest) > 1 else ''} of less weight"
        parts.append(f"<details><summary>{title}</summary>\n\n{folded}\n\n</details>")
    return "\n\n".join(part for part in parts if part) + "\n"


def _matters(finding: Finding, report: Report) -> bool:
    return finding.severity >= Severity.WARNING or report.fails(finding)


def _failure(failure: Failure) -> str:
    """What fails the run and is no finding. A limit's message names its image."""
    about = "" if failure.kind == "limit" else f"{failure.code}: {failure.file}: "
    return f"- ⛔ {plain(about + failure.message)}"


def _first(parts: list[str], count: int | None = None, what: str = "") -> list[str]:
    """As many parts of a kind as a comment has room for, and how many there are beside."""
    shown: list[str] = []
    room = _ROOM
    for part in parts:
        room -= len(part) + 2
        if room < 0:
            break
        shown.append(part)
    rest = (len(parts) if count is None else count) - len(shown)
    return [*shown, *([f"… and {rest} more {what}"] if rest else [])]


def marker(report: Report) -> str:
    """The hidden first line, the same for the same inputs whatever their tags, so that a bot finds its comment."""
    subject = re.sub(r"[^\w./:, -]|--+", "", mask_shapes(", ".join(report.subjects())))[:200]
    return f"<!-- imglint report: {subject} -->"


def _heading(report: Report) -> str:
    failed = {cell.antipattern for cell in report.matrix if cell.verdict is CellVerdict.FAIL}
    # Of lesser findings only what fails the run is worth a headline.
    found = Counter(finding.severity for finding in report.findings if _matters(finding, report))
    counts = [
        f"{found[severity]} {severity.label}{'s' if found[severity] > 1 and severity >= Severity.WARNING else ''}"
        for severity in reversed(Severity)
        if found[severity]
    ]
    told = [f"{len(failed)} of the ten things to avoid"] if failed else []
    told += [", ".join(counts)] if counts else []
    told += counted(failure for failure in report.failures() if failure.kind != "finding")
    sign = "❌" if report.failures() else "✅"
    return f"{marker(report)}\n### {sign} imglint: {'; '.join(told) or 'nothing that matters'}"


def _sizes(image: Image, before: Weight | None) -> str:
    """What an image weighs, against what it weighed, and the steps that made the difference."""
    name = clipped((" ".join(image.tags) or image.id[:19]) + image.which, 120)
    about = "" if image.compressed_bytes is not None else "≈ "
    rows = [
        ("pull", image.pull_bytes, before.pull_bytes if before else None, about),
        ("content", image.content_bytes, before.content_bytes if before else None, ""),
        ("wasted", image.wasted_bytes, before.wasted_bytes if before else None, ""),
    ]
    lines = [f"**{plain(name)}** {plain(image.platform)}", ""]
    if before is None:
        lines += ["| | size |", "|---|---:|"]
        lines += [f"| {what} | {sign}{size(now)} |" for what, now, _, sign in rows]
    else:
        lines += ["| | before | now | change |", "|---|---:|---:|---:|"]
        lines += [
            f"| {what} | {size(was) if was is not None else '–'} | {sign}{size(now)} | {_change(was, now)} |"
            for what, now, was, sign in rows
        ]
    return "\n".join([*lines, *_steps(image, before), *_savings(image)])


def _savings(image: Image) -> list[str]:
    """What could be saved: the largest of it, your own first, and the total."""
    found = image.savings.found
    if not found:
        return []
    lines = ["", "| you could save | of | layer | what |", "|---:|---|---:|---|"]
    lines += [
        f"| {size(one.bytes)} | {'your own' if one.own else 'base'} | {one.layer} | {plain(one.what)} |"
        for one in found[:_SAVINGS]
    ]
    rest = len(found) - _SAVINGS
    more = [f"… and {rest} smaller ones"] if rest > 0 else []
    return [*lines, "", *more, plain(saved(image))]


def _change(was: int | None, now: int) -> str:
    if was is None:
        return "–"
    part = f" ({(now - was) / was:+.1%})" if was and now != was else ""
    return change(now - was) + part


def _steps(image: Image, before: Weight | None) -> list[str]:
    """The steps that grew, or without an earlier measurement the largest ones."""
    if before is not None and not before.steps:
        return []
    now, then = (_by_text(weight.steps) if weight else Counter() for weight in (weigh(image), before))
    grown = [(content - then[text], text) for text, content in now.items() if content > then[text]]
    shown = sorted(grown, key=lambda one: (-one[0], one[1]))[:_STEPS]
    if not shown:
        return []
    head = ["", f"| {'grown' if before else 'content'} | step |", "|---:|---|"]
    sign = "+" if before else ""
    return [*head, *(f"| {sign}{size(more)} | {_code(clipped(text, _STEP_WIDTH))} |" for more, text in shown)]


def _directories(diff: ImageDiff) -> str:
    """Where a container sees more or less than before, the largest change first."""
    grown = list(diff.by_directory().items())
    if not grown:
        return ""
    lines = ["| seen | directory |", "|---:|---|"]
    lines += [
        f"| {change(more)} | {_code(clipped(f'/{path}', _STEP_WIDTH))} |"
        for path, more in grown[:_DIRECTORIES]
    ]
    rest = len(grown) - _DIRECTORIES
    return "\n".join([*lines, *(["", f"… and {rest} more directories"] if rest > 0 else [])])


def _by_text(steps: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for text, content in steps:
        total[instruction_text(text)] += content
    return total


def _matrix(report: Report) -> str:
    lines = [f"| | thing to avoid | {' | '.join(EVIDENCE)} |", "|---:|---|---|---|---|"]
    for number, name in enumerate(ANTIPATTERNS, 1):
        own = {cell.evidence: cell for cell in report.matrix if cell.antipattern == number}
        cells = []
        for evidence in EVIDENCE:
            cell = own[evidence]
            codes = f" {', '.join(cell.codes)}" if cell.verdict is CellVerdict.FAIL else ""
            cells.append(f"{_SIGNS[cell.verdict]}{codes}")
        lines.append(f"| {number} | {plain(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _checks(observation: Observation) -> str:
    """What a run of the image did not prove."""
    rows = [check for check in observation.checks if check.verdict != "proved"]
    if not rows:
        return f"Every check of the running container is proved ({len(observation.checks)})."
    lines = ["| verdict | check | subject | |", "|---|---|---|---|"]
    lines += [
        f"| {row.verdict} | {row.name} | {plain(row.subject)} | {plain(mask(row.summary))} |"
        for row in rows[:_CHECKS]
    ]
    return "\n".join(lines)


def _list(report: Report, found: Iterable[Fault], most: int, room: int) -> str:
    """Faults as a list, the worst first, as many as there is room for."""
    ordered = sorted(found, key=lambda fault: -fault.finding.severity)
    lines: list[str] = []
    for one in ordered[:most]:
        line = _fault(report, one)
        room -= len(line) + 1
        if room < 100:
            break
        lines.append(line)
    rest = len(ordered) - len(lines)
    return "\n".join([*lines, *([f"- … and {rest} more"] if rest else [])])


def _fault(report: Report, fault: Fault) -> str:
    one = fault.finding
    place = where(report.located(one), report)
    link = f"[{one.rule.title}]({URL}{one.rule.name}.md)"
    message = f"{plain(one.message)} {plain(shown_also(one, fault.others, report))}".rstrip()
    return f"- {one.severity.label} {link} {_code(clipped(place, 120))} {message}"


def plain(text: str) -> str:
    """One line in which nothing is markup, a mention or a reference."""
    return _ACTIVE.sub(lambda match: f"&#{ord(match[1])};", clipped(text, _MESSAGE))


def _code(text: str) -> str:
    """A code span, also inside a table."""
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}".replace("|", "\\|")
