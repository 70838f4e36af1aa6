"""How the engines themselves behave: the facts that `verify` stands on. Where the two differ, both are told.

Each fact is a function of its own; all of an engine's run a few at a time, since most of them wait.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import docker.errors
import pytest
from container_images import UDP_SERVER, Images, program_with_libraries
from engine_state import leftovers
from modern_engines import is_modern

from imglint.runner import Engine, connect
from imglint.runner.errors import EngineError
from imglint.runner.execution import run
from imglint.runner.ports import Port
from imglint.runner.session import Container, Session

pytestmark = pytest.mark.container

SERVES = 'CMD ["nc", "-ll", "-p", "8888", "-e", "echo", "hello"]'
WAITS = 'CMD ["sleep", "120"]'
SECOND = 1_000_000_000  # in the engine's nanoseconds
LOCAL = ("127.0.0.1", None)  # a free port there


class Here:
    """An engine, and what the facts start on it."""

    def __init__(self, engine: Engine, session: Session, images: Images) -> None:
        self.engine = engine
        self.api = engine.api
        self.docker = engine.kind == "docker"
        self.modern = is_modern(engine)
        self.session = session
        self._images = images
        self._building = threading.Lock()

    def image(self, lines: str, files: Mapping[str, str | bytes] | None = None, base: str = "") -> str:
        """The tag of an image made of lines."""
        with self._building:
            return self._images.on(self.engine, lines, files, base)

    @contextlib.contextmanager
    def created(self, lines: str, **options: Any) -> Iterator[Container]:
        """A container of an image made of lines; the engine's own health checks are on where they are given."""
        container = self.session.create(image=self.image(lines), **options)
        try:
            yield container
        finally:
            container.remove()

    @contextlib.contextmanager
    def running(self, lines: str, **options: Any) -> Iterator[Container]:
        """The same, started."""
        with self.created(lines, **options) as container:
            container.start()
            yield container


Fact = Callable[[Here], None]
HealthFact = Callable[[Here, Container], None]
FACTS: dict[str, Fact] = {}


def fact(function: Fact) -> Fact:
    """Add one to the list."""
    FACTS[function.__name__.replace("_", " ")] = function
    return function


@pytest.fixture(scope="module")
def outcomes(everywhere: Engine, images: Images) -> dict[str, Future[None]]:
    """What became of each fact."""
    with connect(everywhere.url) as engine:
        # A server of UDP: busybox has none.
        images.hand_over(
            everywhere, images.on(everywhere, UDP_SERVER, program_with_libraries("/usr/bin/perl"))
        )
        with Session(engine, images.on(everywhere, WAITS)) as session, ThreadPoolExecutor(6) as pool:
            here = Here(engine, session, images)
            futures = {name: pool.submit(function, here) for name, function in FACTS.items()}
            wait(futures.values())
    return futures


def state(container: Container) -> dict[str, Any]:
    found: dict[str, Any] = container.inspect()["State"]
    return found


