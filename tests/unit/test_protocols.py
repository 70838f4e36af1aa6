"""What servers answer, byte for byte, and what that proves; dialled at servers of this process."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from imglint.runner.dial import CLOSED, DATA, REFUSED, SILENT, dial, dial_udp, dial_until_served
from imglint.runner.protocols import PROTOCOLS, Protocol, judge, protocol_of, shown_line

# Recorded from real servers. None: an error, or nothing that is understood.
ANSWERS: list[tuple[str, bytes, bool | None]] = [
    ("Redis", b"+PONG\r\n", True),
    ("Redis", b"-NOAUTH Authentication required.\r\n", True),
    ("Redis", b"-DENIED Redis is running in protected mode because\r\n", False),
    ("Redis", b"-LOADING Redis is loading the dataset in memory\r\n", None),
    ("Redis", b"-ERR max number of clients reached\r\n", None),
    ("PostgreSQL", b"R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0", True),
    ("PostgreSQL", b"R\0\0\0\x08\0\0\0\0", True),
    ("PostgreSQL", b'E\0\0\0\x5eSFATAL\0VFATAL\0C28000\0Mrole "postgres" does not exist\0\0', True),
    (
        "PostgreSQL",
        b'E\0\0\0\x80SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host "172.17.0.1"\0\0',
        False,
    ),
    ("PostgreSQL", b"E\0\0\0\x5eSFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0", None),
    ("MySQL", b"\x5b\0\0\0\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\0\x1f\0\0\0", True),
    (
        "MySQL",
        b"\x4a\0\0\0\xff\x6a\x04Host '172.17.0.1' is not allowed to connect to this MariaDB server",
        False,
    ),
    ("MySQL", b"\x17\0\0\0\xff\x10\x0408004Too many connections", None),
    ("memcached", b"VERSION 1.6.18\r\n", True),
    ("memcached", b"ERROR\r\n", None),
    ("SMTP", b"220 mail ESMTP Postfix (Debian/GNU)\r\n", True),
    ("SMTP", b"554 mail ESMTP not accepting messages\r\n", False),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", True),
    ("SSH", b"Exceeded MaxStartups\r\n", None),
    ("AMQP", b"\x01\0\0\0\0\x01\xfb\0\x0a\0\x0a\0\x09", True),
    ("MQTT", b"\x20\x02\0\0", True),
    ("MQTT", b"\x20\x02\0\x05", False),
    ("FastCGI", b"\x01\x0a\0\0\0\x12\0\0", True),
    ("AMQP", b"AMQP\0\0\x09\x01", None),
    ("DNS", b"\0\x2bIM\x81\x80\0\x01\0\x01\0\0\0\0\x09localhost", True),
    ("DNS", b"\0\x1bIM\x81\x83\0\x01\0\0\0\0\0\0\x09localhost", True),
    ("DNS", b"\0\x1bIM\x81\x85\0\x01\0\0\0\0\0\0\x09localhost", None),  # refused
    ("DNS", b"\0\x1bIM\x81\x82\0\x01\0\0\0\0\0\0\x09localhost", None),  # it failed
    ("DNS", b"\0\x1bXX\x81\x80\0\x01\0\x01\0\0\0\0\x09localhost", None),  # an answer to somebody else
    ("HTTPS", b"HTTP/1.1 301 Moved\r\n", True),
    ("HTTPS", b"HTTP/1.1 502 Bad Gateway\r\n", None),
]
UNKNOWN = [
    (b"HTTP/1.0 200 OK\r\n\r\n", True),
    (b"HTTP/1.1 404 Not Found\r\n\r\n", True),
    (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", None),
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", None),
    (b"hello\n", True),
    (b"\x00\x01\x02", True),
    (b"-DENIED Redis is running in protected mode\r\n", False),
    (b"", None),
]


def named(name: str) -> Protocol:
    return next(one for one in PROTOCOLS if one.name == name)


@pytest.mark.parametrize(("name", "received", "serves"), ANSWERS)
def test_an_answer_of_a_known_protocol(name: str, received: bytes, serves: bool | None) -> None:
    assert judge(received, named(name)).serves is serves


@pytest.mark.parametrize(("received", "serves"), UNKNOWN)
def test_an_answer_of_who_is_not_known(received: bytes, serves: bool | None) -> None:
    assert judge(received, None).serves is serves


@pytest.mark.parametrize(
    ("port", "program", "name"),
    [
        (6379, "", "Redis"),
        (9999, "redis-server", "Redis"),
        (5432, "redis-server", "Redis"),  # the program decides
        (5432, "java", "PostgreSQL"),
        (53, "dnsmasq", "DNS"),
        (8443, "node", "HTTPS"),
        (25, "master", "SMTP"),
        (8080, "java", None),
        (9001, "php-fpm8.2", "FastCGI"),
    ],
)
def test_whose_protocol_it_is(port: int, program: str, name: str | None) -> None:
    found = protocol_of(port, program)
    assert (found.name if found else None) == name


def test_no_port_and_no_program_stands_for_two() -> None:
    ports = [port for one in PROTOCOLS for port in one.ports]
    programs = [program for one in PROTOCOLS for program in one.programs]
    assert len(set(ports)) == len(ports)
    assert len(set(programs)) == len(programs)


def test_what_is_shown_of_an_answer() -> None:
    assert shown_line(b"+PONG\r\nmore") == "+PONG"
    assert shown_line(b"\x5b\0\0\0\x0a10.11.6-MariaDB\0\x1f") == "10.11.6-MariaDB"
    assert shown_line(b"\0\1\2") == ""
    assert shown_line(b"\x1b[31mred\x07") == "[31mred"
    token = "ghp_" + "0123456789abcdefghij" + "0123456789ABCDEF"
    assert token not in shown_line(f"token {token}\n".encode())
    assert len(shown_line(b"x" * 500)) <= 60


Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that do something with each connection; gives their ports."""
    with contextlib.ExitStack() as stack:

        def start(handle: Callable[[socket.socket], None]) -> int:
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def loop() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = server.accept()
                        with connection, contextlib.suppress(OSError):
                            handle(connection)

            threading.Thread(target=loop, daemon=True).start()
            return int(server.getsockname()[1])

        yield start


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """TLS of a server whose certificate nobody knows."""
    place = tmp_path_factory.mktemp("tls")
    key, certificate = str(place / "key"), str(place / "certificate")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def says(text: bytes, after: bytes = b"") -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        got = connection.recv(4096) if after else b""
        if got.startswith(after):
            connection.sendall(text)

    return handle


