"""Findings as text: one a line, with the source and the fix (on a terminal), or with the proof too (`full`)."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from ..analyzer import sizes
from ..rules.rule import Finding, Severity
from .failure import Failure, counted
from .look import PLAIN, Look
from .report import Location, Report

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Span, Text
    from .faults import Fault

_FRAME_WIDTH = 160


def render(report: Report, look: Look = PLAIN) -> str:
    """The findings, what could not be read, and a last line that says how it stands."""
    lines = findings(report.findings, report, look)
    lines += failures(report, look)
    lines += notes(report, look)
    lines.append(summary(report, look))
    return "\n".join(lines) + "\n"


def findings(found: Iterable[Finding], report: Report, look: Look = PLAIN) -> list[str]:
    """Findings, a line each; those of one rule in one stage together; in `full` each for itself."""
    groups = ((one, ()) for one in found) if look.full else _folded(found)
    return [line for first, others in groups for line in _shown_finding(first, report, look, others)]


def _shown_finding(
    finding: Finding,
    report: Report,
    look: Look,
    others: tuple[Finding, ...] = (),
    also: tuple[Finding, ...] = (),
) -> list[str]:
    """A finding's line, and below it what the look asks for."""
    lines = [_line(finding, report, look, others, also)]
    frame = _frame(finding, report, look) if look.framed else []
    return [*lines, *frame, ""] if frame else lines


def fault(told: Fault, report: Report, look: Look = PLAIN) -> list[str]:
    """A fault, once, with all evidence that shows it."""
    return _shown_finding(told.finding, report, look, also=told.others)


def notes(report: Report, look: Look = PLAIN) -> list[str]:
    """What was withdrawn, and what the reader should know."""
    lines = []
    for one in report.withdrawn:
        plain = _line(one.finding, report, look._replace(color=False, width=None))
        lines.append(look.faint(look.folded(f"withdrawn: {plain}: {_printable(one.reason)}")))
    return lines + [look.folded(_printable(f"note: {note}")) for note in report.notes]


def failures(report: Report, look: Look = PLAIN, *, beside: Container[str] = ()) -> list[str]:
    """The failures that are no findings, a line each, but for the kinds in `beside`, which are shown elsewhere.

    What could not be read goes to the error stream.
    """
    return [
        failure(finding, look) for finding in report.failures_beside_findings() if finding.kind not in beside
    ]


def failure(one: Failure, look: Look = PLAIN) -> str:
    """A failure that is no finding, in one line."""
    return look.folded(_printable(f"{one.file}: {one.code}: {one.message} [{one.severity.label}]"))


def problems(report: Report) -> str:
    """What could not be read, for the error stream; "" when all could."""
    lines = []
    for problem in report.problems:
        lines.append(f"imglint: {problem.subject}: {problem.problem}")
        if problem.hint:
            lines.append(f"  {problem.hint}")
    return "".join(f"{_printable(line)}\n" for line in lines)


def printable(block: str) -> str:
    """Several lines that can't steer the terminal."""
    return "\n".join(_printable(line) for line in block.split("\n"))


