"""Ports: what the image declares, what really listens, and what publishing makes of it.

A published port is proved by bytes that come back, or by a socket in the container's own table
that a path which cannot lie reaches. Docker's proxy on 127.0.0.1 accepts connections for ports
that nobody listens on, so an accepted connection is no proof, and neither is its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .dial import CLOSED, DATA, REFUSED, SILENT, UNREACHABLE, Dial, dial, dial_udp, dial_until_served
from .observation import Check, Listener, Peer, Verdict
from .protocols import Protocol, protocol_of

MAX_PORTS = 32  # of wide EXPOSE ranges, each published port costs the engine two processes


class Port(NamedTuple):
    """A container port: `80/tcp`."""

    number: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


def parse_port(text: str) -> list[Port]:
    """`80`, `80/tcp` or `7000-7003/udp`; an empty list for what is no port."""
    numbers, _, protocol = text.partition("/")
    first, _, last = numbers.partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()):
        return []
    return [Port(number, protocol.lower() or "tcp") for number in range(int(first), int(last or first) + 1)]


def declared_ports(config: Mapping[str, Any]) -> list[Port]:
    """EXPOSE, port by port."""
    return sorted(port for text in config.get("ExposedPorts") or {} for port in parse_port(text))


def listening_checks(listeners: Iterable[Listener], source: str) -> list[Check]:
    """One check for each socket that waits; `source` is how they were seen."""
    return [
        Check(
            "sockets.listening", f"{listener.port}/{listener.protocol}", Verdict.PROVED,
            f"{listener.process or 'something'} listens on {listener.address}"
            + (", which only the container itself can reach" if listener.loopback else ""),
            {"address": listener.address, "uid": listener.uid, "process": listener.process, "source": source},
        )
        for listener in listeners
    ]  # fmt: skip


def exposed_checks(
    every_port: Sequence[Port], listeners: Sequence[Listener], ended: str, watched: float
) -> list[Check]:
    """EXPOSE against the sockets: each declared port, and each port that is not declared.

    Args:
        every_port: the image's EXPOSE, of which some are tried.
        listeners: the sockets that wait.
        ended: how the container ended, or "" while it runs.
        watched: seconds for which sockets were looked for.
    """
    checks = []
    proof = {
        "listening": [f"{listener.address}:{listener.port}/{listener.protocol}" for listener in listeners]
    }
    outside = [listener for listener in listeners if not listener.loopback]
    for port in every_port[:MAX_PORTS]:
        same = [listener for listener in listeners if listener.port == port.number]
        right = [one for one in same if one.protocol == port.protocol]
        if any(not one.loopback for one in right):
            verdict, summary = Verdict.PROVED, f"listens on {right[0].address}"
        elif right:
            verdict, summary = Verdict.DISPROVED, "listens on the loopback only: -p cannot reach it"
        elif same:
            verdict, summary = Verdict.DISPROVED, f"listens on {same[0].protocol}, not on {port.protocol}"
        elif ended:
            verdict, summary = Verdict.DISPROVED, f"nothing listens: {ended}"
        elif outside:
            others = ", ".join(f"{one.port}/{one.protocol}" for one in outside[:3])
            verdict, summary = (
                Verdict.DISPROVED,
                f"nothing listened within {watched:.0f} s, and {others} is served",
            )
        else:
            wait = max(10, 10 * round(watched / 5))
            told = f"nothing listens on any port after {watched:.0f} s, and it still runs. Use --wait {wait}"
            verdict, summary = Verdict.NOT_OBSERVED, f"{told} if it starts more slowly"
        checks.append(Check("ports.exposed", str(port), verdict, summary, proof))
    known = set(every_port)
    for listener in listeners:
        port = Port(listener.port, listener.protocol)
        if port in known or listener.loopback:
            continue
        known.add(port)
        checks.append(
            Check(
                "ports.undeclared", str(port), Verdict.PROVED,
                "listens, but is not declared: -P does not publish it, -p and other containers reach it", proof,
            )
        )  # fmt: skip
    return checks


def plain_check(state: Mapping[str, Any]) -> Check:
    """Without -p or -P nothing is published."""
    published = _published(state)
    verdict = Verdict.DISPROVED if published else Verdict.PROVED
    return Check(
        "ports.plain", "no option", verdict,
        "without -p and -P nothing is published" if not published else "something is published without being asked",
        {"NetworkSettings.Ports": _shown(state)},
    )  # fmt: skip


def control_check(state: Mapping[str, Any], control: Port) -> Check:
    """A published port that nothing listens on: does connecting to it lie here?"""
    target = _published(state).get(str(control))
    if target is None:
        return Check("ports.dead", str(control), Verdict.CANNOT_TELL, "the control port was not published")
    result = dial(*target)
    lies = result.outcome not in (REFUSED, UNREACHABLE)
    summary = (
        "published, nothing listens, and connecting succeeds all the same: on this path an accepted"
        " connection proves nothing"
        if lies
        else "published, nothing listens, and connecting is refused: this path tells the truth"
    )
    return Check(
        "ports.dead", str(control), Verdict.PROVED, summary, {"dial": result.proof(), "accepts": lies}
    )


def published_check(
    name: str,
    port: Port,
    state: Mapping[str, Any],
    listeners: Sequence[Listener],
    *,
    reachable: bool,
    local: bool = True,
    arrived: Callable[[], frozenset[Peer]] | None = None,
) -> Check:
    """Whether a published port serves, from end to end.

    Args:
        name: the check's name, "ports.published" or "ports.publish-all".
        port: the container's port.
        state: the container as the engine describes it now.
        listeners: its sockets now.
        reachable: whether this machine reaches the container's own address.
        local: whether the engine publishes on this machine's addresses.
        arrived: the connections that the container has now on this port. What answers at a published
            port may be anything: only a connection that came in proves that it was the container.
    """
    target = _published(state).get(str(port))
    waiting = [
        listener
        for listener in listeners
        if listener.port == port.number and listener.protocol == port.protocol
    ]
    proof: dict[str, Any] = {
        "NetworkSettings.Ports": _shown(state),
        "listening": [f"{one.address}:{one.port}" for one in waiting],
    }
    if target is None:
        return Check(name, str(port), Verdict.DISPROVED, "is not published", proof)
    where = f"published on {_shown_address(*target)}"
    open_to_others = [one for one in waiting if not one.loopback]
    if not open_to_others:
        why = (
            "its server listens on the loopback only" if waiting else "nothing listens on it in the container"
        )
        if port.protocol == "tcp" and local:
            result = dial(*target)
            proof["published"] = result.proof()
            if result.outcome in (CLOSED, SILENT):
                why += ", though connecting succeeds: the engine's proxy accepts for it"
        # While nobody listens anywhere it may still be starting.
        nobody = not waiting and all(listener.loopback for listener in listeners)
        verdict = Verdict.NOT_OBSERVED if nobody else Verdict.DISPROVED
        return Check(name, str(port), verdict, f"{where}, but {why}", proof)
    if not local:
        summary = f"{where} of the engine's machine and bound in the container; it can't be dialled from here"
        return Check(name, str(port), Verdict.CANNOT_TELL, summary, proof)
    protocol = protocol_of(port.number, open_to_others[0].process)
    if port.protocol != "tcp":
        answered = dial_udp(*target, protocol)
        proof["published"] = answered.proof()
        verdict, summary = _answered(where, answered)
        return Check(name, str(port), verdict, summary, proof)
    result, came = _dialled(target, 1.5, protocol, arrived)
    proof["published"] = result.proof()
    direct = None
    # Whose fault it is that nothing serves, the container's own address tells.
    if not result.serves and reachable and (address := address_of(state)):
        direct, there = _dialled((address, port.number), 0.8, protocol, arrived)
        proof["container"] = direct.proof()
        if not there and direct.outcome not in (REFUSED, UNREACHABLE):
            direct = None  # it was something on the way that answered
    sixth = _published_6(state, port)
    if sixth is not None and sixth != target:
        proof["published on IPv6"] = dial_until_served(*sixth, 0.5, protocol).proof()
    verdict, summary = _served(where, result, direct, came=bool(came))
    if verdict is Verdict.PROVED and arrived is not None:
        proof["connections that arrived"] = [f"{one.address}:{one.port}" for one in sorted(came)]
        if not came:
            verdict = Verdict.CANNOT_TELL
            summary = f"{where}, but no connection arrived in the container: what answers there may be something else"
    return Check(name, str(port), verdict, summary, proof)


def _dialled(
    target: tuple[str, int],
    seconds: float,
    protocol: Protocol | None,
    arrived: Callable[[], frozenset[Peer]] | None,
) -> tuple[Dial, set[Peer]]:
    """An attempt, and the connections that came into the container meanwhile."""
    before = arrived() if arrived is not None else frozenset()
    came: set[Peer] = set()

    def look() -> None:
        if arrived is not None:
            came.update(arrived() - before)

    return dial_until_served(*target, seconds, protocol, look), came


def _answered(where: str, result: Dial) -> tuple[Verdict, str]:
    """What an attempt shows by itself: an error, and no answer at all, prove nothing in either direction."""
    if result.serves:
        return Verdict.PROVED, f"{where} and serves: {result.answer.told}"
    if result.answer.serves is False:
        return Verdict.DISPROVED, f"{where}, but {result.answer.told}"
    if result.outcome == DATA:
        return Verdict.NOT_OBSERVED, f"{where}; the server {result.answer.told}"
    return (
        Verdict.NOT_OBSERVED,
        f"{where} and bound in the container, but nothing came back: what it serves takes its own protocol",
    )


def _served(where: str, result: Dial, direct: Dial | None, *, came: bool) -> tuple[Verdict, str]:
    if result.outcome in (REFUSED, UNREACHABLE):
        return Verdict.DISPROVED, f"{where}, but connecting there is {result.outcome}"
    if result.outcome != DATA:
        if direct is None and not came:
            told = f"{where} and bound, but only the engine's proxy was reached, and it said nothing"
            return Verdict.CANNOT_TELL, told
        if direct is not None and direct.outcome == REFUSED:
            return Verdict.DISPROVED, f"{where}, but the container itself refuses the connection"
        if direct is not None and direct.serves:
            return Verdict.DISPROVED, f"{where}, but only the container's own address serves"
    return _answered(where, result)


def publish_all_nothing(state: Mapping[str, Any]) -> Check:
    """-P without EXPOSE."""
    published = _published(state)
    verdict = Verdict.DISPROVED if published else Verdict.PROVED
    summary = "the image declares no port, so -P publishes nothing"
    return Check("ports.publish-all", "-P", verdict, summary, {"NetworkSettings.Ports": _shown(state)})


def address_of(state: Mapping[str, Any]) -> str:
    """The container's own address on the network that it was created in, before one with its services."""
    networks = (state.get("NetworkSettings") or {}).get("Networks") or {}
    first = (state.get("HostConfig") or {}).get("NetworkMode")
    if first in networks:
        return str(networks[first].get("IPAddress") or "")
    return next((network.get("IPAddress") or "" for network in networks.values()), "")


