"""Singular values against LAPACK and the best error there is; the pseudoinverse against its four identities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from minent.errors import InputError
from minent.lowrank import pinv, svd
from tests.lowrank import reference

small = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-9, 9).map(float))
)


@settings(max_examples=60, deadline=None)
@given(a=small)
def test_pinv_fulfils_moore_and_penrose(a: np.ndarray) -> None:
    b = pinv(a)
    assert b.shape == a.shape[::-1]
    size = 1 + np.abs(a).max() * np.abs(b).max()
    np.testing.assert_allclose(a @ b @ a, a, atol=1e-10 * size)
    np.testing.assert_allclose(b @ a @ b, b, atol=1e-10 * size)
    np.testing.assert_allclose((a @ b).T, a @ b, atol=1e-10 * size)
    np.testing.assert_allclose((b @ a).T, b @ a, atol=1e-10 * size)


def test_pinv_cuts_at_the_tolerance() -> None:
    a = np.diag([1.0, 1e-3, 1e-8])
    np.testing.assert_allclose(np.diag(pinv(a, tolerance=1e-2)), [1, 0, 0])
    np.testing.assert_allclose(np.diag(pinv(a, tolerance=1e-5)), [1, 1e3, 0])
    np.testing.assert_allclose(np.diag(pinv(sparse.csr_array(a))), [1, 1e3, 1e8])


@settings(max_examples=60, deadline=None)
@given(a=small)
def test_all_of_a_small_matrix(a: np.ndarray) -> None:
    parts = svd(a)
    side = min(a.shape)
    np.testing.assert_allclose((parts.u * parts.s) @ parts.vt, a, atol=1e-11)
    np.testing.assert_allclose(parts.u.T @ parts.u, np.eye(side), atol=1e-12)
    np.testing.assert_allclose(parts.vt @ parts.vt.T, np.eye(side), atol=1e-12)
    assert (np.diff(parts.s) <= 0).all()
    assert (parts.s >= 0).all()
    assert parts.error == 0


@settings(max_examples=60, deadline=None)
@given(a=small, data=st.data())
def test_a_part_of_a_small_matrix_leaves_the_least_error(a: np.ndarray, data) -> None:
    rank = data.draw(st.integers(0, min(a.shape)))
    parts = svd(a, rank=rank)
    assert parts.s.shape == (rank,)
    assert parts.error == pytest.approx(reference.tail(a, rank), abs=1e-10)
    assert np.linalg.norm(a - (parts.u * parts.s) @ parts.vt) == pytest.approx(parts.error, abs=1e-10)


LARGE = {
    "dense": reference.decaying(900, 700, 1.0),
    "flat": np.random.default_rng(0).standard_normal((800, 600)),
    "sparse": sparse.random_array((9000, 600), density=0.01, rng=np.random.default_rng(0), format="csr"),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_leading_part_of_a_large_matrix(name: str) -> None:
    a = LARGE[name]
    plain = a.toarray() if sparse.issparse(a) else a
    parts, exact = svd(a, rank=20), np.sqrt(np.linalg.eigvalsh(plain.T @ plain)[::-1].clip(0))
    np.testing.assert_allclose(parts.s, exact[:20], rtol=1e-3 if name == "dense" else 3e-2)
    best = np.linalg.norm(exact[20:])
    assert best * (1 - 1e-9) <= parts.error <= best * 1.001
    assert parts.error == pytest.approx(np.linalg.norm(plain - (parts.u * parts.s) @ parts.vt), rel=1e-6)
    np.testing.assert_allclose(parts.u.T @ parts.u, np.eye(20), atol=1e-10)
    np.testing.assert_allclose(parts.vt @ parts.vt.T, np.eye(20), atol=1e-10)


@pytest.mark.parametrize("side", [60, 700])
@pytest.mark.parametrize("tolerance", [1.0, 0.3, 0.1])
def test_by_tolerance_it_keeps_as_few_as_reach_it(side: int, tolerance: float) -> None:
    a = reference.decaying(900, side, 1.0)
    parts = svd(a, tolerance=tolerance)
    rank, size = len(parts.s), np.linalg.norm(a)
    assert parts.error <= tolerance * size * (1 + 1e-12)
    assert np.linalg.norm(a - (parts.u * parts.s) @ parts.vt) == pytest.approx(parts.error, rel=1e-6)
    left = np.sqrt(np.cumsum(np.arange(side, 0, -1.0) ** -2))[::-1]  # the singular values are 1, 1/2, 1/3 ..
    assert rank == np.argmax(left <= tolerance * left[0])


def test_same_seed_same_result_and_signs_are_fixed() -> None:
    first, second = svd(LARGE["dense"], rank=9, seed=3), svd(LARGE["dense"], rank=9, seed=3)
    other, mirrored = svd(LARGE["dense"], rank=9, seed=4), svd(-LARGE["dense"], rank=9, seed=3)
    for name in ("u", "s", "vt"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for parts in (first, other, mirrored):
        assert (parts.u[np.argmax(np.abs(parts.u), axis=0), np.arange(9)] > 0).all()
    np.testing.assert_allclose(first.u[:, :4], other.u[:, :4], atol=1e-2)


def test_float32_stays_float32() -> None:
    for a in (LARGE["dense"].astype(np.float32), LARGE["sparse"].astype(np.float32)):
        parts = svd(a, rank=5)
        assert {parts.u.dtype, parts.s.dtype, parts.vt.dtype} == {np.dtype(np.float32)}
    assert pinv(np.eye(3, dtype=np.float32)).dtype == np.float32


def test_zero_matrices_and_whole_numbers() -> None:
    assert svd(np.zeros((3, 2)), tolerance=0.1).s.shape == (0,)
    assert svd(np.zeros((3, 2)), rank=1).s.tolist() == [0.0]
    assert svd(np.zeros((600, 700)), rank=3).error == 0
    assert pinv(np.zeros((2, 3))).tolist() == [[0.0, 0.0]] * 3
    assert svd([[2, 0], [0, 1]]).s.tolist() == [2.0, 1.0]


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="both given"):
        svd(np.eye(3), rank=1, tolerance=0.1)
    with pytest.raises(InputError, match="rank is 4"):
        svd(np.eye(3), rank=4)
    with pytest.raises(InputError, match="tolerance is -1"):
        pinv(np.eye(3), tolerance=-1)
    with pytest.raises(InputError, match=r"a\[0, 1\] is inf"):
        svd(np.array([[1.0, np.inf]]))
