"""The line that says how far a long read has come."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from image_archives import Saved, docker_legacy

from imglint import progress
from imglint.analyzer.image import open_images
from imglint.progress import ProgressBar, StatusLine, bytes_of


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("a.tar", 10) as bar:
        bar(10)
    assert capsys.readouterr().err == ""


def test_the_line_says_how_far_it_is() -> None:
    bar = ProgressBar("a.tar", 4_000_000)
    bar(1_000_000)
    assert bar.line() == f"reading a.tar [{'#' * 7}{'.' * 23}] 1 of 4 MB"
    bar(4_000_000)  # what is packed can be longer than its file
    assert bar.line() == "reading a.tar: 5 MB"


def test_a_terminal_sees_it_come_and_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with ProgressBar("a.tar") as bar:
        assert list(bar.counted([b"x" * 2_000_000])) == [b"x" * 2_000_000]
    shown = capsys.readouterr().err
    assert "reading a.tar: 2 MB" in shown
    assert shown.endswith("\r\x1b[2K")


def test_every_stored_byte_is_counted(tmp_path: Path) -> None:
    saved = Saved.of({"srv/a": "a" * 100_000}, {"srv/b": "b"})
    path = tmp_path / "a.tar"
    path.write_bytes(docker_legacy(saved))
    read: list[int] = []
    (image,) = open_images(str(path), progress=read.append)
    assert sum(read) == image.tar_bytes
    assert bytes_of(str(path)) == path.stat().st_size
    assert bytes_of(str(tmp_path)) == path.stat().st_size
    assert bytes_of(str(tmp_path / "none")) == 0


def test_a_quick_read_leaves_the_terminal_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(docker_legacy(Saved.of({"srv/a": "a"})))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "imglint", "image", str(path)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, check=False, timeout=60)
    os.write(theirs, b".")
    assert os.read(ours, 100) == b"."


def test_a_status_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with StatusLine("shop:1.0") as status:
        status("running it as it is")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with StatusLine("shop:1.0") as status:
        status("running it as it is")
    assert capsys.readouterr().err == "\r\x1b[2Kshop:1.0: running it as it is\r\x1b[2K"
