"""Requests that arrive while a batch is being answered are answered together in the next one.

No request waits for others to come: an idle server answers at once, a busy one in ever larger batches, so it does more
work per second the more is asked of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

Model = TypeVar("Model")


class Overloaded(Exception):
    """So many texts wait already that one more would wait too long."""


class _Asked(NamedTuple):
    texts: Sequence[str]
    answer: asyncio.Future[tuple[Any, np.ndarray]]


class Batcher(Generic[Model]):
    """Collects texts of many requests and answers them in batches, one batch at a time, off the event loop.

    Args:
        answer: From texts to who answers and one row for each text; called in a thread, never twice at once.
        largest: Most texts of a batch; a request that is larger goes alone.
        most_waiting: Most texts that may wait.
        observe: Told the size of each batch.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[str]], tuple[Model, np.ndarray]],
        *,
        largest: int = 4096,
        most_waiting: int = 100_000,
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._answer, self._largest, self._most_waiting, self._observe = answer, largest, most_waiting, observe
        self._waiting: deque[_Asked] = deque()
        self._texts_waiting = 0
        self._arrived = asyncio.Event()

    async def ask(self, texts: Sequence[str]) -> tuple[Model, np.ndarray]:
        """Wait for the rows of some texts, and for who gave them: the model may be replaced while they wait.

        Raises:
            Overloaded: Too many texts wait already.
        """
        if self._texts_waiting and self._texts_waiting + len(texts) > self._most_waiting:
            raise Overloaded
        asked = _Asked(texts, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        self._texts_waiting += len(texts)
        self._arrived.set()
        return await asked.answer

    async def run(self) -> None:
        """Answer batch after batch, until cancelled."""
        while True:
            await self._arrived.wait()
            while batch := self._next():
                await self._serve(batch)
            self._arrived.clear()

    def _next(self) -> list[_Asked]:
        """The requests of the next batch; those whose asker has left are dropped."""
        batch: list[_Asked] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].texts) <= self._largest):
            asked = self._waiting.popleft()
            self._texts_waiting -= len(asked.texts)
            if not asked.answer.done():
                batch.append(asked)
                size += len(asked.texts)
        return batch

    async def _serve(self, batch: list[_Asked]) -> None:
        texts = [text for asked in batch for text in asked.texts]
        self._observe(len(texts))
        try:
            model, rows = await asyncio.to_thread(self._answer, texts)
        except Exception as error:
            for asked in batch:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        start = 0
        for asked in batch:
            if not asked.answer.done():
                asked.answer.set_result((model, rows[start : start + len(asked.texts)]))
            start += len(asked.texts)
