"""Runs rules over evidence and gathers what they find."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from .checks.house import MISSPELT_PRAGMA, RULE_FAILED
from .policy import Policy
from .rule import Evidence, Finding, Outcome, Place, Rule, Severity, Skipped

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Command, Dockerfile, Instruction, Stage
    from ..analyzer.image import Image
    from ..runner import Observation
    from .entry import Entry


class Judgement(NamedTuple):
    """What a set of rules says of one piece of evidence."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()  # what was left alone, and how much of it

    @property
    def failed(self) -> bool:
        """Whether a rule broke down, so that the answer is not whole."""
        return any(finding.rule is RULE_FAILED for finding in self.findings)


class _NoConfigurationError(Exception):
    """A check asked for what only an image's configuration tells."""


class _RootFileSystem:
    """An image without a configuration, as checks see it: what that would tell can't be asked for."""

    def __init__(self, image: Image) -> None:
        self._image = image

    def __getattr__(self, name: str) -> object:
        if name in ("config", "raw", "steps", "tags", "created", "author", "platform", "effective_uid"):
            raise _NoConfigurationError
        return getattr(self._image, name)


class _Collector:
    """Takes what checks yield; a check that raises becomes a finding, and the others go on."""

    def __init__(self, file: str, evidence: Evidence) -> None:
        self.file = file
        self.evidence: Evidence = evidence
        self.findings: list[Finding] = []
        self.skipped: dict[tuple[str, str], Skipped] = {}
        self.notes: tuple[str, ...] = ()

    def take(self, rule: Rule, check: Callable[..., Outcome], *evidence: object) -> None:
        try:
            for one in check(*evidence):
                if isinstance(one, Finding):
                    self.findings.append(one._replace(file=self.file))
                else:
                    self.skip(one)
        except _NoConfigurationError:
            self.skip(rule.skip(self.evidence, "a root file system has no configuration and no history"))
        except Exception as error:
            from ..analyzer.credentials import mask

            where = Place(self.evidence)
            told = mask(f"{type(error).__name__}: {error}")
            finding = RULE_FAILED.finding(where, code=rule.code, error=told)
            self.findings.append(finding._replace(file=self.file))

    def skip(self, one: Skipped) -> None:
        self.skipped.setdefault((one.rule.code, one.reason), one._replace(file=self.file))


def judge_dockerfile(
    file: Dockerfile,
    rules: Iterable[Rule],
    *,
    selected: Iterable[Entry] | None = None,
    pragmas: bool = True,
    policy: Policy = Policy(),  # noqa: B008
    severities: Mapping[str, Severity] = {},
    silent_if_unshipped: Collection[str] | None = None,
) -> Judgement:
    """What `rules` find in a Dockerfile: sorted by place, pragmas obeyed.

    Args:
        file: what to judge.
        rules: the rules to run.
        selected: all that were selected, also those that this file can't set off: a pragma for one of
            them is unused. None: `rules`.
        pragmas: whether comments in the file can switch rules off.
        policy: what the team demands, for the rules that ask for it.
        severities: other severities for some codes.
        silent_if_unshipped: None: stages that are not shipped weigh less; else only the rules of these codes keep
            silent about them, and the others speak as loud as anywhere.
    """
    collector = _Collector(file.name, "dockerfile")
    by_keyword: dict[str, list[tuple[Rule, Callable[[Instruction, Stage], Outcome]]]] = {}
    by_program: dict[str, list[tuple[Rule, Callable[[Command, Stage], Outcome]]]] = {}
    rules = tuple(rules)
    for rule in rules:
        for whole in rule.dockerfile_checks:
            collector.take(rule, whole, file)
        for of_target in rule.target_checks:
            for target in file.targets:
                collector.take(rule, of_target, target)
        for demanded in rule.policy_checks:
            collector.take(rule, demanded, file, policy)
        for keywords, check in rule.instruction_checks:
            for keyword in keywords:
                by_keyword.setdefault(keyword, []).append((rule, check))
        for programs, command_check in rule.command_checks:
            for program in programs or ("",):
                by_program.setdefault(program, []).append((rule, command_check))
    if file.headless:
        _walk(file.headless, file.headless.instructions, by_keyword, by_program, collector)
    for stage in file.stages:
        for rule in rules:
            for stage_check in rule.stage_checks:
                collector.take(rule, stage_check, stage)
        _walk(stage, (stage.source, *stage.instructions), by_keyword, by_program, collector)
    findings = [
        finding._replace(severity=severities[finding.rule.code])
        if finding.rule.code in severities
        else finding
        for finding in collector.findings
    ]
    findings = _graded(file, _placed(file, findings), silent_if_unshipped)
    if pragmas and any("ignore" in comment.text or "skip" in comment.text for comment in file.tree.comments):
        from .pragma import Pragmas

        findings = Pragmas(file).obey(findings, rules if selected is None else selected)
    # A word can be met twice, as an argument of `bash -c` and in the script that this holds.
    unique = {(finding.rule.code, finding.place, finding.message): finding for finding in findings}
    findings = sorted(unique.values(), key=_position)
    return Judgement(tuple(_identified(file, findings)), tuple(collector.skipped.values()))


