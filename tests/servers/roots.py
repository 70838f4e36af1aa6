"""Debian roots with servers in them, made once and kept as archives."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

from engine import NoEngine, provide
from modern_engines import mirror

_SUITE = "bookworm"  # what is expected of the servers holds for its versions
ROOTS = {
    "web": "nginx-light curl redis-server memcached openssl tini dumb-init python3 socat",
    "system": "apache2 curl openssh-server cron supervisor nginx-light redis-server dnsmasq bind9 bind9-dnsutils postfix",
    "databases": "postgresql mariadb-server",
    "languages": "curl gunicorn python3-uvicorn nodejs",
    "others": "lighttpd haproxy mosquitto runit php-fpm prometheus-node-exporter caddy nats-server sudo curl",
    "java": "openjdk-17-jdk-headless curl",
    "rabbit": "rabbitmq-server",
}


def archive(name: str) -> Path:
    """The archive of a root; it is made where it is not there yet.

    Raises:
        NoEngine: it can't be made here.
    """
    kept = _cache() / f"{name}-{hashlib.sha256(repr((_SUITE, ROOTS[name])).encode()).hexdigest()[:12]}.tar"
    if kept.exists():
        return kept
    if os.getuid() != 0:
        raise NoEngine("a root with servers takes root to make")
    provide({"mmdebstrap": "mmdebstrap"}, "roots with servers")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{kept}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _make(name, kept)
    return kept


def _make(name: str, kept: Path) -> None:
    part = kept.with_suffix(".part.tar")
    command = [
        "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(ROOTS[name].split())}",
        '--aptopt=Acquire::Check-Valid-Until "false"', _SUITE, str(part), *mirror(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    if done.returncode:
        part.unlink(missing_ok=True)
        raise NoEngine(f"the root {name} can't be made: {' '.join(done.stderr[-400:].split())}")
    part.rename(kept)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imglint-servers"
