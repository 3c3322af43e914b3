"""What every long piece of work shares: progress events and the bound on threads.

Library code never prints. It calls a `Reporter` with `Progress` events; the command line draws them as bars, a test
collects them in a list, and the default does nothing.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TypeVar

from minent.errors import InputError


@dataclass(frozen=True)
class Progress:
    """One step of a long piece of work.

    Attributes:
        stage: What is being done, as a person would say it: `"count n-grams"`.
        done: How much is done, in `unit`.
        total: How much there is, or None where it is not known beforehand.
        unit: What is counted: `"bytes"`, `"texts"`, `"steps"`, `"seconds"`.
        note: A figure worth showing beside the bar: `"bits per byte 2.31"`.
    """

    stage: str
    done: float
    total: float | None = None
    unit: str = "steps"
    note: str = ""


Reporter = Callable[[Progress], None]


def silent(event: Progress) -> None:
    """The default reporter: say nothing."""


def thread_count() -> int:
    """Return how many threads a stage may use: `MINENT_THREADS`, or every core this process may run on.

    Raises:
        InputError: `MINENT_THREADS` is not a whole number above zero.
    """
    stated = os.environ.get("MINENT_THREADS", "")
    if not stated:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not stated.isdecimal() or int(stated) < 1:
        raise InputError(f"MINENT_THREADS is {stated!r}; it takes a whole number above zero, such as 2.")
    return int(stated)


Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int | None = None
) -> Iterator[Result]:
    """The results of `pool.map`, few of which wait in memory: work stops while those who take them are behind.

    Args:
        pool: What computes.
        function: Of one item.
        items: Taken as they are needed.
        ahead: How many items are in work or wait beyond the one that is taken; None for twice `thread_count()`.

    Yields:
        The results in the order of the items.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(2) as pool:
        ...     list(ordered_map(pool, abs, [-1, 2, -3]))
        [1, 2, 3]
    """
    most = 2 * thread_count() if ahead is None else ahead
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
