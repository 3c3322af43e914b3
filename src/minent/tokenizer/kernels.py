"""The compiled loops of encoding: find the longest piece that ends at every symbol, take the best way, read it back.

Callers have checked that starts cover the buffer and never fall. `automaton` describes the automaton and the packing of
a candidate. A way is the low half of a candidate, (2047 - length) << 21 | id: the last piece of the best way to a
position; it stands at the last symbol of that piece. Indices are unsigned, since signed ones are tested for being
negative.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minent.tokenizer.automaton import BLOCK, LONGEST_PIECE, NEVER, WINDOW

_LANES_FROM = 1024  # fewer bytes do not pay for warming up the lanes
_PLACE, _SYMBOL_AT, _SYMBOL, _CHILD_AT = np.uint64(2**24 - 1), np.uint64(24), np.uint64(2**16 - 1), np.uint64(40)
_LOW_HALF, _ONE = np.uint64(2**32 - 1), np.uint64(1)
_ID, _LENGTH_AT, _LONGEST = np.uint64(2**21 - 1), np.uint64(21), np.uint64(2**11 - 1)
_COST = np.int64(-(1 << 32))


@njit(inline="always")
def length_of(way):
    """The length that a way or a candidate holds."""
    return _LONGEST - ((np.uint64(way) >> _LENGTH_AT) & _LONGEST)


@njit(inline="always")
def _step(buffer, i, state, steps, falls, origin, found):
    """One step of the automaton: over symbol i, or, if that is no child, to a shorter state at the same place."""
    symbol = np.uint64(buffer[i])
    step, fall = steps[state + symbol], np.uint64(falls[state])  # both are read, so that a choice needs no jump
    found[i - origin] = step & _PLACE  # if it is no child, a later step at i writes again
    is_child = ((step >> _SYMBOL_AT) & _SYMBOL) == symbol
    return (step >> _CHILD_AT) if is_child else fall, i + np.uint64(is_child)


@njit(cache=True, nogil=True)
def _scan(buffer, begin, end, state, automaton, found):
    """Write to `found` the place of the longest piece that ends at each symbol from begin to end; return the state.

    Four lanes take a quarter each, in lock step: one step waits for memory, four steps wait together. What a state
    knows lies in the last `reach` bytes, so a lane that starts at the root so much earlier is right at its quarter.
    """
    steps, falls = automaton.steps, automaton.falls
    first, last, reach, root = np.uint64(begin), np.uint64(end), np.uint64(automaton.reach), np.uint64(automaton.root)
    if last - first < np.uint64(_LANES_FROM) or last - first < np.uint64(8) * reach:
        i = first
        while i < last:
            state, i = _step(buffer, i, state, steps, falls, first, found)
        return state
    quarter = (last - first) // np.uint64(4)
    end_0, end_1, end_2 = first + quarter, first + quarter + quarter, last - quarter
    state_0, state_1, state_2, state_3 = state, root, root, root
    i_0, i_1, i_2, i_3 = first, end_0 - reach, end_1 - reach, end_2 - reach
    while i_1 < end_0:
        state_1, i_1 = _step(buffer, i_1, state_1, steps, falls, first, found)
    while i_2 < end_1:
        state_2, i_2 = _step(buffer, i_2, state_2, steps, falls, first, found)
    while i_3 < end_2:
        state_3, i_3 = _step(buffer, i_3, state_3, steps, falls, first, found)
    while i_0 < end_0 and i_1 < end_1 and i_2 < end_2 and i_3 < last:
        state_0, i_0 = _step(buffer, i_0, state_0, steps, falls, first, found)
        state_1, i_1 = _step(buffer, i_1, state_1, steps, falls, first, found)
        state_2, i_2 = _step(buffer, i_2, state_2, steps, falls, first, found)
        state_3, i_3 = _step(buffer, i_3, state_3, steps, falls, first, found)
    while i_0 < end_0:
        state_0, i_0 = _step(buffer, i_0, state_0, steps, falls, first, found)
    while i_1 < end_1:
        state_1, i_1 = _step(buffer, i_1, state_1, steps, falls, first, found)
    while i_2 < end_2:
        state_2, i_2 = _step(buffer, i_2, state_2, steps, falls, first, found)
    while i_3 < last:
        state_3, i_3 = _step(buffer, i_3, state_3, steps, falls, first, found)
    return state_3


@njit(inline="always")
def _total(best, base, candidate):
    """A candidate and the cost up to where it begins; `base` is as far before its end as the longest piece is long."""
    return best[base + ((np.uint64(candidate) >> _LENGTH_AT) & _LONGEST)] + candidate


@njit(cache=True, nogil=True)
def _choose_packed(buffer, begin, end, found, at, automaton, best, ways):
    """Take the least candidate at each symbol of a part; `best[at]` holds the cost up to its begin, shifted.

    What was stored just now is slow to read again. So the costs of the last two positions stay in registers, for the
    candidates of one symbol and of two; those of three and more reach over positions that are long stored.
    """
    rows, of_symbol, crowded = automaton.rows, automaton.of_symbol, np.uint64(automaton.crowded)
    one, two, three, longest = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(LONGEST_PIECE)
    before, before_that, base = best[at], best[at - 1], np.uint64(at - LONGEST_PIECE)
    for i in range(np.uint64(0), np.uint64(end - begin)):
        base += one
        place = np.uint64(found[i])
        least = min(_total(best, base, rows[place + one]), _total(best, base, rows[place + two]))
        more = place
        while more >= crowded:  # few pieces have so many others at their end
            more = np.uint64(rows[more + three])
            least = min(least, _total(best, base, rows[more + one]))
            least = min(least, _total(best, base, rows[more + two]))
        least = min(least, before_that + rows[place])
        least = min(least, before + of_symbol[buffer[np.uint64(begin) + i]])
        before_that = before
        before = least & _COST
        best[base + longest] = before
        ways[i] = np.uint64(least) & _LOW_HALF


@njit(cache=True, nogil=True)
def _choose_scores(buffer, begin, end, row_begin, found, at, automaton, totals, ways):
    """Take the best candidate at each byte by sums of scores, longest first, only a strictly better one after it."""
    suffixes, lengths, scores, reach = automaton.suffixes, automaton.lengths, automaton.scores, automaton.reach
    for i in range(begin, end):
        if automaton.by_lines and i > row_begin and buffer[i - 1] == 10 and buffer[i] != 10:
            totals[at - reach : at] = -np.inf
            totals[at] = 0.0
        at += 1
        highest, chosen = -np.inf, np.int32(0)
        piece = found[i - begin]
        while piece >= 0:
            total = totals[at - lengths[piece]] + scores[piece]
            if total > highest:
                highest, chosen = total, piece
            piece = suffixes[piece]
        totals[at] = highest
        ways[i - begin] = (_LONGEST - np.uint64(lengths[chosen])) << _LENGTH_AT | np.uint64(chosen)


@njit(cache=True, nogil=True)
def trace(ways, begin, end, ids, written):
    """Read the way back from end to begin, and write its ids in order from `written` on; returns where they end."""
    read = write = end
    while read > begin:
        way = ways[read - 1]
        write -= 1
        ways[write] = np.uint64(way) & _ID
        read -= np.int64(length_of(way))
    for i in range(write, end):
        ids[written + i - write] = np.int32(ways[i])
    return written + end - write


@njit(cache=True, nogil=True)
def _start(best, totals, at, reach):
    """A row begins: nothing before it counts."""
    if len(totals) > 0:
        totals[at - reach : at] = -np.inf
        totals[at] = 0.0
    else:
        best[at - reach : at] = NEVER
        best[at] = 0


@njit(cache=True, nogil=True)
def _carry(best, totals, at, reach):
    """A block ends: what the next needs moves to the front; whole costs are counted from here, so they stay small."""
    if len(totals) > 0:
        totals[LONGEST_PIECE - reach : LONGEST_PIECE + 1] = totals[at - reach : at + 1].copy()
    else:
        best[LONGEST_PIECE - reach : LONGEST_PIECE + 1] = best[at - reach : at + 1] - best[at]


@njit(cache=True, nogil=True)
def segment(buffer, starts, automaton, ways, ids, counts):
    """Best segmentation of each row: fills `ids` end to end and `counts` by row; returns how many ids there are.

    `ways` (uint32) has room for every byte of the longest row, `ids` (int32) for every byte of all.
    """
    reach, rows = automaton.reach, len(starts) - 1
    found = np.empty(BLOCK, dtype=np.int32)
    best = np.empty(WINDOW if automaton.packed else 0, dtype=np.int64)
    totals = np.empty(0 if automaton.packed else WINDOW, dtype=np.float64)
    end = starts[rows]
    state, row, written = np.uint64(automaton.root), 0, 0
    for block in range(starts[0], end, BLOCK):
        stop = min(block + BLOCK, end)
        state = _scan(buffer, block, stop, state, automaton, found)
        part = block
        while part < stop:
            while starts[row + 1] == part:  # the last one is done, or this one is empty
                row += 1
            at = part - block + LONGEST_PIECE
            if part == starts[row]:
                _start(best, totals, at, reach)
            part_end = min(starts[row + 1], stop)
            here, ahead = found[part - block :], ways[part - starts[row] :]
            if automaton.packed:
                _choose_packed(buffer, part, part_end, here, at, automaton, best, ahead)
            else:
                _choose_scores(buffer, part, part_end, starts[row], here, at, automaton, totals, ahead)
            part = part_end
            if part == starts[row + 1]:
                counts[row] = trace(ways, 0, part - starts[row], ids, written) - written
                written += counts[row]
        _carry(best, totals, stop - block + LONGEST_PIECE, reach)
    return written


@njit(cache=True, nogil=True)
def segment_one(buffer, automaton):
    """The ids of one text."""
    ways, ids = np.empty(len(buffer), dtype=np.uint32), np.empty(len(buffer), dtype=np.int32)
    starts, counts = np.array([0, len(buffer)]), np.empty(1, dtype=np.int64)
    return ids[: segment(buffer, starts, automaton, ways, ids, counts)]


@njit(cache=True, nogil=True)
def advance(buffer, begin, state, automaton, best, totals, ways):
    """Go on from `state` over `buffer[begin:]`; returns the new state.

    `best` (or `totals`, where scores are no whole costs) is a window with the values of the last `reach + 1` positions,
    which are moved on. What stands before `begin` is the text before, as far
    as it is at hand. Fills one of `ways` for each byte from begin on.
    """
    reach, end = automaton.reach, len(buffer)
    found = np.empty(BLOCK, dtype=np.int32)
    for block in range(begin, end, BLOCK):
        stop = min(block + BLOCK, end)
        state = _scan(buffer, block, stop, state, automaton, found)
        if automaton.packed:
            _choose_packed(buffer, block, stop, found, LONGEST_PIECE, automaton, best, ways[block - begin :])
        else:
            _choose_scores(buffer, block, stop, 0, found, LONGEST_PIECE, automaton, totals, ways[block - begin :])
        _carry(best, totals, stop - block + LONGEST_PIECE, reach)
    return state


@njit(cache=True, nogil=True)
def ancestor(ways, begin, end, reach):
    """The last position that every way shares, however the text goes on after `end`; -1 if there is none from begin on.

    A piece that ends later begins at one of the last `reach` positions. Their ways are followed back, the last first,
    until one is left.
    """
    alive = np.zeros(reach + 1, dtype=np.bool_)
    left = 0
    for position in range(max(begin, end - reach + 1), end + 1):
        alive[position % (reach + 1)] = True
        left += 1
    for position in range(end, begin - 1, -1):
        if alive[position % (reach + 1)]:
            if left == 1:
                return position
            alive[position % (reach + 1)] = False
            earlier = position - np.int64(length_of(ways[position - 1])) if position > begin else begin - 1
            if earlier < begin:
                return -1
            if not alive[earlier % (reach + 1)]:
                alive[earlier % (reach + 1)] = True
                left += 1
            left -= 1
    return -1


@njit(cache=True, nogil=True)
def follow(ways, begin, end, root, reach, children, lengths):
    """Take the ways from `begin` to `end` into a tree; return the last position that all share, as `ancestor` does.

    The tree hangs on `root`, that position before, and holds what a text to come may still go through: the last `reach`
    positions, and where their ways lead. `children[p]` (uint16) counts the ways in it that have a piece from p on, and
    `lengths[p]` is the exclusive or of the lengths of those pieces: the length itself, if there is one. Every position
    enters and leaves once, so this takes the same time for each byte, however much is open.
    """
    for position in range(begin + 1, end + 1):
        children[position] = lengths[position] = 0
        length = length_of(ways[position - 1])
        children[position - np.int64(length)] += 1
        lengths[position - np.int64(length)] ^= length
        gone = position - reach
        while gone > root and children[gone] == 0:
            length = length_of(ways[gone - 1])
            gone -= np.int64(length)
            children[gone] -= 1
            lengths[gone] ^= length
    while root <= end - reach and children[root] == 1:
        root += np.int64(lengths[root])
    return root


@njit(cache=True, nogil=True)
def counts_to(ways, counts):
    """How many pieces the best way to each position has; `counts[0]` is 0."""
    counts[0] = 0
    for i in range(len(ways)):
        counts[i + 1] = counts[i + 1 - np.int64(length_of(ways[i]))] + 1


@njit(cache=True, nogil=True)
def join_pieces(ids, starts, data, out):
    """Write the bytes of the ids one after another; `starts` says where those of each id lie in `data`."""
    at = 0
    for id in ids:
        for i in range(starts[id], starts[id + 1]):
            out[at] = data[i]
            at += 1


@njit(cache=True, nogil=True)
def total_length(ids, starts):
    """How many bytes the ids have; or -1 - i for the first id that is outside the vocabulary."""
    total = 0
    for i in range(len(ids)):
        if ids[i] < 0 or ids[i] >= len(starts) - 1:
            return -1 - i
        total += starts[ids[i] + 1] - starts[ids[i]]
    return total
