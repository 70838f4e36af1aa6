"""An ASGI application."""

from collections.abc import Awaitable, Callable

Message = dict[str, object]


async def app(scope: Message, _: object, send: Callable[[Message], Awaitable[None]]) -> None:
    """Greet."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello\n"})
