"""What is not in memory: operators, memory-mapped files and chunks of rows; and what the errors then mean."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from minent.errors import InputError
from minent.lowrank import cur, interpolative, rank_estimate, row_interpolative, svd, two_sided_interpolative
from minent.lowrank.estimates import bounded_squares
from tests.lowrank import reference


def complex_decaying(rows: int, columns: int, power: float) -> np.ndarray:
    draw, side = np.random.default_rng(5), min(rows, columns)
    left, right = (
        np.linalg.qr(draw.standard_normal((n, side)) + 1j * draw.standard_normal((n, side)))[0] for n in (rows, columns)
    )
    return (left * np.arange(1.0, side + 1) ** -power) @ right.conj().T


SHAPES = {
    "tall": reference.decaying(700, 90, 1.5),
    "wide": reference.decaying(90, 300, 1.5),
    "square": reference.decaying(520, 520, 1.5),
    "complex tall": complex_decaying(200, 80, 1.5),
    "complex wide": complex_decaying(80, 200, 1.5),
}


def in_chunks(a: np.ndarray, size: int = 37):
    """A function that reads the rows anew, and counts how often."""

    def read() -> Iterator[np.ndarray]:
        read.passes += 1
        yield from (a[begin : begin + size] for begin in range(0, len(a), size))

    read.passes = 0
    return read


def true_error(a: np.ndarray, found) -> float:
    return float(np.linalg.norm(a - a[:, found.columns] @ found.coefficients))


# --- linear operators: SciPy's own svd fails on those that are not square ---------------------------------------------


@pytest.mark.parametrize("goal", [{"rank": 12}, {"tolerance": 0.05}])
@pytest.mark.parametrize("name", SHAPES)
def test_operators_of_any_shape_in_all_four_modes(name: str, goal: dict) -> None:
    a = SHAPES[name]
    operator = aslinearoperator(a)
    found, parts = interpolative(operator, **goal), svd(operator, **goal)
    errors = {"id": true_error(a, found), "svd": float(np.linalg.norm(a - (parts.u * parts.s) @ parts.vt))}
    assert errors["id"] <= found.error * (1 + 1e-9) <= 4 * errors["id"]
    assert errors["svd"] <= parts.error * (1 + 1e-9) <= 4 * errors["svd"]
    assert parts.u.shape == (a.shape[0], len(parts.s))
    assert parts.vt.shape == (len(parts.s), a.shape[1])
    np.testing.assert_allclose(parts.u.conj().T @ parts.u, np.eye(len(parts.s)), atol=1e-10)
    if "rank" in goal:
        best = reference.tail(a, 12)
        assert errors["id"] <= 2 * best
        assert errors["svd"] <= 1.001 * best
    else:
        assert max(errors.values()) <= 0.05 * np.linalg.norm(a)


def test_rows_of_an_operator() -> None:
    for name in ("tall", "complex wide"):
        a = SHAPES[name]
        found = row_interpolative(aslinearoperator(a), rank=12)
        error = np.linalg.norm(a - found.coefficients @ a[found.rows])
        assert error <= found.error <= 4 * error
        assert error <= 2.5 * reference.tail(a, 12)


def test_what_an_operator_lacks_is_named() -> None:
    one_sided = LinearOperator((50, 40), matvec=lambda x: np.ones(50) * x.sum(), dtype=np.float64)
    with pytest.raises(InputError, match="a has no rmatvec"):
        interpolative(one_sided, rank=1)
    broken = aslinearoperator(np.array([[1.0, np.nan], [0.0, 1.0], [1.0, 1.0]]))
    with pytest.raises(InputError, match="not finite"):
        interpolative(broken, rank=1)
    for call in (two_sided_interpolative, lambda a, rank: cur(a, rank)):
        with pytest.raises(InputError, match="not in memory"):
            call(aslinearoperator(np.eye(4)), rank=2)
    with pytest.raises(InputError, match="use method='sketch' or 'arp'"):
        interpolative(aslinearoperator(np.eye(4)), rank=2, method="qr")
    with pytest.raises(InputError, match="give rank or tolerance"):
        svd(aslinearoperator(np.eye(4)))
    with pytest.raises(InputError, match=r"shape \(0, 4\)"):
        interpolative(aslinearoperator(np.zeros((0, 4))), rank=0)


# --- chunks of rows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_two_passes_do_nearly_what_memory_does(name: str) -> None:
    a = SHAPES[name]
    read = in_chunks(a)
    found = interpolative(read, rank=12)
    assert read.passes == 2
    assert found.error_kind == "exact"
    assert found.error == pytest.approx(true_error(a, found), rel=1e-6)
    assert found.error == pytest.approx(reference.error_of(a, found.columns), rel=1e-6)
    assert found.error <= 1.2 * interpolative(a, rank=12).error
    again = interpolative(in_chunks(a, 64), rank=12)
    assert again.columns.tolist() == found.columns.tolist()  # the draws do not depend on where the chunks end
    read = in_chunks(a)
    parts = svd(read, rank=12)
    assert read.passes == 2
    assert np.linalg.norm(a - (parts.u * parts.s) @ parts.vt) == pytest.approx(parts.error, rel=1e-6)
    assert parts.error <= 1.2 * reference.tail(a, 12)


@pytest.mark.parametrize("name", SHAPES)
def test_one_pass_of_an_iterator_bounds_its_error(name: str) -> None:
    a = SHAPES[name]
    found = interpolative(in_chunks(a)(), rank=12)
    assert found.error_kind == "upper bound with probability 0.999"
    assert true_error(a, found) <= found.error <= 4 * true_error(a, found)
    assert true_error(a, found) <= 2 * reference.tail(a, 12)


@pytest.mark.parametrize("tolerance", [0.3, 0.02, 1e-6])
def test_chunks_reach_a_tolerance(tolerance: float) -> None:
    a = reference.decaying(300, 120, 4.0)
    found, parts = interpolative(in_chunks(a), tolerance=tolerance), svd(in_chunks(a), tolerance=tolerance)
    assert true_error(a, found) <= found.error * (1 + 1e-9) <= tolerance * np.linalg.norm(a) * (1 + 1e-9)
    assert np.linalg.norm(a - (parts.u * parts.s) @ parts.vt) <= tolerance * np.linalg.norm(a)
    assert found.rank <= 2 * interpolative(a, tolerance=tolerance).rank + 1


def test_other_chunks_sparse_single_and_ones() -> None:
    a = sparse.random_array((200, 60), density=0.1, rng=np.random.default_rng(0), format="csr")
    dense_found = interpolative(in_chunks(a.toarray()), rank=6)
    found = interpolative(lambda: (a[i : i + 50] for i in range(0, 200, 50)), rank=6)
    assert found.columns.tolist() == dense_found.columns.tolist()
    single = interpolative(in_chunks(SHAPES["tall"].astype(np.float32)), rank=6)
    assert single.coefficients.dtype == np.float32
    zero = interpolative(in_chunks(np.zeros((9, 4))), rank=2)
    assert (zero.rank, zero.error, zero.relative_error) == (0, 0.0, 0.0)
    assert interpolative(in_chunks(np.ones((1, 4))), rank=1).error < 1e-12


def test_memory_mapped_files_are_read_in_chunks(tmp_path: Path) -> None:
    a = np.tile(reference.decaying(600, 80, 1.5), (90, 1)).astype(np.float64)  # 34 MB, more than one chunk
    np.save(tmp_path / "a.npy", a)
    mapped = np.lib.format.open_memmap(tmp_path / "a.npy", mode="r")
    tracemalloc.start()
    try:
        found = interpolative(mapped, rank=8)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.error == pytest.approx(true_error(a, found), rel=1e-6)
    assert found.error <= 1.6 * reference.tail(a, 8)
    assert peak < 3 * 2**25 + 3e7  # some chunks, whatever the length of the file
    with pytest.raises(InputError, match="rank is 81"):
        interpolative(mapped, rank=81)


def test_memory_does_not_grow_with_the_number_of_rows() -> None:
    peaks = []
    for rows in (20_000, 160_000):
        base = np.random.default_rng(0).standard_normal((2_000, 100))
        tracemalloc.start()
        interpolative(lambda rows=rows, base=base: (base * (1 + i) for i in range(rows // 2_000)), rank=5)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_chunks_without_rows_are_passed_over() -> None:
    a = SHAPES["tall"]
    for goal in ({"rank": 6}, {"tolerance": 0.1}):
        plain = interpolative(in_chunks(a), **goal)
        holes = interpolative(lambda: [a[:0], a[:37], a[37:37], sparse.csr_array((0, 90)), a[37:], a[:0]], **goal)
        assert holes.columns.tolist() == plain.columns.tolist()
        assert holes.error == pytest.approx(plain.error)
    assert svd(lambda: [a[:0], a], rank=2).s == pytest.approx(svd(lambda: [a], rank=2).s)
    assert interpolative(iter([a[:0], a, a[:0]]), rank=6).rank == 6


def test_chunks_that_go_wrong_are_named() -> None:
    a = np.ones((4, 3))
    bad = a.copy()
    bad[1, 2] = np.nan
    for chunks, message in [
        ([], "a gives no chunk with a row"),
        ([a[:0], a[:0]], "a gives no chunk with a row"),
        ([a[:0], a, a[:0, :0], np.ones((2, 4))], "a, chunk 3 has 4 columns, but chunk 1 has 3"),
        ([a, np.ones((2, 4))], "a, chunk 1 has 4 columns, but chunk 0 has 3"),
        ([a, bad], r"a, chunk 1\[1, 2\] is nan"),
        ([a, a.astype(np.float32)], "a, chunk 1 has dtype float32, but chunk 0 has float64"),
        ([a, np.ones(3)], r"a, chunk 1 has shape \(3,\)"),
    ]:
        with pytest.raises(InputError, match=message):
            interpolative(lambda chunks=chunks: iter(chunks), rank=2)
    with pytest.raises(InputError, match="rank is 4"):
        interpolative(iter([a, a]), rank=4)
    with pytest.raises(InputError, match=r"rank is 3; .* for a matrix of shape \(2, 3\)"):
        interpolative(lambda: iter([a[:2]]), rank=3)
    with pytest.raises(InputError, match="read once, but a tolerance"):
        interpolative(iter([a]), tolerance=0.1)
    with pytest.raises(InputError, match="svd reads twice"):
        svd(iter([a]), rank=1)
    with pytest.raises(InputError, match="use method='sketch'"):
        interpolative(iter([a]), rank=1, method="arp")
    shrinking = iter([[a, a + np.eye(4, 3)], [a]])
    with pytest.raises(InputError, match="gave 8 rows at first and now 4"):
        interpolative(lambda: iter(next(shrinking)), rank=2)
    with pytest.raises(InputError, match="chunks of rows"):
        row_interpolative(lambda: iter([a]), rank=1)


@pytest.mark.parametrize("method", ["sketch", "arp"])
def test_arp_too_works_on_what_is_read_again(method: str) -> None:
    a = SHAPES["tall"]
    for source in (aslinearoperator(a), in_chunks(a)):
        found = interpolative(source, rank=8, method=method, start=[3])
        assert found.columns[0] == 3
        assert found.rank == 8
        assert true_error(a, found) <= found.error * (1 + 1e-6)
        loose = interpolative(source, tolerance=0.3, method=method)
        assert true_error(a, loose) <= 0.3 * np.linalg.norm(a)


# --- complex numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("method", ["sketch", "qr", "strong", "greedy", "columns", "arp"])
def test_complex_matrices(dtype: type, method: str) -> None:
    a = SHAPES["complex tall"].astype(dtype)
    found = interpolative(a, rank=10, method=method)
    assert found.coefficients.dtype == dtype
    wide = a.astype(np.complex128)
    assert found.error == pytest.approx(reference.error_of(wide, found.columns), rel=1e-3)
    assert found.error <= 2.5 * reference.tail(wide, 10)
    if method == "greedy":
        assert found.columns.tolist() == reference.greedy(wide, 10)
    looser = interpolative(sparse.csc_array(a), tolerance=0.2, method=method)
    assert reference.error_of(wide, looser.columns) <= 0.2 * np.linalg.norm(wide) * 1.0001


# --- the bound --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), power=st.floats(0, 6))
def test_the_probability_bound_holds(seed: int, power: float) -> None:
    draw = np.random.default_rng(seed)
    residual = draw.standard_normal((30, 8)) * np.arange(1.0, 9) ** -power
    bound = bounded_squares(draw.standard_normal((30, 20)).T @ residual)
    assert np.linalg.norm(residual) ** 2 <= bound <= 40 * np.linalg.norm(residual) ** 2


def test_the_bound_fails_as_rarely_as_it_says() -> None:
    draw = np.random.default_rng(0)  # rank one is the worst case; one in ten thousand may fail
    failed = sum(bounded_squares(draw.standard_normal((20, 1))) < 1 for _ in range(20_000))
    assert failed <= 10
    assert np.mean([bounded_squares(draw.standard_normal((20, 1))) for _ in range(200)]) < 8


# --- rank -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", [0.3, 0.02, 1e-3])
def test_rank_estimates(tolerance: float) -> None:
    for a in (reference.decaying(700, 500, 1.5), reference.decaying(60, 90, 2.0), SHAPES["complex wide"]):
        exact = int((np.linalg.svd(a, compute_uv=False) > tolerance * np.linalg.norm(a, 2)).sum())
        for source in (a, sparse.csr_array(a), aslinearoperator(a)):
            found = rank_estimate(source, tolerance)
            assert found.rank == exact
            assert found.kind in ("exact", "exact with probability 0.999")
    large = rank_estimate(reference.decaying(700, 500, 1.5), 0.3)
    assert large.kind == "exact with probability 0.999"


@pytest.mark.parametrize("find", [lambda a: rank_estimate(a, 0.3), lambda a: interpolative(a, rank=7)])
@pytest.mark.parametrize("shape", [(20_000, 7), (7, 20_000)])
def test_all_of_an_operator_is_asked_for_from_its_shorter_side(shape: tuple[int, int], find) -> None:
    a, asked = reference.decaying(20_000, 7, 1.0).reshape(shape), []

    def counting(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        asked.append(x.shape[1])
        return matrix @ x

    operator = LinearOperator(
        shape,
        matvec=None,
        rmatvec=None,
        matmat=lambda x: counting(x, a),
        rmatmat=lambda y: counting(y, a.T),
        dtype=a.dtype,
    )
    assert find(operator).rank == find(a).rank
    assert asked == [7]  # unit vectors; from the other side they would be 3 GB


def test_rank_estimate_edges() -> None:
    assert rank_estimate(np.zeros((4, 3))).rank == 0
    assert rank_estimate(np.eye(3)).rank == 3
    assert rank_estimate(np.array([[1, 1, 0], [0, 0, 1], [0, 0, 1]])).rank == 2
    with pytest.raises(InputError, match="tolerance is -1"):
        rank_estimate(np.eye(3), -1)
    with pytest.raises(InputError, match="comes in chunks"):
        rank_estimate(lambda: iter([np.eye(3)]))
