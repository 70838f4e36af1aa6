"""A server that answers as a function says, where a registry is expected."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable

CONFIG = f"sha256:{'c' * 64}"


MANIFEST = json.dumps({"schemaVersion": 2, "config": {"digest": CONFIG}, "layers": []}).encode()


DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


BASIC = f"Basic {base64.b64encode(b'me:secret').decode()}"


Reply = tuple[int, dict[str, str], bytes]


class Server:
    """A server on the loopback that answers as a function says, and knows what it was asked."""

    def __init__(self, reply: Callable[[str, dict[str, str]], Reply], address: str = "127.0.0.1") -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = dict(self.headers)
                server.seen.append((self.path, headers))
                server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                status, told, body = reply(self.path, headers)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **told}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # whoever has heard enough hangs up
                    self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.address = f"{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def encrypt(self, context: ssl.SSLContext) -> None:
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def always(status: int, body: bytes, headers: dict[str, str] | None = None) -> Callable[..., Reply]:
    return lambda path, _: (status, headers or {}, body)
