"""The parser: exact against BuildKit's own, lossless, and never at a loss."""

from __future__ import annotations

import re
from pathlib import Path

import dockerfile as official
import pytest
from official_parser import official_shape, shape
from properties import given, settings, st

from imglint.analyzer.dockerfile import Dockerfile, Instruction, Text

ROOT = Path(__file__).parents[2]

CASES = {
    "simple": "FROM a\nRUN b\n",
    "no final newline": "FROM a\nRUN b",
    "continuation": "FROM a\nRUN b \\\n  c \\\n  d\n",
    "comment inside a continuation": "FROM a\nRUN b \\\n# no\n  # nor this\n  c\n",
    "blank inside a continuation": "FROM a\nRUN b \\\n\n  c\nRUN d\n",
    "trailing blanks behind the escape": "FROM a\nRUN b \\  \n  c\n",
    "escaped escape": "FROM a\nRUN b \\\\\nRUN c\n",
    "other escape": "# escape=`\nFROM a\nRUN b `\n c\nRUN d \\\nRUN e\n",
    "escape below a comment is none": "# hello\n# escape=`\nFROM a\nRUN b \\\n c\n",
    "directives": "# syntax=docker/dockerfile:1\n# check=skip=all\n# escape=\\\nFROM a\n",
    "json": 'FROM a\nCMD [ "a", "b c" ]\nENTRYPOINT ["x\\"y", "\\u0041"]\n',
    "json with text behind": 'FROM a\nCMD ["a"];\nCMD ["b"] # c\n',
    "json with single quotes": "FROM a\nCMD ['a']\n",
    "empty json": "FROM a\nENTRYPOINT []\n",
    "flags": "FROM --platform=linux/amd64 a AS b\nCOPY --from=b --chown=1:2 --link c d\n",
    "healthcheck": "FROM a\nHEALTHCHECK --interval=5s --timeout=3s CMD curl x || exit 1\nHEALTHCHECK NONE\n",
    "healthcheck json": 'FROM a\nHEALTHCHECK CMD ["a", "b"]\n',
    "env": "FROM a\nENV a=b c=\"d e\" f='g h' i=j\\ k\nENV old the rest  of it\n",
    "label": 'FROM a\nLABEL "a b"="c d" e=f\n',
    "arg": "ARG a=b\nFROM a\nARG c\nARG d=e f\n",
    "onbuild": 'FROM a\nONBUILD RUN b \\\n c\nONBUILD CMD ["d"]\n',
    "heredoc": "FROM a\nRUN <<EOF\necho a\nEOF\nRUN b\n",
    "heredoc with an instruction directly behind": "FROM a\nRUN <<EOF\necho a\nEOF\nCOPY b c\n# d\n",
    "two heredocs": "FROM a\nCOPY <<A <<B /x/\na\nA\nb\nB\nRUN c\n",
    "chomped heredoc": "FROM a\nRUN <<-EOF\n\techo a\n\tEOF\nRUN b\n",
    "quoted heredoc": "FROM a\nRUN <<'E O F'\n$a\nE O F\nRUN <<\"X\"\nb\nX\n",
    "heredoc behind a continuation": "FROM a\nRUN b && \\\n  cat <<EOF > x\nc\nEOF\nRUN d\n",
    "heredoc of another descriptor": "FROM a\nRUN cat 3<<EOF\nb\nEOF\n",
    "heredoc in onbuild": "FROM a\nONBUILD RUN <<EOF\nb\nEOF\nRUN c\n",
    "here-string": "FROM a\nRUN cat <<< b\nRUN c\n",
    "shift operator": "FROM a\nRUN echo $((1<<2)) && echo '<<EOF'\nRUN c\n",
    "lower case": "from a as b\nrun c\n",
    "indented": "  FROM a\n\tRUN b\n",
    "crlf": "FROM a\r\nRUN b \\\r\n  c\r\nCMD [\"d\"]\r\n",
    "crlf heredoc": "FROM a\r\nRUN <<EOF\r\nb\r\nEOF\r\nRUN c\r\n",
    "byte order mark": "\ufeffFROM a\nRUN b\n",
    "tabs": "FROM\ta\nCOPY\tb\tc\n",
    "wide characters": "FROM a\nRUN echo ä 漢 🐳\n",
    "volume": 'FROM a\nVOLUME /a /b\nVOLUME ["/c d"]\n',
}  # fmt: skip


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_reads_as_buildkit_does(text: str) -> None:
    file = Dockerfile.from_string(text)
    assert [shape(one) for one in file.instructions] == [
        official_shape(one) for one in official.parse_string(text)
    ]
    assert [one.message for one in file.faults if one.kind == "syntax"] == []


