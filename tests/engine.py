"""Sees to an engine for the container tests, by the house's rule.

One that answers is used. Else, with CI=true or IMGLINT_INSTALL_ENGINE=1 as root on Debian,
docker.io is installed and started, and stopped again at the end. Else the container tests are
left out, and the summary says how many and why.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from imglint.runner import EngineError, connect

_PACKAGES = ("docker.io", "iptables", "busybox-static", "debootstrap", "curl", "docker-registry")
_PODMAN = ("podman", "runc", "netavark", "aardvark-dns")
_START_SECONDS = 60


class NoEngine(Exception):  # noqa: N818  (a state, not a fault)
    """The container tests can't run here; the text says why."""


def may_install() -> bool:
    """Whether the machine is ours to change."""
    return os.environ.get("CI") == "true" or os.environ.get("IMGLINT_INSTALL_ENGINE") == "1"


def ensure() -> subprocess.Popen[bytes] | None:
    """An engine that answers, and a static busybox; the process of the engine if it was started here.

    Raises:
        NoEngine: there is none, and none may or can be made.
    """
    try:
        connect().close()
        problem = ""
    except EngineError as error:
        problem = f"no engine answers ({error.problem})"
    tools = [name for name in ("busybox", "debootstrap", "curl", "docker-registry") if not shutil.which(name)]
    if not problem and not tools:
        return None
    if not may_install():
        raise NoEngine(
            problem
            or f"{' and '.join(tools)} can't be found (packages busybox-static, debootstrap, curl, docker-registry)"
        )
    if os.getuid() != 0 or not shutil.which("apt-get"):
        raise NoEngine(f"{problem or 'tools are missing'}, and only root on Debian can install them")
    _install()
    return _start() if problem else None


class PodmanService:
    """A Podman of the tests' own: its socket, its storage and its settings are in a directory that goes with it."""

    def __init__(self) -> None:
        if not shutil.which("podman") or not shutil.which(
            "netavark", path="/usr/lib/podman:/usr/libexec/podman"
        ):
            if not may_install() or os.getuid() != 0 or not shutil.which("apt-get"):
                raise NoEngine(
                    "podman and netavark can't be found (packages podman, runc, netavark, aardvark-dns)"
                )
            _install(_PODMAN)
        self._place = place = Path(tempfile.mkdtemp(prefix="imglint-podman-"))
        self.url = f"unix://{place}/podman.sock"
        (place / "containers.conf").write_text(_podman_settings())
        environment = {**os.environ, "CONTAINERS_CONF": str(place / "containers.conf")}
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
        """Stop it and remove what it held."""
        stop(self._process)
        shutil.rmtree(self._place, ignore_errors=True)


def _podman_settings() -> str:
    """Its defaults ask for more than a container or a small machine may give: limits, systemd, CNI."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = Path("/proc/sys/kernel/pid_max").read_text().strip()
    return (
        f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n[network]\nnetwork_backend = "netavark"\n'
    )


def _install(packages: Sequence[str] = _PACKAGES) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
    # The services that packages start on their own are not wanted: the engine is started here.
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _start() -> subprocess.Popen[bytes]:
    for stale in (Path("/var/run/docker.pid"), Path("/var/run/docker/containerd/containerd.pid")):
        if stale.is_file() and not _runs(stale.read_text().strip()):
            stale.unlink()
    log = tempfile.NamedTemporaryFile(prefix="dockerd-", suffix=".log", delete=False)  # noqa: SIM115
    with log:
        engine = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and engine.poll() is None:
        try:
            connect("docker").close()
            return engine
        except EngineError:
            time.sleep(0.5)
    stop(engine)
    raise NoEngine(f"dockerd did not come up: {Path(log.name).read_text()[-800:]}")


def stop(engine: subprocess.Popen[bytes]) -> None:
    """Stop an engine that was started here."""
    engine.send_signal(signal.SIGTERM)
    try:
        engine.wait(timeout=30)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait()


def _runs(pid: str) -> bool:
    """Whether this is the number of a running dockerd or containerd, not of whoever came after it."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return False
    return name in ("dockerd", "containerd")
