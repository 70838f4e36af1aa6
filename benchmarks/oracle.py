"""Asks BuildKit and imglint which of thousands of generated instructions a build refuses, and compares.

BuildKit's own check (`docker buildx bake --call=check`) reads each file as a build would, without running
anything; the engine is that of DOCKER_HOST. Prints how often the two differ, by kind, and ends with 1 where one of
the differences has no reason in EXPLAINED.

    python benchmarks/oracle.py [--seed N] [--count N] [--show KIND] [--save FILE]
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from faulty_instructions import BASE, generate

from imglint.linting import lint
from imglint.rules.rule import Severity

BATCH = 200

# Errors of imglint that are not about what a builder refuses: the build goes on, and what comes out is broken.
NOT_REFUSALS = frozenset(
    "AV0801 AV0802 CopyIgnoredFile DL3000 DL3012 DL3021 DL3024 DL3026 DL4004 DS-0030 IL010 IL011 IL012 IL014 IL030"
    " IL033 IL034 IL035 IL036 IL037 IL044 IL045 IL051 DL3044 ExposeInvalidFormat".split()
)
# What BuildKit says when it can't reach an image: it has read the instruction then, and takes it.
_UNREACHABLE = re.compile(
    r"failed to resolve source metadata|pull access denied|failed to do request|failed to fetch"
)


class Answer(NamedTuple):
    """Whether a file is refused, and with which words; `broken`: at least an error is told of it."""

    refused: bool
    words: str
    broken: bool = False


class Difference(NamedTuple):
    """A file on which the two differ."""

    text: str
    buildkit: Answer
    imglint: Answer

    @property
    def differs(self) -> bool:
        """Whether one refuses what the other takes. Any error of imglint's is enough for what BuildKit refuses."""
        return not self.imglint.broken if self.buildkit.refused else self.imglint.refused

    @property
    def kind(self) -> str:
        """Who refuses what, without the words of the one file."""
        who, said = (
            ("only BuildKit", self.buildkit.words)
            if self.buildkit.refused
            else ("only imglint", self.imglint.words)
        )
        said = re.sub(r"\"[^\"]*\"|'[^']*'|\d+", "…", said.split(" (did you")[0].replace("\n", " "))
        keyword = _keyword(self.text)
        return f"{who}: {keyword}: {said[:90]}"


class Explained(NamedTuple):
    """A kind of difference that is meant."""

    pattern: str  # of the kind
    text: str  # of the file
    why: str


EXPLAINED = (
    Explained(
        r"only imglint: ONBUILD",
        r"[\\`]\nFROM parent",
        "the line goes on in the next one: no image is based on it",
    ),
    Explained(
        r"only BuildKit: ONBUILD",
        r"\$",
        "a trigger's variables may be set by others, or by the image that it runs in",
    ),
    Explained(
        r"RUN: (?:.* parse error on line …: )?(?:unexpected key|invalid field)",
        r"relabel=|,z\b|shared=true",
        "a key that Podman's builder knows",
    ),
    Explained(
        r"unknown flag: --security|unknown flag: --parents|device feature",
        "",
        "a flag of newer frontends, or of the labs'",
    ),
    Explained(r"RUN \[\] runs nothing", "", "the check is silent, the build stops"),
    Explained(r"takes `<<` for the name", "", "the check is silent, the build finds no file of this name"),
    Explained(
        r"only imglint: EXPOSE: .* is no port",
        r"EXPOSE .*[^ ]\$\{",
        "EXPOSE loses what stands before a ${…} with a pattern or a word",
    ),
)


def _keyword(text: str) -> str:
    """The instruction that a generated file is about: the first one that is no setting for it, or a FROM alone."""
    bases = ("FROM scratch", f"FROM {BASE} AS b", f"FROM {BASE}", "ENV one=", "#", "ARG ")
    for line in text.lstrip("\ufeff").split("\n"):
        match = re.match(r"\s*([A-Za-z_]+)", line)
        if match and not line.startswith(bases):
            return match[1].upper()
    return "ARG" if "\nARG" in text else "FROM"


def ask_buildkit(texts: Sequence[str]) -> Iterator[Answer]:
    """BuildKit's answers, in order. A file that breaks a whole batch is asked alone."""
    with tempfile.TemporaryDirectory(prefix="imglint-oracle-") as directory:
        yield from _ask(list(texts), Path(directory))


