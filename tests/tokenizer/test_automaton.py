"""The encoder finds the best of all segmentations and breaks ties by its rule: compiled, plain, on many threads."""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent.errors import InputError
from minent.tokenizer import automaton, plain, seams, segmentation
from minent.tokenizer.text import join
from tests.tokenizer import reference
from tests.tokenizer.reference import BYTES

COMPILED = os.environ.get("NUMBA_DISABLE_JIT") != "1"
WORDS = st.binary(min_size=1, max_size=5).map(lambda word: bytes(97 + byte % 3 for byte in word))
WHOLE = st.dictionaries(WORDS, st.integers(-40, 4).map(lambda score: score / 4), max_size=12)
BROKEN = st.dictionaries(WORDS, st.integers(-40, 4).map(lambda score: score / 10 - 1e-3), min_size=1, max_size=12)
HUGE = st.dictionaries(WORDS, st.integers(-40, 4).map(lambda score: score * 64.0), max_size=12)
TEXTS = st.lists(st.lists(WORDS, max_size=3).map(b"".join).map(lambda text: text[:9]), max_size=3)


def linked(scores: dict[bytes, float]) -> tuple[list[bytes], automaton.Links]:
    """The links of these pieces and of all single bytes, which cost 9 where no score is given."""
    whole = dict.fromkeys(BYTES, -9.0) | scores
    pieces = sorted(whole)
    ids = np.arange(len(pieces), dtype=np.int32)
    return pieces, automaton.build(pieces, ids, np.array([whole[piece] for piece in pieces]))


def made(scores: dict[bytes, float]) -> tuple[list[bytes], automaton.Automaton]:
    pieces, links = linked(scores)
    return pieces, automaton.prepare(links)


def segment(texts: list[bytes], scores: dict[bytes, float]) -> list[list[bytes]]:
    pieces, built = made(scores)
    ids, starts = segmentation.segment(join(texts), built)
    assert (ids.dtype, starts.dtype) == (np.int32, np.int64)
    return [[pieces[id] for id in ids[a:b]] for a, b in pairwise(starts)]


def text_of(words: list[bytes], size: int, seed: int = 0) -> bytes:
    draw = np.random.default_rng(seed)
    return b"".join(words[i] for i in draw.integers(0, len(words), size))[:size]


@given(WHOLE | BROKEN | HUGE, TEXTS)
def test_the_best_of_all_segmentations(scores, texts):
    whole = dict.fromkeys(BYTES, -9.0) | scores
    expected = [reference.best_segmentation(text, whole) for text in texts]
    assert segment(texts, scores) == expected
    assert [reference.quick_segmentation(text, whole) for text in texts] == expected


@given(WHOLE | BROKEN | HUGE, TEXTS)
def test_the_plain_path_gives_the_same(scores, texts):
    pieces, links = linked(scores)
    ids, starts = plain.segment_rows(join(texts), links)
    assert [[pieces[id] for id in ids[a:b]] for a, b in pairwise(starts)] == segment(texts, scores)
    assert (ids.dtype, starts.dtype) == (np.int32, np.int64)


def test_which_scores_are_whole_costs():
    kinds = [({b"ab": -0.25}, True, False), ({b"ab": -0.3}, False, True), ({b"ab": -1000.0}, False, False)]
    for scores, packed, by_lines in kinds:
        built = made(scores)[1]
        assert (built.packed, built.by_lines) == (packed, by_lines)


def test_of_equals_the_longest_last_piece_wins():
    scores = {b"a": -1.0, b"b": -1.0, b"c": -1.0, b"ab": -2.0, b"bc": -2.0, b"abc": -3.0}
    assert segment([b"abc"], scores) == [[b"abc"]]
    del scores[b"abc"]
    assert segment([b"abc"], scores) == [[b"a", b"bc"]]


def test_lines_are_cut_for_scores_that_are_not_whole_costs_and_for_them_alone():
    scores = {b"a\nb": -0.125, b"\n\n": -0.125, b"a\n": -1.0, b"b\n\n": -1.0}
    assert segment([b"a\nb\n\n"], scores) == [[b"a\nb", b"\n\n"]]
    scores[b"a\nb"] = -0.1
    assert segment([b"a\nb\n\n"], scores) == [[b"a\n", b"b\n\n"]]
    assert segment([b"a\n" * 4000 + b"b"], scores) == [[b"a\n"] * 3999 + [b"a\n", b"b"]]


@given(st.lists(st.integers(-40, 0), min_size=11, max_size=11), st.integers(0, 40))
def test_many_pieces_that_end_alike(quarters, size):
    """More of them than a row of candidates has room for."""
    scores = {b"a" * (n + 2): quarter / 4 for n, quarter in enumerate(quarters)}
    text = b"a" * size + b"b" + b"a" * 9
    assert segment([text], scores) == [reference.quick_segmentation(text, dict.fromkeys(BYTES, -9.0) | scores)]