WORDS = st.sampled_from(
    ["a", "b=c", '"d e"', "'f'", "\\", "\\\n", "#", "\n", "\n\n", " ", "\t", "$x", "${y:-z}", "&&", "|", "[", "]",
     '["a", "b"]', "--flag=x", "--y", "<<EOF", "<<-X", "EOF\n", "X\n", "ä", "`", "\r\n", "=", ",", '"']
)  # fmt: skip
LINES = st.builds(
    lambda keyword, words: f"{keyword} {''.join(words)}\n",
    st.sampled_from(["RUN", "COPY", "ENV", "CMD", "LABEL", "run", "EXPOSE", "ADD", "ONBUILD RUN", "WORKDIR"]),
    st.lists(WORDS, min_size=1, max_size=8),
)


NEWER = """\
# syntax=docker/dockerfile:1-labs
# check=skip=all;error=true
FROM --platform=$BUILDPLATFORM a AS b-1.x_y
RUN --mount=type=cache,target=/x --mount=type=bind --network=none --security=insecure --device=nvidia.com/gpu x
COPY --link --parents --exclude=*.md --exclude=*.txt --chmod=755 --chown=1:2 --from=b-1.x_y a b /c/
ADD --checksum=sha256:ab --keep-git-dir=true --unpack --link https://example.org/x.git /y
HEALTHCHECK --interval=1m30s --timeout=.5s --start-period=0 --start-interval=2s --retries=3 CMD x
COPY <<a <<"b" <<-\\c /d/
1
a
2
b
\t3
\tc
RUN x
"""


def test_newer_syntax_has_no_faults() -> None:
    file = Dockerfile.from_string(NEWER)
    assert [one.message for one in file.faults] == []
    assert [one.keyword for one in file.instructions][-2:] == ["COPY", "RUN"]
    assert [doc.body.value for doc in file.instructions[-2].heredocs] == ["1\n", "2\n", "3\n"]
    assert [one.value for one in file.tree.directives] == ["docker/dockerfile:1-labs", "skip=all;error=true"]


@settings(max_examples=400)
@given(st.lists(LINES, max_size=5))
def test_generated_files_read_as_buildkit_does(lines: list[str]) -> None:
    text = "FROM a\n" + "".join(lines)
    try:
        # A lone escape character at the end counts as an instruction without a name there.
        expected = [official_shape(one) for one in official.parse_string(text) if one.cmd]
    except official.GoParseError:
        return  # a file that BuildKit refuses: what is right is for the recovery tests
    if re.search(r"^\s*[\\`]\s*$", text, re.MULTILINE):
        return  # an instruction behind a line of one escape character: ours starts at its own word
    if any("unknown instruction" in one.message for one in Dockerfile.from_string(text).faults):
        return  # the official parser takes any word for an instruction
    assert [shape(one) for one in Dockerfile.from_string(text).instructions] == expected


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_no_bytes_crash_it_and_none_are_lost(data: bytes) -> None:
    text = Text.decode(data)
    file = Dockerfile(text)
    assert text.encode() == data
    assert file.tree.source() == text.value
    for stage in file.stages:
        assert stage.user.reason or stage.user.value is not None
    for one in file.instructions:
        assert 0 <= one.start <= one.end <= len(text.value)
        for word in one.args:
            assert word.span.line >= one.span.line


@settings(max_examples=300)
@given(st.text(alphabet="FROM a\nRUN \\\"'$(){}[]<>|&;#EOF\r\t`", max_size=200))
def test_spans_hold_what_they_say(noise: str) -> None:
    file = Dockerfile.from_string(f"FROM a\nRUN {noise}\n")
    for one in file.instructions:
        for word in one.args:
            span = word.span
            if span.line == span.end_line:
                line = file.text.lines[span.line - 1]
                assert line[span.column - 1 : span.end_column - 1] == word.raw


