"""A run's containers and network: labelled, limited, and gone at the end, however it ends."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from .engine import Engine, errors
from .errors import EngineError
from .ports import Port
from .side import probe_image

PROBE = "busybox"  # the image of side containers, where nobody names another one
SESSION = "imglint.session"
_PID, _OWNER, _STARTED, _DEADLINE = "imglint.pid", "imglint.owner", "imglint.started", "imglint.deadline"
_LIFETIME = 600  # seconds after which a container of a vanished owner may be swept
_TRIES, _PAUSE = 20, 0.25  # for what the engine can't remove at once, and the seconds in between

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
        self.started = 0.0  # by the monotonic clock, for those who measure from there

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
        return self.session.engine.logs(self.id, lines).decode("utf-8", "replace")

    def events(self, kind: str, since: float) -> list[dict[str, Any]]:
        """What the engine tells of it since a time (seconds since 1970) up to now."""
        with errors(self.id[:12]):
            # docker-py's types know whole seconds only; the engine takes parts of them as text.
            stream = self.session.engine.api.events(
                since=cast("Any", f"{since - 0.5:.6f}"),
                until=cast("Any", f"{time.time():.6f}"),
                filters={"container": self.id, "event": kind},
                decode=True,
            )
            return list(stream)

    def remove(self) -> None:
        """Remove it with its anonymous volumes, running or not."""
        with errors("clean-up"):
            _remove(self.session.engine, "container", self.id)


class Session:
    """What one `verify` starts. Use it in a `with`: all of it is gone behind that."""

    def __init__(
        self,
        engine: Engine,
        image: str,
        *,
        probe: str = PROBE,
        vantages: Sequence[str] = ("host", "side", "exec"),
    ) -> None:
        self.engine = engine
        self.image = image
        self.id = secrets.token_hex(8)
        self.vantages = tuple(vantages)
        self.schedules_probes = True  # until the engine is known better
        self._probe = probe
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
            _OWNER: _owner(os.getpid()),
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

    @functools.cached_property
    def probe(self) -> str:
        """The image that side containers run.

        Raises:
            EngineError: there is none, and none can be made.
        """
        return probe_image(self.engine, self._probe, self.labels)

    def create_side(self, container: Container, command: Sequence[str], user: str) -> Container:
        """Create a container in the network and the processes of another one, that can change nothing there."""
        api = self.engine.api
        with errors("the side container"):
            host = api.create_host_config(
                network_mode=f"container:{container.id}",
                pid_mode=f"container:{container.id}",
                cap_drop=["ALL"],
                read_only=True,
                **LIMITS,
            )
            created = api.create_container(
                self.probe, list(command), name=self._name(), host_config=host, labels=self.labels, user=user
            )
        return Container(self, str(created["Id"]))

    def create_control(self, command: Sequence[str], ports: Sequence[Port]) -> Container:
        """Create a container whose behaviour is known, to learn what the engine shows of it."""
        api = self.engine.api
        with errors("the control container"):
            host = api.create_host_config(
                port_bindings=cast("Any", {str(one): ("127.0.0.1", None) for one in ports}),
                network_mode=f"imglint-{self.id}",
                **LIMITS,
            )
            created = api.create_container(
                self.probe,
                list(command),
                name=self._name(),
                host_config=host,
                ports=[(one.number, one.protocol) for one in ports],
                labels=self.labels,
                healthcheck={"test": ["CMD", "/bin/true"], "interval": 1_000_000_000},
            )
        return Container(self, str(created["Id"]))

    def _name(self) -> str:
        return f"imglint-{self.id[:8]}-{secrets.token_hex(3)}"

    def create(
        self,
        *,
        ports: Sequence[Port] = (),
        bindings: Mapping[str, Any] | None = None,
        publish_all: bool = False,
        healthcheck: Mapping[str, Any] | None = None,
        user: str | None = None,
        image: str | None = None,
        entrypoint: Sequence[str] | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Container:
        """Create a container of the image as it is: nobody's ENTRYPOINT, CMD, USER or ENV but its own.

        Args:
            ports: container ports that `bindings` name.
            bindings: "80/tcp" → (address, port) on the host.
            publish_all: as `docker run -P`.
            healthcheck: in place of the image's; None switches it off, since probes leave traces.
            user: in place of the image's.
            image: in place of the session's.
            entrypoint: in place of the image's; its CMD is then out of use, too.
            command: in place of the image's CMD.
            environment: beside the image's.
            options: more of the host's configuration: read_only, tmpfs, cap_drop, mem_limit, …
        """
        api = self.engine.api
        with errors(self.image):
            host = api.create_host_config(
                port_bindings=cast("Any", dict(bindings or {})),
                publish_all_ports=publish_all,
                **{"network_mode": f"imglint-{self.id}", **LIMITS, **options},
            )
            created = api.create_container(
                image or self.image,
                None if command is None else list(command),
                name=self._name(),
                host_config=host,
                ports=[(one.number, one.protocol) for one in ports],
                labels=self.labels,
                healthcheck=dict(healthcheck or {"test": ["NONE"]}),
                user=user,
                entrypoint=None if entrypoint is None else list(entrypoint),
                environment=dict(environment or {}),
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


# What the engine holds of a run, in the order in which it goes, and the command for what would not go.
_KINDS = (("container", "docker rm -fv"), ("network", "docker network rm"), ("image", "docker image rm -f"))


def remove_session(engine: Engine, session: str) -> None:
    """Remove the containers, networks and images of a run, volumes included.

    Raises:
        EngineError: something is left.
    """
    import docker.errors

    label = f"{SESSION}={session}"
    for kind, command in _KINDS:
        with errors("clean-up"):
            for one in _held(engine, kind, label):
                with contextlib.suppress(docker.errors.APIError):  # what would not go is seen below
                    _remove(engine, kind, one["Id"])
            left = [one["Id"][:12] for one in _held(engine, kind, label)]
        if left:
            raise EngineError(
                "clean-up", f"{kind}s are left: {', '.join(left)}", f"{command} {' '.join(left)}"
            )


def sweep(engine: Engine) -> None:
    """Remove what runs left behind whose process is gone, or whose time is over if that can't be seen here."""
    with errors("clean-up"):
        found = [one for kind, _ in _KINDS for one in _held(engine, kind, SESSION)]
    held = [one.get("Labels") or {} for one in found]
    for session in {labels[SESSION] for labels in held if _abandoned(labels)}:
        remove_session(engine, session)


