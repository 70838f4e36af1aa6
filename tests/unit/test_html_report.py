"""The page of HTML: whole and harmless whatever it shows, and its numbers are those of JSON."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import engine
import page_picture
import pytest
from html_pages import numbers, parsed, sound, words
from image_archives import Saved, docker_legacy, step
from masked import SHAPED, leaks
from properties import given, st

import imglint as api
from imglint.measuring import compare, measure
from imglint.reports import Problem, Report
from imglint.reports.formats import render
from imglint.reports.html import treemap
from imglint.reports.html.treemap import HEIGHT, WIDTH, Box, Node, squarified
from imglint.reports.json_v1 import document
from imglint.rules.gates import Gate, Growth, Limits
from imglint.runner import Check, Observation, Verdict
from imglint.runner.cleanup import Receipt
from imglint.runner.plan import Plan

ROOT = Path(__file__).parents[2]
DOCKERFILE, WASTE, LEAN = (
    str(ROOT / "examples/waste" / name) for name in ("Dockerfile", "waste.tar", "lean.tar")
)
SETTINGS = api.Settings()


@pytest.fixture(scope="module")
def audited() -> Report:
    return api.audit(DOCKERFILE, WASTE)


@pytest.fixture(scope="module")
def compared() -> Report:
    return compare(LEAN, WASTE, SETTINGS, Limits(max_growth=Growth(1000, None)))


def ran() -> Report:
    checks = (
        Check("ports.published", "80/tcp", Verdict.DISPROVED, "nobody listens", {"tries": 3, "log": "a\nb"}),
        Check("container.stays", "PID 1", Verdict.PROVED, "it stays"),
    )
    seen = Observation(image="shop:1", engine="docker 28", checks=checks, receipt=Receipt(1, 2))
    return Report(files=("shop:1",), observations=(seen,), asked=("verify", "shop:1"))


def planned() -> Report:
    plan = Plan("shop:1", "docker 28", ("docker run shop:1",), ("a network",), (), ("all of it",), ())
    return Report(plans=(plan,), asked=("verify", "shop:1"))


def text_of(page: Any) -> str:
    return " ".join(words(page).split())


# Whole


def test_an_audit_has_all_its_parts(audited: Report) -> None:
    page = sound(render(audited, "html"))
    [sentence] = page.iter("h1")
    assert words(sentence) == document(audited)["summary"]["push"]["sentence"]
    sections = [one.get("id") for one in page.iter("section")]
    assert sections == ["failures", "matrix", "image-1", "findings", "file-1"]
    told = text_of(page)
    for finding in audited.findings:
        assert finding.message in told
        assert finding.rule.code in told
    for cell in audited.matrix:
        assert cell.reason in told
    links = {one.get("href") for one in page.iter("a")}
    assert {"#file-1-8", "#file-1-10"} <= links


@pytest.mark.parametrize(
    "report",
    [
        Report(),
        Report(problems=(Problem("a<b>", "is 'gone'", "look & see"),)),
        Report(
            gates=(
                Gate("shop:1", "max-size", 1000, 2000, False),
                Gate("shop:1", "max-growth", 10, None, True),
            )
        ),
        api.lint("FROM debian\nRUN apt-get install curl\n"),
        api.lint(b"FROM \xff\x1b[31m\x00\nCMD <&\"' \xed\xa0\x80\n", name="\udcff<&>\n.Dockerfile"),
        ran(),
        planned(),
    ],
    ids=["nothing", "problem", "limits", "lint", "hostile lint", "verify", "plan"],
)
def test_any_report_gives_a_whole_page(report: Report) -> None:
    sound(render(report, "html"))


def test_a_run_shows_its_checks_with_their_proofs() -> None:
    page = sound(render(ran(), "html"))
    told = text_of(page)
    for word in ("disproved", "ports.published", "nobody listens", "tries", "docker 28", "2 networks"):
        assert word in told
    assert "docker run shop:1" in text_of(sound(render(planned(), "html")))


@pytest.mark.parametrize("name", ["waste.tar", "lean.tar"])
def test_an_image_alone(name: str) -> None:
    report = measure([str(ROOT / "examples/waste" / name)], SETTINGS)
    page = sound(render(report, "html"))
    [sentence] = page.iter("h1")
    assert words(sentence).startswith("Content ")


def test_several_images_are_told_with_what_they_share() -> None:
    page = sound(render(measure([WASTE, LEAN], SETTINGS), "html"))
    [sentence] = page.iter("h1")
    assert words(sentence).startswith("2 images, ")
    assert {"shared", "image-1", "image-2"} <= {one.get("id") for one in page.iter("section")}


def test_an_image_without_content_has_no_map(tmp_path: Path) -> None:
    path = tmp_path / "empty.tar"
    path.write_bytes(docker_legacy(Saved.of({"dir/": ""})))
    page = sound(render(measure([str(path)], SETTINGS), "html"))
    assert not list(page.iter("figure"))


def test_many_rows_are_cut_and_counted() -> None:
    report = Report(problems=tuple(Problem(f"file {at}", "is gone") for at in range(700)))
    told = text_of(sound(render(report, "html")))
    assert "file 499" in told
    assert "file 500" not in told
    assert "and 200 more problems" in told


# The same numbers as JSON


def json_numbers(image: dict[str, Any]) -> list[int]:
    keys = ("content_bytes", "live_bytes", "wasted_bytes")
    found = [image[key] for key in keys]
    found += [layer[key] for layer in image["layers"] for key in keys if key != "wasted_bytes" or layer[key]]
    return found + [one["bytes"] for kind in ("waste", "ballast") for one in image[kind]] + [
        one["bytes"] for one in image["savings"]["found"]
    ]  # fmt: skip


def test_the_numbers_of_an_image_are_those_of_json(audited: Report) -> None:
    page = sound(render(audited, "html"))
    [section] = [one for one in page.iter("section") if one.get("id") == "image-1"]
    shown = numbers(section)
    [image] = document(audited)["images"]
    for number in json_numbers(image):
        assert str(number) in shown
    # No other numbers stand there: those of the maps add up to the content.
    tables = [value for one in section.iter("table") for value in numbers(one)]
    assert set(map(float, tables)) == {float(number) for number in json_numbers(image)} - (
        {float(image["content_bytes"]), float(image["live_bytes"]), float(image["wasted_bytes"])}
        - {float(value) for layer in image["layers"] for value in layer.values() if isinstance(value, int)}
    )
    for tree in (one for one in section.iter("ul") if one.get("class") == "tree"):
        tops = [next(iter(item.iter("data"))).get("value", "") for item in tree]
        assert tree.get("data-bytes") == str(image["content_bytes"])
        assert sum(map(int, tops)) == image["content_bytes"]
        assert sum(int(item.get("data-hidden", "")) for item in tree) == image["wasted_bytes"]


def test_the_numbers_of_a_comparison_are_those_of_json(compared: Report) -> None:
    page = sound(render(compared, "html"))
    [section] = [one for one in page.iter("section") if one.get("id") == "diff"]
    told = document(compared)["diff"]
    shown = numbers(section)
    for one in (*told["directories"], *told["steps"]):
        assert not one["bytes"] or str(one["bytes"]) in shown
    for one in told["files"]:
        grown = one["new_bytes"] - one["old_bytes"]
        assert not grown or str(grown) in shown
    assert str(told["content_bytes"]) in shown
    before = [one for one in page.iter("section") if one.get("id") == "image-2"]
    assert len(before) == 1  # the new image alone has its layers and maps shown
    assert "max-growth" in text_of(page)


def test_each_line_of_the_dockerfile_has_the_bytes_of_its_layers(audited: Report) -> None:
    page = sound(render(audited, "html"))
    [image] = document(audited)["images"]
    rows = {one.get("id"): numbers(one) for one in page.iter("tr") if one.get("id")}
    for layer in image["layers"]:
        assert rows[f"file-1-{layer['line']}"] == [str(layer["content_bytes"])]
    assert sum(len(found) for found in rows.values()) == len(image["layers"])


# Hostile

NASTY = "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{ 7*7 }}&lt;\u202egnp\x1b[31m\x7f"


def nasty_image() -> Saved:
    name = NASTY.replace("/", "∕")[:60]
    return Saved.of(
        {f"srv/{name}/{name}": "x" * 5000, "srv/once": "y" * 3000},
        {f"srv/{name}/{name}": None, "srv/once": "z" * 3000},
        config={"Env": [f"A={NASTY}"], "Labels": {NASTY: NASTY}, "Cmd": [NASTY], "User": NASTY},
        history=(step(f"COPY {NASTY} /"), step(f"RUN {NASTY}")),
        tags=(f"shop:{NASTY}",),
        top={"architecture": NASTY, "author": NASTY},
    )  # fmt: skip


def test_names_are_shown_whole_and_run_nothing(tmp_path: Path) -> None:
    path = tmp_path / "nasty<b>&'.tar"
    path.write_bytes(docker_legacy(nasty_image()))
    report = measure([str(path)], SETTINGS)
    text = render(report, "html")
    page = sound(text)
    told = words(page)
    assert "onerror=alert(2)>\"'`{{ 7*7 }}&lt;\\x202egnp\\x1b[31m\\x7f" in told
    assert "nasty<b>&'.tar" in told
    assert "49" not in told.partition("{{ 7*7 }}")[0][-10:]
    sound(render(compare(str(path), LEAN, SETTINGS, Limits()), "html"))
    sound(render(compare(LEAN, str(path), SETTINGS, Limits()), "html"))


@given(st.text())
def test_any_words_give_a_whole_page(text: str) -> None:
    check = Check(text, text, Verdict.DISPROVED, text, {text: [text]})
    seen = Observation(image=text, engine=text, checks=(check,))
    report = Report(
        problems=(Problem(text, text, text),), notes=(text,), observations=(seen,), asked=("verify", text)
    )
    sound(render(report, "html"))


def test_credentials_are_masked_also_where_only_a_whole_path_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "shop.tar"
    url = "https:/deploy:Tr0ub4dor" + "-x9Kq@registry.internal:5000/shop"
    files = {
        **{f"srv/{token}/{token}": "x" * 900 for token in SHAPED.values() if len(token) < 45},
        url: "x" * 900,
    }
    path.write_bytes(docker_legacy(Saved.of(files, history=(step(f"RUN curl {url}"),))))
    text = render(measure([str(path)], SETTINGS), "html")
    sound(text)
    assert leaks(text) == []
    assert "****" in text


def test_a_value_given_in_trust_may_be_a_word_of_html() -> None:
    """The page is whole, though the net at the door would have replaced its own words."""
    program = (
        "import sys; from imglint.analyzer.credentials import hide; hide(['section', 'content-width']);"
        "from imglint.commands.show import show; from imglint.reports import Report, Problem;"
        "show(Report(problems=(Problem('a', 'the section is content-width'),)), (('html', '-'),), lambda *_: '')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    page = sound(done.stdout)
    assert "a: the **** is ****" in text_of(page)
    assert list(page.iter("section"))


def test_the_policy_lets_only_the_own_style_and_script_through(audited: Report) -> None:
    text = render(audited, "html")
    page = parsed(text)
    [policy] = [one.get("content", "") for one in page.iter("meta") if one.get("http-equiv")]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        [inside] = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "://" not in re.sub(r"https?://www\.w3\.org/2000/svg", "", text)


# The map


def leaves(node: Node) -> list[Node]:
    return [leaf for child in node.children for leaf in leaves(child)] if node.children else [node]


def area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


def check_map(top: Node) -> None:
    """Each rectangle as large as its bytes, inside its directory's, beside its neighbours."""
    found = leaves(top)
    assert sum(one.bytes for one in found) == top.bytes
    assert sum(one.hidden for one in found) == top.hidden
    assert sum(one.files for one in found) == top.files
    waiting = [top]
    while waiting:
        node = waiting.pop()
        waiting += node.children
        box = node.box
        # An edge is off by half a thousandth at most, as is each edge above it.
        slack = 0.01 * (box.right - box.left + box.bottom - box.top) + 0.001
        assert abs(area(box) - 10_000 * node.bytes / top.bytes) <= slack * 40
        for child in node.children:
            assert box.left <= child.box.left <= child.box.right <= box.right
            assert box.top <= child.box.top <= child.box.bottom <= box.bottom
        assert sum(one.bytes for one in node.children) in (0, node.bytes)
    placed = [one.box for one in found]
    total = sum(map(area, placed))
    assert abs(total - 10_000) < 0.5
    for at, one in enumerate(placed):
        for other in placed[at + 1 :]:
            wide = min(one.right, other.right) - max(one.left, other.left)
            high = min(one.bottom, other.bottom) - max(one.top, other.top)
            assert wide <= 0 or high <= 0


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=40))
def test_boxes_share_the_area_by_their_sizes(sizes: list[int]) -> None:
    boxes = squarified(sizes, Box())
    assert len(boxes) == len(sizes)
    for size, box in zip(sizes, boxes, strict=True):
        assert 0 <= box.left <= box.right <= 100
        assert 0 <= box.top <= box.bottom <= 100
        # Edges are rounded to a thousandth of the map.
        assert abs(area(box) - 10_000 * size / sum(sizes)) <= 0.11
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            wide = min(one.right, other.right) - max(one.left, other.left)
            high = min(one.bottom, other.bottom) - max(one.top, other.top)
            assert wide <= 0 or high <= 0


