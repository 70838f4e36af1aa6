"""Checks of a container for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..analyzer.credentials import mask, masked
from . import text
from .look import PLAIN, Look
from .report import Report
from .tables import clipped

if TYPE_CHECKING:
    from ..runner import Check, Observation
    from ..runner.harden import Hardening

_SUMMARY_WIDTH = 240
_LOG_WIDTH, _LOG_LINES = 150, 4


def render(report: Report, look: Look = PLAIN) -> str:
    """Each image's checks, then the findings."""
    parts = [checks(observation, look) for observation in report.observations]
    parts.append(text.render(report, look).rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def checks(observation: Observation, look: Look = PLAIN) -> str:
    """The checks of one image, a line each; with their proofs in `full`. Then the least that it needs."""
    lines = [
        f"{look.strong(clipped(observation.image, 80))}  {observation.image_id[:19]}  on {observation.engine}",
        "",
    ]
    width = max((len(check.name) + len(check.subject) + 1 for check in observation.checks), default=0)
    for check in observation.checks:
        lines.append(_line(check, width, look))
        if look.full:
            lines += [f"    {name}: {_shown(value)}" for name, value in masked(check.proof).items()]
        elif check.name == "container.stays" and check.verdict != "proved":
            log = mask(str(check.proof.get("log") or "")).splitlines()
            lines += [f"    | {clipped(line, _LOG_WIDTH)}" for line in log if line.strip()][-_LOG_LINES:]
    if observation.receipt is not None:
        lines += ["", look.folded(sentence(str(observation.receipt)), "")]
    if observation.hardening is not None:
        lines += ["", *_hardening(observation.hardening, observation.image, look)]
    return "\n".join(lines)


def _hardening(found: Hardening, image: str, look: Look) -> list[str]:
    """The options as the three tools take them that people run containers with."""
    import yaml

    from ..runner.harden import HEADROOM

    if not found.holds:
        why = next((trial.reason for trial in found.trials if not trial.holds), "")
        return [f"no options were found under which it does what it did: {mask(why)}"]
    asked = f" ({found.asked})" if found.asked else ""
    lines = [f"{len(found.trials)} runs; with these options it does all that it did{asked}:", ""]
    lines.append(found.docker_run(image))
    if found.pids or found.megabytes:
        lines += [
            "",
            f"The limits are at least {HEADROOM} times what it used here. Measure them again under real load.",
        ]
    for title, structure in (
        ("compose.yaml, in the service", found.compose()),
        ("Kubernetes, in the pod's spec", found.kubernetes()),
    ):
        lines += ["", f"# {title}", *yaml.safe_dump(structure, sort_keys=False).rstrip().splitlines()]
    if look.full:
        lines += [
            "",
            *(
                f"{'holds' if trial.holds else 'fails'}  {trial.options}  {mask(trial.reason)}".rstrip()
                for trial in found.trials
            ),
        ]
    return lines


def _line(check: Check, width: int, look: Look) -> str:
    name = f"{check.name} {check.subject}"
    # A summary runs on in the next line where the terminal is too narrow for it.
    summary = clipped(mask(check.summary), _SUMMARY_WIDTH)
    indent = " " * (min(width, 30) + 21)
    line = look.folded(f"{check.verdict:<17}  {clipped(name, 400):<{width}}  {summary}".rstrip(), indent)
    word = f"{check.verdict:<17}"
    return look.verdict(word) + line[len(word) :]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def sentence(text: str) -> str:
    """A text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
