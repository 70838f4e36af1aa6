"""How often linters are right about the labelled set of tests/labelled: precision and recall, side by side.

Over all labels, and over those of the problems that hadolint has a rule for. Then what imglint is known to get
wrong, and where another linter is right and imglint is not. Ends with 1 when imglint is wrong about another label.

    python benchmarks/truth.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from labelled_set import PROBLEMS, Case, Label, imglint_says, read_cases

Said = dict[str, set[tuple[str, int]]]  # by the name of the case


class Score(NamedTuple):
    """What a linter says, held against the labels."""

    right: int  # findings that are due, and told
    false: int  # findings that are told, and false
    missed: int  # findings that are due, and not told

    @property
    def precision(self) -> float:
        told = self.right + self.false
        return self.right / told if told else 1.0

    @property
    def recall(self) -> float:
        due = self.right + self.missed
        return self.right / due if due else 1.0


def score(verdicts: Iterable[tuple[Label, bool]]) -> Score:
    """The score of a linter that is right, or not, about each label."""
    right = false = missed = 0
    for label, correct in verdicts:
        right += label.due and correct
        missed += label.due and not correct
        false += not label.due and not correct
    return Score(right, false, missed)


def hadolint_says(cases: tuple[Case, ...]) -> Said | None:
    """What hadolint says of the cases; None where it is not installed."""
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        paths = {str(Path(directory, f"{at}.Dockerfile")): case for at, case in enumerate(cases)}
        for path, case in paths.items():
            Path(path).write_text(case.text)
        command = [program, "--no-fail", "-f", "json", *paths]
        output = subprocess.run(command, capture_output=True, check=True, cwd=directory).stdout
    found: dict[str, list[tuple[str, int]]] = {case.name: [] for case in cases}
    for one in json.loads(output):
        found[paths[one["file"]].name].append((one["code"], one["line"]))
    return {case.name: case.said("hadolint", found[case.name]) for case in cases}


def main() -> int:
    cases = read_cases()
    labels = [label for case in cases for label in case.labels]
    due = sum(label.due for label in labels)
    print(
        f"{len(labels)} labels on {len(cases)} Dockerfiles: {due} findings are due, {len(labels) - due} would be false"
    )
    linters: dict[str, Said | None] = {
        "imglint": {case.name: imglint_says(case) for case in cases},
        "hadolint": hadolint_says(cases),
    }
    verdicts = {
        name: [(case, label, right) for case in cases for label, right in case.judged(said[case.name])]
        for name, said in linters.items()
        if said is not None
    }
    shared: Callable[[Label], bool] = lambda label: bool(PROBLEMS[label.problem].hadolint)  # noqa: E731
    for title, counts in (("all problems", lambda label: True), ("problems of hadolint's rules", shared)):
        print(f"{title}:")
        for name, judged in verdicts.items():
            one = score((label, right) for _, label, right in judged if counts(label))
            print(
                f"  {name:9} precision {one.precision:.3f}  recall {one.recall:.3f}"
                f"  ({one.right} right, {one.false} false, {one.missed} missed)"
            )
    missing = [name for name, said in linters.items() if said is None] + ["BuildKit's check", "tally"]
    print(f"not found here: {', '.join(missing)}")
    wrong = [(case, label) for case, label, right in verdicts["imglint"] if not right]
    for name, judged in verdicts.items():
        better = {(case.name, label) for case, label, right in judged if right}
        lost = [one for one in wrong if (one[0].name, one[1]) in better] if name != "imglint" else wrong
        print(
            f"wrong in imglint: {len(lost)}" if name == "imglint" else f"of them right in {name}: {len(lost)}"
        )
        for case, label in lost:
            line = case.text.split("\n")[label.line - 1]
            print(f"  {label.problem} {'missed' if label.due else 'false'}: {line} ({label.why})")
    new = [label for _, label in wrong if not label.known]
    new += [label for _, label, right in verdicts["imglint"] if right and label.known]
    for label in new:
        print(f"FAILED: {label.problem}, {label.why}: its label says otherwise")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