def published_address(state: Mapping[str, Any], port: Port) -> tuple[str, int] | None:
    """Where a port is published on the host, by the engine's word; None where it is not."""
    return _published(state).get(str(port))


def _published(state: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """`80/tcp` → address and port on the host, as the engine says they are, not as was asked: IPv4's, if there is one."""
    ports = (state.get("NetworkSettings") or {}).get("Ports") or {}
    out: dict[str, tuple[str, int]] = {}
    for name, bindings in ports.items():
        for binding in sorted(bindings or (), key=lambda one: ":" in (one.get("HostIp") or "")):
            host = str(binding.get("HostIp") or "127.0.0.1")
            out[name] = (_EVERYWHERE.get(host, host), int(binding["HostPort"]))
            break
    return out


_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def _published_6(state: Mapping[str, Any], port: Port) -> tuple[str, int] | None:
    """Where a port is published on an IPv6 address, if it is."""
    bindings = ((state.get("NetworkSettings") or {}).get("Ports") or {}).get(str(port)) or ()
    for binding in bindings:
        if ":" in (binding.get("HostIp") or ""):
            host = str(binding["HostIp"])
            return _EVERYWHERE.get(host, host), int(binding["HostPort"])
    return None


def _shown_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _shown(state: Mapping[str, Any]) -> Any:
    return (state.get("NetworkSettings") or {}).get("Ports") or {}
