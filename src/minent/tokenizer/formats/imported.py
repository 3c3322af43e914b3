"""A tokenizer from pieces and counts: checked, counted again on a text if there is one, and brought to size.

Source: `convert_to_bytepiece` of bytepiece 0.6.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from minent.errors import InputError, whole
from minent.tokenizer import lexicon
from minent.tokenizer.config import SMALLEST_VOCABULARY
from minent.tokenizer.text import check_iterable, join, normalize, to_utf8

LONGEST_PIECE = 1024  # bytes
_BATCH_BYTES = 2**24
_ROUNDS = 2


def tokenizer_parts(
    counts: Mapping[bytes | str, int], vocab_size: int | None, texts: Iterable[str] | None, faithful: bool
) -> dict[str, Any]:
    """Bring the pieces to size; return what `Tokenizer` takes."""
    given = _checked(counts)
    size = len(given.pieces) + SMALLEST_VOCABULARY if vocab_size is None else vocab_size
    size = whole("vocab_size", size, SMALLEST_VOCABULARY, meaning=": 3 special ids, 256 bytes; or None for no limit")
    normalization = "nfc" if faithful else "none"
    counted = given if texts is None else _recount(given, texts, normalization, faithful)
    found = lexicon.prune(
        counted, [size], min_count=1, max_piece_length=LONGEST_PIECE, faithful=faithful, report=lambda now, wanted: None
    )[0]
    by_length = sorted(range(len(found.pieces)), key=lambda i: (len(found.pieces[i]), found.pieces[i]))
    kept = found.counts[by_length]
    return {
        "pieces": [found.pieces[i] for i in by_length],
        "counts": kept,
        "scores": lexicon.log_scores(kept, faithful),
        "normalization": normalization,
        "facts": {"imported_from": "counts", "pieces_given": len(given.pieces), "recounted": texts is not None},
    }


def _checked(counts: Mapping[bytes | str, int]) -> lexicon.Lexicon:
    if not isinstance(counts, Mapping):
        raise InputError(f"counts is {type(counts).__name__}; it takes a mapping of pieces to counts, or a file.")
    found: dict[bytes, int] = {}
    for piece, count in counts.items():
        if not isinstance(piece, (bytes, str)) or not piece:
            raise InputError(
                f"counts holds the piece {piece!r}; a piece is one character or byte at least, str or bytes."
            )
        data = to_utf8(piece, f"piece {piece!r}") if isinstance(piece, str) else piece
        shown = data[:40].decode(errors="backslashreplace")
        if len(data) > LONGEST_PIECE:
            raise InputError(f"piece {shown!r}.. has {len(data):,} bytes; a piece has at most {LONGEST_PIECE}.")
        whole(f"the count of {shown!r}", count, 1)
        if data in found:
            raise InputError(f"piece {shown!r} stands in counts as str and as bytes. Keep one of the two.")
        found[data] = int(count)
    if not found:
        raise InputError("counts holds no piece. Give one or more.")
    if sum(found.values()) >= 2**53:
        raise InputError(f"the counts add up to {sum(found.values()):,}; it takes less than 2**53. Divide them all.")
    pieces = sorted(found)
    return lexicon.Lexicon(pieces, np.array([found[piece] for piece in pieces], dtype=np.int64))


def _recount(given: lexicon.Lexicon, texts: Iterable[str], normalization: str, faithful: bool) -> lexicon.Lexicon:
    """Count the pieces on a text as the counts so far would cut it, twice; what is never used goes."""
    check_iterable(texts)
    if iter(texts) is texts:
        raise InputError("texts can be read only once, and it is read twice. Give a list: list(texts).")
    counted = given
    for _ in range(_ROUNDS):
        counted = _with_bytes(counted)
        used = np.zeros(len(counted.pieces), dtype=np.int64)
        for rows in _batches(texts, normalization):
            used += lexicon.usage(counted, join(rows), faithful)
        if not used.any():
            raise InputError("texts holds no character. Give some text to count on, or none (texts=None).")
        counted = lexicon.Lexicon(counted.pieces, used).only(used > 0)
    return counted


def _with_bytes(counted: lexicon.Lexicon) -> lexicon.Lexicon:
    found = {bytes([byte]): 1 for byte in range(256)} | dict(zip(counted.pieces, counted.counts.tolist()))
    pieces = sorted(found)
    return lexicon.Lexicon(pieces, np.array([found[piece] for piece in pieces], dtype=np.int64))


def _batches(texts: Iterable[str], normalization: str) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for number, text in enumerate(texts):
        data = to_utf8(normalize(text, normalization, f"texts[{number}]"), f"texts[{number}]")
        batch.append(data)
        size += len(data)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
