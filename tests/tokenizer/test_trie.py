"""The encoder finds the best of all segmentations, breaks ties by its rule, and draws by the exact law."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

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


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.7, 2.0])
def test_draws_follow_the_exact_law(alpha):
    scores = {b"a": -2.0, b"b": -2.5, b"c": -1.5, b"ab": -3.0, b"bc": -5.0, b"ca": -2.0, b"abc": -4.0, b"bcab": -6.0}
    text, draws = b"abcabc", 40_000
    pieces, built = made(scores)
    whole = dict.fromkeys(BYTES, -9.0) | scores
    ways = [tuple(way) for way in reference.all_segmentations(text, set(whole))]
    weights = np.array([np.exp(alpha * sum(whole[piece] for piece in way)) for way in ways])
    rng, buffer = np.random.default_rng(0), np.frombuffer(text, dtype=np.uint8)
    drawn = Counter(
        tuple(pieces[id] for id in trie.sample(buffer, built, alpha, rng.random(len(text)))) for _ in range(draws)
    )
    seen = np.array([drawn[way] for way in ways], dtype=float)
    expected = weights / weights.sum() * draws
    rare = expected < 5
    if rare.any():
        seen, expected = np.append(seen[~rare], seen[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    assert drawn.total() == seen.sum()
    assert chisquare(seen, expected).pvalue > 1e-3


def test_draws_stay_inside_their_lines():
    pieces, built = made({b"a\nb": 0.0, b"\n": 0.0, b"a\n": -0.5, b"b\n": -0.5})
    buffer = np.frombuffer(b"a\nb\n" * 50, dtype=np.uint8)
    drawn = [pieces[id] for id in trie.sample(buffer, built, 1.0, np.random.default_rng(0).random(200))]
    assert b"".join(drawn) == buffer.tobytes()
    assert b"a\nb" not in drawn
