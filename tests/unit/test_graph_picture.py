"""The picture of a layer graph: each layer once, as wide as its bytes, whatever names and numbers it holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from image_archives import LayerFiles, Saved, docker_legacy, step

from imglint.analyzer.graph import layer_graph
from imglint.analyzer.image import Image, open_images
from imglint.reports.graph_picture import page, svg

SVG = "{http://www.w3.org/2000/svg}"
BASE: LayerFiles = {"bin/sh": "s" * 60_000}
BLUE, TEAL, RED, YELLOW = "#4c78a8", "#72b7b2", "#d62728", "#f2cf5b"


def opened(directory: Path, *images: Saved) -> tuple[Image, ...]:
    path = directory / "images.tar"
    path.write_bytes(docker_legacy(*images))
    return open_images(str(path))


def drawn(text: str) -> list[tuple[str, list[ElementTree.Element]]]:
    """The title of each group, and its boxes."""
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    return [
        (group.findtext(f"{SVG}title") or "", group.findall(f"{SVG}rect"))
        for group in root.findall(f"{SVG}g")
    ]


def box(rect: ElementTree.Element) -> tuple[float, float, float, float]:
    left, top, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
    return left, top, left + width, top + height


def test_layers_stand_on_each_other_each_once_and_as_wide_as_their_bytes(tmp_path: Path) -> None:
    images = opened(
        tmp_path,
        Saved.of(BASE, tags=("base:1",)),
        Saved.of(BASE, {"srv/a": "a" * 30_000}, tags=("shop:1",)),
        Saved.of(BASE, {"srv/b": "b" * 90_000}, {"srv/b": None}, tags=("shop:2",)),
    )
    groups = drawn(svg(layer_graph(images)))
    blocks = [(title, rects) for title, rects in groups if rects[0].attrib["fill"] in (BLUE, TEAL)]
    flags = [(title, rects) for title, rects in groups if rects[0].attrib["fill"] == YELLOW]
    assert (len(blocks), len(flags)) == (4, 3)
    (base,) = (rects for _, rects in blocks if rects[0].attrib["fill"] == BLUE)
    _, floor, _, _ = box(base[0])
    above = [box(rects[0]) for _, rects in blocks if box(rects[0])[3] == pytest.approx(floor)]
    assert len(above) == 2
    # By bytes: of the base its own are what no other block covers.
    scale = 1100 / sum(one.tar_bytes for one in (*images[1].layers, *images[2].layers[1:]))
    left, _, right, _ = box(base[0])
    free = right - left - sum(one[2] - one[0] for one in above)
    assert free == pytest.approx(images[0].tar_bytes * scale, abs=0.1)
    assert min(one[2] - one[0] for one in above) == pytest.approx(
        images[1].layers[1].tar_bytes * scale, abs=0.1
    )
    # Waste is marked where it is, and said.
    wasted = [(title, rects[1]) for title, rects in blocks if len(rects) > 1]
    assert [rect.attrib["fill"] for _, rect in wasted] == [RED]
    assert "90.0 kB hidden in image 3" in wasted[0][0]
    assert {title.split()[0] for title, _ in flags} == {"base:1", "shop:1", "shop:2"}


def test_a_blob_on_other_layers_is_told_from_a_new_one(tmp_path: Path) -> None:
    images = opened(tmp_path, Saved.of(BASE, {"a": "b"}), Saved.of({"a": "b"}, BASE, tags=("other:1",)))
    again = [
        title for title, _ in drawn(svg(layer_graph(images))) if "a registry holds this blob once" in title
    ]
    assert len(again) == 2


HOSTILE = "</text><script>alert(1)</script>&amp;\"'\x01\x0b\ud800]]>\u202e<!--"


def test_hostile_names_are_text(tmp_path: Path) -> None:
    saved = Saved.of(
        BASE, {"a": "b"}, history=(step(HOSTILE), step(f"RUN {HOSTILE}")), tags=(HOSTILE[:-5], "a:1")
    )
    graph = layer_graph(opened(tmp_path, saved))
    text = svg(graph)
    root = ElementTree.fromstring(text.encode())
    assert not list(root.iter(f"{SVG}script"))
    assert "alert(1)" in text
    whole = page(graph)
    assert whole.count("<script") == 0
    assert whole.encode()


@pytest.mark.parametrize("layers", [0, 1, 500])
def test_towers_of_any_height(layers: int, tmp_path: Path) -> None:
    saved = Saved.of(*({f"{n}": "x" * n} for n in range(layers)), tags=())
    text = svg(layer_graph(opened(tmp_path, saved)))
    root = ElementTree.fromstring(text)
    assert float(root.attrib["height"]) < 2500
    assert len([1 for _, rects in drawn(text) if rects[0].attrib["fill"] == TEAL]) == layers


def test_no_image_at_all() -> None:
    assert "0 images, 0 B together" in svg(layer_graph([]))


def test_the_command_writes_it(tmp_path: Path) -> None:
    opened(tmp_path, Saved.of(BASE, tags=("base:1",)), Saved.of(BASE, {"a": "b"}, tags=("shop:1",)))
    for name in ("out.svg", "out.html"):
        done = subprocess.run(
            [sys.executable, "-m", "imglint", "image", "images.tar", "--graph", name],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        assert "shop:1" in (tmp_path / name).read_text()
