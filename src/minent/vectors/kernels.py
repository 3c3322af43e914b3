"""The compiled loops of counting and of sparse pairs.

Callers have checked: ids lie in `[0, vocab_size)`, starts cover them and never fall, `window >= 1`, and
`vocab_size**2 * window` fits in an int64. Arrays in, the caller's arrays filled.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def pack_pairs(ids, starts, first, last, vocab_size, window, directed, packed):
    """Pack each pair whose left token is in `[first, last)`: `(a * vocab_size + b) * window + distance - 1`.

    `a` is the left token where pairs are directed, else the smaller.
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
                if a > b and not directed:
                    a, b = b, a
                packed[filled] = (a * vocab_size + b) * window + (right - left - 1)
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


@njit(cache=True, nogil=True)
def row_sums(starts, weights):
    """Sum the weights of each row of a sparse matrix; row r holds `weights[starts[r]:starts[r + 1]]`."""
    sums = np.zeros(len(starts) - 1, dtype=np.float64)
    for row in range(len(sums)):
        for at in range(starts[row], starts[row + 1]):
            sums[row] += weights[at]
    return sums


@njit(cache=True, nogil=True)
def paired_scores(starts, ids, weights, scores):
    """Return the sum of `weight * scores[row, id]` over the entries of a sparse matrix."""
    total = 0.0
    for row in range(len(starts) - 1):
        for at in range(starts[row], starts[row + 1]):
            total += weights[at] * np.float64(scores[row, ids[at]])
    return total


@njit(cache=True, nogil=True)
def subtract_pairs(starts, ids, weights, forces):
    """Take each entry of a sparse matrix from its place in `forces`."""
    for row in range(len(starts) - 1):
        for at in range(starts[row], starts[row + 1]):
            forces[row, ids[at]] -= weights[at]


@njit(cache=True, nogil=True)
def row_maxima(starts, values):
    """The largest value of each row, `-inf` for an empty one; row 0 begins at `values[0]`, whatever `starts[0]` is."""
    maxima = np.full(len(starts) - 1, -np.inf)
    for row in range(len(maxima)):
        for at in range(starts[row] - starts[0], starts[row + 1] - starts[0]):
            maxima[row] = max(maxima[row], values[at])
    return maxima


@njit(cache=True, nogil=True)
def hide(starts, ids, first, place, scores):
    """Set to `-inf` what is counted elsewhere: each row's entries, and the row's own id, `first + row`."""
    for row in range(len(starts) - 1):
        if place[first + row] >= 0:
            scores[row, place[first + row]] = -np.inf
        for at in range(starts[row], starts[row + 1]):
            if place[ids[at]] >= 0:
                scores[row, place[ids[at]]] = -np.inf


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def score_pairs(starts, ids, centres, contexts, kind, scores, slopes):
    """Score each entry: `kind` 0 is `<v, c>`, 1 is `-|v - c|^2`, 2 is `-log(1 + |v - c|^2)` with its slope."""
    for row in range(len(starts) - 1):
        for at in range(starts[row], starts[row + 1]):
            v, c = centres[row], contexts[ids[at]]
            total = np.zeros(1, centres.dtype)[0]
            if kind == 0:
                for k in range(len(v)):
                    total += v[k] * c[k]
                value, slope = total, 1.0
            else:
                for k in range(len(v)):
                    total += (v[k] - c[k]) * (v[k] - c[k])
                value = -total if kind == 1 else -np.log1p(total)
                slope = 1.0 if kind == 1 else 1.0 / (1.0 + total)
            scores[at - starts[0]] = value
            slopes[at - starts[0]] = slope


@njit(cache=True, nogil=True)
def pull_pairs(starts, ids, forces, centres, contexts, kind, for_centres, for_contexts):
    """Add what each entry's force does to its two vectors; a distance pulls along the difference."""
    for row in range(len(starts) - 1):
        v = centres[row]
        for at in range(starts[row], starts[row + 1]):
            c, force = contexts[ids[at]], forces[at - starts[0]]
            if kind == 0:
                for k in range(len(v)):
                    for_centres[row, k] += force * c[k]
                    for_contexts[ids[at], k] += force * v[k]
            else:
                for k in range(len(v)):
                    for_centres[row, k] += 2 * force * (c[k] - v[k])
                    for_contexts[ids[at], k] += 2 * force * (v[k] - c[k])
