"""Facts about stages: which is shipped, what variables hold, who it runs as."""

from __future__ import annotations

import pytest

from imglint.analyzer.dockerfile import Dockerfile, Stage, Text, expand, parse_reference, uses


def target(text: str) -> Stage:
    stage = Dockerfile.from_string(text).target
    assert stage
    return stage


def test_shipped_stages_are_those_that_the_target_is_built_on() -> None:
    file = Dockerfile.from_string("FROM a AS x\nFROM b AS y\nFROM X AS z\nCOPY --from=y /a /b\n")
    assert [stage.shipped for stage in file.stages] == [True, False, True]
    file = Dockerfile(Text("FROM a AS x\nFROM b AS y\n"), target="X")
    assert [stage.shipped for stage in file.stages] == [True, False]


USERS = [
    ("FROM debian\n", "root", True),
    ("FROM scratch\n", "root", True),
    ("FROM example.org/own\n", None, None),
    ("FROM gcr.io/distroless/base:nonroot\n", "65532", False),
    ("FROM a\nUSER app\n", "app", False),
    ("FROM a\nUSER app\nUSER 0:0\n", "0:0", True),
    ("FROM a AS b\nUSER app\nFROM b\n", "app", False),
    ("FROM a\nARG U=root\nUSER $U\n", "root", True),
    ("FROM a\nENV U=app\nUSER ${U}\n", "app", False),
    ("FROM a\nARG U\nUSER $U\n", None, None),
    ("FROM a\nUSER $FROM_THE_BASE\n", None, None),
    ("ARG U=app\nFROM a\nARG U\nUSER $U\n", "app", False),
    ("FROM mcr.microsoft.com/windows/servercore:ltsc2022\n", None, None),
]


@pytest.mark.parametrize(("text", "value", "is_root"), USERS)
def test_user(text: str, value: str | None, is_root: bool | None) -> None:
    user = target(text).user
    assert (user.value, user.is_root) == (value, is_root)
    assert user.reason


def test_build_arguments_win_over_defaults() -> None:
    text = "ARG TAG=latest\nFROM a:$TAG\nARG WHO=root\nUSER $WHO\n"
    file = Dockerfile(Text(text), build_args={"TAG": "1.0", "WHO": "app"})
    assert file.stages[0].base_name == "a:1.0"
    assert file.stages[0].user.value == "app"


def test_variables_hold_from_their_place_on() -> None:
    stage = target("FROM scratch\nENV A=1\nRUN x\nENV A=2 B=$A\nRUN y\n")
    first, second = stage.all("RUN")
    assert stage.variables(first)["A"] == "1"
    # Within one ENV the old values count.
    assert stage.variables(second) == {"A": "2", "B": "1"}


EXPANSIONS = [
    ("$a-${b}", "1-"),
    ("${a:-x}${b:-x}${c:-x}", "1xx"),
    ("${a:+x}${b:+x}${c:+x}", "x"),
    ("${b-x}${c-x}", "x"),
    ("${b+x}${c+x}", "x"),
    ("\\$a", "$a"),
    ("${c:-$a}", "1"),
    ("$unknown", None),
    ("$d$e", ""),
    ("${c:-${a}2}", "12"),
    ("${a:?no}${c?no}", None),
    ("${path#*/}", "b/c.tar.gz"),
    ("${path##*/}", "c.tar.gz"),
    ("${path%.*}", "a/b/c.tar"),
    ("${path%%.*}", "a/b/c"),
    ("${path/b/x}", "a/x/c.tar.gz"),
    ("${path//?r/-}", "a/b/c.t-.gz"),
    ("${path//\\//_}", "a_b_c.tar.gz"),
    ("${path//[/_}", "a/b/c.tar.gz"),
    ("${unknown#x}", None),
    ("${a!}", None),
    ("a$ b", "a$ b"),
    ("${a", None),
]


@pytest.mark.parametrize(("text", "expected"), EXPANSIONS)
def test_expand(text: str, expected: str | None) -> None:
    assert expand(text, {"a": "1", "b": "", "unknown": None, "path": "a/b/c.tar.gz"}) == expected


def test_uses_of_variables() -> None:
    found = uses("$a '$b' \"$c\" \\$d ${e:-$f} ${g%.*}")
    assert [(one.name, one.guarded) for one in found] == [
        ("a", False), ("c", False), ("e", True), ("f", False), ("g", False),
    ]  # fmt: skip
    assert [(one.start, one.end) for one in uses("x${a}y")] == [(1, 5)]