def test_boxes_are_rather_square() -> None:
    for box in squarified([100] * 12, Box()):
        wide, high = (box.right - box.left) * WIDTH, (box.bottom - box.top) * HEIGHT
        assert 1 / 2.5 < wide / high < 2.5


paths = st.lists(st.sampled_from(["a", "b", "usr", "lib", "x"]), min_size=1, max_size=5).map("/".join)


@given(
    st.lists(
        st.dictionaries(paths, st.one_of(st.none(), st.integers(0, 3000)), max_size=9), min_size=1, max_size=3
    )
)
def test_maps_of_any_image_add_up(layers: list[dict[str, int | None]]) -> None:
    from imglint.analyzer.image import open_images

    saved = Saved.of(
        *({path: None if size is None else "x" * size for path, size in one.items()} for one in layers)
    )
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        file.write(docker_legacy(saved))
        file.flush()
        [image] = open_images(file.name)
        if image.content_bytes:
            for top in (treemap.by_directory(image), treemap.by_layer(image, ["a step"] * len(layers))):
                assert (top.bytes, top.hidden) == (image.content_bytes, image.wasted_bytes)
                check_map(top)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """60,000 files in 600 directories, with names as long as those of packages."""
    tars = []
    for layer in range(3):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for at in range(20_000):
                name = f"usr/lib/python3/dist-packages/package-number-{at % 200}-{layer}/module_with_a_name_{at}.py"
                info = tarfile.TarInfo(name)
                info.size = 100 + at % 7
                tar.addfile(info, io.BytesIO(b"x" * info.size))
        tars.append(out.getvalue())
    path = tmp_path_factory.mktemp("large") / "large.tar"
    history = tuple(step(f"COPY part{n} /") for n in range(3))
    path.write_bytes(docker_legacy(Saved(tuple(tars), history=history)))
    return measure([str(path)], SETTINGS, verify=False)


