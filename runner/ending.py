"""Why a container ended, as far as its own log and its exit code say it, and which option to add."""

from __future__ import annotations

import posixpath
import re
import signal
from typing import NamedTuple

from ..analyzer.credentials import mask
from .start import Start

_LAST = 20  # lines of the log; what stands further up was survived
_LONGEST = 500  # characters of a line


class Reason(NamedTuple):
    """What a log names as missing, in one sentence, and what to add."""

    kind: str  # "variable", "key", "host", "peer", "file", "permission", "read-only", "port" or "program"
    name: str
    told: str
    use: str  # "" where no option would help

    def __str__(self) -> str:
        return f"{self.told}. Use {self.use}" if self.use else self.told


_VARIABLE = r"[`'\"$]*(?P<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)[`'\"]*"
_PATH = r"(?P<name>/[^\s'\"`:,;()]+)"
_HOST = r"[`'\"]?(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*)"

_ENV = r"(?i:env(?:ironment)?(?: var(?:iable)?s?)?)"
_ENDS = (
    r"(?=\s*(?:$|[.,;:!)]|(?:but|and|for|to|by|in|at|from|on)\b))"  # else the word may belong to what follows
)
_UNSET = rf"not (?:set|defined|provided|specified|been set)|(?:unset|undefined|missing|required|empty){_ENDS}"
_LOOKUP = r"(?:no such host|server misbehaving|Temporary failure|i/o timeout|Try again)"
_UNKNOWN = r"(?:Name or service not known|Temporary failure in name resolution|Name does not resolve)"

# How programs say that something is missing: what it is, and the words around its name.
_SAYINGS: tuple[tuple[str, str], ...] = (
    # sh, bash, dash and busybox
    ("variable", r"(?:^|[\s:])(?P<name>[A-Za-z_]\w*): (?:unbound variable|parameter (?:null or )?not set(?: or null)?)"),
    # Python's os.environ, which stands in the traceback; Ruby's ENV.fetch
    ("variable", r"(?s:(?:\benviron\b|<frozen os>|/os\.py).{0,600}?)^KeyError: '(?P<name>[^'\n]+)'"),
    ("key", r"^KeyError: '(?P<name>[A-Z][A-Z0-9_]*)'"),
    ("variable", r"key not found: \"(?P<name>[A-Z][A-Z0-9_]*)\" \(KeyError\)"),
    ("variable", r"required key (?P<name>[A-Z][A-Z0-9_]*) missing value"),
    # "environment variable X is missing", "environment variable not set: X", "missing required env var X"
    ("variable", rf"{_ENV}:?\s+{_VARIABLE}\s+(?i:is|was|are|must|not|isn't|has|needs|required|missing)\b(?! set\b)"),
    ("variable", rf"{_ENV} (?i:(?:is |was |are )?(?:not (?:set|found|defined)|missing|required|unset)): {_VARIABLE}"),
    ("variable", rf"(?i:missing|required|unset|undefined|no|not set)\b[^\n]{{0,30}}\b{_ENV}[^\n:]{{0,20}}:?\s+{_VARIABLE}"),
    # "X environment variable is not set", "X must be set", "you must specify X"
    ("variable", rf"{_VARIABLE}\s+(?:{_ENV}\s+)?(?i:is|was|has) (?i:{_UNSET})"),
    ("variable", rf"{_VARIABLE}\s+(?:{_ENV}\s+)?(?i:must|has to|needs to) be (?i:set|defined|provided|specified|given)"),
    ("variable", rf"(?i:must|need to|have to|please) (?i:specify|set|provide|define)\s+(?i:one of\s+|the\s+)?{_VARIABLE}"),
    ("variable", r"(?i:specify one of the following as an environment variable):?\s*\n\s*-\s*(?P<name>[A-Z][A-Z0-9_]*)"),
    ("variable", r"Could not resolve placeholder '(?P<name>[A-Z][A-Z0-9_]*)'"),
    # Names of other machines
    ("host", rf"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) {_HOST}"),
    ("host", r"could not translate host name \"(?P<name>[^\"\n]+)\""),
    ("host", rf"lookup {_HOST}(?: on [\d.:\[\]]+)?: {_LOOKUP}"),
    ("host", rf"(?i:could not|couldn't|unable to|failed to) resolve (?:host|address|hostname)?:? ?{_HOST}"),
    ("host", r"bad address '(?P<name>[\w.-]+)(?::\d+)?'"),
    ("host", r"Unknown (?:MySQL )?server host '(?P<name>[^'\n]+)'"),
    ("host", r"UnknownHostException: (?P<name>[\w.-]+)"),
    ("host", r"host not found in upstream \"(?P<name>[\w.-]+)"),
    ("host", r"NameResolutionError\([^\n]*host='(?P<name>[\w.-]+)'"),
    ("host", rf"(?P<name>[A-Za-z][\w.-]*): {_UNKNOWN}"),
    # Machines that were reached, on which nobody listens
    ("peer", r"ECONNREFUSED (?P<name>[\d.]+:\d+|\[?[0-9a-f:]*:[0-9a-f:]*\]?:\d+)"),
    ("peer", r"dial tcp (?P<name>[\d.]+:\d+|\[[0-9a-f:]+\]:\d+): connect: connection refused"),
    # Ports that only root may take
    ("port", r"(?i:bind\w*(?:\(\))?(?: to)?:? )(?P<name>[\d.]*\[?[0-9a-f:]*\]?:\d+)[^\n]*(?i:permission denied)"),
    ("port", r"listen EACCES: permission denied (?P<name>\S+:\d+)"),
    # Files that may not be written or read
    ("read-only", rf"(?i:read-only file system|EROFS[^\n'\"]*?):?[^\n'\"/]*['\"]?{_PATH}"),
    ("read-only", rf"{_PATH}[`'\"]?\)?(?: failed)?[:,]? ?\(?(?:\d+: )?(?i:read-only file system)"),
    ("permission", rf"(?i:permission denied|EACCES[^\n'\"]*?):?[^\n'\"/]*['\"]{_PATH}['\"]"),
    ("permission", rf"{_PATH}[`'\"]?\)?(?: failed)?[:,]? ?\(?(?:\d+: )?(?i:permission denied)"),
    # Files that are not there; of a program with its interpreter nobody can tell which of both
    ("program", rf"^exec:? {_PATH}: no such file or directory"),
    ("program", rf"exec(?:: | container process )[`'\"]?{_PATH}[`'\"]?: (?i:no such file or directory)"),
    ("program", r"(?:^|[\s:])(?P<name>[\w./+-]+): (?:command not found|not found|applet not found)$"),
    ("program", r"exec: \"(?P<name>[^\"\n]+)\": executable file not found"),
    ("file", rf"(?i:no such file or directory|ENOENT[^\n'\"]*?):?[^\n'\"/]*['\"]{_PATH}['\"]"),
    ("file", rf"{_PATH}[`'\"]?\)?(?: failed)?[:,]? ?\(?(?:\d+: )?(?i:no such file or directory)"),
)  # fmt: skip


