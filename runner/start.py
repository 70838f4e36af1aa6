"""How a container is started where the user says more than the image: variables, mounts, user, program."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..analyzer.credentials import masked
from .errors import EngineError

if TYPE_CHECKING:
    from .engine import Engine
    from .session import Container

# Where engines listen. Who can speak to one of them is root on its machine, through a read-only mount, too.
_SOCKETS = (
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
)


class Mount(NamedTuple):
    """What is mounted: a path of this machine, a volume of the user's, or one that goes with the container."""

    kind: (
        str  # "bind", "volume", "anonymous", or "shared" for a volume of this run that several services have
    )
    source: str  # an absolute path, the name of a volume, or ""
    target: str
    writable: bool = False
    unsaid: bool = False  # whether the user named no mode, which `docker run` takes for writable

    def flag(self) -> str:
        """As a flag of `docker run`, which always says the mode."""
        if self.kind == "anonymous":
            return f"-v {shlex.quote(self.target)}"
        return f"-v {shlex.quote(f'{self.source}:{self.target}:{self.mode}')}"

    @property
    def mode(self) -> str:
        """As `docker run` writes it."""
        return "rw" if self.writable else "ro"


class File(NamedTuple):
    """A file that is put into a container before it starts."""

    path: str  # absolute
    data: bytes
    mode: int = 0o444
    uid: int = 0
    gid: int = 0


