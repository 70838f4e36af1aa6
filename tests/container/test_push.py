"""`imglint push` against a real registry: what fails never arrives, what passes arrives as it was audited.

What becomes of pushes that go wrong is in test_push_outcomes.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_images import Images
from push_desk import Desk
from registry import Registry

from imglint.runner import Engine, EngineError

pytestmark = pytest.mark.container

ROOT = Path(__file__).parents[2]
GOOD = 'COPY server.sh /srv/app\nUSER 1000:1000\nCMD ["/srv/app"]'
BAD = 'COPY server.sh /srv/app\nENV API_TOKEN=Zx81mQ27rT\nCMD ["/srv/app"]'


@pytest.fixture
def desk(everywhere: Engine, tmp_path: Path) -> Iterator[Desk]:
    yield from _desk(everywhere, tmp_path)


@pytest.fixture
def docker_desk(engine: Engine, tmp_path: Path) -> Iterator[Desk]:
    """On the machine's Docker alone, for what no engine has a part in."""
    yield from _desk(engine, tmp_path)


def _desk(engine: Engine, directory: Path) -> Iterator[Desk]:
    registry = Registry()  # in the network of the engine
    found = Desk(engine, registry, directory)
    yield found
    found.close()
    registry.close()


def test_what_passes_arrives_and_comes_back_the_same(desk: Desk, images: Images, engine: Engine) -> None:
    image = images.on(desk.engine, GOOD)
    config = str(engine.inspect_image(image)["Id"])
    name = desk.tag(image, "1.0")
    identity = desk.identity(name)
    (desk.here / name).mkdir(parents=True)  # a path of that name is not meant
    done = desk.push(name)
    assert done.returncode == 0, done.stdout + done.stderr
    digest = desk.registry.digest("shop", "1.0")
    assert desk.registry.image_id("shop", "1.0") == config
    told = f"{name}: pushed {identity[:19]} as {digest}; it passed the audit\n  the registry confirms it\n"
    assert done.stdout.endswith(told)
    repository = name.rpartition(":")[0]
    desk.engine.api.pull(repository, digest)
    assert (
        desk.engine.inspect_image(f"{repository}@{digest}")["RootFS"]
        == desk.engine.inspect_image(image)["RootFS"]
    )
    assert desk.recorded() == []


def test_what_the_tag_named_before(desk: Desk, images: Images) -> None:
    first = desk.tag(images.on(desk.engine, GOOD), "1.0")
    record = str(desk.here / "pushes.jsonl")
    assert desk.push(first, "--record", record).returncode == 0
    replaced = desk.registry.digest("shop", "1.0")
    # Another image to the same place, known so far as latest only: it is the target's name that is judged.
    other = desk.tag(images.on(desk.engine, GOOD + "\nLABEL a=b"), "latest")
    done = desk.push(other, "--to", first, "--record", record)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\n  it took this tag from {replaced}\n" in done.stdout
    digest = desk.registry.digest("shop", "1.0")
    _, one, _, two = map(json.loads, Path(record).read_text().splitlines())
    assert (one["outcome"], one["before"], one["now"]) == ("pushed", {"digest": None}, {"digest": replaced})
    assert (two["outcome"], two["digest"], two["before"]) == ("pushed", digest, {"digest": replaced})
    assert desk.identity(first) != desk.identity(other)  # on the engine, the name is whose it was
    # And the other way round: in the registry, it would be known as latest alone.
    to = f"127.0.0.1:{desk.registry.port}/team/shop:latest"
    done = desk.push(first, "--to", to)
    assert (done.returncode, f"has only the tags {to}" in done.stdout) == (1, True), done.stdout


def test_what_fails_does_not_arrive(docker_desk: Desk, images: Images) -> None:
    desk = docker_desk
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


def test_by_digest(docker_desk: Desk, images: Images) -> None:
    desk = docker_desk
    good = desk.tag(images.on(desk.engine, GOOD), "1.0")
    assert desk.push(good).returncode == 0
    by_digest = f"{good.rpartition(':')[0]}@{desk.registry.digest('shop', '1.0')}"
    lone = desk.push(by_digest)
    assert (lone.returncode, "--to REGISTRY/NAME:TAG" in lone.stderr) == (2, True)
    to = desk.tag(images.on(desk.engine, BAD), "2.0")  # the target's name is another image's until now
    assert desk.push(by_digest, "--to", to).returncode == 0
    assert desk.registry.digest("shop", "2.0") == desk.registry.digest("shop", "1.0")
    assert desk.identity(to) != desk.identity(good)


def test_by_force_with_a_reason(docker_desk: Desk, images: Images) -> None:
    desk = docker_desk
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


def test_with_the_container_running(docker_desk: Desk, images: Images) -> None:
    desk = docker_desk
    lies = desk.tag(images.on(desk.engine, 'EXPOSE 80\nUSER 1000:1000\nCMD ["sh", "-c", "exit 3"]'), "1.0")
    done = desk.push(lies, "--run")
    assert done.returncode == 1
    assert desk.registry.repositories() == []


def test_reports_of_a_push(docker_desk: Desk, images: Images) -> None:
    desk = docker_desk
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


def test_without_engine_image_or_registry(docker_desk: Desk, images: Images) -> None:
    desk = docker_desk
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
