"""Serves HTTP, and takes four seconds for each answer."""

import signal
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Thinks first."""

    def do_GET(self) -> None:
        """Answer."""
        time.sleep(4)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")


signal.signal(signal.SIGTERM, lambda *_: exit(0))
HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
