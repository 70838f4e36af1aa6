"""What was seen of a container: records without judgement."""

import enum
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .cleanup import Receipt
    from .harden import Hardening


class Verdict(enum.StrEnum):
    """What a check says of a claim. The last two are never a pass."""

    PROVED = "proved"
    DISPROVED = "disproved"
    NOT_OBSERVED = "not observed"
    CANNOT_TELL = "engine cannot tell"


class Check(NamedTuple):
    """One claim put to the test. `proof` holds calls and answers in JSON's own types."""

    name: str  # stable, as "ports.published"
    subject: str  # as "8888/tcp"
    verdict: Verdict
    summary: str  # one sentence for people
    proof: Mapping[str, Any] = {}


_INTERPRETER = re.compile(r"(?:python|pypy|perl|ruby|node|nodejs|php|java|bun|deno|lua)[\d.]*")


class Process(NamedTuple):
    """A process as the container's own /proc shows it."""

    pid: int
    parent: int = 0
    uid: int | None = None
    gid: int | None = None
    argv: tuple[str, ...] = ()
    state: str = ""  # one letter, as in /proc/PID/stat
    capabilities: int | None = None  # CapEff
    no_new_privileges: bool | None = None
    caught_signals: int = 0  # SigCgt: bit n-1 stands for signal n
    ignored_signals: int = 0  # SigIgn
    blocked_signals: int = 0  # SigBlk: what an init takes by sigwait, or by signalfd
    awaits_signals: bool = False  # it was in sigwait when it was looked at; of PID 1 alone
    groups: tuple[int, ...] = ()
    host_pid: int = 0

    @property
    def program(self) -> str:
        """The name of the program: the last part of its argv[0], without a login shell's dash."""
        name = (self.argv[0] if self.argv else "").split(":")[0]
        if len(self.argv) == 1:
            name = name.split(" ")[0]  # a title that it has given itself, as "redis-server *:6379"
        return name.rpartition("/")[2].lstrip("-")

    @property
    def service(self) -> str:
        """What it does: of an interpreter the script, module or archive that it runs, else the program."""
        name = self.program
        if not _INTERPRETER.fullmatch(name):
            return name
        words = iter(self.argv[1:])
        for word in words:
            if word in ("-m", "-jar"):
                return next(words, name).rpartition("/")[2]
            if word in ("-c", "-e", "-cp", "-classpath", "--class-path"):
                if word in ("-c", "-e"):
                    return name
                next(words, "")
            elif not word.startswith("-"):
                return word.rpartition("/")[2] or name
        return name


def is_loopback(address: str) -> bool:
    """Whether only the container itself is there."""
    return address.startswith("127.") or address == "::1"


class Listener(NamedTuple):
    """A socket that waits for peers: TCP in LISTEN, or UDP that is bound and not connected."""

    protocol: str  # "tcp" or "udp"
    address: str  # as "0.0.0.0", "::", "127.0.0.1"
    port: int
    uid: int | None = None
    process: str = ""  # the program that holds it, where that can be seen

    @property
    def loopback(self) -> bool:
        """Bound where only the container itself can reach it."""
        return is_loopback(self.address)


class Peer(NamedTuple):
    """The far end of an established connection that the container opened."""

    address: str
    port: int


class Write(NamedTuple):
    """A path of the writable layer that differs from the image."""

    path: str
    kind: str  # "added", "modified" or "deleted"
    bytes: int | None = None  # None for directories and what is gone
    executable: bool = False
    unsized: bool = False  # there were too many to ask for the size of each


class Observation(NamedTuple):
    """What one run of an image showed, and the checks drawn from it."""

    image: str = ""  # the name that the user gave
    image_id: str = ""
    engine: str = ""  # as "docker 20.10.24"
    started: bool = True
    alive: bool = True  # still running when the watch ended
    exit_code: int | None = None
    error: str = ""  # the engine's own word, where the container did not start
    seconds: float = 0.0  # how long it was watched
    seen_from: str = ""  # the place that showed its processes and sockets; "" where none did
    log: str = ""  # the last lines of its output
    processes: tuple[Process, ...] = ()
    listeners: tuple[Listener, ...] = ()
    peers: tuple[Peer, ...] = ()
    writes: tuple[Write, ...] = ()
    volumes: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}  # of PID 1, or as it was given to it; never printed
    checks: tuple[Check, ...] = ()
    hardening: "Hardening | None" = None  # the least that it needs, where that was asked for
    problem: str = ""  # why the engine could not do all of it; what was seen before that holds
    notes: tuple[str, ...] = ()  # how it was started, and what earlier runs, or others, left on the engine
    started_otherwise: str = ""  # what of the image was replaced: its user, its program
    receipt: "Receipt | None" = None  # what the run removed at its end
