"""What `verify` says of real containers on a real engine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import example_images
import pytest
from container_images import check
from engine_state import (
    holdings,
    is_guarded,
    leftovers,
    made,
    named_like_ours,
    running,
    wait_until,
    written_down,
)

from imglint.analyzer import InputError
from imglint.runner import Engine, EngineError, Observation, Verdict, connect, verify
from imglint.runner.watch import Patience

pytestmark = pytest.mark.container

Build = Callable[[str], str]


@pytest.fixture(scope="module")
def build(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Builds an image on busybox from the lines behind FROM; its tag."""
    example_images.make_busybox(engine.api)
    tags: list[str] = []

    def built(lines: str) -> str:
        directory = tmp_path_factory.mktemp("context")
        (directory / "Dockerfile").write_text(f"FROM {example_images.BUSYBOX}\n{lines}\n")
        (directory / "server.sh").write_text("#!/bin/sh\nwhile true; do echo hello | nc -l -p 8888; done\n")
        tags.append(f"imglint-test:{directory.parent.name}-{len(tags)}")
        example_images.build(engine.api, directory, tags[-1], nocache=True)
        return tags[-1]

    yield built
    for tag in tags:
        engine.api.remove_image(tag, force=True)


def names(seen: Observation) -> set[str]:
    return {one.name for one in seen.checks}


@pytest.fixture(scope="module")
def no_expose(engine: Engine, hello: dict[str, str]) -> Observation:
    return verify(engine, hello["no-expose"])


@pytest.fixture(scope="module")
def exposed(engine: Engine, hello: dict[str, str]) -> Observation:
    return verify(engine, hello["expose"])


# The seven results


def test_no_option_publishes_nothing(no_expose: Observation) -> None:
    plain = check(no_expose, "ports.plain")
    assert plain.verdict is Verdict.PROVED
    assert not any((plain.proof["NetworkSettings.Ports"] or {}).values())
    assert check(no_expose, "sockets.listening", "8888/tcp").verdict is Verdict.PROVED


def test_p_serves(engine: Engine, hello: dict[str, str]) -> None:
    port = free_port()
    seen = verify(engine, hello["no-expose"], publish=[f"{port}:8888"])
    published = check(seen, "ports.published", "8888/tcp")
    assert published.verdict is Verdict.PROVED
    assert published.proof["published"]["address"] == f"127.0.0.1:{port}"
    assert "hello world" in published.proof["published"]["received"]


def test_capital_p_without_expose_publishes_nothing(no_expose: Observation) -> None:
    everything = check(no_expose, "ports.publish-all", "-P")
    assert everything.verdict is Verdict.PROVED
    assert "publishes nothing" in everything.summary
    assert not any((everything.proof["NetworkSettings.Ports"] or {}).values())


def test_published_but_nothing_listens(engine: Engine, hello: dict[str, str]) -> None:
    port = free_port()
    seen = verify(engine, hello["expose"], publish=[f"{port}:8889"])
    dead = check(seen, "ports.published", "8889/tcp")
    assert dead.verdict is Verdict.DISPROVED
    assert "nothing listens" in dead.summary
    # Connecting succeeded all the same: that is why it is no proof.
    assert dead.proof["published"]["outcome"] == "closed"
    assert check(seen, "ports.published", "8888/tcp").verdict is Verdict.PROVED


def test_expose_alone_is_only_metadata(exposed: Observation) -> None:
    plain = check(exposed, "ports.plain")
    assert plain.verdict is Verdict.PROVED
    assert not plain.proof["NetworkSettings.Ports"].get("8888/tcp"), (
        "a network without a way in may not list it"
    )
    assert check(exposed, "ports.exposed", "8888/tcp").verdict is Verdict.PROVED


def test_capital_p_with_expose_publishes_on_a_random_port_and_serves(exposed: Observation) -> None:
    everything = check(exposed, "ports.publish-all", "8888/tcp")
    assert everything.verdict is Verdict.PROVED
    assert "hello world" in everything.proof["published"]["received"]
    assert int(everything.proof["published"]["address"].rpartition(":")[2]) != 8888


