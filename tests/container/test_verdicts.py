"""Verdicts that are easily wrong: slow starters, blocked signals, our own limits, answers that serve nobody."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from container_images import Images, check, verified_together
from engine_state import leftovers

from imglint.runner import Engine, EngineError, Observation, Verdict, verify
from imglint.runner.errors import DiskFilledError
from imglint.runner.session import Conditions
from imglint.runner.watch import Patience

pytestmark = pytest.mark.container

PROVED, DISPROVED = Verdict.PROVED, Verdict.DISPROVED
NOT_OBSERVED, CANNOT_TELL = Verdict.NOT_OBSERVED, Verdict.CANNOT_TELL
HTTP = "COPY server.sh /\nEXPOSE 8000\n"


def shell(text: str) -> str:
    return f"CMD {json.dumps(['sh', '-c', text])}"


def answering(text: str, port: int = 8000) -> str:
    """A server that says the same to everybody, and has the program's place."""
    words = json.dumps(["nc", "-ll", "-p", str(port), "-e", "printf", text])
    return f"EXPOSE {port}\nCMD {words}"


HTTPD = "httpd -f -p 8000 -h /srv"
FIRST = {"phases": ()}
PORTS = {"phases": ("published",)}
HEALTH = {"phases": ("calibration", "health")}
RUNS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "slow": (f"EXPOSE 8000\n{shell(f'sleep 11; exec {HTTPD}')}", PORTS),
    "never": ('EXPOSE 8000\nCMD ["sleep", "99"]', {**PORTS, "patience": Patience(wait=3)}),
    "elsewhere": (f"EXPOSE 80\n{shell(f'exec {HTTPD}')}", {**PORTS, "patience": Patience(wait=15)}),
    "one of two": (f"EXPOSE 8000 8001\n{shell(f'exec {HTTPD}')}", PORTS),
    "late and undeclared": (shell(f"sleep 4; exec {HTTPD}"), {**FIRST, "patience": Patience(observe=15)}),
    "writes when asked": (
        "EXPOSE 8000\n"
        + shell(
            "mkdir -p /srv/cgi-bin; printf '#!/bin/sh\\necho x >> /hits\\n' > /srv/hit;"
            " chmod +x /srv/hit; exec nc -ll -p 8000 -e /srv/hit"
        ),
        {**FIRST, "patience": Patience(observe=3)},
    ),
    "turned away": (answering("-DENIED Redis is running in protected mode\\r\\n", 6379), PORTS),
    "error": (answering("HTTP/1.1 503 Service Unavailable\\r\\n\\r\\n"), PORTS),
    "not found": (answering("HTTP/1.1 404 Not Found\\r\\n\\r\\n"), PORTS),
    "mute": (f"EXPOSE 8000\n{shell('exec nc -ll -p 8000 -e sleep 9')}", PORTS),
    "memory": (
        f"EXPOSE 8000\n{shell(f'dd if=/dev/zero of=/dev/null bs=600M count=1 && exec {HTTPD}')}",
        FIRST,
    ),
    "no memory": (
        f"EXPOSE 8000\n{shell('dd if=/dev/zero of=/dev/null bs=200M count=1 && sleep 60')}",
        {**FIRST, "conditions": Conditions(memory=64 << 20)},
    ),
    "other host": (f"EXPOSE 8000\n{shell('wget http://192.0.2.7:8000/ || exit 1')}", FIRST),
    "or true": (
        f"{HTTP}HEALTHCHECK CMD wget -qO- http://127.0.0.1:8000/ || true\n{shell(f'exec {HTTPD}')}",
        FIRST,
    ),
    "exec or": (
        f'{HTTP}HEALTHCHECK --interval=1s --timeout=1s --retries=1 CMD ["nc", "-z", "127.0.0.1", "8000", "||", "exit"]\n'
        f"{shell(f'exec {HTTPD}')}",
        FIRST,
    ),
    "second try": (
        "HEALTHCHECK CMD test -d /tried || { mkdir /tried; exit 1; }\n" + shell("exec sleep 300"),
        FIRST,
    ),
    "start period": (
        'HEALTHCHECK --interval=10s --start-period=20s --timeout=2s --retries=2 CMD ["/bin/ls", "/ready"]\n'
        + shell("sleep 7; touch /ready; exec sleep 300"),
        HEALTH,
    ),
    # By the engine's own arithmetic it has 3 × (5 + 2) seconds; shortened without more retries it had three.
    "slow health": (
        "HEALTHCHECK --interval=5s --timeout=2s --retries=3 CMD test -f /ready\n"
        + shell("sleep 9; touch /ready; exec sleep 300"),
        HEALTH,
    ),
    "beyond the wait": (
        "HEALTHCHECK --interval=30s CMD test -f /ready\n" + shell("exec sleep 300"),
        {**HEALTH, "patience": Patience(wait=4)},
    ),
    "unhealthy": (
        f"HEALTHCHECK --interval=1s --timeout=1s --retries=2 CMD false\n{shell('exec sleep 300')}",
        HEALTH,
    ),
    "its own end": (shell("sleep 4; exit 7"), {**FIRST, "patience": Patience(observe=60)}),
    "service": (
        f"EXPOSE 8000\n{shell('httpd -p 8000; sleep 2; true')}",
        {**FIRST, "patience": Patience(observe=60)},
    ),
}
Seen = Mapping[str, Observation]


