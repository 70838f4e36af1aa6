"""What was on the engine before a run is there after it, ID for ID; what was the run's own is gone."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import docker.errors
import pytest
from container_images import Images, check
from engine_state import is_guarded, leftovers, made, named_like_ours, running, wait_until, written_down
from image_archives import Saved, docker_legacy

from imglint.analyzer.image import open_images
from imglint.runner import Engine, EngineError, Verdict, connect, verify
from imglint.runner.cleanup import strangers, sweep
from imglint.runner.journal import Journal
from imglint.runner.session import Session

pytestmark = pytest.mark.container

SERVE = 'COPY server.sh /\nEXPOSE 8888\nVOLUME /data\nCMD ["sh", "/server.sh"]'
# Every label that a version of imglint has ever set, as an image hands them to its containers.
LABELS = "LABEL " + " ".join(
    f"imglint.{name}=x" for name in ("session", "pid", "owner", "started", "deadline", "run", "name", "image")
)


class Users(NamedTuple):
    """What somebody has on an engine."""

    engine: Engine
    image: str  # a tag of an image with all labels
    container: str  # that runs, with a volume that has no name
    started: str
    volume: str
    committed: str  # an image without a tag, made of a container of a run
    child: str  # a container of that
    network: str

    def are_there(self) -> bool:
        """All of it, as it was."""
        api = self.engine.api
        found = api.inspect_container(self.container)
        assert found["State"]["Running"]
        assert found["State"]["StartedAt"] == self.started
        assert [mount["Name"] for mount in found["Mounts"]] == [self.volume]
        assert api.inspect_image(self.image)
        assert api.inspect_image(self.committed)["Id"] == self.committed
        assert api.inspect_container(self.child)["Image"] == self.committed
        assert api.inspect_network(self.network)
        return True


@pytest.fixture(scope="module")
def users(everywhere: Engine, images: Images) -> Iterator[Users]:
    api = everywhere.api
    image = images.on(everywhere, f'{LABELS}\nVOLUME /data\nUSER 1000\nCMD ["httpd", "-f", "-p", "8000"]')
    container = api.create_container(image)["Id"]
    api.start(container)
    with Session(everywhere, image) as session:
        ours = session.create()
        ours.start()
        committed = str(api.commit(ours.id)["Id"])
    committed = str(api.inspect_image(committed)["Id"])
    child = api.create_container(committed)["Id"]
    labels = {"imglint.session": "x"}
    network = api.create_network(f"their-{os.getpid()}-{everywhere.kind}", labels=labels)["Id"]
    found = api.inspect_container(container)
    yield Users(
        everywhere,
        image,
        container,
        found["State"]["StartedAt"],
        found["Mounts"][0]["Name"],
        committed,
        child,
        network,
    )
    for one in (container, child):
        api.remove_container(one, v=True, force=True)
    api.remove_image(committed)
    api.remove_network(network)


def of_its_own(path: Path, content: str = "") -> tuple[str, Path]:
    """An archive of an image that no engine has, tagged theirs:1, and its ID by its configuration."""
    config = {"Cmd": ["/httpd", "-f", "-p", "8000"], "User": "1000", "Labels": {"of": content or str(path)}}
    image = Saved(
        (server_layer(),), config=config, history=({"created_by": "COPY /httpd /"},), tags=("theirs:1",)
    )
    path.write_bytes(docker_legacy(image))
    return image.id, path


def server_layer() -> bytes:
    """A layer with a web server alone."""
    data = Path(shutil.which("busybox") or "").read_bytes()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        program = tarfile.TarInfo("httpd")
        program.size, program.mode = len(data), 0o755
        tar.addfile(program, io.BytesIO(data))
    return out.getvalue()


def has(engine: Engine, image: str) -> bool:
    with contextlib.suppress(docker.errors.NotFound):
        return bool(engine.api.inspect_image(image))
    return False


# Labels decide nothing


def test_a_run_of_another_image_touches_nothing_of_the_users(users: Users, images: Images) -> None:
    seen = verify(users.engine, images.on(users.engine, SERVE))
    assert users.are_there()
    assert seen.receipt is not None and seen.receipt.left == []
    assert seen.receipt.containers >= 3  # more where the engine was not known yet
    assert leftovers(users.engine) == []


def test_an_image_with_every_label_is_verified_like_any_other(users: Users) -> None:
    seen = verify(users.engine, users.image, phases=())
    assert check(seen, "container.stays").verdict is Verdict.PROVED
    assert users.are_there()


def test_a_commit_of_one_of_our_containers_is_the_users(users: Users) -> None:
    """It carries whatever that container had; so does a container of it."""
    seen = verify(users.engine, users.committed, phases=())
    assert seen.started
    assert users.are_there()


# Archives


def test_an_archives_image_goes_again_with_the_tag_that_it_came_with(
    everywhere: Engine, tmp_path: Path
) -> None:
    identity, path = of_its_own(tmp_path / "own.tar")
    (image,) = open_images(str(path))
    seen = verify(everywhere, image.id, archive=image.docker_archive, phases=())
    assert check(seen, "container.stays").verdict is Verdict.PROVED
    assert not has(everywhere, identity)
    assert not has(everywhere, seen.image_id)
    assert not has(everywhere, "theirs:1"), "the archive's own tag was never given"
    assert seen.receipt is not None and seen.receipt.images == 1
    assert leftovers(everywhere) == []


@pytest.mark.parametrize("tagged", [True, False], ids=["with a tag", "without a tag"])
def test_an_image_that_was_there_before_stays(
    everywhere: Engine, images: Images, tmp_path: Path, tagged: bool
) -> None:
    identity, path = of_its_own(tmp_path / "own.tar", f"stays {tagged} {everywhere.kind}")
    api = everywhere.api
    for _ in api.load_image(path.read_bytes()):
        pass
    # Podman 5 takes a short name for its own when it loads, and for Docker Hub's when it is asked.
    name = next(one for one in ("theirs:1", "localhost/theirs:1") if has(everywhere, one))
    identity = str(api.inspect_image(name)["Id"])
    if not tagged:
        # Its tag goes to another image, so that it has none.
        api.tag(images.on(everywhere, 'CMD ["true"]'), name.rpartition(":")[0], "1")
        assert api.inspect_image(identity)["Id"] == identity
    try:
        (image,) = open_images(str(path))
        seen = verify(everywhere, image.id, archive=image.docker_archive, phases=())
        assert seen.started
        assert api.inspect_image(identity)["Id"] == identity
        assert ("theirs:1" in str(api.inspect_image(identity)["RepoTags"])) is tagged
        assert leftovers(everywhere) == []
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            api.remove_image(name)
        with contextlib.suppress(docker.errors.NotFound):
            api.remove_image(identity)


def test_an_image_that_the_user_runs_meanwhile_stays_and_is_told(everywhere: Engine, tmp_path: Path) -> None:
    _, path = of_its_own(tmp_path / "own.tar")
    (image,) = open_images(str(path))
    api = everywhere.api
    with Session(everywhere, image.id, archive=image.docker_archive) as session:
        theirs = api.create_container(session.image)["Id"]
    try:
        assert api.inspect_container(theirs)
        assert api.inspect_image(session.image)["Id"] == session.image
        (left,) = session.receipt.left
        assert "image" in left and "image rm" in left
    finally:
        api.remove_container(theirs)
        # The guardian takes it away, or the next run: nobody uses it any more.
        wait_until(lambda: sweep(everywhere) and not has(everywhere, session.image))
        assert leftovers(everywhere) == []


def test_an_image_that_the_user_names_meanwhile_stays(everywhere: Engine, tmp_path: Path) -> None:
    _, path = of_its_own(tmp_path / "own.tar")
    (image,) = open_images(str(path))
    api = everywhere.api
    name = f"kept-{os.getpid()}"
    with Session(everywhere, image.id, archive=image.docker_archive) as session:
        api.tag(session.image, f"localhost/{name}", "1")
    try:
        assert api.inspect_image(f"localhost/{name}:1")["Id"] == session.image
        assert session.receipt.left == []
        assert leftovers(everywhere) == []
    finally:
        api.remove_image(f"localhost/{name}:1")


def test_a_name_of_ours_that_the_user_gave_to_another_image_is_left_alone(
    everywhere: Engine, images: Images, tmp_path: Path
) -> None:
    _, path = of_its_own(tmp_path / "own.tar")
    (image,) = open_images(str(path))
    api = everywhere.api
    theirs = images.on(everywhere, 'CMD ["true"]')
    with Session(everywhere, image.id, archive=image.docker_archive) as session:
        (name,) = (entry.name for entry in session.journal.left() if entry.kind == "image")
        api.tag(theirs, name, "latest")
    try:
        (left,) = session.receipt.left
        assert "was not made here" in left
        assert api.inspect_image(f"{name}:latest")["Id"] == api.inspect_image(theirs)["Id"]
    finally:
        api.remove_image(f"{name}:latest", noprune=True)
        with contextlib.suppress(docker.errors.NotFound):
            api.remove_image(session.image)
        sweep(everywhere)
    assert leftovers(everywhere) == []


# What can't be certain is left, and told


def cut_off(engine: Engine, image: str, state: Path) -> None:
    """A run of which nothing lives any more, its guardian neither, but a container and a network do."""
    run = verifying(image, state, engine)
    wait_until(lambda: running(engine, made(engine, state, "container")))
    children = subprocess.run(
        ["pgrep", "-P", str(run.pid)], capture_output=True, text=True, check=True
    ).stdout
    for pid in [*(int(one) for one in children.split()), run.pid]:
        os.kill(pid, signal.SIGKILL)
    run.wait(timeout=30)
    time.sleep(1)
    assert made(engine, state), "the guardian was to be dead"


def verifying(image: str, state: Path, engine: Engine) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "imglint", "verify", image, "--engine", engine.url]
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def removed_by_hand(engine: Engine, names: frozenset[tuple[str, str]]) -> None:
    for kind, name in sorted(names):
        if kind == "container":
            engine.api.remove_container(name, v=True, force=True)
        elif kind == "network":
            engine.api.remove_network(name)
        else:
            engine.api.remove_image(name)


def test_the_next_run_removes_what_a_run_and_its_guardian_left(
    everywhere: Engine, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = images.on(everywhere, SERVE)
    cut_off(everywhere, image, tmp_path)
    names = {name for _, name in named_like_ours(everywhere)}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    seen = verify(everywhere, image, phases=())
    assert any("of an earlier run that was cut off: removed" in note for note in seen.notes)
    assert not names & {name for _, name in named_like_ours(everywhere)}
    assert leftovers(everywhere) == []


@pytest.mark.parametrize("what", ["lost", "half written", "foreign"])
def test_without_a_certain_record_nothing_is_removed_and_it_is_told(
    everywhere: Engine, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    image = images.on(everywhere, SERVE)
    cut_off(everywhere, image, tmp_path)
    left = named_like_ours(everywhere) & {
        (line["will make"], line["name"]) for line in written_down(tmp_path)
    }
    (path,) = (tmp_path / "imglint/runs").iterdir()
    if what == "lost":
        path.unlink()
    elif what == "half written":
        path.write_bytes(path.read_bytes()[:-5])
    else:
        os.link(path, tmp_path / "somewhere-else")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    try:
        seen = verify(everywhere, image, phases=())
        assert left <= named_like_ours(everywhere)
        told = "\n".join(seen.notes)
        assert all(name in told for _, name in left)
        assert f"{everywhere.command} rm -fv" in told
        assert (str(path) in told) is (what != "lost")
    finally:
        removed_by_hand(everywhere, left)
    assert leftovers(everywhere) == []


def test_two_state_directories_on_one_engine(
    everywhere: Engine, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two users have, or two machines: the run of the other one goes on, and is not taken for lost."""
    image = images.on(everywhere, SERVE)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "theirs"))
    with Session(everywhere, image) as theirs:
        container = theirs.create()
        container.start()
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "ours"))
        seen = verify(everywhere, image, phases=())
        assert container.inspect()["State"]["Running"]
        assert any(container.name in note for note in seen.notes)
        assert all(re.search("so (?:it stays|they stay)", note) for note in seen.notes)
        assert theirs.receipt.containers == 0
    assert theirs.receipt.left == []
    assert leftovers(everywhere) == []


