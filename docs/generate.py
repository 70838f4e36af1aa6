"""Writes what the documentation repeats of the code: docs/rules/, docs/checks/, and the blocks in README.md.

A block stands between `<!-- output: COMMAND -->` and `<!-- end -->` and holds what the command
prints when it is run in the repository. `python docs/generate.py --check` says what is stale.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from pathlib import Path

from differences import DIFFERENCES
from picture import svg

from imglint import lint_files
from imglint.__main__ import main as imglint
from imglint.reports import checks_text
from imglint.reports.exits import Exit
from imglint.reports.look import Look
from imglint.reports.rules_text import page
from imglint.reports.text import render
from imglint.rules.check_pages import PAGES, find_page
from imglint.rules.index import INDEX
from imglint.rules.matrix import ANTIPATTERNS, EVIDENCE, UNDECIDABLE
from imglint.rules.registry import load
from imglint.rules.rule import Rule
from imglint.rules.verdicts import CLAIMS, ENDED_WELL

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"(<!-- output: (?P<command>.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_DIFFERENCES = re.compile(r"(<!-- differences -->\n).*?(<!-- end -->)", re.DOTALL)
_CHECKS = re.compile(r"(<!-- checks -->\n).*?(<!-- end -->)", re.DOTALL)
_TABLE = re.compile(r"(<!-- exit codes -->\n).*?(<!-- end -->)", re.DOTALL)


def files() -> dict[Path, str]:
    """Every generated file and what it has to hold."""
    rules = load(INDEX)
    out = {ROOT / "docs/rules" / f"{rule.name}.md": page(rule) for rule in rules}
    out[ROOT / "docs/rules/README.md"] = _list(rules)
    out |= {ROOT / "docs/checks" / check.file: checks_text.page(check) for check in PAGES.values()}
    out[ROOT / "docs/checks/README.md"] = checks_text.index(PAGES.values())
    out[ROOT / "docs/first-screen.svg"] = _first_screen()
    guide = ROOT / "docs/coming-from-hadolint.md"
    text = guide.read_text(encoding="utf-8")
    out[guide] = _DIFFERENCES.sub(lambda match: match[1] + _differences() + match[2], text)
    settings = ROOT / "docs/configuration.md"
    text = settings.read_text(encoding="utf-8")
    out[settings] = _CHECKS.sub(lambda match: match[1] + _checks() + match[2], text)
    for name in ("README.md",):
        text = (ROOT / name).read_text(encoding="utf-8")
        text = _BLOCK.sub(lambda match: match[1] + _output(match["command"]) + match[3], text)
        out[ROOT / name] = _TABLE.sub(lambda match: match[1] + _exit_codes() + match[2], text)
    return out


def _first_screen() -> str:
    """The picture of README: what a terminal of 80 columns shows of the example."""
    before = os.getcwd()
    os.chdir(ROOT / "examples/seed")
    try:
        shown = render(lint_files(["Dockerfile"]), Look(framed=True, color=True, width=80))
    finally:
        os.chdir(before)
    return svg(
        f"$ imglint Dockerfile\n{shown}", "imglint Dockerfile: six findings, each with its line and the word"
    )


def _list(rules: tuple[Rule, ...]) -> str:
    lines = [
        "# Rules",
        "",
        "Severities in brackets: off until selected. D Dockerfile, I image, C container.",
        "",
        "| code | name | severity | looks at | fault |",
        "|---|---|---|---|---|",
    ]
    for rule in rules:
        severity = rule.severity.label if rule.default else f"({rule.severity.label})"
        letters = " ".join(one[0].upper() for one in EVIDENCE if one in rule.evidence)
        summary = rule.summary.replace("|", "\\|")
        lines.append(f"| {rule.code} | [{rule.name}]({rule.name}.md) | {severity} | {letters} | {summary} |")
    lines += ["", "## The ten things to avoid", "", "| | thing to avoid | dockerfile | image | container |"]
    lines.append("|---|---|---|---|---|")
    for number, name in enumerate(ANTIPATTERNS, 1):
        cells = []
        for evidence in EVIDENCE:
            codes = [one.code for one in rules if one.antipattern == number and evidence in one.evidence]
            cells.append(UNDECIDABLE.get((number, evidence), " ".join(codes)))
        lines.append(f"| {number} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _output(command: str) -> str:
    """A fenced block with a command and what it prints."""
    arguments = shlex.split(command)
    assert arguments[0] == "imglint", command
    printed = io.BytesIO()
    stream = io.TextIOWrapper(printed, encoding="utf-8", write_through=True)
    errors = io.StringIO()
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(errors):
            imglint(arguments[1:])
    finally:
        os.chdir(before)
    text = "\n".join(line.rstrip() for line in printed.getvalue().decode().splitlines())
    return f"```console\n$ {command}\n{errors.getvalue()}{text}\n```\n"


def _differences() -> str:
    """Each deliberate difference: the example, who reports which line, and why."""
    out = []
    heading = ""
    for one in DIFFERENCES:
        if one.code != heading:
            heading = one.code
            out.append(f"### {heading}\n\n")
        said = f"hadolint: {_lines(one.hadolint)}; imglint: {_lines(one.imglint)}."
        out.append(f"```dockerfile\n{one.example}```\n\n{said} {one.why}\n\n")
    return "".join(out)


def _lines(numbers: tuple[int, ...]) -> str:
    if not numbers:
        return "nothing"
    return f"line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _checks() -> str:
    """What each check of a container claims, and how bad it is when that is disproved."""
    rows = ["| check | what it puts to the test | disproved |", "|---|---|---|"]
    for name, claim in CLAIMS.items():
        found = find_page(name)
        assert found is not None, name
        kinds = [(f"[`{name}`](checks/{found.file})", claim)] + (
            [("", ENDED_WELL)] if name == "container.stays" else []
        )
        rows += [
            f"| {shown} | {one.text} | {one.level.label if one.level else 'no fault'} |"
            for shown, one in kinds
        ]
    return "\n".join(rows) + "\n"


def _exit_codes() -> str:
    """The table of exit codes, from the comments beside them."""
    source = (ROOT / "reports/exits.py").read_text(encoding="utf-8")
    rows = ["| code | meaning |", "|---|---|"]
    for code in Exit:
        comment = re.search(rf"{code.name} = {code.value}  # (.+)", source)
        rows.append(f"| {code.value} | {comment[1] if comment else 'interrupted'} |")
    return "\n".join(rows) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files, or with --check name those that are stale."""
    wanted = files()
    pages = {path for folder in ("rules", "checks") for path in (ROOT / "docs" / folder).glob("*.md")}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    orphans = sorted(pages - set(wanted))
    if "--check" in arguments:
        for path in [*stale, *orphans]:
            print(f"{path.relative_to(ROOT)} is stale: run `make docs`")
        return 1 if stale or orphans else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    for path in orphans:
        path.unlink()
    print(f"{len(stale)} of {len(wanted)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
