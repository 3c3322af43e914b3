"""Borrow torch: threads and random numbers are ours for the length of a block, and the caller's again after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from minent.runtime import thread_count


@contextmanager
def torch_session(seed: int = 0) -> Iterator[None]:
    """Bound torch's threads by `thread_count()` and seed its generator; restore both when the block ends.

    Args:
        seed: The seed of every draw that torch makes inside.

    Example:
        >>> before = torch.get_rng_state()
        >>> with torch_session(seed=1):
        ...     first = torch.rand(1)
        >>> with torch_session(seed=1):
        ...     bool(torch.rand(1) == first), bool((torch.get_rng_state() == before).all())
        (True, False)
        >>> bool((torch.get_rng_state() == before).all())
        True
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(thread_count())
        try:
            yield
        finally:
            torch.set_num_threads(threads)