def reason(log: str, start: Start, *, network_open: bool = False) -> Reason | None:
    """What the end of a log names as missing; None where it names nothing.

    Args:
        log: the last lines of the program's output.
        start: with what it was started: what was given is not missing.
        network_open: whether it can reach others.
    """
    text = "\n".join(line[:_LONGEST] for line in mask(log).rstrip().splitlines()[-_LAST:])
    found: list[tuple[int, int, str, str]] = []
    for order, (kind, pattern) in enumerate(_SAYINGS):
        for match in re.finditer(pattern, text, re.MULTILINE):
            name = match["name"].rstrip(".")
            if (
                name
                and "****" not in name
                and (kind not in ("variable", "key") or name not in start.environment)
            ):
                # Of several the last one is what it could not get over; of two readings of it the first in the table.
                found.append((text.count("\n", 0, match.end()), -order, kind, name))
    if not found:
        return None
    _, _, kind, name = max(found)
    return _told(kind, name, start, network_open)


def _told(kind: str, name: str, start: Start, network_open: bool) -> Reason:
    directory = posixpath.dirname(name) if posixpath.dirname(name) != "/" else name
    mount = next((one for one in start.mounts if f"{name}/".startswith(f"{one.target}/")), None)
    if kind == "variable":
        return Reason(kind, name, f"its log says that the variable {name} is not set", f"-e {name}=VALUE")
    if kind == "key":
        return Reason(
            kind, name, f"its log says that the key {name} is missing", f"-e {name}=VALUE if it is a variable"
        )
    if kind == "host":
        use = f"--add-host {name}:ADDRESS if it has no name in that network" if network_open else ""
        return Reason(kind, name, f"its log says that the host {name} is not found", use)
    if kind == "peer":
        told = f"its log says that nothing listens on {name}"
        return Reason(
            kind,
            name,
            told,
            "" if network_open else "--with NAME=IMAGE or --network to start it beside what it needs",
        )
    if kind == "port":
        return Reason(
            kind, name, f"its log says that it may not listen on {name}", "--user 0, or another port"
        )
    if kind == "program":
        told = f"its log says that the program {name} can't be run: it, or what should run it, is not there"
        return Reason(kind, name, told, "")
    if kind == "file":
        return Reason(kind, name, f"its log says that {name} is not there", f"-v PATH:{name}")
    if mount is not None and not mount.writable:
        told = f"its log says that {name} can't be written, and {mount.target} is mounted read-only"
        return Reason(
            kind, name, told, f"-v {mount.source}:{mount.target}:rw, if it may change what is there"
        )
    told = f"its log says that {name} is denied to it"
    if kind == "read-only":
        return Reason(
            kind, name, f"its log says that {name} is on a read-only file system", f"--tmpfs {directory}"
        )
    return Reason(
        kind,
        name,
        told,
        f"--tmpfs {directory}:uid=UID or -v VOLUME:{directory}:rw if it writes there, or --user",
    )


_CODES = {
    125: "the engine itself failed",
    126: "a command was found that can't be executed",
    127: "a command was not found",
}


def meaning(code: int | None) -> str:
    """What an exit code stands for by custom; "" where it is the program's own."""
    if code in _CODES:
        return f"{code}: by custom, {_CODES[code]}"
    if code is None or not 128 < code < 160:
        return ""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return ""
    more = ", as where memory runs out" if name == "SIGKILL" else ""
    return f"{code}: by custom, it was ended by {name}{more}"
