"""The comment on a pull request, read by a real Markdown parser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from image_archives import LayerFiles, Saved, docker_legacy, oci_archive, step
from markdown_it import MarkdownIt
from markdown_it.token import Token

import imglint
from imglint.analyzer.image import Image, open_images
from imglint.gates import earlier
from imglint.measuring import compare, measure, weigh
from imglint.reports import Problem, Report
from imglint.reports.formats import render
from imglint.reports.markdown import marker
from imglint.rules.gates import Limits
from imglint.runner import Check, Observation, Verdict

ROOT = Path(__file__).parents[2]
GITHUB_LIMIT = 65_536


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)


def cells(text: str) -> list[list[str]]:
    """The rows of all tables."""
    rows: list[list[str]] = []
    tokens = parsed(text)
    for index, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("td_open", "th_open"):
            children = tokens[index + 1].children or []
            rows[-1].append("".join(one.content for one in children))
    return rows


def saved(path: Path, *layers: LayerFiles, tag: str = "registry.example.org/shop:1") -> str:
    history = [step(f"COPY part{number} /srv") for number in range(len(layers))]
    path.write_bytes(oci_archive(Saved.of(*layers, tags=(tag,), history=history)))
    return str(path)


def test_sizes_against_an_image_and_against_its_record(tmp_path: Path) -> None:
    old = saved(tmp_path / "old.tar", {"srv/a": "a" * 1000}, {"srv/b": "b" * 1000})
    new = saved(tmp_path / "new.tar", {"srv/a": "a" * 1000}, {"srv/b": "b" * 4000, "srv/a": "c" * 10})
    record = tmp_path / "old.json"
    record.write_text(render(measure([old], imglint.Settings()), "json"))
    tables = []
    for against in (old, str(record)):
        report = weigh(measure([new], imglint.Settings()), imglint.Settings(), Limits(), against=against)
        tables.append(cells(render(report, "markdown")))
    assert tables[0] == tables[1]
    rows = {row[0]: row[1:] for row in tables[0]}
    assert rows["content"] == ["2.0 kB", "5.0 kB", "+3.0 kB (+150.5%)"]
    assert rows["wasted"] == ["0 B", "1.0 kB", "+1.0 kB"]
    assert rows["pull"][2].startswith("+")
    # Only the step that grew is named.
    assert rows["+3.0 kB"] == ["COPY part1 /srv"]
    assert not any("part0" in cell for row in tables[0] for cell in row)


def test_sizes_without_an_earlier_measurement(tmp_path: Path) -> None:
    report = measure([saved(tmp_path / "a.tar", {"srv/a": "a" * 1000})], imglint.Settings())
    assert ["content", "1.0 kB"] in cells(render(report, "markdown"))


def test_a_comparison_tells_the_directories_that_grew(tmp_path: Path) -> None:
    old, new = tmp_path / "old.tar", tmp_path / "new.tar"
    saved(old, {"srv/a|`b/x": "x" * 1000, "opt/y": "y" * 3000})
    saved(new, {"srv/a|`b/x": "x" * 4500, "opt/y": "y" * 1000, "etc/same": ""})
    rows = cells(render(compare(str(old), str(new), imglint.Settings(), Limits()), "markdown"))
    assert ["+3.5 kB", "/srv/a|`b"] in rows
    assert ["-2.0 kB", "/opt"] in rows
    assert not any("/etc" in cell for row in rows for cell in row)


def test_what_was_not_compressed_is_an_estimate(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(docker_legacy(Saved.of({"srv/a": "a" * 1000}, tags=("shop:1",))))
    report = measure([str(path)], imglint.Settings())
    assert any(row[0] == "pull" and row[1].startswith("≈ ") for row in cells(render(report, "markdown")))
    image: Image = report.images[0]
    record = tmp_path / "a.json"
    record.write_text(render(report, "json"))
    before = earlier(str(record), image)
    assert before is not None
    assert before.pull_bytes is None
    again = weigh(report, imglint.Settings(), Limits(), against=str(record))
    assert ["pull", "–"] in [row[:2] for row in cells(render(again, "markdown"))]


def test_the_marker_stays_when_the_tag_changes(tmp_path: Path) -> None:
    first, second = (
        measure([saved(tmp_path / "a.tar", {"a": "a"}, tag=f"localhost:5000/shop:{tag}")], imglint.Settings())
        for tag in ("1", "2")
    )
    assert marker(first) == marker(second) == "<!-- imglint report: localhost:5000/shop -->"
    assert render(first, "markdown").startswith(marker(first) + "\n")
    odd = marker(Report(files=("a --> b/Dockerfile", "--", "x\n<!--")))
    assert odd.count("--") == 2
    assert "\n" not in odd


def test_the_matrix_and_what_matters() -> None:
    report = imglint.audit(str(ROOT / "examples/waste/Dockerfile"), str(ROOT / "examples/waste/waste.tar"))
    text = render(report, "markdown")
    rows = {row[1]: row[2:] for row in cells(text) if len(row) == 5}
    assert rows["process runs as root"] == ["✅ pass", "❌ fail DL3002", "❔ unknown"]
    assert len(rows) == 11
    visible, _, folded = text.partition("<details>")
    assert "DL3002" in visible
    # The text's finding is the same fault as the image's.
    assert "(also AV0901 at " in visible
    assert "no USER is named" not in text
    assert not folded


HOSTILE = "a|b `c` ``d`` <script> @everyone #1 [x](y) **z** \x1b[2J\n# title"


def test_nothing_of_the_input_is_markup() -> None:
    report = imglint.lint(f"FROM debian:12\nRUN cd /srv && echo {HOSTILE[:50]!r}\nMAINTAINER {HOSTILE}\n")
    report = report._replace(notes=(HOSTILE,), problems=(Problem(HOSTILE, HOSTILE),), files=(HOSTILE,))
    text = render(report, "markdown")
    for token in parsed(text):
        for child in token.children or []:
            assert child.type != "link_open" or "docs/rules/" in str(child.attrs["href"])
    assert "@everyone" not in text
    assert "<script>" not in text
    assert "\x1b" not in text
    assert sum(token.type == "heading_open" for token in parsed(text)) == 1


def test_a_step_with_bars_and_backticks_stays_in_its_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    text = "RUN a | b `c` && d"
    path.write_bytes(oci_archive(Saved.of({"a": "a" * 100}, tags=("shop:1",), history=[step(text)])))
    assert ["100 B", text] in cells(render(measure([str(path)], imglint.Settings()), "markdown"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """60,000 files in 60 layers, each hiding those of the one before it, and 3,000 lines that are faults."""
    directory = tmp_path_factory.mktemp("large")
    layers: list[LayerFiles] = [
        {f"srv/{number // 2}/{file}": f"{number}" * 50 for file in range(1000)} for number in range(60)
    ]
    path = saved(directory / "large.tar", *layers)
    report = measure([path], imglint.Settings())
    assert sum(one.entries for one in open_images(path)[0].layers) >= 60_000
    linted = imglint.lint("FROM debian\n" + "RUN cd /x && sudo apt-get install curl\n" * 3000)
    return report._replace(
        findings=(*report.findings, *linted.findings), files=(*report.files, *linted.files)
    )


def test_a_large_report_fits_into_a_comment(large: Report) -> None:
    text = render(large, "markdown")
    assert len(large.findings) > 3000
    assert len(text) < GITHUB_LIMIT
    assert " more" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert len(render(large, "json")) > GITHUB_LIMIT
    json.loads(render(large, "json"))


def test_any_number_of_inputs_fits_into_a_comment(large: Report) -> None:
    many = large._replace(
        images=large.images * 300,
        problems=tuple(Problem(f"{number}.tar", "is not there" * 20) for number in range(2000)),
        notes=tuple(f"note {number} " * 20 for number in range(2000)),
    )
    text = render(many, "markdown")
    assert len(text) < GITHUB_LIMIT
    assert "more images" in text
    assert "more problems" in text


def test_what_a_run_did_not_prove() -> None:
    good = Check("container.stays", "PID 1", Verdict.PROVED, "still runs")
    bad = Check("ports.exposed", "80/tcp", Verdict.DISPROVED, "nothing | listens, PASSWORD=Zx81mQ27rT")
    seen = Observation(image="shop:1", checks=(good, bad))
    text = render(Report(files=("shop:1",), observations=(seen,)), "markdown")
    assert ["disproved", "ports.exposed", "80/tcp"] in [row[:3] for row in cells(text)]
    assert "container.stays" not in text
    assert "Zx81" not in text
    proved = seen._replace(checks=(good,))
    assert "is proved (1)" in render(Report(observations=(proved,)), "markdown")
