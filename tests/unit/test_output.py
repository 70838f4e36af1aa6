"""What can't be written: full devices and disks, closed streams, and readers that have gone."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_archives import Saved, docker_legacy

from imglint.output import append

pytestmark = pytest.mark.slow

FAULTY = "FROM debian:latest\nMAINTAINER me\nUSER root\nWORKDIR x\n" + "RUN cd /x\n" * 40
# Each prints something, and ends with this code where it can.
COMMANDS = {
    "Dockerfile": 1,
    "Dockerfile -f json": 1,
    "Dockerfile --write-baseline base.json": 0,
    "fix --diff --unsafe --select ALL Dockerfile": 1,
    "image shop.tar": 1,
    "history shop.tar": 0,
    "diff shop.tar shop.tar": 0,
    "audit Dockerfile --image shop.tar": 1,
    "trend sizes.csv": 0,
    "explain DL3006": 0,
    "rules": 0,
    "hook install": 0,
    "--version": 0,
    "--help": 0,
}
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "Dockerfile").write_text(FAULTY)
    (tmp_path / "shop.tar").write_bytes(docker_legacy(Saved.of({"srv/a": "b" * 100}, tags=("shop:1",))))
    assert run(tmp_path, "image shop.tar --record sizes.csv")[0] == 1
    return tmp_path


def run(
    place: Path, command: str, streams: str = "", limit: int | None = None, shell: str = "sh"
) -> tuple[int, str, str]:
    """Run a command with a shell's redirections; its code, and what came through."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    line = f"{shlex.quote(sys.executable)} -m imglint {command} {streams}"
    done = subprocess.run(
        [shell, "-c", line], cwd=place, capture_output=True, text=True, check=False, timeout=120, preexec_fn=limited
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("command", "code"), COMMANDS.items(), ids=list(COMMANDS))
@needs_full
def test_a_full_device(place: Path, command: str, code: int) -> None:
    failed, _, errors = run(place, command, "> /dev/full")
    assert failed == 2
    assert errors.count("imglint: ") == 1
    assert errors.startswith("imglint: standard output: can't be written: no space left on device\n")
    # Where the error can't be told either, the code is all that is left.
    assert run(place, command, "> /dev/full 2> /dev/full") == (2, "", "")
    assert run(place, command, "2> /dev/full")[0] == code


@pytest.mark.parametrize("command", ["Dockerfile", "image shop.tar", "rules"])
def test_closed_streams(place: Path, command: str) -> None:
    code, _, errors = run(place, command, ">&-")
    assert (code, errors.splitlines()[0]) == (2, "imglint: standard output: is closed")
    assert run(place, command, "2>&-")[0] == COMMANDS[command]
    assert run(place, command, ">&- 2>&-")[0] == 2


@pytest.mark.parametrize("command", ["Dockerfile -f full --select ALL", "rules", "image shop.tar", "--help"])
def test_a_reader_that_has_gone_changes_nothing(place: Path, command: str) -> None:
    """`imglint x | head`: no word of it, and the code says what it says without a reader."""
    expected = run(place, command)[0]
    done = run(place, command, '| exec 0<&- ; echo "${PIPESTATUS[0]}"', shell="bash")
    assert done == (0, f"{expected}\n", "")


def test_the_other_outputs_are_written_all_the_same(place: Path) -> None:
    if os.path.exists("/dev/full"):
        assert run(place, "Dockerfile -f text -f json -o out.json", "> /dev/full")[0] == 2
        assert json.loads((place / "out.json").read_text())["findings"]
        (place / "out.json").unlink()
    assert run(place, "Dockerfile -f text -f json -o out.json", "| exec 0<&-", shell="bash")[0] == 0
    assert json.loads((place / "out.json").read_text())["findings"]


WRITERS = {
    "Dockerfile -f json -o {}": "out.json",
    "Dockerfile --write-baseline {}": "base.json",
    "image shop.tar -f sarif -o {}": "out.sarif",
    "image shop.tar --graph {}": "graph.graphml",
    "image shop.tar --record {}": "more.csv",
    "audit Dockerfile --image shop.tar -f json -o {}": "audit.json",
    "fix --unsafe --select ALL {}": "Dockerfile",
}


@pytest.mark.parametrize(("command", "name"), WRITERS.items(), ids=list(WRITERS))
def test_a_limit_on_the_size_of_files(place: Path, command: str, name: str) -> None:
    """A shell's `ulimit -f`, and quotas: nothing is left of what is not whole, and what was there stays."""
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    code, _, errors = run(place, command.format(name), limit=64)
    assert code == 2
    assert f"imglint: {name}: can't be written: file too large" in errors
    assert {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()} == before


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB with 8 KiB left."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(place: Path, full_disk: Path) -> None:
    for command, name in WRITERS.items():
        if name == "Dockerfile":
            shutil.copy(place / name, full_disk / name)
        with open(full_disk / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 512):
                    pass
            except OSError:
                pass
        code, _, errors = run(place, command.format(full_disk / name))
        assert code == 2, command
        assert f"imglint: {full_disk / name}: can't be written: no space left on device" in errors
        left = {path.name for path in full_disk.iterdir()} - {"filler"}
        assert left == ({"Dockerfile"} if name == "Dockerfile" else set()), command
        (full_disk / "filler").unlink()
    assert (full_disk / "Dockerfile").read_text() == FAULTY


def test_a_record_keeps_whole_lines(tmp_path: Path) -> None:
    program = (
        "import resource, sys\nfrom imglint.output import append\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "append('a' * 59 + '\\n', sys.argv[1])\n"
        "try:\n    append('b' * 59 + '\\n', sys.argv[1])\nexcept OSError as error:\n    print(error.strerror)\n"
    )
    path = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "File too large\n"
    assert path.read_text() == "a" * 59 + "\n"


def test_a_record_is_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/null"):
        with pytest.raises(OSError, match="no regular file"):
            append("line\n", path)
