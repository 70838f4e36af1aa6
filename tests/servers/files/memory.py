"""Serves HTTP, and holds 700 MB."""

import signal
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGTERM, lambda *_: exit(0))
held = bytearray(b"x") * (700 << 20)
HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler).serve_forever()
