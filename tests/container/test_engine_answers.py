"""An engine that hangs, babbles or dies: one clear error in time, and what was seen before is told."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from container_images import Images
from engine_state import leftovers, made, wait_until
from faulty_engine import LISTS, Between, Nonsense, answer

from imglint.runner import Engine, EngineError, connect, engine, verify
from imglint.runner.cleanup import strangers

SERVE = 'COPY server.sh /\nEXPOSE 8888\nCMD ["sh", "/server.sh"]'


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_SILENCE", 1)
    monkeypatch.setattr(engine, "_WHOLE", 2)
    monkeypatch.setattr(engine, "_MAX_ANSWER", 1 << 20)


# docker-py loses sight of a socket that it can't connect, and so does who has given up waiting.
loses_sockets = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while True:
        connection.sendall(b"0," * 30_000)


def dripping(connection: socket.socket) -> None:
    """Never silent for long, and never at an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while True:
        connection.sendall(b"0,")
        time.sleep(0.2)


def head_that_drips(connection: socket.socket) -> None:
    """No byte is late, and the head never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.2)


def sends(data: bytes) -> Callable[[socket.socket], object]:
    return lambda connection: connection.sendall(data)


REPLIES: dict[str, Callable[[socket.socket], object] | None] = {
    "silent": None,
    "endless": endless,
    "dripping": dripping,
    "a head that drips": head_that_drips,
    "garbage": sends(answer(b"\x00\xff\x80 not json")),
    "a page": sends(answer(b"<html>502 Bad Gateway</html>", "502 Bad Gateway", "text/html")),
    "an empty object": sends(answer(b"{}")),
    "a list": sends(answer(b"[]")),
    "a number": sends(answer(b"7")),
    "null": sends(answer(b"null")),
    "an error without a message": sends(
        answer(b'{"errorDetail":{"message":"no"},"error":"no"}', "500 Internal Server Error")
    ),
    "an error that is a list": sends(answer(b'["no"]', "500 Internal Server Error")),
    "cut": sends(answer(b'{"Id": "sha256:00", "Config": {"Us')[:-3]),
    "nothing": sends(b""),
    "no HTTP": sends(b"hello\r\n\r\n"),
    "the wrong types": sends(answer(b'{"Id": 7, "Config": "x", "State": [], "RepoTags": 3, "Name": {}}')),
}  # fmt: skip


@loses_sockets
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("honest", [(), LISTS], ids=["from the first call on", "of images and containers"])
def test_nonsense_is_one_error_in_time(tmp_path: Path, name: str, honest: tuple[str, ...]) -> None:
    fake = Nonsense(tmp_path / "engine.sock", REPLIES[name], honest)
    try:
        start = time.monotonic()
        with connect(fake.url) as client, pytest.raises(EngineError) as raised:
            verify(client, "shop:1", phases=())
        assert raised.value.problem
        # No wall clock: each call gives up by itself, and there are not many of them.
        assert time.monotonic() - start < 60
        assert not any("create" in line or line.startswith("DELETE") for line in fake.asked)
    finally:
        fake.close()
        gc.collect()  # here, where it is known whose sockets are found


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    fake = Nonsense(tmp_path / "engine.sock", REPLIES["garbage"])
    try:
        command = [sys.executable, "-m", "imglint", "verify", "shop:1", "--engine", fake.url]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    finally:
        fake.close()
    assert result.returncode == 2
    assert result.stderr.startswith("imglint: ")
    assert "Traceback" not in result.stderr
    assert "what came is no JSON" in result.stderr


def test_no_call_of_docker_py_waits_for_ever() -> None:
    """It passes None where it means to."""
    client: Any = engine._client()(base_url="unix:///nowhere.sock", version="1.41", timeout=engine._SILENCE)
    assert client._set_request_timeout({"timeout": None}) == {"timeout": engine._PATIENCE}
    assert client._set_request_timeout({}) == {"timeout": engine._SILENCE}
    client.close()


# Midway


@pytest.fixture
def breaking(tmp_path: Path, anywhere: Engine) -> Iterator[Callable[[bytes], Between]]:
    made_here: list[Between] = []

    def between(until: bytes) -> Between:
        made_here.append(Between(tmp_path / f"{len(made_here)}.sock", anywhere.url, until))
        return made_here[-1]

    yield between
    for one in made_here:
        with contextlib.suppress(OSError):
            one.close()
    gc.collect()  # here, where it is known whose sockets are found


@loses_sockets
@pytest.mark.container
def test_what_was_seen_before_the_engine_died_is_told(
    anywhere: Engine, images: Images, breaking: Callable[[bytes], Between], tmp_path: Path
) -> None:
    """With publishing its ports it is gone: the first run's checks stand, and the exit code says the rest."""
    image = images.on(anywhere, SERVE)
    fake = breaking(b'"PublishAllPorts": true')
    state = tmp_path / "state"
    command = [sys.executable, "-m", "imglint", "verify", image, "--engine", fake.url, "-f", "text", "-f", "json",
               "-o", str(tmp_path / "out.json")]  # fmt: skip
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert fake.broke.is_set()
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "the engine stopped answering" in result.stderr
    assert "left behind" in result.stderr
    text = result.stdout
    assert "container.stays PID 1" in text and "ports.exposed 8888/tcp" in text
    parsed = json.loads((tmp_path / "out.json").read_text())
    assert {check["check"] for check in parsed["checks"]} >= {"container.stays", "ports.exposed"}
    assert parsed["errors"]
    # Behind the same address the engine comes back, and the guardian is still there to clean up.
    assert made(anywhere, state)
    back = Between(fake.path, anywhere.url, b"nothing has this")
    try:
        wait_until(lambda: not made(anywhere, state), 120)
    finally:
        back.close()
    assert leftovers(anywhere) == []


@loses_sockets
@pytest.mark.container
def test_an_engine_that_dies_at_the_first_container(
    anywhere: Engine, images: Images, breaking: Callable[[bytes], Between]
) -> None:
    image = images.on(anywhere, SERVE)
    fake = breaking(b"/containers/create")
    with connect(fake.url) as client, pytest.raises(EngineError):
        verify(client, image)
    assert fake.broke.is_set()
    back = Between(fake.path, anywhere.url, b"nothing has this")
    try:
        assert leftovers(anywhere, 120) == []
    finally:
        back.close()


@pytest.mark.container
def test_what_looks_like_ours_is_named_with_the_engines_own_command(anywhere: Engine, images: Images) -> None:
    name = f"imglint-{os.urandom(16).hex()}"
    theirs = anywhere.api.create_container(images.on(anywhere, SERVE), name=name)["Id"]
    try:
        (note,) = (note for note in strangers(anywhere) if name in note)
        assert f"{anywhere.command} rm -fv" in note
    finally:
        anywhere.api.remove_container(theirs, v=True)
