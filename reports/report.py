"""What a run has to tell, whatever the format."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..rules.checks.house import RULE_FAILED
from ..rules.rule import Finding, Severity, Skipped
from ..rules.verdicts import FailOn
from .exits import Exit, worst
from .failure import Failure, failures

if TYPE_CHECKING:
    from ..analyzer import InputError
    from ..analyzer.dockerfile import Text
    from ..analyzer.image import Image
    from ..analyzer.image.diff import ImageDiff
    from ..rules.gates import Gate, Weight
    from ..rules.matrix import Cell
    from ..runner import Observation
    from ..runner.plan import Plan


class Problem(NamedTuple):
    """An input that could not be read, or a wish that could not be met."""

    subject: str
    problem: str
    hint: str = ""
    exit: Exit = Exit.INPUT  # what it makes the run end with

    @classmethod
    def of(cls, error: InputError, exit: Exit = Exit.INPUT) -> Problem:
        """The problem that an error tells of."""
        return cls(error.subject, error.problem, error.hint, exit)

    def __str__(self) -> str:
        """All of it in one line."""
        return f"{self.subject}: {self.told}"

    @property
    def told(self) -> str:
        """What happened and what to do, where the subject stands beside it."""
        return f"{self.problem}; {self.hint}" if self.hint else self.problem


class Withdrawn(NamedTuple):
    """A finding that better evidence refutes, and how."""

    finding: Finding
    reason: str


class Report(NamedTuple):
    """The results of one run."""

    files: tuple[str, ...] = ()  # what was read
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()  # what the reader should know, as that image and Dockerfile don't match
    images: tuple[Image, ...] = ()
    observations: tuple[Observation, ...] = ()
    plans: tuple[Plan, ...] = ()  # what a run would do
    matrix: tuple[Cell, ...] = ()
    lines: Mapping[str, Mapping[int, int]] = {}  # image ID → step index → line of the Dockerfile
    texts: Mapping[str, Text] = {}  # by file, for source frames
    gates: tuple[Gate, ...] = ()
    earlier: Mapping[str, Weight] = {}  # image ID → what was measured before
    diff: ImageDiff | None = None
    fail_level: Severity | None = Severity.WARNING  # from which on a finding fails the run; None: never
    fail_levels: Mapping[str, Severity | None] = {}  # … of the files whose own settings say otherwise
    fail_on: FailOn = FailOn()  # … and from which on a check does
    allow_unknown: bool = False  # whether an expectation passes that could not be decided

    @property
    def exit_code(self) -> Exit:
        """What the command ends with, by the table of exit codes."""
        return worst(failure.exit for failure in self.failures())

    def failures(self) -> tuple[Failure, ...]:
        """Why the run is red, each fault once; none where it is green."""
        return tuple(failures(self))

    def failures_beside_findings(self) -> tuple[Failure, ...]:
        """The failures that are no findings, but for inputs that could not be read: `problems` are those."""
        return tuple(one for one in self.failures() if one.kind not in ("finding", "input"))

    def fails(self, finding: Finding) -> bool:
        """Whether a finding makes the run red."""
        level = self.fail_levels.get(finding.file, self.fail_level)
        return finding.rule is RULE_FAILED or (level is not None and finding.severity >= level)

    def line_of(self, finding: Finding) -> int | None:
        """The line of the Dockerfile that made the layer of an image's finding, where that is known."""
        layer = finding.place.layer
        for image in self.images if layer else ():
            assert layer is not None
            if image.source == finding.file and layer.number < len(image.layers):
                step = image.layers[layer.number].step
                return self.lines.get(image.id, {}).get(step) if step is not None else None
        return None

    def numbered(self) -> Iterator[tuple[Finding, int]]:
        """The findings, each with its number from 1 among those of its file that have its fingerprint."""
        seen: Counter[tuple[str, str]] = Counter()
        for one in self.findings:
            key = (one.file, one.fingerprint)
            seen[key] += 1
            yield one, seen[key]

    def count(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(one.severity == severity for one in self.findings)


def relative(path: str) -> str:
    """A file as seen from the working directory, which is a repository's root in CI, if it is below that."""
    near = os.path.relpath(path) if os.path.isabs(path) else os.path.normpath(path)
    return (path if near.startswith("..") else near).replace(os.sep, "/")
