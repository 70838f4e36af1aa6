"""Whether a container has a way out: what a dial from inside shows, held against the same dial from this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import NamedTuple

from .observation import Check, Verdict

NOBODY = "192.0.2.1"  # TEST-NET-1 of RFC 5737: no machine has it
_PORT = 53
_RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")


class Dialled(NamedTuple):
    """What came of dialling another machine from inside, as its nc told it."""

    target: str
    log: str

    @property
    def reached(self) -> bool:
        """Whether the other end took the connection."""
        return "dialled 0" in self.log

    @property
    def refused(self) -> bool:
        """Whether an answer came, which was a refusal."""
        return "refused" in self.log

    @property
    def unroutable(self) -> bool:
        """Whether its routing table leads nowhere but to its own network: "unreachable" alone may be a router's word."""
        rows = [line.split() for line in self.log.splitlines()]
        known = any(row[:2] == ["Iface", "Destination"] for row in rows)
        return known and not any(len(row) > 7 and row[1] == "00000000" for row in rows)


def target() -> str:
    """Another machine that this one speaks to anyway: its name server. `NOBODY` where none is known."""
    for path in _RESOLVERS:
        for address in _nameservers(path):
            if address.version == 4 and not address.is_loopback:
                return str(address)
    return NOBODY


def _nameservers(path: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = stream.read(65536).splitlines()
    except OSError:
        return
    for line in lines:
        word, _, value = line.strip().partition(" ")
        if word == "nameserver":
            try:
                yield ipaddress.ip_address(value.strip().partition("%")[0])
            except ValueError:
                continue


def dialling(address: str) -> str:
    """The line of busybox's shell that dials it once, and tells what came of that in the container's log."""
    return f"cat /proc/net/route; nc -w 2 {address} {_PORT} </dev/null 2>&1; echo dialled $?"


def egress_check(found: Dialled, ports: str, *, local: bool) -> Check:
    """Whether the container had a way out. A fault of the engine's at most, never of the image.

    Args:
        found: the dial from inside.
        ports: "without published ports" or "with published ports": the network is another one.
        local: whether the engine is on this machine, so that the same dial can be made from here.
    """

    def told(verdict: Verdict, summary: str) -> Check:
        proof = {"dialled": f"{found.target}:{_PORT}", "inside": found.log.strip()[-500:], "here": here}
        return Check("engine.isolation", ports, verdict, summary, proof)

    here = ""
    if found.unroutable:
        return told(Verdict.PROVED, "no way out to other machines: nothing can be sent there")
    if found.reached:
        return told(
            Verdict.DISPROVED, f"egress is open on this engine: {found.target} was reached from inside"
        )
    here = _answers(found.target) if local and found.target != NOBODY else ""
    if not here:
        if found.refused:
            return told(Verdict.DISPROVED, "egress is open on this engine: an answer came from outside")
        return told(Verdict.NOT_OBSERVED, "no way out was seen, but no other machine is known to try it on")
    if found.refused and here == "refused":
        return told(Verdict.DISPROVED, f"egress is open on this engine: {found.target} answered")
    return told(
        Verdict.PROVED,
        f"no way out to other machines: {found.target} answers this one, and not the container",
    )


def _answers(address: str) -> str:
    """What this machine gets from there: "accepted", "refused", or "" for nothing."""
    try:
        socket.create_connection((address, _PORT), timeout=2).close()
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return ""
    return "accepted"
