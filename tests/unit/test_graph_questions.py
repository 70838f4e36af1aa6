"""The questions to the layer graph, against a plain recount that knows nothing of graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import networkx as nx
import pytest
from image_archives import FORMS, LayerFiles, Saved, docker_legacy, hardlink, layer_tar, oci_archive, step
from image_cases import CASES, Case
from properties import given, settings, st

from imglint.analyzer import InputError
from imglint.analyzer.graph import (
    base_depth,
    bases,
    built_on,
    common_layers,
    disk_bytes,
    doubts,
    exclusive_bytes,
    freed,
    held_layers,
    held_waste,
    history,
    images_of,
    layer_graph,
    layer_path,
    missing_layers,
    rebuilt,
    registry_bytes,
    shared_by,
    shares,
    wasted_everywhere,
)
from imglint.analyzer.image import Image, open_images
from imglint.analyzer.image.layer import chain_ids
from imglint.reports.image_text import shared

ROOT = Path(__file__).parents[2]
BASE: LayerFiles = {"bin/sh": "s" * 2000, "etc/os": "e" * 300}


def opened(directory: Path, *images: Saved, name: str = "images") -> tuple[Image, ...]:
    path = directory / f"{name}.tar"
    path.write_bytes(docker_legacy(*images))
    return open_images(str(path))


# One image: the graph says what the report says


def holds_what_the_report_holds(images: Sequence[Image]) -> None:
    graph: Any = layer_graph(images)
    assert nx.is_directed_acyclic_graph(graph)
    for image in images:
        node = graph.nodes[image.id]
        names = ("tar_bytes", "content_bytes", "live_bytes", "wasted_bytes")
        assert [node[name] for name in names] == [getattr(image, name) for name in names]
        assert node.get("compressed_bytes") == image.compressed_bytes
        chains = [layer.chain_id for layer in image.layers]
        assert [one[:-1] for one in held_layers(graph, image.id)] == [
            (layer.chain_id, layer.tar_bytes, layer.content_bytes, layer.live_bytes, layer.wasted_bytes)
            for layer in image.layers
        ]
        assert sorted(held_waste(graph, image.id)) == sorted(
            (one.cause, chains[one.added_by], chains[one.hidden_by], one.bytes) for one in image.waste
        )
        hidden = Counter[str]()
        for one in image.waste:
            hidden[chains[one.hidden_by]] += one.bytes
        assert {
            one.layer: one.hides_bytes for one in held_layers(graph, image.id) if one.hides_bytes
        } == hidden
        told = history(graph, image.id)
        assert [one.step for one in told[: len(image.steps)]] == [one.text for one in image.steps]
        for past, was in zip(told, image.steps, strict=False):
            made = was.layer if was.layer is not None else was.within
            assert past.layer == (None if made is None else chains[made])
        unknown = [layer.chain_id for layer in image.layers if not layer.steps]
        assert [one.layer for one in told[len(image.steps) :]] == unknown


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_image_is_in_the_graph_as_in_its_report(case: Case, tmp_path: Path) -> None:
    (image,) = opened(tmp_path, Saved.of(*case.layers))
    holds_what_the_report_holds([image])
    assert {(one.cause, one.bytes) for one in held_waste(image.graph, image.id)} == {
        (cause, count) for cause, _, _, count in case.waste
    }


@pytest.mark.parametrize("form", FORMS)
def test_in_every_form(form: str, tmp_path: Path) -> None:
    saved = Saved.of(BASE, {"srv/a": "a" * 900}, {"srv/a": None, "etc/os": "f" * 10}, tags=("shop:1",))
    holds_what_the_report_holds(open_images(str(FORMS[form](tmp_path, saved))))


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/**/*.tar")), ids=lambda path: path.name)
def test_the_examples(path: Path) -> None:
    holds_what_the_report_holds(open_images(str(path)))


def test_all_cases_in_one_graph(tmp_path: Path) -> None:
    images = [
        image
        for number, case in enumerate(CASES)
        for depth in range(1, len(case.layers) + 1)
        for image in opened(
            tmp_path,
            Saved.of(*case.layers[:depth], tags=(f"case:{number}-{depth}",)),
            name=f"{number}-{depth}",
        )
    ]
    holds_what_the_report_holds(tuple({image.id: image for image in images}.values()))


def test_a_history_of_a_build_that_commits_once_and_of_one_that_says_nothing(tmp_path: Path) -> None:
    once = (
        step("FROM a", empty_layer=True), step("COPY a /", empty_layer=True), step("RUN b", empty_layer=True),
        {**step("CMD c"), "comment": "FROM a"},
    )  # fmt: skip
    holds_what_the_report_holds(opened(tmp_path, Saved.of(BASE, history=once)))
    holds_what_the_report_holds(opened(tmp_path, Saved.of(BASE, {"a": "b"}, history=None)))
    empty = opened(tmp_path, Saved(()))
    holds_what_the_report_holds(empty)
    assert (disk_bytes(empty[0].graph), registry_bytes(empty[0].graph)) == (0, 0)


def test_hard_links_are_lost_with_the_last_name_whichever_image_is_first(tmp_path: Path) -> None:
    """What a layer hides depends on the layers above it here, and here alone."""
    layers: tuple[LayerFiles, ...] = ({"a": "a" * 700, "b": hardlink("a")}, {"a": None}, {"b": None})
    short, long = opened(
        tmp_path, Saved.of(*layers[:2], tags=("short:1",)), Saved.of(*layers, tags=("long:1",))
    )
    assert (short.wasted_bytes, long.wasted_bytes) == (0, 700)
    for images in ((short, long), (long, short)):
        holds_what_the_report_holds(images)
        everywhere = [(one.bytes, one.images) for one in wasted_everywhere(layer_graph(images))]
        assert sum(count * images for count, images in everywhere) == 700


def test_what_is_carried_everywhere_is_what_the_images_report(tmp_path: Path) -> None:
    """Three images on the same layers, of which each sees other names of the same two files."""
    base: LayerFiles = {
        "a": "a" * 700, "b": hardlink("a"), "t": "1" * 30, "u": hardlink("t"), "t/../t": "2" * 50
    }  # fmt: skip
    tops: tuple[tuple[LayerFiles, ...], ...] = (
        (),
        ({"b": None},),
        ({"u": None},),
        ({"u": None, "b": None}, {"t": None}),
    )
    images = opened(
        tmp_path, *(Saved.of(base, {"a": None}, *top, tags=(f"a:{n}",)) for n, top in enumerate(tops))
    )
    for order in permutations(images):
        holds_what_the_report_holds(order)
        rows = wasted_everywhere(layer_graph(order))
        assert all(row.bytes > 0 and row.images > 0 for row in rows)
        plain = Counter(
            (one.cause, image.layers[one.added_by].chain_id, image.layers[one.hidden_by].chain_id, one.bytes)
            for image in order
            for one in image.waste
        )
        assert plain == {row[:4]: row.images for row in rows}


# Several images: a plain recount


class Built(NamedTuple):
    """An image as plain lists; a layer's content is its number, on whatever it stands."""

    layers: tuple[int, ...]
    tags: tuple[str, ...]


