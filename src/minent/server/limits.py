"""What one request may ask for; more is refused before it costs anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from minent.errors import number, whole

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """Bounds on one request.

    Attributes:
        body_bytes: Most bytes of a request body.
        texts: Most texts of a request.
        seconds: Longest wait for a body, and again for its answer; who waits longer is told to come again.
        tokenized_characters: Most characters of a `/tokenize` request, whose answer is about fifty times as long.
        waiting_texts: Most texts of all requests that wait together; more are told to come again.

    Raises:
        InputError: `seconds` is no number above zero, or another bound no whole number above zero.
    """

    body_bytes: int = 10_000_000
    texts: int = 10_000
    seconds: float = 30.0
    tokenized_characters: int = 100_000
    waiting_texts: int = 100_000

    def __post_init__(self) -> None:
        number("seconds", self.seconds, 0, above=True)
        for name in ("body_bytes", "texts", "tokenized_characters", "waiting_texts"):
            whole(name, getattr(self, name), 1)


class _Left(Exception):
    """The client is gone: half a body is no request, and nobody waits for an answer."""


class BodyLimit:
    """ASGI middleware: read a body up to the limit and hand it on whole.

    More, announced or not, is answered with 413, and a body that does not come in time with 408.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], most: int, seconds: float) -> None:
        self.app, self.most, self.seconds = app, most, seconds

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            async with asyncio.timeout(self.seconds):
                body = None if announced.isdigit() and int(announced) > self.most else await self._read(receive)
        except _Left:
            return
        except TimeoutError:
            await _refuse(send, 408, f"the body did not come within {self.seconds:g} seconds. Send it faster, or less.")
            return
        if body is None:
            await _refuse(send, 413, f"the body is larger than {self.most} bytes. Send fewer texts at a time.")
            return
        await self.app(scope, _once({"type": "http.request", "body": body, "more_body": False}, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, or None as soon as it is too large."""
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Left
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > self.most:
                return None
        return b"".join(parts)


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": sentence}).encode()})


def _once(first: Message, then: Receive) -> Receive:
    """Receive `first`, then whatever else comes."""
    waiting = [first]

    async def receive() -> Message:
        return waiting.pop() if waiting else await then()

    return receive
