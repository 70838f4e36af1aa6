"""A real registry on the loopback, and a way to break it in the middle of a push."""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ACCEPT = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
    )
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# "secret" for the user "me", as htpasswd -B writes it.
LOGIN = "me:$2b$04$O1On22nCR.UnZpsBv4v36uU4ecadIk7mz/MfL.trkJVTp3HWETf.2"


class Registry:
    """docker-registry with a configuration and storage of its own, on 127.0.0.1 only.

    `login`: nothing goes without one, which is LOGIN's. `certificate`: it speaks TLS, with this one and its key.
    """

    def __init__(self, *, login: bool = False, certificate: tuple[Path, Path] | None = None) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="imglint-registry-"))
        self.port = free_port()
        configuration: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self._place / "data")},
                "delete": {"enabled": True},
            },
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        self._scheme = "http"
        if certificate is not None:
            self._scheme = "https"
            configuration["http"]["tls"] = dict(
                zip(("certificate", "key"), map(str, certificate), strict=True)
            )
        self._headers = {"Accept": _ACCEPT}
        if login:
            (self._place / "htpasswd").write_text(f"{LOGIN}\n")
            configuration["auth"] = {"htpasswd": {"realm": "here", "path": str(self._place / "htpasswd")}}
            self._headers["Authorization"] = f"Basic {base64.b64encode(b'me:secret').decode()}"
        path = self._place / "config.yml"
        path.write_text(json.dumps(configuration))  # JSON is YAML
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        with open(self._place / "log", "wb") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self._get("")
                return
            time.sleep(0.1)
        self.close()
        raise RuntimeError("docker-registry did not come up")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _get(self, path: str) -> tuple[Any, str]:
        with self._ask("GET", f"{self._scheme}://{self.address}/v2/{path}") as answer:
            return json.load(answer), str(answer.headers.get("Docker-Content-Digest", ""))

    def _ask(self, method: str, url: str, data: bytes | None = None, kind: str = "") -> Any:
        headers = {**self._headers, **({"Content-Type": kind} if kind else {})}
        request = urllib.request.Request(url, data, headers, method=method)
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self._scheme == "https":
            # Whom to trust is what the tests are about.
            handlers.append(urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
        return urllib.request.build_opener(*handlers).open(request, timeout=10)

    def push(self, name: str, tag: str, manifest: tuple[str, bytes], blobs: dict[str, bytes]) -> None:
        """Put an image there: a manifest with its media type, and what it names by digest."""
        place = f"{self._scheme}://{self.address}/v2/{name}"
        for digest, raw in blobs.items():
            with self._ask("POST", f"{place}/blobs/uploads/") as begun:
                url = begun.headers["Location"]
            self._ask("PUT", f"{url}&digest={digest}", raw, "application/octet-stream").close()
        self._ask("PUT", f"{place}/manifests/{tag}", manifest[1], manifest[0]).close()

    def image_id(self, name: str, reference: str) -> str | None:
        """The ID of the image that is kept under a tag or digest; None: there is none."""
        try:
            return str(self._get(f"{name}/manifests/{reference}")[0]["config"]["digest"])
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None

    def digest(self, name: str, reference: str) -> str:
        return self._get(f"{name}/manifests/{reference}")[1]

    def repositories(self) -> list[str]:
        """The repositories that hold a manifest."""
        found = self._place / "data/docker/registry/v2/repositories"
        return sorted(
            str(one.parent.parent.relative_to(found))
            for one in found.glob("**/_manifests/revisions")
            if any(one.iterdir())
        )

    def kill(self) -> None:
        """As when its machine goes down."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self._place, ignore_errors=True)


@contextlib.contextmanager
def breaking(port: int, after: int, broken: Callable[[], None]) -> Iterator[int]:
    """A port that leads to another one and calls `broken` once when so many bytes were sent to it."""
    sent = 0
    lock = threading.Lock()
    server = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, sink: socket.socket, *, counted: bool) -> None:
        nonlocal sent
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                if counted:
                    with lock:
                        before, sent = sent, sent + len(data)
                        if before < after <= sent:
                            broken()
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client = server.accept()[0]
                try:
                    upstream = socket.create_connection(("127.0.0.1", port), 5)
                except OSError:
                    client.close()
                    continue
                for source, sink, counted in ((client, upstream, True), (upstream, client, False)):
                    threading.Thread(
                        target=copy, args=(source, sink), kwargs={"counted": counted}, daemon=True
                    ).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


Reply = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def front(
    port: int,
    before: Callable[[str, str], Reply | None] = lambda method, path: None,
    after: Callable[[str, str], bool] = lambda method, path: True,
) -> Iterator[int]:
    """A port that hands requests on to a registry's.

    Args:
        port: the registry's.
        before: is told the method and path of each request first; what it gives is answered at once.
        after: is told them when the registry has answered; False: nobody hears of that.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            # As servers in Go answer TLS; by that, Docker sees that the registry speaks plainly.
            if self.rfile.peek(1)[:1] == b"\x16":  # type: ignore[attr-defined]
                self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                self.close_connection = True
                return
            super().handle_one_request()

        def _hand_on(self) -> None:
            body = self._body()
            reply = before(self.command, self.path)
            if reply is None:
                behind = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
                with contextlib.closing(behind):
                    # Its answers name the address at which it was asked.
                    behind.request(self.command, self.path, body, headers | {"Host": self.headers["Host"]})
                    answer = behind.getresponse()
                    told = {
                        name: value for name, value in answer.getheaders() if name.lower() not in _OWN[1:]
                    }
                    reply = answer.status, told, answer.read()
                if not after(self.command, self.path):
                    self.close_connection = True
                    return
            status, told, body = reply
            self.send_response(status)
            told = {"Content-Length": str(len(body)), **told}
            for name, value in told.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _hand_on  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


# What is each connection's own matter.
_OWN = ("content-length", "transfer-encoding", "connection", "host")
