"""The compiled loops that make a trie: lay its nodes into slots, then link every node to the longest one that ends it.

Callers have checked: the strings are sorted, different and not empty, and each symbol of the alphabet is among them.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def place(symbols, starts, ids, alphabet, queue, offsets, parents, owners, order):
    """Lay the trie of the strings into free slots (-1), level by level, each family where it first fits.

    The children of a node are the slots `its offset + symbol`, and no two nodes share an offset. Fills by slot:
    `offsets` (-1: no children), `parents`, `owners` (the id of the string that ends there); and `order`, the slots from
    the root down. `queue[depth % 2]` holds the nodes of a level: first string, last string + 1, slot. Returns how many
    nodes there are, or -1 when the slots do not suffice.
    """
    used = np.zeros(len(offsets), dtype=np.bool_)
    queue[0, 0, 0], queue[0, 0, 1], queue[0, 0, 2] = 0, len(starts) - 1, 0
    parents[0] = 0  # the root is nobody's child, but its slot is taken
    nodes, depth, placed, search_from = 1, 0, 0, 1
    while nodes > 0:
        this, following, found = depth % 2, 1 - depth % 2, 0
        for node in range(nodes):
            low, high, slot = queue[this, node, 0], queue[this, node, 1], queue[this, node, 2]
            order[placed] = slot
            placed += 1
            if starts[low + 1] - starts[low] == depth:  # the shortest of sorted strings comes first
                owners[slot] = ids[low]
                low += 1
            family = found
            for i in range(low, high):
                symbol = symbols[starts[i] + depth]
                if found == family or symbol != symbols[starts[i - 1] + depth]:
                    queue[following, found, 0], queue[following, found, 2] = i, symbol
                    found += 1
                queue[following, found - 1, 1] = i + 1
            if found == family:
                continue
            eldest, taken = queue[following, family, 2], 0
            offset = max(search_from - eldest, 1)  # 1: the root's own slot stays out of every family
            child = family
            while child < found:
                if offset + alphabet > len(offsets):
                    return -1
                if used[offset] or parents[offset + queue[following, child, 2]] >= 0:
                    taken += parents[offset + eldest] >= 0
                    offset += 1
                    child = family
                else:
                    child += 1
            if taken > 0.95 * (offset + eldest + 1 - search_from):
                search_from = offset + eldest  # little room before here: do not look again
            offsets[slot], used[offset] = offset, True
            for child in range(family, found):
                queue[following, child, 2] += offset
                parents[queue[following, child, 2]] = slot
        nodes = found
        depth += 1
    return placed


@njit(cache=True, nogil=True)
def link(order, offsets, parents, owners, units, falls, pieces, suffixes):
    """Link the placed nodes from the root down, as `Automaton` describes: fills the last four arrays.

    A node's fall is the longest other node that ends it. A node without children acts as its fall does, so its state is
    that of its fall.
    """
    fall = np.zeros(len(offsets), dtype=np.int64)
    state = np.zeros(len(offsets), dtype=np.int64)
    state[0] = offsets[0]
    falls[offsets[0]] = offsets[0]
    for slot in order[1:]:
        parent = parents[slot]
        symbol = slot - offsets[parent]
        target = np.int64(0)
        if parent != 0:
            target = fall[parent]
            while offsets[target] < 0 or parents[offsets[target] + symbol] != target:
                target = fall[target]  # the root has a child by every symbol, so this ends
            target = offsets[target] + symbol
        fall[slot] = target
        pieces[slot] = pieces[target] if target > 0 else np.int32(-1)
        if owners[slot] >= 0:
            suffixes[owners[slot]] = pieces[slot]
            pieces[slot] = owners[slot]
        state[slot] = state[target]
        if offsets[slot] >= 0:
            state[slot] = offsets[slot]
            falls[offsets[slot]] = state[target]
        units[slot] = np.uint64(offsets[parent]) << np.uint64(32) | np.uint64(state[slot])