def test_two_runs_of_one_user_do_not_tell_each_other(everywhere: Engine, images: Images) -> None:
    image = images.on(everywhere, SERVE)
    with Session(everywhere, image) as session:
        container = session.create()
        assert not any(container.name in note for note in strangers(everywhere))
        assert sweep(everywhere).containers == 0
        assert container.inspect()["Id"] == container.id


def test_a_container_that_only_looks_like_ours_is_the_users(everywhere: Engine, images: Images) -> None:
    image = images.on(everywhere, SERVE)
    name = f"imglint-{'0123456789abcdef' * 2}"
    theirs = everywhere.api.create_container(image, name=name)["Id"]
    try:
        seen = verify(everywhere, image, phases=())
        assert everywhere.api.inspect_container(theirs)["Name"].lstrip("/") == name
        assert any(name in note for note in seen.notes)
    finally:
        everywhere.api.remove_container(theirs, v=True)


def test_one_name_written_down_and_taken_by_the_user_since(everywhere: Engine, images: Images) -> None:
    """The record names it, but the engine gave it another ID then."""
    image = images.on(everywhere, SERVE)
    run = Journal.begin(everywhere.identity)
    name = run.write_down("container")
    run.made(name, "0" * 64)
    os.close(run.descriptor)
    theirs = everywhere.api.create_container(image, name=name)["Id"]
    try:
        receipt = sweep(everywhere)
        assert receipt.containers == 0
        assert "was not made here" in receipt.left[0]
        assert everywhere.api.inspect_container(theirs)["Id"] == theirs
    finally:
        everywhere.api.remove_container(theirs, v=True)
        sweep(everywhere)


