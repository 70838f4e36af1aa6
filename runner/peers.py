"""Whom the container dialled, and whether it had the address from its configuration instead of a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .observation import Check, Peer, Verdict
from .watch import Run


def literal(peer: Peer, run: Run, config: Mapping[str, Any]) -> str:
    """Where a peer's address stands as it is: an environment variable or an argument; "" if nowhere."""
    pairs = run.seen.environment or dict(one.partition("=")[::2] for one in config.get("Env") or ())
    for name, value in pairs.items():
        if peer.address in value:
            return f"the environment variable {name}"
    for one in run.seen.processes:
        if any(peer.address in word for word in one.argv):
            return f"the arguments of {one.program}"
    return ""


def peers_check(run: Run, config: Mapping[str, Any]) -> list[Check]:
    """A check for each peer: by address, or as far as can be seen by name."""
    checks = []
    for peer in run.seen.peers:
        if peer.address.startswith("127.") or peer.address == "::1":
            continue  # it speaks to itself
        where = literal(peer, run, config)
        subject = f"{peer.address}:{peer.port}"
        proof = {"peer": subject, "from": where}
        if where:
            summary = f"dialled by its address, which stands in {where}: no name was ever looked up"
            checks.append(Check("addresses.peers", subject, Verdict.DISPROVED, summary, proof))
        else:
            summary = "dialled; its address stands in no argument and no variable"
            checks.append(Check("addresses.peers", subject, Verdict.PROVED, summary, proof))
    return checks
