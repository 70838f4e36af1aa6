"""What is drawn from processes, logs and times, without an engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from imglint.runner import Check, Listener, Peer, Process, Verdict
from imglint.runner.claims import claims_checks
from imglint.runner.health import hopeless, reason
from imglint.runner.healthcheck import HealthCheck, configured, programs
from imglint.runner.hindrance import excused, hindrance
from imglint.runner.oracle import refused_places
from imglint.runner.peers import names
from imglint.runner.ports import Port, exposed_checks
from imglint.runner.proc import Snapshot, Unreadable, _awaits_signals, parse_process, sockets
from imglint.runner.processes import services
from imglint.runner.session import USUAL, Conditions
from imglint.runner.stop import _cut_off, takes
from imglint.runner.watch import Patience, Run, _is_runtime, _whole, watch

TERM = 1 << (signal.SIGTERM - 1)


# What our limits did


def ended(log: str = "", **fields: object) -> Run:
    return Run(alive=False, exit_code=1, log=log, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "log",
    [
        'could not translate host name "db" to address: Temporary failure in name resolution',
        "Error: getaddrinfo ENOTFOUND db",
        "dial tcp: lookup db on 192.0.2.1:53: no such host",
        "java.net.UnknownHostException: db",
        "wget: bad address 'db:8000'",
        "connect: Network is unreachable",
        "curl: (6) Could not resolve host: example.org",
        'nginx: [emerg] host not found in upstream "app" in /etc/nginx/nginx.conf:9',
        "[ALERT] config : could not resolve address 'app'",
        "ERROR 2005 (HY000): Unknown server host 'db' (-2)",
    ],
)
def test_who_asks_for_another_host(log: str) -> None:
    found = hindrance(ended(log), USUAL)
    assert found is not None
    assert found.kind == "network"
    assert hindrance(ended(log), Conditions(network="theirs")) is None


@pytest.mark.parametrize(
    "log",
    [
        "connect to 127.0.0.1 port 5432 failed: Connection refused",
        "wget: bad address '||'",
        "FATAL: could not open /data: No such file or directory",
        "usage: server [-v]",
        "",
    ],
)
def test_who_fails_by_itself(log: str) -> None:
    assert hindrance(ended(log), USUAL) is None


def test_memory_and_processes() -> None:
    memory = hindrance(ended(out_of_memory=True), Conditions(memory=64 << 20))
    assert memory is not None
    assert "64 MB" in memory.told
    assert "--memory" in memory.told
    for run in (ended("sh: fork: retry: Resource temporarily unavailable"), Run(refused_processes=True)):
        found = hindrance(run, USUAL)
        assert found is not None
        assert found.kind == "processes"
        assert "256" in found.told
    flag = 'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.'
    privileges = hindrance(ended(flag), USUAL)
    assert privileges is not None
    assert privileges.kind == "privileges"
    assert hindrance(ended(flag), Conditions(new_privileges=True)) is None
    heap = hindrance(ended("java.lang.OutOfMemoryError: Java heap space"), USUAL)
    assert heap is not None
    assert heap.kind == "memory"
    # A child that was killed for want of memory, and a service that goes on.
    assert (
        hindrance(Run(out_of_memory=True, seen=Snapshot(listeners=(Listener("tcp", "::", 80),))), USUAL)
        is None
    )


def test_who_still_waits_for_another_host_is_told_of_the_network() -> None:
    waiting = Run(log="curl: (6) Could not resolve host: db")
    found = hindrance(waiting, USUAL)
    check = Check("ports.exposed", "80/tcp", Verdict.NOT_OBSERVED, "nothing listens. Use --wait 120")
    (judged,) = excused([check], found, USUAL)
    assert judged.verdict is Verdict.CANNOT_TELL
    assert "--network" in judged.summary
    assert excused([check], None, USUAL) == [check]


def test_who_asked_for_another_host_and_serves_nothing_may_yet_give_up() -> None:
    stays = Check("container.stays", "PID 1", Verdict.PROVED, "still runs after 6.1 s")
    asking = Run(seen=Snapshot(asks=True))
    (judged,) = excused([stays], hindrance(asking, USUAL), USUAL)
    assert judged.verdict is Verdict.CANNOT_TELL
    assert judged.summary.startswith("still runs after 6.1 s; it asks for another host")
    assert hindrance(asking, Conditions(network="theirs")) is None
    serving = Run(seen=Snapshot(listeners=(Listener("tcp", "::", 80),), asks=True))
    assert hindrance(serving, USUAL) is None
    assert hindrance(Run(), USUAL) is None


def test_words_for_a_shell_are_no_hosts() -> None:
    static = Check("health.static", "HEALTHCHECK", Verdict.PROVED, "", {"word": "||"})
    failed = Check(
        "health.by-hand", "HEALTHCHECK", Verdict.DISPROVED, "curl: (6) Could not resolve host: exit"
    )
    assert excused([static, failed], None, USUAL) == [static, failed]
    (told,) = excused([failed], None, USUAL)
    assert told.verdict is Verdict.CANNOT_TELL


def test_what_is_excused() -> None:
    checks = [
        Check("container.stays", "PID 1", Verdict.DISPROVED, "ended"),
        Check("ports.exposed", "80/tcp", Verdict.PROVED, "listens"),
        Check("stop.signal", "SIGTERM", Verdict.DISPROVED, "killed"),
    ]
    found = hindrance(ended("no such host"), USUAL)
    verdicts = [one.verdict for one in excused(checks, found, USUAL)]
    assert verdicts == [Verdict.CANNOT_TELL, Verdict.PROVED, Verdict.DISPROVED]
    assert excused(checks, None, USUAL) == checks
    probe = Check(
        "health.by-hand", "HEALTHCHECK", Verdict.DISPROVED, "ended with 6",
        {"runs": [{"output": "Could not resolve host: db"}]},
    )  # fmt: skip
    (judged,) = excused([probe], None, USUAL)
    assert judged.verdict is Verdict.CANNOT_TELL
    silent = probe._replace(proof={"runs": [{"output": "503"}]})
    assert [one.verdict for one in excused([silent], None, USUAL)] == [Verdict.DISPROVED]
    told = "could not translate host name db: Temporary failure in name resolution"
    assert [one.verdict for one in excused([silent], None, USUAL, told)] == [Verdict.CANNOT_TELL]
    assert "--network" in judged.summary


# Waiting


def listening(*ports: int, address: str = "::") -> list[Listener]:
    return [Listener("tcp", address, port) for port in ports]


WEB = frozenset({Port(80, "tcp"), Port(81, "tcp")})


@pytest.mark.parametrize(
    ("listeners", "unchanged", "passed", "whole"),
    [
        (listening(80, 81), 0.5, 1.0, False),
        (listening(80, 81), 1.0, 1.0, True),
        (listening(80), 1.5, 5.0, False),
        (listening(80), 2.0, 5.0, True),
        ([], 30.0, 30.0, False),
        ([], 60.0, 60.1, True),
        (listening(8080), 10.0, 15.0, False),  # another port may be only the first of several
        (listening(8080), 20.0, 25.0, True),
        (listening(8080, address="127.0.0.1"), 30.0, 35.0, False),
        (listening(80, 81), 0.1, 61.5, True),  # what changes for ever is looked at once
    ],
)
def test_when_the_picture_is_whole(
    listeners: list[Listener], unchanged: float, passed: float, whole: bool
) -> None:
    assert _whole(listeners, WEB, unchanged, passed, Patience()) is whole


def test_without_expose() -> None:
    nothing: frozenset[Port] = frozenset()
    assert not _whole([], nothing, 5.9, 5.9, Patience())
    assert _whole([], nothing, 6.0, 6.0, Patience())
    assert _whole([], nothing, 2.0, 2.0, Patience(wait=2))
    assert _whole(listening(80), nothing, 1.0, 1.0, Patience())


def test_what_a_declared_port_is_told() -> None:
    def told(listeners: list[Listener], ending: str = "") -> tuple[str, str]:
        (check,) = exposed_checks([Port(80, "tcp")], listeners, ending, 60.1)[:1]
        return check.verdict.value, check.summary

    assert told(listening(80))[0] == "proved"
    assert told(listening(8080))[0] == "disproved"
    assert told(listening(80, address="127.0.0.1"))[0] == "disproved"
    assert told([], "it ended")[0] == "disproved"
    assert told([]) == (
        "not observed",
        "nothing listens on any port after 60 s, and it still runs. Use --wait 120 if it starts more slowly",
    )


def test_ports_beyond_those_that_are_tried_are_declared_all_the_same() -> None:
    declared = [Port(number, "tcp") for number in range(1000, 1100)]
    checks = exposed_checks(declared, listening(1090, 2000), "", 1.0)
    assert [one.subject for one in checks if one.name == "ports.undeclared"] == ["2000/tcp"]
    assert len([one for one in checks if one.name == "ports.exposed"]) == 32


@pytest.mark.parametrize(
    ("executable", "argv", "runtime"),
    [
        ("/usr/sbin/runc", ("runc", "init"), True),
        ("/usr/bin/crun", ("/usr/bin/crun", "run"), True),
        ("/memfd:runc_cloned:/proc/self/exe (deleted)", ("runc", "init"), True),
        ("/init", ("/init",), False),
        ("/sbin/init", ("init",), False),
        ("", ("init",), False),
    ],
)
def test_an_images_own_init_is_not_the_runtime(executable: str, argv: tuple[str, ...], runtime: bool) -> None:
    assert _is_runtime(Snapshot((Process(1, argv=argv),), executable=executable)) is runtime


# Signals


@pytest.mark.parametrize(
    ("process", "taken"),
    [
        (Process(1, argv=("a",), caught_signals=TERM), True),
        (Process(1, argv=("a",)), False),
        (Process(1, argv=("a",), ignored_signals=TERM), False),
        (Process(1, argv=("a",), blocked_signals=TERM), True),
        (Process(1, argv=("a",), awaits_signals=True), True),
        (Process(1, argv=("/usr/bin/tini", "--", "a")), True),
        (Process(1, argv=("tini",), ignored_signals=TERM), False),
    ],
)
def test_who_takes_a_signal(process: Process, taken: bool) -> None:
    assert takes(process, signal.SIGTERM) is taken


def test_blocked_signals_are_read() -> None:
    status = "Name:\tx\nPid:\t1\nPPid:\t0\nSigBlk:\t0000000000004000\nSigCgt:\t0000000000000000\n"
    assert takes(parse_process(status, b"x\0"), signal.SIGTERM)


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="its system calls are not known")
def test_a_process_in_sigwait_is_told_from_one_that_sleeps() -> None:
    wait = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {15}); signal.sigwait({15})"
    for text, awaits in ((wait, True), ("import time; time.sleep(60)", False)):
        process = subprocess.Popen([sys.executable, "-c", text])
        try:
            deadline = time.monotonic() + 10
            path = f"/proc/{process.pid}/syscall"
            if awaits:
                while not _awaits_signals(path) and time.monotonic() < deadline:
                    time.sleep(0.02)
                assert _awaits_signals(path)
            else:
                time.sleep(0.5)
                assert not _awaits_signals(path)
        finally:
            process.kill()
            process.wait()


def test_a_shell_between_an_init_and_its_service() -> None:
    def run(*argv: tuple[str, ...], shell: int = 0) -> Run:
        line = tuple(
            Process(at + 1, parent=at, argv=words, caught_signals=shell if at == 1 else 0)
            for at, words in enumerate(argv)
        )
        return Run(seen=Snapshot(line))

    told = _cut_off(run(("tini", "--"), ("bash", "-c", "x"), ("node", "server.js")), signal.SIGTERM)
    assert "bash stands between tini and server.js" in told
    assert not _cut_off(run(("tini", "--"), ("bash",), ("node",), shell=TERM), signal.SIGTERM)
    assert not _cut_off(run(("tini", "-g", "--"), ("bash",), ("node",)), signal.SIGTERM)
    assert not _cut_off(run(("tini", "--"), ("node",), ("node",)), signal.SIGTERM)
    assert not _cut_off(run(("dumb-init",), ("bash",), ("node",)), signal.SIGTERM)


# Processes


@pytest.mark.parametrize(
    ("argv", "service"),
    [
        (("python3", "/usr/bin/supervisord", "-n"), "supervisord"),
        (("python3", "-u", "-m", "gunicorn", "app:app"), "gunicorn"),
        (("/usr/bin/python3.11", "app.py"), "app.py"),
        (("python3", "-c", "x"), "python3"),
        (("java", "-Xmx1g", "-cp", "/app/lib/*", "org.example.Main"), "org.example.Main"),
        (("java", "-jar", "/srv/app.jar"), "app.jar"),
        (("node", "server.js"), "server.js"),
        (("node",), "node"),
        (("nginx: master process nginx",), "nginx"),
        (("redis-server *:7000",), "redis-server"),
        (("/opt/my app/server", "-v"), "server"),
    ],
)
def test_what_a_process_does(argv: tuple[str, ...], service: str) -> None:
    assert Process(1, argv=argv).service == service


def test_services_of_a_supervisor() -> None:
    seen = [
        Process(1, argv=("/usr/bin/python3", "/usr/bin/supervisord", "-n")),
        Process(7, parent=1, argv=("nginx: master process nginx",)),
        Process(8, parent=7, argv=("nginx: worker process",)),
        Process(9, parent=1, argv=("redis-server *:6379",)),
        Process(20, parent=0, argv=("curl", "localhost")),  # a probe of the engine's
    ]
    assert sorted(services(seen)) == ["nginx", "redis-server"]


def test_two_scripts_are_two_services() -> None:
    """Of one interpreter; the finding names both, with their numbers."""
    from imglint.config import Settings
    from imglint.rules.judge import judge_container
    from imglint.rules.registry import load
    from imglint.runner import Observation

    seen = Observation(
        processes=(
            Process(1, argv=("sh", "/start.sh")),
            Process(7, parent=1, argv=("python3", "/web.py")),
            Process(8, parent=1, argv=("python3", "/worker.py")),
        )
    )
    judged = judge_container(seen, load(Settings().entries("container")))
    (found,) = [one for one in judged.findings if one.rule.code == "AV0704"]
    assert "web.py and worker.py" in found.message


def test_a_socket_for_each_cpu_is_told_once() -> None:
    head = "  sl  local_address rem_address   st\n"
    line = "   0: 00000000:0035 00000000:0000 0A 0:0 00:0 0 0 0 {} 1\n"
    listeners, _ = sockets({"tcp": head + line.format(1) + line.format(2)}, {"1": "named"})
    assert listeners == (Listener("tcp", "0.0.0.0", 53, 0, "named"),)


def test_who_speaks_to_itself_has_no_peer() -> None:
    head = "  sl  local_address rem_address   st\n"
    line = "   0: 0100007F:A000 0100007F:18EB 01 0:0 00:0 0 0 0 1 1\n"
    other = "   1: 020011AC:A001 0A00000A:18EB 01 0:0 00:0 0 0 0 2 1\n"
    _, peers = sockets({"tcp": head + line + other}, {})
    assert peers == (Peer("10.0.0.10", 6379),)


@pytest.mark.parametrize(
    ("text", "address", "there"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("tcp://10.0.0.1:5432/x", "10.0.0.1", True),
        ("host=10.0.0.1.", "10.0.0.1", True),
        ("10.0.0.10", "10.0.0.1", False),
        ("110.0.0.1", "10.0.0.1", False),
        ("10.0.0.1.5", "10.0.0.1", False),
        ("[fd00::1]:80", "fd00::1", True),
        ("fd00::12", "fd00::1", False),
    ],
)
def test_a_text_that_holds_an_address(text: str, address: str, there: bool) -> None:
    assert names(text, address) is there


# HEALTHCHECK


def test_the_time_that_is_granted() -> None:
    check = configured({"Healthcheck": {"Test": ["CMD", "x"], "StartPeriod": 60_000_000_000}})
    assert check is not None
    assert check.granted == 60 + 3 * (30 + 30)
    assert check.unhealthy_after(0.5) == 60 + 3 * 30.5
    assert check.unhealthy_after(99) == check.granted


@pytest.mark.parametrize(
    ("code", "output", "no_hope"),
    [
        (127, "/bin/sh: 1: curl: not found", True),
        (126, "permission denied", True),
        (1, "/bin/sh: curl: not found", True),  # `|| exit 1` hides the 127
        (1, "sh: 1: curl: not found\n", True),
        (-1, 'OCI runtime exec failed: exec failed: "curl": executable file not found in $PATH', True),
        (1, "ls: /ready/yes: No such file or directory", False),
        (8, "wget: server returned error: HTTP/1.1 404 Not Found", False),
        (1, "open /run/app.sock: permission denied", False),
        (None, "", False),
    ],
)
def test_a_missing_tool_is_told_from_a_missing_file(code: int | None, output: str, no_hope: bool) -> None:
    assert hopeless(code, output) is no_hope
    assert ("is not there" in reason(code, output)) is no_hope


@pytest.mark.parametrize(
    ("code", "output", "told"),
    [
        (2, "", "reserved"),
        (137, "", "signal 9"),
        (None, "", "longer than its timeout"),
        (-1, "Health check exceeded timeout (1s)", "took too long"),
        (1, "first\nlast", "ended with 1: last"),
    ],
)
def test_what_a_probe_tells(code: int | None, output: str, told: str) -> None:
    assert told in reason(code, output)


def test_the_times_of_a_check_may_be_very_long() -> None:
    check = HealthCheck(("CMD", "x"), 3600.0, 30.0, 0.0, 0.0, 3)
    assert check.granted > 3 * 3600


@pytest.mark.parametrize(
    ("text", "started"),
    [
        ("curl -f http://localhost/ || exit 1", ["curl"]),
        ("test $(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/) -eq 200", ["curl"]),
        ("test $(($(date +%s) - $(stat -c %Y /run/beat))) -lt 8", []),
        ("nc -z localhost 80 >/dev/null 2>&1 && pgrep worker", ["nc", "pgrep"]),
        ("wget -qO- localhost | grep -q ok", ["wget", "grep"]),
        ("(curl -s a; echo b) | grep -q ok", ["curl", "grep"]),
        ("if ! pidof nginx; then exit 1; fi", ["pidof"]),
        ('[ "$(redis-cli ping)" = PONG ]', []),
        ("A=1 ./probe -x", ["./probe"]),
        ("echo 'unclosed", []),
    ],
)
def test_what_a_check_starts(text: str, started: list[str]) -> None:
    assert programs(HealthCheck(("CMD-SHELL", text), 1.0, 1.0, 0.0, 0.0, 1)) == ["/bin/sh", *started]


# Hardening


def test_where_a_program_may_not_write() -> None:
    log = (
        '2026/11/30 15:30:50 [emerg] 1#1: mkdir() "/var/lib/nginx/body" failed (30: Read-only file system)\n'
        'open() "/run/nginx.pid" failed (30: Read-only file system)\n'
        "GET /index.html HTTP/1.1 200\n"
    )
    assert refused_places(log) == ("/var/lib/nginx", "/run")


# What a Dockerfile promises to its program


@pytest.mark.parametrize(
    ("entrypoint", "command", "lost"),
    [
        (["/bin/sh", "-c", "top -b"], ["-n", "10"], True),
        (["/bin/bash", "-c", "exec app"], ["serve"], True),
        (["/bin/sh", "-c", 'exec app "$@"'], ["serve"], False),
        (["/bin/sh", "-c", "exec app ${1:-serve}"], ["serve"], False),
        (["/bin/sh", "-c", "top -b"], [], False),
        (["top", "-b"], ["-n", "10"], False),
        (["/bin/sh", "/start.sh"], ["serve"], False),
        (None, ["/bin/sh", "-c", "top"], False),
    ],
)
def test_words_of_cmd_that_nobody_reads(entrypoint: list[str] | None, command: list[str], lost: bool) -> None:
    checks = claims_checks({"Entrypoint": entrypoint, "Cmd": command}, Run())
    assert [one.name for one in checks] == (["command.arguments"] if lost else [])


def test_environment_and_directory() -> None:
    config = {"Env": ["A=1", "TOKEN=hidden-value"], "WorkingDir": "/srv/"}
    seen = Snapshot(
        (Process(1, argv=("a",)),), environment={"A": "1", "TOKEN": "hidden-value"}, directory="/srv"
    )
    arrives, directory = claims_checks(config, Run(seen=seen))
    assert (arrives.verdict, directory.verdict) == (Verdict.PROVED, Verdict.PROVED)
    moved = seen._replace(environment={"A": "2", "TOKEN": "hidden-value"}, directory="/")
    arrives, directory = claims_checks(config, Run(seen=moved))
    assert (arrives.verdict, directory.verdict) == (Verdict.NOT_OBSERVED, Verdict.NOT_OBSERVED)
    assert arrives.proof["otherwise"] == ["A"]
    assert "hidden-value" not in str(arrives)
    unseen = seen._replace(environment=None, directory="")
    assert {one.verdict for one in claims_checks(config, Run(seen=unseen))} == {Verdict.CANNOT_TELL}


class _Ending:
    """A container that has ended, which its engine says two seconds late."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def inspect(self) -> dict[str, Any]:
        ended = time.monotonic() - self._start > 2
        return {"State": {"Running": not ended, "Pid": 1, "ExitCode": 3 if ended else 0}}

    def snapshot(self, _: int) -> Snapshot:
        if time.monotonic() - self._start < 0.3:
            return Snapshot((Process(1, argv=("serve",)),))
        raise Unreadable("the process is gone")

    def written_bytes(self) -> int:
        return 0

    def logs(self) -> str:
        return ""


def test_who_is_gone_is_not_said_to_stay_since_the_engine_is_late() -> None:
    ending: Any = _Ending()
    run = watch(ending, ending, ())
    assert (run.alive, run.exit_code) == (False, 3)