def until(true: Callable[[], Any], seconds: float = 40) -> Any:
    """What a call gives at last."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return found


# EXPOSE × publish


def dial(address: str, port: int) -> str:
    """What a client sees: text, "end" where nothing came before the end, "refused", or "silence"."""
    try:
        with socket.create_connection((address, port), 3) as connection:
            return connection.recv(100).decode().strip() or "end"
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "end"
    except TimeoutError:
        return "silence"
    except OSError:
        return "unreachable"


def dial_udp(port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(1)
        connection.connect(("127.0.0.1", port))
        try:
            connection.send(b"?")
            return connection.recv(100).decode()
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "silence"


def address(container: Container) -> str:
    (network,) = container.inspect()["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def mapping(container: Container) -> dict[str, int | None]:
    """Container port → port of the host, None where it is not published."""
    ports = container.inspect()["NetworkSettings"]["Ports"] or {}
    return {name: int(bound[0]["HostPort"]) if bound else None for name, bound in ports.items()}


def exposed(container: Container) -> set[str]:
    return set(container.inspect()["Config"].get("ExposedPorts") or ())


def serves(container: Container, port: int = 8888) -> bool:
    """Whether it serves at its own address, after some time to begin."""
    return bool(until(lambda: dial(address(container), port) == "hello"))


def dead(here: Here) -> str:
    """What a client sees at a published port behind which nothing listens."""
    return "end" if here.docker else "refused"


@fact
def neither_exposed_nor_published(here: Here) -> None:
    # On a network that this machine can reach, where publishing would be possible.
    with here.running(SERVES, network_mode=here.session.open_network) as container:
        assert serves(container)
        assert (exposed(container), mapping(container)) == (set(), {})


@fact
def published_without_expose(here: Here) -> None:
    ports = [Port(8888, "tcp")]
    with here.running(SERVES, ports=ports, bindings={"8888/tcp": LOCAL}) as container:
        assert serves(container)
        assert exposed(container) == {"8888/tcp"}
        port = mapping(container)["8888/tcp"]
        assert port is not None and dial("127.0.0.1", port) == "hello"


@fact
def all_published_without_expose_is_nothing(here: Here) -> None:
    with here.running(SERVES, publish_all=True) as container:
        assert serves(container)
        assert (exposed(container), mapping(container)) == (set(), {})


@fact
def published_but_nothing_listens(here: Here) -> None:
    with here.running(SERVES, ports=[Port(9000, "tcp")], bindings={"9000/tcp": LOCAL}) as container:
        assert serves(container)
        port = mapping(container)["9000/tcp"]
        assert port is not None
        assert dial("127.0.0.1", port) == dead(here)
        assert dial(address(container), 9000) == "refused"


@fact
def expose_alone_publishes_nothing(here: Here) -> None:
    with here.running(f"EXPOSE 8888\n{SERVES}", network_mode=here.session.open_network) as container:
        assert serves(container)
        assert (exposed(container), mapping(container)) == ({"8888/tcp"}, {"8888/tcp": None})


@fact
def expose_and_all_published(here: Here) -> None:
    with here.running(f"EXPOSE 8888\n{SERVES}", publish_all=True) as container:
        assert serves(container)
        port = mapping(container)["8888/tcp"]
        assert port is not None and dial("127.0.0.1", port) == "hello"


@fact
def another_port_published_than_exposed(here: Here) -> None:
    with here.running(
        f"EXPOSE 8888\n{SERVES}", ports=[Port(8081, "tcp")], bindings={"8081/tcp": LOCAL}
    ) as container:
        assert serves(container)
        assert exposed(container) == {"8081/tcp", "8888/tcp"}
        found = mapping(container)
        assert found["8888/tcp"] is None and found["8081/tcp"] is not None
        assert dial("127.0.0.1", found["8081/tcp"]) == dead(here)


@fact
def one_port_and_all_published(here: Here) -> None:
    with here.running(
        f"EXPOSE 8888\n{SERVES}", ports=[Port(8081, "tcp")], bindings={"8081/tcp": LOCAL}, publish_all=True
    ) as container:
        assert serves(container)
        found = mapping(container)
        assert set(found) == {"8081/tcp", "8888/tcp"}
        assert found["8888/tcp"] is not None and dial("127.0.0.1", found["8888/tcp"]) == "hello"


def answers_udp(container: Container) -> int:
    port = mapping(container)["5353/udp"]
    assert port is not None
    until(lambda: dial_udp(port) == "hello")
    return port


@fact
def a_port_of_udp_all_published(here: Here) -> None:
    tag = here.image(UDP_SERVER, program_with_libraries("/usr/bin/perl"))
    container = here.session.create(image=tag, publish_all=True)
    try:
        container.start()
        port = answers_udp(container)
        assert dial("127.0.0.1", port) == "refused"
    finally:
        container.remove()


@fact
def a_port_of_udp_published_as_tcp(here: Here) -> None:
    tag = here.image(UDP_SERVER, program_with_libraries("/usr/bin/perl"))
    container = here.session.create(image=tag, ports=[Port(5353, "tcp")], bindings={"5353/tcp": LOCAL})
    try:
        container.start()
        assert exposed(container) == {"5353/tcp", "5353/udp"}
        found = mapping(container)
        assert found["5353/udp"] is None and found["5353/tcp"] is not None
        assert dial("127.0.0.1", found["5353/tcp"]) == dead(here)
        assert dial_udp(found["5353/tcp"]) == "refused"
    finally:
        container.remove()


@fact
def a_range_of_which_some_listen(here: Here) -> None:
    both = "nc -ll -p 7000 -e echo hello & nc -ll -p 7002 -e echo hello & wait"
    lines = f'EXPOSE 7000-7003 7010/udp\nCMD ["sh", "-c", "{both}"]'
    with here.running(lines, publish_all=True) as container:
        assert serves(container, 7000) and serves(container, 7002)
        found = mapping(container)
        assert set(found) == {"7000/tcp", "7001/tcp", "7002/tcp", "7003/tcp", "7010/udp"}
        seen = {name: dial("127.0.0.1", port) for name, port in found.items() if port and "tcp" in name}
        assert seen == {
            "7000/tcp": "hello",
            "7001/tcp": dead(here),
            "7002/tcp": "hello",
            "7003/tcp": dead(here),
        }
        assert found["7010/udp"] is not None
        assert dial_udp(found["7010/udp"]) == ("silence" if here.docker else "refused")


@fact
def a_server_on_the_loopback(here: Here) -> None:
    lines = 'EXPOSE 8888\nCMD ["httpd", "-f", "-p", "127.0.0.1:8888"]'
    with here.running(lines, publish_all=True) as container:
        until(lambda: ":22B8 " in text(here, container, "cat /proc/net/tcp"))
        port = mapping(container)["8888/tcp"]
        assert port is not None and dial("127.0.0.1", port) == dead(here)
        assert dial(address(container), 8888) == "refused"


@fact
def a_wrong_number_exposed(here: Here) -> None:
    with here.running(f"EXPOSE 9999\n{SERVES}", publish_all=True) as container:
        assert serves(container)
        found = mapping(container)
        assert set(found) == {"9999/tcp"} and found["9999/tcp"] is not None
        assert dial("127.0.0.1", found["9999/tcp"]) == dead(here)


@fact
def no_network_and_the_hosts(here: Here) -> None:
    with here.running(f"EXPOSE 8888\n{WAITS}", publish_all=True, network_mode="none") as container:
        assert mapping(container) == {}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    lines = f'EXPOSE {number}\nCMD ["httpd", "-f", "-p", "127.0.0.1:{number}"]'
    with here.running(lines, publish_all=True, network_mode="host") as container:
        assert mapping(container) == {}
        until(lambda: dial("127.0.0.1", number) != "refused")  # it serves there by itself


@fact
def an_internal_network_publishes_nothing(here: Here) -> None:
    name = f"imglint-test-{secrets.token_hex(4)}"
    made = here.api.create_network(name, internal=True)
    try:
        with here.running(f"EXPOSE 8888\n{SERVES}", publish_all=True, network_mode=name) as container:
            assert serves(container)
            if here.docker:
                assert mapping(container) == {}
    finally:
        here.api.remove_network(made["Id"])


@fact
def published_on_the_loopback_only(here: Here) -> None:
    with here.running(SERVES, ports=[Port(8888, "tcp")], bindings={"8888/tcp": LOCAL}) as container:
        assert serves(container)
        (network,) = container.inspect()["NetworkSettings"]["Networks"].values()
        port = mapping(container)["8888/tcp"]
        assert port is not None and dial("127.0.0.1", port) == "hello"
        assert dial(network["Gateway"], port) == "refused"  # another address of the same host


@fact
def a_port_that_a_container_has(here: Here) -> None:
    with here.running(SERVES, ports=[Port(8888, "tcp")], bindings={"8888/tcp": LOCAL}) as first:
        taken = ("127.0.0.1", mapping(first)["8888/tcp"])
        with here.created(SERVES, ports=[Port(8888, "tcp")], bindings={"8888/tcp": taken}) as second:
            with pytest.raises(EngineError, match=r"already (allocated|in use)"):
                second.start()
            known = state(second)
            assert (known["Status"], known["ExitCode"]) == ("created", 128 if here.docker else 0)
            assert bool(known["Error"]) is (here.docker or here.modern)


@fact
def a_port_that_the_host_has(here: Here) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = {"8888/tcp": other.getsockname()}
        with (
            here.created(SERVES, ports=[Port(8888, "tcp")], bindings=taken) as container,
            pytest.raises(EngineError, match="address already in use"),
        ):
            container.start()


@fact
def a_port_beyond_the_last(here: Here) -> None:
    bindings = {"8888/tcp": ("127.0.0.1", 70000)}
    if here.docker:
        with pytest.raises(EngineError, match="invalid port specification"):
            here.session.create(image=here.image(SERVES), ports=[Port(8888, "tcp")], bindings=bindings)
    else:
        with here.running(SERVES, ports=[Port(8888, "tcp")], bindings=bindings) as container:
            assert serves(container)
            assert dial("127.0.0.1", 70000 - 65536) == "hello", "it is wrapped"


# HEALTHCHECK


def check_of(command: str | list[str], interval: float = 0.5, **options: float) -> dict[str, Any]:
    """A health check; times are in seconds."""
    test = ["CMD-SHELL", command] if isinstance(command, str) else command
    times = {name: int(value * SECOND) for name, value in options.items() if name != "retries"}
    return {
        "test": test,
        "interval": int(interval * SECOND),
        "retries": int(options.get("retries", 3)),
        **times,
    }


def health(container: Container) -> dict[str, Any]:
    found: dict[str, Any] = state(container).get("Health") or {}
    return found


def reaches(container: Container, status: str) -> dict[str, Any]:
    until(lambda: health(container).get("Status") == status)
    return health(container)


def probed(container: Container, times: int = 1) -> list[dict[str, Any]]:
    """The log, once it has so many entries."""
    until(lambda: len(health(container).get("Log") or ()) >= times)
    found: list[dict[str, Any]] = health(container)["Log"]
    return found


def stays_starting(container: Container) -> None:
    """Podman has no scheduler of its own: without systemd nothing ever probes."""
    time.sleep(1.5)
    assert health(container)["Status"] == "starting"
    assert not health(container).get("Log")


def health_fact(
    check: dict[str, Any], lines: str = WAITS, **options: Any
) -> Callable[[HealthFact], HealthFact]:
    """A fact about a container with this check. It gets the container; on Podman the same check never runs."""

    def register(function: HealthFact) -> HealthFact:
        def whole(here: Here) -> None:
            with here.running(lines, healthcheck=check, **options) as container:
                if here.docker:
                    function(here, container)
                else:
                    stays_starting(container)

        whole.__name__ = function.__name__
        fact(whole)
        return function

    return register


def seconds_of(moment: str) -> float:
    """An engine's time, as seconds of its day."""
    hours, minutes, seconds = moment[11:26].rstrip("Z").split("+")[0].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


