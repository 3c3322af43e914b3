"""Rows to batches: nothing is lost, doubled or moved."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minent.encoders import EncoderConfig, masking, packing
from minent.encoders.batches import by_length, check_rows, cut, pad
from minent.encoders.prefetch import prefetch
from minent.encoders.session import torch_session
from minent.errors import InputError
from tests.encoders import reference

ROWS = st.lists(st.lists(st.integers(3, 40), max_size=9), min_size=1, max_size=8)


def _flat(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array([token for row in rows for token in row], dtype=np.int32)
    return ids, np.cumsum([0, *map(len, rows)], dtype=np.int64)


@given(rows=ROWS, length=st.integers(1, 5))
def test_cut_agrees_with_loops(rows: list[list[int]], length: int) -> None:
    _, starts = _flat(rows)
    begins, owners = cut(starts, length)
    assert (begins.tolist(), owners.tolist()) == reference.cut(starts.tolist(), length)


@given(rows=ROWS, batch_tokens=st.integers(1, 40))
def test_batches_hold_every_row_once(rows: list[list[int]], batch_tokens: int) -> None:
    ids, starts = _flat(rows)
    seen: dict[int, list[int]] = {}
    for chosen in by_length(np.diff(starts), batch_tokens):
        inputs, mask = pad(ids, starts, chosen)
        assert inputs.numel() <= batch_tokens or len(chosen) == 1
        for place, row in enumerate(chosen.tolist()):
            assert row not in seen
            seen[row] = inputs[place, mask[place]].tolist()
    assert [seen[row] for row in range(len(rows))] == rows


@given(
    rows=st.lists(st.lists(st.integers(3, 40), min_size=1, max_size=9), min_size=1, max_size=8), seed=st.integers(0, 9)
)
def test_pack_agrees_with_loops(rows: list[list[int]], seed: int) -> None:
    ids, starts = _flat(rows)
    config = EncoderConfig(vocab_size=41)
    prompt = packing.prompt_ids(config, 4)
    order = np.random.default_rng(seed).permutation(len(rows))
    windows = packing.Windows(starts[:-1], np.diff(starts))[order]
    block = packing.Block.draw(windows, prompt, 0.5, np.random.default_rng(seed))
    stream, required, documents = block.pack(ids)
    prompted = np.random.default_rng(seed).random(len(rows)) < 0.5
    assert stream.tolist() == reference.pack([rows[row] for row in order], prompted.tolist(), prompt.tolist(), eos=2)
    assert np.bincount(documents).tolist() == block.sizes.tolist()
    assert (np.diff(documents) == (stream[:-1] == 2)).all()  # each text ends with eos
    asked = np.flatnonzero(required != masking.FREE)
    assert len(asked) == 2 * prompted.sum()  # the mask of each prompt, and the token of the text that it stands for
    for front, drawn in asked.reshape(-1, 2):
        assert stream[front] == config.vocab_size
        assert required[front] == required[drawn] == stream[drawn]


@pytest.mark.parametrize("first", [0, 1, 7, 20, 61])
def test_rows_from_any_row_on_are_those_of_the_whole(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BLOCK_TEXTS", 8)
    ids, starts = _flat([[3 + n % 30] * (1 + n % 9) for n in range(20)])
    windows, config = packing.Windows(starts[:-1], np.diff(starts)), EncoderConfig(vocab_size=41, max_length=16)

    def rows(first_row: int) -> list[np.ndarray]:
        blocks = packing.rows_of(ids, windows, config, slots=4, share=0.4, seed=3, first_row=first_row)
        return [np.stack(batch) for batch, _ in zip(packing.batches_of(blocks, 1), range(70 - first_row))]

    whole = rows(0)
    assert len({row.tobytes() for row in whole}) > 30  # passes differ
    assert np.array_equal(rows(first), whole[first:])


def test_items_made_ahead_are_the_same_and_errors_come_through() -> None:
    assert list(prefetch(iter(range(50)), depth=2)) == list(range(50))

    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    walk = prefetch(failing())
    assert next(walk) == 1
    with pytest.raises(KeyError, match="lost"):
        next(walk)
    before = threading.active_count()
    endless = prefetch(itertools.count())
    assert [next(endless), next(endless)] == [0, 1]
    endless.close()
    assert threading.active_count() == before


def test_no_token_is_asked_for_the_next_document() -> None:
    ids, segments = np.array([[3, 4, 2, 5, 6, 0]]), np.array([[0, 0, 0, 1, 1, -1]])
    assert masking.follow(ids, segments).places.tolist() == [0, 1, 3]
    parts = masking.follow(ids.repeat(4, axis=0), segments.repeat(4, axis=0)).split(2)
    assert [part.segments.shape for part in parts] == [(2, 6), (2, 6)]


def test_hidden_tokens() -> None:
    config = EncoderConfig(vocab_size=1000)
    rng = np.random.default_rng(0)
    ids = rng.integers(3, 1000, (200, 128))
    ids[:, ::10], ids[:, 1], ids[:, 2] = 2, 1005, 0
    batch = masking.hide(ids, np.full_like(ids, masking.FREE), config, 0.3, rng)
    flat, seen = ids.ravel(), batch.inputs.ravel()
    assert np.array_equal(flat[batch.places], batch.targets)
    assert ((flat[batch.places] > 2) & (flat[batch.places] < 1000)).all()
    assert len(batch.places) / (ids.size * (1 - 0.1 - 2 / 128)) == pytest.approx(0.3, abs=0.02)
    assert np.mean(seen[batch.places] == config.vocab_size) == pytest.approx(0.8, abs=0.02)
    assert np.mean(seen[batch.places] == batch.targets) == pytest.approx(0.1, abs=0.02)
    untouched = np.setdiff1d(np.arange(ids.size), batch.places)
    assert np.array_equal(flat[untouched], seen[untouched])
    assert np.array_equal(batch.mask, ids != 0)


@pytest.mark.parametrize("longest", [1, 3, 6])
def test_hidden_tokens_stand_in_spans(longest: int) -> None:
    ids = np.full((400, 128), 7)
    batch = masking.hide(
        ids, np.full_like(ids, -1), EncoderConfig(vocab_size=9), 0.05, np.random.default_rng(0), longest
    )
    gaps = np.diff(batch.places)
    runs = len(batch.places) / (1 + (gaps > 1).sum())
    assert runs == pytest.approx((1 + longest) / 2, rel=0.15)
    assert len(batch.places) / ids.size == pytest.approx(0.05, rel=0.15)


@given(
    rows=st.lists(st.lists(st.integers(2, 9), min_size=4, max_size=4), min_size=1, max_size=5),
    padding=st.integers(0, 3),
)
def test_every_token_is_asked_for_the_next_one(rows: list[list[int]], padding: int) -> None:
    ids = np.array(rows)
    ids[-1, 4 - padding :] = 0
    task = masking.follow(ids)
    wanted = [(row * 4 + at, ids[row, at + 1]) for row in range(len(ids)) for at in range(3) if ids[row, at + 1] != 0]
    assert list(zip(task.places, task.targets)) == wanted
    assert np.array_equal(task.inputs, ids)
    assert np.array_equal(task.mask, ids != 0)


@pytest.mark.parametrize(
    ("ids", "starts", "message"),
    [
        ([0.5], [0, 1], "dtype float64"),
        ([3, 99], [0, 2], r"ids\[1\] is 99, but vocab_size is 50"),
        ([3, 4], [0, 1], "must begin at 0"),
        ([3, 4], [0, 2, 1, 2], "never fall"),
        ([3], [], "n \\+ 1"),
    ],
)
def test_wrong_rows_are_refused(ids: list, starts: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_rows(np.array(ids), np.array(starts), 50)


def test_the_callers_torch_is_given_back() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with torch_session(seed=3):
        torch.rand(5)
        torch.set_num_threads(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
