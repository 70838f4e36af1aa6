"""Sees to the engines of the container tests, by the house's rule.

- DOCKER_HOST (or a context of Docker's) names the engine to test: it alone is used. Nothing is installed or
  started beside it, and if it does not answer, nothing is tested.
- An engine that answers on this machine is used as it is.
- Else, with CI=true or IMGLINT_INSTALL_ENGINE=1 as root on Debian, docker.io is installed and started on the
  default socket, and stopped at the end. Whoever lives on that socket already is left alone.
- Else the container tests are left out, and the summary says how many and why.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from imglint.runner import EngineError, connect
from imglint.runner.engine import candidates

_SOCKET = Path("/var/run/docker.sock")
_PID_FILES = (Path("/var/run/docker.pid"), Path("/var/run/docker/containerd/containerd.pid"))
# Programs that the tests need, and the packages that have them.
_TOOLS = {
    "busybox": "busybox-static",
    "debootstrap": "debootstrap",
    "curl": "curl",
    "docker-registry": "docker-registry",
    "openssl": "openssl",
}
_DOCKER = {"dockerd": "docker.io", "iptables": "iptables"}
_PODMAN = {
    "podman": "podman",
    "runc": "runc",
    "netavark": "netavark",
    "aardvark-dns": "aardvark-dns",
}
# Where programs lie that only other programs start.
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/lib/podman:/usr/libexec/podman"
_START_SECONDS = 60
_TURN = "/run/imglint-tests-apt.lock"
# Podman's leave to speak plain HTTP with registries on this machine, which Docker does by itself.
INSECURE = '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n'


class NoEngine(Exception):  # noqa: N818  (a state, not a fault)
    """The container tests can't run here; the text says why."""


class NamedEngineIsSilent(NoEngine):
    """The engine that was named does not answer: another one was not asked for."""


def named() -> str:
    """By what an engine was named, and which; "": none was."""
    if os.environ.get("DOCKER_HOST"):
        return f"DOCKER_HOST={os.environ['DOCKER_HOST']}"
    try:
        first = candidates(None)[0]
    except EngineError as error:
        return error.subject
    return "" if first == f"unix://{_SOCKET}" else f"Docker's context ({first})"


def must_be_there() -> bool:
    """Whether a missing engine fails the run: in CI, where it chose none itself."""
    return os.environ.get("CI") == "true" and not named()


def others_may_start() -> None:
    """See that the tests may start engines of their own.

    Raises:
        NoEngine: another one was named.
    """
    if named():
        raise NoEngine(f"{named()} is the engine to test, and no other is started")


def ensure() -> subprocess.Popen[bytes] | None:
    """An engine that answers, and the tools of the tests; the process of the engine if it was started here.

    Raises:
        NoEngine: there is none, and none may or can be made.
    """
    try:
        connect().close()
        silent = ""
    except EngineError as error:
        silent = f"{error.subject}: {error.problem}"
    if silent and named():
        raise NamedEngineIsSilent(f"{named()} does not answer ({silent})")
    if not silent:
        provide(_TOOLS, "the container tests")
        return None
    if not may_change():
        raise NoEngine(silent)
    # Nothing is installed, either, before it is known that the socket is free.
    _must_be_free()
    provide(_DOCKER | _TOOLS, f"the container tests ({silent})")
    # Where systemd rules, the package has started its service.
    return None if _answers() else _start()


