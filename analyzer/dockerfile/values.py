"""Values that builders take or refuse: ports, signals, file modes, platforms, names of images, checksums.

Each function says what is wrong with a value whose variables are replaced already, and what to write; None: it is
as builders want it.
"""

from __future__ import annotations

import re

from .instruction import shown
from .reference import parse_reference

_PROTOCOLS = ("tcp", "udp", "sctp")
_INTEGER = r"[+-]?[0-9]+"
HIGHEST_PORT = 65535

_SIGNALS = frozenset(
    "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP"
    " TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX".split()
    + [f"RTMIN+{number}" for number in range(1, 16)]
    + [f"RTMAX-{number}" for number in range(1, 15)]
)

_SYMBOLIC_MODE = r"[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*"

_SYSTEMS = frozenset(
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos"
    " macos wasip1".split()
)
_ARCHITECTURES = frozenset(
    "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64"
    " ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm i386 x86_64 x86-64 aarch64 armhf armel".split()
)
_PLATFORM_PART = r"[A-Za-z0-9_.-]+"
_PLATFORM_SYSTEM = r"[A-Za-z0-9_.-]+(?:\([A-Za-z0-9_.-]*\))?"

_HOST = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_DOMAIN = rf"(?:{_HOST}(?:\.{_HOST})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEXADECIMAL = r"[0-9a-f]+"
_LONGEST_NAME = 255


def port_fault(value: str) -> str | None:
    """What is wrong with a word of EXPOSE. Numbers beyond 65535 are left to a rule of their own."""
    parts = value.split(":")
    container, slash, protocol = parts[-1].partition("/")
    if not container:
        return f"{shown(value)} names no port; use a number"
    if protocol and protocol.lower() not in _PROTOCOLS:
        return f"{shown(protocol)} is no protocol of ports; use {container}/tcp, /udp or /sctp"
    address = ":".join(parts[:-2])
    if address and not _is_address(address):
        return f"{shown(address)} is no IP address; use the port alone: {container}{slash}{protocol}"
    ports = _range(container)
    if ports is None:
        return f"{shown(container)} is no port; use a number, or a range as 8000-8010"
    if len(parts) > 1 and (host := parts[-2]):
        host_ports = _range(host)
        if host_ports is None or (ports[0] != ports[1] and _length(ports) != _length(host_ports)):
            return (
                f"{shown(host)} is no host port that goes with {container}; use the port alone: {container}"
            )
    return None


def _range(text: str) -> tuple[int, int] | None:
    first, dash, last = text.partition("-")
    if not re.fullmatch(_INTEGER, first) or (dash and not re.fullmatch(_INTEGER, last)):
        return None
    ports = int(first[:12]), int((last if dash else first)[:12])
    return ports if 0 <= ports[0] <= ports[1] else None


def _length(ports: tuple[int, int]) -> int:
    return ports[1] - ports[0]


def _is_address(text: str) -> bool:
    import ipaddress

    if text[:1] == "[" and text[-1:] == "]":
        text = text[1:-1]
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def signal_fault(value: str) -> str | None:
    """What is wrong with the signal of STOPSIGNAL."""
    if re.fullmatch(_INTEGER, value):
        number = int(value) if len(value) < 20 else 0
        return None if number else f"{shown(value)} is no signal; use SIGTERM, or a number as 15"
    if value.upper().removeprefix("SIG") in _SIGNALS:
        return None
    import difflib

    name = value.upper().removeprefix("SIG")
    close = difflib.get_close_matches(name, _SIGNALS, 1, 0.6)
    return f"{shown(value)} is no signal; use {'SIG' + close[0] if close else 'SIGTERM'}"


def mode_fault(value: str) -> str | None:
    """What is wrong with the value of --chmod."""
    if value == "" or re.fullmatch(_SYMBOLIC_MODE, value):
        return None
    if re.fullmatch(r"[0-7]+", value) and int(value, 8) <= 0o7777:
        return None
    return f"--chmod can't be {shown(value)}; use an octal number up to 7777, or letters as u=rwx,go=rx"


def platform_fault(value: str) -> str | None:
    """What is wrong with a platform."""
    if not value:
        return "the platform is empty; use one as linux/amd64"
    parts = value.split("/")
    right = len(parts) <= 3 and all(
        re.fullmatch(_PLATFORM_PART if at else _PLATFORM_SYSTEM, part) for at, part in enumerate(parts)
    )
    if right and (len(parts) > 1 or parts[0].partition("(")[0].lower() in _SYSTEMS | _ARCHITECTURES):
        return None
    return f"{shown(value)} is no platform; use system/architecture as linux/amd64"


def reference_fault(name: str) -> str | None:
    """What is wrong with the name of an image."""
    if not name:
        return "the name of the image is empty; use a name as debian:12"
    if re.fullmatch(r"[0-9a-f]{64}", name):
        return "64 hexadecimal digits can't be a name; use a name as debian:12"
    rest, at, digest = name.partition("@")
    reference = parse_reference(rest)
    registry, path = reference.registry, reference.repository
    first, slash, others = path.partition("/")
    if registry is None and slash and first != first.lower():
        registry, path = first, others  # a registry may be written in capitals
    if path != path.lower():
        return (
            f"names of images are lower case; use {path.lower()}"
            if re.fullmatch(_PATH, path.lower())
            else _no_name(name)
        )
    if not re.fullmatch(_PATH, path) or (registry is not None and not re.fullmatch(_DOMAIN, registry)):
        return _no_name(name)
    if len(path) + (0 if registry or "/" in path else len("library/")) > _LONGEST_NAME:
        return f"the name of the image is longer than {_LONGEST_NAME} characters"
    if reference.tag == "":
        return f"the tag is empty; use {rest}TAG"
    if reference.tag is not None and not re.fullmatch(_TAG, reference.tag):
        return f"{shown(reference.tag)} is no tag; use one of letters, digits, _ . and -"
    return _digest_fault(digest) if at else None


def _no_name(name: str) -> str:
    return f"{shown(name)} is no name of an image; use REGISTRY/NAME:TAG"


def _digest_fault(digest: str) -> str | None:
    algorithm, _, text = digest.partition(":")
    if _DIGESTS.get(algorithm) == len(text) and re.fullmatch(_HEXADECIMAL, text):
        return None
    return f"{shown(digest)} is no digest; use sha256: and 64 hexadecimal digits"


def checksum_fault(value: str, source: str) -> str | None:
    """What is wrong with the --checksum of an ADD that fetches `source`."""
    return None if is_git(source) else _digest_fault(value)


def is_remote(source: str) -> bool:
    """Whether a source of COPY or ADD is fetched with HTTP, not with Git."""
    return source.startswith(("http://", "https://")) and not is_git(source)


_GIT = r"(?:git|ssh)://.|https?://[^#?]*\.git(?:[#?/].*)?$|[\w.-]+@[\w.-]+:."


def is_git(source: str) -> bool:
    """Whether a source of COPY or ADD is fetched with Git."""
    return re.match(_GIT, source) is not None
