"""SentencePiece: a unigram `.model` that gives our ids for any bytes.

A character map in the normalizer spells raw bytes as characters (`spelling.readable`), and one in the denormalizer
spells them back; no space is added, removed or marked, and nothing is left to byte fallback.

SentencePiece keeps the best sum to each position in float32. With scores in multiples of 2^-k the sums are exact while
they stay below 2^(24 - k), and beyond that ties and near ties fall by rounding. So every score is written with a
constant for each byte of its piece added, the mean cost of a byte: all ways to a position gain the same, no choice
changes, and the sums stay near 0 instead of growing with the text.

Source: google/sentencepiece, `sentencepiece_model.proto`, `unigram_model.cc` (EncodeOptimized), `normalizer.cc`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minent import artifacts
from minent.tokenizer.formats import exactness, protobuf
from minent.tokenizer.formats.spelling import readable

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
_FLOAT_BITS = 24


def paths(path: Path) -> list[Path]:
    """The files that are written."""
    return [path]


def differences(tokenizer: Tokenizer) -> list[str]:
    """Where the ids may differ from ours."""
    found = []
    if tokenizer.normalization == "nfc":
        found.append("no NFC is applied: bring texts to NFC first")
    if exactness.grain_bits(tokenizer) is None:
        found.append("scores are rounded to float32: near ties may fall the other way")
    if exactness.line_cuts_matter(tokenizer):
        found.append("a text is segmented whole, not line by line")
    return found


def limits(tokenizer: Tokenizer) -> list[str]:
    """What a user must know."""
    found = ["decoding drops NUL bytes", "id 0 is <unk>, which never occurs, because one piece must be unknown"]
    if tokenizer.specials:
        found.append(
            "special tokens are not read in text, as with disallowed_special=() here, and are decoded to nothing"
        )
    if not differences(tokenizer):
        found.append(
            f"sums are float32: a call gives our ids for any {exact_bytes(tokenizer):,} bytes, and for 100 KB and more "
            f"of most texts; beyond that near ties may fall the other way"
        )
    return found


def exact_bytes(tokenizer: Tokenizer) -> int:
    """The bytes of a text up to which no sum can leave the exact range of float32, whatever the text."""
    lengths, scores = _lengths(tokenizer), _level_scores(tokenizer)
    steepest = max(-scores[:256].min(), (scores / lengths).max(), 2.0**-_FLOAT_BITS)
    return int(2.0 ** (_FLOAT_BITS - (exactness.grain_bits(tokenizer) or 0)) / steepest)


def write(tokenizer: Tokenizer, path: Path) -> None:
    """Write a model file."""
    spelling = readable(tokenizer)
    spelt = [spelling.spell(piece) for piece in tokenizer.pieces]
    specials = exactness.free_names(tokenizer.specials, set(spelt))
    unknown, bos, eos = exactness.free_names(("<unk>", "<s>", "</s>"), {*spelt, *specials})
    pieces = [_piece(unknown, 0.0, UNKNOWN), _piece(bos, 0.0, CONTROL), _piece(eos, 0.0, CONTROL)]
    pieces += [_piece(text, score, NORMAL) for text, score in zip(spelt, _level_scores(tokenizer).tolist())]
    pieces += [_piece(text, 0.0, CONTROL) for text in specials]
    trainer = [
        protobuf.number(3, 1),  # unigram
        protobuf.number(4, tokenizer.vocab_size),
        *(protobuf.number(40 + i, id) for i, id in enumerate((0, 1, 2, -1))),  # unk, bos, eos, pad
        *(protobuf.string(44 + i, text) for i, text in enumerate(("", unknown, bos, eos))),  # how unk is decoded; names
    ]
    model = [protobuf.string(1, piece) for piece in pieces]
    model.append(protobuf.string(2, b"".join(trainer)))
    model.append(protobuf.string(3, _normalizer("minent", spelling.charsmap())))
    model.append(protobuf.string(5, _normalizer("minent_inverse", spelling.inverse())))
    artifacts.write_whole(path, b"".join(model))


def _level_scores(tokenizer: Tokenizer) -> np.ndarray:
    """The scores, the mean cost of a byte added for each byte, in the grain of the scores."""
    lengths, grain = _lengths(tokenizer), 2.0 ** (exactness.grain_bits(tokenizer) or 8)
    cost = -(tokenizer.counts @ tokenizer.scores) / (tokenizer.counts @ lengths)
    return tokenizer.scores + lengths * np.round(cost * grain) / grain


def _lengths(tokenizer: Tokenizer) -> np.ndarray:
    return np.fromiter(map(len, tokenizer.pieces), dtype=np.int64)


def _piece(text: str, score: float, kind: int) -> bytes:
    return protobuf.string(1, text) + protobuf.single(2, score) + protobuf.number(3, kind)


def _normalizer(name: str, charsmap: bytes) -> bytes:
    """A normalizer that does what the map says: no space added in front, none merged, none marked."""
    flags = b"".join(protobuf.number(field, 0) for field in (3, 4, 5))
    return protobuf.string(1, name) + protobuf.string(2, charsmap) + flags
