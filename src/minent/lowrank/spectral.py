"""The singular value decomposition, cut by rank or by tolerance, and the pseudoinverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, sparse

from minent.lowrank.matrices import Array, Matrix, check_goal, check_matrix, dense, length, residual_length, rows_on

_SMALL_SIDE = 512
_SMALL_AREA = 4_000_000
_OVERSAMPLING = 10
_MOST_ROUNDS = 16
_FIRST_RANK = 16
_SETTLED = 1e-6


@dataclass(frozen=True, eq=False)
class SVD:
    """`a` is near `(u * s) @ vt`.

    Attributes:
        u: (m, k), orthonormal columns; in each, the entry of largest size is positive.
        s: (k,), never rising, not negative.
        vt: (k, n), orthonormal rows.
        error: Frobenius norm of `a - (u * s) @ vt`.
    """

    u: Array
    s: Array
    vt: Array
    error: float


def svd(a: ArrayLike | Any, *, rank: int | None = None, tolerance: float | None = None, seed: int = 0) -> SVD:
    """Decompose a matrix into singular values and vectors, all of them or the leading ones.

    Small matrices, and all of the decomposition, go through LAPACK. The leading part of a large one is found in a
    random subspace that is multiplied by `a a^T` until the singular values stand still to 1e-6 of the largest, at most
    16 times. The same input and seed give the same result, signs included.

    Args:
        a: (m, n), real; dense or scipy.sparse, which is made dense only when it is small or all is asked for.
        rank: How many singular values, from 0 to `min(m, n)`.
        tolerance: Or else, the largest error allowed, relative to the Frobenius norm of `a`: as few as reach it.
        seed: Of the random subspace.

    Returns:
        The factors and the error that they leave.

    Raises:
        InputError: Both `rank` and `tolerance`, one of them out of range, or a matrix that is empty, not real or not
            finite.

    Source:
        Halko, Martinsson & Tropp (2011), doi:10.1137/090771806, algorithm 4.4; J. Su, kexue.fm/archives/10407.

    Example:
        >>> import numpy as np
        >>> parts = svd(np.array([[3.0, 0.0], [0.0, -4.0]]), rank=1)
        >>> parts.s.round(6).tolist(), round(parts.error, 6)
        ([4.0], 3.0)
    """
    matrix = check_matrix(a)
    check_goal(rank, tolerance, matrix.shape)
    whole = rank is None and tolerance is None
    if whole or _is_small(matrix, rank):
        return _exact(matrix, rank, tolerance)
    draw = np.random.default_rng(seed)
    if rank is not None:
        return _leading(matrix, rank, draw)
    return _reach(matrix, float(tolerance) * length(matrix), draw)  # type: ignore[arg-type]


def pinv(a: ArrayLike | Any, *, tolerance: float | None = None) -> Array:
    """Return the Moore-Penrose pseudoinverse: the matrix that solves least squares with the shortest answer.

    Args:
        a: (m, n), real; a sparse matrix is made dense, for its pseudoinverse is.
        tolerance: Singular values up to this part of the largest count as zero; None for `max(m, n)` times the
            rounding of the dtype.

    Returns:
        (n, m), in the dtype of the matrix.

    Raises:
        InputError: A tolerance below zero, or a matrix that is empty, not real or not finite.

    Source:
        J. Su, kexue.fm/archives/10366; Golub & Van Loan (2013), section 5.5.2.

    Example:
        >>> import numpy as np
        >>> pinv(np.array([[2.0, 0.0], [0.0, 0.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.0]]
    """
    matrix = check_matrix(a)
    check_goal(None, tolerance, matrix.shape)
    relative = max(matrix.shape) * float(np.finfo(matrix.dtype).eps) if tolerance is None else tolerance
    u, s, vt = linalg.svd(dense(matrix), full_matrices=False)
    kept = s > relative * s[0]
    return (vt[kept].T / s[kept]) @ u[:, kept].T


def _is_small(a: Matrix, rank: int | None) -> bool:
    if sparse.issparse(a):
        return a.shape[0] * a.shape[1] <= _SMALL_AREA
    return min(a.shape) <= _SMALL_SIDE or (rank is not None and 4 * rank >= min(a.shape))


def _exact(a: Matrix, rank: int | None, tolerance: float | None) -> SVD:
    u, s, vt = linalg.svd(dense(a), full_matrices=False)
    left = _left_over(s, 0.0)
    count = len(s) if rank is None else rank
    if tolerance is not None:
        count = int(np.argmax(left <= tolerance * left[0]))
    return _signed(u[:, :count], s[:count], vt[:count], float(left[count]))


def _left_over(s: Array, error: float) -> Array:
    """The error after keeping 0, 1, 2 .. of the singular values, where `error` is what all of them leave."""
    squares = np.append(np.square(s, dtype=np.float64), error**2)
    return np.sqrt(np.cumsum(squares[::-1])[::-1])


def _reach(a: Matrix, target: float, draw: np.random.Generator) -> SVD:
    """Double the rank until the error is small enough; then drop what was not needed."""
    rank = _FIRST_RANK
    while (parts := _leading(a, min(rank, min(a.shape)), draw)).error > target and rank < min(a.shape):
        rank *= 2
    left = _left_over(parts.s, parts.error)
    count = int(np.argmax(left <= target)) if left[-1] <= target else len(parts.s)
    return SVD(parts.u[:, :count], parts.s[:count], parts.vt[:count], float(left[count]))


def _leading(a: Matrix, rank: int, draw: np.random.Generator) -> SVD:
    """Subspace iteration, orthonormal at every half step, until the singular values stand still."""
    width = min(rank + _OVERSAMPLING, *a.shape)
    basis = _orthonormal(a @ draw.standard_normal((a.shape[1], width)).astype(a.dtype))
    before = np.zeros(rank, dtype=a.dtype)
    for _ in range(_MOST_ROUNDS):
        basis, triangle = linalg.qr(a @ _orthonormal(a.T @ basis), mode="economic")
        now = linalg.svdvals(triangle)[:rank]
        if np.max(np.abs(now - before), initial=0.0) <= _SETTLED * max(now, default=0.0):
            break
        before = now
    u, s, vt = linalg.svd(rows_on(basis, a), full_matrices=False)
    u, s, vt = basis @ u[:, :rank], s[:rank], vt[:rank]
    error = residual_length(a, u * s, vt, float(np.square(s, dtype=np.float64).sum()))
    return _signed(u, s, vt, error)


def _orthonormal(a: Array) -> Array:
    return linalg.qr(a, mode="economic")[0]


def _signed(u: Array, s: Array, vt: Array, error: float) -> SVD:
    """Singular vectors are free in sign; make the entry of largest size in each column of `u` positive."""
    largest = np.argmax(np.abs(u), axis=0)
    signs = np.where(u[largest, np.arange(u.shape[1])] < 0, -1, 1).astype(u.dtype)
    return SVD(u * signs, s, vt * signs[:, None], error)
