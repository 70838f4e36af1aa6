"""What Podman does otherwise than Docker behind the same API."""

from __future__ import annotations

import functools
import os
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..analyzer.credentials import mask
from .engine import Engine, described, errors
from .errors import EngineError

if TYPE_CHECKING:
    from .registry import Target

_LIBPOD = "v4.0.0/libpod"
_LOG_TRIES = 5


class Podman(Engine):
    """A connection to Podman's Docker-compatible service."""

    kind = "podman"
    tells_owners = False  # it gives all of them to the container's own user
    pushes_by_id = True
    adds_accounts = True
    waits_before_removal = True
    host_options: Mapping[str, Any] = {}  # its networks are made without a resolver
    names_containers = False

    @functools.cached_property
    def identity(self) -> str:
        """As Docker's, by what stays: its ID is another one each time that it is asked for."""
        with errors(self.url):
            known = described(self.api.info(), "DockerRootDir")
        return f"podman {_real(self.url)} {known.get('Name', '')} {known['DockerRootDir']}"

    @property
    def command(self) -> str:
        """How a person calls this engine."""
        return "podman" if self.url == "unix:///run/podman/podman.sock" else f"podman --url {self.url}"

    def create_network(self, name: str, *, closed: bool, egress: bool = False, together: bool = False) -> str:
        """As Docker does, by Podman's own API: its Docker-compatible one knows neither resolver nor route."""
        wanted: dict[str, Any] = {"name": name, "driver": "bridge", "internal": closed, "dns_enabled": False}
        # What can't be closed on this engine is left open, and seen by the dial from inside.
        tries = [{}] if closed or egress else [{"no_default_route": "true"}, {}]
        answer = ""
        for options in tries:
            with errors("the network"):
                response = self.api.post(
                    f"{self.api.base_url}/{_LIBPOD}/networks/create",
                    json={**wanted, "options": options},
                    timeout=self.api.timeout,
                )
                if response.status_code == 200:
                    return str(described(response.json(), "id")["id"])
                answer = mask(response.text)[:300]
        raise EngineError(
            "the network", answer, "reported by the engine; its own log may say more", status=500
        )

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
        found = super().inspect_image(name)
        with errors(name):
            url = f"{self.api.base_url}/{_LIBPOD}/images/{quote(found['Id'], safe='')}/json"
            answer = self.api.get(url, timeout=10)
            own: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        config = found.setdefault("Config", {}) or {}
        if own.get("Healthcheck"):
            config["Healthcheck"] = own["Healthcheck"]
        return found

    def push(self, identity: str, target: Target) -> Generator[dict[str, Any], None, None]:
        """Push an image by its ID, which Podman's own API can."""
        image = quote(identity.removeprefix("sha256:"), safe="")
        url = f"{self.api.base_url}/{_LIBPOD}/images/{image}/push"
        yield from self._pushed(url, {"destination": str(target), "quiet": "false"}, target)


def _real(url: str) -> str:
    """An address without links: podman-docker leaves one in place of Docker's socket."""
    path = url.removeprefix("unix://")
    return f"unix://{os.path.realpath(path)}" if path != url else url