SIZES = [3, 50, 700, 11, 1300, 2, 90, 17]
NUMBERS = st.integers(0, len(SIZES) - 1)
TAGS = st.lists(st.sampled_from("a:1 a:2 b:1 c:1 d:1 e:1".split()), max_size=2, unique=True).map(tuple)
FLEETS = st.lists(st.builds(Built, st.lists(NUMBERS, max_size=6).map(tuple), TAGS), max_size=7)


def record(number: int, built: Built, unpacked: bool = False) -> Any:
    """What the graph reads of an image; layer 0 of odd images hides a part of the lowest."""
    diffs = [f"sha256:{layer:064x}" for layer in built.layers]
    layers = tuple(
        SimpleNamespace(
            diff_id=diff, chain_id=chain, compressed_bytes=None if unpacked else SIZES[layer] // 2,
            tar_bytes=SIZES[layer], content_bytes=SIZES[layer] - 1, created_by=f"COPY {layer} /",
        )
        for layer, diff, chain in zip(built.layers, diffs, chain_ids(tuple(diffs)), strict=True)  # type: ignore[arg-type]
    )  # fmt: skip
    content = sum(layer.content_bytes for layer in layers)
    return SimpleNamespace(
        id=f"sha256:{number + 4096:064x}", source=f"{number}.tar", tags=built.tags, platform="linux/amd64",
        config=SimpleNamespace(user=""), tar_bytes=sum(layer.tar_bytes for layer in layers), content_bytes=content,
        live_bytes=content, layers=layers, steps=(), waste=(),
    )  # fmt: skip


