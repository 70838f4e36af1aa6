"""What verify said of a server, held against what is true of it."""

from __future__ import annotations

from collections.abc import Iterator

from imglint.runner import Check, Observation, Verdict

from .server import Key, Server

_OPEN = (Verdict.NOT_OBSERVED, Verdict.CANNOT_TELL)


def wrong(server: Server, seen: Observation, *, probes: bool = True) -> list[str]:
    """A line for each claim that verify got wrong, or left open without the cause that it has to give.

    Args:
        server: what is true.
        seen: what verify saw.
        probes: whether the engine runs health probes by itself; Podman without systemd does not.
    """
    keys = dict.fromkeys([*server.expected, *server.undecided, *server.says])
    return [
        line for key in keys if probes or key[0] != "health.engine" for line in _faults(server, seen, key)
    ]


def _faults(server: Server, seen: Observation, key: Key) -> Iterator[str]:
    name = " ".join(word for word in key if word)
    check = _check(seen, key)
    if check is None:
        yield f"{name}: there is no such check"
        return
    told = f"{name}: {check.verdict}: {check.summary}"
    expected = server.expected.get(key)
    if check.verdict in _OPEN and key in server.undecided:
        if server.undecided[key] not in check.summary:
            yield f"{told}; it should be {expected}, or say {server.undecided[key]!r}"
    elif expected is not None and check.verdict is not expected:
        yield f"{told}; it should be {expected}"
    if server.says.get(key, "") not in check.summary:
        yield f"{told}; it should say {server.says[key]!r}"


def _check(seen: Observation, key: Key) -> Check | None:
    name, subject = key
    found = [one for one in seen.checks if one.name == name and subject in (None, one.subject)]
    return found[0] if len(found) == 1 else None