def folded(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Of the rules that say nothing new by their second finding in a stage, the first, which names the other lines."""
    firsts: dict[tuple[str, int | None], int] = {}
    lines: dict[int, list[int]] = {}
    out: list[Finding] = []
    for finding in findings:
        key = finding.rule.code, finding.stage
        span = finding.place.span
        if finding.rule.once_per_stage and span is not None and key in firsts:
            lines.setdefault(firsts[key], []).append(span.line)
            continue
        firsts.setdefault(key, len(out))
        out.append(finding)
    for at, others in lines.items():
        first = out[at].place.span
        named = sorted(set(others) - {first.line if first else 0})
        if named:
            out[at] = out[at]._replace(message=f"{out[at].message} ({_also(named)})")
    return tuple(out)


def _also(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:5]))
    return f"also on line{'s' if lines[1:] else ''} {shown}" + (
        f" and {len(lines) - 5} more" if lines[5:] else ""
    )


def judge_image(
    image: Image,
    rules: Iterable[Rule],
    *,
    contents: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Judgement:
    """What `rules` find in a built image; in the contents of its files only where that is asked for.

    `progress` is told how many more bytes of them were looked at.
    """
    collector = _Collector(image.source, "image")
    rules = tuple(rules)
    seen = image if image.has_configuration else cast("Image", _RootFileSystem(image))
    for rule in rules:
        for check in rule.image_checks:
            collector.take(rule, check, seen)
    if contents:
        _look_into(seen, rules, collector, progress)
    else:
        for rule in rules:
            if rule.content_checks or rule.file_checks:
                skipped = rule.skip(
                    "image",
                    "what files hold was not looked at; `imglint audit` does, and `imglint image --secrets`",
                )
                collector.skipped[rule.code, skipped.reason] = skipped._replace(file=image.source)
    if image.own_layers.start:
        collector.findings = [_owned(finding, image) for finding in collector.findings]
    return _sealed(collector)


def _look_into(
    image: Image,
    rules: tuple[Rule, ...],
    collector: _Collector,
    progress: Callable[[int], None] | None,
) -> None:
    """Put what the files of all layers hold before the checks that ask for it. All is read once."""
    from ..analyzer.image.scan import ContentScan

    checks = [(rule, *one) for rule in rules for one in rule.file_checks]
    content_checks = [(rule, check) for rule in rules for check in rule.content_checks]
    if not checks and not content_checks:
        return
    scan = ContentScan()
    for entry, blocks in image.scan():
        head = next(blocks, b"")
        for rule, wanted, file_check in checks:
            size = wanted(entry)
            if size and head:
                collector.take(rule, file_check, image, entry, head[:size])
        if content_checks:
            scan.add(entry, itertools.chain([head], blocks))
        if progress is not None:
            progress(entry.size)
    for rule, content_check in content_checks:
        collector.take(rule, content_check, image, scan)
    if content_checks:
        collector.notes = scan.left_alone()


def _owned(finding: Finding, image: Image) -> Finding:
    """With the note whether its layer or step is the base's, as far as that is known, or the build's own."""
    first = image.own_layers.start
    layer, step = finding.place.layer, finding.place.step
    if layer is not None:
        base = layer.number < first
    elif step is not None:
        # Between the last layer of the base and the first one of the build nobody can tell.
        made = [one.steps or (-1,) for one in image.layers[first - 1 : first + 1]]
        if step <= made[0][-1]:
            base = True
        elif len(made) == 2 and 0 <= made[1][0] <= step:
            base = False
        else:
            return finding
    else:
        return finding
    guessed = {"base_guessed": True} if image.base_is_guessed else {}
    return finding._replace(proof={**(finding.proof or {}), "from_base": base, **guessed})


def judge_container(observation: Observation, rules: Iterable[Rule]) -> Judgement:
    """What `rules` find in what was observed of a container."""
    collector = _Collector(observation.image, "container")
    for rule in rules:
        for check in rule.container_checks:
            collector.take(rule, check, observation)
    return _sealed(collector)


def _walk(
    stage: Stage,
    instructions: Iterable[Instruction],
    by_keyword: dict[str, list[tuple[Rule, Callable[[Instruction, Stage], Outcome]]]],
    by_program: dict[str, list[tuple[Rule, Callable[[Command, Stage], Outcome]]]],
    collector: _Collector,
) -> None:
    for instruction in instructions:
        for one in (instruction, instruction.trigger):
            if one is not None:
                _visit(one, stage, by_keyword, by_program, collector)


def _visit(
    instruction: Instruction,
    stage: Stage,
    by_keyword: dict[str, list[tuple[Rule, Callable[[Instruction, Stage], Outcome]]]],
    by_program: dict[str, list[tuple[Rule, Callable[[Command, Stage], Outcome]]]],
    collector: _Collector,
) -> None:
    for rule, check in by_keyword.get(instruction.keyword, ()):
        collector.take(rule, check, instruction, stage)
    if instruction.keyword != "RUN" or not by_program:
        return
    if not stage.understands(instruction):
        _pass_over(instruction, stage, by_program, collector)
        return
    if "" not in by_program:
        # A program that is not named here is not called, and reading the script takes longest.
        text = instruction.written
        if not any(program in text for program in by_program):
            return
    for command in stage.script(instruction).commands:
        for rule, command_check in (*by_program.get(command.name, ()), *by_program.get("", ())):
            collector.take(rule, command_check, command, stage)


def _pass_over(
    instruction: Instruction,
    stage: Stage,
    by_program: dict[str, list[tuple[Rule, Callable[[Command, Stage], Outcome]]]],
    collector: _Collector,
) -> None:
    """A script that no reader understands leaves the rules without an answer that it could concern."""
    script = stage.script(instruction)
    text = instruction.written
    reason = f"the RUN on line {instruction.span.line} is for {script.shell}, which is not read"
    for program, checks in by_program.items():
        for rule, _ in checks:
            if program in text and (program or rule.antipattern) and (stage.shipped or not rule.shipped_only):
                collector.skip(rule.skip("dockerfile", reason))


def _placed(file: Dockerfile, findings: list[Finding]) -> list[Finding]:
    """With their stages; of those that one change cures, the first of each instruction."""
    told: set[tuple[str, int]] = set()
    out = []
    better = _instructions_of(file, findings)
    for finding in sorted(findings, key=_position):
        span = finding.place.span
        if span is None:
            out.append(finding)
            continue
        if finding.rule.yields_to:
            owner = file.instruction_at(span.line)
            if owner and any((code, owner.start) in better for code in finding.rule.yields_to):
                continue
        if finding.rule.once_per_instruction:
            owner = file.instruction_at(span.line)
            key = finding.rule.code, owner.start if owner else -1
            if key in told:
                continue
            told.add(key)
        stage = file.stage_at(span.line)
        out.append(finding._replace(stage=stage.index if stage else None))
    return out


def _instructions_of(file: Dockerfile, findings: list[Finding]) -> set[tuple[str, int]]:
    """The codes that others yield to, with the starts of the instructions that they are found in."""
    codes = {code for finding in findings for code in finding.rule.yields_to}
    found = set()
    for finding in findings:
        if (
            finding.rule.code in codes
            and finding.place.span
            and (owner := file.instruction_at(finding.place.span.line))
        ):
            found.add((finding.rule.code, owner.start))
    return found


def _graded(file: Dockerfile, findings: list[Finding], silent: Collection[str] | None) -> list[Finding]:
    """Stages that don't end up in the image: one level less, or nothing."""
    out = []
    for finding in findings:
        if finding.stage is not None and not file.stages[finding.stage].shipped:
            if finding.rule.shipped_only if silent is None else finding.rule.code in silent:
                continue
            if not finding.rule.stops_build and finding.rule is not MISSPELT_PRAGMA and silent is None:
                finding = finding._replace(severity=Severity(max(finding.severity - 1, Severity.STYLE)))
        out.append(finding)
    return out


def _position(finding: Finding) -> tuple[tuple[int, ...], str]:
    return tuple(finding.place.span or (0, 0, 0, 0)), finding.rule.code


def _identified(file: Dockerfile, findings: list[Finding]) -> list[Finding]:
    """A fingerprint hangs on the instruction's own text, so that shifted lines don't change it."""
    seen: dict[str, int] = {}
    out = []
    for finding in findings:
        owner = file.instruction_at(finding.place.span.line) if finding.place.span else None
        text = " ".join(owner.line.value.split()) if owner else ""
        out.append(_with_identity(finding, f"{text}\0{_word(file, finding)}", seen))
    return out


def _word(file: Dockerfile, finding: Finding) -> str:
    """What a finding points at, as far as it stands on one line."""
    span = finding.place.span
    return file.text.lines[span.line - 1][span.column - 1 : span.end_column - 1] if span else ""


def _sealed(collector: _Collector) -> Judgement:
    """What images and containers show is not the author's own text: its credentials are masked here."""
    from ..analyzer.credentials import mask, mask_shapes, masked

    seen: dict[str, int] = {}
    findings = [
        _with_identity(
            finding._replace(
                message=mask(finding.message),
                place=finding.place._replace(path=finding.place.path and mask_shapes(finding.place.path)),
                proof=masked(finding.proof),
            ),
            # Not by the step: it is another one as soon as the base has one more.
            repr((finding.place.layer, finding.place.path, finding.place.subject)),
            seen,
        )
        for finding in collector.findings
    ]
    return Judgement(tuple(findings), tuple(collector.skipped.values()), collector.notes)


def _with_identity(finding: Finding, text: str, seen: dict[str, int]) -> Finding:
    base = "\0".join((finding.rule.code, text))
    count = seen[base] = seen.get(base, 0) + 1
    return finding._replace(identity=f"{base}\0{count}")
