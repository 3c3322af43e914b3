"""Neighbour counts agree with plain loops and refuse what is not rows of ids."""

from __future__ import annotations

import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minent.errors import InputError
from minent.vectors import cooccurrence, counting
from tests.vectors import reference

rows_of_ids = st.lists(st.lists(st.integers(0, 5), max_size=12), max_size=6)


def packed(rows):
    starts = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return np.array([id_ for row in rows for id_ in row], dtype=np.int32), starts


@settings(deadline=None, max_examples=60)
@given(rows_of_ids, st.integers(1, 6), st.sampled_from(["linear", "flat"]), st.booleans(), st.integers(1, 9))
def test_counts_agree_with_plain_loops_however_the_work_is_cut(rows, window, weighting, directed, at_once):
    ids, starts = packed(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_PAIRS_AT_ONCE", at_once * window)
        counts = cooccurrence(ids, starts, vocab_size=6, window=window, weighting=weighting, directed=directed)
    assert counts.dtype == np.int64
    assert np.array_equal(counts.toarray(), reference.cooccurrence(ids, starts, 6, window, weighting, directed))


def test_the_counts_of_parts_do_not_pile_up(monkeypatch):
    made = []

    class Quick(ThreadPoolExecutor):
        """One that has always made what it was asked for before anybody takes it."""

        def submit(self, function, *arguments):
            future = Future()
            future.set_result(function(*arguments))
            made.append(weakref.ref(future.result()))
            assert sum(part() is not None for part in made) <= 4
            return future

    monkeypatch.setenv("MINENT_THREADS", "1")
    monkeypatch.setattr(counting, "_PAIRS_AT_ONCE", 10)
    monkeypatch.setattr(counting, "ThreadPoolExecutor", Quick)
    cooccurrence(np.arange(40, dtype=np.int32), np.array([0, 40]), vocab_size=40, window=5)
    assert len(made) == 20


@pytest.mark.parametrize(
    ("ids", "starts", "said"),
    [
        ([0, 9], [0, 2], r"ids\[1\] is 9, but vocab_size is 3"),
        ([0, -1], [0, 2], r"ids\[1\] is -1"),
        ([0, 1], [0, 1], r"starts must go from 0 to len\(ids\) = 2"),
        ([0, 1], [0, 2, 1, 2], "never fall"),
        ([0.5, 1], [0, 2], "whole numbers"),
        ([0, 1], [], "starts must go"),
    ],
)
def test_rows_that_are_none_are_refused(ids, starts, said):
    with pytest.raises(InputError, match=said):
        cooccurrence(np.array(ids), np.array(starts), vocab_size=3)


@pytest.mark.parametrize(
    ("setting", "said"),
    [({"weighting": "linar"}, "Did you mean 'linear'"), ({"window": 2.5}, "window is 2.5"), ({"window": 0}, "is 0")],
)
def test_settings_out_of_range_are_refused(setting, said):
    with pytest.raises(InputError, match=said):
        cooccurrence(np.array([0]), np.array([0, 1]), vocab_size=3, **setting)