def provide(tools: dict[str, str], purpose: str) -> None:
    """See to it that programs can be found: install the packages of those that can't, if that may be.

    Args:
        tools: program → its package.
        purpose: what needs them.

    Raises:
        NoEngine: some are missing, and stay so.
    """
    missing = [tool for tool in tools if not shutil.which(tool, path=_PATH)]
    if not missing:
        return
    packages = sorted({tools[tool] for tool in missing})
    lack = f"{purpose}: {' and '.join(missing)} can't be found (packages: {' '.join(packages)})"
    if named():
        raise NoEngine(f"{lack}, and nothing is installed where {named()} was given")
    if not may_change():
        raise NoEngine(lack)
    # Workers that need packages at once take turns; the second one may find them installed.
    with open(_TURN, "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not all(shutil.which(tool, path=_PATH) for tool in missing):
            _install(packages)


def may_change() -> bool:
    """Whether the machine is the tests' own, and they can install and start what they need."""
    own = os.environ.get("CI") == "true" or os.environ.get("IMGLINT_INSTALL_ENGINE") == "1"
    return own and os.getuid() == 0 and shutil.which("apt-get") is not None


class PodmanService:
    """A Podman of the tests' own: its socket, its storage and its settings are in a directory that goes with it."""

    def __init__(self) -> None:
        others_may_start()
        provide(_PODMAN, "Podman's tests")
        self._place = place = Path(tempfile.mkdtemp(prefix="imglint-podman-"))
        self.url = f"unix://{place}/podman.sock"
        (place / "containers.conf").write_text(_podman_settings())
        (place / "registries.conf").write_text(INSECURE)
        environment = {
            **os.environ,
            "CONTAINERS_CONF": str(place / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(place / "registries.conf"),
        }
        # netavark keeps its records of networks here.
        storage = [
            "--root",
            str(place / "root"),
            "--runroot",
            str(place / "run"),
            "--network-config-dir",
            str(place),
        ]
        command = ["podman", *storage, "--storage-driver", "vfs", "system", "service", "--time=0", self.url]
        with open(place / "log", "wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=place,  # where a container's monitor notes that memory ran out
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                connect(self.url).close()
                return
            except EngineError:
                time.sleep(0.2)
        text = (place / "log").read_text()[-800:]
        self.stop()
        raise NoEngine(f"podman's service did not come up: {text}")

    def stop(self) -> None:
        """Stop it and remove what it held. The monitors of its containers would stay for minutes."""
        stop(self._process.pid)
        self._process.wait()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    if os.fsencode(f"{self._place}/") in (entry / "cmdline").read_bytes():
                        os.kill(int(entry.name), signal.SIGKILL)
        shutil.rmtree(self._place, ignore_errors=True)


def _podman_settings() -> str:
    """Its defaults ask for more than a container or a small machine may give: limits, systemd, CNI."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = Path("/proc/sys/kernel/pid_max").read_text().strip()
    return (
        f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n[network]\nnetwork_backend = "netavark"\n'
    )


def _install(packages: Iterable[str]) -> None:
    """Install packages, also where another program uses apt's lists or the mirror does not answer for a moment."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    update = ["apt-get", "update", *options]
    install = ["apt-get", "install", "-y", "--no-install-recommends", *options, *packages]
    for pause in (5, 15, 45, 0):
        done = all(
            subprocess.run(command, check=not pause, env=environment, stdout=subprocess.DEVNULL).returncode
            == 0
            for command in (update, install)
        )
        if done:
            return
        time.sleep(pause)


def _must_be_free() -> None:
    """See that nobody lives on the default socket, who is slow or asks for rights, and no engine is coming up.

    Raises:
        NoEngine: somebody does.
    """
    if os.path.lexists(_SOCKET):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(_SOCKET))
                problem = "somebody listens there who does not answer as an engine"
            except (ConnectionRefusedError, FileNotFoundError):
                problem = ""  # the file was left by somebody who is gone
            except OSError as error:
                problem = str(error.strerror or error).lower()
        if problem:
            raise NoEngine(f"{_SOCKET}: {problem}, and no other engine is started there")
    pid = _number(_PID_FILES[0])
    if pid and _name(pid) == "dockerd":
        raise NoEngine(
            f"dockerd runs as process {pid} and does not answer, and no other is started beside it"
        )


def _start() -> subprocess.Popen[bytes]:
    for path in _PID_FILES:
        pid = _number(path)
        # dockerd takes any process of that number for its like. What is no number is left to it.
        if pid and _name(pid) not in ("dockerd", "containerd"):
            path.unlink()
    with tempfile.NamedTemporaryFile(prefix="dockerd-", suffix=".log") as log:
        engine = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and engine.poll() is None:
            if _answers():
                return engine
            time.sleep(0.5)
        stop(engine.pid)
        engine.wait()
        raise NoEngine(f"dockerd did not come up: {Path(log.name).read_text()[-800:]}")


def _answers() -> bool:
    try:
        connect(f"unix://{_SOCKET}").close()
    except EngineError:
        return False
    return True


def stop(pid: int) -> None:
    """Stop an engine that was started here, whichever process is its parent by now."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if not _runs(pid):
                return
            time.sleep(0.1)


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _number(path: Path) -> int:
    """The process that a pid file names; 0: none."""
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return int(text) if text.isdecimal() else 0


def _name(pid: int) -> str:
    """The program of a process; "": there is no such process."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
