"""Which files a path means, and what nobody named and is no Dockerfile."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imglint.discovery import begins_as_dockerfile, dockerfiles, is_template, looks_like_dockerfile
from imglint.exits import Exit
from imglint.linting import lint_files

ROOT = Path(__file__).parents[2]
FROM = "FROM debian:12\nUSER 1000\n"


def imglint(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "imglint", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def found(directory: Path) -> set[str]:
    return {os.path.relpath(one, directory) for one in dockerfiles(str(directory)).files}


# Code, documents, templates, backups, data: whatever begins otherwise.
OTHERS = [
    "py", "js", "ts", "rs", "go", "java", "rb", "php", "c", "h", "cpp", "cs", "sh", "md", "rst", "txt", "adoc", "html",
    "j2", "jinja", "jinja2", "tmpl", "tpl", "template", "erb", "in", "mustache", "hbs", "bak", "orig", "rej", "swp",
    "yml", "yaml", "json", "toml", "xml", "lock", "prod~", "ipynb", "tsx", "PY", "Md", "ejs", "old", "patch", "ps1",
]  # fmt: skip


@pytest.mark.parametrize("suffix", OTHERS)
def test_another_kind_of_file_is_taken_if_it_begins_as_a_dockerfile(tmp_path: Path, suffix: str) -> None:
    for word in ("Dockerfile", "dockerfile", "Containerfile"):
        path = tmp_path / word / f"{word}.{suffix}"
        path.parent.mkdir()
        path.write_text("# how we use Docker\nimport something\n")
    assert found(tmp_path) == set()
    (tmp_path / f"Dockerfile/Dockerfile.{suffix}").write_text(f"# syntax=x\n\n{FROM}")
    (tmp_path / f"dockerfile/dockerfile.{suffix}").write_text(f"\ufeffarg BASE=a\n{FROM}")
    (tmp_path / f"Containerfile/Containerfile.{suffix}").write_text("# only a comment\n")
    assert found(tmp_path) == {f"Dockerfile/Dockerfile.{suffix}", f"dockerfile/dockerfile.{suffix}"}


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile", "dockerfile", "DOCKERFILE", "Dockerfile.prod", "Dockerfile.alpine", "Dockerfile.3.12",
        "dev.Dockerfile", "py.Dockerfile", "Containerfile", "Containerfile.web", "x.containerfile", "a.b.dockerfile",
        "Dockerfile.arm64-v8",
    ],
)  # fmt: skip
def test_a_dockerfile_by_its_name_is_always_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("RNU typo\n")
    assert found(tmp_path) == {name}
    assert lint_files([str(tmp_path)]).exit_code == Exit.FINDINGS


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("FROM a", True), ("  from a as b\n", True), ("FROM --platform=$P a AS b", True), ("FROM \\\n a", True),
        ("ARG A\nFROM $A", True), ("ARG A=b\nARG C=d\nFROM a", True), ("ARG A", True), ("FROM $BASE", True),
        ("# x\r\n\r\nFROM a\r\n", True), ('FROM "a"', True),
        ("from x import y", False), ("from . import (", False), ("FROM a b c", False), ("from", False), ("", False),
        ("arg = 5", False), ("args here", False), ("# only", False), ("LABEL a=b\nFROM a", False), ("\x7fELF", False),
        ("{{ x }}\nFROM a", False), ("FROM {{ base }}", False), ("{% if a %}\nFROM a", False), ("@BASE@\nFROM a", False),
        ("# {{ managed }}\nFROM a", False), ("ARG A={{ a }}\nFROM a", False), ("FROM @BASE@", False),
        ("FROM debian:{{ v }}", False), ("ARG A\n<% x %>\nFROM a", False), ("FROM a\nRUN {{ x }}", True),
        ("FROM a\nRUN docker ps --format '{{.ID}}'", True),
    ],
)  # fmt: skip
def test_how_a_dockerfile_begins(text: str, taken: bool) -> None:
    assert begins_as_dockerfile(text.encode()) is taken


def test_a_template_is_told_and_not_linted(tmp_path: Path) -> None:
    for mark in ("{{ from }}", "{% set a = 1 %}", "@FROM@", "<%= a %>", "{# a #}"):
        assert is_template(f"# a\n\n {mark}\nFROM a\n".encode())
    assert not is_template(b"ARG FORMAT={{.ID}}\nFROM a\n")
    (tmp_path / "Dockerfile").write_text("{% if a %}\nFROM debian\n{% endif %}\n")
    code, out, err = imglint(cwd=tmp_path)
    assert (code, out, err) == (
        0,
        "note: ./Dockerfile: is a template, and was not linted\nnothing was checked\n",
        "",
    )
    code, out, _ = imglint("Dockerfile", cwd=tmp_path)
    assert (code, "IL001" in out) == (1, True), "who names it gets it linted"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"), (b"# only\n\n# comments", "holds only comments"), (b"\0\1", "is binary, not a Dockerfile"),
        (b"\xff\xfeF\0", "is UTF-16 text"),
    ],
)  # fmt: skip
def test_what_holds_no_instruction_is_a_note_unless_it_is_named(
    tmp_path: Path, data: bytes, told: str
) -> None:
    (tmp_path / "Dockerfile.prod").write_bytes(data)
    (tmp_path / "Dockerfile").write_text(FROM)
    calls: list[tuple[str, ...]] = [
        (),
        (".",),
        ("Dockerfile*",),
        ("--found", "Dockerfile.prod", "Dockerfile"),
    ]
    for arguments in calls:
        code, out, err = imglint(*arguments, cwd=tmp_path)
        assert (code, err) == (0, "")
        assert f"Dockerfile.prod: {told}, and was not linted\n" in out
    code, _, err = imglint("fix", cwd=tmp_path)
    assert (code, f"note: ./Dockerfile.prod: {told}, and was not linted\n" in err) == (0, True)
    calls = [("Dockerfile.prod",), (".", "./Dockerfile.prod")]
    for arguments in calls:
        code, _, err = imglint(*arguments, cwd=tmp_path)
        assert (code, told in err) == (4, True)


def test_what_a_glob_matches_is_found_not_named(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile.md").write_text("# words\nthat mean nothing\n")
    (tmp_path / "build.recipe").write_text(FROM)
    assert imglint("*.recipe", cwd=tmp_path)[:2] == (0, "no findings in 1 file\n")
    assert imglint("*", cwd=tmp_path)[:2] == (0, "no findings in 1 file\n")
    assert imglint("Dockerfile.md", cwd=tmp_path)[0] == 1


def test_what_pre_commit_passes_may_be_no_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "dockerfile.py").write_text("from x import y\n")
    assert imglint("--found", "dockerfile.py", cwd=tmp_path)[0] == 0
    (tmp_path / "Dockerfile").write_text("FROM debian:latest\nUSER root\n")
    code, out, _ = imglint("--found", "dockerfile.py", "Dockerfile", cwd=tmp_path)
    assert (code, "in 1 file" in out) == (1, True)
    assert imglint("--found", "missing", cwd=tmp_path)[0] == 2


def test_what_can_not_be_read_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "a.Dockerfile").write_text(FROM)
    (tmp_path / "Dockerfile/x").mkdir(parents=True)
    (tmp_path / "Dockerfile/x/Dockerfile").write_text(FROM)
    (tmp_path / "Dockerfile.broken").symlink_to("nowhere")
    (tmp_path / "Dockerfile.loop").symlink_to("Dockerfile.loop")
    (tmp_path / "Dockerfile.md").symlink_to("nowhere")
    os.mkfifo(tmp_path / "Dockerfile.pipe")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/Containerfile").symlink_to(tmp_path / "Dockerfile")
    code, out, err = imglint(cwd=tmp_path)
    assert (code, err) == (0, "")
    notes = [line for line in out.splitlines() if line.startswith("note: ")]
    assert sorted(notes) == [
        "note: ./Dockerfile.broken: is a broken link, and was not linted",
        "note: ./Dockerfile.loop: can't be reached: too many levels of symbolic links, and was not linted",
        "note: ./Dockerfile.md: is a broken link, and was not linted",
        "note: ./Dockerfile.pipe: is not a regular file, and was not linted",
        "note: ./Dockerfile: is a directory",
        "note: ./linked/Containerfile: is a link to a directory, and was not followed",
    ]
    assert "no findings in 2 files" in out


def test_what_nobody_may_read(tmp_path: Path) -> None:
    """A file that is there and can't be read fails the run, since what it holds was asked for."""
    work = tmp_path / "work"
    (work / "closed").mkdir(parents=True)
    (work / "Dockerfile").write_text(FROM)
    (work / "Dockerfile.md").write_text("words\n")
    work.joinpath("closed/Dockerfile").write_text(FROM)
    for path in (work / "Dockerfile", work / "Dockerfile.md", work / "closed"):
        path.chmod(0)
    command = [sys.executable, "-m", "imglint", str(work)]
    if os.getuid() == 0:
        # Root reads anything, unless it gives that right away.
        rights = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--inh-caps={rights}", f"--bounding-set={rights}", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("permission denied") >= 2
    assert f"{work}/closed: can't be searched: permission denied" in done.stderr + done.stdout
    (work / "closed").chmod(0o700)


def test_only_the_doubtful_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        (tmp_path / f"Dockerfile.{number}").write_text(FROM)
    (tmp_path / "Dockerfile.md").write_text("words\n")
    opened = []
    real = builtins.open

    def counted(path: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(os.path.basename(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(builtins, "open", counted)
    assert len(dockerfiles(str(tmp_path)).files) == 50
    assert opened == ["Dockerfile.md"]


def test_imglint_itself_holds_nothing_false() -> None:
    names = found(ROOT)
    assert "Dockerfile" in names
    assert "analyzer/dockerfile/dockerfile.py" not in names
    assert all(looks_like_dockerfile(os.path.basename(name)) for name in names)
    assert all(begins_as_dockerfile((ROOT / name).read_bytes()) for name in names)
