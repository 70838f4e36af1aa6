"""Serves HTTP beside 400 threads that wait."""

import signal
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGTERM, lambda *_: exit(0))
forever = threading.Event()
for _ in range(400):
    threading.Thread(target=forever.wait, daemon=True).start()
HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler).serve_forever()
