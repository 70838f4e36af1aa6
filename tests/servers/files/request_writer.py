"""Serves HTTP, and writes a line for each request."""

import signal
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Writes down who asked."""

    def do_GET(self) -> None:
        """Answer."""
        with open("/srv/visits.txt", "a") as visits:
            visits.write(f"{self.client_address[0]}\n")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")


signal.signal(signal.SIGTERM, lambda *_: exit(0))
HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
