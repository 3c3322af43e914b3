"""The pool: every substring of the text that is frequent enough to become a piece.

Substrings are counted level by level, a character longer each time. A substring of n + 1 characters is counted only
where its first n and its last n characters are both frequent (the rule of Apriori from both sides), so its key is the
pair of their numbers and no string is ever hashed. `numbers[i]` says which frequent substring of the present level
begins at byte i, or -1; one array serves all levels, because a level reads ahead of where it writes.

What no piece may do is said once, at the second level: where two characters may not stand side by side in a piece the
pair is not counted, and nothing longer is either.

Source: R. Agrawal, R. Srikant, VLDB 1994, for the rule; counting is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numba import njit

from minent.tokenizer.text import Blocks, in_threads, over_shards

CODE_POINTS = 0x110000
NEWLINE, SPACE, ALONE = 1, 2, 4  # kinds of characters, as bits

Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # slots, keys, counts, firsts


class Pool(NamedTuple):
    """Frequent substrings: where each first stands, how long it is, how often it occurs."""

    firsts: np.ndarray  # int64, a byte of the buffer
    lengths: np.ndarray  # int64, bytes
    counts: np.ndarray  # int64


def characters(blocks: Blocks) -> np.ndarray:
    """Count each code point of the text (int64, by code point); bytes that are no UTF-8 are left out."""
    found = over_shards(
        lambda first, last: _histogram(blocks.buffer, blocks.starts[first], blocks.starts[last]), blocks.starts
    )
    return np.sum(found, axis=0)


def kinds_of(counts: np.ndarray, may_join: Callable[[str], bool]) -> np.ndarray:
    """The kind of each code point that occurs (uint8); `may_join` says of a character whether longer pieces hold it."""
    kinds = np.zeros(CODE_POINTS, dtype=np.uint8)
    for code in np.flatnonzero(counts).tolist():
        character = chr(code)
        kinds[code] = NEWLINE * (character == "\n") | SPACE * character.isspace() | ALONE * (not may_join(character))
    return kinds


def substrings(
    blocks: Blocks,
    counts: np.ndarray,
    kinds: np.ndarray,
    *,
    min_count: int,
    longest: int,
    cross_lines: bool,
    word_bounded: bool,
    report: Callable[[int, int], None],
) -> Pool:
    """Count all substrings of two characters and more that occur `min_count` times.

    A substring that is nearly always followed by the same character is left out: the longer one will do.

    Args:
        blocks: The text; behind every row stands a byte 255, which no substring crosses.
        counts: What `characters` counted.
        kinds: What `kinds_of` found.
        min_count: Rarer substrings are left out.
        longest: Longest substring in bytes.
        cross_lines: A line end may be followed by something else.
        word_bounded: White space may stand only at the beginning of a substring.
        report: Called with the characters and the substrings of each level.

    Returns:
        The substrings by level and then by place. They do not depend on the threads.
    """
    numbers = np.full(len(blocks.buffer) + 1, -1, dtype=np.int32)
    number_of = np.full(CODE_POINTS, -1, dtype=np.int32)
    codes = np.flatnonzero((counts >= min_count) & (kinds & ALONE == 0))
    number_of[codes] = np.arange(len(codes), dtype=np.int32)
    over_shards(
        lambda first, last: _number_characters(
            blocks.buffer, blocks.starts[first], blocks.starts[last], number_of, numbers
        ),
        blocks.starts,
    )
    breaks = _breaks(kinds[codes], cross_lines, word_bounded)
    lengths = np.array([len(chr(code).encode()) for code in codes.tolist()], dtype=np.int64)
    level, found = Pool(np.zeros(len(codes), dtype=np.int64), lengths, counts[codes]), []
    for size in range(2, longest + 1):
        kept, prefixes = _next_level(blocks, numbers, breaks, level.lengths, min_count, longest)
        if size > 2:
            found.append(_not_followed(level, kept, prefixes))
        level, breaks = kept, np.zeros((0, 0), dtype=np.uint8)
        report(size, len(level.counts))
        if not len(level.counts):
            break
    found.append(level)
    return Pool(*(np.concatenate(parts) for parts in zip(*found)))


def _breaks(kinds: np.ndarray, cross_lines: bool, word_bounded: bool) -> np.ndarray:
    """Kinds of the characters by number: (two rows) may not be followed by, may not follow."""
    newline, space = kinds & NEWLINE > 0, kinds & SPACE > 0
    rules = np.zeros((len(kinds), 2), dtype=np.uint8)  # a pair is broken where the bits of left and right meet
    if not cross_lines:
        rules[newline, 0] |= 1
        rules[~newline, 1] |= 1
    if word_bounded:
        rules[~space, 0] |= 2
        rules[space, 1] |= 2
    return rules


def _not_followed(level: Pool, longer: Pool, prefixes: np.ndarray) -> Pool:
    """Those of a level that lose more than a seventh of their count by any next character."""
    most = np.zeros(len(level.counts), dtype=np.int64)
    np.maximum.at(most, prefixes, longer.counts)
    return Pool(*(part[most * 1.15 <= level.counts] for part in level))


def _next_level(
    blocks: Blocks, numbers: np.ndarray, breaks: np.ndarray, lengths: np.ndarray, min_count: int, longest: int
) -> tuple[Pool, np.ndarray]:
    """Count the substrings one character longer, and number the frequent ones; and the number of each one's prefix."""

    def count(first: int, last: int) -> tuple[int, Table, int, int]:
        begin, end = blocks.starts[first], blocks.starts[last]
        table, found, place = _new_table(1 << 14), 0, begin
        while True:
            place, found = _count_level(blocks.buffer, place, end, numbers, breaks, lengths, longest, table, found)
            if place == end:
                return found, table, begin, end
            table = _grown(table, found)

    shards = over_shards(count, blocks.starts)
    found, table, _, _ = shards[0]
    places = [np.arange(found, dtype=np.int32)]
    for other_found, other, _, _ in shards[1:]:
        while found + other_found > len(table[1]):
            table = _grown(table, found)
        moved = np.empty(other_found, dtype=np.int32)
        found = _merge(table, found, other, other_found, moved)
        places.append(moved)
    keys, counts, firsts = (part[:found] for part in table[1:])
    frequent = counts >= min_count
    renumbered = np.where(frequent, np.cumsum(frequent, dtype=np.int32) - np.int32(1), np.int32(-1))
    renumbered = renumbered.astype(np.int32)

    in_threads(
        [partial(_renumber, numbers, begin, end, renumbered[to]) for (_, _, begin, end), to in zip(shards, places)]
    )
    keys, firsts = keys[frequent], firsts[frequent]
    suffix_lengths = lengths[keys & 0xFFFFFFFF]
    head = _character_lengths(blocks.buffer, firsts)
    return Pool(firsts, head + suffix_lengths, counts[frequent]), keys >> 32


