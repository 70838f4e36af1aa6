"""Whether a container has a way out, by dials that really go to another machine: a network namespace of the tests'."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from container_images import Images
from engine_state import wait_until
from modern_engines import is_modern

from imglint.runner import Check, Engine, Verdict, egress, verify
from imglint.runner.egress import NOBODY, Dialled, dialling, egress_check
from imglint.runner.session import Session

HERE, THERE = "198.51.100.1", "198.51.100.2"  # of TEST-NET-2 of RFC 5737
SERVE = 'COPY server.sh /\nEXPOSE 8888\nCMD ["sh", "/server.sh"]'
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
INSIDE = "eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
OUTSIDE = "eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"


@pytest.mark.parametrize(
    ("log", "verdict", "words"),
    [
        (f"{ROUTES}{INSIDE}nc: can't connect: Network is unreachable\ndialled 1\n", Verdict.PROVED, "nothing can be sent"),
        # A router's word is no proof: the next machine may be reached.
        (f"{ROUTES}{INSIDE}{OUTSIDE}nc: Network is unreachable\ndialled 1\n", Verdict.NOT_OBSERVED, "no other machine"),
        (f"{ROUTES}{INSIDE}{OUTSIDE}dialled 0\n", Verdict.DISPROVED, "egress is open"),
        (f"{ROUTES}{INSIDE}{OUTSIDE}nc: Connection refused\ndialled 1\n", Verdict.DISPROVED, "egress is open"),
        (f"{ROUTES}{INSIDE}{OUTSIDE}nc: timed out\ndialled 1\n", Verdict.NOT_OBSERVED, "no other machine"),
        ("", Verdict.NOT_OBSERVED, "no other machine"),
    ],
)  # fmt: skip
def test_what_a_dial_to_nobody_shows(log: str, verdict: Verdict, words: str) -> None:
    found = egress_check(Dialled(NOBODY, log), "without published ports", local=True)
    assert (found.verdict, words in found.summary) == (verdict, True), found.summary


def test_another_machine_is_the_name_server(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{tmp_path}/resolv.conf"
    monkeypatch.setattr(egress, "_RESOLVERS", (path,))
    for text, found in (
        ("nameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.7\n", "192.0.2.7"),
        ("# nothing\nnameserver 2001:db8::1\nnameserver x\n", NOBODY),
        ("", NOBODY),
    ):
        with open(path, "w") as stream:
            stream.write(text)
        assert egress.target() == found


# A machine beside this one, that answers whoever it has a route to: this machine, and no container's network


@pytest.fixture(scope="module")
def other_machine() -> Iterator[str]:
    name = f"imglint-world-{os.getpid()}"
    near = f"iw{os.getpid()}"[:15]

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    with ExitStack() as stack:
        ip("netns", "add", name)
        stack.callback(ip, "netns", "delete", name)  # the pair of links goes with it
        ip("link", "add", near, "type", "veth", "peer", "name", "far", "netns", name)
        ip("address", "add", f"{HERE}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "address", "add", f"{THERE}/30", "dev", "far")
        ip("-n", name, "link", "set", "far", "up")
        server = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c",
             "import socket; s = socket.create_server(('0.0.0.0', 53))\nwhile True: s.accept()[0].close()"]
        )  # fmt: skip
        stack.callback(server.wait)
        stack.callback(server.kill)
        wait_until(lambda: egress._answers(THERE) == "accepted")
        yield THERE


def isolation(engine: Engine, image: str) -> dict[str, Check]:
    seen = verify(engine, image, phases=("calibration",))
    return {check.subject: check for check in seen.checks if check.name == "engine.isolation"}


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests have learned of the engines was learned without this machine."""
    monkeypatch.setattr(sys.modules["imglint.runner.verify"], "_calibrations", {})


@pytest.mark.container
def test_an_ordinary_container_reaches_it(engine: Engine, images: Images, other_machine: str) -> None:
    """Else the tests below would show nothing."""
    command = ["sh", "-c", dialling(other_machine)]
    container = engine.api.create_container(images.on(engine, SERVE), command)["Id"]
    try:
        engine.api.start(container)
        wait_until(lambda: "dialled" in engine.api.logs(container).decode())
        assert "dialled 0" in engine.api.logs(container).decode()
    finally:
        engine.api.remove_container(container, v=True, force=True)


@pytest.mark.container
def test_a_container_of_a_run_does_not_or_it_is_told(
    anywhere: Engine, images: Images, other_machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["imglint.runner.calibration"], "target", lambda: other_machine)
    found = isolation(anywhere, images.on(anywhere, SERVE))
    closed, published = found["without published ports"], found["with published ports"]
    assert closed.verdict is Verdict.PROVED, closed
    if anywhere.kind == "docker" or is_modern(anywhere):  # from whose own network there is no way out
        assert published.verdict is Verdict.PROVED, published
    else:
        # Podman before 4.6 has no network without a route out on which ports can be published.
        assert published.verdict is Verdict.DISPROVED, published
        assert "egress is open on this engine" in published.summary


@pytest.mark.container
def test_the_engine_asks_nobody_for_a_container(anywhere: Engine, images: Images) -> None:
    """A resolver of the engine's that asks on from this machine would be a way out, too."""
    with Session(anywhere, images.on(anywhere, SERVE)) as session:
        container = session.create(command=["cat", "/etc/resolv.conf"])
        container.start()
        wait_until(lambda: not container.inspect()["State"]["Running"])
        servers = [line.split()[1] for line in container.logs().splitlines() if line.startswith("nameserver")]
        (network,) = container.inspect()["NetworkSettings"]["Networks"].values()
        if anywhere.kind == "docker":
            assert servers == ["127.0.0.11"], "Docker's own"
            assert container.inspect()["HostConfig"]["Dns"] == [NOBODY], "… and whom it asks"
        else:
            assert network["Gateway"] not in servers, "Podman's own would be there"
