"""Cold start on the seed, and many files, against hadolint in the same breath."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from dockerfiles import ALPINE, NODE, SERVICE
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import compare, peak, report, run

SEED = str(Path(__file__).parent.parent / "examples/seed/Dockerfile")
IMGLINT = str(Path(sys.executable).parent / "imglint")
# Bytecode is cached on every ordinary machine; some set-ups switch that off.
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": ""}
COLD = 3.0  # at most this many times hadolint's wall
THROUGHPUT = 15.0  # at least this many times hadolint's files a second of CPU, by one process
FILES = 300


@pytest.fixture
def hadolint() -> str:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert program, "make bench installs it"
    return program


def test_cold_start(benchmark: BenchmarkFixture, hadolint: str) -> None:
    command = [IMGLINT, SEED]
    ours, theirs = compare(command, [hadolint, SEED], 20, ENVIRONMENT)
    memory = f"peak {peak(command) / 1e6:.0f} MB against {peak([hadolint, SEED]) / 1e6:.0f} MB"
    print(f"\n{report('cold lint of the seed', ours, 'hadolint', theirs)} (budget {COLD:g}), {memory}")
    benchmark.extra_info["ratio"] = ours.wall / theirs.wall
    benchmark.pedantic(run, args=(command, ENVIRONMENT), rounds=20, warmup_rounds=1)


@pytest.fixture
def many_files(tmp_path: Path) -> list[str]:
    """Real files from the folder that CORPUS names, else as many of our own."""
    corpus = os.environ.get("CORPUS")
    if corpus:
        return sorted(str(path) for path in Path(corpus, "files").iterdir())
    paths = [tmp_path / f"{number}.Dockerfile" for number in range(FILES)]
    for number, path in enumerate(paths):
        # No file is like another one, so that nothing can be remembered.
        path.write_text((SERVICE, NODE, ALPINE)[number % 3] + f"LABEL number={number}\n")
    return [str(path) for path in paths]


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_files(benchmark: BenchmarkFixture, hadolint: str, many_files: list[str], jobs: int) -> None:
    command = [IMGLINT, "--isolated", "--jobs", str(jobs), *many_files]
    ours, theirs = compare(command, [hadolint, *many_files], 3, ENVIRONMENT)
    what = f"{len(many_files)} files, {jobs} job{'s' if jobs > 1 else ''}"
    memory = f"peak {peak(command) / 1e6:.0f} MB against {peak([hadolint, *many_files]) / 1e6:.0f} MB"
    print(f"\n{report(what, ours, 'hadolint', theirs)}, {memory}")
    print(
        f"  {ours.cpu / len(many_files) * 1000:.1f} ms CPU a file, hadolint {theirs.cpu / len(many_files) * 1000:.1f};"
        f" {theirs.cpu / ours.cpu:.1f} times as many a second (budget {THROUGHPUT:g})"
    )
    benchmark.extra_info["ratio"] = theirs.cpu / ours.cpu
    benchmark.pedantic(run, args=(command, ENVIRONMENT), rounds=3)
