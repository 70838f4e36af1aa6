"""Runs containers on Docker and says whether a claim holds, never whether that is a fault."""

from .engine import Engine, connect
from .errors import EngineError
from .observation import Check, Listener, Observation, Peer, Process, Verdict, Write
from .verify import verify

__all__ = [
    "Check", "Engine", "EngineError", "Listener", "Observation", "Peer", "Process", "Verdict", "Write", "connect",
    "verify",
]  # fmt: skip
