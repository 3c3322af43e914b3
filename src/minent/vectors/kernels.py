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


@njit(cache=True, nogil=True, fastmath=True)
def map_shares(first, last, xs, ys, mass, shares):
    """`p(i) / Z_i` of the rows in `[first, last)`, `Z_i = sum over j != i of 1 / (1 + |y_i - y_j|^2)`."""
    one = np.float32(1)
    for i in range(first, last):
        x, y, total = xs[i], ys[i], -one
        for j in range(len(xs)):
            total += one / (one + (x - xs[j]) * (x - xs[j]) + (y - ys[j]) * (y - ys[j]))
        shares[i] = mass[i] / total


@njit(cache=True, nogil=True, fastmath=True)
def map_forces(first, last, xs, ys, shares, starts, ids, weights, pull, gradient):
    """The gradient of `S` for the rows in `[first, last)` of a symmetric `p`, its attraction `pull` times as strong."""
    one = np.float32(1)
    for i in range(first, last):
        x, y, share = xs[i], ys[i], shares[i]
        to_x, to_y = np.float32(0), np.float32(0)
        for j in range(len(xs)):
            dx, dy = x - xs[j], y - ys[j]
            slope = one / (one + dx * dx + dy * dy)
            force = (share + shares[j]) * slope * slope
            to_x -= force * dx
            to_y -= force * dy
        for at in range(starts[i], starts[i + 1]):
            dx, dy = x - xs[ids[at]], y - ys[ids[at]]
            force = pull * (weights[at] + weights[at]) / (one + dx * dx + dy * dy)
            to_x += force * dx
            to_y += force * dy
        gradient[i, 0] = to_x + to_x
        gradient[i, 1] = to_y + to_y


@njit(cache=True, nogil=True)
def cut_runs(codes, starts, keys, values, bits, longest, unknown, best, origin, unit, found, lengths):
    """Cut each run of characters into the units of fewest bits; returns how many places of `found` were filled.

    `keys` and `values` are a table of hashes, its size a power of two, 0 where empty; row r is
    `codes[starts[r]:starts[r + 1]]`. `best`, `origin`, `unit` are room for the longest row and one more.
    """
    mask = np.uint64(len(keys) - 1)
    filled = 0
    for row in range(len(starts) - 1):
        begin, size = starts[row], starts[row + 1] - starts[row]
        best[0] = 0.0
        best[1 : size + 1] = np.inf
        for at in range(size):
            if best[at] + unknown < best[at + 1]:
                best[at + 1], origin[at + 1], unit[at + 1] = best[at] + unknown, at, -1
            hashed = np.uint64(0)
            for end in range(at, min(size, at + longest)):
                hashed = (hashed + np.uint64(codes[begin + end]) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
                hashed ^= hashed >> np.uint64(29)
                slot = hashed & mask
                while keys[slot] != np.uint64(0) and keys[slot] != hashed:
                    slot = (slot + np.uint64(1)) & mask
                if keys[slot] == hashed and best[at] + bits[values[slot]] < best[end + 1]:
                    best[end + 1], origin[end + 1], unit[end + 1] = best[at] + bits[values[slot]], at, values[slot]
        count, at = 0, size
        while at > 0:
            count += unit[at] >= 0
            at = origin[at]
        place, at = filled + count, size
        while at > 0:
            if unit[at] >= 0:
                place -= 1
                found[place] = unit[at]
            at = origin[at]
        filled += count
        lengths[row] = count
    return filled


@njit(cache=True, nogil=True)
def hash_units(codes, starts, ids, keys, values):
    """Fill the table of `cut_runs`: unit r has the characters `codes[starts[r]:starts[r + 1]]` and the id `ids[r]`."""
    mask = np.uint64(len(keys) - 1)
    for row in range(len(starts) - 1):
        hashed = np.uint64(0)
        for at in range(starts[row], starts[row + 1]):
            hashed = (hashed + np.uint64(codes[at]) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            hashed ^= hashed >> np.uint64(29)
        slot = hashed & mask
        while keys[slot] != np.uint64(0):
            slot = (slot + np.uint64(1)) & mask
        keys[slot] = hashed
        values[slot] = ids[row]


@njit(cache=True, nogil=True)
def swap_while_better(slot_of, slots, first, starts, ids, weights, from_door, between):
    """Let the items of two slots change places, or one move to an empty slot, as long as the walk gets shorter.

    `weights` holds `p(i, j) + p(j, i)` as a sparse matrix. `slot_of` is changed in place.
    """
    item_of = np.full(slots, -1, dtype=np.int64)
    for item in range(len(slot_of)):
        item_of[slot_of[item]] = item
    better = True
    while better:
        better = False
        for one in range(len(slot_of)):
            for there in range(slots):
                here, other = slot_of[one], item_of[there]
                if here == there or (other >= 0 and other < one):
                    continue
                change = first[one] * (from_door[there] - from_door[here])
                for at in range(starts[one], starts[one + 1]):
                    if ids[at] != other:
                        change += weights[at] * (between[there, slot_of[ids[at]]] - between[here, slot_of[ids[at]]])
                if other >= 0:
                    change += first[other] * (from_door[here] - from_door[there])
                    for at in range(starts[other], starts[other + 1]):
                        if ids[at] != one:
                            change += weights[at] * (between[here, slot_of[ids[at]]] - between[there, slot_of[ids[at]]])
                if change < -1e-12:
                    slot_of[one], item_of[there], item_of[here] = there, one, other
                    if other >= 0:
                        slot_of[other] = here
                    better = True
