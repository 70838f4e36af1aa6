"""What a run has to tell, whatever the format."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..analyzer.dockerfile.reference import parse_reference
from ..rules.checks.house import RULE_FAILED
from ..rules.rule import Edit, Finding, LayerRef, Place, Severity, Skipped
from ..rules.verdicts import FailOn
from .exits import Exit, worst
from .failure import Failure, failures

if TYPE_CHECKING:
    from ..analyzer import InputError
    from ..analyzer.attribution import Attribution
    from ..analyzer.dockerfile import Span, Text
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


class Location(NamedTuple):
    """Where a finding is shown. What is found in an image stands at the Dockerfile's instruction that made it."""

    file: str  # a Dockerfile; where no line of one is known, the image or container itself
    span: Span | None  # in `file`; None: no line is known
    image: str | None = None  # the image or container it was found in; None: it was found in the text
    layer: LayerRef | None = None
    path: str | None = None
    subject: str | None = None
    step: int | None = None  # of the image's history
    base: bool | None = None  # whether its layer or step is the base's; None: nobody can tell, or it has none
    base_guessed: bool = False  # whether that is known by the history's dates alone

    @property
    def source(self) -> str:
        """The image or container, and the layer; "" for a finding of the text."""
        return f"{self.image} layer {self.layer.number}" if self.layer else self.image or ""

    @property
    def qualified(self) -> str:
        """The place inside an image or container by its full name: "shop:1 layer 2, /srv/app"."""
        path = f"/{self.path.lstrip('/')}" if self.path else ""
        return ", ".join(part for part in (self.source, path, self.subject) if part)

    def told(self, message: str) -> str:
        """A message for a reader who sees `file` beside it, and would not know that it is about an image."""
        return message if self.image in (None, self.file) else f"{self.source}: {message}"


class Report(NamedTuple):
    """The results of one run."""

    files: tuple[str, ...] = ()  # what was read
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()  # what the reader should know, as that image and Dockerfile don't match
    left_alone: tuple[str, ...] = ()  # of the notes: what looks like credentials, and is not told
    images: tuple[Image, ...] = ()
    observations: tuple[Observation, ...] = ()
    plans: tuple[Plan, ...] = ()  # what a run would do
    matrix: tuple[Cell, ...] = ()
    origins: Mapping[str, Attribution] = {}  # image ID → the Dockerfile that it was built from
    texts: Mapping[str, Text] = {}  # by file, for source frames
    gates: tuple[Gate, ...] = ()
    earlier: Mapping[str, Weight] = {}  # image ID → what was measured before
    diff: ImageDiff | None = None
    asked: tuple[str, ...] = ()  # the command, then the inputs as they were named to it
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
        return tuple(failure for failure in self.failures() if failure.kind not in ("finding", "input"))

    def fails(self, finding: Finding) -> bool:
        """Whether a finding makes the run red."""
        level = self.fail_levels.get(finding.file, self.fail_level)
        return finding.rule is RULE_FAILED or (level is not None and finding.severity >= level)

    def located(self, found: Finding | Failure) -> Location:
        """Where a finding or a failure is shown, the same in every format."""
        place = found.place
        if place is None or place.evidence == "dockerfile":
            return Location(found.file, place.span if place else None)
        file, span = self._made_by(found.file, place) or (found.file, None)
        proof = (found.proof or {}) if isinstance(found, Finding) else {}
        base, guessed = proof.get("from_base"), bool(proof.get("base_guessed"))
        return Location(
            file, span, found.file, place.layer, place.path, place.subject, place.step, base, guessed
        )

    def _made_by(self, source: str, place: Place) -> tuple[str, Span] | None:
        """The Dockerfile and what of it made a layer or a step of an image, if only one can have."""
        made_by: set[tuple[str, Span] | None] = set()
        for image in self.images:
            # The images of one archive share its name, and often their lower layers.
            if image.source != source:
                continue
            origin = self.origins.get(image.id)
            span = origin.spans.get(place.step) if origin and place.step is not None else None
            if place.layer is not None:
                [made] = image.layers[place.layer.number : place.layer.number + 1] or [None]
                if made is None or made.diff_id != place.layer.diff_id:
                    continue
                span = origin.layers.get(made.index) if origin else None
            made_by.add((origin.file, span) if origin and span else None)
        return made_by.pop() if len(made_by) == 1 else None

    def subjects(self) -> list[str]:
        """What was looked at, the same from run to run: as it was named, but images without their tags."""
        names = {image.source: image.tags[0] for image in self.images if image.tags}
        names |= {observation.image: observation.image for observation in self.observations}
        subjects = {
            parse_reference(names[name]).familiar if name in names else relative(name)
            for name in self.asked[1:] or self.files
        }
        return sorted(subjects)

    def numbered(self) -> Iterator[tuple[Finding, int]]:
        """The findings, each with its number from 1 among those of its file that have its fingerprint."""
        seen: Counter[tuple[str, str]] = Counter()
        for finding in self.findings:
            key = (finding.file, finding.fingerprint)
            seen[key] += 1
            yield finding, seen[key]

    def count(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def shown_fix(finding: Finding) -> Edit | None:
    """The fix of a finding; None where it would show a credential: masked it would be another change."""
    from ..analyzer.credentials import mask

    return finding.fix if finding.fix is not None and mask(finding.fix.text) == finding.fix.text else None


def relative(path: str) -> str:
    """A file as seen from the working directory, which is a repository's root in CI, if it is below that."""
    near = os.path.relpath(path) if os.path.isabs(path) else os.path.normpath(path)
    return (path if near.startswith("..") else near).replace(os.sep, "/")
