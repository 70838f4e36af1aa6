"""A service put to work: requests in its own protocol, sent from beside, and what a database keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .observation import Listener
from .protocols import HTTP, judge, protocol_of
from .side import Side

_ROUNDS = 5  # requests to a server of HTTP
_MAX_PORTS = 4
# Written, read, and saved to the disk: without a place to save to, Redis refuses writes from then on.
_REDIS = (
    b"SET imglint:exercise 1\r\nGET imglint:exercise\r\nBGSAVE\r\n",
    b"SET imglint:exercise 2\r\nDEL imglint:exercise\r\n",
)


class Exercise(NamedTuple):
    """What a service did when it was asked."""

    served: frozenset[int] = frozenset()  # ports on which an answer of the protocol came
    stores: bool = False  # a database took a value, gave it back and saved it

    @property
    def told(self) -> str:
        """What it did, for people; "" where it was asked nothing."""
        ports = ", ".join(str(one) for one in sorted(self.served))
        return f"answered on {ports}{' and stored a value' if self.stores else ''}" if ports else ""

    def lacks(self, usual: Exercise) -> str:
        """What it does not do that it usually did; "" where there is nothing."""
        missing = usual.served - self.served
        if missing:
            ports = ", ".join(str(one) for one in sorted(missing))
            return f"does not answer on {ports} any more"
        return "does not store what it is given any more" if usual.stores and not self.stores else ""


def exercise(side: Side, listeners: Iterable[Listener]) -> Exercise:
    """Ask each server of TCP that a container of ours holds. What is stored is taken back."""
    served = set()
    stores = False
    ports = {one.port: one.process for one in listeners if one.protocol == "tcp"}
    for port, program in list(ports.items())[:_MAX_PORTS]:
        protocol = protocol_of(port, program)
        if protocol is not None and protocol.name == "Redis":
            kept = _redis(side, port)
            stores = stores or kept
        asked = protocol or HTTP
        if asked.tls:
            continue  # nobody beside speaks it
        answers = (side.ask(port, asked.request) for _ in range(_ROUNDS if asked is HTTP else 1))
        if all(
            answer and judge(answer, protocol).serves for answer in answers
        ):  # the first failure is enough
            served.add(port)
    return Exercise(frozenset(served), stores)


def _redis(side: Side, port: int) -> bool:
    first = side.ask(port, _REDIS[0]) or b""
    second = side.ask(port, _REDIS[1]) or b""
    return bool(re.match(rb"\+OK\r\n\$1\r\n1\r\n\+Background", first)) and second.startswith(b"+OK")
