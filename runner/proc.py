"""A container's processes and sockets, from /proc.

On the engine's own machine the host's /proc shows them, without any tool in the image. Elsewhere
a side container (side.py) joins the same namespaces and reads them there.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from .observation import Listener, Peer, Process, is_loopback

_LISTEN = "0A"
_ESTABLISHED = "01"
_UNCONNECTED = "07"
_DIALLING = "02"
NET_FILES = ("tcp", "tcp6", "udp", "udp6")
COUNTERS = "snmp"  # how much was sent
_MAX_PROCESSES = 2000
_MAX_OPEN = 4096  # descriptors of one process
HOST_PROC = "the host's /proc"  # a place to look from
_ENGINE_RESOLVER = "127.0.0.11"


class Snapshot(NamedTuple):
    """What /proc showed at one moment."""

    processes: tuple[Process, ...] = ()
    listeners: tuple[Listener, ...] = ()
    peers: tuple[Peer, ...] = ()
    connections: frozenset[tuple[int, Peer]] = frozenset()  # near port and far end, also of those just closed
    environment: Mapping[str, str] | None = None  # of PID 1; None where it may not be read
    executable: str = ""  # of PID 1; "" where it may not be read
    user_map: tuple[int, int] | None = None  # the host's uid for uid 0 inside, and how many follow
    source: str = ""  # how it was read
    directory: str = ""  # of PID 1; "" where it may not be read
    refused_processes: bool = False  # whether the kernel has refused it a process, since it has too many
    asks: bool = False  # whether it has asked for another host, as for a name


class Unreadable(Exception):  # noqa: N818  (a state, not a fault)
    """The host's /proc is not the engine's, or may not be read; the text says why."""


def snapshot(host_pid: int, container: str) -> Snapshot:
    """The container whose PID 1 is `host_pid` on this machine.

    Raises:
        Unreadable: that process is not this container's, or is none of our business.
    """
    base = f"/proc/{host_pid}"
    try:
        namespace = os.readlink(f"{base}/ns/pid")
        with open(f"{base}/cgroup", encoding="utf-8") as stream:
            if container not in stream.read() and namespace == os.readlink("/proc/self/ns/pid"):
                raise Unreadable("the engine's processes are not this machine's")
        executable = os.readlink(f"{base}/exe")
    except (FileNotFoundError, ProcessLookupError):
        raise Unreadable("the process is gone, or the engine runs on another machine") from None
    except PermissionError:
        raise Unreadable("reading the processes of others takes root") from None
    seen = list(_processes(namespace))
    own_pid = {one.host_pid: one.pid for one in seen}
    processes = tuple(sorted(one._replace(parent=own_pid.get(one.parent, 0)) for one in seen))
    tables = {}
    for name in (*NET_FILES, COUNTERS):
        with contextlib.suppress(OSError), open(f"{base}/net/{name}", encoding="ascii") as stream:
            tables[name] = stream.read()
    known = {name: tables[name] for name in NET_FILES if name in tables}
    listeners, dialled = sockets(known, _holders(processes))
    return Snapshot(
        processes,
        listeners,
        dialled,
        connections(known),
        _environment(base),
        executable,
        _user_map(base),
        HOST_PROC,
        _directory(base),
        _refused_processes(base),
        asks(tables),
    )


def _directory(base: str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"{base}/cwd")
    return ""


def _refused_processes(base: str) -> bool:
    """Whether the limit of processes was hit, by the control group's own count."""
    with contextlib.suppress(OSError, ValueError), open(f"{base}/cgroup", encoding="utf-8") as stream:
        for line in stream:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if controllers in ("", "pids"):
                place = f"/sys/fs/cgroup/{controllers}{path}/pids.events"
                with contextlib.suppress(OSError), open(place, encoding="ascii") as events:
                    return any(int(event.split()[1]) > 0 for event in events if event.startswith("max "))
    return False


def connections(tables: Mapping[str, str]) -> frozenset[tuple[int, Peer]]:
    """The near port and the far end of every TCP connection, whatever has become of it."""
    out = set()
    for name, text in tables.items():
        for line in text.splitlines()[1:] if name.startswith("tcp") else ():
            fields = line.split()
            if len(fields) > 3 and fields[3] != _LISTEN:
                out.add((_endpoint(fields[1])[1], Peer(*_endpoint(fields[2]))))
    return frozenset(out)


def asks(tables: Mapping[str, str]) -> bool:
    """Whether it has asked for another host: a datagram was sent, or had no way, or a connection has no answer yet.

    Args:
        tables: the texts of /proc/net/tcp and so on, and of /proc/net/snmp. Its counters begin with the container.
    """
    words = [line.split() for line in tables.get(COUNTERS, "").splitlines()]
    counters = {
        (head[0], name): value
        for head, values in zip(words[::2], words[1::2], strict=False)
        for name, value in zip(head[1:], values[1:], strict=False)
    }
    if any(counters.get(one, "0") != "0" for one in (("Udp:", "OutDatagrams"), ("Ip:", "OutNoRoutes"))):
        return True
    lines = [line.split() for name in ("tcp", "tcp6") for line in tables.get(name, "").splitlines()[1:]]
    return any(fields[3] == _DIALLING for fields in lines if len(fields) > 3)


