"""SOURCE on the command line: the names that people know from skopeo."""

from __future__ import annotations

from pathlib import Path

import pytest

from imglint.analyzer import InputError
from imglint.analyzer.image import Source, parse_source


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an archive, one with a colon in its name, a layout, and a project's directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image.tar").touch()
    (tmp_path / "at:noon.tar").touch()
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout/index.json").touch()
    (tmp_path / "web").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("image.tar", Source("path", "image.tar")),
        ("layout", Source("path", "layout")),
        ("at:noon.tar", Source("path", "at:noon.tar")),
        ("docker-archive:image.tar", Source("path", "image.tar")),
        ("docker-archive:image.tar:shop:1", Source("path", "image.tar", "shop:1")),
        ("docker-archive:image.tar:@1", Source("path", "image.tar", "@1")),
        ("docker-archive:at:noon.tar:shop:1", Source("path", "at:noon.tar", "shop:1")),
        ("oci:layout:v2", Source("path", "layout", "v2")),
        ("oci-archive:image.tar:v2", Source("path", "image.tar", "v2")),
        ("image.tar:shop:1", Source("path", "image.tar", "shop:1")),
        ("docker-archive:gone.tar:shop:1", Source("path", "gone.tar", "shop:1")),
        ("gone.tar", Source("path", "gone.tar")),
        ("./gone", Source("path", "./gone")),
        ("/gone", Source("path", "/gone")),
        ("docker-daemon:shop:1", Source("daemon", "shop:1")),
        ("shop:1", Source("daemon", "shop:1")),
        ("web:1", Source("daemon", "web:1")),
        ("layout:v2", Source("path", "layout", "v2")),
        ("registry.example.org:5000/shop", Source("daemon", "registry.example.org:5000/shop")),
        ("docker:27-dind", Source("daemon", "docker:27-dind")),
        ("http:1", Source("daemon", "http:1")),
        ("docker://registry.example.org/shop:1", Source("registry", "registry.example.org/shop:1")),
    ],
)
@pytest.mark.usefixtures("here")
def test_sources(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("", "names no image", "name an archive"),
        ("docker-daemon:", "names no image", ""),
        ("docker-archive:", "names no image", ""),
        ("docker://shop:1", "names no registry", "docker://HOST/NAME:TAG"),
        ("containers-storage:localhost/shop", "stores of containers are not read yet", "podman save"),
        ("https://example.org/image.tar", "URLs are not read yet", "download"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("here")
def test_what_is_not_read(text: str, problem: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_source(text)
    assert caught.value.problem == problem
    assert hint in caught.value.hint
