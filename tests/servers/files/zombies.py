"""Serves HTTP, and never waits for its five children, which have ended."""

import os
import signal
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGTERM, lambda *_: exit(0))
for _ in range(5):
    if os.fork() == 0:
        os._exit(0)
HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler).serve_forever()