def prefixes(built: Built) -> list[tuple[int, ...]]:
    """What stands for a chain ID: a layer with all below it."""
    return [built.layers[:depth] for depth in range(1, len(built.layers) + 1)]


def on_disk(fleet: Sequence[Built]) -> dict[tuple[int, ...], int]:
    return {prefix: SIZES[prefix[-1]] for built in fleet for prefix in prefixes(built)}


def tags_of(fleet: Sequence[Built]) -> Mapping[str, list[int]]:
    return {
        tag: [n for n, built in enumerate(fleet) if tag in built.tags]
        for built in fleet
        for tag in built.tags
    }


@settings(max_examples=100)
@given(FLEETS, st.booleans())
def test_sizes_shares_and_bases_are_those_of_a_recount(fleet: list[Built], lean: bool) -> None:
    records = [record(number, built) for number, built in enumerate(fleet)]
    graph: Any = layer_graph(records, lean=lean)
    assert nx.is_directed_acyclic_graph(graph)
    assert disk_bytes(graph) == sum(on_disk(fleet).values())
    assert registry_bytes(graph) == sum(
        SIZES[layer] // 2 for layer in {n for built in fleet for n in built.layers}
    )
    for number, (built, share) in enumerate(zip(fleet, shares(graph), strict=True)):
        others = [other for at, other in enumerate(fleet) if at != number]
        own = sum(size for prefix, size in on_disk([built]).items() if prefix not in on_disk(others))
        assert share.image == records[number].id
        assert (share.total_bytes, share.unique_bytes) == (sum(SIZES[n] for n in built.layers), own)
        assert share.shared_bytes + share.unique_bytes == share.total_bytes
        below = [
            other for other in others
            if other.layers and len(other.layers) < len(built.layers)
            and built.layers[: len(other.layers)] == other.layers
        ]  # fmt: skip
        longest = max((len(other.layers) for other in below), default=0)
        first = next(
            (n for n, other in enumerate(fleet) if longest and other.layers == built.layers[:longest]), None
        )
        assert share.base == (None if first is None else records[first].id)
        found = bases(graph, records[number].id)
        assert found[:1] == (() if first is None else (records[first].id,))
        assert len(found) == len({other.layers for other in below})
        assert base_depth(
            graph, records[number].id, [one.id for one in records if one is not records[number]]
        ) == max(longest, len(built.layers) if built.layers in {other.layers for other in others} else 0)
        assert set(rebuilt(graph, records[number].id)) == {
            records[n].id for n, other in enumerate(fleet)
            if built.layers and len(other.layers) > len(built.layers)
            and other.layers[: len(built.layers)] == built.layers
        }  # fmt: skip
        assert set(built_on(graph, records[number].id)) == {
            one.image for one in shares(graph) if one.base == records[number].id
        }