@health_fact(check_of("true", 1))
def the_first_probe_comes_after_one_interval(here: Here, container: Container) -> None:
    first, second = probed(container, 2)[:2]
    started = seconds_of(state(container)["StartedAt"])
    assert (seconds_of(first["Start"]) - started) % 86400 >= 0.95
    assert (seconds_of(second["Start"]) - seconds_of(first["End"])) % 86400 >= 0.95


@health_fact(check_of("true"))
def a_check_that_passes(here: Here, container: Container) -> None:
    since = time.time() - 30
    assert reaches(container, "healthy")["FailingStreak"] == 0
    assert [one["Action"] for one in container.events("health_status", since)] == ["health_status: healthy"]


@health_fact(check_of("exit 1"), restart_policy={"Name": "always"})
def unhealthy_is_no_reason_to_start_again(here: Here, container: Container) -> None:
    assert reaches(container, "unhealthy")["FailingStreak"] >= 3
    assert state(container)["Status"] == "running"
    assert container.inspect()["RestartCount"] == 0


CODES: Mapping[str, tuple[str | list[str], int, str]] = {
    "the reserved code is a failure": ("exit 2", 2, ""),
    "a program that is missing": (["CMD", "curl"], -1, "executable file not found"),
    "a path that is missing": (["CMD", "/usr/bin/curl"], -1, "no such file or directory"),
    "a file that nobody may execute": (["CMD", "/etc/passwd"], -1, "permission denied"),
    "a shell whose tool is missing": ("curl -f http://localhost/", 127, "curl: not found"),
    "a shell that hides what is missing": ("curl -f http://localhost/ || exit 1", 1, "curl: not found"),
}


