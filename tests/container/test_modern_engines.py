"""The tests' own modern engines: they are what they are said to be, and leave nothing."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import modern_engines
import pytest
from container_images import Images, check
from image_archives import Saved, docker_layout, step

import imglint
from imglint.analyzer import InputError
from imglint.reports.image_text import heading
from imglint.runner import Engine, Verdict, verify

pytestmark = pytest.mark.container


def test_docker_has_the_containerd_store(docker28: Engine) -> None:
    assert docker28.kind == "docker"
    assert int(docker28.version.partition(".")[0]) >= 26
    assert ["driver-type", "io.containerd.snapshotter.v1"] in docker28.api.info()["DriverStatus"]


def test_podman_is_a_modern_one(podman5: Engine) -> None:
    assert podman5.kind == "podman"
    assert int(podman5.version.partition(".")[0]) >= 5


TWO = [
    Saved.of({"srv/for": one * 10}, top={"architecture": one}, tags=("imglint-test:platforms",))
    for one in ("amd64", "arm64")
]


def test_all_platforms_of_an_image_by_name(docker28: Engine) -> None:
    """The store keeps all that were loaded; its `save` writes all, and lists one in manifest.json."""
    (name,) = TWO[0].tags
    list(docker28.load(iter([docker_layout(*TWO, nested=True)])))
    try:
        found = imglint.open_images(name, engine=docker28.url)
        assert [(one.id, one.platform, one.content_bytes) for one in found] == [
            (TWO[0].id, "linux/amd64", 50),
            (TWO[1].id, "linux/arm64", 50),
        ]
        (arm,) = imglint.open_images(name, engine=docker28.url, platform="arm64")
        assert arm.id == TWO[1].id
        # The engine knows nothing of the configuration's digest.
        assert docker28.inspect_image(arm.engine_id)["Id"] == arm.engine_id != arm.id
        told = heading(arm)
        assert f"{arm.id[:19]}, for the engine {arm.engine_id[:19]}\n" in told
    finally:
        docker28.api.remove_image(name)


def test_one_platform_of_several_that_is_here_alone(docker28: Engine, tmp_path: Path) -> None:
    """As after `docker pull --platform`: the index is here, and one of its images."""
    (name,) = TWO[0].tags
    list(docker28.load(iter([docker_layout(TWO[1], nested=True, absent=[TWO[0]])])))
    try:
        (arm,) = imglint.open_images(name, engine=docker28.url, platform="linux/arm64")
        assert arm.id == TWO[1].id
        with pytest.raises(InputError, match="linux/s390x"):
            imglint.open_images(name, engine=docker28.url, platform="linux/s390x")
    finally:
        docker28.api.remove_image(name)


def test_a_health_check_that_podman_drops_is_told(everywhere: Engine) -> None:
    """From an image in OCI format, which is what `docker save` writes by now."""
    config = {"Cmd": ["/x"], "Healthcheck": {"Test": ["CMD", "/probe"], "Interval": 10_000_000_000}}
    steps = (step("COPY x /"), step("""HEALTHCHECK &{["CMD" "/probe"] "10s" "0s" "0s" "0s" '\\x00'}"""))
    history = (steps[0], {**steps[1], "empty_layer": True})
    saved = Saved.of({"x": "x"}, config=config, history=history, tags=("imglint-test:health",))
    told = "".join(str(one) for one in everywhere.load(iter([docker_layout(saved)])))
    name = re.findall(r"(?:localhost/|docker\.io/library/)?imglint-test:health", told)[-1]
    try:
        seen = verify(everywhere, name, phases=())
    finally:
        everywhere.api.remove_image(name)
    found = [one for one in seen.checks if one.name == "health.static"]
    if everywhere.kind == "docker":
        assert Verdict.CANNOT_TELL not in [one.verdict for one in found]
        return
    (one,) = found
    assert one.verdict is Verdict.CANNOT_TELL
    assert "Podman drops it from images in OCI format" in one.summary
    assert one.proof["history"] == 'HEALTHCHECK --interval=10s CMD ["/probe"]'


def test_probes_in_the_start_period_are_a_second_apart(docker28: Engine, images: Images) -> None:
    """Docker from 25 on would else wait five seconds for each, whatever the interval is."""
    probe = "[ $(wc -l < /n) -gt 3 ] || { echo >> /n; exit 1; }"
    lines = f'HEALTHCHECK --interval=30s --start-period=60s CMD ["/bin/sh", "-c", "{probe}"]'
    image = images.on(docker28, f'{lines}\nCMD ["sh", "-c", "touch /n; exec sleep 120"]')
    seen = verify(docker28, image, phases=("health",))
    found = check(seen, "health.engine")
    assert found.verdict is Verdict.PROVED
    assert 3 < found.proof["transitions"][-1]["seconds"] < 12
    assert "probed every second instead of every 30 s" in found.summary


def served(port: str) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def test_a_container_serves_in_the_network_of_the_test(everywhere: Engine, images: Images) -> None:
    image = images.on(everywhere, 'CMD ["sh", "-c", "echo hello > /index.html; exec httpd -f -p 80"]')
    api = everywhere.api
    host = api.create_host_config(port_bindings={"80/tcp": ("127.0.0.1", None)}, mem_limit="64m")
    container = api.create_container(image, ports=[80], host_config=host)["Id"]
    try:
        api.start(container)
        port = api.inspect_container(container)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
        modern_engines.wait(lambda: served(port) == b"hello\n", 30)
        assert served(port) == b"hello\n"
        # `exec` is in the container, not on the machine: pivot_root was no chroot.
        listed = api.exec_start(api.exec_create(container, ["ls", "/"])["Id"]).decode().split()
        assert "index.html" in listed
    finally:
        api.kill(container)
        api.remove_container(container, v=True, force=True)


def test_nothing_of_it_is_left(tmp_path: Path) -> None:
    here = os.readlink("/proc/thread-self/ns/net")
    with modern_engines.running("podman5") as (engine, client):
        with engine.entered():
            assert os.readlink("/proc/thread-self/ns/net") != here
            inside = subprocess.run(
                ["readlink", "/proc/self/ns/net"], capture_output=True, text=True, check=True
            ).stdout.strip()
            assert inside == os.readlink("/proc/thread-self/ns/net")
            with pytest.raises(OSError, match="unreachable"):
                socket.create_connection(("192.0.2.1", 80), 2)
        assert os.readlink("/proc/thread-self/ns/net") == here
        assert client.kind == "podman"
        assert engine.processes()
    assert not engine.processes()
    assert not engine.place.exists()
    assert str(engine.place) not in Path("/proc/self/mountinfo").read_text()


def test_it_goes_with_the_process_that_wanted_it(tmp_path: Path) -> None:
    """As when the tests are killed."""
    place = tmp_path / "engine"
    script = "; ".join(
        (
            "import sys, pathlib, modern_engines",
            "modern_engines.start('podman5', pathlib.Path(sys.argv[1]))",
            "print('up', flush=True)",
            "input()",
        )
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(place)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert modern_engines.ModernEngine(place).processes()
        process.kill()
    engine = modern_engines.ModernEngine(place)
    modern_engines.wait(lambda: not engine.processes(), 30)
    assert not engine.processes()
