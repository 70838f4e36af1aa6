"""Which line made which layer, of images that engines have just built."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import example_images
import pytest
from container_images import Images

from imglint.analyzer.attribution import attribute
from imglint.analyzer.dockerfile import Dockerfile
from imglint.analyzer.image import Image, open_images
from imglint.runner import Engine

pytestmark = pytest.mark.container

TEXT = f"""# What the classic builder and BuildKit write of each differs.

FROM {example_images.BUSYBOX}

ARG V=1
RUN ["/bin/touch", "/exec"]
SHELL ["/bin/ash", "-e", "-c"]
RUN echo $V > /v && \\
    # A comment in between.
    echo "two  blanks" > /w
ENV PLACE="/srv/$V" B=c\\ d
COPY --from={example_images.BUSYBOX} /etc/passwd $PLACE/
WORKDIR $PLACE/work
COPY --chown=7:8 a b ./
EXPOSE 80 53/udp
CMD echo "$B"
"""


def packed(text: str) -> bytes:
    """A build context with the files a and b."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in (("Dockerfile", text), ("a", "this is a"), ("b", "this is b")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue()


@contextmanager
def built(engine: Engine, directory: Path, **params: str) -> Iterator[Image]:
    """An image that an engine builds, as it saves it."""
    api = engine.api
    tag = f"imglint-test:lines-{secrets.token_hex(6)}"
    answer = api.post(
        f"{api.base_url}/build",
        params={"t": tag, "nocache": "1", "rm": "1", **params},
        data=packed(TEXT),
        headers={"Content-Type": "application/x-tar"},
        timeout=120,
    )
    answer.raise_for_status()
    try:
        path = directory / "image.tar"
        with path.open("wb") as stream:
            for chunk in api.get_image(tag):
                stream.write(chunk)
        yield open_images(str(path))[0]
    finally:
        api.remove_image(tag, force=True)


def own_layers(image: Image) -> list[tuple[int, int] | None]:
    """The first and the last line of the layers above the base's."""
    found = attribute(Dockerfile.from_string(TEXT), image)
    assert found.matches, found.reason
    spans = [found.layers.get(layer.index) for layer in image.layers[1:]]
    return [span and (span.line, span.end_line) for span in spans]


SINGLE = [(6, 6), (8, 10), (12, 12), (13, 13), (14, 14)]
OPTIONS = {"labels": json.dumps({"rev": "1"}), "buildargs": json.dumps({"V": "2 3"})}


@pytest.mark.parametrize("version", ["1", "2"], ids=["classic", "BuildKit"])
def test_docker(engine: Engine, images: Images, tmp_path: Path, version: str) -> None:
    del images  # it has seen to the base
    with built(engine, tmp_path, version=version, **OPTIONS) as image:
        assert own_layers(image) == SINGLE


@pytest.mark.parametrize(
    ("layers", "lines"), [("1", [SINGLE[0], SINGLE[1], SINGLE[2], SINGLE[4]]), ("0", [(6, 14)])]
)
def test_podman(
    podman: Engine, images: Images, tmp_path: Path, layers: str, lines: list[tuple[int, int]]
) -> None:
    images.hand_over(podman, example_images.BUSYBOX)
    with built(podman, tmp_path, layers=layers) as image:
        assert own_layers(image) == lines
