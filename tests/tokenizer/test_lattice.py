"""The n-gram model and its cuts agree with plain dictionaries, and with every segmentation there is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent.tokenizer import lattice
from minent.tokenizer.text import join
from tests.tokenizer import reference

CHUNKS = st.lists(st.text("ab\né猫𝒳", min_size=1, max_size=12).map(str.encode), min_size=1, max_size=6)
ORDERS = st.integers(2, 7)


def cuts_of(chunks, order, min_count, ensure_unicode=True):
    ngrams = lattice.count(join(chunks), order, min_count)
    cut = lattice.cut(join(chunks), ngrams, ensure_unicode=ensure_unicode)
    return [cut.buffer[a:b].tobytes() for a, b in pairwise(cut.starts)]


@given(CHUNKS, ORDERS, st.integers(1, 3))
def test_scores_are_those_of_plain_counting(chunks, order, min_count):
    scores, ranks = lattice.count(join(chunks), order, min_count)
    expected = reference.ngram_scores(chunks, order, min_count)
    position = 0
    for chunk in chunks:
        for i in range(len(chunk)):
            for length in range(1, order + 1):
                gram = chunk[i : i + length]
                found = scores[ranks[position], length - 1]
                assert found == (expected.get(gram, -np.inf) if len(gram) == length else -np.inf)
            position += 1


@given(CHUNKS, ORDERS, st.integers(1, 3), st.booleans())
def test_cuts_are_those_of_the_plain_search(chunks, order, min_count, ensure_unicode):
    scores = reference.ngram_scores(chunks, order, min_count)
    expected = [p for chunk in chunks for p in reference.lattice_cut(chunk, scores, order, ensure_unicode)]
    assert cuts_of(chunks, order, min_count, ensure_unicode) == expected


@given(st.text("abé猫", min_size=1, max_size=5), CHUNKS, st.integers(2, 4), st.booleans())
def test_no_segmentation_is_better(text, others, order, ensure_unicode):
    chunk = text.encode()[:12]
    chunks = [chunk, *others]
    scores = reference.ngram_scores(chunks, order, 2)
    found = cuts_of(chunks, order, 2, ensure_unicode)
    mine, length = [], 0
    while length < len(chunk):
        mine.append(found[len(mine)])
        length += len(mine[-1])
    every = {chunk[a:b] for a in range(len(chunk)) for b in range(a + 1, len(chunk) + 1)}
    best = max(
        reference.lattice_score(way, scores, order, ensure_unicode) for way in reference.all_segmentations(chunk, every)
    )
    assert reference.lattice_score(mine, scores, order, ensure_unicode) == pytest.approx(best, abs=1e-9)


def test_one_rare_character_breaks_its_line_as_in_bytepiece():
    chunks = [b"the old man and the sea\n"] * 50 + ["the old man 猫 and the sea\n".encode()]
    after = b" and the sea\n"
    assert cuts_of(chunks, 6, 2)[-len(after) :] == [bytes([byte]) for byte in after]


def test_threads_change_nothing(monkeypatch):
    chunks = ["the old man and the sea 猫\n".encode() * (1 + i % 7) for i in range(4_000)]
    monkeypatch.setenv("MINENT_THREADS", "1")
    alone = cuts_of(chunks, 6, 2)
    monkeypatch.setenv("MINENT_THREADS", "3")
    assert cuts_of(chunks, 6, 2) == alone
