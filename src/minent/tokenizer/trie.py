"""A double-array trie over bytes for training, and the likeliest segmentation; `automaton` is what encodes.

A node of the trie is a slot, and `units[slot]` holds its parent in the high half and an offset in the low half: the
child of node n by byte b is slot `offset of n + b`, if the parent of that slot is n. `pieces[slot]` is the id of the
piece that ends there, or -1. Parent and offset in one word make the search 1.5 to 2 times as fast as two arrays do.

Best segmentation, the one rule for all: forward over positions; the best way to each position is replaced only by a
strictly better one; candidates arrive in order of increasing start. No piece crosses from a line end into a new line.

Callers make sure that each of the 256 bytes is a piece, so every position can be reached, and that buffers hold what
the starts say.

Source: J. Aoe (1989) for the double array; J. Su, kexue.fm/archives/9752 for the search.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from minent.tokenizer.text import Rows, join, over_shards

_HALF, _LOW_HALF = np.uint64(32), np.uint64(2**32 - 1)
_ROOT, _NEXT = np.uint64(0), np.uint64(1)  # signed and unsigned numbers together would become floats


class Trie(NamedTuple):
    """Pieces ready for search."""

    units: np.ndarray  # uint64, (slots,): parent, and offset of the children
    pieces: np.ndarray  # int32, (slots,): the piece that ends here, or -1
    scores: np.ndarray  # float64, by id
    lengths: np.ndarray  # int64, by id
    reach: int  # a power of two above the longest piece


def build(pieces: list[bytes], ids: np.ndarray, scores: np.ndarray) -> Trie:
    """Make the trie of `pieces`, sorted and different; piece i has the id `ids[i]` (int32) and `scores[ids[i]]`."""
    rows = join(pieces)
    lengths = np.zeros(len(scores), dtype=np.int64)
    lengths[ids] = np.diff(rows.starts)
    units, ends = lay(rows, ids, np.int32(-1))
    return Trie(units, ends, scores, lengths, 1 << int(lengths.max()).bit_length())


def lay(rows: Rows, values: np.ndarray, none: np.generic) -> tuple[np.ndarray, np.ndarray]:
    """Lay sorted and different strings into a double array.

    Args:
        rows: The strings.
        values: What to note where string i ends.
        none: Of the type of `values`; what stands where no string ends.

    Returns:
        By slot: `units` (uint64) and what ends there.
    """
    strings = len(rows.starts) - 1
    queue = np.empty((2, strings, 3), dtype=np.int64)
    slots = max(1024, 4 * strings)
    while True:
        links = np.full((slots, 2), -1, dtype=np.int32)
        ends = np.full(slots, none)
        if _place(rows.buffer, rows.starts, values, queue, links, ends):
            offsets, parents = links.view(np.uint32).T.astype(np.uint64)
            return parents << _HALF | offsets, ends
        slots *= 2


def segment(rows: Rows, trie: Trie) -> tuple[np.ndarray, np.ndarray]:
    """Segment each row; return the ids of all rows end to end (int32) and the starts of the rows in them (int64)."""

    counts = np.zeros(len(rows.starts), dtype=np.int64)

    def work(first: int, last: int) -> np.ndarray:
        starts = rows.starts[first : last + 1]
        ids = np.empty(starts[-1] - starts[0], dtype=np.int32)
        ring = np.full(trie.reach, -np.inf)
        return ids[: _segment(rows.buffer, starts, *trie[:4], ring, ids, counts[first + 1 : last + 1])].copy()

    ids = np.concatenate(over_shards(work, rows.starts))
    return ids, np.cumsum(counts)


@njit(cache=True, nogil=True)
def _place(buffer, starts, values, queue, links, ends):
    """Lay the trie of sorted strings into free slots (-1), level by level, each family where it first fits.

    `queue[depth % 2]` holds the nodes of a level: first string, last string + 1, slot. Returns False when the slots do
    not suffice.
    """
    queue[0, 0, 0], queue[0, 0, 1], queue[0, 0, 2] = 0, len(starts) - 1, 0
    links[0, 1] = 0  # the root is nobody's child, but its slot is taken
    nodes, depth, search_from = 1, 0, 1
    while nodes > 0:
        this, following, found = depth % 2, 1 - depth % 2, 0
        for node in range(nodes):
            low, high, slot = queue[this, node, 0], queue[this, node, 1], queue[this, node, 2]
            if starts[low + 1] - starts[low] == depth:  # the shortest of sorted strings comes first
                ends[slot] = values[low]
                low += 1
            family = found
            for i in range(low, high):
                byte = buffer[starts[i] + depth]
                if found == family or byte != buffer[starts[i - 1] + depth]:
                    queue[following, found, 0], queue[following, found, 2] = i, byte
                    found += 1
                queue[following, found - 1, 1] = i + 1
            links[slot, 0] = 0
            if found == family:
                continue
            eldest, taken = queue[following, family, 2], 0
            offset = max(search_from - eldest, 0)
            child = family
            while child < found:
                if offset + 256 > len(ends):
                    return False
                if links[offset + queue[following, child, 2], 1] >= 0:
                    taken += links[offset + eldest, 1] >= 0
                    offset += 1
                    child = family
                else:
                    child += 1
            if taken > 0.95 * (offset + eldest + 1 - search_from):
                search_from = offset + eldest  # little room before here: do not look again
            links[slot, 0] = offset
            for child in range(family, found):
                queue[following, child, 2] += offset
                links[queue[following, child, 2], 1] = slot
        nodes = found
        depth += 1
    return True


@njit(cache=True, nogil=True)
def _child(units, node, byte):
    """The child of a node by a byte; the root, which is nobody's child, stands for none."""
    slot = (units[node] & _LOW_HALF) + np.uint64(byte)
    return slot if units[slot] >> _HALF == node else _ROOT