def test_health_goes_from_starting_to_healthy(engine: Engine, hello: dict[str, str]) -> None:
    seen = verify(engine, hello["healthcheck"])
    health = check(seen, "health.engine")
    assert health.verdict is Verdict.PROVED
    assert [one["status"] for one in health.proof["transitions"]] == ["starting", "healthy"]
    assert health.proof["log"][-1]["exit_code"] == 0
    assert health.proof["interval_seconds"] == 10
    # Without probes in the other runs, the server's processes are its own.
    assert [one.argv[0] for one in seen.processes] == ["/bin/sh", "nc"]


def test_a_lying_path_is_recognised(exposed: Observation) -> None:
    control = check(exposed, "ports.dead")
    assert control.verdict is Verdict.PROVED
    assert control.proof["accepts"] is True
    assert "proves nothing" in control.summary


# The seed


def test_the_seeds_server_goes_into_the_background(engine: Engine, seed: str) -> None:
    seen = verify(engine, seed)
    stays = check(seen, "container.stays")
    assert (stays.verdict, seen.alive, seen.exit_code) == (Verdict.DISPROVED, False, 0)
    assert check(seen, "ports.exposed", "5555/tcp").verdict is Verdict.DISPROVED
    assert not any(one.port == 5555 for one in seen.listeners)


# Servers of all manners


SHORT = Patience(wait=2)


def test_a_server_on_the_loopback_only(engine: Engine, build: Build) -> None:
    seen = verify(engine, build('EXPOSE 8888\nCMD ["httpd", "-f", "-p", "127.0.0.1:8888"]'))
    declared = check(seen, "ports.exposed", "8888/tcp")
    assert declared.verdict is Verdict.DISPROVED
    assert "loopback" in declared.summary
    assert check(seen, "ports.published", "8888/tcp").verdict is Verdict.DISPROVED


def test_a_server_that_listens_late(engine: Engine, build: Build) -> None:
    seen = verify(
        engine, build('EXPOSE 8888\nCOPY server.sh /\nCMD ["sh", "-c", "sleep 3; exec sh /server.sh"]')
    )
    assert check(seen, "ports.exposed", "8888/tcp").verdict is Verdict.PROVED
    assert check(seen, "ports.published", "8888/tcp").verdict is Verdict.PROVED
    assert seen.seconds >= 3


def test_a_port_declared_with_the_wrong_protocol(engine: Engine, build: Build) -> None:
    seen = verify(
        engine, build('EXPOSE 8888/udp\nCOPY server.sh /\nCMD ["sh", "/server.sh"]'), patience=SHORT
    )
    declared = check(seen, "ports.exposed", "8888/udp")
    assert declared.verdict is Verdict.DISPROVED
    assert "tcp" in declared.summary
    assert check(seen, "ports.undeclared", "8888/tcp").verdict is Verdict.PROVED


def test_a_wrong_number(engine: Engine, build: Build) -> None:
    seen = verify(engine, build('EXPOSE 9999\nCOPY server.sh /\nCMD ["sh", "/server.sh"]'), patience=SHORT)
    assert check(seen, "ports.exposed", "9999/tcp").verdict is Verdict.DISPROVED
    assert check(seen, "ports.publish-all", "9999/tcp").verdict is Verdict.DISPROVED
    assert check(seen, "ports.published", "8888/tcp").verdict is Verdict.PROVED


def test_a_udp_server(engine: Engine, seed: str, tmp_path: Path) -> None:
    # BusyBox has no server for UDP; the seed's base has Perl.
    server = (
        "use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => q(udp), LocalPort => 5353); sleep 60"
    )
    (tmp_path / "Dockerfile").write_text(
        f"FROM {example_images.UBUNTU}\nEXPOSE 5353/udp\nCMD {json.dumps(['perl', '-e', server])}\n"
    )
    example_images.build(engine.api, tmp_path, "imglint-test:udp", nocache=True)
    seen = verify(engine, "imglint-test:udp")
    assert check(seen, "ports.exposed", "5353/udp").verdict is Verdict.PROVED
    published = check(seen, "ports.published", "5353/udp")
    assert published.verdict is Verdict.NOT_OBSERVED  # it answers nobody
    assert "nothing came back" in published.summary


