"""Runs two commands by turns, so that both meet the same machine, and compares their medians."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Timing(NamedTuple):
    """Medians of several runs: seconds of wall and CPU, and the peak memory in bytes."""

    wall: float
    cpu: float
    peak: int


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Timing:
    """Run a command once, without its output."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    # wait4 gives this child's own usage, where getrusage would add up all of them.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    assert process.returncode in (0, 1), f"{command[0]} ended with {process.returncode}"
    return Timing(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * resource_unit())


_MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(os.wait4(process.pid, 0)[2].ru_maxrss)
"""


def peak(command: Sequence[str]) -> int:
    """The peak memory of a command in bytes. A small process starts it, since a child's peak counts its parent's."""
    starter = [sys.executable, "-S", "-c", _MEASURE, *command]
    result = subprocess.run(starter, capture_output=True, text=True, check=True)
    return int(result.stdout) * resource_unit()


def resource_unit() -> int:
    """ru_maxrss counts kilobytes on Linux, bytes on macOS."""
    return 1 if os.uname().sysname == "Darwin" else 1024


def compare(
    ours: Sequence[str], theirs: Sequence[str], rounds: int, environment: Mapping[str, str] | None = None
) -> tuple[Timing, Timing]:
    """The medians of both, run by turns; the first round of each warms the caches and does not count."""
    pairs = [(run(ours, environment), run(theirs, environment)) for _ in range(rounds + 1)][1:]
    return _median([one for one, _ in pairs]), _median([one for _, one in pairs])


def _median(timings: Sequence[Timing]) -> Timing:
    return Timing(
        statistics.median(one.wall for one in timings),
        statistics.median(one.cpu for one in timings),
        int(statistics.median(one.peak for one in timings)),
    )


def report(what: str, ours: Timing, name: str, theirs: Timing) -> str:
    """A line with both and the ratio; without the peaks, which count this process in when it is larger."""
    return (
        f"{what}: imglint {ours.wall * 1000:.0f} ms wall, {ours.cpu * 1000:.0f} ms CPU;"
        f" {name} {theirs.wall * 1000:.0f} ms wall, {theirs.cpu * 1000:.0f} ms CPU;"
        f" ratio {ours.wall / theirs.wall:.2f} wall, {ours.cpu / theirs.cpu:.2f} CPU"
    )
