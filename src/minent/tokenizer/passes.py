"""Passes over the training text: how a set of pieces cuts it at the least cost, and what each piece is worth there.

Costs are whole numbers (1/256 nat), so sums do not depend on their order and neither do the results on the threads.
Every row ends with a byte 255, which begins no longer piece, so a search never leaves its row. A position inside a
character is left by single bytes only: no longer piece begins there.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minent.tokenizer.search import Dictionary
from minent.tokenizer.text import Blocks, over_shards

_LOW = np.uint64(2**32 - 1)
_HALF = np.uint64(32)


def usage(blocks: Blocks, known: Dictionary, weights: np.ndarray) -> np.ndarray:
    """How often each piece is used to write all rows at the least cost, times the weight of the row (int64)."""

    def work(first: int, last: int) -> np.ndarray:
        counts = np.zeros(len(known.lengths), dtype=np.int64)
        best = np.zeros(_longest(blocks, first, last), dtype=np.uint64)
        starts = blocks.starts[first : last + 1]
        _use(blocks.buffer, starts, weights[first:last], *known, best, counts)
        return counts

    return np.sum(over_shards(work, blocks.starts), axis=0)


def losses(blocks: Blocks, known: Dictionary, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each piece saves, and how often it is used, times the weight of the row (int64 both).

    A use saves what the best way through some cut inside of it would cost more, all else free to change.
    """

    def work(first: int, last: int) -> np.ndarray:
        found = np.zeros((2, len(known.lengths)), dtype=np.int64)
        longest = _longest(blocks, first, last)
        best, ahead = np.zeros(longest, dtype=np.uint64), np.zeros(longest, dtype=np.int64)
        starts = blocks.starts[first : last + 1]
        _lose(blocks.buffer, starts, weights[first:last], *known, best, ahead, found[0], found[1])
        return found

    saved, used = np.sum(over_shards(work, blocks.starts), axis=0)
    return saved, used


def pairs(blocks: Blocks, known: Dictionary, weights: np.ndarray, longest: int, wanted: int) -> tuple[np.ndarray, ...]:
    """Count the neighbours in the best way that would make a piece of at most `longest` bytes.

    There are millions of different neighbours and few are frequent. So a first walk counts into a small row of
    counters, by hash; and a second walk counts exactly, by their bytes, only those whose counter is among the highest.

    Returns:
        Where each different string first stands, its length in bytes, and its count times the weight (int64 all).
        About `wanted` of them or more, if the text has as many.
    """
    sketches = over_shards(lambda *rows: _sketched(blocks, known, weights, longest, *rows), blocks.starts)
    counters = np.sum(sketches, axis=0)
    wanted = min(wanted, len(counters))
    least = max(int(np.partition(counters, -wanted)[-wanted]), 1)

    def count(first: int, last: int) -> tuple[np.ndarray, ...]:
        best = np.zeros(_longest(blocks, first, last), dtype=np.uint64)
        starts = blocks.starts[first : last + 1]
        size = 4 << int(np.count_nonzero(counters >= least)).bit_length()
        while True:
            table = np.zeros((4, size), dtype=np.int64)
            if _pair(blocks.buffer, starts, weights[first:last], *known, best, longest, counters, least, table):
                return tuple(part[table[0] != 0] for part in table)
            size *= 2

    hashes, firsts, lengths, counts = (np.concatenate(parts) for parts in zip(*over_shards(count, blocks.starts)))
    by_hash = np.lexsort((firsts, hashes))
    is_new = np.append(True, np.diff(hashes[by_hash]) != 0)[: len(hashes)]
    heads = np.flatnonzero(is_new)
    sums = np.add.reduceat(counts[by_hash], heads) if len(heads) else counts
    return firsts[by_hash][heads], lengths[by_hash][heads], sums


