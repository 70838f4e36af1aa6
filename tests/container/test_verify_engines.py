"""What `verify` says on Docker and on Podman: where they differ, each answer is right for its engine."""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from container_images import UDP_SERVER, Images, check, program_with_libraries, verified_together
from engine_state import leftovers

from imglint.runner import Engine, Observation, Verdict, verify

pytestmark = pytest.mark.container

PROVED, DISPROVED = Verdict.PROVED, Verdict.DISPROVED
SERVE = 'COPY server.sh /\nEXPOSE 8888\nCMD ["sh", "/server.sh"]'
HEALTHY = f"HEALTHCHECK --timeout=2s CMD nc -w 1 127.0.0.1 8888 </dev/null | grep -q hello\n{SERVE}"


def first_run(engine: Engine, image: str, **options: Any) -> Observation:
    """Only what the first run shows."""
    return verify(engine, image, phases=(), **options)


# What is run, most of which is waiting
BLIND = ['["true"]', "pidof sh"]
ONCE = "HEALTHCHECK --interval=1s --timeout=2s --retries=1"  # whose time is over soon
FAILING = [
    (f"{ONCE} CMD curl -f http://localhost/ || exit 1", "curl is not in the image", "is not there"),
    (f'{ONCE} CMD ["/etc/passwd"]', "/etc/passwd is not executable", "is not there"),
    (f"{ONCE} CMD sleep 5", "", "longer than its timeout"),
    (f"{ONCE} CMD echo nothing; exit 1", "", "ended with 1: nothing"),
]
STOPS = [
    ('CMD ["sh", "-c", "trap \'exit 0\' TERM; while :; do sleep 0.1; done"]', PROVED, 0),
    ('CMD ["sh", "-c", "trap \'exit 143\' TERM; while :; do sleep 0.1; done"]', PROVED, 143),
    ('CMD ["sh", "-c", "trap \'\' TERM; while :; do sleep 0.1; done"]', DISPROVED, 137),
    ('CMD ["sleep", "60"]', DISPROVED, 137),
    (
        'STOPSIGNAL SIGUSR1\nCMD ["sh", "-c", "trap \'exit 5\' USR1; while :; do sleep 0.1; done"]',
        PROVED,
        5,
    ),
]


def shell(text: str) -> str:
    """The line that runs a script."""
    return f"CMD {json.dumps(['sh', '-c', text])}"


def script(text: str, before: str = "") -> str:
    """The lines of an image that has the server and runs a script."""
    return f"{before}\nCOPY server.sh /\nEXPOSE 8888\n{shell(text)}"


