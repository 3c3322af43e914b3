"""What one request may ask for; more is refused before it costs anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from minent.errors import InputError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """Bounds on one request.

    Attributes:
        body_bytes: Most bytes of a request body.
        texts: Most texts of a request.
        seconds: Longest wait for an answer; a request that waits longer is told to come again.
        waiting_texts: Most texts of all requests that wait together; more are told to come again.

    Raises:
        InputError: A bound that is not above zero.
    """

    body_bytes: int = 10_000_000
    texts: int = 10_000
    seconds: float = 30.0
    waiting_texts: int = 100_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"{name} is {value!r}; it takes a number above zero.")


class BodyLimit:
    """ASGI middleware: read a body up to the limit and hand it on whole; answer 413 to more, announced or not."""

    def __init__(self, app: Callable[..., Awaitable[None]], most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        body = None if announced.isdigit() and int(announced) > self.most else await self._read(receive)
        if body is None:
            await self._refuse(send)
            return
        await self.app(scope, _once({"type": "http.request", "body": body, "more_body": False}, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, or None as soon as it is too large."""
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)  # a client that left sends no more
            if size > self.most:
                return None
        return b"".join(parts)

    async def _refuse(self, send: Send) -> None:
        body = b'{"error": "the body is larger than %d bytes. Send fewer texts at a time."}' % self.most
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _once(first: Message, then: Receive) -> Receive:
    """Receive `first`, then whatever else comes."""
    waiting = [first]

    async def receive() -> Message:
        return waiting.pop() if waiting else await then()

    return receive
