"""The record of what runs make: written before, read strictly, and never somebody else's file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imglint.runner import journal
from imglint.runner.errors import EngineError
from imglint.runner.journal import Journal, JournalError, abandoned, known_names, unreadable

ENGINE = "docker ABCD"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "imglint/runs"


def cut_off(*made: tuple[str, str]) -> Journal:
    """The journal of a run that is gone: with kinds, and the IDs that the engine had told, or ""."""
    found = Journal.begin(ENGINE)
    for kind, identity in made:
        name = found.write_down(kind)
        if identity:
            found.made(name, identity)
    os.close(found.descriptor)
    return found


def test_a_name_is_on_the_disk_before_it_is_used(state: Path) -> None:
    run = Journal.begin(ENGINE)
    name = run.write_down("container")
    (path,) = state.iterdir()
    line = json.loads(path.read_text().splitlines()[-1])
    assert (line["will make"], line["name"]) == ("container", name)
    run.close()


def test_names_are_random_in_128_bits(state: Path) -> None:
    run = Journal.begin(ENGINE)
    names = {run.write_down(kind) for kind in journal.KINDS for _ in range(20)}
    assert len(names) == 20 * len(journal.KINDS)
    assert all(len(name.rpartition("imglint-")[2]) == 32 for name in names)
    assert all(journal.looks_like_ours(name) for name in names)


@pytest.mark.parametrize(
    "name",
    ["imglint-hello", "imglint-0123456789abcdef", "my-imglint-" + "0" * 32, "imglint-" + "G" * 32,
     "imglint-" + "0" * 32 + "-1", "imglint-" + "0" * 32 + "\n"],
)  # fmt: skip
def test_other_names_are_not_taken_for_ours(name: str) -> None:
    assert not journal.looks_like_ours(name)


def test_nobody_else_can_look_into_it(state: Path) -> None:
    state.mkdir(mode=0o755, parents=True)
    run = Journal.begin(ENGINE)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE(os.stat(run.path).st_mode) == 0o600


def test_it_goes_when_everything_has_gone(state: Path) -> None:
    run = Journal.begin(ENGINE)
    name = run.write_down("network")
    run.made(name, "id")
    assert [entry.identity for entry in run.left()] == ["id"]
    run.gone(name)
    run.close()
    assert list(state.iterdir()) == []


def test_it_stays_while_something_is_left(state: Path) -> None:
    cut_off(("container", "id"), ("image", ""))
    (again,) = abandoned(ENGINE)
    assert [(entry.kind, entry.identity) for entry in again.left()] == [("container", "id"), ("image", "")]
    again.close()
    assert len(list(state.iterdir())) == 1


def test_containers_go_first_and_the_newest_image_before_the_one_below(state: Path) -> None:
    cut_off(("image", "1"), ("network", "2"), ("container", "3"), ("image", "4"))
    (again,) = abandoned(ENGINE)
    assert [entry.identity for entry in again.left()] == ["3", "2", "4", "1"]
    again.close()


def test_what_was_never_confirmed_is_looked_for_again_for_a_while(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Journal.begin(ENGINE)
    run.write_down("container")
    (entry,) = run.left()
    assert not entry.settled
    monkeypatch.setattr(time, "time", lambda: entry.written + 601)
    assert entry.settled
    run.close()


def test_a_living_run_is_not_abandoned(state: Path) -> None:
    run = Journal.begin(ENGINE)
    run.write_down("container")
    assert list(abandoned(ENGINE)) == []
    run.close()
    (again,) = abandoned(ENGINE)
    again.close()


def test_one_whose_guardian_lives_is_not_abandoned(state: Path) -> None:
    """It holds the same lock, whatever became of the run."""
    run = Journal.begin(ENGINE)
    run.write_down("container")
    guardian = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(run.descriptor,)
    )
    os.close(run.descriptor)
    try:
        assert list(abandoned(ENGINE)) == []
    finally:
        guardian.communicate(b"\n", timeout=30)
    (again,) = abandoned(ENGINE)
    again.close()


def test_one_of_another_engine_is_left_for_that(state: Path) -> None:
    cut_off(("container", "id"))
    assert list(abandoned("docker OTHER")) == []
    assert len(list(state.iterdir())) == 1


def test_two_sweeps_do_not_get_the_same_one(state: Path) -> None:
    cut_off(("container", "id"))
    first = abandoned(ENGINE)
    held = next(first)
    assert list(abandoned(ENGINE)) == []
    held.close()


# What is not certain counts as nothing


def change(state: Path, how: str) -> None:
    (path,) = state.iterdir()
    text = path.read_text()
    head, *lines = text.splitlines(keepends=True)
    replaced = {
        "the last line is cut": text[:-7],
        "no newline at the end": text[:-1],
        "a line is cut in the middle": head + lines[0][:20] + "\n" + "".join(lines[1:]),
        "empty": "",
        "of another version": head.replace("1", "2") + "".join(lines),
        "no JSON": "hello\n",
        "a list": "[]\n",
        "a name of the user's": head + '{"will make": "container", "name": "postgres", "at": 1}\n',
        "an ID as a name": head + '{"will make": "image", "name": "sha256:' + "0" * 64 + '", "at": 1}\n',
        "a kind that there is not": head + lines[0].replace("container", "pod"),
        "made, and never written down": head + '{"made": "imglint-' + "0" * 32 + '", "id": "1"}\n',
        "the same name twice": text + lines[0],
        "bytes that are no text": "",
        "bottomless": head + "[" * 200_000 + "\n",
        "a time that is no number": head + lines[0].replace('"at": ', '"at": 1' + "0" * 400),
        "very large": text + '{"gone": "x"}\n' * 400_000,
    }[how]
    path.write_text(replaced)
    if how == "bytes that are no text":
        path.write_bytes(b"\xff\xfe\x00{}\n")


@pytest.mark.parametrize(
    "how",
    ["the last line is cut", "no newline at the end", "a line is cut in the middle", "empty", "of another version",
     "no JSON", "a list", "a name of the user's", "an ID as a name", "a kind that there is not",
     "made, and never written down", "the same name twice", "bytes that are no text", "bottomless",
     "a time that is no number", "very large"],
)  # fmt: skip
def test_a_journal_that_is_not_understood_names_nothing(state: Path, how: str) -> None:
    cut_off(("container", "id"), ("image", "other"))
    change(state, how)
    assert list(abandoned(ENGINE)) == []
    assert known_names(ENGINE) == frozenset()
    assert unreadable() == tuple(str(path) for path in state.iterdir())


def test_links_pipes_and_other_peoples_files_are_not_read(state: Path, tmp_path: Path) -> None:
    real = Path(cut_off(("container", "id")).path)
    moved = tmp_path / "elsewhere.jsonl"
    real.rename(moved)
    real.symlink_to(moved)
    os.mkfifo(state / "pipe.jsonl")
    os.link(moved, state / "second.jsonl")
    assert list(abandoned(ENGINE)) == []
    assert len(unreadable()) == 3


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_read(state: Path) -> None:
    real = Path(cut_off(("container", "id")).path)
    os.chown(real, 65534, -1)
    assert list(abandoned(ENGINE)) == []
    assert unreadable() == (str(real),)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_not_used(state: Path) -> None:
    state.mkdir(parents=True)
    os.chown(state, 65534, -1)
    with pytest.raises(JournalError, match="belongs to the user 65534") as raised:
        Journal.begin(ENGINE)
    assert "XDG_STATE_HOME" in raised.value.hint


def test_looking_makes_nothing(state: Path) -> None:
    assert list(abandoned(ENGINE)) == []
    assert (known_names(ENGINE), unreadable()) == (frozenset(), ())
    assert not state.exists()


def test_old_drafts_go_and_what_is_none_stays(state: Path) -> None:
    state.mkdir(parents=True)
    (state / "old.jsonl.new").touch()
    (state / "directory.jsonl.new").mkdir()
    (state / "young.jsonl.new").touch()
    for name in ("old", "directory"):
        os.utime(state / f"{name}.jsonl.new", (0, 0))
    Journal.begin(ENGINE).close()
    assert {path.name for path in state.iterdir()} == {"directory.jsonl.new", "young.jsonl.new"}


def test_names_of_another_engine_are_not_known(state: Path) -> None:
    run = cut_off(("container", "id"))
    assert known_names(ENGINE) == {entry.name for entry in run.left()}
    assert known_names("docker OTHER") == frozenset()


def test_no_directory_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(EngineError, match="can't be written") as raised:
        Journal.begin(ENGINE)
    assert "nothing is started" in raised.value.hint


def test_a_link_in_place_of_the_directory_is_not_followed(state: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    state.parent.mkdir()
    state.symlink_to(tmp_path / "theirs")
    with pytest.raises(JournalError, match="no directory"):
        Journal.begin(ENGINE)
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_relative_state_home_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert journal.state_directory() == str(tmp_path / "home/.local/state/imglint/runs")


def test_a_full_disk_lets_nothing_be_made(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Journal.begin(ENGINE)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalError, match="no space left"):
        run.write_down("container")
    assert run.left() == ()
