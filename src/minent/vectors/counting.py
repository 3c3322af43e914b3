"""Count which tokens stand near each other, as a sparse matrix.

Pairs are packed into whole numbers, sorted and run together, a bounded number at a time, so memory follows the number
of distinct pairs. Counts are whole, so they do not depend on the number of threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sparse

from minent.errors import InputError, did_you_mean, listing, whole
from minent.runtime import ordered_map, thread_count
from minent.vectors import kernels
from minent.vectors.config import WEIGHTINGS

_PAIRS_AT_ONCE = 4_000_000


def cooccurrence(
    ids: np.ndarray,
    starts: np.ndarray,
    *,
    vocab_size: int,
    window: int = 5,
    weighting: str = "linear",
    directed: bool = False,
) -> sparse.csr_matrix:
    """Count how often two different tokens stand within `window` places of each other in one text.

    Args:
        ids: Token ids of all texts end to end, each in `[0, vocab_size)`.
        starts: Where each text starts in `ids`, then `len(ids)`; never falling.
        vocab_size: Number of ids; the side of the result.
        window: Reach to either side, in tokens, 1 or more.
        weighting: `"linear"`: distance d counts `window + 1 - d`; `"flat"`: every distance counts 1.
        directed: Count `(i, j)` only where `j` follows `i`; otherwise both ways.

    Returns:
        int64 counts with an empty diagonal; a symmetric matrix unless `directed`.

    Raises:
        InputError: An id outside the vocabulary, starts that do not cover the ids, a window below 1, or an unknown
            weighting.

    Source:
        Lund & Burgess (1996), the HAL window.

    Example:
        >>> ids, starts = np.array([0, 1, 2, 0, 1], dtype=np.int32), np.array([0, 3, 5])
        >>> cooccurrence(ids, starts, vocab_size=3, window=2).toarray()
        array([[0, 4, 1],
               [4, 0, 2],
               [1, 2, 0]])
    """
    ids, starts = checked_rows(ids, starts, vocab_size)
    whole("window", window, 1)
    if weighting not in WEIGHTINGS:
        hint = did_you_mean(str(weighting), WEIGHTINGS)
        raise InputError(f"weighting is {weighting!r}; there is {listing(WEIGHTINGS)}.{hint}")
    weights = np.arange(window, 0, -1) if weighting == "linear" else np.ones(window, dtype=np.int64)
    reach = max(1, _PAIRS_AT_ONCE // window)
    total = sparse.csr_matrix((vocab_size, vocab_size), dtype=np.int64)

    def count(first: int) -> sparse.csr_matrix:
        last = min(first + reach, len(ids))
        packed = np.empty((last - first) * window, dtype=np.int64)
        packed = packed[: kernels.pack_pairs(ids, starts, first, last, vocab_size, window, directed, packed)]
        packed.sort()
        keys, sums = np.empty_like(packed), np.empty_like(packed)
        distinct = kernels.sum_runs(packed, window, weights, keys, sums)
        keys, sums = keys[:distinct], sums[:distinct]
        return sparse.csr_matrix((sums, (keys // vocab_size, keys % vocab_size)), shape=total.shape)

    with ThreadPoolExecutor(thread_count()) as pool:
        for part in ordered_map(pool, count, range(0, len(ids), reach)):
            total = total + part
    return sparse.csr_matrix(total if directed else total + total.T)


def checked_rows(ids: np.ndarray, starts: np.ndarray, vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `ids` as int32 and `starts` as int64, or say what is wrong with them.

    Raises:
        InputError: Not whole numbers, an id outside `[0, vocab_size)`, or starts that do not cover the ids.
    """
    ids, starts = np.asarray(ids), np.asarray(starts)
    for name, array in (("ids", ids), ("starts", starts)):
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise InputError(
                f"{name} is {array.dtype} of shape {array.shape}; it takes a one-dimensional array of whole numbers."
            )
    whole("vocab_size", vocab_size, 1)
    outside = np.flatnonzero((ids < 0) | (ids >= vocab_size))
    if outside.size:
        raise InputError(
            f"ids[{outside[0]}] is {ids[outside[0]]}, but vocab_size is {vocab_size} ({outside.size} of {ids.size} ids "
            f"are outside). Were the ids made by the tokenizer that vocab_size was read from?"
        )
    if not starts.size or starts[0] != 0 or starts[-1] != ids.size or (np.diff(starts) < 0).any():
        raise InputError(
            f"starts must go from 0 to len(ids) = {ids.size} and never fall; it is {starts[:3].tolist()} ... "
            f"{starts[-1:].tolist()}. Row i is ids[starts[i]:starts[i + 1]]."
        )
    return np.ascontiguousarray(ids, dtype=np.int32), np.ascontiguousarray(starts, dtype=np.int64)
