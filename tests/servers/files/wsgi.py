"""A WSGI application."""

from collections.abc import Callable, Iterable


def app(_: dict[str, object], start: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Greet."""
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]
