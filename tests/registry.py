"""A real registry on the loopback, and a way to break it in the middle of a push."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
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


class Registry:
    """docker-registry with a configuration and storage of its own, on 127.0.0.1 only."""

    def __init__(self) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="imglint-registry-"))
        self.port = free_port()
        configuration = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self._place / "data")},
                "delete": {"enabled": True},
            },
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
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
        request = urllib.request.Request(f"http://{self.address}/v2/{path}", headers={"Accept": _ACCEPT})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer), str(answer.headers.get("Docker-Content-Digest", ""))

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
