"""Serves HTTP, and takes three seconds to end when it is asked to."""

import signal
import threading
import time
from http.server import HTTPServer, SimpleHTTPRequestHandler

server = HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler)


def end(*_: object) -> None:
    """Let requests come to their end, so to speak."""
    time.sleep(3)
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGTERM, end)
server.serve_forever()
