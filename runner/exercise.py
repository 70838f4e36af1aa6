"""A service put to work: requests in its own protocol, sent from beside, and what a database keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from .execution import run
from .observation import Listener
from .protocols import HTTP, judge, protocol_of
from .side import Side

if TYPE_CHECKING:
    from .session import Container

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


def exercise(container: Container, side: Side, listeners: Iterable[Listener]) -> Exercise:
    """Ask each server of TCP that a container of ours holds. What is stored is taken back."""
    served = set()
    stores = False
    ports = {listener.port: listener.process for listener in listeners if listener.protocol == "tcp"}
    for port, program in list(ports.items())[:_MAX_PORTS]:
        protocol = protocol_of(port, program)
        if protocol is not None and protocol.name == "Redis":
            stores = _redis(side, port) or stores
        elif protocol is not None and protocol.name in _CLIENTS:
            stores = _by_its_client(container, _CLIENTS[protocol.name]) or stores
        asked = protocol or HTTP
        if asked.tls:
            continue  # nobody beside speaks it
        answers = (side.ask(port, asked.request) for _ in range(_ROUNDS if asked is HTTP else 1))
        if all(
            answer and judge(answer, protocol).serves for answer in answers
        ):  # the first failure is enough
            served.add(port)
    return Exercise(frozenset(served), stores)


# The database's own client, in its own container, as the image's user: whom it lets in so is its affair.
_TABLE = (
    "CREATE TABLE {0}imglint_exercise (a int); INSERT INTO {0}imglint_exercise VALUES (4711);"
    " SELECT a FROM {0}imglint_exercise; DROP TABLE {0}imglint_exercise;"
)
_CLIENTS = {
    "PostgreSQL": ["psql", "-v", "ON_ERROR_STOP=1", "-AtX", "-d", "postgres", "-c", _TABLE.format(""), "-c", "CHECKPOINT"],
    "MySQL": ["mysql", "-N", "-e", "CREATE DATABASE imglint_exercise; " + _TABLE.format("imglint_exercise.")
              + " DROP DATABASE imglint_exercise"],
}  # fmt: skip
_CLIENT_SECONDS = 15.0


def _by_its_client(container: Container, command: list[str]) -> bool:
    ran = run(container.session.engine, container.id, command, _CLIENT_SECONDS)
    return ran.exit_code == 0 and "4711" in ran.output


def _redis(side: Side, port: int) -> bool:
    first = side.ask(port, _REDIS[0]) or b""
    second = side.ask(port, _REDIS[1]) or b""
    return bool(re.match(rb"\+OK\r\n\$1\r\n1\r\n\+Background", first)) and second.startswith(b"+OK")
