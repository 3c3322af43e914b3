"""The singular value decomposition, cut by rank or by tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from minent.errors import InputError
from minent.lowrank.estimates import PROBES, ErrorKind, bounded_squares
from minent.lowrank.krylov import block_krylov
from minent.lowrank.matrices import Array, check_goal, dense, residual_squares, square, squared_length
from minent.lowrank.orthogonal import orthonormal, qr
from minent.lowrank.sources import Chunks, Held, Source, open_source, root
from minent.lowrank.tensors import like

_SMALL_SIDE = 512
_SMALL_AREA = 4_000_000
_OVERSAMPLING = 10
_FIRST_RANK = 16


@dataclass(frozen=True, eq=False)
class SVD:
    """`a` is near `(u * s) @ vt`.

    Attributes:
        u: (m, k), orthonormal columns; in each, the entry of largest size is real and positive.
        s: (k,), never rising, not negative.
        vt: (k, n), orthonormal rows; for complex `a` it is already conjugated.
        error: Frobenius norm of `a - (u * s) @ vt`.
        error_kind: How that is known: computed, or bounded with probability when the entries cannot be looked at.
    """

    u: Array
    s: Array
    vt: Array
    error: float
    error_kind: ErrorKind = ErrorKind.EXACT


def svd(a: ArrayLike | Any, *, rank: int | None = None, tolerance: float | None = None, seed: int = 0) -> SVD:
    """Decompose a matrix into singular values and vectors, all of them or the leading ones.

    Small matrices, and all of the decomposition, go through LAPACK. The leading part of a large one is found in the
    block Krylov space of a few random mixtures, which grows until the squared error is expected to fall by less than
    a ten-thousandth any more. Rows that come in chunks are read twice, without that refinement. The same input and
    seed give the same result, signs included.

    Args:
        a: (m, n), real or complex: an array, scipy.sparse, a torch tensor, a `LinearOperator`, a memory-mapped array,
            or a function that returns an iterator over chunks of rows.
        rank: How many singular values, from 0 to `min(m, n)`.
        tolerance: Or else, the largest error allowed, relative to the Frobenius norm of `a`: as few as reach it.
        seed: Of the random mixtures.

    Returns:
        The factors and the error that they leave; tensors for a tensor.

    Raises:
        InputError: Both `rank` and `tolerance`, neither of them for what is not in memory, one out of range, a matrix
            that is empty or not finite, or rows that can be read only once.

    Source:
        Musco & Musco (2015), arXiv:1504.05477; Halko, Martinsson & Tropp (2011), doi:10.1137/090771806; J. Su,
        kexue.fm/archives/10407.

    Example:
        >>> import numpy as np
        >>> parts = svd(np.array([[3.0, 0.0], [0.0, -4.0]]), rank=1)
        >>> parts.s.round(6).tolist(), round(parts.error, 6)
        ([4.0], 3.0)
    """
    source = open_source(a)
    if source.shape[0] >= 0:
        check_goal(rank, tolerance, source.shape)
    if source.once:
        raise InputError("a is an iterator, whose rows can be read once, and svd reads twice; pass what makes it.")
    whole = rank is None and tolerance is None
    if source.matrix is None and whole:
        raise InputError("a is not in memory; give rank or tolerance, for all of the decomposition needs all of it.")
    if source.matrix is not None and (whole or _is_small(source, rank)):
        return like(_exact(source, rank, tolerance), a)
    draw = np.random.default_rng(seed)
    if rank is not None:
        return like(leading(source, rank, draw), a)
    assert tolerance is not None  # one of both is given
    return like(_reach(source, float(tolerance), draw), a)


def _is_small(source: Source, rank: int | None) -> bool:
    if sparse.issparse(source.matrix):
        return source.shape[0] * source.shape[1] <= _SMALL_AREA
    return min(source.shape) <= _SMALL_SIDE or (rank is not None and 4 * rank >= min(source.shape))


def _exact(source: Source, rank: int | None, tolerance: float | None) -> SVD:
    u, s, vt = np.linalg.svd(dense(source.matrix), full_matrices=False)
    left = _left_over(s, 0.0)
    count = len(s) if rank is None else rank
    if tolerance is not None:
        count = int(np.argmax(left <= tolerance * left[0]))
    return _signed(SVD(u[:, :count], s[:count], vt[:count], float(left[count])))


def _left_over(s: Array, error: float) -> Array:
    """The error after keeping 0, 1, 2 .. of the singular values, where `error` is what all of them leave."""
    squares = np.append(np.square(s, dtype=np.float64), error**2)
    return np.sqrt(np.cumsum(squares[::-1])[::-1])


def _reach(source: Source, tolerance: float, draw: np.random.Generator) -> SVD:
    """Double the rank until the error is small enough; then drop what was not needed."""
    if tolerance >= 1 and source.total is not None:
        return leading(source, 0, draw)
    rank, most = _FIRST_RANK, min(side for side in source.shape if side >= 0)
    while True:
        parts = leading(source, min(rank, most), draw)
        most = min(source.shape)
        size = root(squared_length(parts.s) if source.total is None else source.total)
        if parts.error <= tolerance * size or rank >= most:
            break
        rank *= 2
    left = _left_over(parts.s, parts.error)
    count = int(np.argmax(left <= tolerance * size)) if left[-1] <= tolerance * size else len(parts.s)
    return SVD(parts.u[:, :count], parts.s[:count], parts.vt[:count], float(left[count]), parts.error_kind)


def leading(source: Source, rank: int, draw: np.random.Generator) -> SVD:
    """The leading singular values and vectors of any source that can be read twice."""
    probes: Array | None
    if isinstance(source, Chunks):
        u, s, vt, probes = _two_passes(source, rank, draw)
    else:
        width = min(rank + _OVERSAMPLING, *source.shape)
        u, s, vt = block_krylov(source, rank, width, draw)
        probes = None if source.total is not None else source.mixtures(PROBES, draw)
    squares, kind = _squared_error(source, u, s, vt, probes)
    return _signed(SVD(u, s, vt, root(squares), kind))


def _two_passes(source: Chunks, rank: int, draw: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    both = source.mixtures(2 * rank + _OVERSAMPLING + PROBES, draw)
    check_goal(rank, None, source.shape)
    mixtures, probes = both[:-PROBES], both[-PROBES:]
    if mixtures.shape[0] < source.shape[1]:
        basis = orthonormal(mixtures.conj().T)
    else:
        basis = np.eye(source.shape[1], dtype=source.dtype)
    tall, triangle = qr(source.times(basis))
    u, s, vt = np.linalg.svd(triangle, full_matrices=False)
    return tall @ u[:, :rank], s[:rank], vt[:rank] @ basis.conj().T, probes


def _squared_error(source: Source, u: Array, s: Array, vt: Array, probes: Array | None) -> tuple[float, ErrorKind]:
    captured = float(square(s).sum())
    if isinstance(source, Held):
        assert source.total is not None
        return residual_squares(source.matrix, u * s, vt, captured, source.total), ErrorKind.EXACT
    if source.total is not None and source.total - captured > 1e-3 * source.total:
        return source.total - captured, ErrorKind.EXACT
    assert probes is not None
    return bounded_squares(probes - (probes @ vt.conj().T) @ vt), ErrorKind.LIKELY_UPPER


def _signed(parts: SVD) -> SVD:
    """Singular vectors are free in phase; make the entry of largest size in each column of `u` real and positive."""
    u = parts.u
    pivots = u[np.argmax(np.abs(u), axis=0), np.arange(u.shape[1])]
    sizes = np.abs(pivots)
    phases = np.where(sizes > 0, pivots / np.where(sizes > 0, sizes, 1), 1).astype(u.dtype)
    return SVD(u * phases.conj(), parts.s, parts.vt * phases[:, None], parts.error, parts.error_kind)
