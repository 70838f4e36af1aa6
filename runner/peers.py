"""Whom the container dialled, and whether it had the address from its configuration instead of a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .observation import Check, Peer, Verdict
from .watch import Run


def names(text: str, address: str) -> bool:
    """Whether a text holds an address, and not a longer one that begins or ends like it."""
    around = r"[\da-fA-F:.]" if ":" in address else r"[\d.]"
    behind = r"[\da-fA-F:]" if ":" in address else r"\d|\.\d"
    return re.search(rf"(?<!{around}){re.escape(address)}(?!{behind})", text) is not None


def literal(peer: Peer, run: Run, config: Mapping[str, Any]) -> str:
    """Where a peer's address stands as it is: an environment variable or an argument; "" if nowhere."""
    pairs = run.seen.environment or dict(one.partition("=")[::2] for one in config.get("Env") or ())
    for name, value in pairs.items():
        if names(value, peer.address):
            return f"the environment variable {name}"
    for process in run.seen.processes:
        if any(names(word, peer.address) for word in process.argv):
            return f"the arguments of {process.program}"
    return ""


def peers_check(run: Run, config: Mapping[str, Any]) -> list[Check]:
    """A check for each peer: by address, or as far as can be seen by name."""
    checks = []
    for peer in run.seen.peers:
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
