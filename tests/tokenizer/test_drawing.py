"""Draws follow the exact law, and marginals and entropy are those of the enumerated segmentations."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from minent.errors import InputError
from minent.tokenizer import Tokenizer, segmentation
from tests.tokenizer import reference
from tests.tokenizer.reference import BYTES

WHOLE = {b"a": -2.0, b"b": -2.5, b"c": -1.5, b"ab": -3.0, b"bc": -5.0, b"ca": -2.0, b"abc": -4.0, b"bcab": -6.0}
LINES = {b"a\nb": -0.1, b"\n": -0.3, b"a\n": -0.5, b"b\n": -0.5, b"\n\n": -1.1}


def tokenizer(scores: dict[bytes, float]) -> Tokenizer:
    whole = dict.fromkeys(BYTES, -9.0) | scores
    pieces = [*BYTES, *(piece for piece in whole if len(piece) > 1)]
    return Tokenizer(pieces, np.ones(len(pieces), dtype=np.int64), np.array([whole[piece] for piece in pieces]))


def law(text: bytes, scores: dict[bytes, float], alpha: float) -> dict[tuple[bytes, ...], float]:
    """The law of the twin; of models with other scores line by line."""
    whole = dict.fromkeys(BYTES, -9.0) | scores
    if not any(score * 256 % 1 for score in scores.values()):
        return reference.law(text, whole, alpha)
    found: dict[tuple[bytes, ...], float] = {(): 1.0}
    for line in reference.lines_of(text):
        here = reference.law(line, whole, alpha)
        found = {(*head, *tail): p * q for head, p in found.items() for tail, q in here.items()}
    return found


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.7, 2.0])
@pytest.mark.parametrize(("scores", "text"), [(WHOLE, b"abcabc"), (LINES, b"a\nb\n\nb")])
def test_draws_follow_the_exact_law(alpha, scores, text):
    draws, made = 40_000, tokenizer(scores)
    by_id = made._pieces.by_id
    rng, buffer = np.random.default_rng(0), np.frombuffer(text, dtype=np.uint8)
    drawn = Counter(
        tuple(by_id[id] for id in segmentation.sample(buffer, made._automaton, alpha, rng.random(len(text))))
        for _ in range(draws)
    )
    expected = law(text, scores, alpha)
    assert drawn.keys() <= expected.keys()
    counts = np.array([[drawn[way], probability * draws] for way, probability in expected.items()])
    rare = counts[:, 1] < 5
    counts = np.vstack((counts[~rare], counts[rare].sum(axis=0))) if rare.any() else counts
    assert chisquare(*counts[counts[:, 1] > 0].T, sum_check=False).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize(
    ("scores", "text"), [(WHOLE, b"abcabcab"), (LINES, b"a\nb\n\nb\na"), (WHOLE, b""), ({}, b"xy")]
)
def test_marginals_and_entropy_are_those_of_the_law(alpha, scores, text):
    found = tokenizer(scores).marginals(text.decode(), alpha)
    expected: Counter[tuple[int, bytes]] = Counter()
    ways = law(text, scores, alpha)
    for way, probability in ways.items():
        end = 0
        for piece in way:
            end += len(piece)
            expected[end, piece] += probability
    pieces = [tokenizer(scores).id_to_piece(int(id)) for id in found.ids]
    got = dict(zip(zip(found.ends.tolist(), pieces), found.probabilities))
    assert got == pytest.approx(dict(expected), abs=1e-12)
    assert [end - len(piece) for end, piece in got] == found.begins.tolist()
    assert sorted(got, key=lambda place: (place[0], -len(place[1]))) == list(got)
    assert found.entropy == pytest.approx(-sum(p * math.log(p) for p in ways.values() if p), abs=1e-9)
    whole = dict.fromkeys(BYTES, -9.0) | scores
    total = sum(math.exp(alpha * sum(whole[piece] for piece in way)) for way in ways)
    assert found.log_total == pytest.approx(math.log(total))


@given(st.lists(st.sampled_from("abc"), max_size=60).map("".join), st.integers(0, 9))
def test_a_strong_draw_is_the_best_and_equal_seeds_are_equal(text, seed):
    made = tokenizer({**WHOLE, b"ab": -3.0078125, b"ca": -2.4140625})  # no two ways alike
    drawn = made.encode(text, alpha=1e4, seed=seed)
    scores = made.scores[np.array(drawn, dtype=int) - 3].sum()
    assert scores == made.scores[np.array(made.encode(text), dtype=int) - 3].sum()
    assert made.encode(text, alpha=0.3, seed=seed) == made.encode(text, alpha=0.3, seed=seed)


def test_threads_draw_what_one_draws():
    made, text = tokenizer(WHOLE), "abcab" * 300
    alone = [made.encode(text, alpha=0.2, seed=seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: made.encode(text, alpha=0.2, seed=seed), range(16)))
    assert together == alone
    assert len(set(map(tuple, alone))) == 16


def test_bad_alpha_is_named():
    for alpha in (-1.0, float("nan"), "1"):
        with pytest.raises(InputError, match="alpha is"):
            tokenizer(WHOLE).marginals("abc", alpha)
