"""The compiled loops over all segmentations of a text at once: draws by the exact law, and how likely each piece is.

A segmentation has a probability proportional to `exp(alpha * score)`. `weights[i]` is the log of the sum over all
segmentations of the first i bytes. Every piece that ends at a byte is a link of the chain of `found` there.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _added(a, b):
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high if low == -np.inf else high + np.log1p(np.exp(low - high))


@njit(cache=True, nogil=True)
def _is_cut(buffer, begin, end, by_lines):
    """Whether no piece may lie here: a line begins inside, or in a damaged folder it is longer than what was read."""
    if begin < 0:
        return True
    if by_lines:
        for i in range(begin + 1, end):
            if buffer[i - 1] == 10 and buffer[i] != 10:
                return True
    return False


@njit(cache=True, nogil=True)
def _find(buffer, automaton, found):
    """Write to `found` the longest piece that ends at each byte."""
    state = np.int64(automaton.root)
    for i in range(len(buffer)):
        slot = state + buffer[i]
        while np.int64(automaton.units[slot] >> np.uint64(32)) != state:
            state = np.int64(automaton.falls[state])
            slot = state + buffer[i]
        found[i] = automaton.pieces[slot]
        state = np.int64(automaton.units[slot] & np.uint64(2**32 - 1))


@njit(cache=True, nogil=True)
def _weigh(buffer, automaton, alpha, found, weights):
    """Fill the weights from the front."""
    weights[0] = 0.0
    for end in range(1, len(buffer) + 1):
        weights[end] = -np.inf
        piece = found[end - 1]
        while piece >= 0:
            begin = end - automaton.lengths[piece]
            if not _is_cut(buffer, begin, end, automaton.by_lines):
                weights[end] = _added(weights[end], weights[begin] + alpha * automaton.scores[piece])
            piece = automaton.suffixes[piece]


@njit(cache=True, nogil=True)
def draw(buffer, automaton, alpha, uniforms, weights, ids):
    """Weigh from the front, then draw piece after piece from the end; fills the end of `ids` and returns its begin."""
    found = np.empty(len(buffer), dtype=np.int32)
    _find(buffer, automaton, found)
    _weigh(buffer, automaton, alpha, found, weights)
    end = write = len(buffer)
    while end > 0:
        below, chosen = 0.0, np.int32(-1)
        piece = found[end - 1]
        while piece >= 0 and below <= uniforms[end - 1]:  # rounding may leave the sum of all below 1: then the last one
            begin = end - automaton.lengths[piece]
            if not _is_cut(buffer, begin, end, automaton.by_lines):
                chosen = piece
                below += np.exp(weights[begin] + alpha * automaton.scores[piece] - weights[end])
            piece = automaton.suffixes[piece]
        write -= 1
        ids[write] = chosen
        end -= automaton.lengths[chosen]
    return write


@njit(cache=True, nogil=True)
def places(buffer, automaton):
    """How many pieces lie anywhere in the text."""
    found = np.empty(len(buffer), dtype=np.int32)
    _find(buffer, automaton, found)
    total = 0
    for end in range(1, len(buffer) + 1):
        piece = found[end - 1]
        while piece >= 0:
            total += not _is_cut(buffer, end - automaton.lengths[piece], end, automaton.by_lines)
            piece = automaton.suffixes[piece]
    return total


@njit(cache=True, nogil=True)
def marginals(buffer, automaton, alpha, begins, ids, probabilities):
    """How likely each piece at each place is: forward weights, then backward ones. Returns log total and entropy.

    The arrays have one place for each of `places`, by end and then longest first.
    """
    size = len(buffer)
    found = np.empty(size, dtype=np.int32)
    ahead, behind = np.empty(size + 1), np.full(size + 1, -np.inf)
    _find(buffer, automaton, found)
    _weigh(buffer, automaton, alpha, found, ahead)
    behind[size] = 0.0
    at, mean = len(begins), 0.0
    for end in range(size, 0, -1):
        piece, links = found[end - 1], 0
        while piece >= 0:
            links += not _is_cut(buffer, end - automaton.lengths[piece], end, automaton.by_lines)
            piece = automaton.suffixes[piece]
        at -= links
        piece, place = found[end - 1], at
        while piece >= 0:
            begin = end - automaton.lengths[piece]
            if not _is_cut(buffer, begin, end, automaton.by_lines):
                weight = alpha * automaton.scores[piece] + behind[end]
                behind[begin] = _added(behind[begin], weight)
                begins[place], ids[place] = begin, piece
                probabilities[place] = np.exp(ahead[begin] + weight - ahead[size])
                mean += probabilities[place] * alpha * automaton.scores[piece]
                place += 1
            piece = automaton.suffixes[piece]
    return ahead[size], ahead[size] - mean
