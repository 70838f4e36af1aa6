"""The shell reader: commands, operators, pipelines and words in their places."""

from __future__ import annotations

import pytest
from properties import given, settings, st

from imglint.analyzer.dockerfile import Command, Dockerfile, Script


def script(run: str, head: str = "FROM a\n") -> Script:
    file = Dockerfile.from_string(f"{head}{run}\n")
    return file.stages[-1].script(file.instructions[-1])


def words(command: Command) -> list[str]:
    return [word.value for word in command.words]


COMMANDS: list[tuple[str, list[str]]] = [
    ("a b && c || d; e & f", ["a b", "c", "d", "e", "f"]),
    ("A=1 B='x y' a b", ["a b"]),
    ("A=1", []),
    ("a 'b c' \"d $e\" f\\ g", ["a b c d $e f g"]),
    ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
    ("for i in a b; do c $i; done", ["c $i"]),
    ("while a; do b; done < c", ["a", "b"]),
    ("case $a in x|y) b;; *) c;; esac; d", ["b", "c", "d"]),
    ("{ a; b; } && (c; d)", ["a", "b", "c", "d"]),
    ("f() { a; }; f", ["a", "f"]),
    ("function f { a; }", ["a"]),
    ("! a", ["a"]),
    ("[[ -f a && -n $b ]] && c", ["[[ -f a -n $b ]]", "c"]),
    ("[ -f a ] || b", ["[ -f a ]", "b"]),
    ("a $(b c) `d`", ["a $(b c) `d`", "b c", "d"]),
    ("x=$(a | b)", ["a", "b"]),
    ("a > b 2>&1 < c", ["a"]),
    ("a # b && c", ["a"]),
    ("a#b", ["a#b"]),
    ("echo ${a:-$(b)}", ["echo ${a:-$(b)}"]),
    ("(( a < 3 )) && b", ["b"]),
    ("a=(b c); d", ["d"]),
    ("sudo -u app make install", ["sudo -u app make install", "make install"]),
    ("bash -c 'a && b'", ["bash -c a && b", "a", "b"]),
    ('sh -ec "a; b"', ["sh -ec a; b", "a", "b"]),
    ("exec env X=1 a", ["exec env X=1 a", "env X=1 a", "a"]),
    ("a 'unfinished", ["a unfinished"]),
    ("a | | b", ["a", "b"]),
    (") a (", ["a"]),
    ("done; a", ["a"]),
]


@pytest.mark.parametrize(("run", "expected"), COMMANDS)
def test_commands(run: str, expected: list[str]) -> None:
    assert [" ".join(words(one)) for one in script(f"RUN {run}").commands] == expected


def test_pipelines() -> None:
    found = script("RUN a | b | c && d && { e; f; } | g")
    pipes = {one.name: one.pipe for one in found.commands}
    assert [words(one) for one in found.pipeline(pipes["a"])] == [["a"], ["b"], ["c"]]  # type: ignore[arg-type]
    assert pipes["d"] is None
    assert pipes["e"] == pipes["f"]
    assert pipes["g"] is not None
    assert pipes["g"].part == 1


def test_operators_nesting_and_background() -> None:
    found = {one.name: one for one in script("RUN a && (b; c) & d || $(e)").commands}
    assert [found[name].after for name in "abcd"] == ["", "&&", ";", "&"]
    assert found["b"].nested
    assert not found["a"].nested
    assert found["e"].substituted
    assert [found[name].background for name in "abcd"] == [True, True, True, False]


def test_words_stand_where_they_are_written() -> None:
    found = script("RUN a \\\n  # why\n  b  \\\n && c 'd e'")
    assert [str(word.span) for one in found.commands for word in one.words] == ["2:5", "4:3", "5:5", "5:7"]


def test_heredocs_are_read_by_the_shell_that_gets_them() -> None:
    assert [words(one) for one in script("RUN <<EOF\na b\nc\nEOF").commands] == [["a", "b"], ["c"]]
    assert [words(one) for one in script("RUN bash <<EOF\na b\nEOF").commands] == [["bash"], ["a", "b"]]
    assert [words(one) for one in script("RUN cat <<EOF > x && b\na\nEOF").commands] == [["cat"], ["b"]]
    python = script("RUN <<EOF\n#!/usr/bin/env python3\nimport a\nEOF")
    assert (python.shell, python.read, python.commands) == ("python3", False, [])


def test_windows_shells_are_not_read_as_sh() -> None:
    head = 'FROM a\nSHELL ["powershell", "-Command"]\nENV A=1\nARG B\n'
    assert script("RUN Foo | Bar", head).read is False
    assert script("RUN foo", "# escape=`\nFROM mcr.microsoft.com/windows/nanoserver:1809\n").shell == "cmd"
    assert script("RUN foo", 'FROM a\nSHELL ["/bin/bash", "-c"]\nENV A=1\n').shell == "bash"


def test_flags_and_operands() -> None:
    (command,) = script("RUN apt-get -qqy -o A=b install --no-install-recommends -- x -y").commands
    assert command.has_flag("y")
    assert command.has_flag("no-install-recommends")
    assert not command.has_flag("yes")
    assert [word.value for word in command.operands("-o")] == ["install", "x", "-y"]


@settings(max_examples=500)
@given(st.text(alphabet="ab \n'\"\\$(){}[]<>|&;#`=!-i", max_size=120))
def test_no_text_crashes_it(text: str) -> None:
    for one in script("RUN <<'E_O_F'\n" + text + "\nE_O_F").commands:
        assert one.words
        assert one.span.line >= 2


def test_deep_nesting_is_read_to_a_sane_depth() -> None:
    assert script("RUN " + "$(a " * 3000 + ")" * 3000).commands
    assert script("RUN " + "( " * 3000 + "a" + " )" * 3000).commands
    assert script("RUN " + "{ " * 3000 + "a; " + "}; " * 3000).commands


def test_constants_are_resolved_where_they_are_used() -> None:
    text = 'FROM a\nRUN P="b \\\n  c=1"; apt-get install $P "$P" ${P} && Q=$(x) && y $Q && P=d && z $P\n'
    stage = Dockerfile.from_string(text).stages[0]
    commands = {one.name: one for one in stage.script(stage.instructions[0]).commands}
    install = commands["apt-get"]
    assert [word.value for word in install.args] == ["install", "b", "c=1", "$P", "b", "c=1"]
    assert str(install.args[2].span) == "3:3"
    assert install.span.end_line == 3
    assert [word.value for word in commands["y"].args] == ["$Q"]
    # Set twice, it may be either.
    assert [word.value for word in commands["z"].args] == ["$P"]


def test_escaped_scripts_are_read_in_place() -> None:
    text = 'FROM a\nRUN bash -c "echo \\"b\\" && sudo c"\nCMD ["sh", "-c", "echo \\"d\\"; exec e"]\n'
    stage = Dockerfile.from_string(text).stages[0]
    run, cmd = (stage.script(one).commands for one in stage.instructions)
    assert [(one.name, str(one.span)) for one in run] == [
        ("bash", "2:5"), ("echo", "2:14"), ("sudo", "2:28"), ("c", "2:33"),
    ]  # fmt: skip
    assert [one.name for one in cmd] == ["sh", "echo", "exec", "e"]
