"""What Podman does otherwise than Docker behind the same API."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .engine import Engine, errors
from .errors import EngineError

_LIBPOD = "v4.0.0/libpod"
_LOG_TRIES = 5


class Podman(Engine):
    """A connection to Podman's Docker-compatible service."""

    kind = "podman"
    tells_owners = False  # it gives all of them to the container's own user
    adds_accounts = True
    network_options: Mapping[str, str] = {}  # it refuses those of Docker's bridge

    @functools.cached_property
    def identity(self) -> str:
        """As Docker's, by what stays: its ID is another one each time that it is asked for."""
        with errors(self.url):
            known = self.api.info()
        return f"{self.url} {known.get('Name', '')} {known.get('DockerRootDir', '')} {self.version}"

    def logs(self, identity: str, lines: int) -> bytes:
        """As Docker does, though Podman tells more when the file is cut just then, and stumbles over half a line."""
        for _ in range(_LOG_TRIES):
            try:
                return b"".join(super().logs(identity, lines).splitlines(keepends=True)[-lines:])
            except EngineError as error:
                if "not a valid container log line" not in error.problem:
                    raise
        return b""

    def inspect_image(self, name: str) -> dict[str, Any]:
        """As Docker describes it, with the health check, which only Podman's own API tells."""
        described = super().inspect_image(name)
        with errors(name):
            url = f"{self.api.base_url}/{_LIBPOD}/images/{quote(described['Id'], safe='')}/json"
            answer = self.api.get(url, timeout=10)
            own: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        config = described.setdefault("Config", {}) or {}
        if own.get("Healthcheck"):
            config["Healthcheck"] = own["Healthcheck"]
        return described
