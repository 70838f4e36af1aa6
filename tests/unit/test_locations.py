"""A finding of an image stands at the Dockerfile's instruction that made its layer, in every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from image_archives import Saved, docker_legacy, oci_archive, step
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

import imglint
from imglint.reports import Report
from imglint.reports.formats import render
from imglint.reports.matrix_text import render as matrix_text
from imglint.reports.text import render as text

ROOT = Path(__file__).parents[2]
DOCKERFILE = str(ROOT / "examples/waste/Dockerfile")
ARCHIVE = str(ROOT / "examples/waste/waste.tar")
SCHEMA = json.loads((ROOT / "reports/json_v1.schema.json").read_text())

# (file, first line, last line or None where the format has none) of each finding of a code, as a format tells it.
Places = list[tuple[str, int | None, int | None]]


def in_json(report: Report, code: str) -> Places:
    found = [one for one in json.loads(render(report, "json"))["findings"] if one["code"] == code]
    places = [
        one["made_by"] or {"file": one["file"], "line": one["line"], "end_line": one["end_line"]}
        for one in found
    ]
    return [(one["file"], one["line"], one["end_line"]) for one in places]


def in_failures(report: Report, code: str) -> Places:
    found = json.loads(render(report, "json"))["failures"]
    return [(one["file"], one["line"], None) for one in found if one["name"] == code]


def in_sarif(report: Report, code: str) -> Places:
    found = [
        one for one in json.loads(render(report, "sarif"))["runs"][0]["results"] if one["ruleId"] == code
    ]
    places = [one["locations"][0]["physicalLocation"] for one in found]
    return [
        (one["artifactLocation"]["uri"], one["region"]["startLine"], one["region"]["endLine"])
        for one in places
    ]


def in_github(report: Report, code: str) -> Places:
    places: Places = []
    for line in render(report, "github").splitlines():
        told = dict(pair.split("=", 1) for pair in line.split("::")[1].partition(" ")[2].split(","))
        if told["title"].startswith(f"{code} "):
            end = told.get("endLine", told.get("line"))
            places.append((told.get("file", ""), told.get("line") and int(told["line"]), end and int(end)))  # type: ignore[arg-type]
    return places


def in_gitlab(report: Report, code: str) -> Places:
    found = [one for one in json.loads(render(report, "gitlab")) if one["description"].startswith(f"{code} ")]
    return [
        (one["location"]["path"], one["location"]["lines"]["begin"], one["location"]["lines"]["end"])
        for one in found
    ]


def in_checkstyle(report: Report, code: str) -> Places:
    root = ElementTree.fromstring(render(report, "checkstyle"))
    return [
        (str(file.get("name")), int(str(error.get("line"))), None)
        for file in root
        for error in file
        if error.get("source") == f"imglint.{code}"
    ]


def in_junit(report: Report, code: str) -> Places:
    root = ElementTree.fromstring(render(report, "junit"))
    places: Places = []
    for suite in root:
        for case in suite:
            if str(case.get("name")).startswith(f"{code} "):
                line = case.get("line")
                assert case.get("classname") == suite.get("name")
                places.append((str(suite.get("name")), int(line) if line else None, None))
    return places


Reader = Callable[[Report, str], Places]
READERS: dict[str, Reader] = {
    "json": in_json,
    "failures in json": in_failures,
    "sarif": in_sarif,
    "github": in_github,
    "gitlab": in_gitlab,
    "checkstyle": in_checkstyle,
    "junit": in_junit,
}


@pytest.fixture(scope="module")
def audited() -> Report:
    return imglint.audit(DOCKERFILE, ARCHIVE)


@pytest.mark.parametrize("form", READERS)
def test_waste_stands_at_the_lines_that_made_it(form: str, audited: Report) -> None:
    names = (DOCKERFILE, "examples/waste/Dockerfile")
    found = READERS[form](audited, "AV0303")
    assert [line for _, line, _ in found] == [10, 9, 8]
    for file, line, end in found:
        assert file in names
        assert end in (None, line)


# The formats that demand a line: none of the Dockerfile's is invented, the file is the image.
WITHOUT_LINE: dict[str, int | None] = {
    "json": None, "failures in json": None, "sarif": 1, "github": None, "gitlab": 1, "checkstyle": 0, "junit": None,
}  # fmt: skip


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize(
    "dockerfile", [None, str(ROOT / "examples/seed/Dockerfile")], ids=["none", "another"]
)
def test_without_the_dockerfile_the_image_is_named_and_no_line(form: str, dockerfile: str | None) -> None:
    report = imglint.audit(dockerfile, ARCHIVE)
    found = READERS[form](report, "AV0303")
    assert len(found) == 3
    for file, line, _ in found:
        # An annotation without a file names the image in its text.
        assert file in (ARCHIVE, "examples/waste/waste.tar") or (form == "github" and not file)
        assert line == WITHOUT_LINE[form]
    assert "waste.tar" in next(line for line in render(report, "github").splitlines() if "AV0303" in line)
    told = text(report)
    assert f"{ARCHIVE}: layer 2: AV0303" in told
    assert "line 10" not in told


def test_text_and_markdown_name_the_dockerfile_and_the_layer(audited: Report) -> None:
    for told in (text(audited), matrix_text(audited)):
        assert f"{DOCKERFILE}:10 (layer 2): AV0303" in told
        assert f"{ARCHIVE}:1" not in told
    [item] = [
        token.children or []
        for token in MarkdownIt().parse(render(audited, "markdown"))
        if token.type == "inline" and "(layer 2)" in token.content
    ]
    assert f"{DOCKERFILE}:10 (layer 2)" in [child.content for child in item if child.type == "code_inline"]


def test_machines_hear_of_the_image_and_the_layer_too(audited: Report) -> None:
    result = next(
        one for one in json.loads(render(audited, "sarif"))["runs"][0]["results"] if one["ruleId"] == "AV0303"
    )
    [logical] = result["locations"][0]["logicalLocations"]
    assert logical["fullyQualifiedName"] == f"{ARCHIVE} layer 2, /var/cache/shop/import.log"
    for form in ("sarif", "github", "gitlab", "checkstyle", "junit"):
        assert "waste.tar layer 2: no container sees 46.8 kB of layer 2" in render(audited, form)


def test_json_stays_version_1(audited: Report) -> None:
    document = json.loads(render(audited, "json"))
    Draft202012Validator(SCHEMA).validate(document)
    waste = next(one for one in document["findings"] if one["code"] == "AV0303")
    # What version 1 has had from the beginning still says the same.
    assert (waste["file"], waste["line"], waste["layer"]["index"]) == (ARCHIVE, None, 2)
    assert waste["made_by"] == {"file": DOCKERFILE, "line": 10, "column": 1, "end_line": 10, "end_column": 43}
    assert document["images"][0]["dockerfile"] == DOCKERFILE
    assert [one["line"] for one in document["images"][0]["layers"]][:3] == [8, 9, 10]
    assert all(one["made_by"] is None for one in document["findings"] if one["code"] == "AV0901")


TWO_LINES = (
    'FROM scratch\n\nCOPY a /srv/a\n  copy \\\n  # in between\n  b \\\n  /srv/\nUSER 1000\nCMD ["/srv/a"]\n'
)


def built(directory: Path, name: str, dockerfile: str, steps: list[str]) -> Report:
    """The audit of a Dockerfile and an image built from it, whose second layer wastes what the first one holds."""
    directory.mkdir()
    path, image = directory / "Dockerfile", directory / "image.tar"
    path.write_text(dockerfile)
    history = [step(steps[0]), step(steps[1]), *(step(one, empty_layer=True) for one in steps[2:])]
    layers = ({"srv/a": name * 20_000}, {"srv/a": "", "srv/b": name})
    image.write_bytes(docker_legacy(Saved.of(*layers, tags=(f"{name}:1",), history=history)))
    return imglint.audit(str(path), str(image))


STEPS = ["COPY a /srv/a", "COPY b /srv/", "USER 1000", 'CMD ["/srv/a"]']


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str, Report]:
    """Two images of two Dockerfiles in one report, as one archive of the same lower layer would hold them."""
    shifted = "# a comment more\n" + TWO_LINES
    first, second = (
        built(tmp_path / "one", "x", TWO_LINES, STEPS),
        built(tmp_path / "two", "y", shifted, STEPS),
    )
    both = first._replace(
        files=first.files + second.files,
        findings=first.findings + second.findings,
        images=first.images + second.images,
        origins={**first.origins, **second.origins},
        texts={**first.texts, **second.texts},
    )
    return str(tmp_path / "one/Dockerfile"), str(tmp_path / "two/Dockerfile"), both


@pytest.mark.parametrize("form", READERS)
def test_each_of_several_images_has_its_own_dockerfile(form: str, two: tuple[str, str, Report]) -> None:
    first, second, report = two
    assert len(report.origins) == 2
    found = READERS[form](report, "AV0303")
    assert [(file.removeprefix("file://"), line) for file, line, _ in found] == [(first, 3), (second, 4)]


def test_text_names_the_image_where_there_are_several(two: tuple[str, str, Report]) -> None:
    first, _, report = two
    assert f"{first}:3 ({report.images[0].source} layer 0): AV0303" in text(report)


def test_a_region_spans_the_whole_instruction(tmp_path: Path) -> None:
    dockerfile = TWO_LINES.replace("COPY a /srv/a", "COPY a \\\n   /srv/a")
    report = built(tmp_path / "one", "x", dockerfile, STEPS)
    [waste] = [one for one in report.findings if one.rule.code == "AV0303"]
    place = report.located(waste)
    assert place.span is not None
    assert tuple(place.span) == (3, 1, 4, 10)
    [spans] = [origin.spans for origin in report.origins.values()]
    # With its indentation left out, over continuation lines and a comment between them.
    assert tuple(spans[1]) == (5, 3, 8, 8)
    assert in_github(report, "AV0303") == [(str(tmp_path / "one/Dockerfile"), 3, 4)]
    assert ",col=" not in next(line for line in render(report, "github").splitlines() if "AV0303" in line)


def test_a_layer_that_two_images_of_an_archive_share_is_given_to_neither_dockerfile(tmp_path: Path) -> None:
    shared = {"srv/a": "x" * 20_000}
    layers = [(shared, {"srv/a": "", "srv/b": name}) for name in ("one", "two")]
    history = [step(one) for one in STEPS[:2]] + [step(one, empty_layer=True) for one in STEPS[2:]]
    images = [Saved.of(*pair, tags=(f"{pair[1]['srv/b']}:1",), history=history) for pair in layers]
    path = tmp_path / "both.tar"
    path.write_bytes(oci_archive(*images))
    (tmp_path / "Dockerfile").write_text(TWO_LINES)
    report = imglint.audit(str(tmp_path / "Dockerfile"), str(path))
    waste = [one for one in report.findings if one.rule.code == "AV0303"]
    assert len(waste) == len(report.origins) == 2
    assert {report.located(one).span for one in waste} != {None}
    # As soon as one of the two is not from this Dockerfile, nobody can tell whose layer it is.
    one_left = report._replace(origins=dict(list(report.origins.items())[:1]))
    assert {one_left.located(one).span for one in waste} == {None}


def test_an_image_whose_findings_stand_elsewhere_is_no_passed_test(audited: Report) -> None:
    waste = tuple(one for one in audited.findings if one.rule.code == "AV0303")
    only = audited._replace(findings=waste, matrix=())
    root = ElementTree.fromstring(render(only, "junit"))
    assert [suite.get("name") for suite in root] == [DOCKERFILE]


# What the history tells

_TOKEN = "ghp_" + "u8jzPde0IgxLd6GncfBAepfJBd0Kh8oOOL8d"
_BUILT = f"""FROM scratch
ARG MODE=fast
COPY a /a
ENV FIRST={_TOKEN} \\
    SECOND={_TOKEN}
