"""Serves HTTP, and keeps a connection to the Redis beside it."""

import os
import signal
import socket
import time
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGTERM, lambda *_: exit(0))
time.sleep(1)
store = socket.create_connection((os.environ["STORE"], 6379))
HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler).serve_forever()
