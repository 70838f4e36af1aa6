"""Where imglint finds its code: in imglint-core, the one owner of all files, whichever way both are installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class Core(MetadataHookInterface):
    """In a checkout, the core beside it instead of the published one of the same version."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Say so among the dependencies."""
        core = Path(self.root) / "core"
        if core.is_dir():
            metadata["dependencies"] = [
                f"imglint-core @ {core.as_uri()}" if one.startswith("imglint-core==") else one
                for one in metadata["dependencies"]
            ]


class Editable(BuildHookInterface):  # type: ignore[type-arg]
    """With `pip install --editable`, the checkout stands before the core's files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """A plain path in a .pth file would stand behind them: an import line does not."""
        if version != "editable":
            return
        lines = Path(self.directory) / "_imglint_checkout.pth"
        lines.parent.mkdir(exist_ok=True)
        lines.write_text(f"import sys; sys.path.insert(0, {os.path.join(self.root, 'src')!r})\n", "utf-8")
        build_data["force_include_editable"][str(lines)] = lines.name