def test_a_server_that_greets(serve: Serve) -> None:
    result = dial("127.0.0.1", serve(says(b"hello\n")))
    assert (result.outcome, result.received, result.serves) == (DATA, b"hello\n", True)


def test_a_server_that_is_asked_in_its_protocol(serve: Serve) -> None:
    result = dial("127.0.0.1", serve(says(b"+PONG\r\n", b"PING")), named("Redis"))
    assert result.serves
    assert result.answer.told == "Redis answers: +PONG"


def test_a_port_that_holds_another_protocol(serve: Serve) -> None:
    """On the port of PostgreSQL a server of HTTP, which hangs up on what it does not understand."""
    result = dial("127.0.0.1", serve(says(b"HTTP/1.1 200 OK\r\n\r\n", b"GET ")), named("PostgreSQL"))
    assert result.serves
    assert "HTTP answers" in result.answer.told


def test_an_error_of_a_known_server_is_not_taken_for_another_protocols_answer(serve: Serve) -> None:
    result = dial("127.0.0.1", serve(says(b"-LOADING Redis is loading\r\n", b"")), named("Redis"))
    assert (result.outcome, result.serves, result.answer.serves) == (DATA, False, None)


def test_nobody_and_nothing(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
        mute = dial("127.0.0.1", port)  # the kernel accepts for it
        assert (mute.outcome, mute.serves) == (SILENT, False)
    assert dial("127.0.0.1", port).outcome == REFUSED
    closing = dial("127.0.0.1", serve(lambda _: None))
    assert (closing.outcome, closing.serves) == (CLOSED, False)


def test_who_starts_up_is_asked_again(serve: Serve) -> None:
    begun = time.monotonic()

    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        ready = time.monotonic() - begun > 2.5
        connection.sendall(
            b"HTTP/1.1 200 OK\r\n\r\n" if ready else b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
        )

    assert dial_until_served("127.0.0.1", serve(handle), 0.5).serves


def test_tls_is_spoken_whose_certificate_nobody_knows(serve: Serve, context: ssl.SSLContext) -> None:
    def secure(answer: bytes) -> Callable[[socket.socket], None]:
        def handle(connection: socket.socket) -> None:
            with (
                contextlib.suppress(ssl.SSLError),
                context.wrap_socket(connection, server_side=True) as inside,
            ):
                inside.recv(4096)
                inside.sendall(answer)

        return handle

    served = dial("127.0.0.1", serve(secure(b"HTTP/1.1 200 OK\r\n\r\n")))  # not by the port: by its alert
    assert (served.serves, served.answer.told) == (True, "HTTPS answers: HTTP/1.1 200 OK")
    redis = dial("127.0.0.1", serve(secure(b"+PONG\r\n")), named("Redis"))
    assert redis.serves
    on_its_port = dial("127.0.0.1", serve(secure(b"HTTP/1.1 200 OK\r\n\r\n")), named("HTTPS"))
    assert (on_its_port.serves, on_its_port.answer.told) == (True, "HTTPS answers: HTTP/1.1 200 OK")
    failing = dial("127.0.0.1", serve(secure(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")), named("HTTPS"))
    assert failing.answer.serves is None
    other = dial("127.0.0.1", serve(secure(b"")), named("HTTPS"))  # what it speaks within is its own affair
    assert other.serves
    assert "in TLS" in other.answer.told


def test_plain_words_on_the_port_of_tls(serve: Serve) -> None:
    def handle(connection: socket.socket) -> None:
        if connection.recv(4096).startswith(b"GET "):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    result = dial("127.0.0.1", serve(handle), named("HTTPS"))
    assert (result.serves, result.answer.told) == (True, "HTTP answers: HTTP/1.1 200 OK")


def test_a_server_that_takes_no_handshake_does_not_serve(serve: Serve) -> None:
    """As nginx does: plain words get 400, and the handshake is rejected."""

    def handle(connection: socket.socket) -> None:
        if connection.recv(4096).startswith(b"GET "):
            connection.sendall(
                b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port"
            )

    for protocol in (None, named("HTTPS")):
        result = dial("127.0.0.1", serve(handle), protocol)
        assert result.answer.serves is None, result


def test_postgresql_that_takes_tls_alone(serve: Serve, context: ssl.SSLContext) -> None:
    def handle(connection: socket.socket) -> None:
        if connection.recv(4096) == b"\0\0\0\x08\x04\xd2\x16\x2f":
            connection.sendall(b"S")
            with (
                contextlib.suppress(ssl.SSLError),
                context.wrap_socket(connection, server_side=True) as inside,
            ):
                inside.recv(4096)
                inside.sendall(b"R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0")
        else:
            connection.sendall(b'E\0\0\0\x80SFATAL\0C28000\0Mno pg_hba.conf entry for host "172.17.0.1"\0\0')

    assert dial("127.0.0.1", serve(handle), named("PostgreSQL")).serves


def test_datagrams() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

        def answer() -> None:
            for text in (b"hello", b"IM\x81\x80\0\x01\0\x01", b"IM\x81\x85\0\x01\0\x01"):
                _, far = server.recvfrom(4096)
                server.sendto(text, far)

        threading.Thread(target=answer, daemon=True).start()
        assert dial_udp("127.0.0.1", port).serves
        assert dial_udp("127.0.0.1", port, named("DNS")).serves
        assert dial_udp("127.0.0.1", port, named("DNS")).answer.serves is None
    assert dial_udp("127.0.0.1", port).outcome == REFUSED


def test_a_secret_in_an_answer_is_shown_nowhere(serve: Serve) -> None:
    token = "ghp_" + "0123456789abcdefghij" + "0123456789ABCDEF"
    result = dial("127.0.0.1", serve(says(f"token {token}\n".encode())))
    assert token not in str(result.proof())
    assert token not in result.answer.told