def sockets(
    tables: Mapping[str, str], holders: Mapping[str, str]
) -> tuple[tuple[Listener, ...], tuple[Peer, ...]]:
    """What waits, and what was dialled.

    Args:
        tables: the texts of /proc/net/tcp and so on.
        holders: the programs that hold sockets, by inode, as far as they are known.
    """
    listeners: list[Listener] = []
    far_ends: list[tuple[Peer, int]] = []
    for name, text in tables.items():
        found, far = parse_sockets(name, text, holders)
        listeners += found
        far_ends += far
    ports = {(listener.protocol, listener.port) for listener in listeners}
    # The near end of an accepted connection has the port of a listener; the others were dialled.
    # Who speaks to itself has no peer.
    dialled = dict.fromkeys(
        one for one, near in far_ends if ("tcp", near) not in ports and not is_loopback(one.address)
    )
    # A program with a thread for each CPU may have a socket for each of them on one port.
    once = {
        (listener.protocol, listener.address, listener.port): listener for listener in reversed(listeners)
    }
    return tuple(reversed(once.values())), tuple(dialled)


def _holders(processes: tuple[Process, ...]) -> dict[str, str]:
    """The inodes of sockets → the programs that have them open."""
    out: dict[str, str] = {}
    for process in processes:
        directory = f"/proc/{process.host_pid}/fd"
        with contextlib.suppress(OSError):
            for name in os.listdir(directory)[:_MAX_OPEN]:
                with contextlib.suppress(OSError):
                    target = os.readlink(f"{directory}/{name}")
                    if target.startswith("socket:["):
                        out.setdefault(target[8:-1], process.program)
    return out


def _user_map(base: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError, ValueError), open(f"{base}/uid_map", encoding="ascii") as stream:
        for line in stream:
            inside, outside, count = (int(word) for word in line.split())
            if inside == 0:
                return outside, count
    return None


def _processes(namespace: str) -> Iterator[Process]:
    count = 0
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.readlink(f"/proc/{name}/ns/pid") != namespace:
                continue
            with open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as stream:
                status = stream.read()
            with open(f"/proc/{name}/cmdline", "rb") as raw:
                cmdline = raw.read()
        except OSError:
            continue  # it has ended meanwhile
        process = parse_process(status, cmdline)
        yield process._replace(awaits_signals=process.pid == 1 and _awaits_signals(f"/proc/{name}/syscall"))
        count += 1
        if count == _MAX_PROCESSES:
            return


# What sigwait, sigwaitinfo and sigtimedwait call, by architecture.
_SIGTIMEDWAIT = {"x86_64": "128", "aarch64": "137"}


def _awaits_signals(path: str) -> bool:
    """Whether a process waits for signals just now: the kernel shows those that it waits for as not blocked."""
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read().split()[:1] == [_SIGTIMEDWAIT.get(os.uname().machine, "-")]
    except OSError:
        return False


def parse_process(status: str, cmdline: bytes) -> Process:
    """A process from its status and cmdline; `pid` as its own namespace counts, `parent` as the host."""
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    own = fields.get("NSpid", fields.get("Pid", "0")).split()
    argv = (
        tuple(one.decode("utf-8", "replace") for one in cmdline.rstrip(b"\0").split(b"\0")) if cmdline else ()
    )
    if not argv:
        argv = (fields.get("Name", "").strip(),)  # a zombie has no cmdline any more
    return Process(
        pid=int(own[-1]),
        parent=int(fields.get("PPid", "0")),
        uid=int(fields["Uid"].split()[1]) if "Uid" in fields else None,
        gid=int(fields["Gid"].split()[1]) if "Gid" in fields else None,
        argv=argv,
        state=fields.get("State", "").strip()[:1],
        capabilities=int(fields["CapEff"], 16) if "CapEff" in fields else None,
        no_new_privileges=fields["NoNewPrivs"].strip() == "1" if "NoNewPrivs" in fields else None,
        caught_signals=int(fields["SigCgt"], 16) if "SigCgt" in fields else 0,
        ignored_signals=int(fields["SigIgn"], 16) if "SigIgn" in fields else 0,
        blocked_signals=int(fields["SigBlk"], 16) if "SigBlk" in fields else 0,
        groups=tuple(int(one) for one in fields.get("Groups", "").split()),
        host_pid=int(own[0]),
    )


def parse_sockets(
    name: str, content: str, holders: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[Listener], list[tuple[Peer, int]]]:
    """The listeners, and the far ends of connections with their near ports, of a /proc/net file."""
    protocol = name[:3]
    listeners = []
    peers = []
    for line in content.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        address, port = _endpoint(fields[1])
        far_address, far_port = _endpoint(fields[2])
        state = fields[3]
        waiting = state == _LISTEN if protocol == "tcp" else state == _UNCONNECTED and not far_port
        # The engine's own resolver sits inside the container's network, too.
        if waiting and port and address != _ENGINE_RESOLVER:
            holder = holders.get(fields[9], "") if len(fields) > 9 else ""
            listeners.append(Listener(protocol, address, port, int(fields[7]), holder))
        elif protocol == "tcp" and state == _ESTABLISHED:
            peers.append((Peer(far_address, far_port), port))
    return listeners, peers


def _endpoint(text: str) -> tuple[str, int]:
    """`0100007F:22B8`: the address word by word in the machine's order, the port in plain hex."""
    host, _, port = text.partition(":")
    # The kernel prints each word of 32 bits as a number of its own byte order.
    packed = b"".join(struct.pack("=I", int(host[at : at + 8], 16)) for at in range(0, len(host), 8))
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed), int(port, 16)
    if packed[:12] == b"\0" * 10 + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, packed[12:]), int(port, 16)
    return socket.inet_ntop(socket.AF_INET6, packed), int(port, 16)


def _environment(base: str) -> dict[str, str] | None:
    try:
        with open(f"{base}/environ", "rb") as stream:
            pairs = stream.read().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return None
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs) if name}
