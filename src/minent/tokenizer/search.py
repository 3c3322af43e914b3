"""The search array of the trainer: pieces as a double-array trie, with the cost and the number of a piece in one word.

A node is a slot, and `units[slot]` holds its parent in the high half and an offset in the low half: the child of node n
by byte b is slot `offset of n + b`, if the parent of that slot is n. `values[slot]` holds `cost << 32 | piece` where a
piece ends, and a number above all others where none does. So the best of all candidates at a position is one `min`
without a branch, and of equals the lowest number wins.

Source: J. Aoe, IEEE Transactions on Software Engineering 15 (1989).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from minent.tokenizer.text import join

NONE = np.uint64(2**62)


class Dictionary(NamedTuple):
    """Pieces ready for a pass, numbered in the order of their bytes."""

    units: np.ndarray  # uint64, (slots,)
    values: np.ndarray  # uint64, (slots,)
    lengths: np.ndarray  # int64, by piece


def dictionary(pieces: list[bytes], costs: np.ndarray) -> Dictionary:
    """Make the search array of `pieces`, sorted and different, the 256 bytes among them; costs are int64, from 0."""
    rows = join(pieces)
    queue = np.empty((2, len(pieces), 3), dtype=np.int64)
    slots = max(1024, 4 * len(pieces))
    while True:
        links = np.full((slots, 2), -1, dtype=np.int32)
        values = np.full(slots, NONE)
        if _place(rows.buffer, rows.starts, costs.astype(np.uint64), queue, links, values):
            offsets, parents = links.view(np.uint32).T.astype(np.uint64)
            return Dictionary(parents << np.uint64(32) | offsets, values, np.diff(rows.starts))
        slots *= 2


@njit(cache=True, nogil=True)
def _place(buffer, starts, costs, queue, links, values):
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
                values[slot] = costs[low] << np.uint64(32) | np.uint64(low)
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
                if offset + 256 > len(values):
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
