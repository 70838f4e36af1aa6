"""Checks of a container for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..analyzer.credentials import mask, masked
from . import text
from .report import Report
from .tables import clipped

if TYPE_CHECKING:
    from ..runner import Check, Observation
    from ..runner.harden import Hardening

_SUMMARY_WIDTH = 150


def render(report: Report, *, full: bool = False) -> str:
    """Each image's checks, then the findings."""
    parts = [checks(one, full=full) for one in report.observations]
    parts.append(text.render(report, full=full).rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def checks(observation: Observation, *, full: bool = False) -> str:
    """The checks of one image, a line each; with their proofs in `full`. Then the least that it needs."""
    lines = [f"{clipped(observation.image, 80)}  {observation.image_id[:19]}  on {observation.engine}", ""]
    width = max((len(one.name) + len(one.subject) + 1 for one in observation.checks), default=0)
    for one in observation.checks:
        lines.append(_line(one, width))
        if full:
            lines += [f"    {name}: {_shown(value)}" for name, value in masked(one.proof).items()]
    if observation.hardening is not None:
        lines += ["", *_hardening(observation.hardening, observation.image, full=full)]
    return "\n".join(lines)


def _hardening(found: Hardening, image: str, *, full: bool) -> list[str]:
    """The options as the three tools take them that people run containers with."""
    import yaml

    if not found.holds:
        why = next((one.reason for one in found.trials if not one.holds), "")
        return [f"no options were found under which it does what it did: {why}"]
    lines = [f"{len(found.trials)} runs; with these options it does all that it did:", ""]
    lines.append(f"docker run {' '.join(found.flags())} {image}")
    for title, structure in (
        ("compose.yaml, in the service", found.compose()),
        ("Kubernetes, in the pod's spec", found.kubernetes()),
    ):
        lines += ["", f"# {title}", *yaml.safe_dump(structure, sort_keys=False).rstrip().splitlines()]
    if full:
        lines += [
            "",
            *(
                f"{'holds' if one.holds else 'fails'}  {one.options}  {one.reason}".rstrip()
                for one in found.trials
            ),
        ]
    return lines


def _line(check: Check, width: int) -> str:
    name = f"{check.name} {check.subject}"
    return f"{check.verdict:<17}  {name:<{width}}  {clipped(mask(check.summary), _SUMMARY_WIDTH)}".rstrip()


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
