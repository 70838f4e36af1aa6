"""What imglint's own limits and its closed network did to a container: that is no fault of the image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .observation import Check, Verdict
from .session import Conditions
from .watch import Run

# What a program that can't go on blames it for. Where several say so, it is whichever stopped it.
_NO_PROCESS = re.compile(
    r"fork: (?:retry|Cannot allocate|Resource temporarily)|can't fork|Cannot fork|[Ff]ailed to fork"
    r"|can't start new thread|pthread_create failed|unable to create (?:new )?native thread"
    r"|newosproc|Resource temporarily unavailable",
)
_NO_PRIVILEGES = re.compile(r'"?no new privileges"? flag', re.IGNORECASE)
_NO_MEMORY = re.compile(
    r"Cannot allocate memory|OutOfMemoryError|std::bad_alloc|\bMemoryError\b|out of memory", re.IGNORECASE
)
_NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|could not resolve host|couldn't resolve host|Name or service not known"
    r"|bad address '[\w.-]|Network is unreachable|ENETUNREACH|EAI_AGAIN|ENOTFOUND|no such host|UnknownHostException"
    r"|No address associated with hostname|nodename nor servname|Name does not resolve|unknown host"
    r"|could not translate host name|No route to host|EHOSTUNREACH|failed to lookup address|server misbehaving"
    r"|unable to resolve (?:host|address)|NameResolutionError|getaddrinfo"
    r"|host not found in upstream|could not resolve address|Unknown (?:MySQL )?server host",
    re.IGNORECASE,
)
# Checks that fail with the container, or with whom it needs.
_EXCUSED = frozenset(
    "container.stays ports.exposed ports.published ports.publish-all health.by-hand health.engine".split()
)


class Hindrance(NamedTuple):
    """Which limit it was, and what to do."""

    kind: str  # "memory", "processes", "privileges" or "network"
    told: str


def hindrance(run: Run, conditions: Conditions) -> Hindrance | None:
    """What of ours kept a run from going on; None where nothing did."""
    if not run.alive and (run.out_of_memory or _NO_MEMORY.search(run.log)):
        limit = conditions.memory_bytes >> 20
        told = f"it hit the limit of {limit} MB that imglint sets. Use --memory to give it more"
        return Hindrance("memory", told)
    if run.refused_processes or (not run.alive and _NO_PROCESS.search(run.log)):
        told = f"it hit the limit of {conditions.pids_limit} processes that imglint sets. Use --pids-limit to give it more"
        return Hindrance("processes", told)
    if not conditions.new_privileges and not run.alive and _NO_PRIVILEGES.search(run.log):
        return Hindrance("privileges", "it takes privileges by sudo or the like, which imglint denies")
    waits = run.alive and not run.listening
    if not conditions.open and (
        (waits and run.seen.asks) or ((waits or not run.alive) and _NO_NETWORK.search(run.log))
    ):
        return Hindrance("network", _CUT_OFF)
    return None


_CUT_OFF = (
    "it asks for another host, and imglint gives it no way out. Use --with NAME=IMAGE to start what it needs"
    " beside it, --network for a network of yours, or --allow-egress for hosts outside"
)


def excused(
    checks: Iterable[Check], found: Hindrance | None, conditions: Conditions, log: str = ""
) -> list[Check]:
    """The checks, without a fault of the image's where the fault may be ours.

    Args:
        checks: what was found.
        found: what kept the run from going on.
        conditions: what its containers had.
        log: what the program said: one that serves without what it needs is not healthy.
    """
    out = []
    checks = tuple(checks)
    # Words for a shell that a tool takes for hosts are no hosts.
    hosts = not any(check.name == "health.static" and check.proof.get("word") for check in checks)
    for check in checks:
        told = ""
        waits = (
            found is not None
            and found.kind == "network"
            # Who has asked, and serves nothing, may yet give up.
            and (check.verdict is Verdict.NOT_OBSERVED or check.name == "container.stays")
        )
        if (check.verdict is Verdict.DISPROVED or waits) and check.name in _EXCUSED:
            if found is not None:
                told = found.told
            elif (
                check.name.startswith("health.")
                and hosts
                and not conditions.open
                and _NO_NETWORK.search(f"{_said(check)}\n{log}")
            ):
                told = _CUT_OFF
        if told:
            check = check._replace(verdict=Verdict.CANNOT_TELL, summary=f"{check.summary}; {told}")
        out.append(check)
    return out


def _said(check: Check) -> str:
    """What a health check's probes printed."""
    probes = [*(check.proof.get("runs") or ()), *(check.proof.get("log") or ())]
    return "\n".join([check.summary, *(str(probe.get("output") or "") for probe in probes)])
