"""Which step made which layer, who wrote it, and how it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from image_archives import Saved, docker_legacy, layer_tar, step

from imglint.analyzer.image import Image, Step, open_images
from imglint.analyzer.image.created_by import instruction_text
from imglint.analyzer.image.history import map_history, producer, producer_of, steps_of_layers
from imglint.reports.image_text import history

EMPTY = {"empty_layer": True}


def mapped(history: Any, layers: int) -> tuple[list[int | None], set[str]]:
    """The layer of each step, and the confidences."""
    steps = map_history(history, layers, "test")
    return [one.layer for one in steps], {one.confidence for one in steps}


@pytest.mark.parametrize(
    ("created_by", "text"),
    [
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("/bin/sh -c #(nop)  ENV A=b", "ENV A=b"),
        ("/bin/sh -c #(nop) COPY file:0a1b in /dst ", "COPY file:0a1b in /dst"),
        ('/bin/sh -x -c #(nop)  CMD ["a"]', 'CMD ["a"]'),
        ("|1 VER=3 /bin/sh -c make $VER", "RUN make $VER"),
        ("RUN /bin/sh -c make # buildkit", "RUN make"),
        ("RUN |2 A=1 B=2 /bin/sh -c make # buildkit", "RUN make"),
        ("RUN busybox echo hi # buildkit", "RUN busybox echo hi"),
        ("COPY --chown=1000:1000 a /b # buildkit", "COPY --chown=1000:1000 a /b"),
        ("WORKDIR /srv", "WORKDIR /srv"),
        ("EXPOSE map[8080/tcp:{}]", "EXPOSE 8080/tcp"),
        ("EXPOSE map[443/tcp:{} 80/tcp:{}]", "EXPOSE 443/tcp 80/tcp"),
        ("EXPOSE [80/tcp]", "EXPOSE 80/tcp"),
        ("/bin/sh -c #(nop)  EXPOSE 5555", "EXPOSE 5555"),
        ('CMD ["/bin/httpd" "-f"]', 'CMD ["/bin/httpd", "-f"]'),
        ('CMD ["a \\"b\\"" "c"]', 'CMD ["a \\"b\\"", "c"]'),
        ('CMD ["a", "b"]', 'CMD ["a", "b"]'),
        ('CMD ["a\\x1b" "\\u00e9\\t\\\\"]', 'CMD ["a\\u001b", "é\\t\\\\"]'),
        ("SHELL [/bin/sh -eu -c]", 'SHELL ["/bin/sh", "-eu", "-c"]'),
        (
            "/bin/sh -c #(nop)  SHELL [/bin/bash -o pipefail -c]",
            'SHELL ["/bin/bash", "-o", "pipefail", "-c"]',
        ),
        ('SHELL ["/bin/sh", "-c"]', 'SHELL ["/bin/sh", "-c"]'),
        ("VOLUME [/data /var/lib/x]", "VOLUME /data /var/lib/x"),
        ('VOLUME ["/data"]', 'VOLUME ["/data"]'),
        ("RUN |1 V=1 /bin/busybox touch /a # buildkit", "RUN /bin/busybox touch /a"),
        ("RUN |2 V=1 W= /bin/sh -c make # buildkit", "RUN make"),
        ("RUN |1 V=a b /bin/busybox touch /a # buildkit", "RUN |1 V=a b /bin/busybox touch /a"),
        ("COPY <<EOT /etc/x # buildkit", "COPY <<EOT /etc/x"),
        (
            """HEALTHCHECK &{["CMD" "/bin/true"] "10s" "0s" "5s" "500ms" '\\x00'}""",
            'HEALTHCHECK --interval=10s --start-period=5s --start-interval=500ms CMD ["/bin/true"]',
        ),
        (
            """/bin/sh -c #(nop)  HEALTHCHECK &{["CMD-SHELL" "curl -f \\"$URL\\" || exit 1"] "1m0s" "3s" "0s" '\\x03'}""",
            'HEALTHCHECK --interval=1m0s --timeout=3s --retries=3 CMD curl -f "$URL" || exit 1',
        ),
        ("""HEALTHCHECK &{["CMD" "a"] "0s" "0s" "0s" "0s" '\\n'}""", 'HEALTHCHECK --retries=10 CMD ["a"]'),
        ("""HEALTHCHECK &{["CMD" "a"] "0s" "0s" "0s" "0s" '\\''}""", 'HEALTHCHECK --retries=39 CMD ["a"]'),
        ("""HEALTHCHECK &{["CMD" "a"] "0s" "0s" "0s" "0s" '0'}""", 'HEALTHCHECK --retries=48 CMD ["a"]'),
        ("""HEALTHCHECK &{["NONE"] "0s" "0s" "0s" "0s" '\\x00'}""", "HEALTHCHECK NONE"),
        (
            """HEALTHCHECK &{["X"] "0s" "0s" "0s" "0s" '\\x00'}""",
            """HEALTHCHECK &{["X"] "0s" "0s" "0s" "0s" '\\x00'}""",
        ),
        ("HEALTHCHECK CMD true", "HEALTHCHECK CMD true"),
        ("/bin/sh -c echo a:" + "0" * 64, "RUN echo a"),
        ("RUN |1 A=b c /bin/bash -o pipefail -c curl x | sh # buildkit", "RUN curl x | sh"),
        ("/bin/sh -e -c echo hi > /x", "RUN echo hi > /x"),
        ('/bin/sh -e -c #(nop)  CMD ["a"]', 'CMD ["a"]'),
        ('/bin/sh -c echo "#(nop) ENV"', 'RUN echo "#(nop) ENV"'),
        (
            "HEALTHCHECK {Test:[CMD-SHELL cat /a || exit 1] Interval:10s Timeout:2s StartPeriod:0s"
            " StartInterval:500ms Retries:3}",
            "HEALTHCHECK --interval=10s --timeout=2s --start-interval=500ms --retries=3 CMD cat /a || exit 1",
        ),
        (
            "HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}",
            "HEALTHCHECK NONE",
        ),
        ("-c echo hi > /tmp/x", "-c echo hi > /tmp/x"),
        ("", ""),
    ],
)
def test_steps_read_as_in_a_dockerfile(created_by: str, text: str) -> None:
    assert instruction_text(created_by) == text


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (step("RUN /bin/sh -c make"), "BuildKit"),
        ({"created_by": "/bin/sh -c make"}, "Docker builder"),
        ({"created_by": "/bin/sh -c #(nop)  ENV A=b"}, "Docker builder"),
        ({"created_by": "/bin/sh -c make", "comment": "FROM docker.io/library/alpine:3"}, "buildah"),
        ({"created_by": "RUN make", "author": "kaniko"}, "kaniko"),
        ({"created_by": "ko build example.org/x", "author": "ko", "comment": "kodata contents"}, "ko"),
        ({"created_by": "jib-maven-plugin:3.4", "author": "Jib", "comment": "classes"}, "Jib"),
        ({"created_by": "bazel build ...", "author": "Bazel"}, "Bazel"),
        ({"comment": "Imported from -"}, "docker import"),
        ({"comment": "store paths: ['/nix/store/x']"}, "Nix"),
        ({"comment": "merge sha256:a to sha256:b"}, "squash"),
        ({"created_by": "-c echo hi"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_producers(entry: dict[str, Any], name: str) -> None:
    assert producer(map_history([entry], 1, "test")[0]) == name


def test_as_many_entries_as_layers_go_by_position() -> None:
    history = [step("COPY a /"), step("ENV A=b", **EMPTY), step("RUN make"), step("CMD a", **EMPTY)]
    assert mapped(history, 2) == ([0, None, 1, None], {"exact"})


def test_no_history_attributes_nothing() -> None:
    assert mapped(None, 3) == ([], set())
    assert mapped([], 3) == ([], set())


def test_of_too_many_entries_those_that_make_no_layer_are_left_out() -> None:
    steps = [step("COPY a /"), step("ENV A=b"), step("RUN c"), step("CMD d")]
    assert mapped(steps, 2) == ([0, None, 1, None], {"aligned"})


@pytest.mark.parametrize(
    "entries",
    [
        [step("COPY a /"), step("RUN b"), step("RUN c")],
        [{"created_by": "FROM base"}, {"created_by": 'CMD ["x"]'}, {"created_by": "COPY a b"}],
    ],
)
def test_of_too_many_entries_nobody_can_tell(tmp_path: Path, entries: list[dict[str, Any]]) -> None:
    assert mapped(entries, 2) == ([None, None, None], {"unknown"})
    image = opened(tmp_path, Saved((layer_tar({"a": "x"}), layer_tar({"b": "x"})), history=tuple(entries)))
    assert [layer.step for layer in image.layers] == [None, None]
    told = history(image)
    assert (
        "the history has 3 steps with a layer where the image has 2 layers, so nobody can tell which" in told
    )
    assert told.count("unknown: the history does not say") == 2


def test_a_classic_build_on_a_base_without_history_belongs_to_the_top() -> None:
    assert mapped([{"created_by": "/bin/sh -c touch /three"}], 3) == ([2], {"aligned"})


def test_of_too_few_entries_by_others_nobody_can_tell() -> None:
    assert mapped([{"created_by": "something"}], 3) == ([None], {"unknown"})


def test_bazel_puts_its_entries_before_those_of_the_base() -> None:
    history = [{"created_by": "bazel build ...", "author": "Bazel"}, {"created_by": "/bin/sh -c base"}]
    assert mapped(history, 2)[1] == {"unknown"}


COPIED = {"created_by": "/bin/sh -c #(nop) COPY file:0a in /a "}
RAN = {"created_by": "/bin/sh -c make"}
COMMAND = {"created_by": '/bin/sh -c #(nop) CMD ["a"]'}
LAST = {"comment": "FROM localhost/base:1"}


@pytest.mark.parametrize(
    ("history", "layers", "within"),
    [
        # Of one step that can have made the layer it is sure that it has.
        ([{**RAN, **EMPTY}, COMMAND], [0, None], [None, None]),
        ([{**COPIED, **EMPTY}, {**RAN, **EMPTY}, COMMAND], [None, None, None], [0, 0, None]),
        ([{**COPIED, **EMPTY}, COMMAND, {**RAN, **EMPTY}, COMMAND | LAST], [0, None, 1, None], [None] * 4),
        ([{**RAN, **EMPTY}, {**COPIED, **LAST}], [None, None], [0, 0]),
        # The classic builder has no layer for what changed nothing.
        ([{**RAN, **EMPTY}, COPIED], [None, 0], [None, None]),
        ([COPIED, {"comment": "merge sha256:a to sha256:b"}], [0, None], [None, None]),
        ([{**COPIED, **EMPTY}, {**RAN, **EMPTY}, {"comment": "merge sha256:a to sha256:b"}], [None] * 3, [0, 0, None]),
        # A layer is never a CMD's.
        ([COMMAND], [None], [None]),
    ],
)  # fmt: skip
def test_builds_that_commit_once(
    history: list[dict[str, Any]], layers: list[int | None], within: list[int | None]
) -> None:
    count = sum(not one.get("empty_layer") for one in history)
    steps = map_history(history, count, "test")
    assert [one.layer for one in steps] == layers
    assert [one.within for one in steps] == within


def test_what_commits_once_is_known_by_its_mark() -> None:
    base = [step("COPY base /")]
    image = map_history([*base, {**COPIED, **EMPTY}, {**RAN, **EMPTY}, COMMAND | LAST], 2, "test")
    makers = steps_of_layers(image)
    assert {layer: [one.index for one in made] for layer, made in makers.items()} == {0: [0], 1: [1, 2]}
    assert [producer_of(made, image) for made in makers.values()] == ["BuildKit", "buildah"]
    unmarked = map_history([{**COPIED, **EMPTY}, {**RAN, **EMPTY}, COMMAND], 1, "test")
    assert producer_of(steps_of_layers(unmarked)[0], unmarked) == "buildah"
    squashed = map_history([{**COPIED, **EMPTY}, {**RAN, **EMPTY}, {"comment": "merge sha256:a"}], 1, "test")
    assert producer_of(steps_of_layers(squashed)[0], squashed) == "squash"


def opened(tmp_path: Path, saved: Saved) -> Image:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(saved))
    return open_images(str(path))[0]


def test_a_layer_of_many_steps_is_shown_below_them(tmp_path: Path) -> None:
    entries = (
        {**COPIED, **EMPTY},
        {**RAN, **EMPTY},
        {"created_by": '/bin/sh -c #(nop) CMD ["a"]', **LAST},
    )
    image = opened(tmp_path, Saved((layer_tar({"a": "x" * 2000}),), history=entries))
    rows = [line.split() for line in history(image).splitlines() if line.startswith(" ")]
    assert rows[1:] == [
        ["0", "0", "COPY", "file:0a", "in", "/a"],
        ["1", "0", "RUN", "make"],
        ["0", "2.0", "kB", "steps", "0", "to", "1", "together"],
        ["2", "CMD", '["a"]'],
    ]
    assert "steps with the same layer made it together" in history(image)


def test_layers_know_their_step(tmp_path: Path) -> None:
    history = (step("ENV A=b", **EMPTY), step("COPY a /"), step("WORKDIR /srv"), step("COPY a /"))
    same = layer_tar({"a": "x"})
    image = opened(tmp_path, Saved((same, layer_tar({}), same), history=history))
    assert [(one.index, one.step, one.created_by) for one in image.layers] == [
        (0, 1, "COPY a / # buildkit"),
        (1, 2, "WORKDIR /srv # buildkit"),
        (2, 3, "COPY a / # buildkit"),
    ]
    assert image.steps[0] == Step(
        index=0,
        created_by="ENV A=b # buildkit",
        created="2024-05-01T12:00:00Z",
        comment="buildkit.dockerfile.v0",
        author="",
        empty=True,
        layer=None,
        confidence="exact",
    )


def test_layers_without_a_step(tmp_path: Path) -> None:
    image = opened(tmp_path, Saved((layer_tar({"a": "x"}),), history=None))
    (layer,) = image.layers
    assert (layer.step, layer.created_by, layer.created) == (None, None, None)
    assert (layer.producer, layer.confidence) == ("unknown", "unknown")