def test_a_page_of_60_000_files_is_at_most_a_megabyte(large: Report) -> None:
    assert sum(len(layer.files) for layer in large.images[0].layers) == 60_000
    text = render(large, "html")
    assert len(text.encode()) <= 1_000_000
    page = sound(text)
    for tree in (one for one in page.iter("ul") if one.get("class") == "tree"):
        assert tree.get("data-bytes") == str(large.images[0].content_bytes)
    assert ", 100 files" in words(page)


def test_long_and_deep_names_fold(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for at in range(300):
            info = tarfile.TarInfo("/".join([f"{at:03}" + "d" * 200] * 18 + ["f"]))
            info.size = 500
            tar.addfile(info, io.BytesIO(b"x" * 500))
            info = tarfile.TarInfo("deep/" * 700 + f"{at}")
            info.size = 500
            tar.addfile(info, io.BytesIO(b"x" * 500))
    path = tmp_path / "long.tar"
    path.write_bytes(docker_legacy(Saved((out.getvalue(),), history=(step("COPY . /"),))))
    text = render(measure([str(path)], SETTINGS), "html")
    assert len(text.encode()) < 1_000_000
    sound(text)


# The command, and a browser


def test_every_command_writes_it(tmp_path: Path) -> None:
    from imglint.__main__ import main

    for at, command in enumerate(
        (
            ["image", WASTE, LEAN], ["diff", LEAN, WASTE], ["audit", DOCKERFILE, "--image", WASTE],
            [DOCKERFILE], ["history", WASTE], ["image", LEAN, "--against", WASTE],
        )
    ):  # fmt: skip
        path = tmp_path / f"{at}.html"
        main([*command, "-f", "html", "-o", str(path)])
        page = sound(path.read_text())
        if "--against" in command:
            assert "Against what it was" in text_of(page)


def test_the_picture_of_the_documentation_shows_this_page() -> None:
    assert page_picture.DIGEST.read_text() == page_picture.digest(), (
        "python docs/page_picture.py draws it anew"
    )
    assert page_picture.PICTURE.stat().st_size <= 150_000


def test_jinja_is_imported_only_for_pages() -> None:
    program = (
        "import sys; from imglint.__main__ import main; main(sys.argv[1:]); sys.exit('jinja2' in sys.modules)"
    )
    command = [sys.executable, "-c", program, "image", LEAN, "-f"]
    assert subprocess.run([*command, "json"], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*command, "html"], capture_output=True, check=False).returncode == 1