def _code(name: str, command: str | list[str], code: int, output: str) -> None:
    def function(here: Here, container: Container) -> None:
        assert (probed(container)[0]["ExitCode"], output in probed(container)[0]["Output"]) == (code, True)
        assert code != -1 or not container.events("exec_die", time.time() - 30), "there was no process"

    function.__name__ = name
    health_fact(check_of(command))(function)


for _name, (_command, _number, _output) in CODES.items():
    _code(_name, _command, _number, _output)


@health_fact(check_of("sleep 301; true", timeout=1, retries=1))
def a_check_that_takes_too_long(here: Here, container: Container) -> None:
    (first, *_) = probed(container)
    assert (first["ExitCode"], "exceeded timeout (1s)" in first["Output"]) == (-1, True)
    reaches(container, "unhealthy")
    # The shell is killed, its child is not.
    assert "sleep 301" in str(here.api.top(container.id)["Processes"])


@health_fact(check_of("exit 1", start_period=6))
def failures_of_the_start_period_do_not_count(here: Here, container: Container) -> None:
    early = probed(container, 2)
    assert (len(early) >= 2, health(container)["Status"]) == (True, "starting")
    # By now they are counted, and the state does not follow.
    assert (health(container)["FailingStreak"] > 0) is here.modern
    reaches(container, "unhealthy")


