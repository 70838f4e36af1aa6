"""Fuzzing with atheris: any bytes give an image or an InputError. `make fuzz` runs it for SECONDS.

Not part of the tests: it needs atheris, and it never ends by itself.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["imglint"]):
    from imglint.analyzer import InputError
    from imglint.analyzer.dockerfile import Dockerfile, Text
    from imglint.analyzer.image import open_images
    from imglint.rules.judge import judge_dockerfile, judge_image
    from imglint.rules.registry import load, select

from image_archives import FORMS, Saved, docker_legacy, hardlink, layer_tar

RULES = tuple(load(select(("ALL",), (), ())))
SEED = Saved.of({"a/b": "1" * 2000, "c": hardlink("a/b")}, {"a/b": None, "d": "x"})


def archive(data: bytes) -> None:
    """A whole archive."""
    for image in open_images([data], verify=False):
        assert image.live_bytes + image.wasted_bytes == image.content_bytes
        failed = [
            one.message
            for one in judge_image(image, RULES, contents=True).findings
            if one.rule.code == "IL002"
        ]
        assert not failed, failed


def layer(data: bytes) -> None:
    """One layer of an archive that is otherwise right."""
    archive(docker_legacy(Saved((layer_tar({"a": "x"}), data))))


def dockerfile(data: bytes) -> None:
    """A Dockerfile: nothing may go wrong at all."""
    judgement = judge_dockerfile(Dockerfile(Text.decode(data)), RULES)
    assert not judgement.failed, [one.message for one in judgement.findings if one.rule.code == "IL002"]


def one_input(data: bytes) -> None:
    """The first byte says what the others are."""
    target = (archive, layer, dockerfile)[data[0] % 3] if data else archive
    try:
        target(data[1:])
    except InputError as error:
        assert error.problem


def main() -> None:
    """Start from real archives and files, so that the headers are passed."""
    with tempfile.TemporaryDirectory() as directory:
        seeds = Path(directory)
        for number, form in enumerate(form for name, form in FORMS.items() if name != "oci-directory"):
            place = seeds / f"form{number}"
            place.mkdir()
            data = form(place, SEED).read_bytes()
            (seeds / f"archive{number}").write_bytes(b"\0" + data)
        (seeds / "layer").write_bytes(b"\1" + SEED.layers[0])
        (seeds / "dockerfile").write_bytes(b'\2FROM a\nRUN <<E cat | sh\nx\nE\nCMD ["a"]\n')
        corpus = seeds / "corpus"
        corpus.mkdir()
        for one in seeds.iterdir():
            if one.is_file():
                one.rename(corpus / one.name)
        atheris.Setup([*sys.argv, str(corpus)], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
