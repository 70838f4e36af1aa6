"""The command as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


SCHEMA = json.loads((ROOT / "reports/json_v1.schema.json").read_text())


def imglint(*arguments: str, cwd: Path = ROOT, stdin: str | bytes = b"", **environment: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "imglint", *arguments],
        cwd=cwd,
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


def told(result: Any) -> str:
    text: str = result.stderr.decode()
    assert "Traceback" not in text, text
    return text