def _ask(texts: list[str], place: Path) -> list[Answer]:
    (place / "empty").mkdir(exist_ok=True)
    targets = {}
    for at, text in enumerate(texts):
        (place / f"f{at}").write_bytes(text.encode("utf-8", "surrogateescape"))
        targets[f"t{at}"] = {
            "context": str(place / "empty"),
            "dockerfile": str(place / f"f{at}"),
            "contexts": {BASE: str(place / "empty")},
        }
    plan = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    (place / "bake.json").write_text(json.dumps(plan))
    command = ["docker", "buildx", "bake", f"--allow=fs.read={place}", "-f", str(place / "bake.json")]
    done = subprocess.run(
        [*command, "--call=check,format=json", "--progress=quiet"],
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )
    start = done.stdout.find("{")
    try:
        found: dict[str, Any] = (
            json.JSONDecoder().raw_decode(done.stdout[start:])[0]["target"] if start >= 0 else {}
        )
    except (ValueError, KeyError):
        found = {}
    if not found:
        if len(texts) == 1:
            return [Answer(True, "(no JSON) " + " ".join(done.stderr.split())[-200:])]
        middle = len(texts) // 2
        return _ask(texts[:middle], place) + _ask(texts[middle:], place)
    answers = []
    for at in range(len(texts)):
        check = found[f"t{at}"].get("check") or found[f"t{at}"]
        error = check.get("buildError") or {}
        message = error.get("message", "")
        answers.append(Answer(bool(message) and not _UNREACHABLE.search(message), message))
    return answers


def ask_imglint(text: str) -> Answer:
    """Whether imglint says that a build would stop, and why."""
    errors = [one for one in lint(text).findings if one.severity >= Severity.ERROR]
    refusals = [one for one in errors if one.rule.code not in NOT_REFUSALS]
    return Answer(
        bool(refusals), "; ".join(f"{one.rule.code} {one.message}" for one in refusals), bool(errors)
    )


def compare(texts: Sequence[str], kept: Path | None = None) -> Iterator[Difference]:
    """Each file with both answers; what BuildKit says is kept in a file, and read from there the next time."""
    known: dict[str, Answer] = {}
    if kept and kept.is_file():
        known = {
            one["text"]: Answer(one["refused"], one["words"])
            for one in map(json.loads, kept.read_text().splitlines())
        }
    rest = iter([text for text in texts if text not in known])
    while batch := list(islice(rest, BATCH)):
        known |= zip(batch, ask_buildkit(batch), strict=True)
    if kept:
        lines = [
            json.dumps({"text": text, "refused": one.refused, "words": one.words})
            for text, one in known.items()
        ]
        kept.write_text("\n".join(lines) + "\n")
    for text in texts:
        yield Difference(text, known[text], ask_imglint(text))


def explanation(one: Difference) -> str | None:
    """Why a difference is meant; None where nobody has said."""
    if one.buildkit.refused and BASE in one.text and ask_imglint(one.text.replace(BASE, "scratch")).broken:
        return "the base image may set the variable; the stand-in sets none"
    if not one.buildkit.refused and one.buildkit.words:
        return "BuildKit stopped before, at an image that can't be reached"
    return next(
        (
            why
            for pattern, text, why in EXPLAINED
            if re.search(pattern, one.kind) and re.search(text, one.text)
        ),
        None,
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument(
        "--show", default="", help="print the files of the kinds that this expression matches"
    )
    parser.add_argument(
        "--save", type=Path, help="keep what BuildKit said, and ask it only what is not there"
    )
    options = parser.parse_args(arguments)
    (known,) = ask_buildkit(["FROM scratch\nLABEL a=b\n"])
    if known.refused:
        print(f"no BuildKit to ask, see CONTRIBUTING.md: {known.words}")
        return 2
    texts = list(generate(options.seed, options.count))
    asked = list(compare(texts, options.save))
    different = [one for one in asked if one.differs]
    counts = collections.Counter(one.kind for one in different if explanation(one) is None)
    meant = collections.Counter(filter(None, map(explanation, different)))
    refused = sum(one.buildkit.refused for one in asked)
    print(
        f"{len(asked)} files, BuildKit refuses {refused}; imglint differs in {len(different)},"
        f" {counts.total()} of them without a reason"
    )
    for kind, count in counts.most_common():
        print(f"  {count:5}  {kind}")
        if options.show and re.search(options.show, kind):
            for one in [one for one in different if one.kind == kind and explanation(one) is None][:8]:
                print(f"         {one.text!r}\n           BuildKit {one.buildkit.words!r}")
                print(f"           imglint {one.imglint.words!r}")
    for why, count in meant.most_common():
        print(f"  {count:5}  meant: {why}")
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
