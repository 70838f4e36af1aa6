"""What a rule is, what it finds, and where a finding points."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..analyzer.dockerfile.span import Span

if TYPE_CHECKING:
    from ..analyzer.dockerfile import Command, Dockerfile, Instruction, Stage
    from ..analyzer.image import Entry, Image
    from ..analyzer.image.scan import ContentScan
    from ..runner import Observation
    from .policy import Policy

Evidence = Literal["dockerfile", "image", "container"]


class Severity(enum.IntEnum):
    """How bad a finding is; `error` and `warning` fail a run by default."""

    STYLE = 0
    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The word for people and for JSON."""
        return self.name.lower()


class LayerRef(NamedTuple):
    """A layer of an image: its number from 0 at the bottom, and its diff ID."""

    number: int
    diff_id: str


class Place(NamedTuple):
    """Where a finding points: a span of text, a layer and path, a step of the history, or a container's subject."""

    evidence: Evidence
    span: Span | None = None
    layer: LayerRef | None = None
    path: str | None = None
    subject: str | None = None
    step: int | None = None  # the index of what the history tells of an image, where no layer is meant


class Edit(NamedTuple):
    """A fix: the text of `span` becomes `text`. Safe means that nothing else can change by it."""

    span: Span
    text: str
    safe: bool


class Finding(NamedTuple):
    """One fault in one place. `proof` holds what was measured, in JSON's own types.

    `stage` is the index of the build stage that a Dockerfile's finding stands in, `identity` what
    the fingerprint is made of.
    """

    rule: Rule
    severity: Severity
    message: str
    place: Place
    proof: Mapping[str, Any] | None = None
    fix: Edit | None = None
    file: str = ""
    identity: str = ""
    stage: int | None = None

    @property
    def fingerprint(self) -> str:
        """Names the finding by what it is about, not by its line. Made when asked for: text needs none."""
        import hashlib

        return hashlib.sha256(self.identity.encode("utf-8", "replace")).hexdigest()[:16]


class Skipped(NamedTuple):
    """A question that a rule asked and that this evidence can't answer."""

    rule: Rule
    evidence: Evidence
    reason: str
    file: str = ""


class ImageExample(NamedTuple):
    """An image to try a rule on. Tests build it as a real archive and read it back.

    `config` has the keys of an image configuration ("User", "Env", …). Each layer maps paths
    to contents; None deletes the path (a whiteout). `steps` are the `created_by` of the
    layers, from the bottom; `empty_steps` stand before them and made no layer.
    """

    config: Mapping[str, Any] = {}
    layers: tuple[Mapping[str, str | bytes | None], ...] = ({"srv/app": "app"},)
    steps: tuple[str, ...] | None = None
    empty_steps: tuple[str, ...] = ()
    tags: tuple[str, ...] = ("example:1.0",)
    top: Mapping[str, Any] = {}
    modes: Mapping[str, int] = {}  # of files that are not 0644


class ContainerExample(NamedTuple):
    """A container to try a rule on: the fields of an Observation, in JSON's own types."""

    facts: Mapping[str, Any]


class PolicyExample(NamedTuple):
    """A Dockerfile under the policy of a team: what its configuration demands."""

    text: str
    policy: Policy


class ContextExample(NamedTuple):
    """A Dockerfile in a build context: paths and contents. Tests write it to a real directory."""

    text: str
    files: Mapping[str, str]


Example = str | PolicyExample | ContextExample | ImageExample | ContainerExample
Outcome = Iterator[Finding | Skipped]

DockerfileCheck = Callable[["Dockerfile"], Outcome]
PolicyCheck = Callable[["Dockerfile", "Policy"], Outcome]
StageCheck = Callable[["Stage"], Outcome]
InstructionCheck = Callable[["Instruction", "Stage"], Outcome]
CommandCheck = Callable[["Command", "Stage"], Outcome]
FileCheck = Callable[["Image", "Entry", bytes], Outcome]
ContentCheck = Callable[["Image", "ContentScan"], Outcome]
ImageCheck = Callable[["Image"], Outcome]
ContainerCheck = Callable[["Observation"], Outcome]


