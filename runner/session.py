"""A run's containers and network: labelled, limited, and gone at the end, however it ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from .engine import Engine, errors
from .errors import EngineError
from .ports import Port

SESSION = "imglint.session"
_PID, _BOOT, _STARTED, _DEADLINE = "imglint.pid", "imglint.boot", "imglint.started", "imglint.deadline"
_LIFETIME = 600  # seconds after which a container of a vanished owner may be swept

LIMITS: Mapping[str, Any] = {
    "mem_limit": "512m",
    "memswap_limit": "512m",
    "pids_limit": 256,
    "nano_cpus": 1_000_000_000,
    "security_opt": ["no-new-privileges"],
    "log_config": {"Type": "json-file", "Config": {"max-size": "1m"}},
}


class Container:
    """A container of this run."""

    def __init__(self, session: Session, identity: str) -> None:
        self.session = session
        self.id = identity

    def start(self) -> None:
        """Start it.

        Raises:
            EngineError: the engine can't; the text is its own.
        """
        with errors(self.session.image):
            self.session.engine.api.start(self.id)

    def inspect(self) -> dict[str, Any]:
        """The engine's description of it."""
        with errors(self.id[:12]):
            return cast(dict[str, Any], self.session.engine.api.inspect_container(self.id))

    def logs(self, lines: int = 20) -> str:
        """The last lines of its output."""
        with errors(self.id[:12]):
            data = self.session.engine.api.logs(self.id, tail=lines)
        return bytes(data).decode("utf-8", "replace")

    def remove(self) -> None:
        """Remove it with its anonymous volumes, running or not."""
        _remove_container(self.session.engine, self.id)


class Session:
    """What one `verify` starts. Use it in a `with`: all of it is gone behind that."""

    def __init__(self, engine: Engine, image: str) -> None:
        self.engine = engine
        self.image = image
        self.id = secrets.token_hex(8)
        self._network = ""
        self._guardian: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Session:
        sweep(self.engine)
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", "imglint.runner.guardian", self.engine.url, self.id],
            stdin=subprocess.PIPE,
            start_new_session=True,  # the terminal's Ctrl-C is for us, not for it
        )
        try:
            self._network = self._create_network()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def labels(self) -> dict[str, str]:
        """The labels by which everything of this run is found again."""
        now = int(time.time())
        return {
            SESSION: self.id,
            _PID: str(os.getpid()),
            _BOOT: _boot_id(),
            _STARTED: str(now),
            _DEADLINE: str(now + _LIFETIME),
        }

    def _create_network(self) -> str:
        with errors("network"):
            created = self.engine.api.create_network(
                f"imglint-{self.id}",
                driver="bridge",
                labels=self.labels,
                options=dict(self.engine.network_options),
            )
        return str(created["Id"])

    def create(
        self,
        *,
        ports: Sequence[Port] = (),
        bindings: Mapping[str, Any] | None = None,
        publish_all: bool = False,
        healthcheck: Mapping[str, Any] | None = None,
    ) -> Container:
        """Create a container of the image as it is: nobody's ENTRYPOINT, CMD, USER or ENV but its own.

        Args:
            ports: container ports that `bindings` name.
            bindings: "80/tcp" → (address, port) on the host.
            publish_all: as `docker run -P`.
            healthcheck: in place of the image's; None switches it off, since probes leave traces.
        """
        api = self.engine.api
        with errors(self.image):
            host = api.create_host_config(
                port_bindings=cast("Any", dict(bindings or {})),
                publish_all_ports=publish_all,
                network_mode=f"imglint-{self.id}",
                **LIMITS,
            )
            created = api.create_container(
                self.image,
                name=f"imglint-{self.id[:8]}-{secrets.token_hex(3)}",
                host_config=host,
                ports=[(one.number, one.protocol) for one in ports],
                labels=self.labels,
                healthcheck=dict(healthcheck or {"test": ["NONE"]}),
            )
        return Container(self, str(created["Id"]))

    def close(self) -> None:
        """Remove everything, and make sure that it is gone."""
        try:
            remove_session(self.engine, self.id)
        finally:
            if self._guardian is not None:
                guardian, self._guardian = self._guardian, None
                with contextlib.suppress(OSError):
                    assert guardian.stdin is not None
                    guardian.stdin.write(b"done")
                    guardian.stdin.close()
                guardian.wait(timeout=30)


def remove_session(engine: Engine, session: str) -> None:
    """Remove the containers and networks of a run, volumes included.

    Raises:
        EngineError: something is left.
    """
    api = engine.api
    label = {"label": f"{SESSION}={session}"}
    with errors("clean-up"):
        for one in api.containers(all=True, filters=label):
            _remove_container(engine, one["Id"])
        for network in api.networks(filters=label):
            api.remove_network(network["Id"])
        left = [one["Id"][:12] for one in api.containers(all=True, filters=label)]
    if left:
        raise EngineError(
            "clean-up", f"containers are left: {', '.join(left)}", f"docker rm -fv {' '.join(left)}"
        )


def sweep(engine: Engine) -> None:
    """Remove what runs left behind whose process is gone and whose time is over."""
    with errors("clean-up"):
        found = engine.api.containers(all=True, filters={"label": SESSION})
    for session in {one["Labels"][SESSION] for one in found if _abandoned(one["Labels"])}:
        remove_session(engine, session)


def _abandoned(labels: Mapping[str, str]) -> bool:
    if labels.get(_BOOT) == _boot_id() and os.path.exists(f"/proc/{labels.get(_PID, '0')}"):
        return False
    deadline = labels.get(_DEADLINE, "")
    return deadline.isdecimal() and int(deadline) < time.time()


def _remove_container(engine: Engine, identity: str) -> None:
    import docker.errors

    for _ in range(20):
        try:
            engine.api.remove_container(identity, v=True, force=True)
            return
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            # 409: its removal is under way; 500: a mount is still busy.
            if error.status_code not in (409, 500):
                raise
            time.sleep(0.25)


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""
