"""`imglint why`: its commands are run, and show what the finding says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from image_archives import Saved, docker_legacy, oci_directory
from rule_examples import RULES

from imglint.__main__ import main

ROOT = Path(__file__).parents[2]
WASTE = ROOT / "examples/waste"


def written(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(arguments)
    return capsys.readouterr().out


def commands(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def ran(command: str, directory: Path) -> str:
    done = subprocess.run(["sh", "-c", command], cwd=directory, capture_output=True, check=False)
    return done.stdout.decode()


@pytest.mark.parametrize(
    "code",
    ["DL3000", "DL3002", "DL3004", "DL3006", "DL3007", "DL3020", "DL3025", "DL4000", "IL010", "DL3015", "DL4006", "AV0801"],
)  # fmt: skip
def test_the_words_of_a_dockerfile(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (rule,) = (one for one in RULES if one.code == code)
    text = next(one for one in rule.bad if isinstance(one, str))
    name = "it's a Dockerfile"
    Path(name).write_text(text)
    Path("report.json").write_text(written(capsys, "--select", code, "--format", "json", name))
    finding = json.loads(Path("report.json").read_text())["findings"][0]
    shown = commands(written(capsys, "why", finding["fingerprint"], "report.json"))
    lines = text.split("\n")[finding["line"] - 1 : finding["end_line"]]
    assert ran(shown[0], tmp_path).rstrip("\n") == "\n".join(lines).rstrip("\n")
    if len(lines) == 1:
        assert ran(shown[1], tmp_path) == lines[0][finding["column"] - 1 : finding["end_column"] - 1] + "\n"


def test_the_wasted_bytes_of_a_layer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(WASTE)
    report = tmp_path / "report.json"
    report.write_text(written(capsys, "image", "waste.tar", "--format", "json"))
    findings = [one for one in json.loads(report.read_text())["findings"] if one["code"] == "AV0303"]
    causes = {}
    for finding in findings:
        diff, held, content, hiding, *again = (
            ran(one, WASTE)
            for one in commands(written(capsys, "why", finding["fingerprint"], str(report)))
        )  # fmt: skip
        assert f"sha256:{diff.split()[0]}" == finding["layer"]["diff_id"]
        assert finding["path"] in held
        cause = finding["proof"]["cause"]
        causes[cause] = [content == one for one in again]
        if len(finding["proof"]["paths"]) == 1:
            assert f" {finding['proof']['bytes']} " in held
        assert ("/.wh." in hiding) == (cause == "deleted")
    assert causes == {
        "deleted": [],
        "overwritten with the same content": [True],
        "overwritten with new content": [False],
    }


KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "a" * 64
TOKEN = "T = 'ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a'"


@pytest.mark.parametrize("form", ["archive", "layout"])
@pytest.mark.parametrize(
    ("code", "path", "content"), [("AV0806", "srv/x", KEY), ("AV0807", "app/s.py", TOKEN)]
)
def test_a_file_of_a_layer(
    form: str, code: str, path: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """In a `docker save` archive, and in a layout with packed layers: the digest is that of what was put in."""
    monkeypatch.chdir(tmp_path)
    saved = Saved.of({path: content}, {"srv/app": "a"})
    if form == "archive":
        Path("image").write_bytes(docker_legacy(saved))
    else:
        oci_directory(tmp_path / "image", saved, how="gzip")
    written(capsys, "image", "image", "--secrets", "--format", "json", "--output", "report.json")
    diff, held, digest = (ran(one, tmp_path) for one in commands(written(capsys, "why", code, "report.json")))
    (finding,) = (
        one for one in json.loads(Path("report.json").read_text())["findings"] if one["code"] == code
    )
    assert f"sha256:{diff.split()[0]}" == finding["layer"]["diff_id"]
    assert path in held
    assert digest.split()[0] == hashlib.sha256(content.encode()).hexdigest()


def test_the_configuration_of_an_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop.tar").write_bytes(docker_legacy(Saved.of({"srv/app": "a"}, config={"User": "root"})))
    written(capsys, "image", "shop.tar", "--select", "DL3002", "--format", "json", "--output", "report.json")
    document = json.loads(Path("report.json").read_text())
    digest, user = (ran(one, tmp_path) for one in commands(written(capsys, "why", "DL3002", "report.json")))
    assert f"sha256:{digest.split()[0]}" == document["images"][0]["id"]
    assert re.fullmatch(r'\s*"User": ?"root"\n', user)


def report(tmp_path: Path, **fields: Any) -> str:
    finding = {
        "code": "X", "name": "x", "message": "m", "severity": "info", "evidence": "dockerfile", "file": "Dockerfile",
        "line": 1, "column": 1, "end_line": 1, "end_column": 2, "layer": None, "path": None, "subject": None,
        "proof": None, "fingerprint": "f",
    }  # fmt: skip
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"version": 1, "findings": [{**finding, **fields}]}))
    return str(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"file": "$(touch mark); touch mark `touch mark`'; touch mark #"},
        {"file": "-n e1{touch mark}"},
        {"message": "m\n    touch mark"},
        {"name": "m\r\n    touch mark"},
        {"evidence": "container", "file": "--privileged"},
        {"evidence": "container", "file": "a;touch mark"},
        {"evidence": "container", "file": "a", "subject": "80;touch mark/tcp"},
        {"evidence": "image", "file": "shop.tar", "layer": {"index": 0, "diff_id": "x\n    touch mark"},
         "path": "--checkpoint-action=exec=touch mark"},
        {"evidence": "image", "file": "shop.tar", "layer": {"index": 0, "diff_id": "x"},
         "path": None, "proof": {"paths": ["--to-command=touch mark"], "hidden_by": 0, "cause": "overwritten"}},
        {"evidence": "image", "file": "shop.tar", "proof": {"User": "", "A'; touch mark": 1}},
    ],
)  # fmt: skip
def test_a_report_of_somebody_else_gives_no_command_of_its_own(
    fields: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop.tar").write_bytes(docker_legacy(Saved.of({"srv/app": "a"})))
    shown = commands(written(capsys, "why", "f", report(tmp_path, **fields)))
    assert not any("--privileged" in one for one in shown)
    for one in shown:
        if not one.startswith(("docker", "curl", "time")):
            ran(one, tmp_path)
    assert not any("80;" in one or "a;" in one for one in shown)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no JSON", "is no JSON"),
        ("[]", "is no report of imglint's"),
        ('{"findings": [{}]}', "is no report of imglint's"),
        ('{"findings": [], "checks": []}', "holds no finding or check f"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_report(
    content: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    assert main(["why", "f", str(path)]) == 2
    assert told in capsys.readouterr().err


def test_values_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for fields in ({"line": "x"}, {"line": 1e999}, {"column": None}, {"file": None}):
        assert main(["why", "f", report(tmp_path, **fields)]) == 2
        assert "is no report of imglint's" in capsys.readouterr().err


def test_a_check_of_a_container(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    check = {
        "check": "ports.published",
        "subject": "80/tcp",
        "verdict": "proved",
        "summary": "s",
        "proof": {},
    }
    path.write_text(json.dumps({"findings": [], "checks": [check], "receipts": [{"image": "shop:1"}]}))
    start, ask, *_, end = commands(written(capsys, "why", "ports.published:80/tcp", str(path)))
    assert start.endswith(" --publish 127.0.0.1::80 --name imglint-why --memory 512m --pids-limit 256 shop:1")
    assert ask.startswith("curl ")
    assert end == "docker rm --force --volumes imglint-why"


def test_an_image_that_is_not_at_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = written(capsys, "why", "f", report(tmp_path, evidence="image", file="shop:1.0"))
    assert "`docker save --output image.tar shop:1.0`, then add --archive image.tar" in told
    assert main(["why", "f", report(tmp_path, evidence="image"), "--archive", "docker-archive:no.tar"]) == 2
    assert "Use --archive to say where the image is now" in capsys.readouterr().err


def test_an_image_that_a_registry_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "docker://127.0.0.1:5977/team/shop:1"
    told = written(capsys, "why", "f", report(tmp_path, evidence="image", file=source))
    assert f"the registry has the image: `skopeo copy {source} docker-archive:image.tar`" in told
    assert "engine" not in told


def test_nobody_writes_into_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    asked = report(tmp_path, evidence="image", file=str(pipe))
    for arguments in (["f", asked], ["f", str(pipe)], ["f", asked, "--archive", str(pipe)]):
        assert main(["why", *arguments]) == 2
        assert f"{pipe}: is no regular file" in capsys.readouterr().err


def test_a_report_from_a_pipe_of_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.write(writing, Path(report(tmp_path, evidence="image", file="shop:1.0")).read_bytes())
    os.close(writing)
    assert "docker save" in written(capsys, "why", "f", f"/dev/fd/{reading}")
    os.close(reading)


@pytest.mark.parametrize("path", ["opt/back\\slash.log", "opt/back\\new.log", "opt/ü.log"])
def test_names_that_tar_escapes(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C")
    Path("shop.tar").write_bytes(docker_legacy(Saved.of({path: "once"}, {path: "then"})))
    proof = {"paths": [path], "hidden_by": 1, "cause": "overwritten with new content"}
    layer = {"index": 0, "diff_id": "x"}
    shown = commands(written(capsys, "why", "f", report(
        tmp_path, evidence="image", file="shop.tar", layer=layer, path=path, proof=proof)))  # fmt: skip
    _, held, content, hiding, again = (ran(one, tmp_path) for one in shown)
    assert path in held
    assert path in hiding
    assert content.split()[0] == hashlib.sha256(b"once").hexdigest()
    assert again.split()[0] == hashlib.sha256(b"then").hexdigest()


@pytest.mark.parametrize("fields", [
    {"line": -5}, {"line": 0}, {"line": 1.5}, {"column": 0}, {"end_line": 0}, {"end_column": True}, {"line": "1"},
])  # fmt: skip
def test_places_that_are_none(
    fields: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", "f", report(tmp_path, **fields)]) == 2
    told = capsys.readouterr()
    assert "is no report of imglint's" in told.err
    assert told.out == ""