WALK = """
const outcome = [];
const figure = document.querySelector(".treemap"), map = figure.querySelector(".map");
outcome.push(map.getAttribute("role"), map.children.length);
const search = figure.querySelector("input");
search.value = "catalog";
search.dispatchEvent(new Event("input"));
outcome.push(figure.querySelector("[role=status]").textContent, map.querySelectorAll(".dim").length);
search.value = "";
search.dispatchEvent(new Event("input"));
map.querySelector("svg").dispatchEvent(new MouseEvent("click", {bubbles: true}));
outcome.push([...figure.querySelectorAll(".crumbs button")].map((one) => one.textContent).join(">"));
figure.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
while (figure.querySelectorAll(".crumbs button").length > 1)
  figure.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
outcome.push(map.children.length);
document.body.dataset.outcome = JSON.stringify(outcome);
"""


def test_a_browser_walks_in_the_map(audited: Report, tmp_path: Path) -> None:
    try:
        engine.provide({"chromium": "chromium"}, "the page in a browser")
    except engine.NoEngine as reason:
        if engine.must_be_there():
            raise
        pytest.skip(str(reason))
    text = render(audited, "html")
    [script] = re.findall("<script>(.*?)</script>", text, re.S)
    # The policy lets the longer script through by its own digest alone, so that it is held as well.
    digests = [
        base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in (script, script + WALK)
    ]
    page = tmp_path / "page.html"
    page.write_text(text.replace(script, script + WALK).replace(digests[0], digests[1]))
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}/profile",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, check=False, timeout=300
    )
    [outcome] = re.findall('data-outcome="([^"]*)"', done.stdout)
    role, cells, found, dim, crumbs, again = json.loads(html.unescape(outcome))
    assert (role, found) == ("group", "1 found")
    assert 0 < dim == cells - 1
    assert crumbs.startswith("all>srv/shop")
    assert cells == again > 10
