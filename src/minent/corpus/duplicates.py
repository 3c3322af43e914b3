"""Which texts are nearly the same: MinHash over character 5-grams finds candidates, the 5-grams themselves decide.

Two texts are near duplicates when their sets of 5-grams, of lower-case text with runs of spaces as one, have a Jaccard
similarity of at least `NEAR` = 0.8. Sixteen bands of five hashes let 99.8 % of the pairs at 0.8 be candidates. Time
grows with the number of characters, not with the number of pairs: within a bucket each text is compared with the first
one only. Everything is a fixed function of the texts; there is nothing random to seed.

Source: A. Broder (1997), On the resemblance and containment of documents; Leskovec, Rajaraman & Ullman, chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

NEAR = 0.8
_GRAM = 5
_BANDS, _ROWS = 16, 5
_COMPARED_CHARACTERS = 10_000  # the start of a longer text stands for it
_BATCH = 512

_multipliers = np.random.default_rng(5112).integers(0, 2**63, size=(2, _BANDS * _ROWS), dtype=np.uint64) * 2 + 1
_powers = np.array([1_000_003**power % 2**64 for power in range(_GRAM)][::-1], dtype=np.uint64)


Signature = tuple[list[bytes], np.ndarray]  # band keys, and sorted distinct 5-gram hashes
NOTHING: Signature = ([], np.empty(0, dtype=np.uint64))  # the signature of the empty text


class NearIndex:
    """Texts by their MinHash bands: `add` files one, `similar` finds one that is near.

    Example:
        >>> index = NearIndex()
        >>> (_, cat), (_, cats), (_, dog) = signed(["the cat sat on the mat", "The cat  sat on the mats", "a dog"])
        >>> index.add(7, cat)
        >>> index.similar(cats), index.similar(dog)
        (7, None)
    """

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}
        self._grams: dict[int, np.ndarray] = {}

    def add(self, key: int, signature: Signature) -> None:
        """File a text under those of its bands that nobody holds yet."""
        bands, self._grams[key] = signature
        for band in bands:
            self._first.setdefault(band, key)

    def similar(self, signature: Signature) -> int | None:
        """Return the lowest key among the filed texts that share a band and are near, or None."""
        bands, grams = signature
        candidates = sorted({self._first[band] for band in bands if band in self._first})
        return next((key for key in candidates if jaccard(grams, self._grams[key]) >= NEAR), None)


def signed(texts: Iterable[str]) -> Iterator[tuple[str, Signature]]:
    """Yield each text with its signature; a batch at a time is in memory."""
    texts = iter(texts)
    while batch := list(islice(texts, _BATCH)):
        grams = [grams_of(text) for text in batch]
        yield from zip(batch, zip(_band_keys(grams), grams))


def near_groups(texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Group the texts that are near duplicates, or equal but for case and spaces.

    Args:
        texts: Any texts; empty ones are nobody's duplicates.

    Returns:
        Groups of two or more positions, each ascending, in the order of their first members.

    Example:
        >>> near_groups(["one two three four", "something else", "One two  three four"])
        ((0, 2),)
    """
    index = NearIndex()
    groups: dict[int, list[int]] = {}
    for position, (_, signature) in enumerate(signed(texts)):
        first = index.similar(signature)
        if first is None:
            index.add(position, signature)
        groups.setdefault(position if first is None else first, []).append(position)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def grams_of(text: str) -> np.ndarray:
    """The sorted distinct hashes of a text's 5-grams (uint64); a shorter text is one gram, an empty one is none."""
    folded = " ".join(text[:_COMPARED_CHARACTERS].casefold().split())
    if not folded:
        return np.empty(0, dtype=np.uint64)
    codes = np.frombuffer(folded.ljust(_GRAM, "\0").encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    hashes = np.lib.stride_tricks.sliding_window_view(codes, _GRAM) @ _powers
    return np.unique(_mixed(hashes))


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """The share of common members among all members of two sets, given as sorted distinct arrays."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common) if common else 0.0


def _band_keys(batch: list[np.ndarray]) -> Iterator[list[bytes]]:
    """For each set of hashes, its sixteen band keys: the band's number and five minima under five hash functions."""
    filled = [grams for grams in batch if len(grams)]
    minima = np.empty((len(filled), _BANDS * _ROWS), dtype=np.uint64)
    if filled:
        everything = np.concatenate(filled)
        starts = np.cumsum([0, *(len(grams) for grams in filled[:-1])])
        for column, (scale, shift) in enumerate(_multipliers.T):
            minima[:, column] = np.minimum.reduceat(_mixed(everything * scale + shift), starts)
    rows = iter(minima.reshape(len(filled), _BANDS, _ROWS))
    for grams in batch:
        yield [bytes([band]) + key.tobytes() for band, key in enumerate(next(rows))] if len(grams) else []


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Let the high bits reach the low ones and back (one round of a 64-bit finalizer)."""
    hashes = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0x7FB5D329728EA185)
    return hashes ^ (hashes >> np.uint64(27))
