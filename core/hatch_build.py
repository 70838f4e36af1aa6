"""What imglint-core holds: the folders of the checkout around it, or of its own source distribution."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

FOLDERS = ("analyzer", "runner", "rules", "reports")


class Shared(MetadataHookInterface):
    """What a package index shows of imglint and imglint-core alike."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Take it from imglint. A source distribution has it in its PKG-INFO."""
        above = tomllib.loads((Path(self.root).parent / "pyproject.toml").read_text("utf-8"))["project"]
        metadata.update({name: above[name] for name in ("authors", "classifiers", "keywords", "urls")})


class Sources(BuildHookInterface):  # type: ignore[type-arg]
    """In a wheel all of it stands below imglint/; a source distribution has the folders as they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name each folder. The links to them in src/imglint are for development only."""
        own = Path(self.root)
        top = own if (own / "analyzer").is_dir() else own.parent
        below, package = ("", "src/imglint/") if self.target_name == "sdist" else ("imglint/", "imglint/")
        found = {str(top / folder): below + folder for folder in FOLDERS}
        for path in sorted((top / "src/imglint").iterdir()):
            if path.name not in (*FOLDERS, "__pycache__"):
                found[str(path)] = package + path.name
        build_data["force_include"].update(found)
