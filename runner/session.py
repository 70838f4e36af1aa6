"""A run's containers, networks and images: written down, limited, and gone at the end, however it ends."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from .cleanup import Receipt, find, remove, remove_all, strangers, sweep
from .engine import Engine, described, errors
from .errors import EngineError
from .journal import Journal
from .ports import Port
from .service import Service, services_must_be_there
from .side import import_probe
from .start import Start, must_be_there, must_have_user, needs_names, packed

PROBE = "busybox"  # the image of side containers, where nobody names another one

_MEMORY, _MORE_MEMORY = 512 << 20, 2 << 30  # bytes that a container gets unasked, and at most
_PIDS, _MORE_PIDS = 256, 1024


class Conditions(NamedTuple):
    """What a container gets, by the user's word; None is for what the session gives by itself."""

    memory: int | None = None  # bytes
    pids: int | None = None
    network: str = ""  # a network of the user's, in place of one without a way out
    new_privileges: bool = False  # whether sudo and the like work, as under `docker run`
    start: Start = Start()  # what the user adds to the image
    services: tuple[Service, ...] = ()  # what is started beside it first, in this order
    called: str = ""  # the name by which those services reach it

    @property
    def open(self) -> bool:
        """Whether it may reach others, by the user's word."""
        return bool(self.network) or self.start.egress

    @property
    def memory_bytes(self) -> int:
        """The limit of memory that holds."""
        return self.memory or _MEMORY

    @property
    def pids_limit(self) -> int:
        """The limit of processes that holds."""
        return self.pids or _PIDS

    def limits(self) -> dict[str, Any]:
        """As options of the engine's."""
        return {
            "mem_limit": self.memory_bytes,
            "memswap_limit": self.memory_bytes,
            "pids_limit": self.pids_limit,
            "nano_cpus": 1_000_000_000,
            "security_opt": [] if self.new_privileges else ["no-new-privileges"],
            "log_config": {"Type": "json-file", "Config": {"max-size": "1m"}},
        }


USUAL = Conditions()
LIMITS: Mapping[str, Any] = USUAL.limits()

Archive = Callable[
    [str], Iterable[bytes]
]  # a name → the chunks of a docker-archive whose image has that name


class Container:
    """A container of this run."""

    def __init__(self, session: Session, name: str, identity: str) -> None:
        self.session = session
        self.name = name
        self.id = identity
        self.started = 0.0  # by the monotonic clock, for those who measure from there

    def start(self) -> None:
        """Start it.

        Raises:
            EngineError: the engine can't; the text is its own.
        """
        with errors(self.session.name):
            self.session.engine.api.start(self.id)

    def inspect(self) -> dict[str, Any]:
        """The engine's description of it."""
        with errors(self.id[:12]):
            return described(self.session.engine.api.inspect_container(self.id), "State")

    def written_bytes(self) -> int:
        """How much it has written into its own layer, by the engine's count.

        Raises:
            EngineError: the engine does not say.
        """
        engine = self.session.engine
        with errors(self.id[:12]):
            answer = engine.api.get(engine.url_of(self.id, "json"), params={"size": "1"}, timeout=30)
            return int(answer.json().get("SizeRw") or 0) if answer.status_code == 200 else 0

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
        self.session.remove(self.name)


