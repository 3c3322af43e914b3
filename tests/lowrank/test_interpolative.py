"""The interpolative decomposition: against exhaustive choice, SciPy and its own definition; every edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.linalg import interpolative as peer

from minent.errors import InputError
from minent.lowrank import interpolative
from tests.lowrank import reference

METHODS = ("sketch", "qr", "strong", "greedy", "columns", "arp")
MATRICES = {
    "square": reference.decaying(40, 40, 1.0),
    "wide": reference.decaying(30, 90, 2.0, seed=1),
    "tall": reference.decaying(120, 25, 0.5, seed=2),
    "steep": reference.decaying(60, 50, 8.0, seed=3),
}
small = st.tuples(st.integers(1, 8), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-9, 9).map(float))
)


def check(a: np.ndarray, found, rank: int) -> None:
    """What every interpolative decomposition must be."""
    n = a.shape[1]
    assert found.coefficients.shape == (found.rank, n)
    assert found.rank <= rank
    assert len(set(found.columns.tolist())) == found.rank
    assert found.columns.dtype == np.int64
    np.testing.assert_array_equal(found.coefficients[:, found.columns], np.eye(found.rank))
    size = np.linalg.norm(a)
    error = np.linalg.norm(a - a[:, found.columns] @ found.coefficients)
    assert found.error == pytest.approx(error, rel=1e-9, abs=1e-15 * size)
    assert found.relative_error == pytest.approx(error / size if size else 0.0, rel=1e-9, abs=1e-12)
    assert found.error == pytest.approx(reference.error_of(a, found.columns), rel=1e-7, abs=1e-9 * size)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MATRICES)
def test_by_rank_it_is_near_the_best_there_is(name: str, method: str) -> None:
    a = MATRICES[name]
    for rank in (1, 5, 12):
        found = interpolative(a, rank=rank, method=method)
        check(a, found, rank)
        assert found.rank == rank
        best = reference.tail(a, rank)
        assert best * (1 - 1e-9) <= found.error <= 2.5 * np.sqrt(rank + 1) * best


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("tolerance", [0.5, 0.05, 1e-6])
def test_by_tolerance_it_reaches_it_with_no_column_to_spare(name: str, method: str, tolerance: float) -> None:
    a = MATRICES[name]
    found = interpolative(a, tolerance=tolerance, method=method)
    check(a, found, min(a.shape))
    assert found.relative_error <= tolerance
    assert reference.error_of(a, found.columns[:-1]) > tolerance * np.linalg.norm(a)


@settings(max_examples=80, deadline=None)
@given(a=small, data=st.data(), method=st.sampled_from(METHODS))
def test_small_matrices_against_every_choice_of_columns(a: np.ndarray, data, method: str) -> None:
    rank = data.draw(st.integers(0, min(a.shape)))
    found = interpolative(a, rank=rank, method=method)
    check(a, found, rank)
    assert found.error >= reference.best_error(a, rank) - 1e-9
    if found.rank < rank:
        assert found.error <= 1e-9  # fewer only because nothing was left
    if method == "greedy" and rank == 1:
        assert found.error == pytest.approx(reference.best_error(a, 1), abs=1e-9)


@pytest.mark.parametrize("name", MATRICES)
def test_qr_chooses_what_scipy_and_the_plain_loop_choose(name: str) -> None:
    a = MATRICES[name]
    for rank in (3, 20):
        found = interpolative(a, rank=rank, method="qr")
        order, coefficients = peer.interp_decomp(a, rank, rand=False)
        assert found.columns.tolist() == order[:rank].tolist() == reference.pivoted_qr(a, rank)
        theirs = a[:, order[:rank]] @ peer.reconstruct_interp_matrix(order, coefficients)
        assert found.error == pytest.approx(np.linalg.norm(a - theirs), rel=1e-8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(2, 12), columns=st.integers(2, 12))
def test_greedy_chooses_what_trying_every_column_chooses(seed: int, rows: int, columns: int) -> None:
    a = np.random.default_rng(seed).standard_normal((rows, columns))
    rank = min(rows, columns) - 1  # the last of all would be a tie at zero error
    assert interpolative(a, rank=rank, method="greedy").columns.tolist() == reference.greedy(a, rank)


def test_gains_stay_right_far_below_the_first_rounding() -> None:
    a = MATRICES["steep"]  # the gains fall through 1e-32
    assert interpolative(a, rank=12, method="greedy").columns.tolist() == reference.greedy(a, 12)


def test_greedy_beats_pivoting_where_outliers_are_long() -> None:
    a = reference.clusters_and_outliers()
    greedy, qr = (interpolative(a, rank=10, method=method).error for method in ("greedy", "qr"))
    assert greedy < 1.2 * reference.tail(a, 10)
    assert qr > 1.3 * greedy


def test_pivots_stay_right_far_below_the_first_rounding() -> None:
    a = reference.decaying(60, 50, 8.0, seed=3)  # squared lengths fall through 1e-26
    # Further down the columns are nearly equal, and which is the longer depends on how a BLAS rounds.
    assert interpolative(a, rank=40, method="qr").columns.tolist()[:25] == reference.pivoted_qr(a, 25)


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_result_and_the_input_is_untouched(method: str) -> None:
    a = MATRICES["wide"].copy()
    first, second = (interpolative(a, rank=8, method=method, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.columns, second.columns)
    np.testing.assert_array_equal(first.coefficients, second.coefficients)
    np.testing.assert_array_equal(a, MATRICES["wide"])


def test_the_seed_matters_to_what_is_random() -> None:
    a = np.random.default_rng(0).standard_normal((60, 80))
    for method in ("sketch", "columns"):
        chosen = {tuple(interpolative(a, rank=8, method=method, seed=seed).columns) for seed in range(5)}
        assert len(chosen) > 1


# --- sparse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_sparse_gives_what_dense_gives(layout: str, method: str) -> None:
    a = sparse.random_array((80, 60), density=0.2, format=layout, rng=np.random.default_rng(0))
    for goal in ({"rank": 7}, {"tolerance": 0.3}):
        ours, plain = interpolative(a, method=method, **goal), interpolative(a.toarray(), method=method, **goal)
        assert ours.columns.tolist() == plain.columns.tolist()
        np.testing.assert_allclose(ours.coefficients, plain.coefficients, atol=1e-12)
        assert ours.error == pytest.approx(plain.error, rel=1e-9)


def test_tiny_errors_of_sparse_matrices_keep_their_digits() -> None:
    a = sparse.csr_array(MATRICES["steep"])
    for rank in (10, 30):  # relative errors near 1e-8 and 1e-12, where Pythagoras has no digit left
        check(MATRICES["steep"], interpolative(a, rank=rank), rank)


def test_a_large_sparse_matrix_is_never_made_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    a = sparse.random_array((30_000, 20_000), density=1e-4, rng=np.random.default_rng(0), format="csc")
    widest = [0]

    def counted(matrix, *arguments, original=sparse.csc_array.toarray):
        widest[0] = max(widest[0], matrix.shape[1])
        return original(matrix, *arguments)

    monkeypatch.setattr(sparse.csc_array, "toarray", counted)
    for method in ("sketch", "columns"):
        assert interpolative(a, rank=5, method=method).rank == 5
    assert 0 < widest[0] <= 512


def test_repeated_entries_count_together_and_stay_with_the_caller() -> None:
    a = sparse.csc_matrix((np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1]), np.array([0, 2, 3])), shape=(2, 2))
    assert interpolative(a, rank=1, method="qr").columns.tolist() == [1]
    assert a.nnz == 3


# --- start ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_start_columns_come_first_and_are_not_chosen_again(method: str) -> None:
    a = MATRICES["wide"]
    found = interpolative(a, rank=8, method=method, start=[30, 2])
    check(a, found, 8)
    assert found.rank == 8
    assert found.columns[:2].tolist() == [30, 2]
    plain = interpolative(a, rank=2, method=method, start=np.array([30, 2]))
    assert plain.columns.tolist() == [30, 2]
    assert found.error < plain.error


def test_start_columns_that_depend_on_each_other_are_kept() -> None:
    a = np.concatenate([np.ones((5, 2)), reference.decaying(5, 6, 1.0)], axis=1)
    found = interpolative(a, rank=4, start=[0, 1])
    check(a, found, 4)
    assert found.rank == 4


def test_a_warm_start_continues_the_pivots() -> None:
    a = MATRICES["square"]
    whole = interpolative(a, rank=9, method="qr").columns
    assert interpolative(a, rank=9, method="qr", start=whole[:4]).columns.tolist() == whole.tolist()


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_zero_matrix_has_rank_zero(method: str) -> None:
    for goal in ({"rank": 2}, {"tolerance": 0.0}, {"tolerance": 0.1}):
        found = interpolative(np.zeros((3, 4)), method=method, **goal)
        assert (found.rank, found.coefficients.shape, found.error, found.relative_error) == (0, (0, 4), 0.0, 0.0)


@pytest.mark.parametrize("method", METHODS)
def test_one_row_one_column_and_full_rank(method: str) -> None:
    row = interpolative(np.array([[1.0, -3.0, 3.0]]), rank=1, method=method)
    if method == "arp":  # drawn
        assert row.error < 1e-12
    elif method == "greedy":  # every one explains all, so the first is taken
        assert row.columns.tolist() == [0]
    else:  # of the two longest, the first
        assert row.columns.tolist() == [1]
        np.testing.assert_allclose(row.coefficients, [[-1 / 3, 1, -1]])
    assert interpolative(np.array([[2.0], [1.0]]), rank=1, method=method).error == 0
    a = MATRICES["wide"]
    assert interpolative(a, rank=30, method=method).relative_error < 1e-12
    assert interpolative(a, tolerance=0.0, method=method).rank == 30


@pytest.mark.parametrize("method", METHODS)
def test_duplicates_are_not_kept_twice(method: str) -> None:
    a = np.repeat(reference.decaying(20, 4, 1.0), 5, axis=1)
    found = interpolative(a, rank=10, method=method)
    assert found.rank == 4
    assert found.relative_error < 1e-12
    assert np.abs(found.coefficients).max() == pytest.approx(1)


def test_a_pool_without_the_rare_columns_is_widened_to_all() -> None:
    a = np.zeros((10, 400))
    a[:5, 100:105] = np.eye(5)
    assert sorted(interpolative(a, rank=5, method="columns").columns) == [100, 101, 102, 103, 104]


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.bool_, np.float16, np.float32])
def test_other_dtypes_are_converted(dtype: type) -> None:
    drawn = np.random.default_rng(0).random((9, 7)) * 100
    a = drawn > 50 if dtype is np.bool_ else drawn.astype(dtype)  # no ties, which single precision breaks by rounding
    found = interpolative(a, rank=4, method="qr")
    assert found.coefficients.dtype == (np.float32 if dtype in (np.float16, np.float32) else np.float64)
    assert found.columns.tolist() == interpolative(a.astype(np.float64), rank=4, method="qr").columns.tolist()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float64, 1e69), (np.float64, 1e-69), (np.float32, 1e8), (np.float32, 1e-8)]
)
def test_the_scale_changes_nothing(method: str, dtype: type, scale: float) -> None:
    a = np.random.default_rng(0).uniform(-1, 1, (20, 15)).astype(dtype)
    found, plain = interpolative(a * dtype(scale), rank=9, method=method), interpolative(a, rank=9, method=method)
    assert found.columns.tolist() == plain.columns.tolist()
    assert found.relative_error == pytest.approx(plain.relative_error, rel=1e-4)


def test_float32_reaches_its_own_rounding() -> None:
    a = reference.decaying(60, 50, 3.0).astype(np.float32)
    for method in METHODS:
        assert interpolative(a, rank=50, method=method).relative_error < 1e-5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give one of them"),
        ({"rank": 1, "tolerance": 0.1}, "give one of them"),
        ({"rank": 4}, r"rank is 4; it takes a whole number from 0 to 3 for a matrix of shape \(3, 5\)"),
        ({"rank": -1}, "rank is -1"),
        ({"rank": 2.0}, r"rank is 2\.0; it takes a whole number"),
        ({"tolerance": -0.1}, "tolerance is -0.1"),
        ({"tolerance": np.nan}, "tolerance is nan"),
        (
            {"rank": 1, "method": "gready"},
            "'sketch', 'qr', 'strong', 'greedy', 'columns', 'arp'. Did you mean 'greedy'",
        ),
        ({"rank": 1, "start": [5]}, r"start\[0\] is 5, but the columns are 0 to 4"),
        ({"rank": 2, "start": [1, 1]}, r"start\[1\] is 1, which stands there before"),
        ({"rank": 1, "start": [1, 2]}, "start has 2 columns, but at most 1"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        interpolative(np.ones((3, 5)), **arguments)


def test_bad_matrices_are_refused_by_place() -> None:
    a = np.ones((3, 5))
    a[1, 4] = a[2, 0] = np.nan
    for matrix in (a, sparse.csc_array(a), sparse.coo_array(a)):
        with pytest.raises(InputError, match=r"a\[(1, 4|2, 0)\] is nan \(2 of its values"):
            interpolative(matrix, rank=1)
    for matrix, message in [
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((0, 3)), r"shape \(0, 3\)"),
        (np.array([["a"]]), "dtype <U1"),
        (np.array([[1e200, 1.0]]), r"largest entry at 1e\+200.*divide it by"),
        (np.full((2, 2), -1e-200), "largest entry at 1e-200"),
        (np.full((2, 2), 1e12, dtype=np.float32), "float32 is computed with"),
    ]:
        with pytest.raises(InputError, match=message):
            interpolative(matrix, rank=1)
