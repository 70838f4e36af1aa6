"""Where somebody tags and pushes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from command import ROOT
from registry import Registry

from imglint.runner import Engine


class Desk:
    """Where somebody tags and pushes."""

    def __init__(self, engine: Engine, registry: Registry, directory: Path) -> None:
        self.engine = engine
        self.registry = registry
        self.here = directory
        self.state = directory / "state"
        self._tags: list[str] = []

    def tag(self, image: str, tag: str, port: int | None = None) -> str:
        name = f"127.0.0.1:{port or self.registry.port}/shop"
        self.engine.api.tag(image, name, tag)
        self._tags.append(f"{name}:{tag}")
        return self._tags[-1]

    def push(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        named = () if "--engine" in arguments else ("--engine", self.engine.url)
        return imglint("push", *arguments, *named, state=self.state, cwd=self.here)

    def identity(self, name: str) -> str:
        return str(self.engine.inspect_image(name)["Id"])

    def recorded(self) -> list[dict[str, Any]]:
        path = self.state / "imglint/pushes.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        for tag in set(self._tags):
            self.engine.api.remove_image(tag, noprune=True)


def imglint(*arguments: str, state: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_STATE_HOME": str(state)}
    return subprocess.run(
        [sys.executable, "-m", "imglint", *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
