"""Answers HELLO in a protocol of its own, and hangs up on everything else."""

import signal
import socket

signal.signal(signal.SIGTERM, lambda *_: exit(0))
server = socket.create_server(("0.0.0.0", 7000))
while True:
    connection, _ = server.accept()
    with connection:
        if connection.recv(100).startswith(b"HELLO"):
            connection.sendall(b"WELCOME\n")
