"""What becomes of pushes that go wrong, by the engine's word and the registry's; and the engine's names afterwards."""

from __future__ import annotations

import contextlib
import gc
import http.server
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from container_images import Images
from registry import Registry, Reply, breaking, free_port, front

from imglint.analyzer import InputError
from imglint.config import Settings
from imglint.measuring import measure
from imglint.push.target import hold
from imglint.runner import Engine, EngineError, connect
from imglint.runner.push import Outcome, is_content_id, push
from imglint.runner.registry import Kept, Target

pytestmark = pytest.mark.container

ROOT = Path(__file__).parents[2]
APP = 'COPY server.sh /srv/app\nUSER 1000:1000\nCMD ["/srv/app"]'


class Desk:
    """An engine, a registry in its network, and images on it."""

    def __init__(self, engine: Engine, docker: Engine, images: Images) -> None:
        self.engine = engine
        self.registry = Registry()
        self._docker = docker
        self._images = images
        self._made: list[str] = []

    def image(self, lines: str = "", large: bool = False) -> str:
        """The ID of an image with tags of its own. `large`: never twice the same, and 4 MB."""
        files = {"large": os.urandom(4_000_000)} if large else {}
        copied = "\nCOPY large /srv/large" if large else ""
        self.name = self._images.on(self.engine, f"{APP}{copied}\n{lines}", files)
        self.config = str(self._docker.inspect_image(self.name)["Id"])
        return self.id(self.name)

    def untagged(self) -> str:
        """The ID of an image that nothing names, as a build leaves it that gave its name to the next."""
        tag = secrets.token_hex(4)
        identity = self.image(f"LABEL once={tag}")
        answer = str(self.engine.api.import_image_from_data(b"\0" * 10240))
        other = re.findall(r"[0-9a-f]{64}", answer)[-1]
        for name in self.tags(identity):
            repository, _, version = name.rpartition(":")
            self.engine.api.tag(other, repository, version)
        self._made.append(identity)
        assert self.tags(identity) == []
        return identity

    def id(self, name: str) -> str:
        return str(self.engine.inspect_image(name)["Id"])

    def tags(self, identity: str) -> list[str]:
        return sorted(self.engine.inspect_image(identity).get("RepoTags") or ())

    def target(self, port: int | None = None, tag: str = "1.0") -> Target:
        return Target(f"127.0.0.1:{port or self.registry.port}/shop", tag)

    def has(self, name: str) -> bool:
        try:
            self.id(name)
        except EngineError:
            return False
        return True

    def push(self, identity: str, target: Target, *, tag: bool = True) -> Outcome:
        return push(self.engine, identity, target, {self.config}, tag=tag)

    def command(self, here: Path, target: str, *options: str) -> subprocess.CompletedProcess[str]:
        """`imglint push` of the image that was made last."""
        command = [sys.executable, "-m", "imglint", "push", self.name, "--to", target, *options]
        return subprocess.run(
            [*command, "--engine", self.engine.url], env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            cwd=here, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def close(self) -> None:
        self.registry.close()
        for identity in self._made:
            with contextlib.suppress(Exception):
                self.engine.api.remove_image(identity)


@pytest.fixture
def desk(everywhere: Engine, engine: Engine, images: Images) -> Iterator[Desk]:
    found = Desk(everywhere, engine, images)
    yield found
    found.close()


def test_confirmed(desk: Desk) -> None:
    identity = desk.image()
    target = desk.target()
    names = desk.tags(identity)
    outcome = desk.push(identity, target)
    digest = desk.registry.digest("shop", "1.0")
    assert (outcome.state, outcome.before, outcome.now) == ("pushed", Kept(), Kept(digest, (desk.config,)))
    # Podman 4 does not tell the digest.
    assert outcome.digest == digest or (desk.engine.version.startswith("4.") and outcome.digest is None)
    assert desk.tags(identity) == names
    assert not desk.has(str(target))


def test_the_registry_tells_nobody(desk: Desk) -> None:
    """It takes the image, and does not say what it has."""
    identity = desk.image()

    def before(method: str, path: str) -> Reply | None:
        return (500, {}, b"") if method == "GET" and "/manifests/" in path else None

    with front(desk.registry.port, before) as port:
        outcome = desk.push(identity, desk.target(port))
    assert (outcome.state, outcome.now.problem) == ("unconfirmed", "it answers with status 500")
    assert desk.registry.image_id("shop", "1.0") == desk.config


def test_the_registry_is_gone(desk: Desk) -> None:
    identity = desk.image()
    outcome = desk.push(identity, desk.target(free_port()))
    assert (outcome.state, outcome.hint) == ("not pushed", "is the registry up, and its name right?")
    assert "connection refused" in outcome.problem
    assert outcome.now.problem == "connection refused"
    assert not desk.has(str(outcome.target))


def test_it_wants_a_login(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = desk.image()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    desk.registry.close()
    desk.registry = Registry(login=True)
    outcome = desk.push(identity, desk.target())
    assert (outcome.state, outcome.hint) == ("not pushed", "docker login REGISTRY")
    assert outcome.now.problem == "it wants a login, and there is none for it"
    assert desk.registry.repositories() == []
    auth = {"auth": "bWU6c2VjcmV0"}  # me:secret
    (tmp_path / "config.json").write_text(json.dumps({"auths": {desk.registry.address: auth}}))
    with connect(desk.engine.url) as client:  # which reads the logins when it connects
        outcome = push(client, identity, desk.target(), {desk.config}, tag=True)
    assert outcome.state == "pushed"


def test_it_answers_garbage(desk: Desk) -> None:
    """Podman believes what says yes to everything."""

    class Welcome(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"welcome")

        do_HEAD = do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    identity = desk.image()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Welcome) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        outcome = desk.push(identity, desk.target(server.server_port))
        server.shutdown()
    assert outcome.state in ("not pushed", "unknown")
    assert outcome.state == "unknown" or desk.engine.kind == "docker"
    assert outcome.now == Kept(problem="what it answers is no manifest of an image", fault="garbled")


def test_it_sends_on_to_another_host(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the login is heard there."""
    heard: list[dict[str, str]] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    desk.registry.close()
    desk.registry = Registry(login=True)
    identity = desk.image()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def before(method: str, path: str) -> Reply | None:
            if method != "GET" or "/manifests/" not in path:
                return None
            return 307, {"Location": f"http://127.0.0.1:{server.server_port}{path}"}, b""

        with front(desk.registry.port, before) as port:
            auth = {"auth": "bWU6c2VjcmV0"}
            (tmp_path / "config.json").write_text(json.dumps({"auths": {f"127.0.0.1:{port}": auth}}))
            with connect(desk.engine.url) as client:
                outcome = push(client, identity, desk.target(port), {desk.config}, tag=True)
        server.shutdown()
    assert outcome.state == "unknown"
    assert outcome.now.problem == "it answers with status 404, and not as a registry"
    assert heard
    assert not any("Authorization" in headers for headers in heard)


def test_the_answer_to_the_manifest_is_lost(desk: Desk) -> None:
    """It arrived, and the engine says that it did not."""
    identity = desk.image()
    cut = []

    def after(method: str, path: str) -> bool:
        if method == "PUT" and "/manifests/" in path:
            cut.append(path)
            return False
        return True

    with front(desk.registry.port, after=after) as port:
        outcome = desk.push(identity, desk.target(port))
    assert cut
    digest = desk.registry.digest("shop", "1.0")
    # An engine that tries again may find out.
    assert (outcome.state, outcome.before, outcome.now.digest) == ("unknown", Kept(), digest)
    assert outcome.problem


def test_the_registry_dies_in_the_middle_of_a_layer(desk: Desk) -> None:
    identity = desk.image(large=True)
    with breaking(desk.registry.port, 2_000_000, desk.registry.kill) as port:
        target = desk.target(port)
        outcome = desk.push(identity, target)
    assert desk.registry.repositories() == []
    # Where layers were missing, the manifest was not on its way. The containerd store does not show it.
    seen = desk.engine.kind == "podman" or is_content_id(desk.engine)
    assert outcome.state == ("not pushed" if seen else "unknown")
    assert outcome.problem
    assert outcome.now.fault == "unreachable"
    assert not desk.has(str(target))


def test_nothing_has_changed_in_the_registry(desk: Desk) -> None:
    """It breaks at a layer, and can be asked: what it had before it has still."""
    first = desk.image()
    assert desk.push(first, desk.target()).state == "pushed"
    kept = desk.registry.digest("shop", "1.0")
    second = desk.image(large=True)

    def before(method: str, path: str) -> Reply | None:
        return (507, {}, b"{}") if method in ("PATCH", "POST", "PUT") else None

    with front(desk.registry.port, before) as port:
        outcome = desk.push(second, desk.target(port))
    assert (outcome.state, outcome.before.digest, outcome.now.digest) == ("not pushed", kept, kept)


def test_a_name_that_moved_after_the_audit(desk: Desk) -> None:
    audited = desk.image()
    target = desk.target()
    other = desk.image("LABEL other=one")
    desk.engine.api.tag(other, target.repository, target.tag)
    desk.image()
    try:
        with pytest.raises(EngineError, match="was audited; nothing was pushed"):
            desk.push(audited, target, tag=False)
        assert desk.registry.repositories() == []
        # Where the name may be another image's, it is that one's again afterwards.
        assert desk.push(audited, target).state == "pushed"
        assert desk.registry.image_id("shop", "1.0") == desk.config
        assert desk.id(str(target)) == other
        assert desk.push(audited, desk.target(free_port())).state == "not pushed"
        assert desk.id(str(target)) == other
    finally:
        desk.engine.api.remove_image(str(target), noprune=True)


def test_a_name_that_moves_while_it_is_pushed(desk: Desk) -> None:
    """The engine has looked it up by then; and it stays whose it is now."""
    other = desk.image("LABEL other=one")
    audited = desk.image(large=True)
    moved: list[str] = []

    def before(method: str, path: str) -> Reply | None:
        if method == "POST" and not moved:
            moved.append(path)
            desk.engine.api.tag(other, target.repository, target.tag)
        return None

    with front(desk.registry.port, before) as port:
        target = desk.target(port)
        try:
            assert desk.push(audited, target).state == "pushed"
            assert desk.registry.image_id("shop", "1.0") == desk.config
            assert moved
            assert desk.id(str(target)) == other
        finally:
            desk.engine.api.remove_image(str(target), noprune=True)


def test_a_name_that_moves_just_before_the_engine_looks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    other = desk.image("LABEL other=one")
    audited = desk.image()
    target = desk.target()
    real = desk.engine.push

    def push_late(identity: str, to: Target) -> Generator[dict[str, Any], None, None]:
        desk.engine.api.tag(other, to.repository, to.tag)
        yield from real(identity, to)

    monkeypatch.setattr(desk.engine, "push", push_late)
    try:
        outcome = desk.push(audited, target)
    finally:
        desk.engine.api.remove_image(str(target), noprune=True)
    if desk.engine.pushes_by_id:
        assert outcome.state == "pushed"
    else:
        assert (outcome.state, outcome.problem) == (
            "another image",
            "what arrived is not the image that was audited",
        )
        assert outcome.now.digest == desk.registry.digest("shop", "1.0")


def test_an_image_that_nothing_names_stays(desk: Desk) -> None:
    """Docker removes an image with its last name: with the one that it had for the push only, too."""
    identity = desk.untagged()
    assert desk.push(identity, desk.target(free_port())).state == "not pushed"
    assert desk.has(identity)
    assert desk.tags(identity) == []
    assert desk.push(identity, desk.target()).state == "pushed"
    assert desk.has(identity)
    assert desk.tags(identity) == []
    assert not desk.has(str(desk.target()))


def test_names_by_digest_are_the_same_afterwards(desk: Desk) -> None:
    """Docker takes them away with the last tag of their repository, and makes new ones when it pushes."""

    def digests() -> list[str]:
        return sorted(desk.engine.inspect_image(identity).get("RepoDigests") or ())

    identity = desk.image()
    first = desk.target(tag="pre")
    assert desk.push(identity, first).state == "pushed"
    before = digests()
    if desk.engine.kind == "docker":
        assert not [name for name in before if name.startswith(first.repository)]
    mine = f"{first.repository}@{desk.registry.digest('shop', 'pre')}"
    desk.engine.api.pull(mine)
    try:
        before = digests()
        assert mine in before
        tags = desk.tags(identity)
        assert desk.push(identity, desk.target(tag="new")).state == "pushed"
        assert desk.push(identity, desk.target(free_port())).state == "not pushed"
        assert (digests(), desk.tags(identity), desk.id(mine)) == (before, tags, identity)
    finally:
        desk.engine.api.remove_image(mine, noprune=True)


def test_what_was_audited_is_held_to_the_image(desk: Desk) -> None:
    other = desk.image(large=True) and desk.name
    identity = desk.image()
    name = desk.name
    audited, another = (
        measure([f"docker-daemon:{one}"], Settings(), engine=desk.engine.url) for one in (name, other)
    )
    told = hold(desk.engine, name, identity, audited)
    assert bool(told) == (not is_content_id(desk.engine))
    with pytest.raises(InputError, match=r"at first and .* then; nothing was pushed"):
        hold(desk.engine, name, identity, another)
    with pytest.raises(InputError, match=r"at first and .* then; nothing was pushed"):
        hold(desk.engine, other, identity, audited)  # the name was given to another one


def test_what_the_command_says_where_the_registry_is_silent(desk: Desk, tmp_path: Path) -> None:
    desk.image()

    def before(method: str, path: str) -> Reply | None:
        return (403, {}, b"{}") if method == "GET" and "/manifests/" in path else None

    with front(desk.registry.port, before) as port:
        target = str(desk.target(port))
        done = desk.command(tmp_path, target)
    assert done.returncode == 0, done.stderr
    head, *told = done.stdout[done.stdout.index(f"{target}: pushed") :].splitlines()
    assert head.endswith("; it passed the audit")
    assert told[:2] == [
        "  that is the engine's word alone",
        "  the registry could not be asked: it wants a login, or refuses the one that there is",
    ]
    assert len(told) == (2 if is_content_id(desk.engine) else 3)


def test_what_the_command_says_of_a_lost_answer(desk: Desk, tmp_path: Path) -> None:
    identity = desk.image()

    def after(method: str, path: str) -> bool:
        return not (method == "PUT" and "/manifests/" in path)

    record = tmp_path / "pushes.jsonl"
    with front(desk.registry.port, after=after) as port:
        target = str(desk.target(port))
        done = desk.command(tmp_path, target, "--record", str(record))
    digest = desk.registry.digest("shop", "1.0")
    assert done.returncode == 2, done.stdout + done.stderr
    first, *_, last = done.stderr.splitlines()
    assert first.startswith(f"imglint: {target}: it is unknown whether it was pushed: ")
    assert last == f"  the registry has {digest} under this tag, and had not before"
    started, ended = map(json.loads, record.read_text().splitlines())
    assert started["outcome"] == "started"
    assert (ended["outcome"], ended["before"], ended["now"]) == (
        "unknown",
        {"digest": None},
        {"digest": digest},
    )
    assert ended["image"] == identity
    assert ended["problem"]


class Moment:
    """A point that a push comes to, where it is held until it got its signals."""

    def __init__(self) -> None:
        self._reached, self._signalled = threading.Event(), threading.Event()

    def hold(self) -> None:
        """Called by the registry: a push has come so far."""
        self._reached.set()
        assert self._signalled.wait(120)

    def hold_if_reached(self) -> None:
        """Called by the registry: what a push asks once it was stopped waits for the last signal too."""
        if self._reached.is_set():
            self.hold()

    def wait(self) -> None:
        assert self._reached.wait(120)

    def signalled(self) -> None:
        self._signalled.set()


def interrupted(desk: Desk, here: Path, target: Target, moment: Moment, signals: list[int]) -> str:
    """What `imglint push` says that gets signals when it has come so far."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "imglint", "push", desk.name, "--to", str(target),
            "--record", "pushes.jsonl", "--engine", desk.engine.url,
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, cwd=here,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        moment.wait()
        for number in signals:
            process.send_signal(number)
            time.sleep(0.005)  # else they would be one
        moment.signalled()
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    return told


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT] * 6],
    ids=["INT", "TERM", "HUP", "six"],
)
def test_it_is_interrupted(desk: Desk, tmp_path: Path, signals: list[int]) -> None:
    """The name that the image had for the push is given back, whichever signal it was, and how often it came."""
    other = desk.image("LABEL other=one")
    identity = desk.image(large=True)
    moment = Moment()

    def before(method: str, path: str) -> Reply | None:
        if method in ("PATCH", "PUT") and "/blobs/" in path:  # Docker 28 sends a layer in one piece
            moment.hold()
            time.sleep(2)  # it is in the middle of the layer while it is stopped
        else:
            moment.hold_if_reached()
        return None

    with front(desk.registry.port, before) as port:
        target = desk.target(port)
        desk.engine.api.tag(other, target.repository, target.tag)
        try:
            told = interrupted(desk, tmp_path, target, moment, signals)
            assert desk.id(str(target)) == other
        finally:
            desk.engine.api.remove_image(str(target), noprune=True)
    assert "it is unknown whether it was pushed: it was interrupted" in told
    started, ended = map(json.loads, (tmp_path / "pushes.jsonl").read_text().splitlines())
    assert started["named_before"] == other
    assert (ended["outcome"], ended["problem"]) == ("unknown", "it was interrupted")
    assert desk.has(identity)


