"""`imglint push` against a real registry: what fails never arrives, what passes arrives as it was audited."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_images import Images
from registry import Registry, breaking

from imglint.pushing import push, target_of
from imglint.runner import Engine, EngineError, connect

pytestmark = pytest.mark.container

ROOT = Path(__file__).parent.parent
GOOD = 'COPY server.sh /srv/app\nUSER 1000:1000\nCMD ["/srv/app"]'
BAD = 'COPY server.sh /srv/app\nENV API_TOKEN=Zx81mQ27rT\nCMD ["/srv/app"]'


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry()
    yield found
    found.close()


def imglint(*arguments: str, state: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_STATE_HOME": str(state)}
    return subprocess.run(
        [sys.executable, "-m", "imglint", *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


class Desk:
    """Where somebody tags and pushes."""

    def __init__(self, engine: Engine, registry: Registry, directory: Path) -> None:
        self.engine = engine
        self.registry = registry
        self.here = directory
        self.state = directory / "state"
        self._tags: list[str] = []

    def tag(self, image: str, tag: str, port: int | None = None) -> str:
        name = f"127.0.0.1:{port or self.registry.port}/shop"
        self.engine.api.tag(image, name, tag)
        self._tags.append(f"{name}:{tag}")
        return self._tags[-1]

    def push(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return imglint("push", *arguments, state=self.state, cwd=self.here)

    def identity(self, name: str) -> str:
        return str(self.engine.inspect_image(name)["Id"])

    def recorded(self) -> list[dict[str, object]]:
        path = self.state / "imglint/pushes.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        for tag in set(self._tags):
            self.engine.api.remove_image(tag, noprune=True)


@pytest.fixture
def desk(engine: Engine, registry: Registry, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(engine, registry, tmp_path)
    yield found
    found.close()


def test_what_passes_arrives_and_comes_back_the_same(desk: Desk, images: Images) -> None:
    name = desk.tag(images.on(desk.engine, GOOD), "1.0")
    identity = desk.identity(name)
    (desk.here / name).mkdir(parents=True)  # a path of that name is not meant
    done = desk.push(name)
    assert done.returncode == 0, done.stdout + done.stderr
    digest = desk.registry.digest("shop", "1.0")
    assert desk.registry.image_id("shop", "1.0") == identity
    assert f"{name}: pushed {identity[:19]} as {digest}; it passed the audit" in done.stdout
    repository = name.rpartition(":")[0]
    desk.engine.api.pull(repository, digest)
    assert desk.identity(f"{repository}@{digest}") == identity
    assert desk.recorded() == []


def test_what_fails_does_not_arrive(desk: Desk, images: Images) -> None:
    name = desk.tag(images.on(desk.engine, BAD), "1.0")
    again = desk.tag(name, "again")
    for arguments in ((name,), (desk.identity(name), "--to", name), (again, "--to", name), (again,)):
        done = desk.push(*arguments)
        assert done.returncode == 1, done.stderr
        assert "not pushed" in done.stderr
        assert done.stdout.startswith("Not safe to push: ")
        assert "Not safe to push" not in done.stderr
        assert "--force --reason" in done.stderr
        assert "Zx81" not in done.stdout + done.stderr
    assert desk.registry.repositories() == []


def test_by_digest(desk: Desk, images: Images) -> None:
    good = desk.tag(images.on(desk.engine, GOOD), "1.0")
    assert desk.push(good).returncode == 0
    by_digest = f"{good.rpartition(':')[0]}@{desk.registry.digest('shop', '1.0')}"
    lone = desk.push(by_digest)
    assert (lone.returncode, "--to REGISTRY/NAME:TAG" in lone.stderr) == (2, True)
    to = desk.tag(images.on(desk.engine, BAD), "2.0")  # the target's name is another image's until now
    assert desk.push(by_digest, "--to", to).returncode == 0
    assert desk.registry.image_id("shop", "2.0") == desk.identity(good) == desk.identity(to)


def test_a_name_that_moved_after_the_audit_is_not_pushed(desk: Desk, images: Images) -> None:
    name = desk.tag(images.on(desk.engine, GOOD), "1.0")
    audited = desk.identity(name)
    desk.tag(images.on(desk.engine, BAD), "1.0")
    target = target_of(name)
    assert target is not None
    with pytest.raises(EngineError, match="was audited; nothing was pushed"):
        push(desk.engine, audited, target, tag=False)
    assert desk.registry.repositories() == []
    # With a tag of its own, it is the audited one that arrives.
    push(desk.engine, audited, target, tag=True)
    assert desk.registry.image_id("shop", "1.0") == audited


def test_by_force_with_a_reason(desk: Desk, images: Images) -> None:
    name = desk.tag(images.on(desk.engine, BAD), "1.0")
    for half in (("--force",), ("--reason", "x"), ("--force", "--reason", " ")):
        done = desk.push(name, *half)
        assert (done.returncode, "--force and --reason go together" in done.stderr) == (2, True)
    (desk.here / "file").write_text("")
    unrecorded = desk.push(name, "--force", "--reason", "why", "--record", str(desk.here / "file/x"))
    assert (unrecorded.returncode, "can't be recorded" in unrecorded.stderr) == (2, True)
    assert desk.registry.repositories() == []
    done = desk.push(name, "--force", "--reason", "the fix comes with 1.1")
    assert done.returncode == 0, done.stderr
    assert "although it fails the audit" in done.stdout
    started, ended = desk.recorded()
    assert (started["outcome"], ended["outcome"]) == ("started", "pushed")
    assert ended["digest"] == desk.registry.digest("shop", "1.0")
    assert ended["reason"] == "the fix comes with 1.1"
    assert ended["image"] == desk.identity(name)
    assert ended["passed"] is False
    assert ended["failed"]


def test_with_the_container_running(desk: Desk, images: Images) -> None:
    lies = desk.tag(images.on(desk.engine, 'EXPOSE 80\nUSER 1000:1000\nCMD ["sh", "-c", "exit 3"]'), "1.0")
    done = desk.push(lies, "--run")
    assert done.returncode == 1
    assert desk.registry.repositories() == []


def test_reports_of_a_push(desk: Desk, images: Images) -> None:
    name = desk.tag(images.on(desk.engine, GOOD), "1.0")
    path = desk.here / "audit.json"
    done = desk.push(name, "--format", "json", "--output", str(path))
    assert done.returncode == 0
    document = json.loads(path.read_text())
    assert document["images"][0]["id"] == desk.identity(name)
    # Where the audit itself is not shown, its sentence is.
    assert document["summary"]["push"]["verdict"] == "safe"
    assert document["summary"]["push"]["sentence"] in done.stdout
    # A report that can't be written stops the push.
    desk.tag(name, "2.0")
    done = desk.push(name.replace(":1.0", ":2.0"), "--format", "json", "--output", "/no/where/x.json")
    assert done.returncode == 2
    assert desk.registry.image_id("shop", "2.0") is None


def test_without_engine_image_or_registry(desk: Desk, images: Images) -> None:
    name = desk.tag(images.on(desk.engine, GOOD), "1.0")
    nowhere = desk.push(name, "--engine", "unix:///no/where.sock")
    assert (nowhere.returncode, nowhere.stderr.startswith("imglint: ")) == (2, True)
    missing = desk.push("127.0.0.1:1/never-built:1")
    assert (missing.returncode, "no such image" in missing.stderr) == (2, True)
    to = f"127.0.0.1:{desk.registry.port + 1}/gone:1"
    desk.registry.kill()
    done = desk.push(name, "--to", to)
    assert done.returncode == 2
    assert "is the registry up" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(EngineError):
        desk.identity(to)  # the name that it was given for the push is taken back


def test_the_registry_dies_in_the_middle(desk: Desk, images: Images) -> None:
    image = images.on(
        desk.engine, GOOD + "\nCOPY --chown=1000:1000 large /srv/large", {"large": os.urandom(4_000_000)}
    )
    with breaking(desk.registry.port, 2_000_000, desk.registry.kill) as port:
        name = desk.tag(image, "1.0", port)
        done = desk.push(name, "--record", str(desk.here / "pushes.jsonl"))
    assert done.returncode == 2, done.stdout
    assert f"imglint: {name}: the push failed" in done.stderr
    assert desk.registry.repositories() == []
    outcomes = [json.loads(line)["outcome"] for line in (desk.here / "pushes.jsonl").read_text().splitlines()]
    assert outcomes == ["started", "not pushed"]


class OtherDocker:
    """A Docker engine beside the one of the machine, on a bridge of that one's, to be killed.

    With `--bridge none` it would remove the bridge of the other one.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._bridge = f"imglint-{secrets.token_hex(3)}"
        self._network = engine.api.create_network(
            self._bridge, "bridge", options={"com.docker.network.bridge.name": self._bridge}
        )["Id"]
        self._place = place = Path(tempfile.mkdtemp(prefix="imglint-dockerd-"))
        self.url = f"unix://{place}/docker.sock"
        command = [
            "dockerd", "--host", self.url, "--data-root", f"{place}/data", "--exec-root", f"{place}/exec",
            "--pidfile", f"{place}/pid", "--bridge", self._bridge, "--iptables=false", "--ip6tables=false",
            "--storage-driver", "vfs",
        ]  # fmt: skip
        with open(place / "log", "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                connect(self.url).close()
                return
            except EngineError:
                time.sleep(0.2)
        self.close()
        raise RuntimeError(f"dockerd did not come up: {(place / 'log').read_text()[-800:]}")

    def kill(self) -> None:
        """The engine and its containerd, at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        self._engine.api.remove_network(self._network)
        # Where it was killed, it could not unmount what it had bound over its own data.
        bound = f" {self._place}/data "
        if bound in Path("/proc/mounts").read_text():
            subprocess.run(["umount", "--lazy", bound.strip()], check=True)
        shutil.rmtree(self._place)


def test_the_engine_dies_in_the_middle(desk: Desk, images: Images) -> None:
    image = images.on(
        desk.engine, GOOD + "\nCOPY --chown=1000:1000 large /srv/large", {"large": os.urandom(4_000_000)}
    )
    other = OtherDocker(desk.engine)
    try:
        with breaking(desk.registry.port, 2_000_000, other.kill) as port:
            name = f"127.0.0.1:{port}/shop:1.0"
            with connect(other.url) as client:
                for _ in client.api.load_image(b"".join(desk.engine.api.get_image(image))):
                    pass
                client.api.tag(image, name.rpartition(":")[0], "1.0")
            done = desk.push(name, "--engine", other.url)
        assert done.returncode == 2, done.stdout
        assert f"imglint: {name}: " in done.stderr
        assert "Traceback" not in done.stderr
        assert desk.registry.repositories() == []
    finally:
        other.close()
