"""What a rebuild could save: each byte once, your own apart from the base's, and who tells it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command import ROOT
from command import imglint as run
from image_archives import LayerFiles, Saved, docker_legacy, hardlink, layer_tar, step, symlink

from imglint.analyzer.image import Image, open_images
from imglint.analyzer.image.ballast import ANOTHER_BASE
from imglint.rules.gates import Limits, check

SCHEMA = json.loads((ROOT / "reports/json_v1.schema.json").read_text())
OLD, NEW = "2024-01-01T00:00:00Z", "2024-05-01T12:00:00Z"
MB = 1_000_000


def opened(path: Path, *layers: LayerFiles, base: int = 0, **fields: Any) -> Image:
    """An image of these layers, the first `base` of which were made months before the others."""
    history = tuple(step(f"COPY part{n} /", created=OLD if n < base else NEW) for n in range(len(layers)))
    path.write_bytes(docker_legacy(Saved.of(*layers, **{"history": history, **fields})))
    (image,) = open_images(str(path))
    return image


def imglint(*arguments: str, cwd: Path) -> tuple[int, str]:
    """The exit code and what is printed."""
    ran = run(*arguments, cwd=cwd)
    assert b"Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, ran.stdout.decode()


def found(image: Image) -> list[tuple[str, int, bool, int]]:
    return [(one.what, one.layer, one.own, one.bytes) for one in image.savings.found]


def test_a_cache_that_a_later_layer_deletes_counts_once(tmp_path: Path) -> None:
    image = opened(tmp_path / "a.tar", {"var/lib/apt/lists/a": "l" * 900}, {"var/lib/apt/lists/a": None})
    assert found(image) == [("deleted", 0, True, 900)]
    assert image.savings.own_bytes == image.wasted_bytes == 900


def test_a_file_of_two_kinds_counts_once(tmp_path: Path) -> None:
    # Equal package lists are lists, and no duplicates besides.
    image = opened(tmp_path / "a.tar", {"var/lib/apt/lists/a": "l" * 5000, "var/lib/apt/lists/b": "l" * 5000})
    assert found(image) == [("package caches and lists", 0, True, 10_000)]


def test_both_copies_of_a_cache_can_be_saved(tmp_path: Path) -> None:
    cache = "c" * 700
    image = opened(
        tmp_path / "a.tar", {"var/cache/apt/a.deb": cache}, {"var/cache/apt/a.deb": cache, "x": ""}
    )
    assert sorted(found(image)) == [
        ("overwritten with the same content", 0, True, 700),
        ("package caches and lists", 1, True, 700),
    ]
    assert image.savings.own_bytes == image.content_bytes == 1400


def test_copies_of_a_base_s_file_can_be_saved_and_the_file_can_t(tmp_path: Path) -> None:
    file = {"usr/bin/tool": "t" * 800}
    image = opened(tmp_path / "a.tar", file, {"srv/app": "x"}, file | {"a": ""}, file | {"b": ""}, base=1)
    assert found(image) == [
        ("overwritten with the same content", 2, True, 800),
        ("overwritten with the same content", 3, True, 800),
    ]
    assert (image.savings.own_bytes, image.savings.base_bytes) == (1600, 0)
    # A list that the base has left, copied up by a change of its owner: the copy is the build's, the list the base's.
    lists = {"var/lib/apt/lists/a": "l" * 900}
    image = opened(tmp_path / "b.tar", lists, lists | {"a": ""}, base=1)
    assert found(image) == [("overwritten with the same content", 1, True, 900)]


SAME, NEW_CONTENT = "overwritten with the same content", "overwritten with new content"
TOOL = "t" * 800


@pytest.mark.parametrize(
    ("base", "copied", "saved"),
    [
        # `ln tool new`: the copy stays for the new name, whichever of the two a tar names first.
        ({"tool": TOOL}, {"tool": TOOL, "z": hardlink("tool")}, []),
        ({"tool": TOOL}, {"a": TOOL, "tool": hardlink("a")}, []),
        # Both names were there before: `chown -R` has stored one file anew, and need not have.
        ({"tool": TOOL, "z": hardlink("tool")}, {"b": "", "tool": TOOL, "z": hardlink("tool")}, [(SAME, 1, True, 800)]),
        ({"tool": TOOL, "a": hardlink("tool")}, {"a": TOOL, "tool": hardlink("a")}, [(SAME, 1, True, 800)]),
        # Another file's name has become one of this file's.
        ({"tool": TOOL, "z": "other"}, {"tool": TOOL, "z": hardlink("tool")}, [(NEW_CONTENT, 0, False, 5)]),
    ],
)  # fmt: skip
def test_a_copy_is_saved_unless_a_new_link_keeps_it(
    base: LayerFiles, copied: LayerFiles, saved: list[tuple[str, int, bool, int]], tmp_path: Path
) -> None:
    image = opened(tmp_path / "a.tar", base, copied, base=1)
    assert found(image) == saved
    assert (SAME, 800) in [(one.cause, one.bytes) for one in image.waste]


def test_a_new_link_that_is_deleted_again_keeps_nothing(tmp_path: Path) -> None:
    image = opened(
        tmp_path / "a.tar", {"tool": TOOL}, {"tool": TOOL, "z": hardlink("tool")}, {"z": None}, base=1
    )
    assert found(image) == [(SAME, 1, True, 800)]


@pytest.mark.parametrize("base", [0, 1, 2])
def test_of_three_equal_layers_one_is_needed(base: int, tmp_path: Path) -> None:
    layer = {"srv/a": "a" * 700}
    image = opened(tmp_path / "a.tar", layer, layer, layer, base=base)
    saved = [700 if number < base - 1 else 0 for number in range(3)]
    assert image.savings.own_bytes == 700 * (3 - max(base, 1))
    assert image.savings.base_bytes == sum(saved)


def test_what_the_build_deletes_of_its_base_only_another_base_saves(tmp_path: Path) -> None:
    image = opened(
        tmp_path / "a.tar",
        {"opt/big": "b" * 3000, "usr/share/doc/a/guide": "d" * 200, "usr/share/doc/a/copyright": "c" * 100},
        {"opt/big": None, "root/.cache/pip/x": "p" * 50},
        base=1,
    )
    assert found(image) == [
        ("package caches and lists", 1, True, 50),
        ("deleted", 0, False, 3000),
        ("documentation", 0, False, 200),
    ]
    assert {one.advice for one in image.savings.found if not one.own} == {ANOTHER_BASE}
    assert (image.savings.own_bytes, image.savings.base_bytes) == (50, 3200)


def test_a_cached_file_with_a_name_that_is_needed_stays(tmp_path: Path) -> None:
    image = opened(
        tmp_path / "a.tar",
        {
            "root/.cache/pip/a": "a" * 600,
            "srv/a": hardlink("root/.cache/pip/a"),
            "root/.cache/pip/b": "b" * 10,
        },
    )
    assert found(image) == [("package caches and lists", 0, True, 10)]


def test_a_kernel_is_hardly_needed(tmp_path: Path) -> None:
    paths = [
        "boot/vmlinuz-6.1.0-18-amd64", "boot/initrd.img-6.1.0-18-amd64", "usr/lib/modules/6.1.0-18-amd64/kernel/fs/ext4.ko",
        "lib/modules/5.10.0/modules.dep", "usr/src/linux-headers-6.1.0-18-common/Makefile", "usr/src/kernels/5.14.0/Kconfig",
    ]  # fmt: skip
    others = [
        "boot/grub/grub.cfg",
        "usr/lib/modules-load.d/a.conf",
        "usr/src/app/Makefile",
        "srv/lib/modules/6/x",
    ]
    image = opened(tmp_path / "a.tar", {path: path for path in [*paths, *others]})
    assert found(image) == [("a kernel", 0, True, sum(map(len, paths)))]


def test_a_path_that_would_take_hours_to_match(tmp_path: Path) -> None:
    long = "a/site-packages/" * 60_000 + "x"
    path = tmp_path / "a.tar"
    path.write_bytes(docker_legacy(Saved((layer_tar({long: "x" * 9}, format=tarfile.PAX_FORMAT),))))
    (image,) = open_images(str(path))
    assert (image.content_bytes, image.savings.found) == (9, ())


def test_savings_never_exceed_the_content(tmp_path: Path) -> None:
    same = {"var/lib/apt/lists/a": "a" * 5000, "usr/lib/x.a": "a" * 5000, "usr/share/doc/x/y": "d" * 5000}
    for base in range(4):
        image = opened(
            tmp_path / "a.tar", same, {"usr/lib": None}, same, {"var/lib/apt/.wh..wh..opq": ""}, base=base
        )
        total = image.savings.own_bytes + image.savings.base_bytes
        assert 0 < total <= image.content_bytes, base
        assert image.savings.own_bytes <= sum(one.content_bytes for one in image.layers[base:])


def test_the_gate_holds_what_is_one_s_own(tmp_path: Path) -> None:
    image = opened(
        tmp_path / "a.tar", {"var/lib/apt/lists/a": "l" * 2000}, {"var/cache/apk/b": "k" * 900}, base=1
    )
    (kept,) = check(image, Limits(max_reclaim=900))
    (broken,) = check(image, Limits(max_reclaim=899))
    assert (kept.passed, broken.passed, broken.value, broken.name) == (True, False, 900, "max-reclaim")
    assert (
        broken.note == "the base holds 2.0 kB more; where the base ends is guessed from the history's dates"
    )
    (known,) = check(image.of_build(1), Limits(max_reclaim=899))
    assert known.note == "the base holds 2.0 kB more"


def test_the_list_in_text_json_and_markdown(tmp_path: Path) -> None:
    opened(
        tmp_path / "a.tar",
        {"var/lib/apt/lists/a": "l" * 2000},
        {"srv/x": "x" * 9000},
        {"srv/x": None},
        base=1,
    )
    code, text = imglint("image", "a.tar", "--ignore", "ALL", "--max-reclaim", "1kB", cwd=tmp_path)
    assert code == 1
    rows = [line.split() for line in text.splitlines()]
    own = rows.index(["9.0", "kB", "1", "your", "own", "deleted", "(layer", "2)", "/srv/x"])
    assert rows[own + 1][:4] == ["2.0", "kB", "0", "base"]
    assert (
        "a rebuild could save 9.0 kB of the content, another base could save 2.0 kB; each byte is counted once"
        " (where the base ends is guessed from the history's dates)"
    ) in text
    parsed = json.loads(imglint("image", "a.tar", "-f", "json", cwd=tmp_path)[1])
    jsonschema.validate(parsed, SCHEMA)
    savings = parsed["images"][0]["savings"]
    assert (savings["own_bytes"], savings["base_bytes"]) == (9000, 2000)
    assert [(one["own"], one["bytes"], one["line"]) for one in savings["found"]] == [
        (True, 9000, None), (False, 2000, None),
    ]  # fmt: skip
    comment = imglint("image", "a.tar", "-f", "markdown", cwd=tmp_path)[1]
    assert "| 9.0 kB | your own | 1 | deleted |\n| 2.0 kB | base | 0 | package caches and lists |" in comment


def test_what_rests_on_a_guess_says_so_and_what_does_not_is_silent(tmp_path: Path) -> None:
    layers: tuple[LayerFiles, ...] = ({"opt/a": "a" * MB}, {"opt/a": None, "var/lib/apt/lists/b": "b" * MB})
    opened(tmp_path / "base.tar", layers[0])
    opened(tmp_path / "old.tar", *layers, base=1)
    opened(tmp_path / "new.tar", layers[0], {"srv/new": "n"}, layers[1], base=1)
    guess = "guessed from the history's dates"
    text = imglint("image", "new.tar", cwd=tmp_path)[1]
    assert f"note: new.tar: the lowest 1 of 3 layers are taken for the base's, which is {guess}" in text
    assert guess in imglint("image", "new.tar", "-f", "markdown", cwd=tmp_path)[1]
    parsed = json.loads(imglint("image", "new.tar", "-f", "json", cwd=tmp_path)[1])
    assert parsed["images"][0]["savings"]["guessed"] is True
    proofs = [one["proof"] for one in parsed["findings"] if "from_base" in one["proof"]]
    assert proofs and all(proof["base_guessed"] for proof in proofs)
    for options, guessed in (((), True), (("--base", "base.tar"), False)):
        text = imglint("diff", "old.tar", "new.tar", *options, cwd=tmp_path)[1]
        assert (guess in text) is guessed, text
        parsed = json.loads(imglint("diff", "old.tar", "new.tar", *options, "-f", "json", cwd=tmp_path)[1])
        assert parsed["diff"]["base_layers"]["guessed"] is guessed


def test_the_limit_in_the_configuration(tmp_path: Path) -> None:
    opened(tmp_path / "a.tar", {"var/cache/apk/b": "k" * 900})
    (tmp_path / "imglint.toml").write_text('[gates]\nmax-reclaim = "500"\n')
    code, text = imglint("audit", "--image", "a.tar", "--ignore", "ALL", cwd=tmp_path)
    assert code == 1
    assert "FAILED  max-reclaim  900 B     500 B" in text


DOCKERFILE = """\
FROM debian:12
RUN apt-get update && apt-get install -y --no-install-recommends curl
RUN pip install shop
CMD ["curl", "example.org"]
"""
STEPS = (
    ("RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends curl", 1),
    ("RUN /bin/sh -c pip install shop", 2),
)


def audited(tmp_path: Path, *layers: LayerFiles, times: tuple[str, ...], toml: str = "") -> dict[str, Any]:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "imglint.toml").write_text(toml)
    made = ("ADD rootfs.tar /", *(text for text, _ in STEPS))
    history = (
        *(step(text, created=time) for text, time in zip(made, times, strict=True)),
        step('CMD ["curl" "example.org"]', empty_layer=True),
    )
    (tmp_path / "a.tar").write_bytes(docker_legacy(Saved.of(*layers, history=history)))
    parsed: dict[str, Any] = json.loads(imglint("audit", "--image", "a.tar", "-f", "json", cwd=tmp_path)[1])
    assert parsed["images"][0]["dockerfile"] == "Dockerfile", parsed["notes"]
    return parsed


LAYERS: tuple[LayerFiles, ...] = (
    {"etc/os-release": "ID=debian\n", "usr/share/doc/a/guide": "d" * MB},
    {"var/lib/apt/lists/a": "l" * MB, "usr/bin/curl": "c"},
    {"root/.cache/pip/a": "p" * (MB - 1), "srv/shop": "s"},
)


def test_the_text_s_word_on_caches_weighs_what_the_image_shows(tmp_path: Path) -> None:
    parsed = audited(tmp_path, *LAYERS, times=(OLD, NEW, NEW))
    by_code = {(one["code"], one["evidence"]): one for one in parsed["findings"]}
    lists = by_code["DL3009", "dockerfile"]
    assert (lists["severity"], lists["proof"]["bytes"], lists["line"]) == ("warning", MB, 2)
    # A byte below a megabyte.
    pip = by_code["DL3042", "dockerfile"]
    assert (pip["severity"], pip["proof"]["bytes"]) == ("info", MB - 1)
    assert by_code["AV0307", "image"]["made_by"]["line"] == 2
    lines = [one["line"] for one in parsed["images"][0]["savings"]["found"]]
    assert lines == [2, 3, None]
    # The configuration's word goes before.
    parsed = audited(tmp_path, *LAYERS, times=(OLD, NEW, NEW), toml='[severity]\nDL3009 = "info"\n')
    assert {one["severity"] for one in parsed["findings"] if one["code"] == "DL3009"} == {"info"}


def test_text_and_image_tell_of_a_cache_in_one_line(tmp_path: Path) -> None:
    audited(tmp_path, *LAYERS, times=(OLD, NEW, NEW))
    lines = imglint("audit", "--image", "a.tar", cwd=tmp_path)[1].splitlines()
    (line,) = (line for line in lines if "AV0307" in line and "DL3009" in line and "Dockerfile:2" in line)
    assert "also" in line


@pytest.mark.parametrize("times", [(OLD, OLD, NEW), (NEW, NEW, NEW), (OLD, NEW, NEW)])
def test_a_dockerfile_tells_base_and_build_apart_whatever_the_times(
    times: tuple[str, ...], tmp_path: Path
) -> None:
    parsed = audited(tmp_path, *LAYERS, times=times)
    found = parsed["images"][0]["savings"]["found"]
    assert [(one["what"], one["own"]) for one in found] == [
        ("package caches and lists", True), ("package caches and lists", True), ("documentation", False),
    ]  # fmt: skip
    documents = next(one for one in parsed["findings"] if one["code"] == "AV0308")
    assert documents["proof"]["from_base"] is True
    assert documents["message"] == f"1.0 MB of the base are documentation; {ANOTHER_BASE}"


def test_what_the_base_wastes_is_a_note(tmp_path: Path) -> None:
    layers: tuple[LayerFiles, ...] = ({"opt/a": "a" * MB, "srv/b": "b"}, {"opt/a": None}, {"srv/c": "c"})
    opened(tmp_path / "a.tar", *layers, base=2)
    parsed = json.loads(imglint("image", "a.tar", "-f", "json", cwd=tmp_path)[1])
    (waste,) = (one for one in parsed["findings"] if one["code"] == "AV0303")
    assert (waste["severity"], waste["message"].endswith(ANOTHER_BASE)) == ("info", True)
    opened(tmp_path / "a.tar", *layers)
    parsed = json.loads(imglint("image", "a.tar", "-f", "json", cwd=tmp_path)[1])
    (waste,) = (one for one in parsed["findings"] if one["code"] == "AV0303")
    assert waste["severity"] == "warning"


def test_each_finding_says_whose_it_is(tmp_path: Path) -> None:
    big = "l" * MB
    opened(tmp_path / "a.tar", {"var/lib/apt/lists/a": big}, {"var/lib/apt/lists/b": big}, base=1)
    text = imglint("image", "a.tar", cwd=tmp_path)[1]
    (base,) = (line for line in text.splitlines() if line.startswith("a.tar: layer 0 (base?): AV0307"))
    guessed = "the base, as guessed from the history's dates,"
    assert f" 1.0 MB of {guessed} are package caches and lists; {ANOTHER_BASE} [info]" in base
    (own,) = (line for line in text.splitlines() if line.startswith("a.tar: layer 1 (own?): AV0307"))
    assert " 1.0 MB of layer 1 (COPY part1 /) are package caches and lists; remove them in the RUN" in own
    # A build argument stands at a step of the history. The step between both layers may be of either.
    argument = "RUN |1 DB_PASSWORD=qwertzuiop99 /bin/sh -c make"
    history = (
        step(argument, created=OLD),
        step(f"{argument} docs", created=OLD, empty_layer=True),
        step("COPY part /", created=NEW),
        step(f"{argument} check", created=NEW, empty_layer=True),
    )
    opened(tmp_path / "b.tar", {"srv/a": "a"}, {"srv/b": "b"}, history=history)
    parsed = json.loads(imglint("image", "b.tar", "-f", "json", cwd=tmp_path)[1])
    secrets = [
        one["proof"] for one in parsed["findings"] if one["antipattern"] == 8 and "step" in one["proof"]
    ]
    assert {one["step"]: one.get("from_base") for one in secrets} == {0: True, 1: None, 3: False}


def test_what_is_only_copied_up_is_told_at_the_step_that_copies(tmp_path: Path) -> None:
    tool = "t" * 2 * MB
    opened(tmp_path / "a.tar", {"usr/bin/tool": tool}, {"usr/bin/tool": tool, "srv/a": "a"}, base=1)
    parsed = json.loads(imglint("image", "a.tar", "-f", "json", cwd=tmp_path)[1])
    (waste,) = (one for one in parsed["findings"] if one["code"] == "AV0303")
    assert (waste["severity"], waste["layer"]["index"], waste["proof"]["from_base"]) == ("warning", 1, False)
    assert "leave owner, mode and time of the base's files" in waste["message"]


def test_what_programs_read_while_they_run_is_no_package_cache(tmp_path: Path) -> None:
    """Models and browsers are kept in ~/.cache, too; and licences have to stay."""
    image = opened(
        tmp_path / "a.tar",
        {
            "root/.cache/huggingface/hub/model": "m" * 900, "home/app/.cache/ms-playwright/chromium": "c" * 900,
            "usr/share/doc/a/NOTICE": "n" * 900, "usr/share/doc/a/COPYING": "n" * 900, "root/.cache/uv/a": "u" * 9,
        },
    )  # fmt: skip
    assert found(image) == [("package caches and lists", 0, True, 9)]


def test_a_graph_is_not_written_over_what_was_read(tmp_path: Path) -> None:
    opened(tmp_path / "a.html", {"srv/a": "a"})
    before = (tmp_path / "a.html").read_bytes()
    assert imglint("image", "a.html", "--graph", "a.html", cwd=tmp_path)[0] == 2
    assert (tmp_path / "a.html").read_bytes() == before


def test_a_chain_of_names_keeps_the_bytes(tmp_path: Path) -> None:
    """What is needed may be the third name, and stand in a layer of its own."""
    first: LayerFiles = {
        "usr/lib/one.a": "a" * 900,
        "usr/lib/two.a": hardlink("usr/lib/one.a"),
        "usr/lib/free.a": "b" * 9,
    }
    image = opened(tmp_path / "a.tar", {**first, "srv/need": hardlink("usr/lib/two.a")})
    assert found(image) == [("static libraries", 0, True, 9)]
    image = opened(tmp_path / "b.tar", first, {"srv/need": hardlink("usr/lib/one.a")})
    assert found(image) == [("static libraries", 0, True, 9)]


@pytest.mark.parametrize(
    ("config", "saved"),
    [
        ({"Entrypoint": ["gcc"]}, []),
        ({"Entrypoint": ["/usr/bin/cc"]}, []),
        ({"Cmd": ["/srv/app"]}, [("build tools", 0, True, 1400)]),
    ],
)
def test_a_compiler_that_is_started_is_needed(
    config: dict[str, Any], saved: list[tuple[str, int, bool, int]], tmp_path: Path
) -> None:
    files: LayerFiles = {
        "usr/bin/gcc": "g" * 900,
        "usr/lib/gcc/cc1": "c" * 500,
        "usr/bin/cc": symlink("gcc"),
        "srv/app": "a",
    }
    assert found(opened(tmp_path / "a.tar", files, config=config)) == saved
