"""Configuration files, profiles, baselines and --since, as people use them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from differences import DIFFERENCES, Difference

from imglint.analyzer import InputError
from imglint.analyzer.dockerfile import Text
from imglint.config import Configuration, Settings
from imglint.config_file import KEYS, read
from imglint.linting import lint_files, lint_text
from imglint.rules.index import INDEX
from imglint.rules.profiles import FORMATTING, HADOLINT
from imglint.rules.registry import select
from imglint.rules.rule import Severity

ROOT = Path(__file__).parents[2]
FAULTY = "FROM debian\nRUN apt-get update\nUSER root\nRUN apt-get install -y --no-install-recommends b=1\n"


def imglint(*arguments: str, cwd: Path) -> Any:
    command = [sys.executable, "-m", "imglint", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def codes(settings: Settings, text: str = FAULTY) -> set[str]:
    return {one.rule.code for one in lint_text(Text(text), settings).findings}


def test_the_documented_example_is_valid_and_names_every_key(tmp_path: Path) -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert example
    assert set(tomllib.loads(example[1])) == set(KEYS)
    (tmp_path / "imglint.toml").write_text(example[1])
    settings = read(str(tmp_path / "imglint.toml"))
    assert settings.severities == {"DL3006": Severity.ERROR}
    assert settings.image_of(str(tmp_path / "Dockerfile")) == "example.org/shop:latest"


def test_the_nearest_file_wins_and_the_command_line_goes_before(tmp_path: Path) -> None:
    (tmp_path / "imglint.toml").write_text('ignore = ["DL3006"]\nfail-level = "error"\n')
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    (tmp_path / "a/pyproject.toml").write_text('[tool.imglint]\nignore = ["DS-0017"]\n')
    found = Configuration().settings(str(inner / "Dockerfile"))
    assert (found.ignore, found.fail_level) == (("DS-0017",), Severity.WARNING)
    (tmp_path / "a/pyproject.toml").write_text("[tool.other]\n")
    found = Configuration({"ignore": ("DL3002",)}).settings(str(inner / "Dockerfile"))
    assert (found.ignore, found.fail_level) == (("DL3006", "DL3002"), Severity.ERROR)
    assert Configuration(isolated=True).settings(str(inner / "Dockerfile")) == Settings()


def test_overrides_for_some_paths(tmp_path: Path) -> None:
    (tmp_path / "imglint.toml").write_text('[[per-path]]\npaths = ["dev/**"]\nignore = ["DL30"]\n')
    for name in ("dev/x/Dockerfile", "Dockerfile"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(FAULTY)
    report = lint_files([str(tmp_path)], Configuration())
    assert {(Path(one.file).parent.name, one.rule.code) for one in report.findings} == {
        ("x", "DS-0017"), (tmp_path.name, "DL3006"), (tmp_path.name, "DL3002"), (tmp_path.name, "DS-0017"),
    }  # fmt: skip


WRONG = [
    ('ignor = ["DL3006"]\n', "ignor is no key of imglint's", "did you mean ignore?"),
    ('ignore = ["DL3O06"]\n', "names 'DL3O06', which is no rule's", "did you mean DL3006?"),
    ("ignore = 3\n", "ignore takes a list of texts, not a number", ""),
    ("pragmas = 1\n", "pragmas takes true or false, not a number", ""),
    ('profile = "loud"\n', "profile is default, hadolint, strict, not 'loud'", ""),
    ('[severity]\nDL3006 = "bad"\n', "severity.DL3006 is style, info, warning, error, not 'bad'", ""),
    ('[labels]\nx = "semvr"\n', "labels.x is text", ""),
    ('[[per-path]]\nignore = ["DL3006"]\n', "[[per-path]] 1: paths is missing", ""),
    ('[[per-path]]\npath = ["a"]\n', "[[per-path]] 1: path is no key", "did you mean paths?"),
    ("a = \n", "is not valid TOML", ""),
]


@pytest.mark.parametrize(("text", "problem", "hint"), WRONG)
def test_what_is_wrong_is_told(text: str, problem: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "imglint.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        read(str(tmp_path / "imglint.toml"))
    assert problem in caught.value.problem
    assert hint in caught.value.hint
    (tmp_path / "Dockerfile").write_text(FAULTY)
    result = imglint("Dockerfile", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "imglint.toml" in result.stderr
    # The other commands read it, too.
    assert imglint("image", "x.tar", cwd=tmp_path).returncode == 2


def test_hadolints_configuration(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(FAULTY)
    (tmp_path / ".hadolint.yaml").write_text(
        "ignored: [DL3006, SC2086, DL9999]\noverride:\n  error: [DL3002]\nfailure-threshold: error\n"
        "trustedRegistries: [ghcr.io]\nlabel-schema:\n  version: semver\nformat: tty\nnonsense: 1\n"
    )
    result = imglint("Dockerfile", "-f", "json", cwd=tmp_path)
    parsed = json.loads(result.stdout)
    found = {one["code"]: one["severity"] for one in parsed["findings"]}
    assert result.returncode == 1
    assert found["DL3002"] == "error"
    assert {"DL3026", "DL3049"} <= set(found)
    assert "DL3006" not in found
    assert any("DL9999" in note for note in parsed["notes"])
    assert any("nonsense" in note for note in parsed["notes"])
    (tmp_path / "imglint.toml").write_text("")
    assert '"DL3006"' in imglint("Dockerfile", "-f", "json", cwd=tmp_path).stdout


# Profiles


def test_profiles() -> None:
    every = {entry.code for entry in INDEX}
    assert HADOLINT.keys() <= every
    assert every >= FORMATTING
    assert {entry.code for entry in select(profile="strict")} == every - FORMATTING
    assert {entry.code for entry in select(profile="hadolint")} == set(HADOLINT) | {"IL002"}
    assert codes(Settings(profile="hadolint")) == {"DL3006", "DL3002", "DL3009"}
    # All of hadolint's rules are there, those that it switches off by default, too.
    wanted = {f"DL{number}" for number in (*range(3000, 3068), 1001, *range(4000, 4007))}
    assert wanted - every == {"DL3005", "DL3017", "DL3031", "DL3039", "DL4002"}


def test_the_hadolint_profile_speaks_of_all_stages_alike() -> None:
    text = "FROM debian:12 AS build\nADD a /b\nRUN apt-get update\nFROM debian:12\n"
    found = lint_text(Text(text), Settings(profile="hadolint")).findings
    assert [(one.rule.code, one.severity.label) for one in found] == [("DL3020", "error")]


@pytest.mark.parametrize("one", DIFFERENCES, ids=lambda one: one.code)
def test_differences_from_hadolint_are_what_the_guide_says(one: Difference) -> None:
    found = lint_text(Text(one.example), Settings(profile="hadolint")).findings
    lines = {f.place.span.line for f in found if f.place.span and one.code in (f.rule.code, *f.rule.aliases)}
    assert tuple(sorted(lines)) == one.imglint


# Only what is new


def test_a_baseline_knows_what_is_told_once_in_a_stage(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian:12\nRUN sudo make\nRUN sudo make install\n")
    assert imglint("--write-baseline", "known.json", ".", cwd=tmp_path).returncode == 0
    result = imglint("--baseline", "known.json", ".", "-f", "json", cwd=tmp_path)
    assert (result.returncode, json.loads(result.stdout)["findings"]) == (0, [])


def test_baseline(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}/Dockerfile" for number in range(50)]
    for number, path in enumerate(files):
        path.parent.mkdir()
        path.write_text(
            f"FROM debian\nRUN apt-get update && \\\n  apt-get install -y a{number} && make\nUSER root\n"
        )
    result = imglint("--write-baseline", "known.json", ".", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "recorded" in result.stdout
    for path in files:
        path.write_text("# more\n" * 20 + path.read_text())
    result = imglint("--baseline", "known.json", ".", "-f", "json", cwd=tmp_path)
    assert (result.returncode, json.loads(result.stdout)["findings"]) == (0, [])
    # A fault inside an instruction that has others already.
    files[7].write_text(files[7].read_text().replace("make", "sudo make"))
    for where in (tmp_path, tmp_path / "7"):
        result = imglint("--baseline", str(tmp_path / "known.json"), ".", "-f", "json", cwd=where)
        assert [one["code"] for one in json.loads(result.stdout)["findings"]] == ["DL3004"]
    assert imglint("--baseline", "none.json", ".", cwd=tmp_path).returncode == 2
    (tmp_path / "broken.json").write_text("[]")
    assert "is no baseline" in imglint("--baseline", "broken.json", ".", cwd=tmp_path).stderr


def test_since(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    old = tmp_path / "old/Dockerfile"
    old.parent.mkdir()
    old.write_text(FAULTY + "RUN make && make install && make test && make all of it\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "x")
    old.write_text("# more\n" * 20 + old.read_text() + "RUN sudo x\n")
    assert [one.rule.code for one in lint_files([str(old)], since="HEAD").findings] == ["DL3004"]
    git("mv", "old", "new")
    git("add", ".")
    (tmp_path / "added.Dockerfile").write_text("FROM debian\nUSER 1\n")
    report = lint_files([str(tmp_path)], since="HEAD")
    assert {(Path(one.file).name, one.rule.code) for one in report.findings} == {
        ("Dockerfile", "DL3004"), ("added.Dockerfile", "DL3006"),
    }  # fmt: skip
    assert any("known before" in note for note in report.notes)
    result = imglint("--since", "nowhere", ".", cwd=tmp_path)
    assert (result.returncode, "names no commit" in result.stderr) == (2, True)


# Many files


def test_gitignore_holds(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("build/\n*.old.Dockerfile\n")
    for name in (
        "Dockerfile",
        "build/Dockerfile",
        "a/build/Dockerfile",
        "a/x.old.Dockerfile",
        "a/Dockerfile",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(FAULTY)
    (tmp_path / "a/.gitignore").write_text("!x.old.Dockerfile\n")
    report = lint_files([str(tmp_path)])
    found = {str(Path(one).relative_to(tmp_path)) for one in report.files}
    assert found == {"Dockerfile", "a/Dockerfile", "a/x.old.Dockerfile"}
    report = lint_files([str(tmp_path / "a")])
    assert len(report.files) == 2
    # A file that is named is linted, ignored or not.
    assert len(lint_files([str(tmp_path / "build/Dockerfile")]).files) == 1


def test_jobs_find_the_same(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number:02}.Dockerfile").write_text(FAULTY)
    (tmp_path / "x.Dockerfile").write_bytes(b"\0")
    one, many = (lint_files([str(tmp_path)], jobs=jobs) for jobs in (1, 2))
    assert one.exit_code == many.exit_code == 1
    assert one.notes == many.notes != ()
    binary = str(tmp_path / "x.Dockerfile")
    one, many = (lint_files([str(tmp_path), binary], jobs=jobs) for jobs in (1, 2))
    assert one.exit_code == many.exit_code == 4
    assert one.findings == many.findings
    assert one.problems == many.problems
    assert len(one.findings) == 60 * len(codes(Settings()))


def test_statistics(tmp_path: Path) -> None:
    for name in ("a.Dockerfile", "b.Dockerfile"):
        (tmp_path / name).write_text(FAULTY)
    result = imglint("--statistics", ".", cwd=tmp_path)
    assert re.search(r"^ +2 DL3006 +untagged-image, in 2 files$", result.stdout, re.MULTILINE)