REFERENCES = [
    ("debian", (None, "debian", None, None)),
    ("debian:12", (None, "debian", "12", None)),
    ("user/app:1@sha256:ab", (None, "user/app", "1", "sha256:ab")),
    ("localhost:5000/app", ("localhost:5000", "app", None, None)),
    ("ghcr.io/a/b:c", ("ghcr.io", "a/b", "c", None)),
]


@pytest.mark.parametrize(("text", "expected"), REFERENCES)
def test_references(text: str, expected: tuple[str | None, ...]) -> None:
    assert tuple(parse_reference(text)) == expected


SHELLS = [
    ("FROM a\nRUN x\n", ("/bin/sh", "-c")),
    ('FROM a\nSHELL ["/bin/bash", "-c"]\nENV A=1\nRUN x\n', ("/bin/bash", "-c")),
    ('FROM a AS b\nSHELL ["/bin/bash", "-c"]\nFROM b\nRUN x\n', ("/bin/bash", "-c")),
    ("# hadolint shell=powershell\nFROM a\nRUN x\n", ("powershell", "-c")),
    ("FROM a\n# hadolint shell=pwsh\nRUN x\n", ("pwsh", "-c")),
    ("FROM mcr.microsoft.com/windows/nanoserver\nRUN x\n", ("cmd", "/S", "/C")),
]


@pytest.mark.parametrize(("text", "shell"), SHELLS)
def test_shell(text: str, shell: tuple[str, ...]) -> None:
    stage = target(text)
    assert stage.shell(stage.all("RUN")[-1]) == shell


ARGVS = [
    # ENTRYPOINT none, shell, exec × CMD none, empty, shell, exec
    ("", ()),
    ("CMD []\n", ()),
    ("CMD b c\n", ("/bin/sh", "-c", "b c")),
    ('CMD ["b", "c"]\n', ("b", "c")),
    ("ENTRYPOINT a\n", ("/bin/sh", "-c", "a")),
    ("ENTRYPOINT a\nCMD []\n", ("/bin/sh", "-c", "a")),
    ("ENTRYPOINT a\nCMD b\n", ("/bin/sh", "-c", "a", "/bin/sh", "-c", "b")),
    ('ENTRYPOINT a\nCMD ["b"]\n', ("/bin/sh", "-c", "a", "b")),
    ('ENTRYPOINT ["a"]\n', ("a",)),
    ('ENTRYPOINT ["a"]\nCMD []\n', ("a",)),
    ('ENTRYPOINT ["a"]\nCMD b\n', ("a", "/bin/sh", "-c", "b")),
    ('ENTRYPOINT ["a"]\nCMD ["b"]\n', ("a", "b")),
    # Inherited: a new ENTRYPOINT drops the CMD below it, a new CMD keeps the ENTRYPOINT.
    ('CMD ["b"]\nFROM s\nENTRYPOINT ["a"]\n', ("a",)),
    ('ENTRYPOINT ["a"]\nCMD ["b"]\nFROM s\nCMD ["c"]\n', ("a", "c")),
    ('ENTRYPOINT ["a"]\nFROM s\nENTRYPOINT []\nCMD ["c"]\n', ("c",)),
]


@pytest.mark.parametrize(("body", "argv"), ARGVS)
def test_what_is_started(body: str, argv: tuple[str, ...]) -> None:
    assert target(f"FROM a AS s\n{body}").argv == argv


def test_paths_and_volumes() -> None:
    stage = target(
        "FROM debian:12 AS a\nWORKDIR srv\nVOLUME data /x\nFROM a\nARG D=y\nWORKDIR $D/../z\nCOPY a ./b/\n"
    )
    copy = stage.all("COPY")[0]
    assert stage.workdir() == "/srv/z"
    assert stage.path(copy.args[-1], copy) == "/srv/z/b"
    assert set(stage.volumes) == {"/srv/data", "/x"}
    assert target("FROM example.org/own\nWORKDIR a\n").workdir() is None
    assert target("FROM a\nWORKDIR $UNKNOWN\n").workdir() is None


def test_what_is_at_a_line() -> None:
    file = Dockerfile.from_string("FROM a AS x\nRUN b \\\n  c\n\nUSER d\n")
    found = [file.instruction_at(line) for line in range(7)]
    keywords = [one.keyword if one else None for one in found]
    assert keywords == [None, "FROM", "RUN", "RUN", None, "USER", None]
