"""The encoder: a double-array trie over bytes, the likeliest segmentation, and segmentations drawn by chance.

A node of the trie is a slot; the child of node n by byte b is slot `links[n, 0] + b`, and it is one when
`links[slot, 1] == n`. `pieces[slot]` is the id of the piece that ends there, or -1.

Best segmentation, the one rule for all: forward over positions; the best way to each position is replaced only by a
strictly better one; candidates arrive in order of increasing start. No piece crosses from a line end into a new line.

Callers make sure that each of the 256 bytes is a piece, so every position can be reached, and that buffers hold what
the starts say.

Source: J. Aoe (1989) for the double array; J. Su, kexue.fm/archives/9752 for the search, 9811 for exact sampling.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from minent.tokenizer.text import Rows, join, over_shards


class Trie(NamedTuple):
    """Pieces ready for search."""

    links: np.ndarray  # int32, (slots, 2): offset of the children, and parent
    pieces: np.ndarray  # int32, (slots,): the piece that ends here, or -1
    scores: np.ndarray  # float64, by id
    lengths: np.ndarray  # int64, by id


def build(pieces: list[bytes], ids: np.ndarray, scores: np.ndarray) -> Trie:
    """Make the trie of `pieces`, sorted and different; piece i has the id `ids[i]` (int32) and `scores[ids[i]]`."""
    rows = join(pieces)
    links, ends = _place(rows.buffer, rows.starts, ids)
    lengths = np.zeros(len(scores), dtype=np.int64)
    lengths[ids] = np.diff(rows.starts)
    return Trie(links, ends, scores, lengths)


def segment(rows: Rows, trie: Trie) -> tuple[np.ndarray, np.ndarray]:
    """Segment each row; return the ids of all rows end to end (int32) and the starts of the rows in them (int64)."""

    def work(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        return _segment(rows.buffer, rows.starts[first : last + 1], *trie)

    parts = over_shards(work, rows.starts)
    ids = np.concatenate([part[0] for part in parts])
    starts = np.zeros(len(rows.starts), dtype=np.int64)
    np.cumsum(np.concatenate([part[1] for part in parts]), out=starts[1:])
    return ids, starts


def sample(buffer: np.ndarray, trie: Trie, alpha: float, uniforms: np.ndarray) -> np.ndarray:
    """Draw a segmentation with probability proportional to `exp(alpha * score)`.

    Args:
        buffer: Bytes of one text.
        trie: The pieces.
        alpha: 0 makes every segmentation as likely as any other; the larger, the nearer to the best one.
        uniforms: A number in [0, 1) for each byte; the one at which a piece begins decides which piece it is.
    """
    return _sample(buffer, *trie, alpha, uniforms)


@njit(cache=True, nogil=True)
def _place(buffer, starts, ids):
    """Lay the trie of sorted strings into a double array, level by level, each family in the first place that fits."""
    count = len(starts) - 1
    links = np.full((1024, 2), -1, dtype=np.int32)
    pieces = np.full(1024, -1, dtype=np.int32)
    links[0, 1] = 0  # the root is nobody's child, but its slot is taken
    lows, highs, slots = np.zeros(1, np.int64), np.full(1, count, np.int64), np.zeros(1, np.int64)
    firsts, labels = np.empty(257, np.int64), np.empty(256, np.int64)
    search_from, depth = 1, 0
    while len(lows) > 0:
        next_lows, next_highs = np.empty(count, np.int64), np.empty(count, np.int64)
        next_slots, found = np.empty(count, np.int64), 0
        for node in range(len(lows)):
            low, high, slot = lows[node], highs[node], slots[node]
            if starts[low + 1] - starts[low] == depth:  # the shortest of sorted strings comes first
                pieces[slot] = ids[low]
                low += 1
            children = 0
            for i in range(low, high):
                byte = np.int64(buffer[starts[i] + depth])
                if children == 0 or byte != labels[children - 1]:
                    firsts[children], labels[children] = i, byte
                    children += 1
            firsts[children] = high
            if children == 0:
                links[slot, 0] = 0
                continue
            offset, taken = max(search_from - labels[0], 0), 0
            while True:
                if offset + 256 > len(pieces):
                    links, pieces = _doubled(links, pieces)
                fits = True
                for child in range(children):
                    if links[offset + labels[child], 1] >= 0:
                        fits = False
                        break
                if fits:
                    break
                taken += links[offset + labels[0], 1] >= 0
                offset += 1
            if taken > 0.95 * (offset + labels[0] + 1 - search_from):
                search_from = offset + labels[0]  # little room before here: do not look again
            links[slot, 0] = offset
            for child in range(children):
                links[offset + labels[child], 1] = slot
                next_lows[found], next_highs[found] = firsts[child], firsts[child + 1]
                next_slots[found] = offset + labels[child]
                found += 1
        lows, highs, slots = next_lows[:found], next_highs[:found], next_slots[:found]
        depth += 1
    return links, pieces


@njit(cache=True, nogil=True)
def _doubled(links, pieces):
    """Copies with twice the slots, the new ones free."""
    size = len(pieces)
    more_links = np.full((2 * size, 2), -1, dtype=np.int32)
    more_pieces = np.full(2 * size, -1, dtype=np.int32)
    for slot in range(size):
        more_links[slot, 0], more_links[slot, 1] = links[slot, 0], links[slot, 1]
        more_pieces[slot] = pieces[slot]
    return more_links, more_pieces


@njit(cache=True, nogil=True)
def _line_end(buffer, begin, end):
    """Where the line from `begin` ends, its line ends taken with it."""
    i = begin + 1
    while i < end and (buffer[i - 1] != 10 or buffer[i] == 10):
        i += 1
    return i


@njit(cache=True, nogil=True)
def _segment(buffer, starts, links, pieces, scores, lengths):
    """Best segmentation of each row: ids end to end, and how many each row has."""
    size = 1
    while size <= lengths.max():
        size *= 2
    ring = np.full(size, -np.inf)  # best score to the positions ahead, by position modulo size
    origin = starts[0]
    ids = np.empty(starts[-1] - origin, dtype=np.int32)
    counts = np.zeros(len(starts) - 1, dtype=np.int64)
    written = 0
    for row in range(len(starts) - 1):
        begin = starts[row]
        while begin < starts[row + 1]:
            end = _line_end(buffer, begin, starts[row + 1])
            ring[begin & (size - 1)] = 0.0
            for i in range(begin, end):
                score = ring[i & (size - 1)]
                ring[i & (size - 1)] = -np.inf
                node, j = 0, i
                while j < end:
                    slot = links[node, 0] + buffer[j]
                    if links[slot, 1] != node:
                        break
                    node = slot
                    j += 1
                    piece = pieces[node]
                    if piece >= 0 and score + scores[piece] > ring[j & (size - 1)]:
                        ring[j & (size - 1)] = score + scores[piece]
                        ids[j - 1 - origin] = piece  # until it is read back, the place of an id is where its piece ends
            ring[end & (size - 1)] = -np.inf
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
    return ids[:written].copy(), counts


@njit(cache=True, nogil=True)
def _sample(buffer, links, pieces, scores, lengths, alpha, uniforms):
    """Weigh all ways to go on from every position, from the end back; then go forward and draw piece after piece."""
    end = len(buffer)
    weight = np.empty(end + 1)  # log of the summed exp(alpha * score) of all segmentations of the rest of the line
    ids = np.empty(end, dtype=np.int32)
    written, begin = 0, 0
    while begin < end:
        stop = _line_end(buffer, begin, end)
        weight[stop] = 0.0
        for i in range(stop - 1, begin - 1, -1):
            highest, total = -np.inf, 0.0
            node, j = 0, i
            while j < stop:
                slot = links[node, 0] + buffer[j]
                if links[slot, 1] != node:
                    break
                node = slot
                j += 1
                if pieces[node] >= 0:
                    term = alpha * scores[pieces[node]] + weight[j]
                    if term > highest:
                        total = total * np.exp(highest - term) + 1.0
                        highest = term
                    else:
                        total += np.exp(term - highest)
            weight[i] = highest + np.log(total)
        i = begin
        while i < stop:
            below, chosen = 0.0, np.int32(-1)
            node, j = 0, i
            while j < stop and below <= uniforms[i]:  # rounding may leave the sum below 1: then the last one is chosen
                slot = links[node, 0] + buffer[j]
                if links[slot, 1] != node:
                    break
                node = slot
                j += 1
                if pieces[node] >= 0:
                    chosen = pieces[node]
                    below += np.exp(alpha * scores[chosen] + weight[j] - weight[i])
            ids[written] = chosen
            written += 1
            i += lengths[chosen]
        begin = stop
    return ids[:written].copy()