def _abandoned(labels: Mapping[str, str]) -> bool:
    if labels.get(_OWNER, "").rpartition("/")[0] == _place():
        return _owner(int(labels.get(_PID) or 0)) != labels[_OWNER]
    # It was started on another machine, before a reboot, or in another container.
    deadline = labels.get(_DEADLINE, "")
    return not deadline.isdecimal() or int(deadline) < time.time()


def _held(engine: Engine, kind: str, label: str) -> list[dict[str, Any]]:
    """The engine's containers, networks or images of a label."""
    api = engine.api
    filters = {"label": label}
    calls: dict[str, Callable[[], Any]] = {
        "container": lambda: api.containers(all=True, filters=filters),
        "network": lambda: api.networks(filters=filters),
        "image": lambda: api.images(filters=filters),
    }
    return cast("list[dict[str, Any]]", _patiently(calls[kind]))


def _remove(engine: Engine, kind: str, identity: str) -> None:
    """Remove one of them; it may be gone already."""
    import docker.errors

    api = engine.api
    calls: dict[str, Callable[[], object]] = {
        "container": lambda: api.remove_container(identity, v=True, force=True),
        "network": lambda: api.remove_network(identity),
        "image": lambda: api.remove_image(identity, force=True),
    }
    with contextlib.suppress(docker.errors.NotFound):
        _patiently(calls[kind])


def _patiently(call: Callable[[], Any]) -> Any:
    """The answer to a call, made again while the engine or another run is removing what it is about."""
    import docker.errors

    for _ in range(_TRIES):
        try:
            return call()
        except docker.errors.APIError as error:
            # 403: a network has endpoints; 409: a removal is under way; 500: a mount is busy, or, of
            # Podman's lists, what was to be listed has just gone.
            if error.status_code not in (403, 409, 500):
                raise
            time.sleep(_PAUSE)
    return call()


@functools.cache
def _place() -> str:
    """This boot of this machine, and the namespace in which process numbers mean something."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return f"{stream.read().strip()}/{os.readlink('/proc/self/ns/pid')[5:-1]}"
    except OSError:
        return ""


def _owner(pid: int) -> str:
    """A process beyond doubt: where it runs, and when it began, since numbers are used again."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return f"{_place()}/{stream.read().rpartition(')')[2].split()[19]}"
    except OSError:
        return f"{_place()}/gone"
