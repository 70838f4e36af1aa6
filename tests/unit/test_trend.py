"""Recorded sizes: what is kept, what is replaced, what is refused and stays as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from image_archives import Saved, docker_legacy

from imglint.analyzer import InputError
from imglint.records import read
from imglint.reports.trend_text import sparkline
from imglint.rules.gates import Growth
from imglint.rules.trends import Row, trends

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NO_CI = {name: value for name, value in os.environ.items() if not name.endswith(("_SHA", "_COMMIT"))}


def imglint(*arguments: str, cwd: Path, **variables: str) -> Any:
    environment = {**NO_CI, "GIT_CEILING_DIRECTORIES": str(cwd), "PYTHONPATH": str(ROOT / "src"), **variables}
    return subprocess.run(
        [sys.executable, "-m", "imglint", *arguments],
        cwd=cwd, capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip


def save(path: Path, content: int, tag: str = "shop:1") -> None:
    path.write_bytes(docker_legacy(Saved.of({"srv/app": "a" * content}, tags=(tag,))))


def record(cwd: Path, file: str, content: int, commit: str, tag: str = "shop:1") -> None:
    save(cwd / "a.tar", content, tag)
    result = imglint("image", "a.tar", "--ignore", "ALL", "--record", file, cwd=cwd, GITHUB_SHA=commit)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("file", ["sizes.csv", "sizes.parquet"])
def test_a_row_for_each_commit_tag_and_platform(tmp_path: Path, file: str) -> None:
    record(tmp_path, file, 1000, "123")
    record(tmp_path, file, 1100, "456")
    record(tmp_path, file, 1100, "456", tag="registry.example.org:5000/shop:NA")
    record(tmp_path, file, 1200, "456")  # the same commit again: its row is replaced
    rows = read(str(tmp_path / file))
    assert [(row.commit, row.image, row.tag, row.content_bytes) for row in rows] == [
        ("123", "shop", "1", 1000),
        ("456", "registry.example.org:5000/shop", "NA", 1100),
        ("456", "shop", "1", 1200),
    ]
    shown = imglint("trend", file, "--image", "shop", cwd=tmp_path)
    assert shown.returncode == 0
    assert "+200 B" in shown.stdout
    assert "registry" not in shown.stdout
    assert "▁█" in shown.stdout


def test_gates(tmp_path: Path) -> None:
    for number, content in enumerate((1000, 1040, 1080)):
        record(tmp_path, "sizes.csv", content, f"{number}" * 40, tag=f"shop:{number}")
    assert imglint("trend", "sizes.csv", "--max-growth", "5%", cwd=tmp_path).returncode == 0
    over = imglint("trend", "sizes.csv", "--max-growth", "5%", "--over", "2", cwd=tmp_path)
    assert (over.returncode, "FAILED" in over.stdout, "since 000000000" in over.stdout) == (1, True, True)
    told = imglint("trend", "sizes.csv", "--max-growth", "39B", "-f", "json", cwd=tmp_path)
    [trend] = json.loads(told.stdout)["trends"]
    assert (told.returncode, trend["gate"]["value"], trend["gate"]["passed"]) == (1, 40, False)
    page = imglint("trend", "sizes.csv", "--max-growth", "39B", "--last", "1", "-f", "markdown", cwd=tmp_path)
    assert "the growth is 40 B, and max-growth allows 39 B" in page.stdout
    assert "| +40 B |" in page.stdout


def test_without_a_commit_every_run_is_a_row(tmp_path: Path) -> None:
    record(tmp_path, "sizes.csv", 1000, "")
    record(tmp_path, "sizes.csv", 1000, "")
    assert len(read(str(tmp_path / "sizes.csv"))) == 2


def test_the_commit_that_is_checked_out(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "a")
    save(tmp_path / "a.tar", 1000)
    imglint("image", "a.tar", "--record", "sizes.csv", cwd=tmp_path)
    assert read(str(tmp_path / "sizes.csv"))[0].commit == git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("foreign.csv", b"name,size\nshop,1\n"),
        ("ragged.csv", b"a\nb,c\nd,e,f\n"),
        ("empty.csv", b""),
        ("binary.csv", b"\xff\xfe\x00\x00"),
        ("words.csv", ",".join(Row._fields).encode() + b"\nt,c,shop,1,linux/amd64,id,many,1,1,1,1\n"),
        ("below.csv", ",".join(Row._fields).encode() + b"\nt,c,shop,1,linux/amd64,id,-1,1,1,1,1\n"),
        ("foreign.parquet", b"PAR1 and nothing else"),
        ("sizes.txt", b""),
    ],
)
def test_what_is_foreign_is_refused_and_stays(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    save(tmp_path / "a.tar", 1000)
    for command in (("image", "a.tar", "--record", name), ("trend", name)):
        result = imglint(*command, cwd=tmp_path)
        assert result.returncode == 2
        assert result.stderr.startswith(f"imglint: {name}: ")
        assert "Traceback" not in result.stderr
        assert path.read_bytes() == content
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(["a.tar", name])


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """It would be waited for until somebody writes."""
    save(tmp_path / "shop.tar", 1)
    os.mkfifo(tmp_path / "sizes.csv")
    done = subprocess.run(
        [sys.executable, "-m", "imglint", "image", "shop.tar", "--record", "sizes.csv"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, "sizes.csv: is no regular file" in done.stderr) == (2, True), done.stderr


def test_what_can_not_be_shown(tmp_path: Path) -> None:
    assert imglint("trend", "gone.csv", cwd=tmp_path).returncode == 2
    (tmp_path / "none.csv").write_text(",".join(Row._fields) + "\n")
    nothing = imglint("trend", "none.csv", cwd=tmp_path)
    assert (nothing.returncode, "no rows yet" in nothing.stderr) == (3, True)
    record(tmp_path, "sizes.csv", 1000, "1")
    other = imglint("trend", "sizes.csv", "--image", "store*", cwd=tmp_path)
    assert (other.returncode, "it holds shop" in other.stderr) == (2, True)
    save(tmp_path / "a.tar", 1000)
    nowhere = imglint("image", "a.tar", "--record", "no/where/sizes.csv", cwd=tmp_path)
    assert (nowhere.returncode, "no/where/sizes.csv: can't be written" in nowhere.stderr) == (2, True)


def test_those_who_record_at_once_lose_nothing(tmp_path: Path) -> None:
    save(tmp_path / "a.tar", 1000)

    def one(number: int) -> int:
        arguments = ("image", "a.tar", "--ignore", "ALL", "--record", "sizes.csv")
        return int(imglint(*arguments, cwd=tmp_path, GIT_COMMIT=str(number)).returncode)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(one, range(8))) == {0}
    assert sorted(row.commit for row in read(str(tmp_path / "sizes.csv"))) == [str(n) for n in range(8)]


def test_parquet_needs_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "sizes.parquet"
    path.write_bytes(b"PAR1")
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError) as caught:
        read(str(path))
    assert caught.value.hint == "pip install 'imglint[parquet]'"


def row(content: int, platform: str = "linux/amd64") -> Row:
    return Row("2030-01-01T00:00:00+00:00", "c", "shop", "1", platform, "id", 1, content, content, 0, 1)


def test_platforms_apart_and_rows_before_those_shown() -> None:
    rows = [row(1), row(100, "linux/arm64"), row(2), row(3)]
    first, second = trends(rows, last=2, growth=Growth(1, None), over=9)
    assert ([one.content_bytes for one in first.rows], first.before) == ([2, 3], rows[0])
    assert first.gate is not None
    assert (first.gate.value, first.gate.passed) == (2, False)
    assert second.gate is not None
    assert (second.gate.value, second.gate.passed) == (None, True)


def test_sparklines() -> None:
    assert sparkline([1, 2, 3]) == "▁▄█"
    assert sparkline([5, 5]) == "▄▄"
    assert sparkline([0]) == "▄"
