"""The byte n-gram model, and the likeliest way it cuts a text.

A text of bytes c_1 c_2 .. is cut into pieces w_1 w_2 .. with the largest prod p(w), where p(w) = prod_j p(c_j | bytes
of w before c_j), the context cut to order - 1 bytes. So every byte carries one of `order` tags: its offset in its
piece, the last tag standing for all further ones. Tag t goes to t + 1 (the piece goes on) or to 0 (a new one begins),
and the best row of tags is found by dynamic programming.

The counts of all orders come from one sort: each position has the key of the n-gram that starts there, nine bits per
byte, with 0 past the end of its chunk; equal prefixes then stand side by side.

Source: J. Su, kexue.fm/archives/3956, 9752; `Trainer` of bytepiece 0.6.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from minent.runtime import thread_count
from minent.tokenizer.text import Rows, in_threads, over_shards

_BITS = 9


class Ngrams(NamedTuple):
    """The n-gram model of a text, seen from its positions."""

    scores: np.ndarray  # float64, (n-grams, order): log-probability of byte j of an n-gram after the bytes before it
    ranks: np.ndarray  # int32, by position: which n-gram starts there


def count(chunks: Rows, order: int, min_count: int) -> Ngrams:
    """Count all n-grams up to `order` bytes and turn them into conditional log-probabilities.

    Peak memory is about 30 bytes for each byte of text, then `8 * order` for each different n-gram of full length.

    Args:
        chunks: The training text; no n-gram crosses from one chunk to the next.
        order: Longest n-gram, 2 to 7.
        min_count: Rarer n-grams of two bytes and more score minus infinity.
    """
    keys = np.empty(len(chunks.buffer), dtype=np.int64)
    over_shards(
        lambda first, last: _fill_keys(chunks.buffer, chunks.starts[first : last + 1], order, keys), chunks.starts
    )
    distinct, firsts, ranks = _ranked(keys)
    return Ngrams(_conditionals(distinct, firsts, len(ranks), order, min_count), ranks)


def cut(chunks: Rows, ngrams: Ngrams, *, ensure_unicode: bool) -> Rows:
    """Cut every chunk into its likeliest pieces.

    Args:
        chunks: The text that was counted.
        ngrams: Its model.
        ensure_unicode: No piece may begin inside a character. Where the model does not know a step inside one, nothing
            behind it has a finite score, and the rest of the chunk falls into bytes: so it is in bytepiece.

    Returns:
        The same bytes, with a row for each piece in the order of the text.
    """
    order = ngrams.scores.shape[1]
    begins = np.zeros(len(chunks.buffer), dtype=np.uint8)
    longest = int(np.diff(chunks.starts).max())

    def mark(first: int, last: int) -> None:
        starts = chunks.starts[first : last + 1]
        totals, routes = np.zeros((2, order)), np.zeros((longest, order), dtype=np.uint8)
        _mark_begins(chunks.buffer, starts, ngrams.ranks, ngrams.scores, ensure_unicode, totals, routes, begins)

    over_shards(mark, chunks.starts)
    return Rows(chunks.buffer, np.append(np.flatnonzero(begins), len(begins)))


def _ranked(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort the keys: the different ones, where each begins in the sorted row, and by position which one it is."""
    half = len(keys) // 2
    sort: list[Callable[[], np.ndarray]] = [lambda: np.argsort(keys[:half]), lambda: np.argsort(keys[half:])]
    first, second = in_threads(sort) if thread_count() > 1 else [one() for one in sort]
    second += half
    distinct, firsts = np.empty((2, len(keys)), dtype=np.int64)
    ranks = np.empty(len(keys), dtype=np.int32)
    found = _rank(keys, first, second, distinct, firsts, ranks)
    return distinct[:found].copy(), firsts[:found].copy(), ranks


def _conditionals(distinct: np.ndarray, firsts: np.ndarray, total: int, order: int, min_count: int) -> np.ndarray:
    """`log count(w) - log count(w without its last byte)` for the prefixes w of every key, all counts from one sort."""
    scores = np.full((len(distinct), order), -np.inf)
    absent = 256 - len(np.unique(distinct >> _BITS * (order - 1)))
    shorter = np.log(total + absent)  # a byte that never occurs is counted once, as it will be a piece
    for level in range(order):
        prefixes = distinct >> _BITS * (order - 1 - level)
        heads = np.flatnonzero(np.append(True, prefixes[1:] != prefixes[:-1]))
        spread = np.diff(heads, append=len(distinct))
        counts = np.diff(firsts[heads], append=total)
        logs = np.repeat(np.log(counts), spread)
        counted = (prefixes[heads] & (2**_BITS - 1) > 0) & ((counts >= min_count) | (level == 0))
        np.subtract(logs, shorter, out=scores[:, level], where=np.repeat(counted, spread))
        shorter = logs
    return scores


@njit(cache=True, nogil=True)
def _fill_keys(buffer, starts, order, keys):
    """The n-gram at every position: byte + 1 in nine bits each, the first byte highest, 0 past the end of the chunk."""
    for chunk in range(len(starts) - 1):
        key = np.int64(0)
        for i in range(starts[chunk + 1] - 1, starts[chunk] - 1, -1):
            key = (key >> _BITS) | ((np.int64(buffer[i]) + 1) << (_BITS * (order - 1)))
            keys[i] = key


@njit(cache=True, nogil=True)
def _rank(keys, first, second, distinct, firsts, ranks):
    """Number the different keys in their order, from two sorted rows of their places; returns how many there are."""
    found, before, i, j = 0, np.int64(-1), 0, 0
    end = np.int64(2**63 - 1)  # above every key
    left = keys[first[0]] if len(first) > 0 else end
    right = keys[second[0]] if len(second) > 0 else end
    for place in range(len(keys)):
        key = min(left, right)
        if key != before:
            distinct[found], firsts[found] = key, place
            found, before = found + 1, key
        if left <= right:
            ranks[first[i]] = found - 1
            i += 1
            left = keys[first[i]] if i < len(first) else end
        else:
            ranks[second[j]] = found - 1
            j += 1
            right = keys[second[j]] if j < len(second) else end
    return found


@njit(cache=True, nogil=True)
def _mark_begins(buffer, starts, ranks, scores, ensure_unicode, totals, routes, begins):
    """Set `begins[i]` to 1 where a piece begins. Ties go to the lower tag, as they do in bytepiece."""
    order = scores.shape[1]
    for chunk in range(len(starts) - 1):
        first, end = starts[chunk], starts[chunk + 1]
        for tag in range(order):
            totals[0, tag] = 0.0
        for i in range(first, end):
            inside = ensure_unicode and 128 <= buffer[i] < 192
            for tag in range(order):
                step = -np.inf
                if tag <= i - first and (tag > 0 or not inside):
                    step = scores[ranks[i - tag], tag]
                best, route = -np.inf, 0
                for earlier in range(max(tag - 1, 0), order):
                    follows = tag == 0 or earlier == tag - 1 or tag == order - 1
                    if follows and totals[0, earlier] + step > best:
                        best, route = totals[0, earlier] + step, earlier
                totals[1, tag] = best
                routes[i - first, tag] = route
            for tag in range(order):
                totals[0, tag] = totals[1, tag]
        tag = 0
        for other in range(1, order):
            if totals[0, other] > totals[0, tag]:
                tag = other
        for i in range(end - 1, first, -1):
            begins[i] = tag == 0
            tag = routes[i - first, tag]
        begins[first] = 1
