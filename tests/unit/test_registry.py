"""Asking registries: what they keep, and to whom credentials are told."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from registry_server import BASIC, CONFIG, DIGEST, MANIFEST, Reply, Server, always

from imglint.runner import registry
from imglint.runner.registry import Kept, Target, ask

pytestmark = pytest.mark.slow


class Silent:
    """An engine that tells nothing of registries: those on the loopback need no word of it."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(reply: Callable[[str, dict[str, str]], Reply], address: str = "127.0.0.1") -> Server:
        servers.append(Server(reply, address))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's settings, without a login at first."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def login(settings: Path, address: str) -> None:
    entry = {"auth": base64.b64encode(b"me:secret").decode()}
    (settings / "config.json").write_text(json.dumps({"auths": {address: entry}}))


def asked(server: Server, name: str = "team/shop") -> Kept:
    return ask(Silent(), Target(f"{server.address}/{name}", "1.0"))  # type: ignore[arg-type]


def test_what_is_there(serve: Any) -> None:
    server = serve(always(200, MANIFEST, {"Docker-Content-Digest": DIGEST}))
    assert asked(server) == Kept(DIGEST, (CONFIG,))
    ((path, headers),) = server.seen
    assert path == "/v2/team/shop/manifests/1.0"
    assert "application/vnd.oci.image.index.v1+json" in headers["Accept"]
    assert str(asked(server)) == f"the registry has {DIGEST} under this tag"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', {}),
        (b"", {"Docker-Distribution-Api-Version": "registry/2.0"}),
    ],
)
def test_nothing_is_there(serve: Any, body: bytes, headers: dict[str, str]) -> None:
    found = asked(serve(always(404, body, headers)))
    assert found == Kept()
    assert str(found) == "the registry has nothing under this tag"


def test_an_index(serve: Any) -> None:
    configs = [f"sha256:{letter * 64}" for letter in "ab"]
    raw = [json.dumps({"schemaVersion": 2, "config": {"digest": one}}).encode() for one in configs]
    children = {f"sha256:{hashlib.sha256(one).hexdigest()}": one for one in raw}
    listed = [{"digest": digest, "platform": {"os": "linux"}} for digest in children]
    listed.append({"digest": f"sha256:{'d' * 64}", "platform": {"os": "unknown"}})  # an attestation
    listed.append({"digest": f"sha256:{'e' * 64}", "platform": {"os": "linux"}})  # was not pushed
    index = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()

    def reply(path: str, _: dict[str, str]) -> Reply:
        reference = path.rpartition("/")[2]
        if reference == "1.0":
            return 200, {}, index
        if reference in children:
            return 200, {}, children[reference]
        assert reference.startswith("sha256:e")
        return 404, {}, b'{"errors": []}'

    assert asked(serve(reply)).images == tuple(configs)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ((200, b"<html>welcome</html>", {}), "no manifest"),
        ((200, b"[" * 100_000, {}), "no manifest"),
        ((200, b'{"schemaVersion": 2, "config": 7}', {}), "no manifest"),
        ((200, b'{"schemaVersion": 2, "config": {"digest": "../x"}}', {}), "no manifest"),
        ((200, b'{"schemaVersion": 2, "manifests": [7]}', {}), "no manifest"),
        ((200, b'{"schemaVersion": 1, "config": {}}', {}), "no manifest"),
        ((200, bytes(5 * 2**20), {}), "longer than a manifest"),
        ((404, b"<html>no such page</html>", {}), "not as a registry"),
        ((200, MANIFEST, {"Docker-Content-Digest": CONFIG}), "it tells the digest"),
    ],
)
def test_what_answers_is_no_registry(serve: Any, reply: Any, problem: str) -> None:
    status, body, headers = reply
    found = asked(serve(always(status, body, headers)))
    assert (found.digest, found.fault) == (None, "garbled")
    assert problem in found.problem