@pytest.fixture(scope="module")
def seen(anywhere: Engine, images: Images) -> Seen:
    """What was seen of each of RUNS."""
    base = "RUN mkdir /srv && chmod 777 /srv"
    return verified_together(
        anywhere,
        {name: (images.on(anywhere, f"{base}\n{lines}"), wanted) for name, (lines, wanted) in RUNS.items()},
    )


WANTED = [
    ("slow", "ports.exposed", PROVED, "listens"),
    ("slow", "ports.published", PROVED, "HTTP answers: HTTP/1.1 404"),
    ("never", "ports.exposed", NOT_OBSERVED, "Use --wait "),
    ("never", "ports.published", NOT_OBSERVED, "nothing listens"),
    ("elsewhere", "ports.exposed", DISPROVED, "8000/tcp is served"),
    ("turned away", "ports.published", DISPROVED, "-DENIED"),
    ("error", "ports.published", NOT_OBSERVED, "503"),
    ("not found", "ports.published", PROVED, "404"),
    ("mute", "ports.published", NOT_OBSERVED, "nothing came back"),
    ("memory", "container.stays", PROVED, "still runs"),
    ("memory", "ports.exposed", PROVED, "listens"),
    ("no memory", "container.stays", CANNOT_TELL, "Use --memory"),
    ("other host", "container.stays", CANNOT_TELL, "Use --with NAME=IMAGE"),
    ("other host", "ports.exposed", CANNOT_TELL, "Use --with NAME=IMAGE"),
    ("or true", "health.notices", DISPROVED, "never started: it can't fail"),
    ("exec or", "health.static", PROVED, "'||' is handed to nc as a word"),
    ("second try", "health.by-hand", PROVED, "after the start: first the probe ended with 1"),
    ("start period", "health.by-hand", PROVED, "passes in"),
    ("slow health", "health.by-hand", PROVED, "passes in"),
    ("beyond the wait", "health.by-hand", NOT_OBSERVED, "Use --wait 180"),
    ("unhealthy", "health.by-hand", DISPROVED, "ended with 1"),
    ("its own end", "container.stays", DISPROVED, "ended with 7"),
    ("service", "container.stays", DISPROVED, "ended with 0"),
    ("service", "ports.exposed", DISPROVED, "nothing listens: the main process ended"),
]


@pytest.mark.parametrize(("name", "claim", "verdict", "told"), WANTED)
def test_a_verdict(seen: Seen, name: str, claim: str, verdict: Verdict, told: str) -> None:
    found = check(seen[name], claim)
    assert (found.verdict, told in found.summary) == (verdict, True), found.summary


@pytest.mark.parametrize(
    ("name", "verdict"), [("start period", PROVED), ("slow health", PROVED), ("unhealthy", DISPROVED)]
)
def test_the_engines_own_word(seen: Seen, anywhere: Engine, name: str, verdict: Verdict) -> None:
    found = check(seen[name], "health.engine")
    assert found.verdict is (verdict if anywhere.kind == "docker" else CANNOT_TELL), found.summary


def test_one_of_two_ports(seen: Seen) -> None:
    """Where another declared port is served, what is dead is told soon."""
    assert check(seen["one of two"], "ports.exposed", "8000/tcp").verdict is PROVED
    assert check(seen["one of two"], "ports.exposed", "8001/tcp").verdict is DISPROVED
    assert seen["one of two"].seconds < 30


def test_a_late_listener_is_seen_by_who_watches_on(seen: Seen) -> None:
    assert [one.port for one in seen["late and undeclared"].listeners] == [8000]


def test_what_a_request_makes_it_write_is_seen(seen: Seen) -> None:
    assert "/hits" in check(seen["writes when asked"], "writes.layer").proof["paths"]