class Session:
    """What one run of `verify` starts. Use it in a `with`: all of it is gone behind that.

    `receipt` says then what was removed; `image` is the ID of what is run, `described` the engine's
    word of it; `notes` is what the user has to know of what earlier runs left.
    """

    def __init__(
        self,
        engine: Engine,
        image: str,
        *,
        archive: Archive | None = None,
        probe: str = PROBE,
        vantages: Sequence[str] = ("host", "side", "exec"),
        conditions: Conditions = USUAL,
    ) -> None:
        """`archive`: where the image comes from if the engine does not have it. It is loaded for this run."""
        self.engine = engine
        self.name = image
        self.image = image
        self.described: dict[str, Any] = {}
        self.receipt = Receipt()
        self.notes: tuple[str, ...] = ()
        self.vantages = tuple(vantages)
        self.conditions = conditions
        self.schedules_probes = True  # until the engine is known better
        self.services: list[tuple[Service, Container]] = []  # what runs beside the image
        self._archive = archive
        self._volumes: dict[str, str] = {}  # by their names in the file of services
        self._probe = probe
        self._journal: Journal | None = None
        self._guardian: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Session:
        swept = sweep(self.engine)
        if str(swept) != str(Receipt()):
            self.notes = (f"of an earlier run that was cut off: {swept}",)
        self.notes += strangers(self.engine)
        self._journal = Journal.begin(self.engine.identity)
        try:
            self._guardian = _guard(self.engine, self._journal)
            self.described = self._found() if self._archive is None else self._found_or_loaded(self._archive)
            self.image = str(self.described["Id"])
            if self.conditions.network:
                self.engine.must_have_network(self.conditions.network)
            must_be_there(self.conditions.start, self.engine)
            services_must_be_there(self.conditions.services, self.engine)
            if needs_names(self.conditions.start):
                self._must_know_user()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _must_know_user(self) -> None:
        """See that the image has the user that was named, in a container that is never started."""
        wanted = self.conditions.start
        container = self.create(user="0", entrypoint=["/imglint-is-never-started"])
        try:
            must_have_user(wanted, container)
        finally:
            container.remove()

    @property
    def journal(self) -> Journal:
        """The names of everything that this run makes."""
        assert self._journal is not None, "the session is open"
        return self._journal

    def _found(self) -> dict[str, Any]:
        return self.engine.inspect_image(self.name)

    def _found_or_loaded(self, archive: Archive) -> dict[str, Any]:
        """An image that was there before is used as it is, and stays; else it is there under our name alone."""
        with contextlib.suppress(EngineError):
            found = self._found()
            if found.get("RepoTags"):
                # Its other names may be another run's, and go: one of ours holds it. One without any name is
                # the user's, and would go with a name of ours.
                self.make("image", self.name[:19], lambda name: self.engine.tag(str(found["Id"]), name))
            return found

        def load(name: str) -> str:
            for _ in self.engine.load(archive(f"{name}:latest")):
                pass
            return str(self.engine.inspect_image(name)["Id"])

        return self.engine.inspect_image(self.make("image", self.name[:19], load)[1])

    def make(self, kind: str, subject: str, call: Callable[[str], object]) -> tuple[str, str]:
        """Let the engine make something, under a name that is written down first: the name and the ID.

        Args:
            kind: of `journal.KINDS`.
            subject: what an error is about.
            call: makes it under the name that it gets, and returns its ID.

        Raises:
            EngineError: the engine can't, or the name can't be written down.
        """
        name = self.journal.write_down(kind)
        try:
            with errors(subject):
                identity = str(call(name))
        except EngineError as error:
            # An answer, even a bad one, says that the engine is done with it. Without one it may still be at work.
            made = find(self.engine, kind, name) if error.answered else ""
            if made:
                self.journal.made(name, made)
            elif error.answered:
                self.journal.gone(name)
            raise
        self.journal.made(name, identity)
        return name, identity

    def remove(self, name: str) -> None:
        """Remove something of this run before its end.

        Raises:
            EngineError: it would not go.
        """
        for entry in self.journal.left():
            if entry.name == name:
                remove(self.engine, self.journal, entry, self.receipt)

    def raise_limits(self, kind: str) -> bool:
        """Give the containers that follow more of what the user has not limited.

        Args:
            kind: what is lacking, "memory", "processes" or "privileges". Says whether there is more of that now.
        """
        usual = self.conditions
        if kind == "privileges":
            self.conditions = usual._replace(new_privileges=True)
            return not usual.new_privileges
        with errors(self.engine.url):
            available = int(described(self.engine.api.info(), "ID").get("MemTotal") or 0) // 4
        self.conditions = usual._replace(
            memory=usual.memory or max(min(_MORE_MEMORY, available), _MEMORY), pids=usual.pids or _MORE_PIDS
        )
        now = self.conditions
        return (
            now.memory_bytes > usual.memory_bytes if kind == "memory" else now.pids_limit > usual.pids_limit
        )

    @functools.cached_property
    def network(self) -> str:
        """A network without a way out and without a way in."""
        return self.make(
            "network", "the network", lambda name: self.engine.create_network(name, closed=True)
        )[0]

    @functools.cached_property
    def open_network(self) -> str:
        """A network on which ports can be published; its way out is as closed as the engine can close it."""
        return self.make(
            "network", "the network", lambda name: self.engine.create_network(name, closed=False)
        )[0]

    @functools.cached_property
    def egress_network(self) -> str:
        """A network from which other machines can be reached, where the user allows that."""
        return self.make(
            "network", "the network", lambda name: self.engine.create_network(name, closed=False, egress=True)
        )[0]

    @functools.cached_property
    def services_network(self) -> str:
        """The network in which the services and what is proved reach each other, and nobody else."""
        return self.make(
            "network",
            "the network of the services",
            lambda name: self.engine.create_network(name, closed=True, together=True),
        )[0]

    def _hosts(self) -> list[str]:
        """Names and addresses of the services for /etc/hosts, where the engine's own resolver knows none."""
        out: list[str] = []
        for service, container in self.services if not self.engine.names_containers else ():
            networks = (container.inspect().get("NetworkSettings") or {}).get("Networks") or {}
            if address := (networks.get(self.services_network) or {}).get("IPAddress"):
                out += [f"{name}:{address}" for name in (service.name, *service.names)]
        return out

    def _volume(self, key: str) -> str:
        """The volume of this run that the file of services calls so; made when it is first asked for."""
        if key not in self._volumes:
            create = self.engine.api.create_volume
            self._volumes[key] = self.make("volume", key, lambda name: create(name)["Name"])[0]
        return self._volumes[key]

    def _with_volumes(self, start: Start) -> Start:
        """What is mounted under the names that the engine knows."""
        mounts = (
            mount._replace(source=self._volume(mount.source)) if mount.kind == "shared" else mount
            for mount in start.mounts
        )
        return start._replace(mounts=tuple(mounts))

    @functools.cached_property
    def probe(self) -> str:
        """The ID of the image that side containers run. Nothing is pulled.

        Raises:
            EngineError: there is none, and none can be made.
        """
        with contextlib.suppress(EngineError):
            return str(self.engine.inspect_image(self._probe)["Id"])
        return self.make("image", "the side container's image", lambda name: import_probe(self.engine, name))[
            1
        ]

    def commit(self, container: Container) -> str:
        """The ID of an image made from a container, for as long as the session lasts."""
        return self.make("image", "set-up", lambda name: self.engine.commit(container.id, name))[1]

    def create_side(self, container: Container, command: Sequence[str], user: str) -> Container:
        """Create a container in the network and the processes of another one, that can change nothing there."""
        api = self.engine.api
        image = self.probe

        def create(name: str) -> str:
            host = api.create_host_config(
                network_mode=f"container:{container.id}",
                pid_mode=f"container:{container.id}",
                cap_drop=["ALL"],
                read_only=True,
                **LIMITS,
            )
            return _id(api.create_container(image, list(command), name=name, host_config=host, user=user))

        return Container(self, *self.make("container", "the side container", create))

    def create_control(self, command: Sequence[str], ports: Sequence[Port]) -> Container:
        """Create a container whose behaviour is known, to learn what the engine shows of it."""
        api = self.engine.api
        image, network = self.probe, self.open_network if ports else self.network

        def create(name: str) -> str:
            host = api.create_host_config(
                port_bindings=cast("Any", {str(port): ("127.0.0.1", None) for port in ports}),
                network_mode=network,
                **self.engine.host_options,
                **LIMITS,
            )
            created = api.create_container(
                image,
                list(command),
                name=name,
                host_config=host,
                ports=[(port.number, port.protocol) for port in ports],
                healthcheck={"test": ["CMD", "/bin/true"], "interval": 1_000_000_000},
            )
            return _id(created)

        return Container(self, *self.make("container", "the control container", create))

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
        """Create a container of the image as it is, with what the user adds to it and nothing else.

        Args:
            ports: container ports that `bindings` name.
            bindings: "80/tcp" → (address, port) on the host.
            publish_all: as `docker run -P`.
            healthcheck: in place of the image's, its times in nanoseconds; None switches it off, since probes
                leave traces.
            user: in place of the image's.
            image: in place of the session's.
            entrypoint: in place of the image's; its CMD is then out of use, too.
            command: in place of the image's CMD.
            environment: beside the image's.
            options: more of the host's configuration: read_only, tmpfs, cap_drop, mem_limit, …
        """
        start = self._with_volumes(self.conditions.start)
        if entrypoint is None and command is None:
            entrypoint, command = start.entrypoint, start.command
        environment = {**start.environment, **(environment or {})}
        user = user or start.user or None
        # A second mount in the same place is refused by engines.
        tmpfs = {
            path: how for path, how in (options.pop("tmpfs", None) or {}).items() if path not in start.targets
        }
        if tmpfs or start.tmpfs:
            options["tmpfs"] = {**start.tmpfs, **tmpfs}
        options = {**start.host_options(), **options}
        if self.conditions.network and "network_mode" not in options:
            options["network_mode"] = self.conditions.network
        elif start.egress and "network_mode" not in options:
            options["network_mode"] = self.egress_network
        elif "network_mode" not in options:
            options["network_mode"] = self.open_network if bindings or publish_all else self.network
            options = {**self.engine.host_options, **options}
        options |= {"port_bindings": dict(bindings or {}), "publish_all_ports": publish_all}
        container = self._created(
            self.name, image or self.image, options, start, entrypoint, command,
            ports=[(port.number, port.protocol) for port in ports],
            healthcheck=dict(healthcheck or {"test": ["NONE"]}),
            user=user,
            environment=environment,
        )  # fmt: skip
        if self.conditions.services or self.conditions.called:
            self._connect(container, (self.conditions.called,) if self.conditions.called else ())
        return container

    def create_service(self, service: Service, image: str) -> Container:
        """Create a container of a service, in the network that the services share with what is proved."""
        start = self._with_volumes(service.start)
        options = {**self.engine.host_options, **start.host_options()}
        if start.tmpfs:
            options["tmpfs"] = dict(start.tmpfs)
        options["network_mode"] = self.network
        container = self._created(
            service.told, image, options, start, start.entrypoint, start.command,
            healthcheck={"test": ["NONE"]},
            user=start.user or None,
            environment=dict(start.environment),
        )  # fmt: skip
        self._connect(container, (service.name, *service.names))
        self.services.append((service, container))
        return container

    def _created(
        self,
        subject: str,
        image: str,
        options: dict[str, Any],
        start: Start,
        entrypoint: Sequence[str] | None,
        command: Sequence[str] | None,
        **more: Any,
    ) -> Container:
        """Create a container, and put into it the files that it is to have."""
        api = self.engine.api
        if hosts := self._hosts():
            options["extra_hosts"] = [*hosts, *options.get("extra_hosts", ())]

        def create(name: str) -> str:
            config = api.create_container_config(
                image,
                cast("Any", None if command is None else list(command)),
                host_config=api.create_host_config(**{**self.conditions.limits(), **options}),
                entrypoint=None if entrypoint is None else list(entrypoint),
                working_dir=start.working_dir or None,
                hostname=start.hostname or None,
                **more,
            )
            check = more["healthcheck"]
            if "start_interval" in check and self.engine.has_start_interval:
                config["Healthcheck"]["StartInterval"] = check["start_interval"]  # docker-py knows none
            return _id(api.create_container_from_config(config, name))

        container = Container(self, *self.make("container", subject, create))
        if start.files:
            with errors(subject):
                api.put_archive(container.id, "/", packed(start.files))
        return container

    def _connect(self, container: Container, names: Sequence[str]) -> None:
        with errors(self.name):
            self.engine.api.connect_container_to_network(
                container.id, self.services_network, aliases=list(names)
            )

    def close(self) -> None:
        """Remove everything. What would not go is told in the receipt, and stays in the journal for a later run."""
        if self._journal is None:
            return
        journal, self._journal = self._journal, None
        guardian, self._guardian = self._guardian, None
        self.engine.resume()
        try:
            remove_all(self.engine, journal, self.receipt)
        finally:
            done = not journal.left()
            journal.close()
            if guardian is not None:
                _dismiss(guardian, done=done)


