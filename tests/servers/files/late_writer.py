"""Serves HTTP, and writes its first file 15 seconds after its start."""

import signal
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

signal.signal(signal.SIGTERM, lambda *_: exit(0))
timer = threading.Timer(15, lambda: Path("/srv/orders.db").write_text("an order\n"))
timer.daemon = True
timer.start()
HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler).serve_forever()