def _new_table(slots: int) -> Table:
    entries = slots // 2
    return (
        np.full(slots, -1, dtype=np.int32),
        np.empty(entries, dtype=np.int64),
        np.empty(entries, dtype=np.int64),
        np.empty(entries, dtype=np.int64),
    )


def _grown(table: Table, found: int) -> Table:
    larger = _new_table(len(table[0]) * 2)
    for old, new in zip(table[1:], larger[1:]):
        new[:found] = old[:found]
    _refill(larger[0], larger[1], found)
    return larger


def _character_lengths(buffer: np.ndarray, places: np.ndarray) -> np.ndarray:
    lead = buffer[places]
    return 1 + (lead >= 0xC0).astype(np.int64) + (lead >= 0xE0) + (lead >= 0xF0)


# --- kernels ----------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def code_point(buffer, i, end):
    """The character at byte i and its length, or (-1, 1) where the bytes from i on begin none (strict UTF-8)."""
    a = np.int64(buffer[i])
    if a < 0x80:
        return a, 1
    if a < 0xC2 or a > 0xF4 or i + 1 >= end:
        return np.int64(-1), 1
    b = np.int64(buffer[i + 1])
    if b & 0xC0 != 0x80:
        return np.int64(-1), 1
    if a < 0xE0:
        return (a & 0x1F) << 6 | (b & 0x3F), 2
    if i + 2 >= end or buffer[i + 2] & 0xC0 != 0x80:
        return np.int64(-1), 1
    c = np.int64(buffer[i + 2])
    if a < 0xF0:
        code = (a & 0x0F) << 12 | (b & 0x3F) << 6 | (c & 0x3F)
        return (np.int64(-1), 1) if code < 0x800 or 0xD800 <= code < 0xE000 else (code, 3)
    if i + 3 >= end or buffer[i + 3] & 0xC0 != 0x80:
        return np.int64(-1), 1
    code = (a & 0x07) << 18 | (b & 0x3F) << 12 | (c & 0x3F) << 6 | (np.int64(buffer[i + 3]) & 0x3F)
    return (np.int64(-1), 1) if code < 0x10000 or code > 0x10FFFF else (code, 4)


