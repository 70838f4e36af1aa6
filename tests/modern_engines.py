"""Docker 28 with the containerd image store, and Podman 5, beside whatever engines the machine has.

    make engines        makes and starts both, and prints how to use them
    make engines-stop   stops them

In tests: the fixtures `docker28` and `podman5`, or `everywhere`, which is each engine in turn (conftest.py).
Each is an `Engine`, started once a session. While a test has it, the test's own thread and what it starts are
in the engine's network: 127.0.0.1 is the engine's, with the ports that it publishes and the registries that
the test starts behind the fixture. There is no way out of that network; build and fetch in session fixtures.

The programs are those of Debian sid (of trixie, where sid can't be unpacked: Docker 26), unpacked into a
directory below ~/.cache/imglint-engines that nothing ever writes to again. No package is installed. An engine
has a network and mounts of its own and keeps everything in one directory, which goes with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from engine import INSECURE, NoEngine, may_change, named, provide

from imglint.runner import Engine, EngineError, connect
from imglint.runner.engine import errors

KINDS = ("docker28", "podman5")
_SUITES = ("sid", "trixie")
_PACKAGES = (
    "base-files", "busybox-static", "ca-certificates", "docker.io", "containerd", "runc", "iptables", "nftables",
    "iproute2", "procps", "podman", "conmon", "netavark", "aardvark-dns", "catatonit",
)  # fmt: skip
# What maintainer scripts would have made.
_LINKS = {
    f"usr/sbin/{name}{end}": "xtables-nft-multi"
    for name in ("iptables", "ip6tables")
    for end in ("", "-save", "-restore")
} | {"usr/bin/sh": "busybox"}
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\ndocker:x:999:\n",
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    "etc/containers/policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
}
_DIRECTORIES = (
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "mnt",
    "root",
    "etc/docker",
    "var/lib/containers",
    "var/tmp",
)
# Runs in new namespaces: builds the engine's world on the root ($1) and its own directory ($2), moves there,
# and becomes the engine. With chroot in place of pivot_root, `docker exec` would run on the machine's files.
_ENTER = """
root=$1 place=$2; shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -o remount,bind,ro dev
mount --rbind /tmp tmp
for directory in run var/lib/containers var/tmp; do mount -t tmpfs tmpfs $directory; done
mount --bind run var/run
mkdir run/engine
mount --bind "$place" run/engine
mount -o remount,bind,ro .
pivot_root . mnt
cd /
exec /usr/bin/busybox env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    CONTAINERS_CONF=/run/engine/containers.conf CONTAINERS_REGISTRIES_CONF=/run/engine/registries.conf \
    /usr/bin/busybox sh -ec 'umount -l /mnt; ip link set lo up; exec "$@"' sh "$@"