def test_a_container_that_the_user_renamed_stays_and_is_told(everywhere: Engine, images: Images) -> None:
    name = f"renamed-{os.getpid()}"
    with Session(everywhere, images.on(everywhere, SERVE)) as session:
        container = session.create()
        everywhere.api.rename(container.id, name)
    try:
        assert everywhere.api.inspect_container(name)["Id"] == container.id
        assert any(f"renamed to {name}" in left for left in session.receipt.left)
    finally:
        everywhere.api.remove_container(container.id, v=True, force=True)
        wait_until(lambda: not sweep(everywhere).left)
    assert leftovers(everywhere) == []


def test_two_runs_of_one_archive_do_not_take_the_image_from_each_other(
    everywhere: Engine, tmp_path: Path
) -> None:
    _, path = of_its_own(tmp_path / "own.tar")
    (image,) = open_images(str(path))
    with Session(everywhere, image.id, archive=image.docker_archive) as first:
        with Session(everywhere, image.id, archive=image.docker_archive) as second:
            first.close()
            assert second.create().inspect()["Image"]
        assert second.receipt.left == []
    assert not has(everywhere, second.image)
    assert leftovers(everywhere) == []


def test_a_socket_under_another_name_is_the_same_engine(
    everywhere: Engine, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = images.on(everywhere, SERVE)
    cut_off(everywhere, image, tmp_path)
    link = tmp_path / "link.sock"
    link.symlink_to(everywhere.url.removeprefix("unix://"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with connect(f"unix://{link}") as client:
        assert sweep(client).containers >= 1
    assert leftovers(everywhere) == []


def test_a_guardian_that_was_stopped_changes_no_result(
    engine: Engine, images: Images, tmp_path: Path
) -> None:
    run = verifying(images.on(engine, SERVE), tmp_path, engine)
    wait_until(lambda: running(engine, made(engine, tmp_path, "container")))
    children = subprocess.run(
        ["pgrep", "-P", str(run.pid)], capture_output=True, text=True, check=True
    ).stdout
    guardians = [int(pid) for pid in children.split()]
    for pid in guardians:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert run.wait(timeout=180) in (0, 1)
        assert made(engine, tmp_path) == []
    finally:
        for pid in guardians:
            os.kill(pid, signal.SIGCONT)


def test_an_interrupt_ends_all_images_of_a_run(engine: Engine, images: Images, tmp_path: Path) -> None:
    image = images.on(engine, SERVE)
    command = [sys.executable, "-m", "imglint", "verify", image, image, image, "--harden"]
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: running(engine, made(engine, tmp_path, "container")))
    os.kill(run.pid, signal.SIGINT)
    # Its calls end one by one; the search for the least that it needs alone takes minutes.
    assert run.wait(timeout=60) == 130
    wait_until(lambda: not is_guarded(tmp_path), 60)
    assert made(engine, tmp_path) == []


def test_no_state_directory_no_start(
    everywhere: Engine, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = images.on(everywhere, SERVE)
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")
    with pytest.raises(EngineError) as raised:
        verify(everywhere, image, phases=())
    assert "nothing is started without it" in raised.value.hint


# Killed at any moment

KILLS = {"docker": 35, "podman": 15}  # on each of two
EXISTED = 0.4  # of the moments had a container


def test_killed_at_any_moment_by_name_and_by_archive(
    everywhere: Engine, images: Images, users: Users, tmp_path: Path
) -> None:
    image = images.on(everywhere, SERVE)
    _, archive = of_its_own(tmp_path / "own.tar")
    spans = {}
    for what in (image, str(archive)):
        start = time.monotonic()
        assert verifying(what, tmp_path / "first", everywhere).wait(timeout=120) in (0, 1)
        spans[what] = time.monotonic() - start
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201  (shown where the test fails)
    rng = random.Random(seed)

    def killed(number: int, what: str, moment: float) -> bool:
        """Kill a run at a moment: whether it had a container just then. Nothing of it stays."""
        state = tmp_path / f"state-{number}"
        run = verifying(what, state, everywhere)
        time.sleep(moment)
        with connect(everywhere.url) as client:
            existed = bool(made(client, state, "container"))
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.pid, signal.SIGKILL)
            run.wait(timeout=30)
            # What was written down last, and is never confirmed, keeps the record for some minutes.
            names = {line["name"] for line in written_down(state)}
            wait_until(lambda: not is_guarded(state), 180)
            assert not names & {name for _, name in named_like_ours(client)}
        return existed

    def moments(first: int, count: int) -> Iterator[tuple[int, str, float]]:
        for number in range(first, first + count):
            what = image if number % 3 else str(archive)
            yield number, what, rng.uniform(0, spans[what])

    kills = KILLS[everywhere.kind]
    with ThreadPoolExecutor(3) as pool:
        alive = list(pool.map(killed, *zip(*moments(0, kills), strict=True)))
        # A machine that is busier than while it was measured starts its containers later: it gets more moments.
        while sum(alive) < EXISTED * kills and len(alive) < 3 * kills:
            alive += pool.map(killed, *zip(*moments(len(alive), kills // 5), strict=True))
    assert sum(alive) >= EXISTED * kills, f"{sum(alive)} of {len(alive)} moments had a container; seed {seed}"
    assert users.are_there()
    assert not has(everywhere, "theirs:1")
    assert leftovers(everywhere, 120) == []
