"""Images in registries: `docker://HOST/NAME`. Only a source that names a registry ever gets here."""

from .client import Client, Patience, parsed
from .reference import Place, parse_place
from .transport import Deadline, Garbled, RegistryError, Unreachable, is_loopback

__all__ = [
    "Client", "Deadline", "Garbled", "Patience", "Place", "RegistryError", "Unreachable", "is_loopback", "parse_place",
    "parsed",
]  # fmt: skip
