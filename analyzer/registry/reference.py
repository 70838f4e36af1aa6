"""Names of images in registries, by the grammar that registries have for them."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import InputError

# As the distribution's reference grammar has them.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST_LIKE = re.compile(r"(?:sha|md)[0-9]+:[0-9a-f]*|")
_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_LONGEST = 255  # of a repository's name
_HUB = "docker.io"
_HINT = "name the registry and the image: docker://HOST/NAME:TAG, or docker://HOST/NAME@sha256:…"


class Place(NamedTuple):
    """A repository in a registry, and what of it: a tag or a digest."""

    domain: str  # the host as names and logins have it
    repository: str
    tag: str = "latest"
    digest: str | None = None  # goes before the tag

    @property
    def host(self) -> str:
        """The host that answers, with its port if one is named."""
        return f"registry-1.{self.domain}" if self.domain == _HUB else self.domain

    @property
    def reference(self) -> str:
        """What is asked for."""
        return self.digest or self.tag

    @property
    def name(self) -> str:
        """What people call it; with a digest alone there is no name."""
        return "" if self.digest else f"{self.domain}/{self.repository}:{self.tag}"


def parse_place(text: str) -> Place:
    """Take `HOST/NAME[:TAG][@DIGEST]` apart, what stands behind `docker://`. No host is made up.

    Raises:
        InputError: it is none.
    """
    subject = f"docker://{text}"
    rest, at, digest = text.partition("@")
    host, slash, path = rest.partition("/")
    # What stands before it would be a login, even with a slash in its password, and is not repeated.
    if at and not (slash and _DIGEST_LIKE.fullmatch(digest)):
        hint = "log in with `docker login HOST`, or name a file of logins in REGISTRY_AUTH_FILE"
        raise InputError("docker://…", "names a login, or no image", hint)
    repository, colon, tag = path.partition(":")
    if not slash or not (any(mark in host for mark in ".:") or host == "localhost"):
        raise InputError(subject, "names no registry", _HINT)
    found = _HOST.fullmatch(host)
    if not found or int(found["port"] or 1) not in range(1, 65536):
        raise InputError(subject, f"{host!r} is no name of a host", _HINT)
    if not _NAME.fullmatch(repository) or len(repository) > _LONGEST:
        large = " (they have no capitals)" if repository != repository.lower() else ""
        raise InputError(subject, f"{repository!r} is no name of an image{large}", _HINT)
    if colon and not _TAG.fullmatch(tag):
        raise InputError(subject, f"{tag!r} is no tag", _HINT)
    if at:
        algorithm, _, value = digest.partition(":")
        if not re.fullmatch(r"[0-9a-f]+", value) or len(value) != _LENGTHS.get(algorithm):
            raise InputError(subject, f"{digest!r} is no digest", "give all of it: sha256: and 64 digits")
    domain = host.lower()
    if domain in (_HUB, f"index.{_HUB}"):
        domain = _HUB
        repository = repository if "/" in repository else f"library/{repository}"
    return Place(domain, repository, tag if colon else "latest", digest if at else None)