"""
_CLONE_NEWNET = 0x40000000
_SECONDS = 60.0
_HOME = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class ModernEngine:
    """An engine that runs. Everything of it is in `place`: log, socket, images, containers."""

    def __init__(
        self, place: Path, process: subprocess.Popen[bytes] | None = None, command: Sequence[str] = ()
    ) -> None:
        self.place = place
        self._process = process  # where this one started it
        self._command = command
        self.url = f"unix://{place}/engine.sock"
        self.group = f"{place.name}-containers"  # of all its containers

    @property
    def network(self) -> str:
        """The file of its network namespace, as for `nsenter --net=`.

        That of most of the engine's threads: the one that makes a container's network stays in it, and may be
        the first one, which /proc/PID/ns stands for.

        Raises:
            NoEngine: the engine is gone.
        """
        found: Counter[str] = Counter()
        files = {}
        # Where its process is known, only that one: Podman starts others of its name, which end at any moment.
        for pid in [self._process.pid] if self._process else self._leaders():
            for task in Path(f"/proc/{pid}/task").glob("*/ns/net"):
                with contextlib.suppress(OSError):
                    network = os.readlink(task)
                    found[network] += 1
                    files[network] = str(task)
        if not found:
            raise NoEngine(f"{self.place}: the engine is gone: {self.words()}")
        return files[found.most_common(1)[0][0]]

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be in its network, as this thread and whatever it starts meanwhile."""
        with open("/proc/thread-self/ns/net", "rb") as here, self._opened_network() as there:
            _set_network(there.fileno())
            try:
                yield
            finally:
                _set_network(here.fileno())

    def _opened_network(self) -> BinaryIO:
        """Open the file of its network, though the thread that it was seen by may end before that."""
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                return open(self.network, "rb")
            except (FileNotFoundError, ProcessLookupError):
                if time.monotonic() > deadline:
                    raise

    def revive(self) -> str:
        """Start it again at the same place, without what it held, if it has died; its last words then, else "".

        Raises:
            NoEngine: it does not come up again.
        """
        if self._process is None or self._process.poll() is None:
            return ""
        words = self.words()
        wait(lambda: not self._killed(), 60)
        shutil.rmtree(self.place / "data", ignore_errors=True)
        (self.place / "engine.sock").unlink(missing_ok=True)
        self._process = _launched(self.place, self._command)
        wait(lambda: _answers(self.url), _SECONDS)
        if not _answers(self.url):
            raise NoEngine(f"{self.place}: it died, and does not come up again: {self.words()}")
        return f"died: {words}"

    def words(self) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return " ".join((self.place / "log").read_text(errors="replace")[-800:].split())
        return ""

    def processes(self) -> list[int]:
        """The processes that live in its world, which is known by its directory, not by a number kept somewhere."""
        own = self.place.stat() if self.place.exists() else None
        found = []
        for entry in Path("/proc").iterdir():
            if own is not None and entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    if os.path.samestat(own, (entry / "root/run/engine").stat()):
                        found.append(int(entry.name))
        return found

    def stop(self) -> None:
        """Stop it and remove all that it held."""
        with contextlib.suppress(EngineError), errors(self.url), connect(self.url) as client:
            for container in client.api.containers():
                client.api.kill(container["Id"])  # Podman's removal alone would wait for them to end
            for container in client.api.containers(all=True):
                client.api.remove_container(container["Id"], v=True, force=True)
        for pid in self._leaders():
            _kill(pid, signal.SIGTERM)
        wait(lambda: not self._leaders(), 20)
        # Monitors of containers stay for minutes. A container's own processes have another root: they are
        # what those of the engine started.
        wait(lambda: not self._killed(), 60)
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
        for group in Path("/sys/fs/cgroup").glob(f"*/{self.group}"):
            for directory in (*sorted(group.rglob("*/"), reverse=True), group):
                with contextlib.suppress(OSError):
                    directory.rmdir()
        shutil.rmtree(self.place, ignore_errors=True)

    def _killed(self) -> list[int]:
        """The processes that were killed just now, with what they had started."""
        found = _with_descendants(self.processes())
        for pid in found:
            _kill(pid, signal.SIGKILL)
        return found

    def _leaders(self) -> list[int]:
        return [pid for pid in self.processes() if _program(pid) in ("dockerd", "podman")]


def start(kind: str, place: Path, *, lasting: bool = False) -> ModernEngine:
    """Start an engine of KINDS that keeps everything in a new directory.

    Args:
        kind: which.
        place: the directory; it is made.
        lasting: let it run on when this process ends.

    Raises:
        NoEngine: it can't be had here; the text says why.
    """
    provided()
    place.mkdir(parents=True)
    command = _docker(place) if kind == "docker28" else _podman(place)
    process = _launched(place, command, lasting=lasting)
    engine = ModernEngine(place, process, command)
    wait(lambda: process.poll() is not None or _answers(engine.url), _SECONDS)
    if process.poll() is None and _answers(engine.url):
        return engine
    text = engine.words()
    engine.stop()
    raise NoEngine(f"{kind} did not come up: {text}")


