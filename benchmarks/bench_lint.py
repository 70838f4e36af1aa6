"""Cold start on the seed, against hadolint in the same breath."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import compare, report, run

SEED = str(Path(__file__).parent.parent / "examples/seed/Dockerfile")
IMGLINT = [str(Path(sys.executable).parent / "imglint"), SEED]
# Bytecode is cached on every ordinary machine; some set-ups switch that off.
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": ""}
BUDGET = 3.0  # times hadolint's wall


def test_cold_start(benchmark: BenchmarkFixture) -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "make bench installs it"
    ours, theirs = compare(IMGLINT, [hadolint, SEED], 20, ENVIRONMENT)
    print("\n" + report("cold lint of the seed", ours, "hadolint", theirs) + f" (budget {BUDGET:g})")
    benchmark.extra_info["ratio"] = ours.wall / theirs.wall
    benchmark.pedantic(run, args=(IMGLINT, ENVIRONMENT), rounds=20, warmup_rounds=1)
