"""Runs containers on Docker and says whether a claim holds, never whether that is a fault."""

from .observation import Check, Listener, Observation, Peer, Process, Verdict, Write

__all__ = ["Check", "Listener", "Observation", "Peer", "Process", "Verdict", "Write"]
