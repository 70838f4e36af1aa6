"""What a server is asked in its own protocol, and what of its answer shows that it serves.

A row names the ports and programs of a protocol, the bytes that are sent, and two patterns: an answer that serves,
and one by which the server turns the caller away. Any other answer of a known protocol is an error of the server's,
which proves nothing. A server that no row knows is asked in HTTP, and whatever it says is an answer.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from ..analyzer.credentials import mask_cut

_SHOWN = 60  # characters of an answer that people see


class Protocol(NamedTuple):
    """One row. The patterns are matched from the first byte of the answer on."""

    name: str
    ports: frozenset[int]
    programs: frozenset[str]
    request: bytes  # b"": the server speaks first
    serves: re.Pattern[bytes]
    refuses: re.Pattern[bytes] | None = None
    datagram: bytes = b""  # the request over UDP; b"": it is none of UDP's
    datagram_serves: re.Pattern[bytes] | None = None
    tls: bool = False  # the same within TLS
    wait: float = 1.0  # seconds for the first byte
    upgrade: bytes = b""  # what asks for TLS in the middle of the connection; "S" grants it

    @property
    def speaks_first(self) -> bool:
        """Whether the server greets its caller."""
        return not self.request


def _row(
    name: str,
    ports: str,
    programs: str,
    request: bytes,
    serves: bytes,
    refuses: bytes = b"",
    *,
    datagram: bytes = b"",
    datagram_serves: bytes = b"",
    tls: bool = False,
    wait: float = 1.0,
    upgrade: bytes = b"",
) -> Protocol:
    return Protocol(
        name,
        frozenset(int(one) for one in ports.split()),
        frozenset(programs.split()),
        request,
        re.compile(serves, re.DOTALL),
        re.compile(refuses, re.DOTALL) if refuses else None,
        datagram,
        re.compile(datagram_serves, re.DOTALL) if datagram_serves else None,
        tls,
        wait,
        upgrade,
    )


# Name localhost, type A, class IN, recursion desired: what a resolver knows without asking anybody.
_DNS = struct.pack(">6H", 0x494D, 0x0100, 1, 0, 0, 0) + b"\x09localhost\x00\x00\x01\x00\x01"
# The same ID, an answer, and the code for "no error" or "no such name".
_DNS_ANSWER = rb"IM[\x80-\xff][\x00\x03\x10\x13\x20\x23\x30\x33\x80\x83\x90\x93\xa0\xa3\xb0\xb3]"
_POSTGRES = b"user\0postgres\0database\0postgres\0application_name\0imglint\0\0"
_HTTP = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: imglint\r\nAccept: */*\r\nConnection: close\r\n\r\n"
)
_HTTP_ANSWER = rb"HTTP/[12]\.\d [1-4]\d\d"

HTTP = _row("HTTP", "", "", _HTTP, _HTTP_ANSWER)
HTTPS = _row("HTTPS", "443 8443 6443 9443", "", _HTTP, _HTTP_ANSWER, tls=True)
PROTOCOLS = (
    HTTPS,
    _row("PostgreSQL", "5432", "postgres postmaster",
         struct.pack(">II", len(_POSTGRES) + 8, 196608) + _POSTGRES,
         rb"R|E.{4}.*C(?:28000|28P01|3D000)\0(?!.*no pg_hba\.conf entry)", rb"E.*no pg_hba\.conf entry", wait=3.0,
         upgrade=struct.pack(">II", 8, 80877103)),
    _row("MySQL", "3306 33060", "mysqld mariadbd", b"", rb"...\x00[\x09\x0a]",
         rb"...\x00\xff(?:\x69\x04|\x6a\x04)", wait=8.0),  # 1129, 1130: this host may not connect; it looks its name up
    _row("Redis", "6379", "redis-server valkey-server keydb-server", b"PING\r\n", rb"\+PONG|-NOAUTH", rb"-DENIED"),
    _row("memcached", "11211", "memcached", b"version\r\n", rb"VERSION ",
         datagram=b"\x49\x4d\0\0\0\x01\0\0version\r\n", datagram_serves=rb"IM......VERSION "),
    # A mail server looks the caller's name up before it greets.
    _row("SMTP", "25 587", "master exim4 exim sendmail smtpd", b"", rb"220[ -]", rb"(?:421|554)[ -]", wait=8.0),
    _row("SSH", "22", "sshd dropbear", b"", rb"SSH-\d", wait=3.0),
    _row("MQTT", "1883", "mosquitto", b"\x10\x13\0\x04MQTT\x04\x02\0\x3c\0\x07imglint", rb"\x20\x02.\0",
         rb"\x20\x02.[\x01-\x05]", wait=3.0),
    # What a FastCGI application is asked about itself.
    _row("FastCGI", "9000", "php-fpm", b"\x01\x09\0\0\0\x11\0\0\x0f\0FCGI_MPXS_CONNS", rb"\x01\x0a"),
    _row("AMQP", "5672", "", b"AMQP\0\0\x09\x01", rb"\x01\0\0.{4}\0\x0a\0\x0a", wait=3.0),
    _row("DNS", "53", "dnsmasq named unbound coredns pdns_server", struct.pack(">H", len(_DNS)) + _DNS,
         rb".." + _DNS_ANSWER, datagram=_DNS, datagram_serves=_DNS_ANSWER, wait=3.0),
)  # fmt: skip


def protocol_of(port: int, program: str = "") -> Protocol | None:
    """The protocol that a program speaks, else the one that a port stands for; None: neither is known."""
    name = program.rstrip("0123456789.")  # php-fpm8.2
    for protocol in PROTOCOLS:
        if program in protocol.programs or name in protocol.programs:
            return protocol
    return next((protocol for protocol in PROTOCOLS if port in protocol.ports), None)


class Answer(NamedTuple):
    """What came back, judged. `serves` is None for an error, and for what is not understood."""

    serves: bool | None
    told: str  # a few words for people, without the answer's own secrets


def judge(received: bytes, protocol: Protocol | None, *, datagram: bool = False) -> Answer:
    """What an answer shows. `protocol` is None where the server's is not known: then any words of it count."""
    if not received:
        return Answer(None, "nothing came back")
    line = shown_line(received)
    words = f": {line}" if line else f" with {len(received)} bytes"
    if protocol is None:
        for known in (HTTP, *PROTOCOLS):
            if known.refuses is not None and known.refuses.match(received):
                return Answer(False, f"{known.name} turns the caller away{words}")
        if received.startswith(b"HTTP/"):
            return judge(received, HTTP)
        return Answer(True, f"it answers{words}")
    serves = protocol.datagram_serves if datagram else protocol.serves
    if serves is not None and serves.match(received):
        return Answer(True, f"{protocol.name} answers{words if line else ''}")
    if protocol.refuses is not None and protocol.refuses.match(received):
        return Answer(False, f"{protocol.name} turns the caller away{words}")
    return Answer(
        None, f"answers, but with an error{words}" if line else f"answers, but not in {protocol.name}"
    )


def shown_line(received: bytes) -> str:
    """The first line of text in an answer as people may see it: masked, cut, without bytes that are no text."""
    lines = (re.findall(rb"[\x20-\x7e\x80-\xff]{4,}", line) for line in received[:2048].split(b"\n"))
    runs: list[bytes] = next((found for found in lines if found), [])
    text = " ".join(run.decode("utf-8", "replace").strip() for run in runs)
    text = "".join(one for one in text if one.isprintable() and one != "\ufffd").strip()
    return mask_cut(text)[:_SHOWN]