LABEL note={_TOKEN}
RUN echo {_TOKEN} && \\
    true
ONBUILD RUN echo {_TOKEN}
USER 1000
CMD ["echo", "{_TOKEN}"]
"""


def _audited(directory: Path) -> Report:
    """An audit of a Dockerfile that tells a token at six places, and of the image as BuildKit makes it."""
    (directory / "Dockerfile").write_text(_BUILT)
    history = (
        step("ARG MODE=fast", empty_layer=True),
        step("COPY a /a"),
        step(f"ENV FIRST={_TOKEN} SECOND={_TOKEN}", empty_layer=True),
        step(f"LABEL note={_TOKEN}", empty_layer=True),
        step(f"RUN /bin/sh -c echo {_TOKEN} &&     true"),
        step(f"ONBUILD RUN echo {_TOKEN}", empty_layer=True),
        step("USER 1000", empty_layer=True),
        step(f'CMD ["echo" "{_TOKEN}"]', empty_layer=True),
    )
    config = {
        "Env": [f"FIRST={_TOKEN}", f"SECOND={_TOKEN}"],
        "Labels": {"note": _TOKEN},
        "User": "1000",
        "Cmd": ["echo", _TOKEN],
    }
    image = Saved.of({"a": "a"}, {"b": "b"}, history=history, config=config)
    (directory / "shop.tar").write_bytes(docker_legacy(image))
    settings = imglint.Settings(select=("AV0801",))
    return imglint.audit(str(directory / "Dockerfile"), str(directory / "shop.tar"), settings)


def test_a_step_of_the_history_stands_at_its_instruction(tmp_path: Path) -> None:
    report = _audited(tmp_path)
    file = str(tmp_path / "Dockerfile")
    seen = [one for one in report.findings if one.place.evidence == "image"]
    places = [report.located(one) for one in seen]
    assert {one.file for one in places} == {file}
    # The variables, the label, the command, and the steps: ENV holds two.
    lines = [one.span.line for one in places if one.span]
    assert sorted(lines) == [4, 4, 4, 4, 6, 6, 7, 9, 11, 11]
    told = in_github(report, "AV0801")
    assert [line for _, line, _ in told[-10:]] == lines
    assert all(path for path, *_ in told)
    assert "()" not in text(report)
    assert "(step 5)" in text(report)


def test_a_credential_is_told_once_in_an_audit(tmp_path: Path) -> None:
    lines = [
        line for line in matrix_text(_audited(tmp_path)).splitlines() if "AV0801 credential-value: a " in line
    ]
    assert [line.strip().removeprefix(str(tmp_path)).split(":")[1] for line in lines] == [
        "4",
        "5",
        "6",
        "7",
        "9",
        "11",
    ]
    assert all("also" in line for line in lines)
    assert "AV0801 credential-value: step" not in matrix_text(_audited(tmp_path))
    assert "AV0801 credential-value: ENV" not in matrix_text(_audited(tmp_path))


def test_a_step_of_another_build_has_no_line(tmp_path: Path) -> None:
    _audited(tmp_path)
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nCOPY b /b\nCMD {_TOKEN}\n")
    settings = imglint.Settings(select=("AV0801",))
    report = imglint.audit(str(tmp_path / "Dockerfile"), str(tmp_path / "shop.tar"), settings)
    assert {report.located(one).span for one in report.findings if one.place.evidence == "image"} == {None}
    assert "AV0801 credential-value: step" in matrix_text(report)
