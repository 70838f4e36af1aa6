"""Text for terminals: colours where they are wanted, and lines that fit."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

import imglint
from imglint import Settings
from imglint.analyzer.sizes import shown
from imglint.measuring import measure
from imglint.reports import image_text, matrix_text, rules_text
from imglint.reports.look import PLAIN, Look
from imglint.reports.page_text import page_text
from imglint.reports.tables import table
from imglint.rules.index import INDEX
from imglint.rules.registry import load

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "imglint", "examples/seed/Dockerfile"]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def environment(**given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return {**kept, "TERM": "xterm", **given}


def piped(**given: str) -> str:
    result = subprocess.run(COMMAND, cwd=ROOT, env=environment(**given), capture_output=True, check=False)
    return result.stdout.decode()


def on_terminal(*options: str, **given: str) -> str:
    """What the command prints where its output is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *options], cwd=ROOT, env=environment(**given), stdout=theirs) as process:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 65536):
                told += part
        except OSError:  # the other end is closed
            pass
        process.wait()
    os.close(ours)
    return told.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("given", "colored"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "0"}, False),
     ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)  # fmt: skip
def test_colours_through_a_pipe(given: dict[str, str], colored: bool) -> None:
    told = piped(**given)
    assert bool(ESCAPE.search(told)) is colored
    assert ESCAPE.sub("", told) == piped()


@pytest.mark.parametrize(
    ("given", "colored"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_on_a_terminal(given: dict[str, str], colored: bool) -> None:
    assert bool(ESCAPE.search(on_terminal(COLUMNS="120", **given))) is colored


def test_lines_are_folded_where_the_terminal_ends() -> None:
    narrow = on_terminal("--format", "concise", COLUMNS="60", NO_COLOR="1")
    words = max(len(word) for word in piped().split())
    assert max(map(len, narrow.splitlines())) <= max(60, words + 4)
    assert "".join(narrow.split()) == "".join(piped().split()).replace("1file;", "1file")


def test_a_terminal_sees_the_source_and_the_fix() -> None:
    shown = on_terminal(COLUMNS="80", NO_COLOR="1")
    assert (
        """ 2 | MAINTAINER sammy "sammy@sammy.com"
   | ^^^^^^^^^^
   = fix: LABEL org.opencontainers.image.authors="""
        in shown
    )
    assert " = why: " not in shown  # that is for --format full
    for other in (piped(), on_terminal("--format", "concise", NO_COLOR="1")):
        assert "DL4000 maintainer-instruction: MAINTAINER" in " ".join(other.split())
        assert "^^^" not in other


def test_a_page_on_a_terminal() -> None:
    page = """# DL1 name

`x` is a word.

- an item that is longer than the terminal is wide, and goes on in the next
  line of the file
- another one, of [a page](docs/page.md)

## Reported

```dockerfile
FROM a
# no heading
```
"""
    shown = page_text(page, Look(color=True, width=40))
    assert (
        shown
        == """\x1b[1mDL1 name\x1b[0m

`x` is a word.

- an item that is longer than the
  terminal is wide, and goes on in the
  next line of the file
- another one, of a page (docs/page.md)

\x1b[1mReported\x1b[0m

    FROM a
    # no heading
"""
    )


def test_every_page_fits_into_a_terminal() -> None:
    for rule in load(INDEX):
        prose = page_text(rules_text.page(rule), Look(width=80)).partition("\nReported\n")[0]
        assert max(map(len, prose.splitlines())) <= 80, rule.code


def test_the_list_of_rules_fits_into_a_terminal() -> None:
    narrow = rules_text.listed(load(INDEX), Look(width=80))
    assert max(map(len, narrow.splitlines())) <= 80
    wide = rules_text.listed(load(INDEX))
    for entry in INDEX:
        assert f"{entry.code} {entry.name}  " in narrow
        assert entry.name in wide
    assert "DL4000 maintainer-instruction  info  D *" in narrow, "imglint fix mends it"
    assert "DL3009 apt-lists-left  info  D\n" in narrow


def test_a_look_without_a_width_changes_nothing() -> None:
    line = "word " * 100
    assert PLAIN.folded(line) == line
    assert Look(width=50).folded(line) != line
    assert PLAIN.verdict("fail") == PLAIN.strong("fail") == "fail"


@pytest.mark.parametrize("width", [72, 80, 120])
def test_no_row_of_an_image_breaks(width: int) -> None:
    report = measure([str(ROOT / "examples/waste/waste.tar")], Settings())
    for view in (image_text.image_view(report.images[0], Look(width=width)),
                 image_text.history(report.images[0], Look(width=width)).partition("\n\na step")[0]):  # fmt: skip
        assert max(map(len, view.splitlines())) <= width, view
    # A path is one thing: where the row has no room for it, it stands below the reason.
    narrow = image_text.savings(report.images[0], Look(width=72))
    assert re.search(r"deleted \(layer 4\)\n +/var/cache/shop/import\.log$", narrow, re.MULTILINE)
    wide = image_text.savings(report.images[0], Look(width=140))
    assert re.search(r"deleted \(layer 4\) +/var/cache/shop/import\.log$", wide, re.MULTILINE)
    assert re.search(r"7 files: /srv/shop/assets/shop\.css, …$", wide, re.MULTILINE)


def test_a_column_is_cut_only_where_it_has_to_be() -> None:
    rows = [["1", "/srv/shop/data/catalog.csv", "x" * 30], ["2", "short", "y"]]
    headers = ("n", "path", "why")
    whole = table(rows, headers)
    assert table(rows, headers, width=200, flexible=("path", "why")) == whole
    cut = table(rows, headers, width=50, flexible=("path", "why")).splitlines()
    assert max(map(len, cut)) == 50
    assert cut[2].split() == ["1", "…/catalog.csv", "x" * 30]
    assert cut[3].split() == ["2", "short", "y"]


def test_numbers_are_in_one_notation() -> None:
    report = imglint.audit(str(ROOT / "examples/waste/Dockerfile"), str(ROOT / "examples/waste/waste.tar"))
    for told in (matrix_text.render(report, Look(full=True)), image_text.render(report)):
        assert "46.8 kB" in told
        # No blanks that only look like blanks, no digits in groups, no second unit.
        assert not re.search(r"\d[^\x00-\x7f…]\d|\d[,_]\d{3}|\d bytes", told)
        assert "46846" not in told


@pytest.mark.parametrize(
    ("count", "wanted"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"),
     (-2000, "-2.0 kB"), (41_100_000, "41.1 MB"), (10**16, "10000.0 TB")],
)  # fmt: skip
def test_sizes(count: int, wanted: str) -> None:
    assert shown(count) == wanted
