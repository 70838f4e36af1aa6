"""Serves HTTP as soon as a database at the host db takes its connection."""

import signal
import socket
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGTERM, lambda *_: exit(0))
database = socket.create_connection(("db", 5432), timeout=10)
HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler).serve_forever()
