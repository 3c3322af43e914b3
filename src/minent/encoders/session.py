"""Borrow torch: threads and random numbers are ours for the length of a block, and the caller's again after it.

Inside, torch itself works with one thread and whole batches are computed side by side, because a matrix product shared
out among threads rounds differently for each number of them. So results are the same on any number of cores, and small
products run faster than when threads have to meet inside each one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from minent.runtime import thread_count

SHARDS = 4  # parts of a training batch; part of the result, so it does not follow the number of threads
Item = TypeVar("Item")
Result = TypeVar("Result")
Map = Callable[[Callable[[Item], Result], Iterable[Item]], Iterator[Result]]


@contextmanager
def torch_session(seed: int = 0) -> Iterator[Map]:
    """Seed torch's generator and hand out a `map` over `thread_count()` threads; restore all when the block ends.

    Args:
        seed: The seed of every draw that torch makes inside.

    Yields:
        `parallel(function, items)`: the results in the order of the items. The function must draw nothing.

    Example:
        >>> before = torch.get_rng_state()
        >>> with torch_session(seed=1) as parallel:
        ...     first = torch.rand(1)
        ...     list(parallel(abs, [-1, 2, -3]))
        [1, 2, 3]
        >>> with torch_session(seed=1):
        ...     bool(torch.rand(1) == first)
        True
        >>> bool((torch.get_rng_state() == before).all())
        True
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]), ThreadPoolExecutor(thread_count()) as pool:
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield pool.map
        finally:
            torch.set_num_threads(threads)


def backward(parallel: Map, weights: Sequence[Tensor], loss: Callable[[Item], Tensor], parts: Iterable[Item]) -> float:
    """Set the gradient of the sum of a loss over the parts of a batch, and return that sum.

    Args:
        parallel: A map, such as that of `torch_session`.
        weights: What the gradient is of.
        loss: Takes a part and returns a scalar.
        parts: The parts; their losses are added in this order, whichever is done first.

    Example:
        >>> weight = torch.tensor(3.0, requires_grad=True)
        >>> backward(map, [weight], lambda power: weight**power, [1, 2]), float(weight.grad)
        (12.0, 7.0)
    """

    def one(part: Item) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        value = loss(part)
        return value.detach(), torch.autograd.grad(value, weights, allow_unused=True)

    values, gradients = zip(*parallel(one, parts))
    for weight, shares in zip(weights, zip(*gradients)):
        present = [share for share in shares if share is not None]
        weight.grad = pairwise_sum(present) if present else None
    return float(pairwise_sum(values))


def pairwise_sum(terms: Sequence[Tensor]) -> Tensor:
    """The sum of neighbours, then of neighbouring sums: two processes with half of the terms each round as one does.

    Example:
        >>> float(pairwise_sum([torch.tensor(1.0), torch.tensor(2.0), torch.tensor(3.0)]))
        6.0
    """
    terms = list(terms)
    while len(terms) > 1:
        terms = [sum(terms[at + 1 : at + 2], start=terms[at]) for at in range(0, len(terms), 2)]
    return terms[0]
