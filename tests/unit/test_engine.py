"""Finding the engine: sockets, DOCKER_HOST, contexts. Nothing remote is ever taken unasked."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_engine import Versioned

from imglint.runner import EngineError, connect
from imglint.runner.engine import candidates

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The client's own settings, in a directory that is empty at first."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    return tmp_path


def context(settings: Path, name: str, host: str) -> None:
    """What `docker context create` and `docker context use` write."""
    directory = settings / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    directory.mkdir(parents=True)
    meta = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (directory / "meta.json").write_text(json.dumps(meta))
    (settings / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_usual_sockets(settings: Path) -> None:
    assert candidates(None)[0] == "unix:///var/run/docker.sock"
    assert "unix:///run/podman/podman.sock" in candidates(None)


def test_rootless_sockets(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/77")
    assert "unix:///run/user/77/docker.sock" in candidates("docker")
    assert "unix:///run/user/77/podman/podman.sock" in candidates("podman")


def test_a_local_context_is_followed(settings: Path) -> None:
    context(settings, "near", "unix:///run/elsewhere/docker.sock")
    assert candidates(None) == ["unix:///run/elsewhere/docker.sock"]


def test_a_remote_context_has_to_be_named(settings: Path) -> None:
    context(settings, "far", "tcp://192.0.2.1:2375")
    with pytest.raises(EngineError, match="context far: names a remote engine") as raised:
        connect()
    assert "--engine tcp://192.0.2.1:2375" in raised.value.hint


def test_a_context_that_is_not_there(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(settings, "near", "unix:///x.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "nobody")
    with pytest.raises(EngineError, match="context nobody: does not exist"):
        connect()


def test_docker_host(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(settings, "far", "tcp://192.0.2.1:2375")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/mine.sock")
    assert candidates(None) == ["unix:///run/mine.sock"]
    monkeypatch.setenv("DOCKER_HOST", "ssh://somebody@192.0.2.1")
    with pytest.raises(EngineError, match="remote engine"):
        connect()
    assert candidates("tcp://192.0.2.1:2375") == ["tcp://192.0.2.1:2375"]


def test_what_is_no_engine(settings: Path) -> None:
    with pytest.raises(EngineError, match="neither docker, podman nor a URL"):
        connect("dockr")
    with pytest.raises(EngineError, match="no socket at /nowhere"):
        connect("unix:///nowhere")


ERRORS = {
    "Docker's": b'{"message": "no, thanks"}',
    "Podman's": b'{"errorDetail": {"message": "no, thanks"}, "error": "no, thanks"}',
    "libpod's": b'{"cause": "no, thanks", "response": 500}',
    "a text": b"no, thanks",
    "a string": b'"no, thanks"',
    "a list": b'["no, thanks"]',
    "null": b"null",
    "a number": b"7",
    "an object in its place": b'{"message": {"text": "no, thanks"}}',
    "nothing": b"",
}


@pytest.fixture
def answers() -> Iterator[dict[str, tuple[int, bytes]]]:
    """What an engine answers to all that is asked after its version; and its address as "url"."""
    told: dict[str, tuple[int, bytes]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = told["all"]
            if self.path.endswith("/version"):
                status, body = (
                    200,
                    b'{"ApiVersion": "1.41", "Version": "20.10", "Components": [{"Name": "Engine"}]}',
                )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told["url"] = (0, f"tcp://127.0.0.1:{server.server_port}".encode())
        yield told
        server.shutdown()


@pytest.mark.parametrize("form", ERRORS)
@pytest.mark.parametrize("status", [404, 500])
def test_an_error_in_any_form(answers: dict[str, tuple[int, bytes]], form: str, status: int) -> None:
    answers["all"] = (status, ERRORS[form])
    with connect(answers["url"][1].decode()) as engine, pytest.raises(EngineError) as raised:
        engine.inspect_image("shop")
    said = raised.value.problem
    if status == 500 and b"thanks" in ERRORS[form]:
        assert "no, thanks" in said
    assert said


def test_an_answer_that_breaks_off(answers: dict[str, tuple[int, bytes]]) -> None:
    answers["all"] = (200, b'{"Id": ')
    with connect(answers["url"][1].decode()) as engine, pytest.raises(EngineError) as raised:
        engine.inspect_image("shop")
    assert not raised.value.answered


@pytest.mark.parametrize(("lowest", "highest"), [("1.44", "1.52"), ("1.12", "1.41"), ("1.24", "1.24")])
def test_the_version_of_the_api_is_one_that_the_engine_speaks(
    settings: Path, tmp_path: Path, lowest: str, highest: str
) -> None:
    """Docker 29 refuses all below 1.44, and an old one all that it does not know yet."""
    server = Versioned(tmp_path / "engine.sock", lowest, highest)
    try:
        with connect(server.url) as engine:
            engine.inspect_image("shop:1")
            assert engine.has_start_interval is (highest == "1.52")
    finally:
        server.close()
    assert server.asked[-1] == f"/v{highest}/images/shop:1/json"


def test_an_engine_that_is_too_old(settings: Path, tmp_path: Path) -> None:
    server = Versioned(tmp_path / "engine.sock", "1.12", "1.19")
    try:
        with pytest.raises(EngineError) as raised:
            connect(server.url)
    finally:
        server.close()
    assert "API versions below 1.24 are no longer supported" in raised.value.problem


@pytest.mark.parametrize(
    ("raised", "hint"),
    [
        ("Read timed out. (read timeout=30)", "too busy; try again"),
        ("Connection aborted", "start Docker or Podman"),
    ],
)
def test_who_hangs_is_not_told_to_be_started(raised: str, hint: str) -> None:
    import requests

    from imglint.runner.engine import errors

    with pytest.raises(EngineError) as told, errors("web"):
        raise requests.ConnectionError(raised)
    assert hint in told.value.hint
