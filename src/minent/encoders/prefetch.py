"""Make the next items of an iterator while the last one is in use: a GPU need not wait for its batches."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def prefetch(items: Iterator[Item], depth: int = 4) -> Generator[Item, None, None]:
    """Yield the items of an iterator that a thread walks through, up to `depth` of them ahead.

    The items, their order and an error of the iterator are those of the iterator itself. The thread ends when the
    generator is closed.

    Args:
        items: What to walk through.
        depth: The most items that wait.

    Example:
        >>> list(prefetch(iter("abc")))
        ['a', 'b', 'c']
    """
    waiting: queue.Queue[object] = queue.Queue(depth)
    closed = threading.Event()

    def put(item: object) -> bool:
        while not closed.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def walk() -> None:
        end: object = _END
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # handed to the thread that asked
            end = _Failure(error)
        put(end)

    worker = threading.Thread(target=walk, daemon=True)
    worker.start()
    try:
        while (item := waiting.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc] # the queue holds items, the end and failures
    finally:
        closed.set()
        worker.join()


class _Failure:
    """An error of the iterator."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
