"""Serves HTTP: 503 in its first eight seconds, then 200."""

import signal
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

ready = time.monotonic() + 8


class Handler(BaseHTTPRequestHandler):
    """Asks for patience first."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200 if time.monotonic() > ready else 503)
        self.end_headers()
        self.wfile.write(b"hello\n")


signal.signal(signal.SIGTERM, lambda *_: exit(0))
HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