FIRST = {"phases": ()}  # only what the first run shows
RUNS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **{lines: (f"{lines}\n{SERVE}", {"phases": ("calibration", "health")}) for lines, _, _ in FAILING},
    **{lines: (lines, {"phases": (), "stop_seconds": 3}) for lines, _, _ in STOPS},
    "deep": (
        script("set -e; echo x > /notes/one; exec sh /server.sh", "RUN mkdir -m 777 /notes"),
        {"phases": (), "deep": True},
    ),
    "complains": (
        script("chown 7 /server.sh; echo x > /note; exec sh /server.sh"),
        {"phases": (), "deep": True},
    ),
    "own root": (
        script("set -e; chown 7 /server.sh; echo x > /var/note; exec sh /server.sh", "RUN mkdir /var"),
        {"phases": (), "harden": True},
    ),
    "tmpfs": (
        script("set -e; echo x > /data/note; exec sh /server.sh", "RUN mkdir /data && chmod 777 /data"),
        {"phases": (), "harden": True},
    ),
    **{one: (f"HEALTHCHECK CMD {one}\n{SERVE}", FIRST) for one in BLIND},
    "times": (
        "HEALTHCHECK --interval=5s --timeout=10s --start-period=20s --retries=4 CMD true\n" + SERVE,
        FIRST,
    ),
    "no check": (SERVE, FIRST),
    "none": (f"HEALTHCHECK NONE\n{SERVE}", FIRST),
    "unknown user": (f"{SERVE}\nUSER nobodyx", FIRST),
    "writes": (
        "VOLUME /kept\n"
        + shell("mkdir -p /srv/db; echo x > /srv/db/shop; echo y > /tmp/note; echo z > /kept/z; sleep 60"),
        FIRST,
    ),
    "second piece": (
        shell("printf '#!/bin/sh\\nsleep 60\\n' > /srv.sh; chmod +x /srv.sh; exec /srv.sh"),
        FIRST,
    ),
    # The only peer that the network gives it is itself.
    "peer": (
        shell("nc -ll -p 9000 -e sleep 60 & sleep 0.3; A=$(hostname -i); sleep 60 | nc $A 9000"),
        FIRST,
    ),
    "several": (
        shell(
            "httpd -f -p 82 & nc -ll -p 83 -e true & (sleep 0.6 & exec sleep 0.3) & "
            "(sleep 1; httpd -f -p 84) & exec tail -f /dev/null"
        ),
        FIRST,
    ),
    "::1": ('EXPOSE 8888\nCMD ["httpd", "-f", "-p", "[::1]:8888"]', {}),
    "closes": ('EXPOSE 8888\nCMD ["nc", "-ll", "-p", "8888", "-e", "true"]', {}),
    "child": ('EXPOSE 8888\nCMD ["nc", "-ll", "-p", "8888", "-e", "echo", "hi"]', {}),
}
ON_DOCKER = {"complains", "tmpfs", "own root"}  # which Podman takes its time over, and tells nothing else
Ahead = Mapping[str, Observation]


@pytest.fixture(scope="module")
def ahead(anywhere: Engine, images: Images) -> Ahead:
    """What was seen of each of RUNS."""
    here = [name for name in RUNS if anywhere.kind == "docker" or name not in ON_DOCKER]
    return verified_together(
        anywhere, {name: (images.on(anywhere, RUNS[name][0]), RUNS[name][1]) for name in here}
    )


@pytest.fixture(scope="module")
def healthy(anywhere: Engine, images: Images) -> Observation:
    """A server with a good health check."""
    return verify(anywhere, images.on(anywhere, HEALTHY))


def test_everything_of_a_good_server(healthy: Observation) -> None:
    assert check(healthy, "container.stays").verdict is PROVED
    assert check(healthy, "ports.exposed", "8888/tcp").verdict is PROVED
    assert check(healthy, "sockets.listening").proof["process"] == "nc"
    for name in ("ports.published", "ports.publish-all"):
        one = check(healthy, name, "8888/tcp")
        assert one.verdict is PROVED
        assert one.proof["published"]["received"] == "hello\n"
        assert one.proof["connections that arrived"]
    assert check(healthy, "health.static").verdict is PROVED
    assert check(healthy, "health.by-hand").verdict is PROVED
    assert check(healthy, "health.notices").verdict is PROVED
    assert check(healthy, "stop.signal").verdict is DISPROVED
    assert check(healthy, "pieces.arrived").verdict is PROVED


def test_what_each_engine_is_like(healthy: Observation, anywhere: Engine) -> None:
    """The same dead port: Docker's proxy accepts for it, Podman refuses. Only one of them runs probes here."""
    known = check(healthy, "engine.calibration")
    docker = anywhere.kind == "docker"
    assert known.verdict is PROVED
    assert known.proof["connecting to a dead port succeeds"] is docker
    assert known.proof["a live port answers"] is True
    assert known.proof["host /proc"] is True
    assert known.proof["side container"] is True
    assert known.proof["schedules health probes"] is docker
    dead = check(healthy, "ports.dead")
    assert dead.proof["accepts"] is docker
    health = check(healthy, "health.engine")
    assert health.verdict is (PROVED if docker else Verdict.CANNOT_TELL)


def test_nothing_is_left(healthy: Observation, anywhere: Engine) -> None:
    assert leftovers(anywhere) == []


