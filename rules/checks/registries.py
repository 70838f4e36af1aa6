"""Registries that a team trusts."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..policy import Policy
from ..rule import Outcome, PolicyExample, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...analyzer.dockerfile import Dockerfile, Stage, Word

_OURS = Policy(trusted_registries=("registry.example.org",))

UNTRUSTED = Rule(
    code="DL3026",
    name="untrusted-registry",
    severity=Severity.ERROR,
    message="{image} comes from {registry}, which is not one of the trusted registries",
    page="""An image comes from a registry that the configuration does not trust.

Idle without `trusted-registries`. Looks at FROM, `COPY --from` and `RUN --mount=from=`; earlier
stages, `scratch` and stage numbers are free, and variables are resolved. `*` stands for anything,
`*.example.org` for its hosts; an image without a registry comes from docker.io.
""",
    bad=(
        PolicyExample("FROM debian:12\n", _OURS),
        PolicyExample("FROM registry.example.org/a:1\nCOPY --from=ghcr.io/b/c:1 /x /x\n", _OURS),
        PolicyExample("ARG R=ghcr.io\nFROM $R/b:1\n", _OURS),
    ),
    good=(
        PolicyExample("FROM registry.example.org/a:1 AS b\nFROM b\nCOPY --from=0 /x /x\n", _OURS),
        PolicyExample("ARG R=registry.example.org\nFROM $R/b:1\n", _OURS),
        PolicyExample("FROM debian:12\n", Policy(trusted_registries=("docker.io", "*.example.org"))),
        PolicyExample("FROM x.example.org/debian:12\n", Policy(trusted_registries=("*.example.org",))),
        PolicyExample("FROM $UNKNOWN/debian:12\n", _OURS),
        "FROM debian:12\n",
    ),
    security=True,
)


@UNTRUSTED.policy
def foreign_images(file: Dockerfile, policy: Policy) -> Outcome:
    from ...analyzer.dockerfile import parse_reference

    trusted = {
        "docker.io" if one in ("hub.docker.com", "index.docker.io") else one
        for one in policy.trusted_registries
    }
    for stage in file.stages if trusted else ():
        for word, name in _images(stage):
            registry = parse_reference(name).registry or "docker.io"
            registry = "docker.io" if registry == "index.docker.io" else registry
            if not any(fnmatchcase(registry, pattern) for pattern in trusted):
                yield UNTRUSTED.finding(word.span, image=name, registry=registry)


def _images(stage: Stage) -> Iterator[tuple[Word, str]]:
    """The images that a stage takes files from: what is no earlier stage, number, scratch or unknown."""
    found: list[tuple[Word, str | None]] = []
    # A name of nothing but variables without a value is not known at all.
    found.append((stage.base, None if _unknown(stage) else stage.base_name))
    for instruction in stage.instructions:
        for flag in instruction.flags:
            if flag.name == "from" and flag.value and "$" not in flag.value:
                found.append((flag.word, flag.value))
            if flag.name == "mount" and flag.value:
                source = re.search(r"(?:^|,)from=([^,$]+)(?:,|$)", flag.value)
                found.append((flag.word, source[1] if source else None))
    for word, name in found:
        if (
            name
            and name != "scratch"
            and not name.isdigit()
            and not stage.file.stage_named(name, stage.index)
        ):
            yield word, name


def _unknown(stage: Stage) -> bool:
    from ...analyzer.dockerfile import uses

    return any(use.name not in stage.file.global_args for use in uses(stage.base.raw))
