"""Which line of a Dockerfile made which step and layer, by the histories that builders have written.

tests/data/histories/built.json has Dockerfiles with what each builder noted of them: the line that a
step is of, whether it made no layer, its `created_by`, and its comment. The lines are by position,
since each of these builders notes its instructions one after the other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from image_archives import LayerFiles, Node, Saved, docker_legacy, layer_tar, step

import imglint
from imglint.analyzer.attribution import Attribution, attribute
from imglint.analyzer.attribution.alignment import aligned, continuous
from imglint.analyzer.attribution.gaps import GAP, fits
from imglint.analyzer.attribution.notes import key
from imglint.analyzer.dockerfile import Dockerfile
from imglint.analyzer.image import Image, open_images

BUILT = json.loads((Path(__file__).parents[1] / "data/histories/built.json").read_text())
CASES = [
    pytest.param(case, builder, id=f"{name}, {builder}")
    for name, case in BUILT["cases"].items()
    for builder in case["images"]
]
EMPTY = {"empty_layer": True}
# What here-documents of the case "heredoc-copy" have become, by layer.
DOCUMENTS: Mapping[int, LayerFiles] = {
    1: {"etc/one": "hello\n"},
    2: {"dir/one": "1\n", "dir/two": "2\n", "dir/a": "a"},
    3: {"q": Node(b"$x\n", mode=0o644)},
}


def opened(
    tmp_path: Path,
    history: Sequence[Mapping[str, Any]],
    layers: Mapping[int, LayerFiles] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Image:
    """An image with a history; each step that is not empty has a layer, of which `layers` has the files."""
    count = sum(not one.get("empty_layer") for one in history)
    tars = tuple(layer_tar((layers or {}).get(layer, {})) for layer in range(count))
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(Saved(tars, history=tuple(history), config=config or {})))
    return open_images(str(path))[0]


def recorded(case: Mapping[str, Any], builder: str) -> tuple[list[dict[str, Any]], list[int | None]]:
    """The history of a case, and the line of each of its steps."""
    image = case["images"][builder]
    comment = "buildkit.dockerfile.v0" if builder.startswith("BuildKit") else ""
    history: list[dict[str, Any]] = []
    lines: list[int | None] = []
    for entries, usual in ((BUILT["bases"].get(image.get("base"), []), ""), (image["history"], comment)):
        for line, empty, created_by, *more in entries:
            lines.append(line)
            history.append(
                {"created_by": created_by, "comment": "".join(more) or usual, "empty_layer": bool(empty)}
            )
    return history, lines


def built(tmp_path: Path, case: Mapping[str, Any], builder: str) -> Image:
    image = case["images"][builder]
    layers: dict[int, LayerFiles] = {
        int(layer): {path: Node(b"x", mode=mode, uid=uid, gid=gid) for path, mode, uid, gid in files}
        for layer, files in image.get("files", {}).items()
    }
    if any("<<one" in line for line in case["dockerfile"]):
        layers |= DOCUMENTS
    return opened(tmp_path, recorded(case, builder)[0], layers, image.get("config"))


def dockerfile(text: str, **options: Any) -> Dockerfile:
    file = Dockerfile.from_string(text)
    return Dockerfile(file.text, options.get("args"), options.get("target"))


def lines(found: Attribution) -> dict[int, int]:
    """The line of each step."""
    return {index: span.line for index, span in found.spans.items()}


@pytest.mark.parametrize(("case", "builder"), CASES)
def test_every_builders_steps_have_their_lines(tmp_path: Path, case: dict[str, Any], builder: str) -> None:
    history, wanted = recorded(case, builder)
    image = built(tmp_path, case, builder)
    # Without the build arguments, which the history tells.
    found = attribute(dockerfile("\n".join(case["dockerfile"]), target=case.get("target")), image)
    assert found.matches, found.reason
    got = lines(found)
    for index, (entry, line) in enumerate(zip(history, wanted, strict=True)):
        if index in got:
            assert got[index] == line, entry
            continue
        joint = image.steps[index].within is not None
        # Of an ARG some builders tell but the name or the value that was given. A script's text is not told,
        # nor what one COPY of several has put into a layer.
        untold = "ARG " in entry["created_by"] or "/dev/pipes/" in entry["created_by"] or joint
        assert line is None or untold, entry
    for layer in image.layers:
        makers = [wanted[index] for index in layer.steps if history[index]["created_by"].count("#(nop)") == 0]
        if layer.step is not None and layer.step in got:
            assert found.layers[layer.index] == found.spans[layer.step]
        if len(layer.steps) > 1:
            span = found.layers[layer.index]
            assert span.line == wanted[layer.steps[0]]
            assert all(line and span.line <= line <= span.end_line for line in makers)


def test_the_recorded_builds_are_many() -> None:
    assert len(CASES) > 100
    assert len({builder for case in BUILT["cases"].values() for builder in case["images"]}) == 5


# An image, and Dockerfiles that are not quite those that it was built from.

TEXT = """FROM scratch
COPY old /opt/app
RUN apt-get update
ENV A=1 B=2
WORKDIR /srv
RUN <<EOF
make
make install
EOF
COPY --chown=5 a b /srv/
RUN true
CMD ["a"]
"""
BUILDKIT = [
    step("COPY old /opt/app"), step("RUN /bin/sh -c apt-get update"), step("ENV A=1 B=2", **EMPTY), step("WORKDIR /srv"),
    step("RUN /bin/sh -c make\nmake install\n"), step("COPY --chown=5 a b /srv/"), step("RUN /bin/sh -c true"),
    step('CMD ["a"]', **EMPTY),
]  # fmt: skip
LINES = {0: 2, 1: 3, 2: 4, 3: 5, 4: 6, 5: 10, 6: 11, 7: 12}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return opened(tmp_path_factory.mktemp("image"), BUILDKIT)


def test_the_text_fits_its_image(image: Image) -> None:
    found = attribute(dockerfile(TEXT), image)
    assert (found.matches, lines(found)) == (True, LINES)
    assert {layer: span.line for layer, span in found.layers.items()} == {
        0: 2,
        1: 3,
        2: 5,
        3: 6,
        4: 10,
        5: 11,
    }


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ("COPY old", "COPY new", 0),
        ("/opt/app", "/srv/opt/app", 0),
        ("/opt/app", "/app", 0),
        ("update", "update -q", 1),
        ("RUN apt-get update", "RUN sudo apt-get update", 1),
        ("RUN apt-get update", "RUN get update", 1),
        ('RUN apt-get update', 'RUN ["apt-get", "update"]', 1),
        ("A=1", "A=2", 2),
        ("B=2", "C=2", 2),
        ("WORKDIR /srv", "WORKDIR /srv/app", 3),
        ("make install\n", "make  install\n", 4),
        ("RUN <<EOF", "RUN cat <<EOF", 4),
        ("--chown=5", "--chown=6", 5),
        ("--chown=5 ", "", 5),
        ("a b /srv/", "b a /srv/", 5),
        ("RUN true", "RUN false", 6),
        ('CMD ["a"]', 'CMD ["b"]', 7),
        ('CMD ["a"]', "CMD a", 7),
    ],
)  # fmt: skip
def test_an_edited_line_is_given_nothing(image: Image, old: str, new: str, step: int) -> None:
    assert old in TEXT
    found = attribute(dockerfile(TEXT.replace(old, new)), image)
    assert not found.matches
    assert lines(found) == {index: line for index, line in LINES.items() if index != step}


def test_what_was_added_or_removed_leaves_the_others_their_lines(image: Image) -> None:
    added = attribute(dockerfile(TEXT.replace("WORKDIR", "RUN more\nWORKDIR")), image)
    assert lines(added) == {index: line + (line > 4) for index, line in LINES.items()}
    assert added.reason == "line 5 is 'RUN more', where the image has no such step"
    removed = attribute(dockerfile(TEXT.replace("RUN apt-get update\n", "")), image)
    assert lines(removed) == {index: line - (line > 3) for index, line in LINES.items() if index != 1}
    assert removed.reason == "the image has 'RUN apt-get update', which is not there"
    moved = attribute(dockerfile(TEXT.replace("RUN true\n", "").replace("ENV A", "RUN true\nENV A")), image)
    assert not moved.matches
    assert lines(moved) == {0: 2, 1: 3, 2: 5, 3: 6, 4: 7, 5: 11, 7: 12}


def test_labels_of_the_command_line_stand_at_the_end(tmp_path: Path) -> None:
    text = "FROM scratch\nRUN a\nRUN b\n"
    labels = [step("LABEL x=1", **EMPTY), step('LABEL "y"="2"', **EMPTY)]
    runs = [step("RUN /bin/sh -c a"), step("RUN /bin/sh -c b")]
    assert attribute(dockerfile(text), opened(tmp_path, [*runs, *labels])).matches
    found = attribute(dockerfile(text), opened(tmp_path, [runs[0], *labels, runs[1]]))
    assert (found.reason, lines(found)) == ("the image has 'LABEL x=1', which is not there", {0: 2, 3: 3})


def test_an_edit_is_told_with_what_fits(image: Image, tmp_path: Path) -> None:
    found = attribute(dockerfile(TEXT.replace("WORKDIR /srv", "WORKDIR /app")), image)
    assert found.fitting == "lines 2 to 4 and 6 to 12 match"
    assert found.reason == "line 5 is 'WORKDIR /app', where the image has 'WORKDIR /srv'"
    short = "FROM scratch\nCOPY old /opt/app\nRUN apt-get upgrade\n"
    found = attribute(dockerfile(short), opened(tmp_path, BUILDKIT[:2]))
    assert (found.fitting, lines(found)) == ("line 2 matches", {0: 2})
    # Of so much else in the image, one line is no sign that it was built from this.
    found = attribute(dockerfile(short), image)
    assert (found.fitting, lines(found)) == ("", {})


def test_another_dockerfile_is_given_nothing(image: Image) -> None:
    found = attribute(
        dockerfile('FROM a\nRUN apk add x\nWORKDIR /srv\nRUN make\nCOPY x /y\nCMD ["b"]\n'), image
    )
    assert (found.matches, found.told, lines(found), found.fitting) == (False, True, {}, "")
    assert found.reason == "line 6 is 'CMD [\"b\"]', where the image has 'CMD [\"a\"]'"


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        # Any of the dates may be the one that is new, or the one that is left: only x is sure.
        ("RUN date\nRUN date\nRUN date\nRUN x", {2: 5}),
        ("RUN date\nRUN y\nRUN x", {2: 4}),
        ("RUN x\nRUN date\nRUN date", {0: 3, 1: 4}),
    ],
)
def test_of_a_line_that_is_there_more_than_once_only_the_sure_is_told(
    tmp_path: Path, text: str, sure: dict[int, int]
) -> None:
    image = opened(
        tmp_path, [step("RUN /bin/sh -c date"), step("RUN /bin/sh -c date"), step("RUN /bin/sh -c x")]
    )
    found = attribute(dockerfile(f"FROM base\n{text}\n"), image)
    assert not found.matches
    assert lines(found) == sure


# What a step does not tell is seen in its layer.

SUM = "0" * 64


@pytest.mark.parametrize(
    ("line", "note", "files", "right"),
    [
        ("COPY new /opt/", f"COPY file:{SUM} in /opt/", {"opt/new": "x"}, True),
        ("COPY new /opt/", f"COPY file:{SUM} in /opt/", {"opt/old": "x"}, False),
        ("COPY a/new /opt/", f"COPY file:{SUM} in /opt/", {"opt/new": "x"}, True),
        ("COPY new .", f"COPY file:{SUM} in .", {"old": "x"}, False),
        ("COPY new /opt/app", f"COPY file:{SUM} in /opt/app", {"opt/app": "x"}, True),
        ("COPY new /opt/app", f"COPY file:{SUM} in /opt/app", {"opt/app/old": "x"}, False),
        ("COPY a b /opt/", f"COPY multi:{SUM} in /opt/", {"opt/a": "x", "opt/b": "x"}, True),
        ("COPY a b /opt/", f"COPY file:{SUM} in /opt/", {"opt/a": "x"}, False),
        ("COPY a /opt/", f"COPY multi:{SUM} in /opt/", {"opt/a": "x"}, False),
        ("COPY *.txt /opt/", f"COPY multi:{SUM} in /opt/", {"opt/a.txt": "x"}, True),
        ("COPY d /opt/", f"COPY dir:{SUM} in /opt/", {"opt/a": "x"}, True),
        ("COPY d /opt", f"ADD dir:{SUM} in /opt", {"opt/a": "x"}, False),
        ("ADD x.tar /opt/", f"ADD file:{SUM} in /opt/", {"opt/in": "x"}, True),
        ("COPY --chown=7 a /a", f"COPY --chown=7file:{SUM} in /a", {"a": "x"}, True),
        ("COPY --chown=7 a /a", f"COPY --chown=8file:{SUM} in /a", {"a": "x"}, False),
        ("COPY --chown=7 a /a", f"COPY file:{SUM} in /a", {"a": Node(b"x", uid=7, gid=7)}, False),
    ],
)
def test_a_copy_that_is_noted_by_a_sum(
    tmp_path: Path, line: str, note: str, files: LayerFiles, right: bool
) -> None:
    history = [{"created_by": "/bin/sh -c make"}, {"created_by": f"/bin/sh -c #(nop) {note} "}]
    image = opened(tmp_path, history, {1: files})
    found = attribute(dockerfile(f"FROM base\nRUN make\n{line}\n"), image)
    assert (lines(found).get(1) == 3, 1 in lines(found)) == (right, right)


@pytest.mark.parametrize(
    ("line", "node", "right"),
    [
        ("COPY --chown=7 a /a", Node(b"x", uid=7, gid=7), True),
        ("COPY --chown=7:8 a /a", Node(b"x", uid=7, gid=8), True),
        ("COPY --chown=7 a /a", Node(b"x"), False),
        ("COPY a /a", Node(b"x", uid=7, gid=7), False),
        ("COPY --from=other a /a", Node(b"x", uid=7, gid=7), True),
        ("ADD a.tar /a", Node(b"x", uid=7, gid=7), True),
        ("COPY --chown=app a /a", Node(b"x", uid=7, gid=7), True),
        ("COPY --chown=app a /a", Node(b"x"), False),
    ],
)
def test_the_owner_that_buildah_does_not_note(tmp_path: Path, line: str, node: Node, right: bool) -> None:
    history = [
        {"created_by": "/bin/sh -c make", "comment": "FROM base"},
        {"created_by": f"/bin/sh -c #(nop) {line[:4].strip()} file:{SUM} in /a ", "comment": "FROM 0123"},
    ]
    image = opened(tmp_path, history, {1: {"a": node}})
    assert (1 in lines(attribute(dockerfile(f"FROM base\nRUN make\n{line}\n"), image))) is right


@pytest.mark.parametrize(
    ("line", "node", "right"),
    [
        ("COPY --chmod=700 a /a", Node(b"x", mode=0o700), True),
        ("COPY --chmod=0700 a /a", Node(b"x", mode=0o700), True),
        ("COPY --chmod=755 a /a", Node(b"x", mode=0o700), False),
        ("COPY --chown=7 a /a", Node(b"x", uid=7, gid=7), True),
        ("COPY --chown=8 a /a", Node(b"x", uid=7, gid=7), False),
    ],
)
def test_flags_that_an_old_buildkit_does_not_note(tmp_path: Path, line: str, node: Node, right: bool) -> None:
    image = opened(tmp_path, [step("RUN /bin/sh -c make"), step("COPY a /a")], {1: {"a": node}})
    assert (1 in lines(attribute(dockerfile(f"FROM base\nRUN make\n{line}\n"), image))) is right


@pytest.mark.parametrize(
    ("text", "content", "right"),
    [
        ("COPY <<EOF /etc/x\nhello\nEOF", "hello\n", True),
        ("COPY <<EOF /etc/x\nhello!\nEOF", "hello\n", False),
        ("COPY <<EOF /etc/x\nhellO\nEOF", "hello\n", False),
        ("COPY <<EOF /etc/x\n$V\nEOF", "hello\n", True),
        ("COPY <<'EOF' /etc/x\n$V\nEOF", "hello\n", False),
        ("COPY <<-EOF /etc/x\n\thello\n\tEOF", "hello\n", True),
    ],
)
def test_a_here_document_that_is_copied_is_compared_with_the_file(
    tmp_path: Path, text: str, content: str, right: bool
) -> None:
    history = [step("ENV V=hello", **EMPTY), step("RUN /bin/sh -c make"), step("COPY <<EOF /etc/x")]
    image = opened(tmp_path, history, {1: {"etc/x": content}})
    assert (2 in lines(attribute(dockerfile(f"FROM base\nENV V=hello\nRUN make\n{text}\n"), image))) is right


def test_what_a_stage_leaves_to_those_on_it_is_built_there(tmp_path: Path) -> None:
    text = "FROM scratch AS one\nCOPY a /a\nONBUILD RUN make\nONBUILD ENV A=1\nFROM one\nRUN true\n"
    history = [
        step("COPY a /a"),
        step("RUN /bin/sh -c make"),
        step("ENV A=1", **EMPTY),
        step("RUN /bin/sh -c true"),
    ]
    found = attribute(dockerfile(text), opened(tmp_path, history))
    assert (found.matches, lines(found)) == (True, {0: 2, 1: 3, 2: 4, 3: 6})


@pytest.mark.parametrize(
    ("text", "steps", "right"),
    [
        ("WORKDIR a\nRUN x", ["WORKDIR /srv/a", "RUN /bin/sh -c x"], True),
        ("WORKDIR a\nRUN x", ["WORKDIR /srv/b", "RUN /bin/sh -c x"], False),
        ("WORKDIR ../a\nRUN x", ["WORKDIR /srv/a", "RUN /bin/sh -c x"], True),
        ("WORKDIR /a\nWORKDIR b", ["WORKDIR /a", "WORKDIR /a/b"], True),
        ("WORKDIR /a\nWORKDIR ..", ["WORKDIR /a", "WORKDIR /"], True),
        ("WORKDIR /a\nWORKDIR ..", ["WORKDIR /a", "WORKDIR /a"], False),
        ("ENV A=$HOME/x\nRUN x", ["ENV A=/root/x", "RUN /bin/sh -c x"], False),
        ("ENV A=$IN_BASE/x\nRUN x", ["ENV A=/base/x", "RUN /bin/sh -c x"], True),
        ("ENV PATH=/a:$PATH\nRUN x", ["ENV PATH=/a:/bin", "RUN /bin/sh -c x"], True),
        ("ENV PATH=/a:$PATH\nRUN x", ["ENV PATH=/b:/bin", "RUN /bin/sh -c x"], False),
        ('VOLUME "/a"\nRUN x', ["VOLUME [/a]", "RUN /bin/sh -c x"], True),
        ("CMD x", ['CMD ["/bin/bash" "-c" "x"]'], True),
        ("CMD x", ['CMD ["/bin/sh" "-c" "x"]'], False),
    ],
)
def test_what_the_base_image_has_set(tmp_path: Path, text: str, steps: list[str], right: bool) -> None:
    config = {"Env": ["IN_BASE=/base", "PATH=/a:/bin"], "Shell": ["/bin/bash", "-c"], "WorkingDir": "/srv"}
    history = [step(one.replace("/bin/sh -c x", "/bin/bash -c x") if "RUN" in one else one) for one in steps]
    found = attribute(dockerfile(f"FROM base\n{text}\n"), opened(tmp_path, history, config=config))
    assert found.matches is right, found.reason


# Layers of many steps, and histories that tell little.

FLAT: list[dict[str, Any]] = [
    {"created_by": f"/bin/sh -c #(nop) COPY file:{SUM} in /a ", **EMPTY},
    {"created_by": "/bin/sh -c make", **EMPTY},
    {"created_by": "/bin/sh -c #(nop) ENV A=1", **EMPTY},
    {"created_by": f"/bin/sh -c #(nop) COPY file:{SUM} in /b ", **EMPTY},
    {"created_by": '/bin/sh -c #(nop) CMD ["a"]', "comment": "FROM localhost/base:1"},
]
FLAT_TEXT = 'FROM base\nCOPY a /a\nRUN make\nENV A=1\nCOPY b \\\n  /b\nCMD ["a"]\n'
SQUASHED: list[dict[str, Any]] = [
    *({**one, **EMPTY, "comment": ""} for one in FLAT),
    {"comment": "merge sha256:a to sha256:b"},
]


@pytest.mark.parametrize("history", [FLAT, SQUASHED], ids=["buildah", "squash"])
def test_a_layer_of_many_steps_has_a_range_of_lines(tmp_path: Path, history: list[dict[str, Any]]) -> None:
    image = opened(tmp_path, history)
    found = attribute(dockerfile(FLAT_TEXT), image)
    assert found.matches
    assert {layer: tuple(span) for layer, span in found.layers.items()} == {0: (2, 1, 6, 5)}
    assert lines(found) == {1: 3, 2: 4, 4: 7}, "a COPY without a layer of its own tells too little"
    # With a line between that the image does not have, or without one, no range is true.
    for edited in (FLAT_TEXT.replace("ENV", "RUN x\nENV"), FLAT_TEXT.replace("make", "Make")):
        assert attribute(dockerfile(edited), image).layers == {}
    # A line more behind them does not matter.
    assert set(attribute(dockerfile(f"{FLAT_TEXT}RUN more\n"), image).layers) == {0}


def test_a_range_holds_no_lines_of_other_stages(tmp_path: Path) -> None:
    text = "FROM base AS one\nCOPY a /a\nRUN make\nFROM x AS other\nRUN y\nFROM one\nENV A=1\nCOPY b /b\n"
    found = attribute(dockerfile(text + 'CMD ["a"]\n'), opened(tmp_path, SQUASHED))
    assert found.matches
    assert found.layers == {}


def test_the_report_tells_the_range(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(FLAT_TEXT)
    history = [*FLAT, {"created_by": "/bin/sh -c rm /a", "comment": "FROM 0123"}]
    image = opened(tmp_path, history, {0: {"a": "x" * 20_000}, 1: {"a": None}})
    (tmp_path / "Dockerfile").write_text(FLAT_TEXT + "RUN rm /a\n")
    report = imglint.audit(str(tmp_path / "Dockerfile"), image.source)
    assert report.notes == ()
    (waste,) = [one for one in report.findings if one.rule.code == "AV0303"]
    assert "layer 0 (steps 0 to 3 together)" in waste.message
    place = report.located(waste)
    assert place.span is not None
    assert (place.span.line, place.span.end_line) == (2, 6)


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([{"created_by": '/bin/sh -c #(nop) CMD ["a"]', "comment": "FROM 0123"}],
         "the history does not tell what made the layers, as after a squash"),
        ([{"comment": "merge sha256:a to sha256:b"}], "the image has no history to compare with"),
        ([], "the image has no history to compare with"),
    ],
)  # fmt: skip
def test_a_history_that_does_not_tell_accuses_nobody(
    tmp_path: Path, history: list[dict[str, Any]], reason: str
) -> None:
    image = opened(tmp_path, history)
    found = attribute(dockerfile(FLAT_TEXT), image)
    assert (found.told, found.matches, found.reason) == (False, False, reason)
    (tmp_path / "Dockerfile").write_text(FLAT_TEXT)
    (note,) = imglint.audit(str(tmp_path / "Dockerfile"), image.source).notes
    assert note.endswith(f"can't be held against {tmp_path}/Dockerfile: {reason}")


def test_an_earlier_version_is_no_accusation(tmp_path: Path) -> None:
    image = opened(tmp_path, BUILDKIT, {1: {"big": "x" * 20_000}, 5: {"big": None}})
    path = tmp_path / "Dockerfile"
    path.write_text(TEXT.replace("WORKDIR /srv", "WORKDIR /app"))
    report = imglint.audit(str(path), image.source)
    (note,) = report.notes
    assert note == (
        f"{image.source} was built from another version of {path}: lines 2 to 4 and 6 to 12 match, but line 5 is"
        " 'WORKDIR /app', where the image has 'WORKDIR /srv'; use an image built from it as it stands to hold"
        " both against each other"
    )
    (waste,) = [one for one in report.findings if one.rule.code == "AV0303"]
    span = report.located(waste).span
    assert span is not None
    assert span.line == 3
    assert report.withdrawn == (), "the image does not speak of the text as it is now"


# Other builders.


def test_kaniko_notes_only_what_changed_files(tmp_path: Path) -> None:
    history = [
        {"created_by": one, "author": "kaniko"}
        for one in ("RUN apk add x", "COPY a /a", "RUN set -e; make && make install")
    ]
    text = "FROM base\nENV A=1\nRUN apk add x\nRUN true\nCOPY a /a\nRUN set -e; \\\n  make && make install\nCMD a\n"
    image = opened(tmp_path, history)
    found = attribute(dockerfile(text.replace("\\\n  ", "")), image)
    assert (found.matches, lines(found)) == (True, {0: 3, 1: 5, 2: 6})
    found = attribute(dockerfile(text.replace("\\\n  ", "").replace("apk add x", "apk add y")), image)
    assert lines(found) == {1: 5, 2: 6}
    assert found.reason == "line 3 is 'RUN apk add y', where the image has 'RUN apk add x'"


@pytest.mark.parametrize(
    "entry",
    [
        {"created_by": "jib-maven-plugin:3.4", "author": "Jib", "comment": "classes"},
        {"created_by": "ko build example.org/x", "author": "ko", "comment": "kodata contents"},
        {"created_by": "bazel build ...", "author": "Bazel"},
        {"comment": "store paths: ['/nix/store/x']"},
        {"comment": "Imported from -"},
        {},
        {"created_by": 7, "comment": [], "author": {}},
    ],
)
def test_what_needs_no_dockerfile_was_built_from_none(tmp_path: Path, entry: dict[str, Any]) -> None:
    found = attribute(dockerfile(FLAT_TEXT), opened(tmp_path, [entry, entry]))
    assert (found.matches, lines(found), found.layers) == (False, {}, {})


@pytest.mark.parametrize(
    ("text", "created_by"),
    [
        ("RUN make", "|1 V=1 /bin/sh -c make"),
        ("RUN make", "|1 V=a b /bin/sh -c make"),
        ('RUN ["make", "x"]', "|1 V=1 make x"),
        ('RUN ["make", "x"]', "|1 V=2 make x"),
        ('ARG V="a b"\nRUN ["make", "x"]', "|1 V=a b make x"),
        ("RUN --mount=type=cache,target=/c make", f"/bin/sh -c --mount=type=cache,target=/c make:{SUM}"),
        ("RUN <<EOF\nmake\nEOF", "/bin/sh -c <<EOF\nmake"),
        ("RUN cat <<EOF <<-X\nEOF\n\ta\n\tX", "/bin/sh -c cat <<EOF <<-X\nEOF\n\ta\nX"),
        ("RUN make", "|1 V=1 /bin/sh -c make|force-mtime=1"),
    ],
)
def test_arguments_and_marks_around_a_command(tmp_path: Path, text: str, created_by: str) -> None:
    image = opened(tmp_path, [{"created_by": created_by, "comment": "FROM base"}])
    wanted = {0: 3 + text.count("\nRUN")}
    assert lines(attribute(dockerfile(f"FROM base\nARG V=1\n{text}\n"), image)) == wanted


@pytest.mark.parametrize(
    ("text", "created_by"),
    [
        ("RUN make", "|1 V=1 /bin/sh -c x && /bin/sh -c make"),
        ("RUN make", "|1 V=1 /bin/sh -c echo make"),
        ("RUN make", "|1 W=1 /bin/sh -c make"),
        ("RUN make", "make"),
        ('RUN ["make", "x"]', "|1 V=1 /bin/sudo make x"),
        ('RUN ["make", "x"]', "|1 V=1 sudo make x"),
        ("RUN <<EOF\nmake\nEOF", "/bin/sh -c rm -rf /"),
    ],
)
def test_a_command_behind_another_one_is_another_command(tmp_path: Path, text: str, created_by: str) -> None:
    image = opened(tmp_path, [{"created_by": created_by}])
    assert lines(attribute(dockerfile(f"FROM base\nARG V=1\n{text}\n"), image)) == {}


def test_long_histories_are_not_slow(tmp_path: Path) -> None:
    many = [step("RUN /bin/sh -c true", **EMPTY)] * 500
    started = time.process_time()
    found = attribute(dockerfile("FROM base\n" + "RUN true\n" * 500 + "RUN x\n"), opened(tmp_path, many))
    assert not found.matches
    far = [step(f"RUN /bin/sh -c echo {number}", **EMPTY) for number in range(20_000)]
    found = attribute(dockerfile("FROM base\nRUN echo 19998\nRUN echo 19999\n"), opened(tmp_path, far))
    assert lines(found) == {19_998: 2, 19_999: 3}
    text = "FROM base\n" + "".join(f"RUN echo {number}\n" for number in range(3000))
    found = attribute(dockerfile(f"{text}RUN x\n"), opened(tmp_path, far[:3000]))
    assert (found.told, lines(found)) == (False, {})
    assert time.process_time() - started < 20  # it takes about one; without its bounds, minutes


# The parts.


@pytest.mark.parametrize(
    ("expected", "text", "right"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (GAP, "", True),
        (f"a{GAP}", "abc", True),
        (f"{GAP}c", "abc", True),
        (f"a{GAP}c", "ac", True),
        (f"ab{GAP}bc", "abc", False),
        (f"a{GAP}b{GAP}c", "axbxc", True),
        (f"a{GAP}b{GAP}c", "axxc", False),
        (f"{GAP}b{GAP}b{GAP}", "abb", True),
        (f"{GAP}b{GAP}b{GAP}", "ab", False),
    ],
)
def test_gaps(expected: str, text: str, right: bool) -> None:
    assert fits(expected, text) is right


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("EXPOSE 80 443/TCP", "EXPOSE map[443/tcp:{} 80/tcp:{}]"),
        ("EXPOSE 1-3/udp", "EXPOSE [1/udp 2/udp 3/udp]"),
        ("VOLUME /a /b", 'VOLUME ["/a", "/b"]'),
        ("SHELL [/bin/sh -e -c]", 'SHELL ["/bin/sh","-e","-c"]'),
        ('cmd ["a",  "b c"]', 'CMD ["a" "b c"]'),
        (
            "HEALTHCHECK --timeout=2s --interval=90s CMD a || exit 1",
            "HEALTHCHECK {Test:[CMD-SHELL a || exit 1] Interval:1m30s Timeout:2s StartPeriod:0s StartInterval:0s Retries:0}",
        ),
        (
            'HEALTHCHECK --retries=3 CMD ["a", "b"]',
            """HEALTHCHECK &{["CMD" "a" "b"] "0s" "0s" "0s" "0s" '\\x03'}""",
        ),
    ],
)
def test_two_ways_to_write_the_same(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("EXPOSE 80", "EXPOSE 80/udp"),
        ("EXPOSE 1-3", "EXPOSE 1-4"),
        ("EXPOSE 1-99999", "EXPOSE 1-99998"),
        ('CMD ["a b"]', 'CMD ["a", "b"]'),
        ("HEALTHCHECK --interval=1m CMD a", "HEALTHCHECK --interval=1s CMD a"),
        ("HEALTHCHECK NONE", "HEALTHCHECK CMD NONE"),
        ("ENV A=1", "ENV A= 1"),
    ],
)
def test_two_ways_to_write_something_else(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("matches", "width", "pairs"),
    [
        ([{0}, {1}], 2, {0: 0, 1: 1}),
        ([{0}, set(), {2}], 3, {0: 0, 2: 2}),
        ([{1}, {0}], 2, {}),  # one of the two has moved, nobody knows which
        ([{0, 1}], 2, {}),
        ([{0, 1}, {0, 1}], 2, {0: 0, 1: 1}),
        ([], 2, {}),
        ([set()], 0, {}),
    ],
)
def test_only_pairs_without_a_doubt(matches: list[set[int]], width: int, pairs: dict[int, int]) -> None:
    assert aligned(matches, width) == pairs


def test_what_may_stand_alone() -> None:
    matches = [{0}, set(), {3}]
    assert continuous(lambda row, column: column in matches[row], 3, 4) is None
    assert continuous(lambda row, column: column in matches[row], 3, 4, {1}, {1, 2}) == {0: 0, 2: 3}
    assert continuous(lambda _, column: column == 1, 1, 2) is None
    assert continuous(lambda _, column: column == 1, 1, 2, free_start=True) == {0: 1}
    assert continuous(lambda _row, _column: True, 2, 1) is None
    # A column that stands before the first pair counts against it only where it is not free.
    far = [{0, 9}, {10}]
    assert aligned(far, 11, free_start=True) == {0: 9, 1: 10}
