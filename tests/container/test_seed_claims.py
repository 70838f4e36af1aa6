"""What the seed says of containers, each claim put to the test: on Docker and on Podman, true or not."""

from __future__ import annotations

import http.server
import io
import platform
import socket
import tarfile
import threading
from pathlib import Path

import pytest
from container_images import Images, check
from modern_engines import outside

from imglint.runner import Engine, Verdict, verify
from imglint.runner.execution import run
from imglint.runner.files import read, stat
from imglint.runner.session import Container, Session
from imglint.runner.view import viewed
from imglint.runner.watch import Patience, watch

QUICK = Patience(wait=2)  # nothing of these images is slow
pytestmark = pytest.mark.container

IDLE = 'CMD ["sleep", "60"]'


def output(engine: Engine, container: Container, *command: str) -> str:
    ran = run(engine, container.id, command, 10)
    assert ran.exit_code == 0, ran
    return ran.output.strip()


def test_env_is_the_environment_of_pid_1(everywhere: Engine, images: Images) -> None:
    seen = verify(
        everywhere,
        images.on(everywhere, f'ENV GREETING="hello world" EMPTY=\n{IDLE}'),
        phases=(),
        patience=QUICK,
    )
    assert seen.environment["GREETING"] == "hello world"
    assert seen.environment["EMPTY"] == ""


def test_what_one_container_writes_another_one_does_not_see(everywhere: Engine, images: Images) -> None:
    image = images.on(everywhere, IDLE)
    before = everywhere.inspect_image(image)["Id"]
    with Session(everywhere, image) as session:
        first, second = session.create(), session.create()
        for one in (first, second):
            one.start()
        output(everywhere, first, "sh", "-c", "echo mine > /note")
        assert read(first, "/note") == b"mine\n"
        assert stat(second, "/note") is None
    assert everywhere.inspect_image(image)["Id"] == before


def test_volume_makes_an_anonymous_volume_and_maps_nothing_of_the_host(
    everywhere: Engine, images: Images
) -> None:
    image = images.on(everywhere, f"VOLUME /data\n{IDLE}")
    with Session(everywhere, image) as session:
        container = session.create()
        container.start()
        (mount,) = container.inspect()["Mounts"]
        assert mount["Type"] == "volume"
        assert len(mount["Name"]) == 64  # a name that nobody gave
        assert mount["Destination"] == "/data"
        assert not Path("/data").exists()
        names = {one["Name"] for one in everywhere.api.volumes()["Volumes"]}
        assert mount["Name"] in names
    left = {one["Name"] for one in everywhere.api.volumes()["Volumes"] or ()}
    assert mount["Name"] not in left


def test_the_kernel_is_the_hosts_and_the_release_is_the_images(everywhere: Engine, images: Images) -> None:
    image = images.on(everywhere, f"COPY release /etc/os-release\n{IDLE}", {"release": "ID=mine\n"})
    with Session(everywhere, image) as session:
        container = session.create()
        container.start()
        assert output(everywhere, container, "uname", "-r") == platform.release()
        assert output(everywhere, container, "cat", "/etc/os-release") == "ID=mine"


