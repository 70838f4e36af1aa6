"""All servers, by name."""

from __future__ import annotations

from . import healths, languages, nets, starts, stores, web
from .server import Server

_EVERY = (
    *web.SERVERS, *starts.SERVERS, *healths.SERVERS, *stores.SERVERS, *nets.SERVERS, *languages.SERVERS,
)  # fmt: skip
SERVERS: dict[str, Server] = {one.name: one for one in _EVERY}
assert len(SERVERS) == len(_EVERY), "each has a name of its own"
