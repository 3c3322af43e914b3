"""Orthonormal bases by BLAS-3: Cholesky QR, done twice, with Householder's where the columns are near dependence."""

from __future__ import annotations

import numpy as np
from scipy import linalg
from scipy.linalg import blas, lapack

from minent.lowrank.matrices import Array


def orthonormal(a: Array) -> Array:
    """Orthonormal columns that span what the columns of `a` (tall) span."""
    return qr(a)[0]


def qr(a: Array) -> tuple[Array, Array]:
    """`a = q @ r` for a tall matrix; twice Cholesky is as orthonormal as Householder, at the speed of products.

    Source:
        Yamamoto, Nakatsukasa, Yanagisawa & Fukaya (2015), ETNA 44, 306-326.
    """
    return cholesky_qr(a) or linalg.qr(a, mode="economic", check_finite=False)


def cholesky_qr(a: Array) -> tuple[Array, Array] | None:
    """`q, r`, or None where the squared condition number would leave no digit."""
    first = cholesky_step(a)
    second = None if first is None else cholesky_step(first[0])
    return None if first is None or second is None else (second[0], second[1] @ first[1])


def cholesky_step(a: Array) -> tuple[Array, Array] | None:
    """`a = q @ r` with q orthonormal to the rounding of the squared condition number; None where that is too large."""
    if a.shape[0] < 2 * a.shape[1]:
        return None
    gram = a.conj().T @ a
    scale = np.sqrt(np.diag(gram).real)
    if not scale.all() or not np.isfinite(scale).all():
        return None
    factor, failed = lapack.get_lapack_funcs("potrf", (gram,))(gram / np.outer(scale, scale), clean=1)
    if failed or reciprocal_condition(factor) < 10 * np.finfo(a.dtype).eps ** 0.5:
        return None
    triangle = (factor * scale).astype(a.dtype, copy=False)
    return solve_right(a, triangle), triangle


def reciprocal_condition(triangle: Array) -> float:
    """An estimate of `1 / (||R||_1 ||R^-1||_1)` of an upper triangle."""
    if not len(triangle):
        return 1.0
    return float(lapack.get_lapack_funcs("trcon", (triangle,))(triangle)[0])


def solve_right(a: Array, triangle: Array) -> Array:
    """`a @ inv(triangle)`."""
    return blas.get_blas_funcs("trsm", (triangle, a))(1.0, triangle, a.T, trans_a=1).T


def independent(chosen: Array, most: int, precision: float) -> tuple[Array, Array, np.ndarray]:
    """Return `q`, `r` and `order`, where `chosen[:, order] = q @ r` and the other columns depend on these to rounding.

    Args:
        chosen: (m, k).
        most: The larger side of the matrix they come from.
        precision: Rounding of its dtype.
    """
    found = cholesky_qr(chosen)
    if found is not None:
        return *found, np.arange(chosen.shape[1])
    q, r = linalg.qr(chosen, mode="economic", check_finite=False)
    sizes = np.abs(np.diag(r))
    if len(sizes) == chosen.shape[1] and (sizes > most * precision * sizes.max(initial=0.0)).all():
        return q, r, np.arange(chosen.shape[1])
    q, r, order = linalg.qr(chosen, mode="economic", pivoting=True, check_finite=False)
    sizes = np.abs(np.diag(r))
    rank = int(np.count_nonzero(sizes > most * precision * sizes.max(initial=0.0)))
    return q[:, :rank], r[:rank, :rank], order[:rank]
