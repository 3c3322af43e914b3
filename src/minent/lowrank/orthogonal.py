"""Orthonormal bases by BLAS-3: Cholesky QR, done twice, with Householder's where the columns are near dependence.

All of this room computes through NumPy's LAPACK, SciPy's only where NumPy has none: the two bring a pool of threads
each, which wait for work in a loop and take the processor from one another (a factor of 2 to 4 on small factors).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from minent.lowrank.matrices import Array

_WELL_CONDITIONED = 1e-2  # so well that the product with an inverse loses no more than substitution, and is faster


def orthonormal(a: Array) -> Array:
    """Orthonormal columns that span what the columns of `a` (tall) span."""
    return qr(a)[0]


def qr(a: Array) -> tuple[Array, Array]:
    """`a = q @ r` for a tall matrix; twice Cholesky is as orthonormal as Householder, at the speed of products.

    Source:
        Yamamoto, Nakatsukasa, Yanagisawa & Fukaya (2015), ETNA 44, 306-326.
    """
    return cholesky_qr(a) or np.linalg.qr(a)


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
    try:
        factor = np.linalg.cholesky(gram / np.outer(scale, scale)).conj().T
    except np.linalg.LinAlgError:
        return None
    condition = reciprocal_condition(factor)
    if condition < 10 * np.finfo(a.dtype).eps ** 0.5:
        return None
    r = (factor * scale).astype(a.dtype, copy=False)
    return (a @ inverse(r) if condition > _WELL_CONDITIONED else solve(r.T, a.T).T), r


def triangle(a: Array) -> Array:
    """The triangle of `a = q @ r` alone, with no more rows than columns."""
    return np.asarray(np.linalg.qr(a, mode="r"))


def reciprocal_condition(r: Array) -> float:
    """`1 / (||R||_1 ||R^-1||_1)` of a triangle, 0 where it has no inverse."""
    if not len(r):
        return 1.0
    if not np.diag(r).all():
        return 0.0
    return 1.0 / float(np.linalg.norm(r, 1) * np.linalg.norm(inverse(r), 1))


def solve(r: Array, b: Array) -> Array:
    """`inv(r) @ b` of a triangle. The elimination finds zeros only, so this is substitution."""
    return np.linalg.solve(r, b)


def inverse(r: Array) -> Array:
    """The inverse of a triangle."""
    return solve(r, np.eye(len(r), dtype=r.dtype))


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
    q, r = np.linalg.qr(chosen)
    sizes = np.abs(np.diag(r))
    if len(sizes) == chosen.shape[1] and (sizes > most * precision * sizes.max(initial=0.0)).all():
        return q, r, np.arange(chosen.shape[1])
    q, r, order = linalg.qr(chosen, mode="economic", pivoting=True, check_finite=False)
    sizes = np.abs(np.diag(r))
    rank = int(np.count_nonzero(sizes > most * precision * sizes.max(initial=0.0)))
    return q[:, :rank], r[:rank, :rank], order[:rank]
