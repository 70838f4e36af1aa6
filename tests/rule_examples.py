"""A rule's examples, put before its own checks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from image_archives import build_example

from imglint.analyzer.dockerfile import Dockerfile, Text
from imglint.analyzer.dockerfile.context import BuildContext
from imglint.analyzer.image import open_images
from imglint.rules.indexing import every_rule
from imglint.rules.judge import Judgement, judge_container, judge_dockerfile, judge_image
from imglint.rules.rule import (
    ContainerExample,
    ContextExample,
    Evidence,
    Example,
    ImageExample,
    PolicyExample,
)
from imglint.runner import Check, Listener, Observation, Peer, Process, Verdict, Write

RULES = [rule for _, rule in every_rule()]


def evidence_of(example: Example) -> Evidence:
    if isinstance(example, str | PolicyExample | ContextExample):
        return "dockerfile"
    return "image" if isinstance(example, ImageExample) else "container"


def judge(example: Example) -> Judgement:
    """All rules on one example, since some speak only of others (unused pragmas)."""
    if isinstance(example, str):
        return judge_dockerfile(Dockerfile.from_string(example), RULES)
    if isinstance(example, PolicyExample):
        return judge_dockerfile(Dockerfile.from_string(example.text), RULES, policy=example.policy)
    if isinstance(example, ContextExample):
        with tempfile.TemporaryDirectory() as directory:
            for name, content in example.files.items():
                path = Path(directory, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
            return judge_dockerfile(Dockerfile(Text(example.text), context=BuildContext(directory)), RULES)
    if isinstance(example, ImageExample):
        with tempfile.TemporaryDirectory() as directory:
            (image,) = open_images(str(build_example(example, Path(directory))))
            return judge_image(image, RULES, contents=True)
    return judge_container(observation(example), RULES)


def observation(example: ContainerExample) -> Observation:
    """The records that an example's plain values stand for."""
    facts: dict[str, Any] = dict(example.facts)
    kinds: dict[str, Any] = {"processes": Process, "listeners": Listener, "peers": Peer, "writes": Write}
    for name, kind in kinds.items():
        if name in facts:
            facts[name] = tuple(
                kind(
                    **{key: tuple(value) if isinstance(value, list) else value for key, value in one.items()}
                )
                for one in facts[name]
            )
    if "checks" in facts:
        facts["checks"] = tuple(
            Check(**{**one, "verdict": Verdict(one["verdict"])}) for one in facts["checks"]
        )
    return Observation(**facts)
