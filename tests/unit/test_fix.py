"""`imglint fix`: what is fixed, what is left, and that nothing else changes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rule_examples import RULES

from imglint.analyzer.dockerfile import Dockerfile, Text
from imglint.rules.fix import apply
from imglint.rules.judge import judge_dockerfile
from imglint.rules.rule import Rule

BAD = [
    pytest.param(rule, one, id=f"{rule.code}-{number}")
    for rule in RULES
    for number, one in enumerate(rule.bad)
    if isinstance(one, str)
]


def imglint(*arguments: str, cwd: Path) -> Any:
    command = [sys.executable, "-m", "imglint", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace", check=False)


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_fix_cures_its_finding_and_brings_no_other(rule: Rule, text: str) -> None:
    def found(text: str) -> Counter[str]:
        return Counter(
            one.rule.code for one in judge_dockerfile(Dockerfile.from_string(text), RULES).findings
        )

    findings = [one for one in judge_dockerfile(Dockerfile.from_string(text), [rule]).findings if one.fix]
    for one in findings:
        fixed = apply(Text(text), [one], unsafe=True)
        assert fixed.findings == (one,)
        before, after = found(text), found(fixed.value)
        assert after[rule.code] < before[rule.code]
        # What is written as apt-get is looked at more closely than apt.
        assert set(after) - set(before) <= ({"DL3008", "DL3015"} if rule.code == "DL3027" else set())
        assert len(Dockerfile.from_string(fixed.value).instructions) == len(
            Dockerfile.from_string(text).instructions
        )


def test_fixing_a_file(tmp_path: Path) -> None:
    text = "FROM debian:12\r\nMAINTAINER me\r\nRUN apt-get install \\\r\n  curl # \xfc\r\nCMD top -b\r\n"
    path = tmp_path / "Dockerfile"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o640)
    result = imglint("fix", "--diff", cwd=tmp_path)
    assert result.returncode == 1
    assert "-MAINTAINER me" in result.stdout
    assert path.read_bytes() == text.encode("latin-1")
    result = imglint("fix", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("3 fixed in 1 file, ")
    wanted = text.replace("MAINTAINER me", 'LABEL org.opencontainers.image.authors="me"')
    wanted = wanted.replace("install", "install -y").replace("CMD top -b", 'CMD ["top", "-b"]')
    assert path.read_bytes() == wanted.encode("latin-1")
    assert path.stat().st_mode & 0o777 == 0o640
    result = imglint("fix", "--unsafe", cwd=tmp_path)
    assert b"install --no-install-recommends -y" in path.read_bytes()
    assert imglint("fix", "missing", cwd=tmp_path).returncode == 2
    assert imglint("fix", "--select", "NOPE", cwd=tmp_path).returncode == 2
