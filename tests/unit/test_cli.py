"""The command as people run it: exit codes, streams, bad input, formats."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command import ROOT, SCHEMA, imglint, told

from imglint.lint_options import OPTION_NAMES

pytestmark = pytest.mark.slow

WASTE = "examples/waste/waste.tar"
FAULTY = "FROM debian:latest\nUSER root\n"
CLEAN = 'FROM debian:12\nUSER 1000\nCMD ["x"]\n'


# Exit codes


def test_clean(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(CLEAN)
    result = imglint("Dockerfile", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, b"no findings in 1 file\n")


def test_findings_and_the_fail_level(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(FAULTY)
    assert imglint("Dockerfile", cwd=tmp_path).returncode == 1
    assert imglint("Dockerfile", "--fail-level", "error", cwd=tmp_path).returncode == 0
    (tmp_path / "Dockerfile").write_text("FROM debian:12\nMAINTAINER me\n")
    assert imglint("Dockerfile", cwd=tmp_path).returncode == 0
    assert imglint("Dockerfile", "--fail-level=info", cwd=tmp_path).returncode == 1


def test_standard_input() -> None:
    result = imglint("-", stdin=FAULTY)
    assert result.returncode == 1
    assert result.stdout.startswith(b"-:1:6: DL3007")
    assert imglint("lint", "-", "--stdin-filename", "a/Dockerfile", stdin=FAULTY).stdout.startswith(
        b"a/Dockerfile:1"
    )


BAD_INPUT = [
    (["missing"], 2, "missing: no such file or directory"),
    (["empty"], 3, "empty: holds no Dockerfile"),
    (["binary"], 4, "binary: is binary, not a Dockerfile"),
    (["nothing"], 4, "nothing: is empty"),
    (["comments"], 4, "comments: holds only comments"),
    (["link"], 2, "link: is a broken link"),
    (["--nope"], 2, "there is no option --nope"),
    (["--format"], 2, "--format needs a value"),
    (["--format", "xml"], 2, "--format is text, concise, full, json, sarif"),
    (["--select", "DL3OO6", "fine"], 2, "did you mean DL30"),
    (["--fail-level", "fatal"], 2, "--fail-level is"),
    (["--build-arg", "A", "fine"], 2, "--build-arg takes NAME=VALUE"),
    (["--target", "x", "fine"], 2, "has no stage 'x'"),
    (["-f", "json", "-f", "text", "fine"], 2, "two formats go to the same place"),
    (["-f", "json", "-o", "no/such/dir", "fine"], 2, "can't be written"),
    (["image", "missing.tar"], 2, "missing.tar: no such file"),
    (["image", "nothing"], 2, "nothing: is empty"),
    (["image", "fine"], 2, "is no tar archive"),
    (["image", "empty"], 2, "empty: is a directory, but no OCI layout"),
    (["image", "cut.tar"], 2, "it is truncated"),
    (["image", "holed.tar"], 2, "layer 0 ("),
    (["audit", "fine", "--image", "cut.tar"], 2, "it is truncated"),
    (["image", "cut.tar", "-f", "json", "-o", "out.json", "--nope"], 2, "No such option"),
    (["image"], 2, "Missing argument"),
    (["history", "missing.tar"], 2, "no such file"),
    (["audit", "missing"], 2, "missing: no such file or directory"),
    (["audit", "fine", "--run"], 2, "there is no image to start"),
    (["audit"], 2, "there is nothing to audit"),
    (["explain", "XX1"], 2, "no rule has the code 'XX1'"),
    (["explain"], 2, "Missing argument"),
    (["rules", "--format", "xml"], 2, "--format is text or json"),
]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0\0")
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "comments").write_text("# only\n\n# comments\n")
    (tmp_path / "fine").write_text(CLEAN)
    (tmp_path / "link").symlink_to("nowhere")
    waste = (ROOT / WASTE).read_bytes()
    (tmp_path / "cut.tar").write_bytes(waste[:100_000])
    with tarfile.open(ROOT / WASTE) as whole, tarfile.open(tmp_path / "holed.tar", "w") as holed:
        first = json.load(whole.extractfile("manifest.json") or io.BytesIO())[0]["Layers"][0]
        for member in whole.getmembers():
            if member.name != first:
                holed.addfile(member, whole.extractfile(member) if member.isfile() else None)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "message"), BAD_INPUT, ids=[" ".join(one[0]) for one in BAD_INPUT]
)
def test_bad_input(inputs: Path, arguments: list[str], code: int, message: str) -> None:
    before = sorted(inputs.iterdir())
    result = imglint(*arguments, cwd=inputs)
    text = told(result)
    assert result.returncode == code, text
    assert message in text
    assert len(text.strip().splitlines()) <= 3, "one clear error"
    assert sorted(inputs.iterdir()) == before, "nothing is left behind"


def test_one_bad_file_does_not_silence_the_others(inputs: Path) -> None:
    (inputs / "faulty").write_text(FAULTY)
    result = imglint("binary", "faulty", "missing", cwd=inputs)
    assert result.returncode == 2
    assert b"DL3007" in result.stdout
    assert "binary" in told(result)
    assert "missing" in told(result)


def test_a_file_that_nobody_may_read(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(CLEAN)
    path.chmod(0)
    if os.getuid() == 0:
        # Root reads anything: a user without rights has to be made.
        command = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-m", "imglint", str(path)]
        tmp_path.chmod(0o755)
        for parent in tmp_path.parents:
            if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
        result = subprocess.run(command, capture_output=True, check=False, cwd="/")
        if b"No module named" in result.stderr or b"Permission denied" in result.stderr:
            pytest.fail(result.stderr.decode())
    else:
        result = imglint(str(path))
    assert result.returncode == 2
    assert b"permission denied" in result.stderr


def test_directories_are_searched(tmp_path: Path) -> None:
    for name in ("Dockerfile", "a/prod.Dockerfile", "a/Dockerfile.dev", "b/Containerfile", "b/Dockerfile.dockerignore",
                 "node_modules/x/Dockerfile", "c/notes.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(CLEAN)
    (tmp_path / "loop").symlink_to(".")
    assert imglint(cwd=tmp_path).stdout == b"no findings in 4 files\n"
    assert imglint("*/*.Dockerfile", cwd=tmp_path).stdout == b"no findings in 1 file\n"


def test_a_misspelt_command() -> None:
    assert "did you mean the command `imglint audit`" in told(imglint("audti"))


def test_a_reader_that_goes_away() -> None:
    command = f"{sys.executable} -m imglint rules | head -1"
    result = subprocess.run(command, shell=True, capture_output=True, check=False, cwd=ROOT)
    assert result.stderr == b""


# Formats


def document(*arguments: str, **options: Any) -> Any:
    result = imglint(*arguments, "--format", "json", **options)
    parsed = json.loads(result.stdout)
    jsonschema.validate(parsed, SCHEMA, format_checker=jsonschema.FormatChecker())
    return parsed


def test_json_of_a_lint() -> None:
    parsed = document("examples/seed/Dockerfile")
    (one,) = [finding for finding in parsed["findings"] if finding["code"] == "IL010"]
    assert (one["file"], one["line"], one["column"], one["end_line"], one["end_column"]) == (
        "examples/seed/Dockerfile", 6, 7, 6, 21,
    )  # fmt: skip
    assert parsed["summary"] == {"files": 1, "error": 1, "warning": 2, "info": 3, "style": 0}


def test_json_holds_all_findings_that_the_text_folds() -> None:
    text = "FROM debian:12\nRUN pip install a\nRUN pip install b\nRUN pip install c\nUSER 1\n"
    assert b"(+2 more: lines 3, 4)" in imglint("-", stdin=text).stdout
    assert len(document("-", stdin=text)["findings"]) == 3 + 0


def test_json_of_an_image() -> None:
    (image,) = document("image", WASTE)["images"]
    assert image["content_bytes"] == image["live_bytes"] + image["wasted_bytes"]
    assert image["wasted_bytes"] == sum(one["bytes"] for one in image["waste"])
    assert image["content_bytes"] == sum(one["content_bytes"] for one in image["layers"])
    assert {one["cause"] for one in image["waste"]} >= {"deleted"}


def test_json_of_a_history_and_an_error() -> None:
    assert document("history", WASTE)["images"][0]["tags"] == ["shop:latest"]
    parsed = document("image", "missing.tar")
    assert parsed["errors"][0]["subject"] == "missing.tar"
    assert "images" not in parsed


def test_json_of_an_audit() -> None:
    parsed = document("audit", "examples/waste/Dockerfile", "--image", WASTE)
    cells = {(one["antipattern"], one["evidence"]): one for one in parsed["matrix"]}
    assert len(cells) == 30
    assert cells[3, "image"]["verdict"] == "fail"
    assert cells[3, "image"]["codes"] == ["AV0303"]
    assert cells[9, "image"]["verdict"] == "fail"
    assert cells[1, "container"]["verdict"] == "unknown"
    assert cells[4, "container"]["verdict"] == "not applicable"
    assert all(one["reason"] for one in cells.values())
    lines = [layer["line"] for layer in parsed["images"][0]["layers"]]
    text = (ROOT / "examples/waste/Dockerfile").read_text().splitlines()
    assert [text[line - 1].split()[0] for line in lines] == ["COPY"] * 4 + ["RUN", "COPY", "COPY", "WORKDIR"]


def test_audit_of_an_image_that_was_not_built_from_this_dockerfile() -> None:
    parsed = document("audit", "examples/seed/Dockerfile", "--image", WASTE)
    assert "was not built from this examples/seed/Dockerfile" in parsed["notes"][0]
    assert all(layer["line"] is None for layer in parsed["images"][0]["layers"])


def test_audit_ends_with_its_worst_cell(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM debian:12\nCMD ["x"]\n')
    assert imglint("Dockerfile", cwd=tmp_path).returncode == 0, "a note alone stops no lint"
    result = imglint("audit", cwd=tmp_path)
    assert result.returncode == 0, "and no push"
    assert result.stdout.count(b"AV0901 no-user: no USER is named") == 1, "it is told once, below what fails"
    assert b"below the level of warning" in imglint("audit", "--format", "full", cwd=tmp_path).stdout
    parsed = document("audit", "--fail-level", "info", cwd=tmp_path)
    cells = {(one["antipattern"], one["evidence"]): one for one in parsed["matrix"]}
    assert (cells[9, "dockerfile"]["verdict"], cells[9, "dockerfile"]["codes"]) == ("fail", ["AV0901"])
    assert [one["name"] for one in parsed["failures"]] == ["AV0901"], "the cell is no second failure"
    assert imglint("audit", "--fail-level", "info", cwd=tmp_path).returncode == 1


def test_audit_without_an_image() -> None:
    result = imglint("audit", "examples/seed/Dockerfile")
    assert result.returncode == 1  # IL010 is an error, though no cell holds it
    assert b"no image was given" in result.stdout


def test_better_evidence_withdraws_a_finding(tmp_path: Path) -> None:
    from image_archives import build_example

    from imglint.rules.rule import ImageExample

    (tmp_path / "Dockerfile").write_text('FROM debian:12\nCOPY app /srv/app\nCMD ["/srv/app"]\n')
    example = ImageExample(
        config={"User": "1000", "Cmd": ["/srv/app"]},
        steps=("COPY app /srv/app # buildkit", 'CMD ["/srv/app"]'),
        layers=({"srv/app": "x"}, {}),
    )
    archive = build_example(example, tmp_path)
    result = imglint("audit", "Dockerfile", "--image", str(archive), cwd=tmp_path)
    assert b"withdrawn: Dockerfile:1:6: AV0901" in result.stdout
    assert result.returncode == 0, result.stdout
    skipped = document("audit", "Dockerfile", "--image", str(archive), cwd=tmp_path)["skipped"]
    assert any(one["code"] == "AV0901" and one["reason"].startswith("withdrawn") for one in skipped)


def test_several_outputs_in_one_run(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    result = imglint("examples/seed/Dockerfile", "-f", "json", "-o", str(target), "-f", "text")
    assert b"IL010" in result.stdout
    jsonschema.validate(json.loads(target.read_text()), SCHEMA)
    assert list(tmp_path.iterdir()) == [target]


def test_full_shows_source_proof_and_reason() -> None:
    text = imglint("examples/seed/Dockerfile", "-f", "full").stdout.decode()
    assert ' 6 | CMD ["/usr/sbin/ntpd"]\n   |       ^^^^^^^^^^^^^^\n' in text
    text = imglint("image", WASTE, "-f", "full").stdout.decode()
    assert "= bytes: 46.8 kB" in text


def test_credentials_are_masked_in_every_output(tmp_path: Path) -> None:
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    (tmp_path / "Dockerfile").write_text(f"FROM a:1\nENV GITHUB={secret}\nENV DB_PASSWORD=hunter2\n")
    for form in ("text", "full", "json"):
        result = imglint("Dockerfile", "-f", form, cwd=tmp_path)
        assert secret.encode() not in result.stdout
        assert b"hunter2" not in result.stdout
        assert b"AV0801" in result.stdout


def test_input_can_not_steer_the_terminal() -> None:
    text = "FROM a\x1b[31m:latest\n\x1b]0;x\x07 y\n"
    for form in ("text", "full"):
        result = imglint("-", "-f", form, stdin=text)
        assert result.returncode == 1
        assert b"\x1b" not in result.stdout
        assert b"\\x1b" in result.stdout


# Help


def test_the_plain_lint_has_the_options_that_typer_shows() -> None:
    shown = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", imglint("lint", "--help").stdout.decode()))
    assert shown - {"--help", "-h"} == OPTION_NAMES


COMMANDS = (
    "lint", "fix", "explain", "rules", "image", "diff", "history", "verify", "audit", "trend", "push", "hook",
    "files", "cat", "extract", "hook install", "hook run",
)  # fmt: skip


@pytest.mark.parametrize("command", ["lint", "image", "history", "verify", "audit", "explain", "rules"])
def test_every_command_has_help(command: str) -> None:
    result = imglint(command, "--help")
    assert result.returncode == 0
    assert command in result.stdout.decode()
    assert command in imglint("--help").stdout.decode()


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_help_speaks_no_python(command: str) -> None:
    """What an option takes is said in words, or by its choices; no type of Python's."""
    told = imglint(*command.split(), "--help").stdout.decode()
    assert not re.search(r"<\w+(\[\w+\])?>|\b(TEXT|INTEGER|FLOAT)\b(?! *Why)", told)
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("imglint lint --profile st", ["strict"]), ("imglint image --fail-level w", ["warning"]),
     ("imglint audit --select DL3006,AV010", [f"DL3006,AV010{last}" for last in "123456"]),
     ("imglint verify -f sar", ["sarif"]), ("imglint audit --fail-on u", ["unknown"]),
     ("imglint push --engine p", ["podman"])],
)  # fmt: skip
def test_the_shell_offers_values(typed: str, offered: list[str]) -> None:
    at = str(len(typed.split()) - 1)
    told = imglint(_IMGLINT_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=at)
    assert told.stdout.decode().split() == offered


