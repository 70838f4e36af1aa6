"""Engines that misbehave: one that answers nonsense, and one between us and a real one that breaks off."""

from __future__ import annotations

import abc
import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

VERSION = b'{"Version":"20.10.0","ApiVersion":"1.41","MinAPIVersion":"1.12","Components":[{"Name":"Engine"}]}'
INFO = b'{"ID":"FAKE"}'
LISTS = ("/containers/json", "/networks", "/images/json")


def answer(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


class Listener(abc.ABC):
    """A socket of its own, each of whose connections is served in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"unix://{path}"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(64)
        self._open: set[socket.socket] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._guarded, args=(connection,), daemon=True).start()

    def _guarded(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self.serve(connection)
        self._open.discard(connection)

    @abc.abstractmethod
    def serve(self, connection: socket.socket) -> None:
        """Answer on one connection, until there is nothing more to say."""

    def close(self) -> None:
        """Break off everything, and listen no more."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.path.unlink(missing_ok=True)
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Versioned(Listener):
    """An engine that speaks some versions of the API, and refuses others as Docker does. `asked`: their paths."""

    def __init__(self, path: Path, lowest: str, highest: str) -> None:
        self.asked: list[str] = []
        self._lowest, self._highest = lowest, highest
        super().__init__(path)

    def serve(self, connection: socket.socket) -> None:
        asked = connection.recv(65536)
        if not asked:
            return  # only tried
        path = asked.split(b" ", 2)[1].decode()
        self.asked.append(path)
        version = re.match(r"/v(\d+)\.(\d+)/", path)
        if version and not _number(self._lowest) <= (int(version[1]), int(version[2])) <= _number(
            self._highest
        ):
            told = f"client version {version[0][2:-1]} is not between {self._lowest} and {self._highest}"
            connection.sendall(answer(json.dumps({"message": told}).encode(), "400 Bad Request"))
            return
        known = {"Version": "29.0.0", "ApiVersion": self._highest, "MinAPIVersion": self._lowest}
        described = {"Id": f"sha256:{'0' * 64}", "Config": {}, **known, "Components": [{"Name": "Engine"}]}
        connection.sendall(answer(json.dumps(described).encode()))


def _number(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


class Nonsense(Listener):
    """An engine that can be connected to, and then answers everything in the same way.

    `reply` writes to the connection; None: it is silent. What `honest` names is answered as it should be.
    """

    def __init__(
        self, path: Path, reply: Callable[[socket.socket], object] | None, honest: tuple[str, ...] = ()
    ) -> None:
        self._reply = reply
        self._honest = honest
        self.asked: list[str] = []
        super().__init__(path)

    def serve(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return
            data += part
        line = data.split(b"\r\n")[0].decode()
        where = line.split()[1].partition("?")[0]
        self.asked.append(line)
        if where.endswith("/version"):
            connection.sendall(answer(VERSION))
        elif where.endswith("/info"):
            connection.sendall(answer(INFO))
        elif any(where.endswith(name) for name in self._honest):
            connection.sendall(answer(b"[]"))
        elif self._reply is None:
            self._over.wait(60)
        else:
            self._reply(connection)


class Between(Listener):
    """Hands everything on to a real engine, until a request holds what it waits for: then it is gone."""

    def __init__(self, path: Path, real: str, until: bytes) -> None:
        self._real = real.removeprefix("unix://")
        self._until = until
        self.broke = threading.Event()
        super().__init__(path)

    def serve(self, connection: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self._real)
            back = threading.Thread(target=_copy, args=(engine, connection), daemon=True)
            back.start()
            while data := connection.recv(65536):
                if self._until in data:
                    self.broke.set()
                    self.close()
                    return
                engine.sendall(data)
            with contextlib.suppress(OSError):
                engine.shutdown(socket.SHUT_WR)
            back.join(60)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