# From where it is looked at


@pytest.mark.parametrize("vantage", ["side", "exec"])
def test_without_the_hosts_proc(anywhere: Engine, images: Images, vantage: str) -> None:
    seen = verify(anywhere, images.on(anywhere, SERVE), vantages=(vantage,))
    listening = check(seen, "sockets.listening", "8888/tcp")
    assert listening.verdict is PROVED
    assert listening.proof["source"] == {"side": "a side container", "exec": "a shell of the image"}[vantage]
    assert list(seen.processes[0].argv) == ["sh", "/server.sh"]
    assert seen.processes[0].uid == 0
    assert [one.program for one in seen.processes] == ["sh", "nc"]
    assert check(seen, "ports.published", "8888/tcp").verdict is PROVED


def test_an_image_without_a_shell_from_beside(anywhere: Engine, images: Images) -> None:
    import example_images

    lines = 'COPY httpd index.html /\nEXPOSE 8080\nUSER 1000:7\nCMD ["/httpd", "-f", "-p", "8080", "-h", "/"]'
    with open(example_images.static_busybox(), "rb") as stream:
        files: dict[str, str | bytes] = {"httpd": stream.read(), "index.html": "hello\n"}
    tag = images.on(anywhere, lines, files, base="scratch")
    seen = verify(anywhere, tag, vantages=("side", "exec"))
    assert check(seen, "ports.published", "8080/tcp").verdict is PROVED
    (main,) = seen.processes
    assert (main.pid, main.uid, main.gid) == (1, 1000, 7)
    blind = verify(anywhere, tag, vantages=("exec",))
    for name in ("ports.exposed", "ports.published", "user.pid1", "processes.tree"):
        assert check(blind, name).verdict is Verdict.CANNOT_TELL


def test_no_image_for_the_side_container(
    anywhere: Engine, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("imglint.runner.verify"), "_calibrations", {})
    monkeypatch.setattr("shutil.which", lambda _: None)
    seen = verify(anywhere, images.on(anywhere, SERVE), vantages=("side",))
    known = check(seen, "engine.calibration")
    assert known.verdict is Verdict.CANNOT_TELL
    assert "--probe-image" not in known.summary
    assert "no static busybox" in known.summary
    assert check(seen, "ports.exposed").verdict is Verdict.CANNOT_TELL


# HEALTHCHECK


@pytest.mark.parametrize("command", BLIND)
def test_a_check_that_cannot_fail(ahead: Ahead, command: str) -> None:
    seen = ahead[command]
    assert check(seen, "health.by-hand").verdict is PROVED
    cannot = check(seen, "health.notices")
    assert cannot.verdict is DISPROVED
    assert "can't fail" in cannot.summary


@pytest.mark.parametrize(("lines", "static", "by_hand"), FAILING)
def test_a_check_that_does_not_pass(
    anywhere: Engine, ahead: Ahead, lines: str, static: str, by_hand: str
) -> None:
    seen = ahead[lines]
    assert check(seen, "health.static").verdict is (DISPROVED if static else PROVED)
    assert static in check(seen, "health.static").summary
    assert check(seen, "health.by-hand").verdict is DISPROVED
    assert by_hand in check(seen, "health.by-hand").summary
    assert check(seen, "health.notices").verdict is Verdict.NOT_OBSERVED
    expected = DISPROVED if anywhere.kind == "docker" else Verdict.CANNOT_TELL
    assert check(seen, "health.engine").verdict is expected


def test_times_of_a_check(ahead: Ahead) -> None:
    static = check(ahead["times"], "health.static")
    assert (static.proof["interval"], static.proof["timeout"], static.proof["retries"]) == (5, 10, 4)
    assert static.proof["worst case"] == 20 + 4 * (5 + 10)
    assert "timeout is longer than its interval" in static.summary


def test_no_check_and_none(ahead: Ahead) -> None:
    for name in ("no check", "none"):
        assert not any(one.name.startswith("health") for one in ahead[name].checks)


