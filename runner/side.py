"""A container beside the one observed, in its network and its processes: it sees what the host's /proc can't show.

It needs nothing of the image under test, and only the engine's API: so it works for images without
a shell, on engines in a virtual machine, and on other machines.
"""

from __future__ import annotations

import base64
import contextlib
import io
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..analyzer.credentials import mask
from .engine import Engine, errors
from .errors import EngineError
from .execution import Ran, run
from .proc import NET_FILES, Snapshot, Unreadable, asks, connections, parse_process, sockets

if TYPE_CHECKING:
    from .session import Container, Session

MARK = "imglint-side"  # in the argv of what runs here, so that it is told from what is observed
_SECONDS = 10.0
_APPLETS = ("sh", "cat", "base64", "tr", "kill", "sleep", "nc", "true", "head")
_MAX_BUSYBOX = 16 * 1024 * 1024

# Of each process its status and its argv, of the network the tables of sockets.
LOOK = """
for table in tcp tcp6 udp udp6 snmp; do echo "=$table"; cat /proc/net/$table 2>/dev/null; done
echo "=map"; cat /proc/1/uid_map
for place in /proc/[0-9]*; do
  echo "@"; cat $place/status 2>/dev/null; echo "+"; base64 $place/cmdline 2>/dev/null | tr -d '\\n'; echo
done
"""


def import_probe(engine: Engine, name: str) -> str:
    """Make an image with a shell to look with, under a name; its ID.

    Raises:
        EngineError: none can be made here.
    """
    data = static_busybox()
    root = io.BytesIO()
    with tarfile.open(fileobj=root, mode="w") as tar:
        for name in ("proc", "tmp"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
        program = tarfile.TarInfo("bin/busybox")
        program.size, program.mode = len(data), 0o755
        tar.addfile(program, io.BytesIO(data))
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    with errors("the side container's image"):
        engine.import_image(root.getvalue(), name)
    return str(engine.inspect_image(name)["Id"])


def static_busybox() -> bytes:
    """A busybox of this machine that needs no libraries.

    Raises:
        EngineError: there is none.
    """
    path = shutil.which("busybox")
    if path:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_BUSYBOX)
        # A dynamic program names its loader within its first page.
        if data[:4] == b"\x7fELF" and b"ld-linux" not in data[:4096] and b"ld-musl" not in data[:4096]:
            return data
    raise EngineError(
        "the side container",
        "the engine has no image for it, and this machine no static busybox to make one of",
        "name one with --probe-image, or install busybox-static",
    )


class Side:
    """A running side container. What it is asked to do it does in the other one's namespaces."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def run(self, script: str, seconds: float = _SECONDS) -> Ran:
        """Run a script of busybox's shell there."""
        engine = self._container.session.engine
        return run(engine, self._container.id, ["/bin/sh", "-c", script, MARK], seconds)

    def snapshot(self) -> Snapshot:
        """What /proc shows there.

        Raises:
            Unreadable: the side container came to an end.
        """
        ran = self.run(LOOK)
        if ran.exit_code is None or "=tcp" not in ran.output:
            raise Unreadable(
                f"the side container did not answer: {mask(ran.errors.strip())[:200] or 'no output'}"
            )
        return parse(ran.output)

    def ask(self, port: int, request: bytes, seconds: int = 2) -> bytes | None:
        """Send bytes to a port of the other one's own loopback; what comes back, None where nothing could be sent.

        Raises:
            EngineError: the engine does not answer.
        """
        # nc tells the server when its input ends. Most answer all the same, and the others are asked with patience.
        for pause in ("", f"; sleep {seconds}"):
            sent = f"(echo {base64.b64encode(request).decode()} | base64 -d{pause})"
            ran = self.run(
                f"{sent} | nc -w {seconds} 127.0.0.1 {port} | head -c 4096 | base64 | tr -d '\\n'; echo"
            )
            if ran.exit_code is None:
                return None
            with contextlib.suppress(ValueError):
                if answer := base64.b64decode(ran.output.strip()):
                    return answer
        return b""

    def signal(self, name: str, pids: Sequence[int]) -> bool:
        """Send a signal to processes, by the numbers that they have there; whether it went through."""
        return self.run(f"kill -{name} {' '.join(str(pid) for pid in pids)}").exit_code == 0


@contextlib.contextmanager
def beside(session: Session, container: Container, user: str = "0") -> Iterator[Side]:
    """A side container for as long as it is needed. It has no capabilities, and can only signal its own user's.

    Raises:
        EngineError: it can't be had here.
    """
    command = ["/bin/sh", "-c", "while :; do sleep 3600; done", MARK]
    helper = session.create_side(container, command, user)
    try:
        helper.start()
        yield Side(helper)
    finally:
        helper.remove()


def parse(text: str) -> Snapshot:
    """What the script printed."""
    head, *blocks = text.split("@\n")
    tables: dict[str, str] = {}
    for part in head.split("=")[1:]:
        name, _, content = part.partition("\n")
        tables[name] = content
    seen = []
    for block in blocks:
        status, _, rest = block.partition("+\n")
        if not status.strip():
            continue  # it ended while it was read
        with contextlib.suppress(ValueError, KeyError):
            seen.append(parse_process(status, base64.b64decode(rest.strip() or "")))
    own = {one.pid for one in seen if MARK in one.argv}
    # What was started to look has no parent in there, or ours.
    processes = tuple(sorted(one for one in seen if one.pid not in own and one.parent not in own))
    mapped = next(
        (line.split() for line in tables.pop("map", "").splitlines() if line.split()[:1] == ["0"]), []
    )
    known = {name: tables[name] for name in NET_FILES if name in tables}
    listeners, peers = sockets(known, {})
    return Snapshot(
        processes, listeners, peers, connections(known),
        user_map=(int(mapped[1]), int(mapped[2])) if len(mapped) == 3 else None,
        source="a side container", asks=asks(tables),
    )  # fmt: skip
