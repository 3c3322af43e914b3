"""A pass tells what plain loops tell: uses, savings, neighbours; and pruning keeps its promises."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minent.tokenizer import TokenizerConfig, passes, pruning, search
from tests.tokenizer import reference
from tests.tokenizer.test_pool import blocks_of

# Hashes wrap around: compiled they do so in silence, with NUMBA_DISABLE_JIT=1 NumPy says it.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar:RuntimeWarning")

BYTES = [bytes([byte]) for byte in range(256)]
TEXTS = st.lists(st.text("abc\né猫", min_size=1, max_size=10).map(str.encode), min_size=1, max_size=5)
PIECES = st.dictionaries(st.text("abc\né猫", min_size=1, max_size=4).map(str.encode), st.integers(1, 400), max_size=14)


def known_of(drawn: dict[bytes, int]) -> tuple[dict[bytes, int], search.Dictionary]:
    costs = dict.fromkeys(BYTES, 500) | drawn
    pieces = sorted(costs)
    return costs, search.dictionary(pieces, np.array([costs[piece] for piece in pieces]))


@given(TEXTS, PIECES, st.data())
def test_uses_and_savings_are_those_of_plain_loops(rows, drawn, data):
    costs, known = known_of(drawn)
    weights = np.array(data.draw(st.lists(st.integers(1, 9), min_size=len(rows), max_size=len(rows))))
    used, saved = Counter(), Counter()
    for row, weight in zip(rows, weights.tolist()):
        for piece in reference.cheapest(row, costs)[1]:
            used[piece] += weight
        for piece, saving in reference.savings(row, costs).items():
            saved[piece] += weight * saving
    order = sorted(costs)
    found_saved, found_used = passes.losses(blocks_of(rows), known, weights)
    assert dict(zip(order, found_used.tolist())) == {piece: used[piece] for piece in order}
    assert dict(zip(order, found_saved.tolist())) == {piece: saved[piece] for piece in order}
    assert passes.usage(blocks_of(rows), known, weights).tolist() == found_used.tolist()


@given(TEXTS, PIECES, st.sampled_from([3, 6, 36]))
def test_neighbours_are_those_of_plain_loops(rows, drawn, longest):
    costs, known = known_of(drawn)
    expected: Counter[bytes] = Counter()
    for row in rows:
        way = reference.cheapest(row, costs)[1]
        for left, right in itertools.pairwise(way):
            broken = any(len(part) == 1 and part[0] >= 128 for part in (left, right))
            if not broken and len(left + right) <= longest:
                expected[left + right] += 2
    blocks = blocks_of(rows)
    found = passes.pairs(blocks, known, np.full(len(rows), 2), longest, 10_000)
    data = blocks.buffer.tobytes()
    assert {data[a : a + n]: count for a, n, count in zip(*(part.tolist() for part in found))} == expected


def test_the_frequent_neighbours_are_found_among_many(monkeypatch):
    rng = np.random.default_rng(2)
    rows = [rng.integers(97, 123, 400).astype(np.uint8).tobytes() + b"#!" * 9 for _ in range(1_000)]
    _, known = known_of({})
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        firsts, lengths, counts = passes.pairs(blocks_of(rows), known, np.ones(1_000, dtype=np.int64), 36, 2)
        found.append((firsts.tolist(), lengths.tolist(), counts.tolist()))
    assert found[0] == found[1]
    assert sorted(found[0][2])[-2:] == [8_000, 9_000]


@settings(deadline=None)
@given(PIECES, st.integers(0, 20), st.lists(st.text("ab猫", min_size=1, max_size=3), max_size=2))
def test_what_is_kept_keeps_its_characters(drawn, room, forced):
    rules = pruning.Rules(TokenizerConfig(forced=tuple(forced)))
    worth = dict.fromkeys(BYTES, 0) | drawn
    for piece in [*drawn, *rules.forced]:
        for character in piece.decode():
            worth.setdefault(character.encode(), 1)
        worth.setdefault(piece, 1)
    pieces = sorted(worth)
    draft = pruning.Draft(pieces, np.ones(len(pieces), dtype=np.int64))
    kept = pruning._kept(draft, np.array([worth[piece] for piece in pieces]), 256 + room, rules).pieces
    assert set(BYTES) <= set(kept)
    assert len(kept) <= 256 + room
    if len(rules.forced | set(BYTES)) <= 256 + room:
        assert rules.forced <= set(kept)
    assert all(character.encode() in kept for piece in kept if len(piece) > 1 for character in piece.decode())
    assert kept == sorted(kept)


def test_no_character_scores_below_its_bytes():
    pieces = [*BYTES, "猫".encode()]
    counts = np.ones(257)
    counts[list("猫".encode())] = 1_000
    scores = pruning.scores(pieces, counts, 0)
    assert scores[-1] == sum(scores[byte] for byte in "猫".encode())
    assert scores[-1] > scores[0]
    assert (scores * 256 == np.rint(scores * 256)).all()