def test_a_silent_server_proves_nothing(engine: Engine, build: Build) -> None:
    """That the kernel accepts for it says nothing of the program, which may never look."""
    seen = verify(engine, build('EXPOSE 8888\nCMD ["nc", "-ll", "-p", "8888", "-e", "sleep", "60"]'))
    published = check(seen, "ports.published", "8888/tcp")
    assert published.verdict is Verdict.NOT_OBSERVED
    assert "nothing came back" in published.summary


def test_an_image_without_a_shell(engine: Engine, tmp_path: Path) -> None:
    busybox = example_images.static_busybox()
    (tmp_path / "httpd").write_bytes(Path(busybox).read_bytes())
    (tmp_path / "httpd").chmod(0o755)
    (tmp_path / "index.html").write_text("hello\n")
    (tmp_path / "Dockerfile").write_text(
        'FROM scratch\nCOPY httpd index.html /\nEXPOSE 80\nUSER 1000\nCMD ["/httpd", "-f", "-p", "80", "-h", "/"]\n'
    )
    example_images.build(engine.api, tmp_path, "imglint-test:no-shell", nocache=True)
    seen = verify(engine, "imglint-test:no-shell")
    assert check(seen, "ports.published", "80/tcp").verdict is Verdict.PROVED
    (main,) = seen.processes
    assert (main.pid, main.uid) == (1, 1000)


# HEALTHCHECK


def test_a_check_that_fails(engine: Engine, build: Build) -> None:
    seen = verify(
        engine, build('HEALTHCHECK --interval=1s --retries=2 --timeout=1s CMD exit 3\nCMD ["sleep", "60"]')
    )
    health = check(seen, "health.engine")
    assert health.verdict is Verdict.DISPROVED
    assert "ended with 3" in health.summary
    assert [one["status"] for one in health.proof["transitions"]] == ["starting", "unhealthy"]


@pytest.mark.parametrize(
    "command", ["curl -f http://localhost/ || exit 1", '["curl", "-f", "http://localhost/"]']
)
def test_a_check_whose_tool_is_missing(engine: Engine, build: Build, command: str) -> None:
    seen = verify(engine, build(f'HEALTHCHECK --retries=1 --timeout=1s CMD {command}\nCMD ["sleep", "60"]'))
    health = check(seen, "health.engine")
    assert health.verdict is Verdict.DISPROVED
    assert "not there" in health.summary


def test_a_container_that_ends_before_its_first_probe(engine: Engine, build: Build) -> None:
    image = build('HEALTHCHECK CMD true\nCMD ["sh", "-c", "sleep 0.3; exit 7"]')
    seen = verify(engine, image, patience=Patience(observe=60))
    assert (seen.alive, seen.exit_code) == (False, 7)
    health = check(seen, "health.engine")
    assert health.verdict is Verdict.NOT_OBSERVED
    assert "before its first probe" in health.summary


def test_no_check_no_verdict(exposed: Observation) -> None:
    assert "health.engine" not in names(exposed)


# What the container does


def test_stop_writes_and_user(engine: Engine, build: Build) -> None:
    image = build(
        "USER 65534\nVOLUME /data\nENV DB_PASSWORD=hunter2\n"
        'CMD ["sh", "-c", "trap \'exit 0\' TERM; echo x > /tmp/note; echo y > /data/kept; while true; do sleep 0.2; done"]'
    )
    seen = verify(engine, image)
    assert check(seen, "stop.signal").verdict is Verdict.PROVED
    assert check(seen, "stop.signal").proof["exit_code"] == 0
    assert [(one.path, one.kind) for one in seen.writes if one.bytes] == [("/tmp/note", "added")]
    assert seen.volumes == ("/data",)
    assert seen.processes[0].uid == 65534
    assert seen.environment["DB_PASSWORD"] == "hunter2"