def test_add_unpacks_an_archive_and_fetches_without_unpacking(
    engine: Engine, everywhere: Engine, images: Images, tmp_path: Path
) -> None:
    """Three of ADD's manners: a local archive is unpacked, a URL is fetched, what was fetched stays packed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("inside")
        member.size = 6
        tar.addfile(member, io.BytesIO(b"hello\n"))
    (tmp_path / "a.tar.gz").write_bytes(packed.getvalue())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            pass

    with outside(), http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/a.tar.gz"
        image = images.on(
            everywhere, f"ADD a.tar.gz /local/\nADD {url} /remote/\n{IDLE}", {"a.tar.gz": packed.getvalue()}
        )
        server.shutdown()
    with Session(everywhere, image) as session:
        container = session.create()
        assert read(container, "/local/inside") == b"hello\n"
        assert stat(container, "/local/a.tar.gz") is None
        assert read(container, "/remote/a.tar.gz") == packed.getvalue()
        assert stat(container, "/remote/inside") is None


def test_a_user_is_inherited(everywhere: Engine, engine: Engine, images: Images) -> None:
    base = images.on(engine, "USER 1000")

    def uid_of_pid_1(lines: str) -> int | None:
        image = images.on(everywhere, lines, base=base)
        return verify(everywhere, image, phases=(), patience=QUICK).processes[0].uid

    assert uid_of_pid_1(IDLE) == 1000
    assert uid_of_pid_1(f"USER root\n{IDLE}") == 0


def test_cmd_under_a_shell_form_entrypoint_is_no_argument(everywhere: Engine, images: Images) -> None:
    """`ENTRYPOINT top` with `CMD ["-n", "10"]`: top runs, and has never heard of 10 rounds."""
    image = images.on(everywhere, 'ENTRYPOINT top -b\nCMD ["-n", "10"]')
    assert everywhere.inspect_image(image)["Config"]["Cmd"] == ["-n", "10"]
    seen = verify(everywhere, image, phases=(), patience=QUICK)
    assert list(seen.processes[0].argv) == ["top", "-b"]
    assert check(seen, "command.arguments").verdict is Verdict.DISPROVED
    right = images.on(everywhere, 'ENTRYPOINT ["top", "-b"]\nCMD ["-n", "10"]')
    seen = verify(everywhere, right, phases=(), patience=QUICK)
    assert list(seen.processes[0].argv) == ["top", "-b", "-n", "10"]
    assert not [one for one in seen.checks if one.name == "command.arguments"]


def test_a_relative_workdir_is_below_the_one_before(everywhere: Engine, images: Images) -> None:
    """`~` is no home there, but a name like any other."""
    lines = f"WORKDIR /srv\nWORKDIR app\nWORKDIR ~/data\nENV HOME=/root COLOUR=blue\n{IDLE}"
    seen = verify(everywhere, images.on(everywhere, lines), phases=(), patience=QUICK)
    assert check(seen, "workdir.pid1", "/srv/app/~/data").verdict is Verdict.PROVED
    assert check(seen, "environment.arrives").verdict is Verdict.PROVED
    assert seen.environment["COLOUR"] == "blue"


def test_user_holds_for_the_steps_that_follow(everywhere: Engine, images: Images) -> None:
    image = images.on(
        everywhere,
        f"RUN mkdir -m 777 /ids && id -u > /ids/before\nUSER 1000:7\nRUN id -u > /ids/behind\n{IDLE}",
    )
    with Session(everywhere, image) as session:
        container = session.create()
        try:
            assert read(container, "/ids/before") == b"0\n"
            assert read(container, "/ids/behind") == b"1000\n"
        finally:
            container.remove()


def test_the_seeds_health_check_against_its_server(everywhere: Engine, images: Images) -> None:
    """As printed: a modern curl takes the loop's answer for HTTP/0.9 and refuses it."""
    from container_images import program_with_libraries

    files: dict[str, str | bytes] = {
        f"root/{path}": data for path, data in program_with_libraries("/usr/bin/curl").items()
    }
    lines = (
        "COPY root /\nEXPOSE 8888\nHEALTHCHECK --interval=1s --retries=2 CMD curl -f http://localhost:8888/ || exit 1\n"
        'CMD ["/bin/sh", "-c", "while true; do echo \'hello world\' | nc -l -p 8888; done"]'
    )
    seen = verify(everywhere, images.on(everywhere, lines, files))
    assert check(seen, "ports.published", "8888/tcp").verdict is Verdict.PROVED  # the server is well
    by_hand = check(seen, "health.by-hand")
    assert by_hand.verdict is Verdict.DISPROVED
    assert "HTTP/0.9" in by_hand.proof["runs"][-1]["output"]
    expected = Verdict.DISPROVED if everywhere.kind == "docker" else Verdict.CANNOT_TELL
    assert check(seen, "health.engine").verdict is expected


def test_an_image_of_a_shell_session_has_lost_its_cmd(everywhere: Engine, images: Images) -> None:
    """`docker commit` keeps what the container ran, not what the image did: it starts the shell again."""
    image = images.on(everywhere, 'CMD ["httpd", "-f", "-p", "80"]')
    with Session(everywhere, image) as session:
        shell = session.create(command=["sh", "-c", "echo x > /note"])
        shell.start()
        with viewed(session, shell) as view:
            watch(shell, view, ())
        committed = str(everywhere.api.commit(shell.id)["Id"])
        try:
            assert everywhere.inspect_image(committed)["Config"]["Cmd"] == ["sh", "-c", "echo x > /note"]
            seen = verify(everywhere, committed, phases=(), patience=Patience(observe=60))
            assert (seen.alive, seen.exit_code) == (False, 0)
        finally:
            shell.remove()
            everywhere.api.remove_image(committed, force=True)


def test_expose_publishes_nothing(everywhere: Engine, images: Images) -> None:
    seen = verify(
        everywhere, images.on(everywhere, f"EXPOSE 8888\n{IDLE}"), phases=(), patience=Patience(wait=2)
    )
    assert check(seen, "ports.plain").verdict is Verdict.PROVED
    with socket.socket() as probe:
        probe.settimeout(1)
        assert probe.connect_ex(("127.0.0.1", 8888)) != 0
