"""How many seeded credentials are found, in the half that patterns were worked on with and in the other one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import seeded_credentials
from image_archives import Saved, docker_legacy
from seeded_credentials import Seed

from imglint.analyzer.image import open_images
from imglint.rules.judge import Judgement, judge_image
from imglint.rules.registry import load, select

RULES = load(select(["AV0802", "AV0806", "AV0807"]))
LEAST_FOUND = 0.95
FEWEST_KINDS = 40


def judged(path: str, content: bytes, archive: Path) -> Judgement:
    archive.write_bytes(docker_legacy(Saved.of({path: content})))
    (image,) = open_images(str(archive))
    judgement = judge_image(image, RULES, contents=True)
    assert not judgement.failed
    return judgement


def missed(seeds: Sequence[Seed], tmp_path: Path) -> list[str]:
    lost = []
    for seed in seeds:
        judgement = judged(seed.path, seed.content, tmp_path / "image.tar")
        assert len(judgement.findings) <= 1, (seed.kind, [one.message for one in judgement.findings])
        assert seed.value[8:30] not in repr(judgement), seed.kind
        if not judgement.findings:
            lost.append(f"{seed.kind} in {seed.path}")
    return lost


@pytest.mark.parametrize("half", ["tuned", "held_out"])
def test_seeded_credentials_are_found(half: str, tmp_path: Path) -> None:
    seeds: list[Seed] = getattr(seeded_credentials, half)()
    assert len({seed.kind for seed in seeds}) >= FEWEST_KINDS
    lost = missed(seeds, tmp_path)
    assert len(lost) <= len(seeds) * (1 - LEAST_FOUND), lost


@pytest.mark.parametrize("half", ["HARMLESS_TUNED", "HARMLESS_HELD_OUT"])
def test_what_is_no_credential_is_left_alone(half: str, tmp_path: Path) -> None:
    told = [
        (path, finding.message)
        for path, text in getattr(seeded_credentials, half)
        for finding in judged(path, text.encode(), tmp_path / "image.tar").findings
    ]
    assert told == []
