"""The engine is the judge: what it unpacks is what the analyzer calls live."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_images import Images
from image_archives import FORMS, Saved, docker_legacy
from image_cases import CASES, Case

import imglint
from imglint.analyzer.image import open_images
from imglint.runner import Engine

pytestmark = pytest.mark.container


def exported_bytes(engine: Engine, image: str) -> int:
    """The bytes of the regular files of a container of this image; it is never started."""
    container = engine.api.create_container(image, command=["/none"])["Id"]
    try:
        data = b"".join(engine.api.export(container))
    finally:
        engine.api.remove_container(container, v=True)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        # The engine puts empty files of its own there (/.dockerenv, /etc/hosts): they add nothing.
        return sum(member.size for member in tar if member.isreg())


@pytest.fixture
def loaded(
    engine: Engine, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Case, str, Path]]:
    """A case as an archive, loaded into the engine under its ID."""
    case: Case = request.param
    saved = Saved.of(*case.layers, tags=())
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(saved))
    known = {one["Id"] for one in engine.api.images(all=True)}
    list(engine.api.load_image(path.read_bytes()))
    yield case, saved.id, path
    if saved.id not in known:
        engine.api.remove_image(saved.id)


@pytest.mark.parametrize("loaded", CASES, ids=lambda case: case.name, indirect=True)
def test_live_bytes_are_those_of_an_export(engine: Engine, loaded: tuple[Case, str, Path]) -> None:
    case, name, path = loaded
    (image,) = open_images(str(path))
    assert image.live_bytes == case.live == exported_bytes(engine, name)


# The forms that this engine loads: of the others their own tools tell.
_LOADABLE = ("docker-layout", "docker-gzipped", "containers-image", "crane-gzip", "docker-containerd-gzip")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("form", _LOADABLE)
def test_every_form_holds_what_an_export_shows(engine: Engine, case: Case, form: str, tmp_path: Path) -> None:
    """The archives that no tool here writes are made by hand: the engine reads them, too."""
    saved = Saved.of(*case.layers, tags=())
    path = FORMS[form](tmp_path, saved)
    known = {one["Id"] for one in engine.api.images(all=True)}
    list(engine.api.load_image(path.read_bytes()))
    try:
        (image,) = open_images(str(path))
        assert image.live_bytes == case.live == exported_bytes(engine, saved.id)
        assert {(one.cause, one.added_by, one.hidden_by, one.bytes) for one in image.waste} == set(case.waste)
    finally:
        if saved.id not in known:
            engine.api.remove_image(saved.id)


@pytest.mark.parametrize("loaded", [CASES[0], CASES[-4]], ids=lambda case: case.name, indirect=True)
def test_a_save_of_the_engine_measures_the_same(engine: Engine, loaded: tuple[Case, str, Path]) -> None:
    """Also where the engine saves a repeated layer as a link, and as a stream."""
    _, name, path = loaded
    (ours,) = open_images(str(path))
    (theirs,) = open_images(engine.api.get_image(name), name=name)
    assert theirs.id == ours.id
    assert [one.diff_id for one in theirs.layers] == [one.diff_id for one in ours.layers]
    assert theirs.waste == ours.waste


WRITTEN = (
    "ENV A=b",
    "VOLUME /data /x",
    'SHELL ["/bin/ash", "-eu", "-c"]',
    "EXPOSE 80/tcp",
    'HEALTHCHECK --interval=10s --timeout=3s --retries=3 CMD ["/bin/true"]',
    "HEALTHCHECK --start-period=5s CMD wget -q -O- localhost || exit 1",
    'ENTRYPOINT ["/bin/ls"]',
    'CMD ["-l", "a \\"b\\""]',
)


def test_history_reads_as_the_dockerfile(engine: Engine, images: Images) -> None:
    """What this engine's builder prints of Go's values is read back."""
    (image,) = imglint.open_images(images.on(engine, "\n".join(WRITTEN)), engine=engine.url)
    assert tuple(one.text for one in image.steps)[-len(WRITTEN) :] == WRITTEN