def test_options_may_stand_before_the_command() -> None:
    for options in (["--select", "AV0303"], ["--select=AV0303"], ["--isolated", "--select", "AV0303"]):
        before, behind = imglint(*options, "image", WASTE), imglint("image", *options, WASTE)
        assert (before.stdout, before.returncode) == (behind.stdout, 1)
        assert b"AV0303" in before.stdout


def test_every_command_that_judges_takes_the_same_options(tmp_path: Path) -> None:
    settings = tmp_path / "mine.toml"
    settings.write_text('ignore = ["AV03"]\n')
    for words in (["image", WASTE], ["audit", "examples/waste/Dockerfile", "--image", WASTE]):
        told = imglint(*words, "--config", str(settings)).stdout
        assert b"AV0303" not in told
        assert b"AV0203" in told
        assert imglint(*words, "--isolated").stdout.count(b"AV0303") >= 3
    audit = ("audit", "examples/waste/Dockerfile", "--isolated")
    assert b"DL3057" in imglint(*audit, "--extend-select", "DL3057").stdout
    assert b"DL3057" not in imglint(*audit).stdout
    assert len(imglint(*audit, "--profile", "strict").stdout) > len(imglint(*audit).stdout)


@pytest.mark.parametrize("command", ["lint", "audit"])
def test_standard_input_that_is_closed(command: str) -> None:
    shell = f"exec {sys.executable} -m imglint {command} - <&-"
    result = subprocess.run(["sh", "-c", shell], cwd=ROOT, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"standard input is closed" in result.stderr


def test_options_of_a_command_alone_may_stand_before_it() -> None:
    assert (
        imglint("--max-waste", "1kB", "image", WASTE).stdout
        == imglint("image", WASTE, "--max-waste", "1kB").stdout
    )
    assert b"No such option: --nope" in imglint("--nope", "image", WASTE).stderr


def test_an_audit_keeps_limits() -> None:
    audit = (
        "audit",
        "examples/waste/Dockerfile",
        "--image",
        WASTE,
        "--fail-level",
        "none",
        "--format",
        "json",
    )
    assert imglint(*audit, "--max-waste", "100kB").returncode == 0
    broken = imglint(*audit, "--max-waste", "1kB")
    assert broken.returncode == 1
    assert [one["name"] for one in json.loads(broken.stdout)["failures"] if one["kind"] == "limit"] == [
        "max-waste"
    ]


def test_explain_takes_codes_aliases_and_names() -> None:
    for name in ("IL010", "il010", "main-process-forks"):
        assert imglint("explain", name).stdout.startswith(b"# IL010 main-process-forks")
    assert imglint("explain", "MaintainerDeprecated").stdout.startswith(b"# DL4000")


def test_rules_as_json() -> None:
    listed = json.loads(imglint("rules", "--format", "json").stdout)
    assert {"code", "name", "severity", "default", "antipattern", "evidence", "summary"} <= set(listed[0])
    assert len({one["code"] for one in listed}) == len(listed)


def test_rules_by_code_alias_and_name() -> None:
    def codes(*words: str) -> set[str]:
        return {one["code"] for one in json.loads(imglint("rules", *words, "--format", "json").stdout)}

    assert codes("av0307") == {"AV0307"}
    assert codes("maintainerdep") == {"DL4000"}
    assert codes("AV05", "apt-lists") == {"AV0501", "AV0502", "AV0503", "DL3009"}
    fixes = {one["code"]: one["fix"] for one in json.loads(imglint("rules", "--format", "json").stdout)}
    assert (fixes["DL4000"], fixes["DL3015"], fixes["DL3009"]) == ("safe", "unsafe", None)
    for words in (["no-such-rule"], ["cache", "no-such-rule"]):
        nothing = imglint("rules", *words)
        assert (nothing.returncode, nothing.stdout) == (2, b"")
        assert b"no rule has a code that begins with 'no-such-rule'" in nothing.stderr


def test_version() -> None:
    assert re.fullmatch(rb"imglint \d+\.\d+\.\d+\n", imglint("--version").stdout)


def test_no_engine(tmp_path: Path) -> None:
    result = imglint("verify", "some-image", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert result.returncode == 2
    assert "no engine answers: no socket at" in told(result)
    assert "start Docker" in told(result)


@pytest.mark.parametrize(
    "arguments", [["examples"], ["image", WASTE], ["audit", "examples/waste/Dockerfile", "--image", WASTE]]
)
def test_local_sources_need_no_network(arguments: list[str]) -> None:
    program = """
import socket, sys
def refuse(*_, **__): raise AssertionError("the network was used")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from imglint.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, check=False
    )
    assert result.returncode == 1, result.stderr.decode()
