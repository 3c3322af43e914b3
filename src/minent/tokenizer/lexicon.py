"""The pieces and their counts, brought down to size.

Each piece that is given up is segmented by those that stay, and its count goes to its parts; so the sum of count times
length never changes. A piece that its own parts beat is waste, and goes as well.

Source: J. Su, kexue.fm/archives/9752; `Trainer.prune_pieces` of bytepiece 0.6.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from minent.tokenizer import trie
from minent.tokenizer.config import SPECIALS
from minent.tokenizer.text import Rows, join

_GRAIN = 256.0  # scores are whole multiples of 1 / 256 nat, so sums do not depend on their order and ties are ties


class Lexicon(NamedTuple):
    """Different pieces, sorted as bytes, and how often each occurs."""

    pieces: list[bytes]
    counts: np.ndarray  # int64

    def only(self, kept: np.ndarray) -> Lexicon:
        """The pieces where `kept` (bool) holds."""
        return Lexicon([piece for piece, keep in zip(self.pieces, kept) if keep], self.counts[kept])


def log_scores(counts: np.ndarray, faithful: bool) -> np.ndarray:
    """Log-probabilities of pieces from counts; rounded to 1/256 nat unless `faithful` to bytepiece's plain logarithms.

    Example:
        >>> log_scores(np.array([1, 1]), faithful=False)
        array([-0.69140625, -0.69140625])
    """
    scores = np.log(counts) - np.log(counts.sum())
    return scores if faithful else np.round(scores * _GRAIN) / _GRAIN


def count(cuts: Rows) -> Lexicon:
    """Count the different rows, in sorted order."""
    rows = len(cuts.starts) - 1
    slots = np.full(2 << rows.bit_length(), -1, dtype=np.int32)
    firsts, counts, hashes = np.empty((3, rows), dtype=np.int64)
    found = _count_different(cuts.buffer, cuts.starts, slots, firsts, counts, hashes)
    firsts, counts = firsts[:found], counts[:found]
    data = cuts.buffer.tobytes()
    pieces = [data[a:b] for a, b in zip(cuts.starts[firsts].tolist(), cuts.starts[firsts + 1].tolist())]
    by_bytes = sorted(range(len(pieces)), key=pieces.__getitem__)
    return Lexicon([pieces[i] for i in by_bytes], counts[by_bytes])


def prune(
    counted: Lexicon,
    sizes: Sequence[int],
    *,
    min_count: int,
    max_piece_length: int,
    faithful: bool,
    report: Callable[[int, int], None],
) -> list[Lexicon]:
    """Bring the counted pieces down to each size in turn, largest size first.

    Args:
        counted: All pieces of the text.
        sizes: Vocabulary sizes with the special ids, falling. A lexicon that is small enough is left as it is.
        min_count: Rarer pieces go first, but never a single byte.
        max_piece_length: Longer pieces go with them.
        faithful: Plain logarithms as scores.
        report: Called with how many pieces there are, and how many are wanted in the end.

    Returns:
        One lexicon for each size; each holds the next.
    """
    lexicon = _with_all_bytes(counted)
    lengths = np.fromiter(map(len, lexicon.pieces), dtype=np.int64)
    frequent = (lengths <= max_piece_length) & (lexicon.counts >= min_count)
    lexicon = _give_up(lexicon, (lengths == 1) | frequent, faithful)
    lexicon = _drop_waste(lexicon, faithful, report, sizes[-1])
    found = []
    for size in sizes:
        room = size - SPECIALS
        if len(lexicon.pieces) > room:
            lexicon = _give_up(lexicon, _most_used(lexicon, room), faithful)
            lexicon = _drop_waste(lexicon, faithful, report, sizes[-1])
        found.append(lexicon)
    return found


def usage(lexicon: Lexicon, rows: Rows, faithful: bool) -> np.ndarray:
    """How often each piece of `lexicon` is used to write all rows."""
    ids, _ = trie.segment(rows, _trie(lexicon, faithful))
    return np.bincount(ids, minlength=len(lexicon.pieces))


def _with_all_bytes(lexicon: Lexicon) -> Lexicon:
    absent = sorted({bytes([byte]) for byte in range(256)}.difference(lexicon.pieces))
    pieces = lexicon.pieces + absent
    counts = np.append(lexicon.counts, np.ones(len(absent), dtype=np.int64))
    by_bytes = sorted(range(len(pieces)), key=pieces.__getitem__)
    return Lexicon([pieces[i] for i in by_bytes], counts[by_bytes])


def _most_used(lexicon: Lexicon, room: int) -> np.ndarray:
    """Mark the single bytes and then the most frequent pieces; of equals the longer, then the first as bytes."""
    lengths = np.fromiter(map(len, lexicon.pieces), dtype=np.int64)
    ranked = np.lexsort((-lengths, -lexicon.counts, lengths > 1))
    kept = np.zeros(len(lengths), dtype=bool)
    kept[ranked[:room]] = True
    return kept


def _give_up(lexicon: Lexicon, kept: np.ndarray, faithful: bool) -> Lexicon:
    """Give the counts of the pieces not `kept` to the parts that the kept ones cut them into."""
    stay, go = lexicon.only(kept), lexicon.only(~kept)
    return Lexicon(stay.pieces, stay.counts + _shares(stay, go, faithful))


def _drop_waste(lexicon: Lexicon, faithful: bool, report: Callable[[int, int], None], wanted: int) -> Lexicon:
    """Drop pieces that are not their own best segmentation, until none is left: fewer pieces change the scores."""
    while True:
        report(len(lexicon.pieces), wanted - SPECIALS)
        shares = Lexicon(lexicon.pieces, _shares(lexicon, lexicon, faithful))
        if shares.counts.all():
            return shares
        lexicon = shares.only(shares.counts > 0)


def _shares(lexicon: Lexicon, others: Lexicon, faithful: bool) -> np.ndarray:
    """Segment `others` by `lexicon`, and return how often each piece of `lexicon` is used, in counts of `others`."""
    used, starts = trie.segment(join(others.pieces), _trie(lexicon, faithful))
    shares = np.zeros(len(lexicon.pieces), dtype=np.int64)
    np.add.at(shares, used, np.repeat(others.counts, np.diff(starts)))
    return shares


def _trie(lexicon: Lexicon, faithful: bool) -> trie.Trie:
    ids = np.arange(len(lexicon.pieces), dtype=np.int32)
    return trie.build(lexicon.pieces, ids, log_scores(lexicon.counts, faithful))


@njit(cache=True, nogil=True)
def _count_different(buffer, starts, slots, firsts, counts, hashes):
    """Count equal rows of bytes by open addressing: `slots` (-1, a power of two) holds kinds in the order they appear.

    Fills the first row of each kind, how many rows are of it, and its hash; returns how many kinds there are.
    """
    found = 0
    for row in range(len(starts) - 1):
        begin, length = starts[row], starts[row + 1] - starts[row]
        hashed = length
        for i in range(begin, begin + length):
            hashed = (hashed ^ buffer[i]) * 1099511628211
            hashed ^= hashed >> 29
        slot = hashed & (len(slots) - 1)
        while slots[slot] >= 0:
            first = firsts[slots[slot]]
            if hashes[slots[slot]] == hashed and starts[first + 1] - starts[first] == length:
                i = 0
                while i < length and buffer[starts[first] + i] == buffer[begin + i]:
                    i += 1
                if i == length:
                    break
            slot = (slot + 1) & (len(slots) - 1)
        if slots[slot] < 0:
            slots[slot], firsts[found], hashes[found], counts[found] = found, row, hashed, 0
            found += 1
        counts[slots[slot]] += 1
    return found
