"""Services beside the container that is proved: by --with and by --compose, and what is left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import imglint
from container_images import Images, check
from engine_state import holdings, is_guarded, made, named_like_ours, running, wait_until, written_down

from imglint.runner import Engine, EngineError, verify
from imglint.runner.observation import Verdict
from imglint.runner.service import Service
from imglint.runner.session import Conditions
from imglint.runner.start import Start
from imglint.runner.watch import Patience

pytestmark = pytest.mark.container

# A database: what it serves is its password, so that the application shows whether it has the same.
DATABASE = """#!/bin/sh
: "${PASSWORD:?}"
mkdir -p /data /tmp/www && echo "$PASSWORD" > /tmp/www/secret && touch /data/started
exec httpd -f -p 5432 -h /tmp/www
"""
APPLICATION = """#!/bin/sh
: "${DATABASE_URL:?}"
password=${DATABASE_URL#*//} host=${password#*@}
[ "$(wget -qO- "http://$host/secret")" = "${password%@*}" ] || { echo "no database at $host"; exit 3; }
[ -z "$NEEDS" ] || [ -e "$NEEDS" ] || { echo "$NEEDS lacks"; exit 4; }
nc -w 1 192.0.2.7 80 </dev/null && echo "it got out"
mkdir -p /tmp/www && echo hello > /tmp/www/index.html
exec httpd -f -p 8000 -h /tmp/www
"""
PASSWORD = "sword-of-tests"


@pytest.fixture(scope="module")
def database(anywhere: Engine, images: Images) -> str:
    return images.on(anywhere, 'COPY db.sh /db.sh\nEXPOSE 5432\nCMD ["/db.sh"]', {"db.sh": DATABASE})


@pytest.fixture(scope="module")
def application(anywhere: Engine, images: Images) -> str:
    return images.on(anywhere, 'COPY app.sh /app.sh\nEXPOSE 8000\nCMD ["/app.sh"]', {"app.sh": APPLICATION})


def run(engine: Engine, *arguments: str, cwd: Path, code: int, **environment: str) -> Any:
    done = imglint(
        "verify",
        "--engine",
        engine.url,
        "--format",
        "json",
        "--fail-level",
        "none",
        *arguments,
        cwd=cwd,
        **environment,
    )
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == code, text
    assert PASSWORD not in text
    return json.loads(done.stdout)


def summaries(report: Any) -> str:
    return "\n".join(f"{one['check']} {one['subject']}: {one['summary']}" for one in report["checks"])


def verdicts(report: Any, name: str) -> dict[str, str]:
    return {one["subject"]: one["verdict"] for one in report["checks"] if one["check"] == name}


def test_alone_it_is_disproved_and_beside_its_service_proved(
    anywhere: Engine, application: str, database: str, tmp_path: Path
) -> None:
    alone = run(anywhere, application, cwd=tmp_path, code=1)
    (stays,) = [one for one in alone["checks"] if one["check"] == "container.stays"]
    assert stays["verdict"] == "disproved"
    assert "DATABASE_URL is not set" in stays["summary"]
    before = holdings(anywhere).volumes
    options = ["-e", f"DATABASE_URL=http://{PASSWORD}@db:5432", "--with", f"db={database}"]
    with_it = run(
        anywhere, application, *options, "--with-env", "db:PASSWORD", "--fail-on", "none", cwd=tmp_path, code=0,
        PASSWORD=PASSWORD,
    )  # fmt: skip
    assert verdicts(with_it, "container.stays") == {"PID 1": "proved"}, summaries(with_it)
    assert verdicts(with_it, "ports.published")["8000/tcp"] == "proved"
    assert verdicts(with_it, "ports.publish-all")["8000/tcp"] == "proved"
    assert with_it["receipts"][0]["left"] == []
    assert not holdings(anywhere).volumes - before


def test_a_compose_file(anywhere: Engine, application: str, database: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"DB_PASSWORD={PASSWORD}\n")
    (tmp_path / "conf").mkdir()
    (tmp_path / "key").write_text("key of the tests\n")
    (tmp_path / "compose.yaml").write_text(f"""
services:
  web:
    image: {application}
    environment:
      DATABASE_URL: http://${{DB_PASSWORD:?}}@store:5432
      NEEDS: /data/migrated
    depends_on:
      db: {{condition: service_healthy}}
      migrate: {{condition: service_completed_successfully}}
    ports: ["8000:8000", "9999"]
    volumes: [data:/data:ro, ./conf:/conf]
    configs: [motd]
  migrate:
    image: {database}
    command: [sh, -c, test -e /data/started && test -s /run/secrets/key && touch /data/migrated]
    volumes: [data:/data]
    secrets: [key]
    depends_on: [db]
  db:
    image: {database}
    environment: ["PASSWORD=$DB_PASSWORD"]
    healthcheck: {{test: wget -qO- http://localhost:5432/secret, interval: 1s, retries: 60}}
    volumes: [data:/data]
    networks: {{default: {{aliases: [store]}}}}
volumes: {{data: }}
secrets: {{key: {{file: ./key}}}}
configs: {{motd: {{content: hello}}}}
""")
    report = run(anywhere, "--compose", "compose.yaml", "web", "--fail-on", "none", cwd=tmp_path, code=0)
    assert report["receipts"][0]["image"] == f"web={application}"
    assert report["receipts"][0]["left"] == []
    assert report["receipts"][0]["removed"]["volumes"] == 1
    assert verdicts(report, "container.stays") == {"PID 1": "proved"}, summaries(report)
    published = verdicts(report, "ports.published")
    assert (published["8000/tcp"], published["9999/tcp"]) == ("proved", "disproved")
    planned = run(anywhere, "--compose", "compose.yaml", "--dry-run", cwd=tmp_path, code=0)
    assert [plan["image"] for plan in planned["plans"]] == [f"web={application}", f"db={database}"]
    assert any("in place of data" in one for one in planned["plans"][0]["makes"])


WRONG: dict[str, tuple[Service, str]] = {
    "ends": (Service("db", "DATABASE"), "ended with 2, and it has to run beside the others; its log ends with"),
    "unhealthy": (
        Service(
            "db", "DATABASE",
            Start({"PASSWORD": "x"}, health={"Test": ["CMD", "false"], "Interval": 10**9, "Retries": 1, "Timeout": 10**9}),
        ),
        "did not become healthy within",
    ),
    "no check": (Service("db", "DATABASE", Start({"PASSWORD": "x"}), awaited="service_healthy"), "has a health check"),
    "task": (
        Service("db", "DATABASE", Start(command=("sh", "-c", "exit 7")), awaited="service_completed_successfully"),
        "ended with 7, and service_completed_successfully asks for 0",
    ),
    "image": (Service("db", "imglint-test-none:1"), "the engine has no such image"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_service_that_does_not_become_what_is_awaited(
    anywhere: Engine, application: str, database: str, case: str
) -> None:
    service, told = WRONG[case]
    service = service._replace(image=service.image.replace("DATABASE", database))
    with pytest.raises(EngineError) as caught:
        verify(anywhere, application, conditions=Conditions(services=(service,)))
    assert told in caught.value.problem
    assert caught.value.subject == f"--with db={service.image}"


def test_services_reach_each_other_and_nobody_else(anywhere: Engine, application: str, database: str) -> None:
    """Neither this machine nor another one is reached; one that is not required may fail."""
    services = (
        Service(
            "gone",
            database,
            Start(command=("sh", "-c", "exit 1")),
            awaited="service_completed_successfully",
            optional=True,
        ),
        Service("db", database, Start({"PASSWORD": "x"})),
    )
    look = """for i in $(ip -4 route | sed -n 's/default via \\([^ ]*\\).*/\\1/p') 192.0.2.1
    do ping -c1 -W1 $i && echo OUT; done; exec sleep 60"""
    start = Start({"DATABASE_URL": "http://x@db:5432"})
    seen = verify(
        anywhere,
        application,
        phases=(),
        patience=Patience(wait=30),
        conditions=Conditions(services=services, start=start),
    )
    assert check(seen, "container.stays").verdict is Verdict.PROVED, seen.log
    assert "it got out" not in seen.log
    assert any("ended with 1" in note and "not required" in note for note in seen.notes)
    routes = verify(
        anywhere, application, phases=(), patience=Patience(wait=1),
        conditions=Conditions(services=services[1:], start=Start(command=("sh", "-c", look))),
    )  # fmt: skip
    assert "OUT" not in routes.log


def test_nothing_is_left_of_a_run_that_is_killed(
    anywhere: Engine, application: str, database: str, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(f"""
services:
  web: {{image: "{application}", depends_on: {{db: {{condition: service_healthy}}}}}}
  db:
    image: {database}
    environment: {{PASSWORD: x}}
    healthcheck: {{test: "false", interval: 5m}}
    volumes: [data:/data]
volumes: {{data: }}
""")
    command = ["-m", "imglint", "verify", "--engine", anywhere.url, "--compose", "compose.yaml", "web"]
    process = subprocess.Popen(
        [sys.executable, *command], cwd=tmp_path, env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: running(anywhere, made(anywhere, tmp_path, "container")))
    assert made(anywhere, tmp_path, "volume")
    assert made(anywhere, tmp_path, "network")
    names = {line["name"] for line in written_down(tmp_path)}
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    wait_until(lambda: not is_guarded(tmp_path), 180)
    assert not names & {name for _, name in named_like_ours(anywhere)}