def test_it_is_interrupted_before_it_began(desk: Desk, tmp_path: Path) -> None:
    desk.image()
    moment = Moment()

    def before(method: str, path: str) -> Reply | None:
        moment.hold()
        return None

    with front(desk.registry.port, before) as port:
        target = desk.target(port)
        told = interrupted(desk, tmp_path, target, moment, [signal.SIGTERM])
    assert "not pushed: it was interrupted before it began" in told
    started, ended = map(json.loads, (tmp_path / "pushes.jsonl").read_text().splitlines())
    assert (started["named_before"], ended["outcome"]) == (None, "not pushed")
    assert desk.registry.repositories() == []
    assert not desk.has(str(target))


def test_where_it_is_recorded(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.image()
    target = str(desk.target(free_port()))
    os.mkfifo(tmp_path / "pipe")
    done = desk.command(tmp_path, target, "--record", "pipe")
    assert done.returncode == 2
    assert "pipe: the push can't be recorded: it is no regular file" in done.stderr
    # A relative XDG_STATE_HOME is none.
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    desk.command(tmp_path, target, "--force", "--reason", "why")
    assert not (tmp_path / "state").exists()
    assert len((tmp_path / "home/.local/state/imglint/pushes.jsonl").read_text().splitlines()) == 2


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


# docker-py does not close the socket of a connection that was refused, whenever that is found.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_engine_dies_in_the_middle(engine: Engine, images: Images, tmp_path: Path) -> None:
    """Then the registry can be asked, and has nothing."""
    image = images.on(engine, f"{APP}\nCOPY large /srv/large", {"large": os.urandom(4_000_000)})
    registry = Registry()
    other = OtherDocker(engine)
    try:
        with breaking(registry.port, 2_000_000, other.kill) as port, connect(other.url) as client:
            for _ in client.api.load_image(b"".join(engine.api.get_image(image))):
                pass
            identity = str(client.inspect_image(image)["Id"])
            target = Target(f"127.0.0.1:{port}/shop", "1.0")
            outcome = push(client, identity, target, {identity}, tag=True)
        with warnings.catch_warnings():
            # docker-py does not close the socket of a connection that was refused.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        assert (outcome.state, outcome.now) == ("unknown", Kept())
        assert outcome.problem
        assert outcome.left.startswith(f"{target} could not be put back as it was: ")
        assert registry.repositories() == []
    finally:
        other.close()
        registry.close()
