"""The compiled loops of counting.

Callers have checked: ids lie in `[0, vocab_size)`, starts cover them and never fall, `window >= 1`, and
`vocab_size**2 * window` fits in an int64. Arrays in, the caller's arrays filled.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def pack_pairs(ids, starts, first, last, vocab_size, window, packed):
    """Pack each pair whose left token is in `[first, last)`: `(low * vocab_size + high) * window + distance - 1`.

    Equal ids make no pair, and no pair crosses the end of a row. Returns how many places of `packed` were filled.
    """
    filled = 0
    row = np.searchsorted(starts, first, side="right") - 1
    for left in range(first, last):
        while starts[row + 1] <= left:
            row += 1
        end = min(starts[row + 1], left + window + 1)
        for right in range(left + 1, end):
            a, b = np.int64(ids[left]), np.int64(ids[right])
            if a != b:
                packed[filled] = (min(a, b) * vocab_size + max(a, b)) * window + (right - left - 1)
                filled += 1
    return filled


@njit(cache=True, nogil=True)
def sum_runs(packed, window, weights, keys, sums):
    """Sum the weights of the runs of one pair in sorted `packed`; returns how many distinct pairs there are."""
    runs = -1
    previous = np.int64(-1)
    for code in packed:
        key = code // window
        if key != previous:
            runs += 1
            keys[runs] = key
            sums[runs] = 0
            previous = key
        sums[runs] += weights[code - key * window]
    return runs + 1