def _printable(line: str) -> str:
    """A line that can't steer the terminal, whatever the input holds."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in line)


def summary(report: Report, look: Look = PLAIN) -> str:
    """The last line: how many of each, and what to do next."""
    counts = [
        look.severity(
            f"{count} {severity.label}{'s' if count > 1 and severity >= Severity.WARNING else ''}", severity
        )
        for severity in reversed(Severity)
        if (count := report.count(severity))
    ]
    others = [look.severity(told, Severity.ERROR) for told in counted(report.failures_beside_findings())]
    files = f"{len(report.files)} file{'s' if len(report.files) != 1 else ''}"
    # A problem is not in a file that was read.
    problem = counted(one for one in report.failures() if one.kind == "input")
    unread = "".join(f"; {look.severity(told, Severity.ERROR)}" for told in problem)
    if not counts:
        told = f"{', '.join(others) or 'no findings'} in {files}"
        return (told if others or report.files else "nothing was checked") + unread
    counts += others
    first = max(report.findings, key=lambda one: one.severity)
    fixable = {finding.file for finding in report.findings if finding.fix is not None and finding.fix.safe}
    fixing = ""
    if fixable and "-" not in fixable:
        where = _printable(fixable.pop()) if len(fixable) == 1 else "…"
        fixing = f", `imglint fix {where}` makes the safe fixes"
    advice = f"`imglint explain {first.rule.code}` says why{fixing}"
    counted_all = f"{', '.join(counts)} in {files}{unread}"
    line = f"{counted_all}; {advice}"
    # Colours take no place: the width is that of the plain line, and only the advice, which has none, is folded.
    if look.width is None or len(summary(report)) <= look.width:
        return line
    return f"{counted_all}\n" + look.folded(f"    {advice}")


def statistics(report: Report, look: Look = PLAIN) -> str:
    """How often each rule fired, the most frequent first, and the last line."""
    counts: dict[str, list[Finding]] = {}
    for finding in report.findings:
        counts.setdefault(finding.rule.code, []).append(finding)
    width = max((len(code) for code in counts), default=0)
    lines = [
        f"{len(found):6} {code:{width}}  {found[0].rule.name}, in {_files(found)}"
        for code, found in sorted(counts.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    return "\n".join([*lines, summary(report, look)]) + "\n"


def _files(findings: list[Finding]) -> str:
    count = len({finding.file for finding in findings})
    return f"{count} file{'s' if count != 1 else ''}"


def where(place: Location, report: Report) -> str:
    """A place for people: `Dockerfile:3:5`, `Dockerfile:10 (layer 2)` or `shop.tar: layer 2 (base?)`."""
    layer = f"layer {place.layer.number}" if place.layer else ""
    if place.span is None:
        doubt = "?" if place.base_guessed else ""
        whose = "" if place.base is None else f" (base{doubt})" if place.base else f" (own{doubt})"
        inside = layer + whose if layer else place.subject
        return f"{place.file}: {inside}" if inside else place.file
    if place.image is None:
        return f"{place.file}:{place.span}"
    image = f"{place.image} " if len(report.images) > 1 else ""
    return f"{place.file}:{place.span.line} ({image}{layer or f'step {place.step}'})"


def shown_also(finding: Finding, others: Iterable[Finding], report: Report) -> str:
    """Where else a fault was found: " (also AV0901 at Dockerfile:5:1)"; "" where nowhere."""
    told = []
    for other in others:
        code = "" if other.rule.code == finding.rule.code else f"{other.rule.code} "
        place = report.located(other)
        at = f"in the {other.place.evidence}" if place.span is None else f"at {where(place, report)}"
        told.append(code + at)
    return f" (also {', '.join(told)})" if told else ""


def _line(
    finding: Finding,
    report: Report,
    look: Look = PLAIN,
    others: tuple[Finding, ...] = (),
    also: tuple[Finding, ...] = (),
) -> str:
    place = where(report.located(finding), report)
    more = shown_also(finding, also, report)
    if others:
        # Of an image there are none to name: the same fault in two platforms of one archive.
        lines = ", ".join(str(other.place.span.line) for other in others[:8] if other.place.span)
        named = (
            f": line{'s' if len(others) > 1 else ''} {lines}{', …' if others[8:] else ''}" if lines else ""
        )
        more = f" (+{len(others)} more{named})"
    title, label = finding.rule.title, f"[{finding.severity.label}]"
    line = look.folded(_printable(f"{place}: {title}: {finding.message} {label}{more}"))
    if look.color:
        # Painted last, so that what is printed of the input can't steer the terminal.
        shown = _printable(place)
        painted = f"{look.strong(shown)}: {look.severity(title, finding.severity)}:"
        line = line.replace(f"{shown}: {title}:", painted, 1)
        line = look.severity(label, finding.severity).join(line.rsplit(label, 1))
    return line


def _folded(findings: Iterable[Finding]) -> list[tuple[Finding, tuple[Finding, ...]]]:
    """Findings of one rule in one stage of one file stand in one line, at the first of them."""
    groups: dict[tuple[str, str, int | None, int, str], list[Finding]] = {}
    for finding in findings:
        # What an image shows is told one by one, and so is each fault that stops a build.
        shape = "" if finding.place.span and finding.rule.code != "IL001" else finding.message
        groups.setdefault(
            (finding.file, finding.rule.code, finding.stage, finding.severity, shape), []
        ).append(finding)
    return [(group[0], tuple(group[1:])) for group in groups.values()]


def _frame(finding: Finding, report: Report, look: Look) -> list[str]:
    """The source line with carets, and the fix; in `full` the proof, and why it matters."""
    from ..analyzer.credentials import mask

    out = []
    place = report.located(finding)
    text, span = report.texts.get(place.file), place.span
    if text and span:
        *source, carets = (_printable(line) for line in _source(text, span, look.width or _FRAME_WIDTH))
        bar = carets.index("|") + 1
        out += [*source, carets[:bar] + look.severity(carets[bar:], finding.severity)]
    proof = (finding.proof or {}) if look.full else {}
    notes = [
        f"   = {name.replace('_', ' ')}: {_shown(name, value)}" for name, value in proof.items() if value
    ]
    if finding.fix:
        from ..analyzer.credentials import mask

        word = "fix" if finding.fix.safe else "possible fix"
        notes.append(f"   = {word}: {mask(finding.fix.text)}")
    if look.full:
        notes.append(f"   = why: {finding.rule.summary}")
    return out + [look.folded(_printable(note), "     ") for note in notes]


def _source(text: Text, span: Span, width: int) -> list[str]:
    from ..analyzer.credentials import mask_lines

    line = text.lines[span.line - 1].rstrip("\r").lstrip("\ufeff")
    masked = mask_lines(text.value)[span.line - 1].rstrip("\r").lstrip("\ufeff")
    end = span.end_column if span.end_line == span.line else len(line) + 1
    start = span.column
    if masked[: end - 1] != line[: end - 1]:
        # The columns behind what is masked are others; point at what stands before it, or at the start only.
        start, end = (start, start + 1) if masked[: start - 1] == line[: start - 1] else (1, 2)
    margin = len(str(span.line))
    room = max(width - margin - 4, 20)
    # Of a line that is too long, the part around the word.
    cut = max(0, start - room // 2) if start > room - 10 else 0
    shown = masked.replace("\t", " ")[cut : cut + room]
    carets = " " * (start - 1 - cut) + "^" * max(min(end - cut, room + 1) - (start - cut), 1)
    return [f" {' ' * margin} |", f" {span.line} | {shown}", f" {' ' * margin} | {carets}"]


def _shown(name: str, value: object) -> str:
    if name == "bytes" and isinstance(value, int):
        return sizes.shown(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value)
    return str(value)