def _id(created: Any) -> str:
    return str(described(created, "Id")["Id"])


def _guard(engine: Engine, journal: Journal) -> subprocess.Popen[bytes]:
    """Start the process that cleans up if this one is killed. It holds the journal's lock, too."""
    # -P: a folder called imglint in the working directory is not ours.
    command = [sys.executable, "-P", "-m", "imglint.runner.guardian"]
    return subprocess.Popen(
        [*command, engine.url, journal.path, str(journal.descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # it may outlive the run, and whoever reads what that says waits for all writers
        stderr=subprocess.DEVNULL,
        pass_fds=(journal.descriptor,),
        start_new_session=True,  # the terminal's Ctrl-C is for us, not for it
    )


def _dismiss(guardian: subprocess.Popen[bytes], *, done: bool) -> None:
    """Let the guardian go; where something is left, it goes on trying by itself for a while."""
    assert guardian.stdin is not None
    with contextlib.suppress(OSError):
        if done:
            guardian.stdin.write(b"done")
        guardian.stdin.close()
    if done:
        with contextlib.suppress(
            subprocess.TimeoutExpired
        ):  # one that was stopped has nothing to do any more
            guardian.wait(timeout=10)
    if guardian.returncode is None:
        _at_work.append(guardian)


_at_work: list[
    subprocess.Popen[bytes]
] = []  # guardians that outlive their run; Python objects to losing sight of them