def _masked(value: object) -> object:
    """What a message repeats of the input, without the passwords in it. A name alone holds none."""
    if not isinstance(value, str) or not ("=" in value or " " in value):
        return value
    from ..analyzer.credentials import mask

    return mask(value)


class Rule:
    """One fault: what the world calls it, what to say of it, and the checks that find it.

    Make one at the top of a module in rules/checks/ and decorate the checks with it. A check
    gets evidence and yields findings; it does no I/O. See CONTRIBUTING.md.

    Args:
        code: the code that the world knows (DL3006, StageNameCasing), else AV#### or IL###.
        name: the fault in kebab case, never the cure ("floating-tag").
        severity: of an ordinary finding; `finding()` can set another.
        message: one sentence with {fields} that `finding()` fills.
        page: what and why, for `imglint explain`; the first line is the summary.
        antipattern: which of the ten things to avoid it serves, 1 to 10.
        aliases: the other tools' codes for the same fault; they select and ignore.
        default: whether it belongs to the default profile.
        confirms: codes of findings in the text that are the same fault, where their instruction made the layer
            that a finding of this rule is in.
        settled_by: codes that, asked of better evidence and silent there, refute a finding of this rule.
        shipped_only: says nothing about stages that don't end up in the image.
        once_per_instruction: tells the first of several in one instruction, which one change cures.
        once_per_stage: tells the first of a stage only: the others say nothing new.
        yields_to: codes that, found in the same instruction, tell of the same fault and say it better.
        stops_build: whether no builder goes on behind the fault: it weighs as much in every stage, and
            BuildKit's own `check=skip=all` does not switch it off.
        security: whether who attacks gains by the fault; it is so for antipatterns 8 and 9 in any case.
        bad: examples that must be found, good: examples that must not; one of each for
            every kind of evidence that the rule looks at.
    """

    def __init__(
        self,
        *,
        code: str,
        name: str,
        severity: Severity,
        message: str,
        page: str,
        bad: tuple[Example, ...],
        good: tuple[Example, ...],
        antipattern: int | None = None,
        aliases: tuple[str, ...] = (),
        since: str = "0.1",
        default: bool = True,
        confirms: tuple[str, ...] = (),
        settled_by: tuple[str, ...] = (),
        shipped_only: bool = False,
        once_per_instruction: bool = False,
        once_per_stage: bool = False,
        yields_to: tuple[str, ...] = (),
        stops_build: bool = False,
        security: bool = False,
    ) -> None:
        self.code = code
        self.name = name
        self.severity = severity
        self.message = message
        self.page = page
        self.bad = bad
        self.good = good
        self.antipattern = antipattern
        self.aliases = aliases
        self.since = since
        self.default = default
        self.shipped_only = shipped_only
        self.once_per_instruction = once_per_instruction
        self.once_per_stage = once_per_stage
        self.yields_to = yields_to
        self.stops_build = stops_build
        self.security = security or antipattern in (8, 9)
        self.confirms = confirms
        self.settled_by = settled_by
        self.dockerfile_checks: list[DockerfileCheck] = []
        self.policy_checks: list[PolicyCheck] = []
        self.stage_checks: list[StageCheck] = []
        self.target_checks: list[StageCheck] = []
        self.instruction_checks: list[tuple[tuple[str, ...], InstructionCheck]] = []
        self.command_checks: list[tuple[tuple[str, ...], CommandCheck]] = []
        self.image_checks: list[ImageCheck] = []
        self.file_checks: list[tuple[Callable[[Entry], int], FileCheck]] = []
        self.content_checks: list[ContentCheck] = []
        self.container_checks: list[ContainerCheck] = []

    def __repr__(self) -> str:
        return f"<Rule {self.code} {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Rule], tuple[str]]:
        # A finding that another process sends back means the rule of this one.
        from .registry import by_code

        return by_code, (self.code,)

    @property
    def evidence(self) -> frozenset[Evidence]:
        """The kinds of evidence that this rule looks at."""
        kinds: set[Evidence] = set()
        if self.whole_file_checks or self.instruction_checks or self.command_checks:
            kinds.add("dockerfile")
        if self.image_checks or self.file_checks or self.content_checks:
            kinds.add("image")
        if self.container_checks:
            kinds.add("container")
        return frozenset(kinds)

    @property
    def whole_file_checks(self) -> bool:
        """Whether a check looks at more than one instruction, so that any file may set it off."""
        return bool(self.dockerfile_checks or self.policy_checks or self.stage_checks or self.target_checks)

    @property
    def title(self) -> str:
        """The code and the name, as people are told of the rule."""
        return f"{self.code} {self.name}"

    @property
    def summary(self) -> str:
        """The first line of the page."""
        return self.page.strip().splitlines()[0]

    def dockerfile(self, check: DockerfileCheck) -> DockerfileCheck:
        """A check of a whole Dockerfile."""
        self.dockerfile_checks.append(check)
        return check

    def policy(self, check: PolicyCheck) -> PolicyCheck:
        """A check of a whole Dockerfile against the policy that the configuration sets."""
        self.policy_checks.append(check)
        return check

    def stage(self, check: StageCheck) -> StageCheck:
        """A check of each build stage."""
        self.stage_checks.append(check)
        return check

    def target(self, check: StageCheck) -> StageCheck:
        """A check of each stage that becomes an image: the last one, and those that are built by their names."""
        self.target_checks.append(check)
        return check

    def instruction(self, *keywords: str) -> Callable[[InstructionCheck], InstructionCheck]:
        """A check of each instruction of these keywords (upper case), also inside ONBUILD."""

        def register(check: InstructionCheck) -> InstructionCheck:
            self.instruction_checks.append((keywords, check))
            return check

        return register

    def command(self, *programs: str) -> Callable[[CommandCheck], CommandCheck]:
        """A check of each shell command of a RUN that calls one of these programs (none: any)."""

        def register(check: CommandCheck) -> CommandCheck:
            self.command_checks.append((programs, check))
            return check

        return register

    def image(self, check: ImageCheck) -> ImageCheck:
        """A check of a built image."""
        self.image_checks.append(check)
        return check

    def file(self, wanted: Callable[[Entry], int]) -> Callable[[FileCheck], FileCheck]:
        """A check of how files begin, in all layers of an image: check(image, entry, beginning).

        `wanted` says how many bytes of an entry the check has to see, at most 1 MiB, 0 for none.
        Contents are looked at by `audit` and `image --secrets` only.
        """

        def register(check: FileCheck) -> FileCheck:
            self.file_checks.append((wanted, check))
            return check

        return register

    def contents(self, check: ContentCheck) -> ContentCheck:
        """A check of what all files of all layers were searched for: check(image, scan).

        Contents are looked at by `audit` and `image --secrets` only.
        """
        self.content_checks.append(check)
        return check

    def container(self, check: ContainerCheck) -> ContainerCheck:
        """A check of what was observed of a running container."""
        self.container_checks.append(check)
        return check

    def finding(
        self,
        where: Span | Place,
        /,
        *,
        severity: Severity | None = None,
        proof: Mapping[str, Any] | None = None,
        fix: Edit | None = None,
        **fields: object,
    ) -> Finding:
        """A finding of this rule; `fields` fill the message."""
        place = where if isinstance(where, Place) else Place("dockerfile", span=where)
        level = self.severity if severity is None else severity
        told = {name: _masked(value) for name, value in fields.items()}
        return Finding(self, level, self.message.format_map(told), place, proof, fix)

    def skip(self, evidence: Evidence, reason: str) -> Skipped:
        """What this rule can't decide on this evidence, and why."""
        return Skipped(self, evidence, reason)