def test_nobody_answers(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(always(200, MANIFEST))
    server.close()
    found = asked(server)
    assert (found.fault, found.problem) == ("unreachable", "connection refused")
    assert str(found) == "the registry could not be asked: connection refused"


@pytest.mark.parametrize(
    ("at_once", "then"),
    [
        (b"HTTP/1.1 200", b" "),
        (b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=", b"a"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"{"),
    ],
    ids=lambda part: part.decode().strip()[-16:],
)
def test_whoever_drips_in_the_head_is_left(
    at_once: bytes, then: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_SECONDS", 1.0)

    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(at_once)
                for _ in range(80):  # some 8 seconds, so that it ends where nobody leaves it
                    time.sleep(0.1)
                    self.request.sendall(then)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started = time.monotonic()
        found = ask(Silent(), Target(f"127.0.0.1:{server.server_address[1]}/shop", "1"))  # type: ignore[arg-type]
        assert (found.problem, found.fault) == ("it takes too long", "closed")
        assert time.monotonic() - started < 5
        server.shutdown()


def test_whoever_drips_is_left(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_SECONDS", 0.5)

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            for _ in range(300):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return
                time.sleep(0.1)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started = time.monotonic()
        found = ask(Silent(), Target(f"127.0.0.1:{server.server_port}/shop", "1"))  # type: ignore[arg-type]
        assert found.problem == "it takes too long"
        assert time.monotonic() - started < 20
        server.shutdown()


@pytest.mark.parametrize("status", [403, 429, 500])
def test_it_does_not_tell(serve: Any, status: int) -> None:
    found = asked(serve(always(status, b'{"errors": []}')))
    assert (found.digest, found.fault) == (None, "closed")


def wants_basic(path: str, headers: dict[str, str]) -> Reply:
    if headers.get("Authorization") == BASIC:
        return 200, {}, MANIFEST
    return 401, {"WWW-Authenticate": 'Basic realm="here"'}, b"{}"


def test_a_login(serve: Any, settings: Path) -> None:
    server = serve(wants_basic)
    assert asked(server).problem == "it wants a login, and there is none for it"
    login(settings, server.address)
    assert asked(server).digest == DIGEST
    # It is told when it is asked for, not before.
    assert "Authorization" not in server.seen[-2][1]


def test_a_login_of_a_credential_helper(serve: Any, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(wants_basic)
    helper = settings / "docker-credential-try"
    helper.write_text('#!/bin/sh\necho \'{"Username": "me", "Secret": "secret"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{settings}:{os.environ['PATH']}")
    for setting in ({"credsStore": "try"}, {"credHelpers": {server.address: "try"}}):
        (settings / "config.json").write_text(json.dumps(setting))
        assert asked(server).digest == DIGEST
    helper.write_text("#!/bin/sh\necho broken; exit 1\n")
    assert "its login can't be read" in asked(server).problem


@pytest.mark.parametrize("text", ["{", '{"auths": {"x": {"auth": "?"}}}', '{"auths": {"x": 7}}'])
def test_settings_that_are_broken(serve: Any, settings: Path, text: str) -> None:
    (settings / "config.json").write_text(text)
    assert "login" in asked(serve(wants_basic)).problem


class Tokens:
    """A registry that sends for a token to another server."""

    def __init__(self, serve: Any, *, realm: str = "") -> None:
        self.desk = serve(self._desk)
        self.realm = realm or f"http://{self.desk.address}/token"
        self.registry = serve(self._registry)

    def _registry(self, path: str, headers: dict[str, str]) -> Reply:
        if headers.get("Authorization") == "Bearer t0ken":
            return 200, {}, MANIFEST
        told = f'Bearer realm="{self.realm}",service="here",scope="repository:team/shop:pull"'
        return 401, {"WWW-Authenticate": told}, b"{}"

    def _desk(self, path: str, headers: dict[str, str]) -> Reply:
        known = headers.get("Authorization") == BASIC or b"refresh_token=long-lived" in self.desk.bodies[-1]
        return (200, {}, b'{"token": "t0ken"}') if known else (401, {}, b"{}")


def test_a_token(serve: Any, settings: Path) -> None:
    tokens = Tokens(serve)
    assert asked(tokens.registry).problem == "it wants a login, or refuses the one that there is"
    login(settings, tokens.registry.address)
    assert asked(tokens.registry).digest == DIGEST
    path, headers = tokens.desk.seen[-1]
    assert path == "/token?scope=repository%3Ateam%2Fshop%3Apull&service=here"
    assert headers["Authorization"] == BASIC
    # The registry itself is told the token alone.
    assert BASIC not in [headers.get("Authorization") for _, headers in tokens.registry.seen]


def test_a_token_for_an_identity_token(serve: Any, settings: Path) -> None:
    tokens = Tokens(serve)
    entry = {"identitytoken": "long-lived"}
    (settings / "config.json").write_text(json.dumps({"auths": {tokens.registry.address: entry}}))
    assert asked(tokens.registry).digest == DIGEST
    assert b"grant_type=refresh_token" in tokens.desk.bodies[-1]


@pytest.mark.parametrize(
    ("realm", "problem"),
    [
        ("http://192.0.2.1/token", "a login, which is not sent to 192.0.2.1 unencrypted or unverified"),
        ("file:///etc/passwd", "it sends for a token to what is no URL of HTTP"),
        ("http:///token", "it sends for a token to what is no URL of HTTP"),
        ("http://127.0.0.1:1/token", "it wants a token from http://127.0.0.1:1/token: connection refused"),
    ],
)
def test_where_a_login_is_not_told(serve: Any, settings: Path, realm: str, problem: str) -> None:
    tokens = Tokens(serve, realm=realm)
    login(settings, tokens.registry.address)
    assert problem in asked(tokens.registry).problem


def test_no_file_is_read_for_a_token(serve: Any) -> None:
    problem = asked(Tokens(serve, realm="file:///etc/passwd").registry).problem
    assert problem == "it sends for a token to what is no URL of HTTP"


def test_a_redirect_takes_no_login_along(serve: Any, settings: Path) -> None:
    elsewhere = serve(always(200, MANIFEST))

    def reply(path: str, headers: dict[str, str]) -> Reply:
        if headers.get("Authorization") != BASIC:
            return 401, {"WWW-Authenticate": "Basic"}, b"{}"
        if path.endswith("/1.0"):
            return 307, {"Location": "/near"}, b""
        return 307, {"Location": f"http://{elsewhere.address}/far"}, b""

    server = serve(reply)
    login(settings, server.address)
    assert asked(server).digest == DIGEST
    assert [path for path, _ in elsewhere.seen] == ["/far"]
    assert "Authorization" not in elsewhere.seen[0][1]
    assert server.seen[-1][0] == "/near"  # where it still went along


@pytest.mark.parametrize(
    ("location", "problem"),
    [("file:///etc/passwd", "it sends on to file:"), ("/again", "it sends on and on"), ("http://[", "")],
)
def test_redirects_that_are_not_followed(serve: Any, location: str, problem: str) -> None:
    found = asked(serve(always(307, b"", {"Location": location})))
    assert found.digest is None
    assert problem in found.problem


def test_no_proxy_to_the_loopback(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert asked(serve(always(200, MANIFEST))).digest == DIGEST
