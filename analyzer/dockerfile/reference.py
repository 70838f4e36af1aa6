"""Names of images: registry, repository, tag and digest."""

from typing import NamedTuple


class Reference(NamedTuple):
    """An image reference taken apart; what is not written is None."""

    registry: str | None
    repository: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """The last part of the repository: `node` of `docker.io/library/node`."""
        return self.repository.rpartition("/")[2]

    @property
    def familiar(self) -> str:
        """Registry and repository without what Docker adds by itself."""
        registry = "" if self.registry in (None, "docker.io", "index.docker.io") else f"{self.registry}/"
        return registry + self.repository.removeprefix("library/")


def parse_reference(text: str) -> Reference:
    """Take a reference apart. It is not checked: FROM takes whatever the registry takes."""
    rest, _, digest = text.partition("@")
    head, slash, tail = rest.rpartition("/")
    tail, colon, tag = tail.partition(":")
    path = head + slash + tail
    first, slash, others = path.partition("/")
    # The first part is a registry only if it could not be a user name.
    if slash and ("." in first or ":" in first or first == "localhost"):
        return Reference(first, others, tag if colon else None, digest or None)
    return Reference(None, path, tag if colon else None, digest or None)
