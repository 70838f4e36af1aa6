"""What no shell reads: held against dash, Bash and BusyBox, on generated scripts and on broken ones."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest

from imglint.analyzer.dockerfile.shell_faults import shell_fault

SHELLS = [argv for argv in (["dash"], ["bash"], ["busybox", "sh"]) if shutil.which(argv[0])]

SOUND = [
    "for i in a b; do c; done",
    "for i; do c; done; for j\ndo d; done",
    "for i\nin a b # c\ndo d; done",
    "until a; do b; done | c && d",
    "case $x in a) b;; (c|d) e;; *) esac",
    "case x in esac; case y in a) b & ;; c) ;; esac && d",
    'case "$(a)" in "b c"|[0-9]*) d; esac || e',
    "x=$(case y in a) b;; esac) && z",
    "f() { a; b; }; f",
    "f ( )\n{\n  a\n}\nf() (b); f",
    "while a; do if b; then c; fi done",
    "if a; then (b) fi && { c; }",
    "case x in\n  # why\n  a) if b; then c; fi ;;\n  b)\n    d\n    ;;\nesac",
    "case x in a) cat <<E\n)\nE\n;; esac",
    'for i in $(a) `b` "c d" *.x; do case $i in y) continue;; esac; done',
    "while case a in b) c;; esac do d; done",
    "{ case a in b) ;; esac }; if case a in b) c;; esac then case d in e) ;; esac fi",
    "while (a) do if { b; } then (c) fi done",
]
ONLY_BASH = [
    'args=() && for i in a; do args+=("$i"); done',
    "x=(); y",
    "x+=()",
    "x=( ) # why",
    "a=() b=() && c",
    "if x=(); then y; fi",
    "f() { x=(); }; a[1]=() && f || x=\\\n()",
    "case x in a) y=();; *) z=( ) ;; esac",
    "for i in a b; { echo $i; }",
    "for i\n{ case $i in a) for j; { b; } ;; esac }",
    "while read x; do y; done < <(z)",
    "exec > >(tee log) 2>&1",
    "a && &>f b; &>>g c",
    "echo $[ (1+2)*3 ]",
]
BROKEN = {
    "for i in a b; echo $i; done": "`for` has no do",
    "for i in a; do b": "`for` is never closed",
    "until a; b; done": "`until` has no do",
    "if a; b; fi": "`if` has no then",
    "case x in a) b;; c) d": "`case` is never closed",
    "case x in a) if b; then c;; esac": "`if` is never closed",
    "case x in a) b && ;; esac": "nothing stands between && and ;;",
    "a & ; b": "; ends no command",
    "a; ; b": "; ends no command",
    "case x in a) fi;; esac": "`fi` closes nothing",
    "f() { a; ": "`{` is never closed",
    "f()": "nothing stands behind ()",
    "a; esac": "`esac` closes nothing",
    "for i in a; do b; done done": "`done` closes nothing",
    "x=$(for i in a; do b)": "`for` is never closed",
}


@pytest.mark.parametrize("script", SOUND)
def test_sound_scripts_have_no_fault(script: str) -> None:
    assert shell_fault(script) is None
    assert not refused(script)


@pytest.mark.parametrize("script", ONLY_BASH)
def test_what_only_bash_reads_is_no_fault(script: str) -> None:
    assert shell_fault(script) is None
    assert not shutil.which("bash") or not refused(script)


@pytest.mark.parametrize("script", BROKEN)
def test_broken_scripts(script: str) -> None:
    fault = shell_fault(script)
    assert fault is not None and fault.message.startswith(BROKEN[script])
    assert refused(script) or not SHELLS


def test_what_is_a_fault_no_shell_reads() -> None:
    """A false error would stop a good build; what is broken is found more often than not."""
    broken, found = against_shells(seed=20, count=300)
    assert found > broken / 3


def against_shells(seed: int, count: int) -> tuple[int, int]:
    """How many of `count` generated scripts all shells refuse, and how many of those we find."""
    if len(SHELLS) < 2:
        pytest.skip("two shells are needed, to tell what none of them reads")
    chance = random.Random(seed)
    broken = found = 0
    for _ in range(count):
        script = generated(chance) if chance.random() < 0.8 else " ".join(chance.choices(_WORDS, k=6))
        if chance.random() < 0.7:
            script = damaged(script, chance)
        fault, nobody = shell_fault(script), refused(script)
        assert not fault or nobody, f"{fault} in {script!r}, which a shell reads"
        broken += nobody
        found += bool(fault and nobody)
    return broken, found


def refused(script: str) -> bool:
    """Whether all shells that are here give up on a script before they run it."""
    return all(
        subprocess.run([*argv, "-n", "-c", script], capture_output=True, timeout=10, check=False).returncode
        for argv in SHELLS
    )


def generated(chance: random.Random, depth: int = 0) -> str:
    """A sound script."""
    pieces = [_command(chance, depth) for _ in range(chance.randint(1, 3))]
    out = pieces[0]
    for piece in pieces[1:]:
        out += chance.choice([" && ", "; ", " || ", "\n", " | ", " && \\\n  ", ";\n", " & "]) + piece
    return out


_SIMPLE = [
    "make",
    "echo a",
    "x=1 y",
    "! test -f a",
    "echo 'it is' \"$b\"",
    "a > /l 2>&1",
    "echo ${c:-d} $((1 + 2))",
    "cat <<E\n(\nE\n:",
    "echo `date`",
    "echo in do fi",
    '[ -n "$x" ]',
    "a # why\n:",
    "echo a\\;b",
    "x=$(y)",
]


def _command(chance: random.Random, depth: int) -> str:
    word = chance.choice(_SIMPLE)
    if depth > 2:
        return word

    def inner() -> str:
        return generated(chance, depth + 1)

    kind = chance.randrange(14)
    if kind == 0:
        return f"if {inner()}; then {inner()}; fi"
    if kind == 1:
        return f"if {inner()}\nthen {inner()}\nelif {inner()}; then :; else {inner()}\nfi"
    if kind == 2:
        return f"for i in {chance.choice(['a b', '$x', '*.c', '$(y)'])}; do {inner()}; done"
    if kind == 3:
        return f"{chance.choice(['while', 'until'])} {inner()}; do {inner()}\ndone"
    if kind == 4:
        arms = "".join(
            f" {chance.choice(['a', '(b', 'c|d', '*', '[0-9]*'])}) {inner()}{chance.choice([' ;;', chr(10) + ';;'])}"
            for _ in range(chance.randint(0, 3))
        )
        return f"case {chance.choice(['$x', 'y', chr(34) + '$z w' + chr(34)])} in{arms}\nesac"
    if kind == 5:
        return f"{{ {inner()}; }}"
    if kind == 6:
        return f"({inner()})"
    if kind == 7:
        return f"f() {{ {inner()}\n}}"
    if kind == 8:
        return f"echo $({inner()}\n)"
    return word


_LETTERS = ["(", ")", "{", "}", ";", "&", "|", "'", '"', "`", "\n", "$", "<", ">", "#", " ", "\\", "!"]
_WORDS = [
    *(
        "fi",
        "done",
        "esac",
        "then a",
        "do",
        "else",
        "if a",
        "for i in a",
        "case x in",
        "in",
        "while a",
        ";;",
        "&&",
    ),
    *("||", "()", "}", "{", "a", "b)", "\n", "$(", ")", "(", "!", "> f", "x=", "# d\n"),
]


def damaged(script: str, chance: random.Random) -> str:
    """A script with something taken away, put in, or doubled."""
    at = chance.randrange(len(script) + 1)
    kind = chance.randrange(5)
    if kind == 0:
        return script[:at] + chance.choice(_LETTERS) + script[at:]
    if kind == 1:
        return script[:at] + script[at + chance.randint(1, 3) :]
    words = script.split(" ")
    place = chance.randrange(len(words))
    if kind == 2:
        return " ".join(words[:place] + words[place + 1 :]) or "("
    if kind == 3:
        return " ".join([*words[:place], chance.choice(_WORDS), *words[place:]])
    return script[: max(at, 1)]