@health_fact(check_of("head -c 10000 /dev/zero | tr '\\0' x", 0.2))
def four_kilobytes_and_five_results_are_kept(here: Here, container: Container) -> None:
    started = time.monotonic()
    until(lambda: len(probed(container)) == 5 and time.monotonic() > started + 3)
    assert len(probed(container)) == 5
    assert probed(container)[0]["Output"] == "x" * 4096 + "..."


@health_fact(check_of("[ ! -e /tmp/on ] && touch /tmp/on || { rm /tmp/on; exit 1; }", 0.3, retries=1))
def each_change_is_an_event(here: Here, container: Container) -> None:
    since = time.time() - 30
    until(lambda: len(container.events("health_status", since)) >= 4)
    told = [one["Action"].rpartition(" ")[2] for one in container.events("health_status", since)]
    assert told[:4] == ["healthy", "unhealthy", "healthy", "unhealthy"]


@health_fact(check_of("true"))
def a_paused_container_is_unhealthy(here: Here, container: Container) -> None:
    reaches(container, "healthy")
    here.api.pause(container.id)
    assert health(container)["Status"] == "unhealthy"
    here.api.unpause(container.id)
    reaches(container, "healthy")


@health_fact(check_of("true", 3))
def a_restart_keeps_the_old_results(here: Here, container: Container) -> None:
    reaches(container, "healthy")
    old = probed(container)[0]["Start"]
    here.api.restart(container.id, timeout=0)
    known = health(container)
    assert (known["Status"], known["FailingStreak"]) == ("starting", 0)
    assert known["Log"][0]["Start"] == old


@health_fact(check_of("echo $(id -u) $(pwd) $SHOP"), f"ENV SHOP=open\nWORKDIR /home/app\nUSER 1000\n{WAITS}")
def a_probe_is_run_as_the_image_says(here: Here, container: Container) -> None:
    assert probed(container)[0]["Output"] == "1000 /home/app open\n"


@health_fact(check_of("echo $0 $-"), f'SHELL ["/bin/ash", "-x", "-c"]\n{WAITS}')
def the_shell_of_the_image_is_not_the_probes(here: Here, container: Container) -> None:
    assert probed(container)[0]["Output"].split()[0] == "/bin/sh"
    assert "x" not in probed(container)[0]["Output"].split()[1:]


@health_fact(check_of("nc -w 1 127.0.0.1 8888 </dev/null | grep -q hello"), SERVES, network_mode="none")
def a_probe_needs_no_network(here: Here, container: Container) -> None:
    reaches(container, "healthy")


@fact
def a_check_in_an_image_without_a_shell(here: Here) -> None:
    import example_images

    with open(example_images.static_busybox(), "rb") as stream:
        tag = here.image('COPY sleep /\nCMD ["/sleep", "60"]', {"sleep": stream.read()}, base="scratch")
    container = here.session.create(image=tag, healthcheck=check_of("true"))
    try:
        container.start()
        if here.docker:
            first = probed(container)[0]
            assert (first["ExitCode"], "/bin/sh" in first["Output"]) == (-1, True)
        else:
            stays_starting(container)
    finally:
        container.remove()


@fact
def none_and_no_check(here: Here) -> None:
    checks: tuple[dict[str, list[str]], ...] = ({"test": ["NONE"]}, {"test": []})
    if here.modern and not here.docker:
        checks = checks[:1]  # it refuses one without a command
    for check in checks:
        with here.running(WAITS, healthcheck=check) as container:
            assert not health(container).get("Status"), "Podman has it, and empty"


