"""Rows, both sides, what to label, and smaller layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from minent.errors import InputError
from minent.lowrank import (
    compress_embedding,
    compress_linear,
    cr,
    cur,
    interpolative,
    pinv,
    prune_neurons,
    rank_estimate,
    row_interpolative,
    select_columns,
    svd,
    two_sided_interpolative,
)
from tests.lowrank import reference

A = reference.decaying(60, 40, 1.5)
COMPLEX = A[:, :30] + 1j * A[:, 10:]


# --- rows and both sides ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sketch", "qr", "strong"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("a", [A, COMPLEX], ids=["real", "complex"])
def test_rows(a: np.ndarray, kind, method: str) -> None:
    found = row_interpolative(kind(a), rank=8, method=method, start=[5])
    assert found.rows[0] == 5
    np.testing.assert_array_equal(found.coefficients[found.rows], np.eye(8))
    error = np.linalg.norm(a - found.coefficients @ a[found.rows])
    assert found.error == pytest.approx(error, rel=1e-9)
    assert found.relative_error == pytest.approx(error / np.linalg.norm(a))
    assert found.error <= 2.5 * reference.tail(a, 7)
    assert found.largest_coefficient == np.abs(found.coefficients).max()
    twin = interpolative(a.T, rank=8, method="qr", start=[5])
    if method == "qr":
        assert found.rows.tolist() == twin.columns.tolist()


@pytest.mark.parametrize("goal", [{"rank": 8}, {"tolerance": 0.05}, {"rank": 0}])
@pytest.mark.parametrize("a", [A, COMPLEX, sparse.csr_array(A)], ids=["real", "complex", "sparse"])
def test_both_sides(a, goal: dict) -> None:
    found = two_sided_interpolative(a, **goal)
    plain = a.toarray() if sparse.issparse(a) else a
    block = plain[found.rows][:, found.columns]
    assert block.shape == (len(found.rows), len(found.rows))
    error = np.linalg.norm(plain - found.left @ block @ found.right)
    assert found.error == pytest.approx(error, rel=1e-9)
    columns_alone = interpolative(a, **goal)
    assert found.columns.tolist() == columns_alone.columns.tolist()
    assert found.error == pytest.approx(columns_alone.error, rel=1e-6)
    assert np.abs(found.left).max(initial=0) <= 2
    assert found.largest_coefficient == max(np.abs(found.left).max(initial=0), np.abs(found.right).max(initial=0))


def test_both_sides_of_nothing() -> None:
    found = two_sided_interpolative(np.zeros((4, 3)), tolerance=0.1)
    assert (found.left.shape, found.right.shape, found.error) == ((4, 0), (0, 3), 0.0)


# --- which columns ----------------------------------------------------------------------------------------------------


def test_known_columns_and_start_say_the_same() -> None:
    inside = select_columns(A, 6, start=[3, 9])
    outside = select_columns(np.delete(A, [3, 9], axis=1), 6, known=A[:, [3, 9]])
    assert inside.tolist() == np.delete(np.arange(40), [3, 9])[outside].tolist()
    assert inside.tolist() == interpolative(A, rank=8, method="qr", start=[3, 9]).columns[2:].tolist()
    assert select_columns(sparse.csc_array(A), 6, start=[3, 9]).tolist() == inside.tolist()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 6), n=st.integers(1, 12), data=st.data())
def test_as_many_as_asked_for_each_once(seed: int, rows: int, n: int, data) -> None:
    draw = np.random.default_rng(seed)
    a = draw.integers(-1, 2, (rows, n)).astype(float)
    known = draw.standard_normal((rows, data.draw(st.integers(0, 8))))
    start = draw.permutation(n)[: data.draw(st.integers(0, n))]
    count = data.draw(st.integers(0, n - len(start)))
    chosen = select_columns(a, count, known=known, start=start)
    assert len(set(chosen.tolist())) == len(chosen) == count
    assert not set(chosen.tolist()) & set(start.tolist())


def test_what_is_known_is_not_chosen_again() -> None:
    draw = np.random.default_rng(0)
    topics = np.linalg.qr(draw.standard_normal((50, 5)))[0]
    texts = topics[:, np.repeat(np.arange(5), 20)] + 0.01 * draw.standard_normal((50, 100))
    chosen = select_columns(texts, 3, known=topics[:, :2])
    assert sorted(chosen // 20) == [2, 3, 4]  # one of each topic that no label stands for


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: select_columns(np.eye(3), 4), "count is 4; it takes a whole number from 0 to 3"),
        (lambda: select_columns(np.eye(3), 3, start=[0]), "count is 3; it takes a whole number from 0 to 2"),
        (lambda: select_columns(np.eye(3), 1, start=[3]), "start names column 3"),
        (lambda: select_columns(np.eye(3), 1, known=np.ones((2, 1))), "known has 2 rows, but a has 3"),
        (lambda: compress_embedding(np.eye(3), rank=1, method="pca"), "method is 'pca'"),
        (lambda: compress_embedding(np.eye(3)), "give one of them"),
        (lambda: compress_linear(np.eye(3), rank=4), "rank is 4"),
        (lambda: compress_linear(np.eye(3), np.ones((2, 4)), rank=1), "inputs have 4 columns, but weight takes 3"),
        (lambda: select_columns(np.eye(3), 1.5), "count is 1.5; it takes a whole number from 0 to 3"),
        (lambda: select_columns(np.eye(3), "1"), "count is '1'"),
        (lambda: compress_linear(np.eye(3), rank=1, ridge=-1), "ridge is -1"),
        (lambda: compress_linear(np.eye(3), rank=1, ridge="none"), "ridge is 'none'"),
        (lambda: prune_neurons(np.eye(3), np.ones((2, 4)), rank=1), "next_weight has 4 columns, but there are 3"),
        (lambda: prune_neurons(lambda: iter([np.eye(3)]), np.ones((2, 4)), rank=1), "next_weight has 4 columns, but"),
        (lambda: prune_neurons(iter([np.eye(3)]), np.ones((2, 2)), rank=1), "next_weight has 2 columns, but there"),
        (lambda: prune_neurons([[1, 2, 3]], np.ones((2, 4)), rank=1), "next_weight has 4 columns, but there are 3"),
        (lambda: cr(np.eye(2), np.eye(2), 1, core="fre"), "Did you mean 'free'"),
        (lambda: cur(np.eye(3), 1, method="dime"), "Did you mean 'deim'"),
    ],
)
def test_bad_arguments_are_refused(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


# --- layers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["svd", "interpolative"])
def test_embeddings(method: str) -> None:
    table = reference.decaying(300, 32, 1.0).astype(np.float32)
    small = compress_embedding(table, rank=8, method=method)
    rebuilt = small.left @ small.right
    np.testing.assert_allclose(small.lookup(np.array([[3, 4], [5, 6]])), rebuilt[[[3, 4], [5, 6]]], atol=1e-6)
    assert small.error == pytest.approx(np.linalg.norm(table - rebuilt), rel=1e-4)
    if method == "svd":
        assert small.numbers == 8 * (300 + 32)
        assert small.error == pytest.approx(reference.tail(table, 8), rel=1e-4)
    else:
        assert small.numbers == 8 * (300 + 32 - 8)
        np.testing.assert_array_equal(small.right, table[small.rows])
        assert small.error < 2 * reference.tail(table, 8)


def test_calibrated_layers_lose_least_on_what_they_see() -> None:
    draw = np.random.default_rng(0)
    weight, inputs = draw.standard_normal((30, 20)), draw.standard_normal((200, 20)) * np.arange(1.0, 21) ** -1.5

    def lost(found) -> float:
        return float(np.linalg.norm(inputs @ (weight - found.up @ found.down).T))

    calibrated, blind = compress_linear(weight, inputs, rank=6), compress_linear(weight, rank=6)
    assert calibrated.error == pytest.approx(lost(calibrated))
    assert lost(calibrated) < 0.7 * lost(blind)
    assert lost(calibrated) == pytest.approx(reference.tail(weight @ inputs.T, 6), rel=1e-4)  # the least there is
    assert blind.error == pytest.approx(reference.tail(weight, 6), rel=1e-9)
    loose = compress_linear(weight, inputs, tolerance=0.1)
    assert loose.relative_error <= 0.1
    assert reference.tail(weight @ inputs.T, loose.up.shape[1] - 1) > 0.099 * np.linalg.norm(weight @ inputs.T)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    tolerance=st.floats(0.01, 0.9),
    ridge=st.sampled_from([0.0, 1e-6, 0.1, 3.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_a_layer_within_a_tolerance_is_so_on_its_inputs_whatever_the_ridge(seed, tolerance, ridge, dtype) -> None:
    draw = np.random.default_rng(seed)
    weight, inputs = draw.standard_normal((9, 12)), draw.standard_normal((20, 12)) * np.arange(1.0, 13) ** -2
    weight, inputs = weight.astype(dtype), inputs.astype(dtype)
    small = compress_linear(weight, inputs, tolerance=tolerance, ridge=ridge)
    assert small.relative_error <= tolerance
    rank = small.up.shape[1]
    if rank:  # and the last direction is needed
        assert compress_linear(weight, inputs, rank=rank - 1, ridge=ridge).relative_error > tolerance * (1 - 1e-5)


def test_pruned_neurons_say_the_same() -> None:
    draw = np.random.default_rng(0)
    hidden = np.maximum(draw.standard_normal((100, 12)), 0)
    hidden = np.hstack([hidden, hidden[:, :4] * 2, np.zeros((100, 3))])  # copies, and neurons that never fire
    weight = draw.standard_normal((5, 19))
    small = prune_neurons(hidden, weight, tolerance=1e-6)
    assert len(small.neurons) == 12
    assert (np.diff(small.neurons) > 0).all()
    np.testing.assert_allclose(hidden[:, small.neurons] @ small.next_weight.T, hidden @ weight.T, atol=1e-9)
    np.testing.assert_allclose(hidden[:, small.neurons] @ small.mixture, hidden, atol=1e-9)


# --- CUR and CR -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sketch", "leverage", "sampling", "deim"])
@pytest.mark.parametrize("core", ["optimal", "cross"])
@pytest.mark.parametrize("a", [A, COMPLEX], ids=["real", "complex"])
def test_cur_by_every_method(a: np.ndarray, core: str, method: str) -> None:
    parts = cur(a, 8, core=core, method=method)
    rebuilt = a[:, parts.columns] @ parts.core @ a[parts.rows]
    assert parts.error == pytest.approx(np.linalg.norm(a - rebuilt))
    assert parts.largest_coefficient == pytest.approx(np.abs(parts.core @ a[parts.rows]).max())
    assert len(set(parts.columns.tolist())) == len(set(parts.rows.tolist())) == 8
    if core == "optimal":
        c, r = a[:, parts.columns], a[parts.rows]
        least = np.linalg.norm(a - c @ np.linalg.pinv(c) @ a @ np.linalg.pinv(r) @ r)
        assert parts.error == pytest.approx(least, rel=1e-6)
    if method in ("sketch", "deim"):
        assert parts.error < 12 * reference.tail(a, 8)


def test_deim_places_each_vector_where_it_is_worst_interpolated() -> None:
    parts, vectors = cur(A, 6, method="deim"), np.linalg.svd(A)[0][:, :6]
    places = [int(np.argmax(np.abs(vectors[:, 0])))]
    for k in range(1, 6):
        weights = np.linalg.solve(vectors[places, :k], vectors[places, k])
        places.append(int(np.argmax(np.abs(vectors[:, k] - vectors[:, :k] @ weights))))
    assert parts.rows.tolist() == places


def test_leverage_takes_the_rows_that_the_singular_vectors_stand_on() -> None:
    vectors = np.linalg.svd(A)[0][:, :6]
    assert cur(A, 6, method="leverage").rows.tolist() == sorted(np.argsort(-((vectors**2).sum(axis=1)))[:6].tolist())
    assert cur(A, 6, method="sampling", seed=1).rows.tolist() != cur(A, 6, method="sampling", seed=2).rows.tolist()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), samples=st.integers(1, 9), method=st.sampled_from(["sampling", "largest"]))
def test_freer_cores_never_lose_more(seed: int, samples: int, method: str) -> None:
    draw = np.random.default_rng(seed)
    x, y = draw.standard_normal((6, 7)) + 1j * draw.standard_normal((6, 7)), draw.standard_normal((7, 5))
    exact = x @ y

    def error(core: str) -> float:
        found = cr(x, y, samples, method=method, core=core, seed=seed)
        return float(np.linalg.norm(exact - found.product(x, y)))

    plain, diagonal, free = error("plain"), error("diagonal"), error("free")
    assert free <= diagonal * (1 + 1e-9) + 1e-9
    assert diagonal <= plain * (1 + 1e-9) + 1e-9
    kept = cr(x, y, samples, method=method, seed=seed).indices
    terms = np.stack([np.outer(x[:, i], y[i]).ravel() for i in kept], axis=1)
    assert diagonal == pytest.approx(np.linalg.norm(exact.ravel() - terms @ np.linalg.pinv(terms) @ exact.ravel()))


def test_the_kind_of_each_bound_is_said() -> None:
    assert cr(A.T, A, 5).error_kind == "upper bound of the root mean square over seeds"
    assert cr(A.T, A, 5, method="largest").error_kind == "upper bound"
    assert svd(A, rank=2).error_kind == "exact"


# --- pseudoinverse ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(200, 30), (30, 200), (40, 40)])
@pytest.mark.parametrize("rank", [30, 12])
def test_pinv_by_both_ways(shape: tuple[int, int], rank: int, dtype: type) -> None:
    draw = np.random.default_rng(0)
    a = (draw.standard_normal((shape[0], rank)) @ draw.standard_normal((rank, shape[1]))).astype(dtype)
    if np.dtype(dtype).kind == "c":
        a = a * np.exp(1j * np.arange(shape[1])).astype(dtype)
    b, expected = pinv(a), np.linalg.pinv(a.astype(np.complex128), rcond=1e-5)
    assert b.dtype == dtype
    tolerance = 2e-3 if np.finfo(dtype).eps > 1e-10 else 1e-9
    np.testing.assert_allclose(b, expected, atol=tolerance * np.abs(expected).max())


# --- torch ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64])
def test_tensors_in_tensors_out(dtype: torch.dtype) -> None:
    a = torch.from_numpy(A).to(dtype)
    plain = a.to(torch.complex128 if dtype.is_complex else torch.float64).numpy()
    found = interpolative(a, rank=5, method="qr")
    assert isinstance(found.coefficients, torch.Tensor)
    assert isinstance(found.columns, torch.Tensor)
    assert found.columns.tolist() == interpolative(plain, rank=5, method="qr").columns.tolist()
    back = plain[:, found.columns.numpy()] @ found.coefficients.numpy()
    assert np.linalg.norm(plain - back) == pytest.approx(found.error, rel=1e-3)
    assert found.coefficients.dtype == (dtype if dtype.itemsize > 2 else torch.float32)
    parts = svd(torch.nn.Parameter(a), rank=3)
    assert torch.allclose(parts.u.mH @ parts.u, torch.eye(3, dtype=parts.u.dtype), atol=1e-5)
    assert isinstance(pinv(a), torch.Tensor)
    assert rank_estimate(a, 0.5).rank == rank_estimate(plain, 0.5).rank


def test_layers_of_tensors() -> None:
    weight = torch.nn.Linear(20, 30).weight
    inputs = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    small = compress_linear(weight, inputs, rank=20)
    assert torch.allclose(small.up @ small.down, weight, atol=1e-5)
    table = compress_embedding(torch.nn.Embedding(50, 8).weight, rank=8)
    assert table.lookup(torch.tensor([1, 2])).shape == (2, 8)
    pruned = prune_neurons(inputs.abs(), weight, rank=10)
    assert pruned.next_weight.shape == (30, 10)
    assert select_columns(torch.eye(4), 2).dtype == torch.int64
    x, y = torch.eye(4), torch.ones(4, 3)
    for core in ("plain", "diagonal", "free"):
        assert torch.allclose(cr(x, y, 4, method="largest", core=core).product(x, y), x @ y, atol=1e-5)
    chunks = interpolative(lambda: iter([inputs[:20], inputs[20:]]), rank=5)
    assert isinstance(chunks.coefficients, np.ndarray)  # a function is no tensor
    with pytest.raises(InputError, match="to_dense"):
        interpolative(torch.eye(3).to_sparse(), rank=1)
    with pytest.raises(InputError, match=r"a\[0, 1\] is nan"):
        interpolative(torch.tensor([[0.0, float("nan")]]), rank=1)


def test_what_is_known_may_be_complex_beside_a_real_matrix() -> None:
    a = np.array([[3.0, 2.9, 0.0], [0.0, 0.1, 1.0]])
    assert select_columns(a, 1, known=np.array([[1j], [0]])).tolist() == [2]
