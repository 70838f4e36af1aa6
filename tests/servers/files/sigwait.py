"""Serves HTTP in a thread, and waits for its signal by sigwait."""

import signal
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
server = HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
signal.sigwait([signal.SIGTERM])
server.shutdown()
