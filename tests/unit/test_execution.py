"""Running a command in a container: nothing of its output is lost."""

from __future__ import annotations

import http.server
import json
import struct
import threading

import docker

from imglint.runner.engine import Engine
from imglint.runner.execution import Ran, run

FRAMES = struct.pack(">BxxxL", 1, 3) + b"hi\n" + struct.pack(">BxxxL", 2, 4) + b"oh!\n"


class AllAtOnce(http.server.BaseHTTPRequestHandler):
    """An engine whose answer's head and body come in one piece, as they do where the machine is busy."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/start"):
            self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" + FRAMES)
            self.close_connection = True
        else:
            self._answer({"Id": "e1"})

    def do_GET(self) -> None:
        self._answer({"Running": False, "ExitCode": 3})

    def _answer(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def test_output_that_comes_with_the_head_of_the_answer() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), AllAtOnce) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"tcp://127.0.0.1:{server.server_address[1]}"
        with Engine(docker.APIClient(base_url=url, version="1.41"), url, "20.10") as engine:
            ran = run(engine, "c" * 64, ["greet"], 10)
        server.shutdown()
    assert ran._replace(seconds=0) == Ran(3, "hi\n", "oh!\n", 0)