def test_who_fails_by_our_limits_is_not_judged(seen: Seen) -> None:
    """No finding says that the service ends."""
    from imglint.config import Settings
    from imglint.rules.judge import judge_container
    from imglint.rules.registry import load

    rules = load(Settings().entries("container"))
    judged = judge_container(seen["other host"], rules)
    assert "IL015" not in {one.rule.code for one in judged.findings}
    assert any(one.rule.code == "IL015" and "--network" in one.reason for one in judged.skipped)
    judged = judge_container(seen["service"], rules)
    assert "IL015" in {one.rule.code for one in judged.findings}


def test_a_container_that_fills_the_disk_is_ended(
    anywhere: Engine, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imglint.runner.watch._MAX_WRITTEN", 30_000_000)
    endless = shell(
        "i=0; while :; do dd if=/dev/zero of=/f$i bs=1M count=20 2>/dev/null; i=$((i+1)); sleep 0.3; done"
    )
    with pytest.raises(DiskFilledError, match="into its own layer") as caught:
        verify(anywhere, images.on(anywhere, f"EXPOSE 80\n{endless}"), phases=())
    assert isinstance(caught.value, EngineError)
    assert leftovers(anywhere) == []


@pytest.mark.parametrize(
    ("network", "problem"),
    [("imglint-test-nowhere", "has no such network"), ("host", "the machine's own network")],
)
def test_a_network_that_it_can_not_be_in(
    anywhere: Engine, images: Images, network: str, problem: str
) -> None:
    """That is a slip of the user's, and no fault of the image."""
    image = images.on(anywhere, shell("sleep 60"))
    with pytest.raises(EngineError, match=f"--network {network}") as refused:
        verify(anywhere, image, phases=(), conditions=Conditions(network=network))
    assert problem in refused.value.problem


def test_a_network_of_the_users(anywhere: Engine, images: Images) -> None:
    """It is started beside what it needs, and the report says that nothing keeps it apart."""
    network = anywhere.api.create_network("imglint-test-theirs", driver="bridge", internal=True)["Id"]
    server = images.on(anywhere, shell("mkdir /srv; echo there > /srv/x; exec httpd -f -p 8000 -h /srv"))
    host = anywhere.api.create_host_config(network_mode="imglint-test-theirs")
    running = anywhere.api.create_container(server, host_config=host)["Id"]
    try:
        anywhere.api.start(running)
        networks = anywhere.api.inspect_container(running)["NetworkSettings"]["Networks"]
        address = next(one["IPAddress"] for one in networks.values())
        client = images.on(
            anywhere, f"CMD {json.dumps(['sh', '-c', f'wget -qO- http://{address}:8000/x && sleep 60'])}"
        )
        alone = verify(anywhere, client, phases=(), patience=Patience(observe=60))
        assert not alone.alive
        beside = verify(
            anywhere,
            client,
            phases=(),
            conditions=Conditions(network="imglint-test-theirs"),
            patience=Patience(observe=15),
        )
        assert beside.alive
        assert "there" in beside.log, beside
        assert check(beside, "engine.isolation", "imglint-test-theirs").verdict is DISPROVED
    finally:
        anywhere.api.remove_container(running, force=True, v=True)
        anywhere.api.remove_network(network)


@pytest.mark.parametrize("anywhere", ["docker28"], indirect=True)
@pytest.mark.parametrize(("ready", "status"), [("sleep 3; touch /ready; ", "healthy"), ("", "unhealthy")])
def test_the_shortened_rhythm_comes_to_what_the_real_one_does(
    anywhere: Engine, images: Images, ready: str, status: str
) -> None:
    """The image's own check, run by the engine as it is, without a change of ours."""
    check_line = "HEALTHCHECK --interval=2s --timeout=1s --retries=3 CMD test -f /ready"
    image = images.on(anywhere, f"{check_line}\n{shell(f'{ready}exec sleep 300')}")
    container = anywhere.api.create_container(image)["Id"]
    try:
        anywhere.api.start(container)
        deadline = time.monotonic() + 30
        seen = "starting"
        while seen == "starting" and time.monotonic() < deadline:
            time.sleep(0.2)
            seen = anywhere.api.inspect_container(container)["State"]["Health"]["Status"]
    finally:
        anywhere.api.remove_container(container, force=True)
    assert seen == status
    found = check(verify(anywhere, image, phases=("calibration", "health")), "health.engine")
    assert found.verdict is (PROVED if status == "healthy" else DISPROVED), found.summary