# Command, user, stop, writes


def test_who_pid_1_is(anywhere: Engine, images: Images) -> None:
    files = {
        "passwd": "root:x:0:0::/:/bin/sh\nshop:x:1405:1406::/:/bin/sh\n",
        "group": "shop:x:1406:\nmore:x:7:shop\n",
    }
    lines = f"COPY passwd group /etc/\n{SERVE}\nUSER shop"
    seen = first_run(anywhere, images.on(anywhere, lines, files))
    user = check(seen, "user.pid1")
    assert (user.proof["uid"], user.proof["gid"], user.proof["name"]) == (1405, 1406, "shop")
    assert 7 in user.proof["groups"]
    assert "uid 1405 (shop)" in user.summary


def test_an_unknown_user(ahead: Ahead) -> None:
    seen = ahead["unknown user"]
    assert not seen.started
    assert "nobodyx" in seen.error


@pytest.mark.parametrize(("lines", "verdict", "code"), STOPS)
def test_stopping(anywhere: Engine, ahead: Ahead, lines: str, verdict: Verdict, code: int) -> None:
    stop = check(ahead[lines], "stop.signal")
    assert (stop.verdict, stop.proof["exit_code"]) == (verdict, code)
    if anywhere.kind == "docker":
        assert stop.proof["signals sent"][-1:] == (
            ["9"] if verdict is DISPROVED else stop.proof["signals sent"][:1]
        )


def test_a_program_that_ends_itself_with_137_was_not_killed(engine: Engine, images: Images) -> None:
    lines = 'CMD ["sh", "-c", "trap \'exit 137\' TERM; while :; do sleep 0.1; done"]'
    stop = check(first_run(engine, images.on(engine, lines)), "stop.signal")
    assert (stop.verdict, stop.proof["exit_code"], stop.proof["signals sent"]) == (PROVED, 137, ["15"])


def test_writes_and_what_to_mount(ahead: Ahead) -> None:
    seen = ahead["writes"]
    writes = check(seen, "writes.layer")
    assert sorted(writes.proof["paths"]) == ["/srv/db/shop", "/tmp/note"]
    assert "VOLUME /srv/db and --tmpfs /tmp" in writes.summary


def test_a_second_piece(ahead: Ahead) -> None:
    arrived = check(ahead["second piece"], "pieces.arrived")
    assert arrived.verdict is DISPROVED
    assert arrived.proof["running"] == ["/srv.sh"]


def test_a_peer_that_is_dialled_by_its_address(ahead: Ahead) -> None:
    seen = ahead["peer"]
    peers = [one for one in seen.checks if one.name == "addresses.peers"]
    assert [one.verdict for one in peers] == [DISPROVED]
    assert "the arguments of nc" in peers[0].summary


def test_several_services_zombies_and_orphans(ahead: Ahead) -> None:
    seen = ahead["several"]
    tree = check(seen, "processes.tree")
    assert {"httpd", "nc"} <= set(tree.proof["services"])
    assert "2 services" in tree.summary
    assert tree.proof["zombies"] >= 1  # tail reaps nobody


# Harder conditions


def test_deep(ahead: Ahead) -> None:
    seen = ahead["deep"]
    assert check(seen, "deep.read-only").verdict is DISPROVED
    assert check(seen, "deep.read-only-tmpfs").verdict is PROVED
    assert check(seen, "deep.any-user").verdict is PROVED
    assert check(seen, "deep.no-capabilities").verdict is PROVED


@pytest.mark.parametrize("anywhere", ["docker28"], indirect=True)
def test_deep_finds_what_goes_on_but_complains(ahead: Ahead) -> None:
    seen = ahead["complains"]
    for name in ("deep.read-only", "deep.any-user", "deep.no-capabilities"):
        one = check(seen, name)
        assert one.verdict is DISPROVED
        assert "complains" in one.summary