FAULTS = [
    ("FROM a\nWORDIR /x\nRUN b\n", "unknown instruction 'WORDIR'; did you mean WORKDIR?", (2, 1), ["FROM", "RUN"]),
    ("FROM a\nRUN <<EOF\nb\nCOPY c d\n", "here-document 'EOF' has no end", (2, 5), ["FROM", "RUN", "COPY"]),
    ("FROM a\nENV lonely\nRUN b\n", "ENV needs a name and a value", (2, 5), ["FROM", "ENV", "RUN"]),
    ("FROM a\nENV a=b lonely\n", "ENV needs name=value", (2, 9), ["FROM", "ENV"]),
    ("FROM a b\nRUN c\n", "FROM takes an image", (1, 8), ["FROM", "RUN"]),
    ("FROM a AZ b\nRUN c\n", "an image AS a name; did you mean AS?", (1, 8), ["FROM", "RUN"]),
    ("FROM a\nHEALTHCHECK --interval=5s CDM c\n", "not 'CDM'; did you mean CMD?", (2, 27), ["FROM", "HEALTHCHECK"]),
    ("FROM a\nHEALTHCHECK curl c\n", "not 'curl'; use CMD before the command", (2, 13), ["FROM", "HEALTHCHECK"]),
    ("FROM a\nCOPY\nRUN b\n", "COPY requires an argument", (2, 1), ["FROM", "COPY", "RUN"]),
    ("FROM a\nCMD [1]\nRUN b\n", "strings only", (2, 5), ["FROM", "CMD", "RUN"]),
    ("FROM a\nRUN b \\\n c\napt-get install d\nfoo\nRUN e\n", "unknown instruction 'apt-get'", (4, 1),
     ["FROM", "RUN", "RUN"]),
    ("FROM a\nCOPY --form=b /c /d\n", "COPY has no flag --form; did you mean --from?", (2, 6), ["FROM", "COPY"]),
    ("FROM a\nCOPY --from /c /d\n", "--from needs a value", (2, 6), ["FROM", "COPY"]),
    ("FROM a\nCOPY --link --link /c /d\n", "--link is given twice", (2, 13), ["FROM", "COPY"]),
    ("FROM a\nCMD --port 80\n", "CMD has no flag --port", (2, 5), ["FROM", "CMD"]),
    ("FROM a\nCOPY b\n", "COPY needs a source and a destination", (2, 6), ["FROM", "COPY"]),
    ("FROM a AS 1b\n", "is no stage's name", (1, 11), ["FROM"]),
    ("FROM a\nHEALTHCHECK curl x\n", "HEALTHCHECK takes CMD", (2, 13), ["FROM", "HEALTHCHECK"]),
    ("FROM a\nHEALTHCHECK --interval=5 CMD x\n", "a duration like 30s", (2, 13), ["FROM", "HEALTHCHECK"]),
    ("FROM a\nHEALTHCHECK --retries=x CMD x\n", "--retries takes a number", (2, 13), ["FROM", "HEALTHCHECK"]),
    ("FROM a\nSHELL bash\n", "SHELL takes a JSON array", (2, 7), ["FROM", "SHELL"]),
    ("FROM a\nSTOPSIGNAL TERM KILL\n", "takes one signal", (2, 17), ["FROM", "STOPSIGNAL"]),
    ("FROM a\nENV =b\n", "needs a name before the =", (2, 6), ["FROM", "ENV"]),
    ("FROM a\nONBUILD COPY --form=b /c /d\n", "no flag --form", (2, 14), ["FROM", "ONBUILD"]),
    ("# escape=x\nFROM a\n", "escape must be", (1, 1), ["FROM"]),
    ("<<<<<<< HEAD\nFROM a\n", "unknown instruction '<<<<<<<'", (1, 1), ["FROM"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "place", "keywords"), FAULTS)
def test_goes_on_behind_a_fault(text: str, message: str, place: tuple[int, int], keywords: list[str]) -> None:
    file = Dockerfile.from_string(text)
    (fault,) = file.faults
    assert message in fault.message
    assert (fault.span.line, fault.span.column) == place
    assert [one.keyword for one in file.instructions] == keywords


def test_a_line_of_a_megabyte_is_read_in_linear_time() -> None:
    text = "FROM a\nRUN " + "echo a && " * 100_000 + "true\n"
    file = Dockerfile.from_string(text)
    script = file.stages[0].script(file.instructions[1])
    assert len(script.commands) == 100_001


def test_columns_behind_a_byte_order_mark() -> None:
    file = Dockerfile.from_string("\ufeffFROM a\n")
    assert str(file.instructions[0].args[0].span) == "1:6"


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_the_tree_gives_the_file_back(text: str) -> None:
    file = Dockerfile.from_string(text)
    parts = list(file.tree.parts())
    assert file.tree.source() == text
    nodes = [node for _, _, node in parts if node is not None]
    assert [one for one in nodes if isinstance(one, Instruction)] == list(file.instructions)
    # Nothing but blanks, line ends, an escape or a byte order mark lies between the nodes.
    between = "".join(text[start:end] for start, end, node in parts if node is None)
    assert between.strip("\ufeff\r\n\t \\") == ""
