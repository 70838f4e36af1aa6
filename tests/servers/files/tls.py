"""Serves HTTPS alone."""

import signal
import ssl
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGTERM, lambda *_: exit(0))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/nginx/crt", "/etc/nginx/key")
server = HTTPServer(("0.0.0.0", 9000), SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