@pytest.mark.parametrize("anywhere", ["docker28"], indirect=True)
def test_hardening_is_the_least_that_holds(ahead: Ahead) -> None:
    found = ahead["own root"].hardening
    assert found is not None
    assert found.holds
    assert (found.user, found.capabilities, found.read_only) == (
        "",
        ("CHOWN",),
        False,
    )  # it changes its own root
    by_options = {one.options: one for one in found.trials}
    without = [
        one for one in found.trials if "--cap-drop=ALL" in one.options and "--cap-add" not in one.options
    ]
    assert without and not any(one.holds for one in without)
    assert by_options[" ".join(found.flags())].holds


@pytest.mark.parametrize("anywhere", ["docker28"], indirect=True)
def test_hardening_keeps_only_the_tmpfs_that_is_needed(ahead: Ahead) -> None:
    found = ahead["tmpfs"].hardening
    assert found is not None
    assert found.holds
    assert (found.user, found.capabilities, found.read_only, found.tmpfs) == (
        "65532:65532",
        (),
        True,
        ("/data",),
    )
    assert any(
        "--read-only" in one.options and "--tmpfs" not in one.options and not one.holds
        for one in found.trials
    )
    assert 0 < found.pids < 256
    assert 0 < found.megabytes < 512
    pod = found.kubernetes()
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["containers"][0]["volumeMounts"][0]["mountPath"] == "/data"
    assert json.dumps(found.compose())


# Servers that nobody listed


def test_a_server_on_the_loopback_of_ipv6(ahead: Ahead) -> None:
    seen = ahead["::1"]
    assert check(seen, "ports.exposed").verdict is DISPROVED
    assert check(seen, "ports.published", "8888/tcp").verdict is DISPROVED


def test_a_server_of_udp_alone(anywhere: Engine, images: Images) -> None:
    tag = images.on(anywhere, UDP_SERVER, program_with_libraries("/usr/bin/perl"))
    seen = verify(anywhere, tag, phases=("published",))
    assert check(seen, "ports.exposed", "5353/udp").verdict is PROVED
    (socket,) = seen.listeners
    assert (socket.protocol, socket.port, socket.process) == ("udp", 5353, "perl")
    assert check(seen, "ports.published", "5353/udp").verdict is PROVED


def test_a_server_that_closes_at_once(ahead: Ahead) -> None:
    seen = ahead["closes"]
    assert check(seen, "ports.exposed").verdict is PROVED
    published = check(seen, "ports.published", "8888/tcp")
    assert published.verdict is Verdict.NOT_OBSERVED
    assert published.proof["published"]["outcome"] == "closed"


def test_a_server_that_hands_its_port_to_a_child(ahead: Ahead) -> None:
    seen = ahead["child"]
    published = check(seen, "ports.published", "8888/tcp")
    assert published.verdict is PROVED
    assert published.proof["published"]["received"] == "hi\n"


def test_ports_that_the_api_forges(anywhere: Engine, images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that names another server's address: it answers, and yet nothing came into the container."""
    import socket

    from imglint.runner.session import Container

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer() -> None:
            while True:
                try:
                    connection, _ = other.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hello\n")

        threading.Thread(target=answer, daemon=True).start()
        genuine = Container.inspect

        def forged(self: Container) -> dict[str, object]:
            described = genuine(self)
            ports = described["NetworkSettings"]["Ports"] or {}
            for bindings in ports.values():
                for one in bindings or ():
                    one["HostIp"], one["HostPort"] = "127.0.0.1", str(other.getsockname()[1])
            return described

        monkeypatch.setattr(Container, "inspect", forged)
        for server in ("sh /server.sh", "sleep 60"):
            seen = verify(anywhere, images.on(anywhere, f"COPY server.sh /\nEXPOSE 8888\nCMD {server}"))
            for name in ("ports.published", "ports.publish-all"):
                assert check(seen, name, "8888/tcp").verdict is not PROVED
        other.shutdown(socket.SHUT_RDWR)