@njit(cache=True, nogil=True)
def _line_end(buffer, begin, end):
    """Where the line from `begin` ends, its line ends taken with it."""
    i = begin + 1
    while i < end and (buffer[i - 1] != 10 or buffer[i] == 10):
        i += 1
    return i


@njit(cache=True, nogil=True)
def _segment(buffer, starts, units, pieces, scores, lengths, ring, ids, counts):
    """Best segmentation of each row: fills `ids` end to end and `counts` by row, and returns how many ids there are.

    `ring` holds the best score to the positions ahead, by position modulo its size, a power of two above the longest
    piece; it is minus infinity at the call. `ids` has room for an id per byte: until the way is read back, the id of
    the best piece that ends at a byte stands at that byte.
    """
    last = np.uint64(len(ring) - 1)
    origin, written = starts[0], 0
    for row in range(len(starts) - 1):
        begin = starts[row]
        while begin < starts[row + 1]:
            end = _line_end(buffer, begin, starts[row + 1])
            ring[np.uint64(begin) & last] = 0.0
            for i in range(begin, end):
                score = ring[np.uint64(i) & last]
                ring[np.uint64(i) & last] = -np.inf
                node, j = _ROOT, np.uint64(i)
                while j < np.uint64(end):
                    node = _child(units, node, buffer[j])
                    if node == _ROOT:
                        break
                    j += _NEXT
                    piece = pieces[node]
                    if piece >= 0 and score + scores[piece] > ring[j & last]:
                        ring[j & last] = score + scores[piece]
                        ids[j - _NEXT - np.uint64(origin)] = piece
            ring[np.uint64(end) & last] = -np.inf
            read = write = end - origin
            while read > begin - origin:
                piece = ids[read - 1]
                write -= 1
                ids[write] = piece
                read -= lengths[piece]
            for i in range(write, end - origin):
                ids[written] = ids[i]
                written += 1
            counts[row] += end - origin - write
            begin = end
    return written
