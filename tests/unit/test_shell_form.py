"""What DL3025 says to use: what it names has to keep the meaning of the command."""

from __future__ import annotations

import pytest

from imglint.analyzer.dockerfile import Dockerfile
from imglint.rules.checks.command import written_for_a_shell

BEFORE_IT = "use exec before it"
BEFORE_LAST = "use exec before its last command"
SHELL = 'use CMD ["sh", "-c", "…"], and know that signals go to that shell'
ARRAY = 'use a JSON array, CMD ["program", "argument"]'


@pytest.mark.parametrize(
    ("command", "cure"),
    [
        ("app -b", 'use a JSON array, CMD ["app", "-b"]'),
        ("app -g 'daemon off;'", ARRAY),
        ("app --port=$PORT", BEFORE_IT),
        ("app *.conf > /log", BEFORE_IT),
        ("cd /srv && app", BEFORE_LAST),
        ("A=b; app", BEFORE_LAST),
        ("A=b app", "use exec behind its variables: A=b exec app"),
        ("exec a; b", f"{BEFORE_LAST} alone: nothing behind an earlier one runs"),
        ("while true; do app; done", SHELL),
        ("until app; do sleep 1; done", SHELL),
        ("for i in a b; do app $i; done", SHELL),
        ("a || b", SHELL),
        ("node a.js | tee /log", SHELL),
        ("a & b", SHELL),
        ("a && cd b", SHELL),
        ("! a", SHELL),
        ("(a && b)", SHELL),
    ],
)
def test_cure(command: str, cure: str) -> None:
    stage = Dockerfile.from_string(f"FROM a\nCMD {command}\n").stages[0]
    (finding,) = written_for_a_shell(stage.instructions[0], stage)
    assert finding.message.endswith(f"; {cure}")  # type: ignore[union-attr]


def test_exec_with_both_outputs_redirected_is_no_fault() -> None:
    stage = Dockerfile.from_string("FROM a\nCMD exec app > /log 2>&1\n").stages[0]
    assert not list(written_for_a_shell(stage.instructions[0], stage))