def _launched(place: Path, command: Sequence[str], *, lasting: bool = False) -> subprocess.Popen[bytes]:
    # Only with the process that wants it, so that nothing is left when that one is killed.
    tether = [] if lasting else ["setpriv", "--pdeathsig", "TERM"]
    with open(place / "log", "ab") as log:
        return subprocess.Popen(
            [*tether, "unshare", "--net", "--mount", "--propagation", "private",
             "sh", "-ec", _ENTER, "sh", str(provided()), str(place), *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """Be in the machine's own network again, as to fetch something, in the middle of a test of a modern engine."""
    with open("/proc/thread-self/ns/net", "rb") as here:
        _set_network(_HOME)
        try:
            yield
        finally:
            _set_network(here.fileno())


def is_modern(engine: Engine) -> bool:
    """Whether an engine is like one of KINDS, whoever started it."""
    return int(engine.version.partition(".")[0]) >= (25 if engine.kind == "docker" else 5)


@contextlib.contextmanager
def running(kind: str) -> Iterator[tuple[ModernEngine, Engine]]:
    """An engine of KINDS for a while, and a client of it.

    Raises:
        NoEngine: it can't be had here.
    """
    with tempfile.TemporaryDirectory(prefix=f"imglint-{kind}-", ignore_cleanup_errors=True) as directory:
        engine = _started(kind, Path(directory))
        try:
            with connect(engine.url) as client:
                yield engine, client
        finally:
            engine.stop()


def _started(kind: str, directory: Path) -> ModernEngine:
    """Start an engine on a machine that may be busy: what did not come up has a second and a third try."""
    for attempt in range(2):
        with contextlib.suppress(NoEngine):
            return start(kind, directory / f"{directory.name}-{attempt}")
    return start(kind, directory / directory.name)


def _docker(place: Path) -> list[str]:
    settings = {
        "features": {"containerd-snapshotter": True},
        "storage-driver": "overlayfs" if _has_overlays(place) else "native",
        "data-root": "/run/engine/data",
        "cgroup-parent": f"/{ModernEngine(place).group}",
    }
    (place / "daemon.json").write_text(json.dumps(settings))
    return ["dockerd", "--config-file", "/run/engine/daemon.json", "--host", "unix:///run/engine/engine.sock"]


def _podman(place: Path) -> list[str]:
    # By default it asks for more than a container or a small machine may give.
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = Path("/proc/sys/kernel/pid_max").read_text().strip()
    (place / "containers.conf").write_text(
        f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        '[network]\nnetwork_backend = "netavark"\n'
    )
    (place / "registries.conf").write_text(INSECURE)
    return [
        "podman", "--root", "/run/engine/data", "--runroot", "/run/containers",
        "--network-config-dir", "/run/engine/networks", "--tmpdir", "/run/libpod",
        "--storage-driver", "overlay" if _has_overlays(place) else "vfs",
        "system", "service", "--time=0", "unix:///run/engine/engine.sock",
    ]  # fmt: skip


def _has_overlays(place: Path) -> bool:
    """Whether an overlay can lie here: not on another one, as in a container."""
    with tempfile.TemporaryDirectory(dir=place) as directory:
        for name in ("lower", "upper", "work", "all"):
            os.mkdir(f"{directory}/{name}")
        options = f"lowerdir={directory}/lower,upperdir={directory}/upper,workdir={directory}/work"
        command = [
            "unshare",
            "--mount",
            "mount",
            "-t",
            "overlay",
            "-o",
            options,
            "overlay",
            f"{directory}/all",
        ]
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def provided() -> Path:
    """The root with the engines' programs; it is made where it is not there yet and may be made.

    Raises:
        NoEngine: it is not there.
    """
    if os.getuid() != 0:
        raise NoEngine("modern engines beside the machine's own take root")
    kept = _kept()
    if kept.is_dir():
        return kept
    provide({"mmdebstrap": "mmdebstrap"}, "modern engines")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{kept}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            _unpack(kept)
    return kept


def can_be_had() -> bool:
    """Whether they are here, or may be made, and no other engine was named."""
    return os.getuid() == 0 and not named() and (_kept().is_dir() or may_change())


def _kept() -> Path:
    """Where the root is, once it is made."""
    made_of = repr((_PACKAGES, _LINKS, _FILES, _DIRECTORIES))
    return _cache() / hashlib.sha256(made_of.encode()).hexdigest()[:12]


def _unpack(kept: Path) -> None:
    problem = ""
    for suite in _SUITES:
        # In the cache's own file system, so that the finished root can be moved to its name.
        with tempfile.TemporaryDirectory(prefix="making-", dir=kept.parent) as directory:
            root = Path(directory) / "root"
            # extract: no script of a package runs. Valid-Until: the mirror or the clock may be an old one.
            command = [
                "mmdebstrap", "--quiet", "--mode=root", "--variant=extract", f"--include={','.join(_PACKAGES)}",
                '--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=APT::Install-Recommends "false"',
                *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
                suite, str(root), *mirror(),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
            if done.returncode:
                problem = f"{suite} can't be unpacked: {' '.join(done.stderr[-400:].split())}"
                continue
            for name in _DIRECTORIES:
                (root / name).mkdir(parents=True, exist_ok=True)
            for name, target in _LINKS.items():
                if not os.path.lexists(root / name):
                    (root / name).symlink_to(target)
            for name, text in _FILES.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            root.rename(kept)
            return
    raise NoEngine(problem)


def mirror() -> list[str]:
    """The Debian mirror of this machine's own apt; mmdebstrap's default where it names none."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()[:1]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imglint-engines"


def _answers(url: str) -> bool:
    try:
        connect(url).close()
    except EngineError:
        return False
    return True


def _set_network(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "the network can't be entered")


def _kill(pid: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _with_descendants(pids: list[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = list(dict.fromkeys(pids))
    for pid in found:  # which grows
        found.extend(child for child in children.get(pid, ()) if child not in found)
    return found


def wait(until: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not until():
        time.sleep(0.1)


def main(what: str) -> int:
    """Make and start the engines, or stop them; say how they are used."""
    try:
        for kind in KINDS:
            place = _cache() / "running" / kind
            engine = ModernEngine(place)
            if what == "stop":
                engine.stop()
                continue
            if not _answers(engine.url):
                engine.stop()  # what is left of one that died
                engine = start(kind, place, lasting=True)
            with connect(engine.url) as client:
                use = f"nsenter --net={engine.network} env DOCKER_HOST={engine.url} COMMAND"
                sys.stdout.write(f"{client}: {use}\n")
    except NoEngine as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "start"))