@fact
def a_check_of_an_unknown_kind(here: Here) -> None:
    with here.running(WAITS, healthcheck={"test": ["FOO", "true"], "interval": SECOND // 2}) as container:
        time.sleep(1.5)
        assert not health(container).get("Log")


@fact
def only_the_interval_is_changed(here: Here) -> None:
    lines = f"HEALTHCHECK --interval=30s CMD true\n{WAITS}"
    if here.modern and not here.docker:
        with pytest.raises(EngineError, match="must define a healthcheck command"):
            here.session.create(image=here.image(lines), healthcheck={"interval": SECOND // 2})
        return
    with here.running(lines, healthcheck={"interval": SECOND // 2}) as container:
        config = container.inspect()["Config"]["Healthcheck"]
        assert config["Test"] == ["CMD-SHELL", "true"]
        if here.docker:
            assert config["Interval"] == SECOND // 2
            reaches(container, "healthy")
        else:
            assert config["Interval"] == 30 * SECOND, "it is ignored"


@fact
def an_interval_below_a_millisecond(here: Here) -> None:
    check = {"test": ["CMD", "true"], "interval": 500_000}
    if here.docker:
        with pytest.raises(EngineError, match="cannot be less than 1ms"):
            here.session.create(image=here.image(WAITS), healthcheck=check)
    else:
        with here.created(WAITS, healthcheck=check) as container:
            assert container.inspect()["State"]["Status"] == "created"


@fact
def it_ended_before_the_first_probe(here: Here) -> None:
    since = time.time() - 5
    with here.running('CMD ["true"]', healthcheck=check_of("true", 5)) as container:
        until(lambda: state(container)["Status"] == "exited")
        known = health(container)
        assert (known["Status"], known.get("Log") or []) == ("unhealthy" if here.docker else "starting", [])
        assert container.events("health_status", since) == []


@fact
def the_check_run_by_hand(here: Here) -> None:
    with here.running(WAITS) as container:
        for command, code in ((["sh", "-c", "exit 2"], 2), (["sh", "-c", "curl"], 127), (["true"], 0)):
            assert run(here.engine, container.id, command, 10).exit_code == code
        created = here.api.exec_create(container.id, ["curl"])
        with contextlib.suppress(docker.errors.APIError):
            here.api.exec_start(created["Id"])
        code = here.api.exec_inspect(created["Id"])["ExitCode"]
        assert code == (126 if here.docker and not here.modern else 127)


@fact
def an_engine_is_known_again(here: Here) -> None:
    assert (here.api.info()["ID"] == here.api.info()["ID"]) is here.docker
    with connect(here.engine.url) as again:
        assert again.identity == here.engine.identity


@fact
def who_tells_the_check_of_an_image(here: Here) -> None:
    tag = here.image(f"HEALTHCHECK CMD true\n{WAITS}")
    assert bool((here.api.inspect_image(tag)["Config"] or {}).get("Healthcheck")) is here.docker
    assert here.engine.inspect_image(tag)["Config"]["Healthcheck"]["Test"] == ["CMD-SHELL", "true"]


# User, processes, stop, writes, read-only


def text(here: Here, container: Container, script: str) -> str:
    return run(here.engine, container.id, ["sh", "-c", script], 10).output


@fact
def a_user_that_nobody_knows(here: Here) -> None:
    with here.created(f"USER nobodyx\n{WAITS}") as container:
        with pytest.raises(EngineError, match="nobodyx"):
            container.start()
        assert state(container)["ExitCode"] == (128 if here.docker else 0)


@fact
def users_by_number_and_by_inheritance(here: Here) -> None:
    base = here.image(f"USER 1234\n{WAITS}")
    users = {here.image(WAITS, base=base): "1234 0", here.image(f"USER root\n{WAITS}", base=base): "0 0"}
    for tag, expected in {base: "1234 0", **users}.items():
        container = here.session.create(image=tag)
        try:
            container.start()
            assert text(here, container, "echo $(id -u) $(id -g)").strip() == expected
        finally:
            container.remove()


@fact
def any_user_has_no_home(here: Here) -> None:
    with here.running(f"RUN mkdir /app\n{WAITS}", user="1000670000:0") as container:
        assert text(here, container, "echo $HOME").strip() == "/"
        assert "Permission denied" in text(here, container, "touch /app/new 2>&1")


@fact
def a_low_port_without_capabilities(here: Here) -> None:
    lines = 'CMD ["httpd", "-f", "-p", "80"]'
    with here.running(lines, user="1000", cap_drop=["ALL"]) as container:
        if here.docker:
            until(lambda: dial(address(container), 80) != "refused")
            assert state(container)["Running"]
        else:
            until(lambda: state(container)["Status"] == "exited")
            assert "ermission denied" in container.logs()


@fact
def the_capabilities_of_a_container(here: Here) -> None:
    with here.running(WAITS) as container:
        podman5 = here.modern and not here.docker
        assert ("00000000800405fb" if podman5 else "00000000a80425fb") in text(
            here, container, "grep CapEff /proc/1/status"
        )


@fact
def zombies_are_not_listed(here: Here) -> None:
    script = "sh -c 'exit 0' & sh -c 'exit 0' & exec sleep 60"
    with here.running(f'CMD ["sh", "-c", "{script}"]') as container:
        until(lambda: text(here, container, "grep -l '^State:.Z' /proc/[0-9]*/status").count("/proc/") == 2)
        assert len(here.api.top(container.id)["Processes"]) in (1, 3)  # by what the host's ps counts


def test_a_stop_signal_that_is_none(engine: Engine, images: Images) -> None:
    with pytest.raises((docker.errors.APIError, RuntimeError), match=r"(?i)signal"):
        images.on(engine, f"STOPSIGNAL SIGNOTHING\n{WAITS}")


def stopping(handler: str, code: int, seconds: float = 0) -> None:
    """A fact about a handler of SIGTERM: the exit code, and the least that a stop then takes."""

    def function(here: Here) -> None:
        script = f"trap '{handler}' TERM; touch /ready; while :; do sleep 0.1; done"
        with here.running(f'CMD ["sh", "-c", "{script}"]') as container:
            until(lambda: "ready" in text(here, container, "ls /"))
            start = time.monotonic()
            here.api.stop(container.id, timeout=5)
            assert time.monotonic() - start >= seconds
            assert state(container)["ExitCode"] == code

    function.__name__ = f"stopping with {handler or 'the signal ignored'}"
    fact(function)


stopping("exit 0", 0)
stopping("exit 143", 143)
stopping("sleep 1; exit 0", 0, 1)
stopping("sleep 20; exit 0", 137, 4.9)
stopping("", 137, 4.9)


@fact
def an_init_of_the_engines_passes_the_signal_on(here: Here) -> None:
    if not here.docker:
        return  # Podman's is a package of its own
    with here.running('CMD ["sh", "-c", "sleep 60; true"]', init=True) as container:
        here.api.stop(container.id, timeout=10)
        assert state(container)["ExitCode"] == 143


@fact
def the_signal_that_the_image_names(here: Here) -> None:
    script = "trap 'exit 0' QUIT; touch /ready; while :; do sleep 0.1; done"
    with here.running(f'STOPSIGNAL SIGQUIT\nCMD ["sh", "-c", "{script}"]') as container:
        until(lambda: "ready" in text(here, container, "ls /"))
        here.api.stop(container.id, timeout=5)
        assert state(container)["ExitCode"] == 0
        assert str(container.inspect()["Config"]["StopSignal"]) in ("SIGQUIT", "3")


@fact
def what_counts_as_a_change(here: Here) -> None:
    script = (
        "touch /etc/passwd; echo x > /new; rm /old; echo x > /kept/x; echo x > /memory/x; "
        "echo x > /dev/shm/x; touch /ready; sleep 60"
    )
    lines = f'RUN touch /old; mkdir /memory\nVOLUME /kept\nCMD ["sh", "-c", "{script}"]'
    with here.running(lines, tmpfs={"/memory": ""}) as container:
        until(lambda: "ready" in text(here, container, "ls /"))
        changes = {one["Path"]: one["Kind"] for one in here.api.diff(container.id)}
        assert (changes["/etc/passwd"], changes["/new"], changes["/old"], changes["/etc"]) == (0, 1, 2, 0)
        assert not any(path.startswith(("/kept/", "/memory/", "/dev/shm/")) for path in changes)


@fact
def an_idle_container_has_changed(here: Here) -> None:
    with here.running(WAITS) as container:
        changes = here.api.diff(container.id)
        assert bool(changes) is not here.docker, "Podman's /etc"


@fact
def a_read_only_root(here: Here) -> None:
    writes = 'CMD ["sh", "-c", "echo x > /data/x || exit 3; sleep 60"]'
    lines = f"RUN mkdir /data\n{writes}"
    with here.running(lines, read_only=True) as container:
        until(lambda: state(container)["Status"] == "exited")
        assert state(container)["ExitCode"] == 3
    survives(here, lines, tmpfs={"/data": ""})
    survives(here, f"VOLUME /data\n{writes}")


def survives(here: Here, lines: str, **options: Any) -> None:
    """Run read-only, with somewhere to write."""
    with here.running(lines, read_only=True, **options) as container:
        until(lambda: "x" in text(here, container, "ls /data"))
        assert "shm" not in text(here, container, "echo x > /dev/shm/x || echo shm is not writable")


@fact
def a_volume_without_a_name_outlives_its_container(here: Here) -> None:
    container = here.session.create(image=here.image(f"VOLUME /kept\n{WAITS}"))
    container.start()
    (mount,) = container.inspect()["Mounts"]
    here.api.remove_container(container.id, force=True)
    try:
        assert here.api.inspect_volume(mount["Name"])["Name"] == mount["Name"]
    finally:
        here.api.remove_volume(mount["Name"], force=True)
    with here.running(f"VOLUME /kept\n{WAITS}") as container:
        (mount,) = container.inspect()["Mounts"]
        here.api.remove_container(container.id, force=True, v=True)
        with pytest.raises(docker.errors.NotFound):
            here.api.inspect_volume(mount["Name"])


@fact
def the_code_of_one_that_ends_at_once(here: Here) -> None:
    with here.running('CMD ["sh", "-c", "exit 7"]') as container:
        assert here.api.wait(container.id)["StatusCode"] == 7


@fact
def one_that_removes_itself_takes_its_code_along(here: Here) -> None:
    container = here.session.create(image=here.image('CMD ["sh", "-c", "exit 7"]'), auto_remove=True)
    container.start()

    def gone() -> bool:
        try:
            here.api.inspect_container(container.id)
        except docker.errors.NotFound:
            return True
        except docker.errors.APIError:  # Podman's, while it is being removed
            return False
        return False

    until(gone)
    for call in (here.api.wait, here.api.logs):
        with pytest.raises(docker.errors.NotFound):
            call(container.id)


@fact
def one_that_is_started_again_and_again(here: Here) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 5}
    with here.running('CMD ["sh", "-c", "exit 3"]', restart_policy=policy) as container:
        if here.docker:
            found = until(lambda: known if (known := state(container))["Status"] == "restarting" else None)
            assert found["Running"] is True
        until(lambda: container.inspect()["RestartCount"] >= 2)


@fact
def out_of_memory(here: Here) -> None:
    """The kernel kills one of those that eat, as a rule the one that eats most; the engine hears of it, or too late."""
    options = {"mem_limit": "16m", "memswap_limit": "16m"}

    def goes_on() -> bool:
        eats = "head -c 60m /dev/zero | tail -c 60m > /dev/null"
        with here.running(f'CMD ["sh", "-c", "{eats}; echo ready; sleep 60"]', **options) as container:
            # Told by its log: a command that is run in it would eat of the same memory.
            until(lambda: "ready" in container.logs() or state(container)["Status"] == "exited")
            return bool(state(container)["Running"])

    def told() -> bool:
        with here.running('CMD ["sh", "-c", "exec tail -c 60m /dev/zero"]', **options) as container:
            until(lambda: state(container)["Status"] == "exited")
            assert state(container)["ExitCode"] == 137
            return bool(state(container)["OOMKilled"])

    assert any(goes_on() for _ in range(6)), "the child was killed, and not PID 1"
    if here.docker or here.modern:
        assert any(told() for _ in range(6))
    else:
        assert not told(), "Podman 4 on this kind of cgroups does not see it"


@pytest.mark.parametrize("name", FACTS)
def test_that(outcomes: dict[str, Future[None]], name: str) -> None:
    outcomes[name].result()


def test_nothing_is_left(outcomes: dict[str, Future[None]], everywhere: Engine) -> None:
    assert len(outcomes) == len(FACTS)
    assert leftovers(everywhere) == []