NESTED = [bytes([97]) * n for n in range(2, 12)] + [b"ab" * n for n in range(1, 6)] + [b"b\na", b"\n\n", b"ba"]


@pytest.mark.parametrize("grain", [1 / 4, 0.1, 100.0])
@pytest.mark.parametrize("size", [20_000 if COMPILED else 600])
def test_long_texts_cross_blocks_and_lanes(grain, size):
    scores = {piece: -grain * (4 + len(piece) % 3) for piece in NESTED}
    whole = dict.fromkeys(BYTES, -9.0) | scores
    texts = [text_of([b"a", b"ab", b"b", b"\n", b"c", b"aaa"], size, seed) for seed in range(3)]
    texts = [texts[0], b"", texts[1][:100], b"", b"", *[b"ab"] * 50, texts[2], b""]
    found = segment(texts, scores)
    for text, way in zip(texts, found):
        lines = reference.lines_of(text) if grain == 0.1 else [text]
        assert way == [piece for line in lines for piece in reference.quick_segmentation(line, whole)]


def test_many_and_long_pieces():
    rng = np.random.default_rng(0)
    count = 9_000 if COMPILED else 90
    drawn = {rng.integers(0, 256, rng.integers(2, 12), dtype=np.uint8).tobytes() for _ in range(count)}
    words = sorted({*drawn, *(bytes(rng.integers(0, 256, 2047, dtype=np.uint8)) for _ in range(3))})
    assert segment(words, dict.fromkeys(words, -1 / 256)) == [[word] for word in words]
    with pytest.raises(InputError, match="has 2048 bytes; a piece has at most 2047"):
        made({b"a" * 2048: -1.0})


SEAMS = {
    "forgets": text_of([b"a", b"ab", b"b", b"\n", b"c"], 30_000),
    "never forgets": b"c" + b"a" * 29_999,
    "never forgets, odd": b"b" * 7_001 + b"a" * 22_999,
}


@pytest.mark.skipif(not COMPILED, reason="30,000 bytes take minutes without compiled loops")
@pytest.mark.parametrize("name", SEAMS)
@pytest.mark.parametrize("pieces", [NESTED, [b"aa"], [b"aaa", b"aa"]])
@pytest.mark.parametrize("score", [-0.25, -0.3, -200.0])
def test_one_long_text_on_many_threads(monkeypatch, name, pieces, score):
    text = SEAMS[name]
    _, built = made(dict.fromkeys(pieces, score))
    rows = join([b"ab", b"", text, b"ba"])
    monkeypatch.setenv("MINENT_THREADS", "1")
    alone = segmentation.segment(rows, built)
    monkeypatch.setattr(seams, "_LEAST_BYTES", 1000)
    monkeypatch.setattr(seams, "_LEAD", 64)
    for threads in ("2", "5"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        together = segmentation.segment(rows, built)
        assert all(np.array_equal(one, other) for one, other in zip(alone, together))


@pytest.mark.skipif(not COMPILED, reason="30,000 bytes take minutes without compiled loops")
def test_a_refuted_seam_is_done_again(monkeypatch):
    calls = []
    from minent.tokenizer import kernels

    advance = kernels.advance
    monkeypatch.setattr(kernels, "advance", lambda *args: calls.append(len(args[0])) or advance(*args))
    monkeypatch.setattr(seams, "_LEAST_BYTES", 1000)
    monkeypatch.setattr(seams, "_LEAD", 64)  # so the early start is at an odd place, and has the other parity of `aa`
    monkeypatch.setenv("MINENT_THREADS", "2")
    _, built = made({b"aa": -0.25})
    ids = seams.segment(np.frombuffer(b"a" * 10_002, dtype=np.uint8), built)
    assert len(ids) == 5001
    assert calls.count(5001) == 3  # both parts, and one of them again


@given(WHOLE | BROKEN, st.lists(st.sampled_from([b"a", b"b", b"c", b"\n"]), max_size=10).map(b"".join))
def test_the_shared_position_is_on_every_way(scores, text):
    """Whatever follows, the best way goes through it; and it is the last such position that the ways tell of."""
    from minent.tokenizer import kernels

    _, built = made(scores)
    ways = np.empty(len(text), dtype=np.uint32)
    buffer = np.frombuffer(text, dtype=np.uint8)
    kernels.advance(buffer, 0, np.uint64(built.root), built, *automaton.window(built), ways)
    shared = kernels.ancestor(ways, 0, len(text), built.reach)
    assert 0 <= shared <= len(text)
    for more in (b"", b"a", b"b", b"ca", b"ab", b"\n", b"bca"):
        ids, _ = segmentation.segment(join([text + more]), built)
        assert shared in {0, *np.cumsum(built.lengths[ids]).tolist()}
    reached = [reference.positions_of(ways, end) for end in range(max(0, len(text) - built.reach + 1), len(text) + 1)]
    assert shared == max(set.intersection(*reached))