class Start(NamedTuple):
    """What the user adds to an image, or puts in the place of what it says."""

    environment: Mapping[str, str] = {}  # the values are never told
    mounts: tuple[Mount, ...] = ()
    tmpfs: Mapping[str, str] = {}  # path → its options
    user: str = ""
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    hosts: tuple[str, ...] = ()  # as "db:10.0.0.5"
    egress: bool = False  # whether it may reach other machines
    from_files: Mapping[str, str] = {}  # variable → the file of variables that holds it
    # What only files of services ask for
    working_dir: str = ""
    hostname: str = ""
    health: Mapping[str, Any] = {}  # keys of an image's Healthcheck, in place of its own
    files: tuple[File, ...] = ()
    host: Mapping[str, Any] = {}  # more of the engine's configuration of a host: read_only, cap_drop, …

    @property
    def other_program(self) -> bool:
        """Whether something else is started than what the image says."""
        return self.entrypoint is not None or self.command is not None

    @property
    def replaces(self) -> str:
        """Which options put something in the place of what the image says; "" where none does."""
        found = [("--user", bool(self.user)), ("--entrypoint", self.entrypoint is not None)]
        found.append(("a command of its own", self.command is not None))
        return ", ".join(name for name, is_given in found if is_given)

    def over(self, base: Start | None) -> Start:
        """Both together; where they contradict each other, this one holds."""
        if base is None:
            return self
        below = [mount for mount in base.mounts if mount.target not in self.targets]
        tmpfs = {path: how for path, how in base.tmpfs.items() if path not in self.targets}
        program = self if self.entrypoint is not None else base
        return Start(
            {**base.environment, **self.environment},
            (*below, *self.mounts),
            {**tmpfs, **self.tmpfs},
            self.user or base.user,
            program.entrypoint,
            self.command if self.command is not None else program.command,
            (*base.hosts, *self.hosts),
            self.egress or base.egress,
            {
                **{name: path for name, path in base.from_files.items() if name not in self.environment},
                **self.from_files,
            },
            self.working_dir or base.working_dir,
            self.hostname or base.hostname,
            self.health or base.health,
            (*base.files, *self.files),
            {**base.host, **self.host},
        )

    @property
    def targets(self) -> frozenset[str]:
        """The paths of the container on which the user has mounted something."""
        return frozenset((*(mount.target for mount in self.mounts), *self.tmpfs))

    def applied(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """An image's configuration as it holds for what is started; of ENV what is the image's own."""
        out = dict(config)
        if self.entrypoint is not None:
            out["Entrypoint"], out["Cmd"] = list(self.entrypoint), None
        if self.command is not None:
            out["Cmd"] = list(self.command)
        if self.user:
            out["User"] = self.user
        if self.working_dir:
            out["WorkingDir"] = self.working_dir
        if self.health:
            out["Healthcheck"] = {**(config.get("Healthcheck") or {}), **self.health}
        environment = config.get("Env") or ()
        out["Env"] = [one for one in environment if str(one).partition("=")[0] not in self.environment]
        return out

    def host_options(self) -> dict[str, Any]:
        """What the engine's configuration of a host has to hold for it; tmpfs stands apart."""
        from docker.types import Mount as EngineMount

        out: dict[str, Any] = dict(self.host)
        # As a bind the engine would make a path that is not there; as a mount it refuses it.
        mounts = [
            EngineMount(
                mount.target,
                mount.source or None,
                type="bind" if mount.kind == "bind" else "volume",
                read_only=not mount.writable,
            )
            for mount in self.mounts
            if mount.kind in ("bind", "anonymous")
        ]
        # An empty volume would be filled from the image, though it is mounted read-only.
        binds = [
            f"{mount.source}:{mount.target}:{mount.mode}{'' if mount.writable else ',nocopy'}"
            for mount in self.mounts
            if mount.kind in ("volume", "shared")
        ]
        if mounts:
            out["mounts"] = mounts
        if binds:
            out["binds"] = binds
        if self.hosts:
            out["extra_hosts"] = list(self.hosts)
        return out

    def flags(self) -> list[str]:
        """As flags of `docker run`, without the user and the program. A variable takes its value from the shell."""
        out = [f"-e {name}" for name in self.environment]
        out += [mount.flag() for mount in self.mounts]
        out += [
            f"--tmpfs {shlex.quote(f'{path}:{options}' if options else path)}"
            for path, options in self.tmpfs.items()
        ]
        return out + [f"--add-host {shlex.quote(host)}" for host in self.hosts]

    def line(self, image: str, options: str = "", *, user: bool = True) -> str:
        """A `docker run` that starts an image so, as far as imglint may show it: credentials in words are masked."""
        words = ["docker run", *self.flags()]
        if self.user and user:
            words.append(f"--user {shlex.quote(self.user)}")
        # docker run takes one word; what follows it stands behind the image.
        before, behind = list(self.entrypoint or ()), list(self.command or ())
        if before:
            words.append(f"--entrypoint {shlex.quote(before[0])}")
            behind = before[1:] + behind
        shown = [shlex.quote(word) for word in masked(behind)]
        return " ".join([*words, *([options] if options else []), image, *shown])

    def compose(self) -> dict[str, Any]:
        """As keys of a service in compose.yaml. A variable takes its value from the shell."""
        out: dict[str, Any] = {
            "environment": list(self.environment),
            "volumes": [
                mount.target if mount.kind == "anonymous" else f"{mount.source}:{mount.target}:{mount.mode}"
                for mount in self.mounts
            ],
            "tmpfs": [f"{path}:{options}" if options else path for path, options in self.tmpfs.items()],
            "user": self.user,
            "entrypoint": list(masked(self.entrypoint or ())),
            "command": list(masked(self.command or ())),
            "extra_hosts": list(self.hosts),
        }
        return {key: value for key, value in out.items() if value}

    def told(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """What the reader of a report has to know: what holds only with these options."""
        out = []
        if self.other_program:
            declared = self.applied(config)
            words = [*(declared.get("Entrypoint") or ()), *(declared.get("Cmd") or ())]
            own = "ENTRYPOINT and CMD" if self.entrypoint is not None else "CMD"
            out.append(
                f"what was started is {shlex.join(masked(words))}, not the image's own {own}: the verdicts are about that"
            )
        if self.user:
            own = str(config.get("User") or "root, since it names none")
            out.append(f"it was started with --user {self.user}, not as the image's own user: {own}")
        if self.health and config.get("Healthcheck"):
            out.append("its health check is the file's, not the image's own: health is about that")
        given = self.flags()
        if given:
            out.append(f"it was started with {' '.join(given)}: what was proved holds with that")
        for mount in self.mounts:
            if mount.unsaid:
                out.append(
                    f"{mount.source} is mounted read-only, since no mode was named; docker run would let {mount.target}"
                    " be written. Use :rw for that"
                )
            elif mount.writable and mount.kind in ("bind", "volume"):
                out.append(f"{mount.source} was writable in {mount.target}: what it wrote there stays")
        return tuple(out)


def packed(files: Iterable[File]) -> bytes:
    """Files as a tar of a container's root."""
    import io
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for file in files:
            member = tarfile.TarInfo(file.path.lstrip("/"))
            member.size, member.mode, member.uid, member.gid = len(file.data), file.mode, file.uid, file.gid
            tar.addfile(member, io.BytesIO(file.data))
    return out.getvalue()


def must_be_there(start: Start, engine: Engine) -> None:
    """See that what is to be mounted is there, and is nothing that hands the machine over.

    Raises:
        EngineError: a path or a volume is not there, or it is the engine's own socket.
    """
    for mount in start.mounts:
        told = f"-v {mount.source}:{mount.target}"
        if mount.kind == "volume":
            engine.must_have_volume(mount.source, told)
        elif mount.kind == "bind" and engine.local:
            if not os.path.exists(mount.source):
                raise EngineError(
                    told, f"{mount.source} is not there", "name a path of this machine, or a volume"
                )
            reached = _socket_in(mount.source, engine)
            if reached:
                raise EngineError(
                    told,
                    f"{reached} is the socket of an engine: what reaches it is root on this machine",
                    "mount what the program needs, and nothing above it",
                )


def _socket_in(source: str, engine: Engine) -> str:
    """The socket of an engine that is, or lies below, a path; "" where there is none."""
    own = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    paths = [*_SOCKETS, f"{own}/docker.sock", f"{own}/podman/podman.sock"]
    if engine.url.startswith("unix://"):
        paths.append(engine.url.removeprefix("unix://"))
    real = os.path.realpath(source)
    for path in paths:
        socket = os.path.realpath(path)
        if (real == socket or socket.startswith(f"{real.rstrip('/')}/")) and _is_socket(socket):
            return socket
    return ""


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def must_have_user(start: Start, container: Container) -> None:
    """See that the image knows the user and the group that were given by name.

    Args:
        start: what was asked for.
        container: of the image; it need not run.

    Raises:
        EngineError: it does not.
    """
    from .files import read

    user, _, group = start.user.partition(":")
    for name, path, what in ((user, "/etc/passwd", "user"), (group, "/etc/group", "group")):
        if not name or name.isdigit():
            continue
        text = (read(container, path) or b"").decode("utf-8", "replace")
        known = [line.split(":")[0] for line in text.splitlines() if ":" in line]
        if name not in known:
            why = f"it knows {', '.join(known[:8])}" if known else f"it has no {path}"
            raise EngineError(
                f"--user {start.user}", f"the image has no {what} {name}", f"{why}; a number is always taken"
            )


def needs_names(start: Start) -> bool:
    """Whether a user or group was given that only the image can know."""
    return bool(re.search(r"[^\d:]", start.user))