@settings(max_examples=100)
@given(FLEETS, st.data())
def test_what_tags_free_and_what_is_common_are_those_of_a_recount(fleet: list[Built], data: Any) -> None:
    records = [record(number, built) for number, built in enumerate(fleet)]
    graph = layer_graph(records)
    tags = tags_of(fleet)
    gone = data.draw(st.lists(st.sampled_from(sorted(tags)), unique=True)) if tags else []
    kept = [built for built in fleet if not built.tags or set(built.tags) - set(gone)]
    left = [built for built in fleet if built not in kept]
    found = freed(graph, gone)
    assert found.tar_bytes == sum(on_disk(fleet).values()) - sum(on_disk(kept).values())
    assert found.content_bytes == found.tar_bytes - len(found.layers)
    assert len(found.layers) == len(on_disk(fleet)) - len(on_disk(kept))
    blobs = {n for built in fleet for n in built.layers} - {n for built in kept for n in built.layers}
    assert found.registry_bytes == sum(SIZES[n] // 2 for n in blobs)
    assert len(found.images) == len(left)
    # One at a time, the dominators say the same.
    disk, registry = exclusive_bytes(graph), exclusive_bytes(graph, registry=True)
    for tag in tags:
        assert (disk[tag], registry[tag]) == (
            freed(graph, [tag]).tar_bytes,
            freed(graph, [tag]).registry_bytes,
        )
    chosen = data.draw(st.lists(st.sampled_from(range(len(fleet))), unique=True)) if fleet else []
    common = set(prefixes(fleet[chosen[0]])) if chosen else set()
    for number in chosen:
        common &= set(prefixes(fleet[number]))
    names = [records[number].id for number in chosen]
    assert len(common_layers(graph, names)) == len(common)
    assert disk_bytes(graph, names) == sum(on_disk([fleet[number] for number in chosen]).values())
    for number, built in enumerate(fleet):
        for prefix, layer in zip(prefixes(built), layer_path(graph, records[number].id), strict=True):
            assert set(shared_by(graph, layer)) == {
                one.id for one, other in zip(records, fleet, strict=True) if prefix in prefixes(other)
            }
        for one in chosen:
            missing = dict.fromkeys(n for n in built.layers if n not in fleet[one].layers)
            layers = missing_layers(graph, [records[one].id], records[number].id)
            assert [graph.nodes[layer]["tar_bytes"] for layer in layers] == [SIZES[n] for n in missing]


@settings(max_examples=50)
@given(FLEETS)
def test_dominators_are_those_of_networkx(fleet: list[Built]) -> None:
    graph: Any = layer_graph([record(number, built) for number, built in enumerate(fleet)])
    for registry in (False, True):
        plain: Any = nx.DiGraph()
        plain.add_node("root")
        for one, other, kind in graph.edges(data="kind"):
            if kind in ("names", "on", *(["holds"] if registry else [])) or (
                kind == "has" and other.startswith("sha256")
            ):
                plain.add_edge(one, other)
        plain.add_edges_from(
            ("root", node) for node in [*plain] if node != "root" and not plain.in_degree(node)
        )
        nearest = nx.immediate_dominators(plain, "root")
        expected = dict.fromkeys(plain, 0)
        for node in plain:
            data = graph.nodes.get(node, {})
            size = data.get("compressed_bytes", 0) if registry else data.get("tar_bytes", 0)
            at = node if data.get("kind") == ("blob" if registry else "layer") else "root"
            while at != "root":
                expected[at] += size
                at = nearest[at]
        found = exclusive_bytes(graph, registry=registry)
        assert {node: expected[node] for node in expected if node in found} == {
            node: count for node, count in found.items() if node in expected
        }


# Forms of storage


def test_blobs_of_several_forms_are_counted_once_for_each(tmp_path: Path) -> None:
    """A registry with the same layers as gzip and as zstd holds both; unpacked ones tell no size."""
    content: LayerFiles = {"srv/a": "abc" * 5000}
    (tmp_path / "gzip.tar").write_bytes(oci_archive(Saved.of(BASE, content, tags=("a:1",))))
    other = Saved.of(BASE, content, {"b": "b" * 400}, tags=("a:2",))
    (tmp_path / "zstd.tar").write_bytes(oci_archive(other, how="zstd"))
    (tmp_path / "plain.tar").write_bytes(docker_legacy(Saved.of(BASE, {"c": "c"}, tags=("a:3",))))
    gzip, zstd, plain = (open_images(str(tmp_path / f"{name}.tar"))[0] for name in ("gzip", "zstd", "plain"))
    assert gzip.compressed_bytes is not None
    assert zstd.compressed_bytes is not None
    both = layer_graph([gzip, zstd])
    assert disk_bytes(both) == zstd.tar_bytes
    assert registry_bytes(both) == gzip.compressed_bytes + zstd.compressed_bytes
    assert registry_bytes(both, ["a:1"]) == gzip.compressed_bytes
    assert registry_bytes(both, ["a:2"]) == zstd.compressed_bytes
    assert freed(both, ["a:2"]).registry_bytes == zstd.compressed_bytes
    assert freed(both, ["a:2"]).tar_bytes == zstd.layers[2].tar_bytes
    assert exclusive_bytes(both, registry=True)["a:1"] == gzip.compressed_bytes
    assert exclusive_bytes(both, registry=True)["a:2"] == zstd.compressed_bytes
    three = layer_graph([gzip, zstd, plain])
    assert registry_bytes(three) is None
    assert registry_bytes(three, ["a:1"]) == gzip.compressed_bytes
    assert missing_layers(three, ["a:1"], "a:3") == (plain.layers[1].chain_id,)


def test_waste_times_the_images_that_carry_it(tmp_path: Path) -> None:
    wasteful: LayerFiles = {"etc/os": None}
    images = opened(
        tmp_path,
        Saved.of(BASE, wasteful, tags=("base:1",)),
        *(Saved.of(BASE, wasteful, {f"srv/{n}": "x" * 10 * n}, tags=(f"app:{n}",)) for n in range(1, 4)),
        Saved.of(BASE, {"bin/sh": None}, tags=("lean:1",)),
    )
    holds_what_the_report_holds(images)
    told = [
        (one.cause, one.bytes, one.images, one.carried_bytes)
        for one in wasted_everywhere(layer_graph(images))
    ]
    assert told == [("deleted", 2000, 1, 2000), ("deleted", 300, 4, 1200)]


# What is wrong, and what is hostile


def test_unknown_names(tmp_path: Path) -> None:
    graph = layer_graph(opened(tmp_path, Saved.of(BASE, tags=("shop:1.0", "shop:latest"))))
    with pytest.raises(InputError) as caught:
        freed(graph, ["shop:1.1"])
    assert (caught.value.subject, caught.value.problem) == ("shop:1.1", "is no tag of these images")
    assert "shop:1.0" in caught.value.hint
    with pytest.raises(InputError, match="is no tag and no ID of these images"):
        disk_bytes(graph, ["sha256:1234567"])
    with pytest.raises(InputError, match="is no tag of these images"):
        freed(graph, [""])
    with pytest.raises(InputError, match="is no tag"):
        history(graph, "linux/amd64")
    (image,) = images_of(graph, ["shop:1.0"])
    assert images_of(graph, [image[7:19], image, "shop:latest"]) == (image,)
    with pytest.raises(InputError) as caught:
        freed(layer_graph([]), ["a"])
    assert caught.value.hint


def test_a_beginning_of_several_ids() -> None:
    graph = layer_graph([record(number, Built((1,), ())) for number in range(3)])
    with pytest.raises(InputError, match="begins the IDs of 3 images"):
        images_of(graph, ["0" * 20])


def test_names_that_claim_to_be_other_nodes(tmp_path: Path) -> None:
    """A tag is anybody's word: it may read as a layer, an image or a platform."""
    plain = Saved.of(BASE, {"a": "b"})
    tags = (plain.diff_ids[0], plain.id, "linux/amd64", f"config {plain.id}", f"blob {plain.diff_ids[1]}")
    images = opened(tmp_path, plain, Saved.of(BASE, tags=tags))
    graph: Any = layer_graph(images)
    assert nx.is_directed_acyclic_graph(graph)
    holds_what_the_report_holds(images)
    assert images_of(graph, ["linux/amd64"]) == (images[1].id,)
    assert freed(graph, tags).images == (images[1].id,)
    assert freed(graph, tags[:2]).images == ()


def claimed(number: int, *layers: tuple[str, str, int]) -> Any:
    """A record whose layers are whatever (chain ID, diff ID, bytes) is claimed."""
    one = record(number, Built((), (f"claim:{number}",)))
    one.layers = tuple(
        SimpleNamespace(
            chain_id=chain,
            diff_id=diff,
            tar_bytes=size,
            content_bytes=size,
            compressed_bytes=None,
            created_by=None,
        )
        for chain, diff, size in layers
    )
    return one


def test_circles_that_images_claim() -> None:
    there, back = claimed(1, ("x", "x", 1), ("y", "y", 2)), claimed(2, ("y", "y", 2), ("x", "x", 1))
    itself = claimed(3, ("z", "z", 5), ("z", "z", 5))
    graph: Any = layer_graph([there, back, itself])
    assert nx.is_directed_acyclic_graph(graph)
    assert disk_bytes(graph) == 3 + 3 + 10
    assert disk_bytes(graph, ["claim:2"]) == 3
    assert len(doubts(graph)) == 2
    assert "2.tar has another layer y than what was read before" in doubts(graph)[0]


@pytest.mark.parametrize(
    "name", ["linux/amd64", f"sha256:{4097:064x}", f"config sha256:{4097:064x}", "claim:2"]
)
def test_layers_that_claim_to_be_other_nodes(name: str) -> None:
    for order in (1, -1):
        records = [claimed(1, ("x", "x", 1)), claimed(2, (name, name, 7), ("y", "y", 2))][::order]
        graph: Any = layer_graph(records)
        assert nx.is_directed_acyclic_graph(graph)
        assert disk_bytes(graph) == 10
        assert (disk_bytes(graph, ["claim:1"]), disk_bytes(graph, ["claim:2"])) == (1, 9)


@pytest.mark.parametrize("user", ["", "shop"], ids=["the same ID", "another ID"])
def test_a_layer_that_is_not_what_its_digest_says(tmp_path: Path, user: str) -> None:
    """Without verifying, two archives may claim one diff ID for different bytes: both are counted, and it is told."""
    true = Saved.of(BASE, {"a": "b"}, tags=("true:1",))
    false = Saved.of(BASE, {"a": "b" * 50_000}, tags=("false:1",), config={"User": user} if user else {})
    text = docker_legacy(false).replace(false.diff_ids[1].encode(), true.diff_ids[1].encode())
    (tmp_path / "false.tar").write_bytes(text)
    (tmp_path / "true.tar").write_bytes(docker_legacy(true))
    with pytest.raises(InputError):
        open_images(str(tmp_path / "false.tar"))
    found = [open_images(str(tmp_path / f"{name}.tar"), verify=False)[0] for name in ("true", "false")]
    graph = layer_graph(found)
    sizes = [len(layer_tar(BASE)), len(true.layers[1]), len(false.layers[1])]
    assert disk_bytes(graph) == sum(sizes)
    assert disk_bytes(graph, ["false:1"]) == sizes[0] + sizes[2]
    assert doubts(graph)
    false_row = next(line for line in shared(tuple(found)).splitlines() if line.startswith("false:1"))
    assert false_row.split()[1:] == ["71.7", "kB", "10.2", "kB", "61.4", "kB"]
    assert all("false.tar has another" in doubt and "--no-verify" in doubt for doubt in doubts(graph))


def test_other_platforms_and_many_layers_are_told(tmp_path: Path) -> None:
    arm = Saved.of(BASE, tags=("a:1",), top={"architecture": "arm64"})
    deep = Saved((layer_tar({"a": "a"}),) * 500, tags=("deep:1",))
    images = opened(tmp_path, Saved.of(BASE, tags=("a:2",)), arm, deep)
    graph = layer_graph(images)
    assert any("500 layers" in one and "125" in one for one in doubts(graph))
    assert any("linux/amd64, linux/arm64" in one for one in doubts(graph))
    assert len(layer_path(graph, "deep:1")) == 500
    assert registry_bytes(graph, ["deep:1"]) is None
    assert disk_bytes(graph, ["deep:1"]) == 500 * len(deep.layers[0])
    assert freed(graph, ["deep:1"]).blobs == (f"blob {deep.diff_ids[0]}",)
    assert exclusive_bytes(graph)["deep:1"] == disk_bytes(graph, ["deep:1"])
    holds_what_the_report_holds(images)
    assert doubts(layer_graph(images[:1])) == ()