def _sketched(
    blocks: Blocks, known: Dictionary, weights: np.ndarray, longest: int, first: int, last: int
) -> np.ndarray:
    counters = np.zeros(1 << max(12, min(24, (len(blocks.buffer) // 16).bit_length())), dtype=np.int64)
    best = np.zeros(_longest(blocks, first, last), dtype=np.uint64)
    nothing = np.zeros((4, 2), dtype=np.int64)
    starts = blocks.starts[first : last + 1]
    _pair(blocks.buffer, starts, weights[first:last], *known, best, longest, counters, 0, nothing)
    return counters


def bytes_per_character(blocks: Blocks) -> np.ndarray:
    """Of each row its bytes for one character (float64); a row of no characters counts as 1."""
    widths = np.ones(len(blocks.starts) - 1)
    _measure(blocks.buffer, blocks.starts, widths)
    return widths


def _longest(blocks: Blocks, first: int, last: int) -> int:
    return int(np.diff(blocks.starts[first : last + 1]).max()) + 1


# --- kernels ----------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _measure(buffer, starts, widths):
    for row in range(len(starts) - 1):
        characters = 0
        for i in range(starts[row], starts[row + 1] - 1):
            characters += (buffer[i] & 0xC0) != 0x80
        widths[row] = (starts[row + 1] - 1 - starts[row]) / max(characters, 1)


@njit(cache=True, nogil=True)
def _suffixes(buffer, begin, end, units, values, best):
    """`best[i - begin]` becomes the least cost from i to the end, shifted left by 32, with the first piece below."""
    root = np.uint64(0)
    low = np.uint64(2**32 - 1)
    half = np.uint64(32)
    best[end - begin] = np.uint64(0)
    first = units[0] & low
    for i in range(end - 1, begin - 1, -1):
        byte = np.uint64(buffer[i])
        here = np.uint64(i - begin)
        node = first + byte
        found = values[node] + ((best[here + np.uint64(1)] >> half) << half)
        if byte & np.uint64(0xC0) != np.uint64(0x80):
            j = np.uint64(i + 1)
            ahead = here + np.uint64(1)
            while True:
                slot = (units[node] & low) + np.uint64(buffer[j])
                if units[slot] >> half != node or slot == root:
                    break
                node = slot
                j += np.uint64(1)
                ahead += np.uint64(1)
                found = min(found, values[node] + ((best[ahead] >> half) << half))
        best[here] = found


@njit(cache=True, nogil=True)
def _use(buffer, starts, weights, units, values, lengths, best, counts):
    for row in range(len(starts) - 1):
        begin, end = starts[row], starts[row + 1] - 1
        _suffixes(buffer, begin, end, units, values, best)
        i = 0
        while i < end - begin:
            piece = np.int64(best[i] & _LOW)
            counts[piece] += weights[row]
            i += lengths[piece]


@njit(cache=True, nogil=True)
def _lose(buffer, starts, weights, units, values, lengths, best, ahead, saved, used):
    root = np.uint64(0)
    half = np.uint64(32)
    far = np.int64(2**60)
    for row in range(len(starts) - 1):
        begin, end = starts[row], starts[row + 1] - 1
        _suffixes(buffer, begin, end, units, values, best)
        ahead[0] = 0
        for i in range(1, end - begin + 1):
            ahead[i] = far
        first = units[0] & _LOW
        for i in range(begin, end):
            byte = np.uint64(buffer[i])
            come = ahead[i - begin]
            node = first + byte
            k = np.uint64(i - begin + 1)
            ahead[k] = min(ahead[k], come + np.int64(values[node] >> half))
            if byte & np.uint64(0xC0) == np.uint64(0x80):
                continue
            j = np.uint64(i + 1)
            while True:
                slot = (units[node] & _LOW) + np.uint64(buffer[j])
                if units[slot] >> half != node or slot == root:
                    break
                node = slot
                j += np.uint64(1)
                k += np.uint64(1)
                ahead[k] = min(ahead[k], come + np.int64(values[node] >> half))
        total = np.int64(best[0] >> half)
        i = 0
        while i < end - begin:
            piece = np.int64(best[i] & _LOW)
            used[piece] += weights[row]
            other = far
            for cut in range(i + 1, i + lengths[piece]):
                other = min(other, ahead[cut] + np.int64(best[cut] >> half))
            if lengths[piece] > 1:
                saved[piece] += weights[row] * (other - total)
            i += lengths[piece]


@njit(cache=True, nogil=True)
def _pair(buffer, starts, weights, units, values, lengths, best, longest, counters, least, table):
    """Count neighbours: into `counters` where `least` is 0; else, where the counter is high enough, into the table.

    The rows of the table are hash or 0, first place, length, count; the hash stands for the string. Returns False
    where the table is too small.
    """
    hashes, firsts, sizes, counts = table[0], table[1], table[2], table[3]
    found = 0
    last, mask = np.int64(len(counters) - 1), np.int64(len(hashes) - 1)
    for row in range(len(starts) - 1):
        begin, end = starts[row], starts[row + 1] - 1
        _suffixes(buffer, begin, end, units, values, best)
        i, left = begin, 0
        while i < end:
            length = lengths[np.int64(best[i - begin] & _LOW)]
            whole = length > 1 or buffer[i] < 128  # a byte of a rare character makes no piece
            if left > 0 and whole and left + length <= longest:
                hashed = np.int64(left + length)
                for k in range(i - left, i + length):
                    hashed = (hashed ^ np.int64(buffer[k])) * np.int64(1099511628211)
                    hashed ^= hashed >> 29
                hashed = (hashed ^ (hashed >> 31)) * np.int64(-4658895280553007687) | np.int64(1)
                if least == 0:
                    counters[(hashed >> 34) & last] += weights[row]
                elif counters[(hashed >> 34) & last] >= least:
                    slot = (hashed >> 34) & mask
                    while hashes[slot] != 0 and hashes[slot] != hashed:
                        slot = (slot + 1) & mask
                    if hashes[slot] == 0:
                        hashes[slot], firsts[slot], sizes[slot] = hashed, i - left, left + length
                        found += 1
                        if 2 * found > len(hashes):
                            return False
                    counts[slot] += weights[row]
            left = length if whole else 0
            i += length
    return True
