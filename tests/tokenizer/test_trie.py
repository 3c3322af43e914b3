"""The trie of the trainer finds the best of all segmentations and breaks ties by its rule."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minent.tokenizer import trie
from minent.tokenizer.text import join
from tests.tokenizer import reference

BYTES = [bytes([byte]) for byte in range(256)]


def made(scores: dict[bytes, float]) -> tuple[list[bytes], trie.Trie]:
    """A trie of these pieces and of all single bytes, which cost 9 where no score is given."""
    whole = dict.fromkeys(BYTES, -9.0) | scores
    pieces = sorted(whole)
    ids = np.arange(len(pieces), dtype=np.int32)
    return pieces, trie.build(pieces, ids, np.array([whole[piece] for piece in pieces]))


def segment(texts: list[bytes], scores: dict[bytes, float]) -> list[list[bytes]]:
    pieces, built = made(scores)
    ids, starts = trie.segment(join(texts), built)
    return [[pieces[id] for id in ids[a:b]] for a, b in pairwise(starts)]


WORDS = st.binary(min_size=1, max_size=5).map(lambda word: bytes(97 + byte % 3 for byte in word))
SCORES = st.dictionaries(WORDS, st.integers(-40, 0).map(lambda score: score / 4), max_size=12)


@given(SCORES, st.lists(st.lists(WORDS, max_size=3).map(b"".join).map(lambda text: text[:9]), max_size=3))
def test_the_best_of_all_segmentations(scores, texts):
    whole = dict.fromkeys(BYTES, -9.0) | scores
    expected = [reference.best_segmentation(text, whole) for text in texts]
    assert segment(texts, scores) == expected
    assert [reference.quick_segmentation(text, whole) for text in texts] == expected


def test_of_equals_the_longest_last_piece_wins():
    scores = {b"a": -1.0, b"b": -1.0, b"c": -1.0, b"ab": -2.0, b"bc": -2.0, b"abc": -3.0}
    assert segment([b"abc"], scores) == [[b"abc"]]
    del scores[b"abc"]
    assert segment([b"abc"], scores) == [[b"a", b"bc"]]


def test_no_piece_crosses_into_a_new_line():
    scores = {b"a\nb": -0.1, b"\n\n": -0.1, b"a\n": -1.0, b"b\n\n": -1.0}
    assert segment([b"a\nb\n\n"], scores) == [[b"a\n", b"b\n\n"]]


def test_many_pieces_make_the_array_grow():
    rng = np.random.default_rng(0)
    drawn = {rng.integers(0, 256, rng.integers(2, 12), dtype=np.uint8).tobytes() for _ in range(9_000)}
    words = sorted(word for word in drawn if b"\n" not in word)
    assert segment(words, dict.fromkeys(words, -1e-3)) == [[word] for word in words]