def test_a_shell_that_ignores_the_signal(exposed: Observation) -> None:
    stop = check(exposed, "stop.signal")
    assert stop.verdict is Verdict.DISPROVED
    assert stop.proof["exit_code"] == 137


def test_an_entrypoint_that_is_not_there(engine: Engine, build: Build) -> None:
    seen = verify(engine, build('ENTRYPOINT ["/missing"]'))
    assert not seen.started
    assert "no such file" in seen.error
    assert check(seen, "container.stays").verdict is Verdict.DISPROVED


def test_pid_1_is_what_the_shell_made_of_it(engine: Engine, build: Build) -> None:
    seen = verify(engine, build("CMD sleep 60"))
    assert list(seen.processes[0].argv) == ["sleep", "60"]
    assert "the shell gave its place" in check(seen, "command.pid1").summary


# Trouble


def test_an_unknown_image(engine: Engine) -> None:
    with pytest.raises(EngineError, match="no such image"):
        verify(engine, "imglint-test:never-built")


def test_a_port_that_is_taken(engine: Engine, hello: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EngineError) as raised:
            verify(engine, hello["expose"], publish=[f"{port}:8888"])
    # Nothing was started for it.
    assert (raised.value.subject, raised.value.problem) == (f"port {port}", "is busy on the engine's host")
    assert leftovers(engine) == []


@pytest.mark.parametrize("publish", ["x", "80:y", "70000:80", "1-3:1-3"])
def test_an_impossible_port(engine: Engine, hello: dict[str, str], publish: str) -> None:
    with pytest.raises(InputError, match="is no port to publish"):
        verify(engine, hello["expose"], publish=[publish])


def test_nothing_of_the_users_changes_and_nothing_is_left(engine: Engine, build: Build) -> None:
    image = build('VOLUME /a /b\nEXPOSE 8888\nCOPY server.sh /\nCMD ["sh", "/server.sh"]')
    before = holdings(engine)
    seen = verify(engine, image)
    after = holdings(engine)
    # Other people's things come and go; an image has its volumes anew in each container.
    assert before.images & after.images >= {seen.image_id}
    assert before.tags & after.tags >= {image}
    assert leftovers(engine) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_behind_by_a_run_that_is_ended(
    engine: Engine, hello: dict[str, str], how: signal.Signals, tmp_path: Path
) -> None:
    state = tmp_path
    command = [sys.executable, "-m", "imglint", "verify", hello["expose"]]
    run = subprocess.Popen(
        command,
        env={**os.environ, "XDG_STATE_HOME": str(state)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: running(engine, made(engine, state, "container")))
    names = {line["name"] for line in written_down(state)}
    os.kill(run.pid, how)
    code = run.wait(timeout=30)
    assert code == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    # After a kill it is the guardian that cleans up, and it takes its time.
    wait_until(lambda: not is_guarded(state), 180)
    assert not names & {name for _, name in named_like_ours(engine)}


def test_containers_are_limited(engine: Engine, hello: dict[str, str], tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "imglint", "verify", hello["expose"]],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: running(engine, made(engine, tmp_path, "container")))
        described = engine.api.inspect_container(made(engine, tmp_path, "container")[0])
    finally:
        run.wait(timeout=60)
    host = described["HostConfig"]
    assert (host["Memory"], host["PidsLimit"], host["NanoCpus"]) == (512 * 1024**2, 256, 10**9)
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["LogConfig"]["Config"]["max-size"] == "1m"
    assert not host["Privileged"]


def test_no_engine_at_a_dead_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineError, match="no socket at"):
        connect()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{tmp_path}/dead.sock")
        with pytest.raises(EngineError, match="connection refused"):
            connect(f"unix://{tmp_path}/dead.sock")


def test_a_remote_engine_must_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(EngineError, match="names a remote engine"):
        connect()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
