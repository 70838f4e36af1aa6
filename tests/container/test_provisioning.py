"""What the tests do to the machine for an engine: nothing where one was named, or where somebody lives.

Each decision is tried in a process with a /run of its own, where apt-get and dockerd are told apart from the
real ones by what they write down.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.container  # it takes namespaces, which are there where engines are

ROOT = Path(__file__).parents[2]
_ENSURE = """
import pathlib
import engine
try:
    process = engine.ensure()
    print("started" if process else "used")
    if process:
        engine.stop(process.pid)
        process.wait()
except engine.NoEngine as reason:
    print(f"{type(reason).__name__}: {reason}")
print(*sorted(path.name for path in pathlib.Path("/run").rglob("*.pid")), end="")
"""
# Answers as much as a client asks for before it believes in an engine; "mute": nothing.
_DOCKERD = """#!{python}
import http.server, os, socketserver, sys
open({log!r}, "a").write("dockerd\\n")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{{"ApiVersion": "1.41", "Version": "20.10", "Components": [{{"Name": "Engine"}}]}}'
        if "mute" in sys.argv:
            body = b"?"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
path = "/var/run/docker.sock"
if os.path.exists(path):
    os.unlink(path)
socketserver.UnixStreamServer(path, Answer).serve_forever()
"""


class Machine:
    """A machine with what the test puts there: its programs, its /run, and what was done to it."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "log"
        self.pid_files: list[str] = []  # that were left when it was asked
        self._bin = directory / "bin"
        self._bin.mkdir()
        self.program("apt-get", f'#!/bin/sh\necho "apt-get $*" >> {self._log}\n')
        self.program("dockerd", _DOCKERD.format(python=sys.executable, log=str(self._log)))
        for name in ("busybox", "debootstrap", "curl", "docker-registry", "openssl", "iptables"):
            self.program(name, "#!/bin/sh\n")

    def program(self, name: str, text: str) -> None:
        (self._bin / name).write_text(text)
        (self._bin / name).chmod(0o755)

    def lacks(self, name: str) -> None:
        (self._bin / name).unlink()

    def asked(self, before: str = "", **environment: str) -> str:
        """What the tests decide there. `before` is shell that sets the scene."""
        script = f"mount -t tmpfs tmpfs /run\n{before}\nPATH={self._bin} exec {sys.executable} -c '{_ENSURE}'"
        mapped = [] if os.getuid() == 0 else ["--map-root-user"]
        # What the scene started ends with its first process.
        command = ["unshare", *mapped, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        done = subprocess.run(
            [*command, "sh", "-ec", script],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self._bin),
                "BIN": str(self._bin),
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                **environment,
            },
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told, _, left = done.stdout.rpartition("\n")
        self.pid_files = left.split()
        return told

    @property
    def done(self) -> list[str]:
        """The calls of apt-get and the starts of dockerd."""
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


_UP = "until [ -S /run/docker.sock ]; do sleep 0.1; done"


def test_a_named_engine_that_is_silent_ends_it(machine: Machine) -> None:
    told = machine.asked(DOCKER_HOST="unix:///no/where.sock", CI="true", IMGLINT_INSTALL_ENGINE="1")
    assert told.startswith("NamedEngineIsSilent: DOCKER_HOST=unix:///no/where.sock does not answer")
    assert machine.done == []


def test_a_context_names_an_engine_too(machine: Machine) -> None:
    told = machine.asked(DOCKER_CONTEXT="far", CI="true")
    assert told.startswith("NamedEngineIsSilent: context far does not answer")
    assert machine.done == []


def test_nothing_is_installed_beside_a_named_engine(machine: Machine) -> None:
    machine.lacks("curl")
    told = machine.asked(f"$BIN/dockerd & {_UP}", DOCKER_HOST="unix:///run/docker.sock", CI="true")
    assert "curl can't be found (packages: curl), and nothing is installed" in told
    assert machine.done == ["dockerd"]  # the scene's own


def test_an_engine_that_answers_is_used(machine: Machine) -> None:
    assert machine.asked(f"$BIN/dockerd & {_UP}", CI="true") == "used"
    assert machine.done == ["dockerd"]


def test_only_what_lacks_is_installed(machine: Machine) -> None:
    """Not docker.io beside an engine that came from elsewhere."""
    machine.lacks("curl")
    assert machine.asked(f"$BIN/dockerd & {_UP}", CI="true") == "used"
    engine, update, install = machine.done
    assert engine == "dockerd"
    assert update.startswith("apt-get update ")
    assert install.startswith("apt-get install ")
    assert install.endswith(" curl")


def test_on_an_empty_machine_it_is_started(machine: Machine) -> None:
    assert machine.asked(CI="true") == "started"
    assert machine.done == ["dockerd"]


def test_not_without_leave(machine: Machine) -> None:
    assert machine.asked().startswith("NoEngine: no engine answers")
    machine.lacks("busybox")
    told = machine.asked(f"$BIN/dockerd & {_UP}")
    assert told == "NoEngine: the container tests: busybox can't be found (packages: busybox-static)"
    assert machine.done == ["dockerd"]  # the scene's own


def test_who_listens_without_answering_is_left_alone(machine: Machine) -> None:
    told = machine.asked(f"$BIN/dockerd mute & {_UP}", CI="true")
    assert "/var/run/docker.sock: somebody listens there" in told
    assert machine.done == ["dockerd"]


def test_a_dockerd_that_is_coming_up_is_left_alone(machine: Machine) -> None:
    machine.program("dockerd", "#!/bin/sh\nsleep 60\n")
    told = machine.asked("$BIN/dockerd & echo $! > /run/docker.pid; sleep 0.5", CI="true")
    assert told.startswith("NoEngine: dockerd runs as process ")
    assert machine.pid_files == ["docker.pid"]
    assert machine.done == []


@pytest.mark.parametrize("process", ["999999", "1"])
def test_what_the_dead_left_is_cleaned(machine: Machine, process: str) -> None:
    """The number of no process, or of one that is no dockerd; and a socket behind which nobody is."""
    left = f"{sys.executable} -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/run/docker.sock\")'"
    files = "/run/docker.pid /run/docker/containerd/containerd.pid"
    numbers = f"mkdir -p /run/docker/containerd; echo {process} | tee {files}"
    assert machine.asked(f"{left}; {numbers} >&2", CI="true") == "started"
    assert machine.done == ["dockerd"]
    assert machine.pid_files == []


def test_what_is_no_number_is_left(machine: Machine) -> None:
    assert machine.asked("echo never > /run/docker.pid", CI="true") == "started"
    assert machine.pid_files == ["docker.pid"]


def test_the_run_ends_with_one_sentence(machine: Machine, tmp_path: Path) -> None:
    """Not with each test failing by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/container/test_modern_engines.py"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "DOCKER_HOST": "unix:///no/where.sock"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert (
        "the container tests need an engine: DOCKER_HOST=unix:///no/where.sock does not answer" in done.stdout
    )
    assert "failed" not in done.stdout
    assert machine.done == []
