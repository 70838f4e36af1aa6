"""Serves HTTP, and ends by a signal of the real-time ones."""

import signal
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGRTMIN + 3, lambda *_: exit(0))
HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler).serve_forever()
