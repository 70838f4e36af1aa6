"""What a container sees of the layers' bytes, and why not the rest."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from image_archives import DIRECTORY, LayerFiles, Node, Saved, docker_legacy, hardlink, layer_tar, symlink
from image_cases import CASES, Case
from properties import given, st

from imglint.analyzer.image import Image, open_images


def opened(tmp_path: Path, *layers: LayerFiles) -> Image:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(Saved.of(*layers)))
    return open_images(str(path))[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_elementary_cases(case: Case, tmp_path: Path) -> None:
    image = opened(tmp_path, *case.layers)
    assert image.live_bytes == case.live
    assert [(one.cause, one.added_by, one.hidden_by, one.bytes) for one in image.waste] == list(case.waste)
    assert image.wasted_bytes == sum(one.bytes for one in image.waste)
    assert image.wasted_bytes == sum(one.wasted_bytes for one in image.layers)


def test_a_whiteout_holds_for_lower_layers_also_where_its_path_is_made_anew(tmp_path: Path) -> None:
    """As the specification has it. No builder writes this, and engines with overlay2 lose the whiteout."""
    anew: LayerFiles = {"d": None, "d/": DIRECTORY, "d/b": "n" * 20}
    image = opened(tmp_path, {"d/": DIRECTORY, "d/a": "x" * 90}, anew)
    assert [(one.cause, one.bytes) for one in image.waste] == [("deleted", 90)]
    assert set(image.tree) == {"d", "d/b"}


def test_a_link_of_the_same_layer_leads_on(tmp_path: Path) -> None:
    """As docker export and umoci have it: what is written through a link lies where that leads."""
    usr: LayerFiles = {"usr/": DIRECTORY, "usr/lib/": DIRECTORY, "lib": symlink("usr/lib"), "lib/a": "x" * 90}
    image = opened(tmp_path, usr, {"usr/lib/a": None})
    assert [(one.cause, one.paths, one.bytes) for one in image.waste] == [("deleted", ("usr/lib/a",), 90)]
    assert "lib/a" not in image.tree
    assert image.resolve("lib") == "usr/lib"
    absolute: LayerFiles = {"a/b": symlink("/c"), "a/b/../x/d": "x" * 9, "e": symlink("a/b"), "e/f": "y"}
    assert {one.path for one in opened(tmp_path, absolute).layers[0].files} == {"a/b", "a/x/d", "e", "c/f"}
    circle: LayerFiles = {"a": symlink("b"), "b": symlink("a"), "a/x": "x"}
    assert set(opened(tmp_path, circle).tree) == {"a", "b", "a/x"}


def test_a_link_that_gives_way_to_a_directory_leads_nowhere(tmp_path: Path) -> None:
    layer: LayerFiles = {"lib": symlink("usr"), "lib/a": "x", "lib/": DIRECTORY, "lib/b": "y"}
    assert set(opened(tmp_path, layer).tree) == {"lib", "usr/a", "lib/b"}


def test_a_link_of_a_layer_below_is_replaced_by_a_directory(tmp_path: Path) -> None:
    """As engines with overlays have it; whoever unpacks all into one directory writes through the link."""
    image = opened(tmp_path, {"lib": symlink("usr/lib"), "usr/lib/a": "x" * 90}, {"lib/a": "y" * 9})
    assert (image.live_bytes, set(image.tree)) == (99, {"lib/a", "usr/lib/a"})


def test_a_file_in_the_place_of_a_directory_of_its_own_layer(tmp_path: Path) -> None:
    before: LayerFiles = {"x/": DIRECTORY, "x/a": "n" * 50, "x/d/b": "n" * 5, "x": "f" * 7, "y/z": "z"}
    image = opened(tmp_path, {"x/c": "m" * 3}, before)
    assert set(image.tree) == {"x", "y/z"}
    assert [(one.cause, one.bytes, one.files) for one in image.waste] == [
        ("written twice in one layer", 55, 2),
        ("replaced by another type", 3, 1),
    ]


def test_a_hard_link_to_a_file_of_a_layer_below_keeps_it(tmp_path: Path) -> None:
    """As whoever unpacks them has it. Engines with overlays refuse such an image."""
    image = opened(tmp_path, {"a": "x" * 90}, {"b": hardlink("a")}, {"a": None})
    assert (image.live_bytes, image.waste) == (90, ())
    assert image.read("b") == b"x" * 90
    gone = opened(tmp_path, {"a": "x" * 90}, {"a": None}, {"b": hardlink("a")})
    assert (gone.live_bytes, [one.cause for one in gone.waste]) == (0, ["deleted"])
    unseen = opened(tmp_path, {"a": "x" * 90}, {"b": hardlink("a")}, {"a": None, "b": None})
    assert unseen.live_bytes == 0


def test_what_stands_behind_the_end_is_told(tmp_path: Path) -> None:
    layer = layer_tar({"a": "x" * 90})

    def told(data: bytes) -> tuple[str, ...]:
        path = tmp_path / "image.tar"
        path.write_bytes(docker_legacy(Saved((data,))))
        return open_images(str(path))[0].oddities()

    assert told(layer) == told(layer + bytes(1 << 20)) == ()
    assert told(layer[:2048] + b"x" * 3000)[0].startswith("3.0 kB of layer 0 stand behind the end of its tar")
    assert "10.2 kB" in told(layer[:2048] + layer_tar({"b": "y"}))[0]


def test_the_nearest_layer_hides(tmp_path: Path) -> None:
    image = opened(tmp_path, {"a": "1" * 10}, {"a": "2" * 20}, {"a": None}, {"a": "4" * 40}, {"b": "x"})
    assert [(one.added_by, one.hidden_by, one.bytes) for one in image.waste] == [(1, 2, 20), (0, 1, 10)]


def test_of_directories_in_several_layers_the_upper_one_has_the_metadata(tmp_path: Path) -> None:
    image = opened(
        tmp_path, {"srv/": DIRECTORY, "srv/a": "x"}, {"srv/": Node(kind=tarfile.DIRTYPE, mode=0o700)}
    )
    assert image.tree["srv"].mode == 0o700
    assert image.tree["srv"].layer == 1


def test_a_directory_that_an_upper_layer_only_implies_keeps_its_entry(tmp_path: Path) -> None:
    image = opened(tmp_path, {"srv/": DIRECTORY, "srv/a": "x"}, {"srv/b": "y"})
    assert image.tree["srv"].layer == 0


def test_names_are_made_safe(tmp_path: Path) -> None:
    names = ["./a", "/b", "c/", "c/../../d", "../../etc/e", "f//g/./h"]
    image = opened(tmp_path, {name: DIRECTORY if name.endswith("/") else "x" for name in names})
    assert set(image.tree) == {"a", "b", "c", "d", "etc/e", "f/g/h"}


def test_marks_that_only_look_like_whiteouts(tmp_path: Path) -> None:
    marks = [".wh.", ".wh..", ".wh...", ".wh..wh.aufs", ".wh..wh..opqX", "etc/.wh..wh.plnk"]
    image = opened(tmp_path, {"etc/a": "x" * 9, "b": "y"}, dict.fromkeys(marks, ""))
    assert image.wasted_bytes == 0
    assert set(image.tree) == {"etc/a", "b"}


def test_a_file_in_the_place_of_the_root_is_nothing(tmp_path: Path) -> None:
    image = opened(tmp_path, {"a": "x"}, {".": Node(b"y" * 8)})
    assert (image.live_bytes, image.wasted_bytes) == (1, 0)


def test_paths_are_capped_and_counted(tmp_path: Path) -> None:
    files = {f"srv/{index:03}": "x" * (index + 1) for index in range(100)}
    (waste,) = opened(tmp_path, files, {"srv": None}).waste
    assert waste.files == 100
    assert len(waste.paths) == 20
    assert waste.paths[0] == "srv/099"
    assert waste.bytes == 5050


def test_a_repeated_name_in_one_layer(tmp_path: Path) -> None:
    twice = layer_tar({"a": "x" * 7, "b": hardlink("a")})[:1536] + layer_tar({"a": "y" * 3})
    plain = layer_tar({"a": "x" * 7})[:1024] + layer_tar({"a": "y" * 3})
    for layer, live in ((twice, 10), (plain, 3)):
        path = tmp_path / "image.tar"
        path.write_bytes(docker_legacy(Saved((layer,))))
        (image,) = open_images(str(path))
        assert image.live_bytes == live
        assert image.content_bytes == 10
    assert [(one.cause, one.bytes) for one in image.waste] == [("written twice in one layer", 7)]


def test_reading_through_links(tmp_path: Path) -> None:
    image = opened(
        tmp_path,
        {
            "usr/bin/sh": "shell",
            "bin": symlink("/usr/bin"),
            "lib/a": "a",
            "etc/up": symlink("../../../lib/a"),
            "hard": hardlink("usr/bin/sh"),
            "hard2": hardlink("hard"),
            "loop": symlink("loop"),
            "one": symlink("two"),
            "two": symlink("one/x"),
            "gone": symlink("nowhere"),
            "out": symlink("../../../../etc/shadow"),
        },
    )
    assert image.read("bin/sh") == b"shell"
    assert image.read("etc/up") == b"a"
    assert image.read("hard") == b"shell"
    assert image.read("hard2") == b"shell"
    for path in ("loop", "one", "gone", "out", "usr", "", "bin/sh/x"):
        assert image.read(path) is None, path


@pytest.mark.parametrize(
    ("user", "uid"),
    [
        ("", 0),
        ("0", 0),
        ("0:0", 0),
        ("root", 0),
        ("1000", 1000),
        ("1000:shop", 1000),
        ("shop", 12),
        ("shop:1", 12),
        ("nobody", None),
        ("-1", None),
    ],
)
def test_effective_uid(user: str, uid: int | None, tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    passwd = "root:x:0:0::/:\nbroken\nshop:x:12:12:::\nbad:x:y:z\n"
    path.write_bytes(docker_legacy(Saved.of({"etc/passwd": passwd}, config={"User": user})))
    assert open_images(str(path))[0].effective_uid() == uid


# Against a slow model: unpack the layers one by one, and see whose bytes are there at the end.

_NAMES = st.sampled_from("a b c d".split())
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_CONTENTS = st.one_of(
    st.integers(0, 9).map(lambda size: b"x" * size),
    st.integers(1, 9).map(lambda size: b"y" * size),
    st.none(),
    st.just(DIRECTORY),
    st.just(symlink("a")),
    st.just("opaque"),
)
_LAYERS = st.lists(st.dictionaries(_PATHS, _CONTENTS, max_size=6), min_size=1, max_size=4)


def consistent(layer: dict[str, bytes | Node | str | None]) -> LayerFiles:
    """Without paths below something that is no directory, which no tool writes into one layer."""
    out: dict[str, bytes | Node | None] = {}
    for path, content in sorted(layer.items()):
        parts = path.split("/")
        ancestors = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        if all(layer.get(one, DIRECTORY) in (DIRECTORY, "opaque") for one in ancestors):
            if content == "opaque":
                out[path + "/"] = DIRECTORY
                out[path + "/.wh..wh..opq"] = b""
            elif not isinstance(content, str):
                out[path + "/" if content == DIRECTORY else path] = content
    return out


def unpacked_bytes(layers: Sequence[LayerFiles]) -> dict[str, tuple[int, int]]:
    """Path → (layer, size) of the files that are there after unpacking layer upon layer."""
    there: dict[str, tuple[int, int] | None] = {}  # None is anything but a file

    def remove(path: str, itself: bool = True) -> None:
        for one in list(there):
            if one.startswith(path + "/") or (itself and one == path):
                del there[one]

    for index, layer in enumerate(layers):
        for path, content in layer.items():
            if content is None:
                remove(path)
            elif path.endswith("/.wh..wh..opq"):
                remove(path.removesuffix("/.wh..wh..opq"), itself=False)
        for path, content in layer.items():
            if content is None or path.endswith(".opq"):
                continue
            name = path.rstrip("/")
            parts = name.split("/")
            for depth in range(1, len(parts)):
                if "/".join(parts[:depth]) in there and not is_directory(
                    there, "/".join(parts[:depth]), layer
                ):
                    del there["/".join(parts[:depth])]
            if content == DIRECTORY:
                if there.get(name) is not None:
                    del there[name]
                there.setdefault(name, None)
            else:
                remove(name)
                data = content.data if isinstance(content, Node) else content
                there[name] = None if isinstance(content, Node) else (index, len(data))
    return {path: file for path, file in there.items() if file is not None}


def is_directory(there: dict[str, tuple[int, int] | None], path: str, layer: LayerFiles) -> bool:
    return f"{path}/" in layer or (there[path] is None and any(one.startswith(path + "/") for one in there))


@given(_LAYERS)
def test_the_same_as_unpacking(
    tmp_path_factory: pytest.TempPathFactory, layers: list[dict[str, bytes]]
) -> None:
    described = [consistent(dict(one)) for one in layers]
    image = opened(tmp_path_factory.mktemp("image"), *described)
    expected = unpacked_bytes(described)
    files = {path: (one.layer, one.size) for path, one in image.tree.items() if one.is_file}
    assert files == expected
    assert image.live_bytes == sum(size for _, size in expected.values())
    assert image.wasted_bytes == sum(one.bytes for one in image.waste)
    assert all(one.added_by <= one.hidden_by for one in image.waste)