@njit(cache=True, nogil=True)
def _histogram(buffer, begin, end):
    counts = np.zeros(0x110000, dtype=np.int64)
    i = begin
    while i < end:
        code, length = code_point(buffer, i, end)
        if code >= 0:
            counts[code] += 1
        i += length
    return counts


@njit(cache=True, nogil=True)
def _number_characters(buffer, begin, end, number_of, numbers):
    i = begin
    while i < end:
        code, length = code_point(buffer, i, end)
        if code >= 0:
            numbers[i] = number_of[code]
        i += length


@njit(cache=True, nogil=True)
def _mixed(key, mask):
    key = (key ^ (key >> 29)) * np.int64(-4658895280553007687)
    return (key ^ (key >> 32)) & mask


@njit(cache=True, nogil=True)
def _count_level(buffer, begin, end, numbers, breaks, lengths, longest, table, found):
    """Replace the number at each byte by the entry of the substring one character longer, from `begin` on.

    Stops where the table is full; returns where it stopped and how many entries there are.
    """
    slots, keys, counts, firsts = table
    mask = np.int64(len(slots) - 1)
    for i in range(begin, end):
        left = numbers[i]
        if left < 0:
            continue
        lead = buffer[i]
        length = 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
        right = numbers[i + length]
        if right < 0 or length + lengths[right] > longest or (len(breaks) > 0 and breaks[left, 0] & breaks[right, 1]):
            numbers[i] = -1
            continue
        key = np.int64(left) << 32 | np.int64(right)
        slot = _mixed(key, mask)
        while slots[slot] >= 0 and keys[slots[slot]] != key:
            slot = (slot + 1) & mask
        entry = slots[slot]
        if entry < 0:
            if found == len(keys):
                return i, found
            entry = found
            slots[slot], keys[entry], counts[entry], firsts[entry] = entry, key, 0, i
            found += 1
        counts[entry] += 1
        numbers[i] = entry
    return end, found


@njit(cache=True, nogil=True)
def _refill(slots, keys, found):
    mask = np.int64(len(slots) - 1)
    for entry in range(found):
        slot = _mixed(keys[entry], mask)
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = entry


@njit(cache=True, nogil=True)
def _merge(table, found, other_table, other_found, moved):
    """Add the entries of another table, which covers later text, to this one; `moved` says where each went."""
    slots, keys, counts, firsts = table
    _, other_keys, other_counts, other_firsts = other_table
    mask = np.int64(len(slots) - 1)
    for other in range(other_found):
        key = other_keys[other]
        slot = _mixed(key, mask)
        while slots[slot] >= 0 and keys[slots[slot]] != key:
            slot = (slot + 1) & mask
        if slots[slot] < 0:
            slots[slot], keys[found], counts[found], firsts[found] = found, key, 0, other_firsts[other]
            found += 1
        counts[slots[slot]] += other_counts[other]
        moved[other] = slots[slot]
    return found


@njit(cache=True, nogil=True)
def _renumber(numbers, begin, end, renumbered):
    for i in range(begin, end):
        if numbers[i] >= 0:
            numbers[i] = renumbered[numbers[i]]
