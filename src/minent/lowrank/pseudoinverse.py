"""The pseudoinverse, and how many singular values a matrix has that count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minent.errors import InputError
from minent.lowrank.estimates import ErrorKind
from minent.lowrank.matrices import Array, check_goal, check_matrix, dense
from minent.lowrank.orthogonal import orthonormal, qr, reciprocal_condition, solve
from minent.lowrank.sources import Chunks, Source, gaussian, open_source, precision
from minent.lowrank.tensors import like, to_numpy

_SMALL_SIDE = 400
_FIRST_WIDTH = 64
_WIDEST = 1024  # for an operator
_TESTS = 4  # vectors; each lets a spectral norm ten times too large pass once in ten


def pinv(a: ArrayLike | Any, *, tolerance: float | None = None) -> Array:
    """Return the Moore-Penrose pseudoinverse: the matrix that solves least squares with the shortest answer.

    A matrix whose triangle shows that no singular value is cut is inverted by QR; any other by the SVD of that
    triangle.

    Args:
        a: (m, n), real or complex, an array, scipy.sparse or a torch tensor; a sparse matrix is made dense, for its
            pseudoinverse is.
        tolerance: Singular values up to this part of the largest count as zero; None for `max(m, n)` times the
            rounding of the dtype.

    Returns:
        (n, m), in the dtype of the matrix; a tensor for a tensor.

    Raises:
        InputError: A tolerance below zero, or a matrix that is empty, not numeric or not finite.

    Source:
        J. Su, kexue.fm/archives/10366; Golub & Van Loan (2013), section 5.5.2.

    Example:
        >>> import numpy as np
        >>> pinv(np.array([[2.0, 0.0], [0.0, 0.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.0]]
    """
    matrix = dense(check_matrix(to_numpy(a)))
    check_goal(None, tolerance, matrix.shape)
    relative = max(matrix.shape) * precision(matrix.dtype) if tolerance is None else tolerance
    tall = matrix.shape[0] >= matrix.shape[1]
    inverse = _tall_pinv(matrix if tall else matrix.conj().T, relative)
    return like(np.ascontiguousarray(inverse if tall else inverse.conj().T), a)


def _tall_pinv(a: Array, relative: float) -> Array:
    q, r = qr(a)
    # ||R||_1 ||R^-1||_1 is within a factor n of the condition number.
    if reciprocal_condition(r) > len(r) * relative:
        return solve(r, q.conj().T)
    u, s, vt = np.linalg.svd(r, full_matrices=False)
    kept = s > relative * s[0]
    return (vt[kept].conj().T / s[kept]) @ (q @ u[:, kept]).conj().T


@dataclass(frozen=True)
class RankEstimate:
    """How many singular values are above a threshold.

    Attributes:
        rank: How many are known to be above it.
        kind: `"exact"`; `"exact with probability 0.999"`; or `"lower bound"`, for an operator with more of them than
            were looked for.
        threshold: The singular value from which on they count.
    """

    rank: int
    kind: ErrorKind
    threshold: float


def rank_estimate(a: ArrayLike | Any, tolerance: float | None = None, *, seed: int = 0) -> RankEstimate:
    """Count the singular values above `tolerance` times the largest, without all of them where few are.

    Singular values of `Q.H a` never exceed those of `a`, so those above the threshold count for certain. By Weyl's
    inequality no other does when `s_next**2 + ||a - Q Q.H a||**2 <= threshold**2`, and that norm is bounded with
    probability by its product with a few Gaussian vectors. The sketch doubles until that holds or it is all of `a`.

    Args:
        a: (m, n), real or complex: an array, scipy.sparse, a torch tensor or a `LinearOperator`.
        tolerance: Relative to the largest singular value; None for `max(m, n)` times the rounding of the dtype, at
            which small matrices are counted exactly and others nearly always all the way.
        seed: Of the mixtures.

    Returns:
        The count, how it is known, and the threshold.

    Raises:
        InputError: A tolerance below zero, rows in chunks, or a matrix that is empty or not finite.

    Source:
        Halko, Martinsson & Tropp (2011), doi:10.1137/090771806, lemma 4.1.

    Example:
        >>> import numpy as np
        >>> rank_estimate(np.diag([1.0, 0.5, 1e-9]), 1e-6).rank
        2
    """
    source = open_source(a)
    if isinstance(source, Chunks):
        raise InputError("a comes in chunks; use svd(a, tolerance=..), which reads it in passes.")
    check_goal(None, tolerance, source.shape)
    relative = max(source.shape) * precision(source.dtype) if tolerance is None else tolerance
    draw, width = np.random.default_rng(seed), _FIRST_WIDTH
    while min(source.shape) > _SMALL_SIDE and 2 * width < min(source.shape):
        found = _counted(source, relative, width, draw)
        if found.kind != ErrorKind.LOWER or (source.matrix is None and width >= _WIDEST):
            return found
        width *= 2
    whole = dense(source.matrix) if source.matrix is not None else source.entries()
    s = np.linalg.svd(whole, compute_uv=False)
    return RankEstimate(int((s > relative * s[0]).sum()), ErrorKind.EXACT, float(relative * s[0]))


def _counted(source: Source, relative: float, width: int, draw: np.random.Generator) -> RankEstimate:
    basis = orthonormal(source.times(source.mixtures(width, draw).conj().T))
    seen = source.rows_on(basis)
    s = np.linalg.svd(seen, compute_uv=False)
    threshold = relative * float(s[0])
    rank = int((s > threshold).sum())
    tests = gaussian(draw, source.shape[1], _TESTS, source.dtype)
    missed = source.times(tests) - basis @ (seen @ tests)
    parts = 2 if source.dtype.kind == "c" else 1  # a real vector may meet only half of a complex direction
    bound = 10 * np.sqrt(2 * parts / np.pi) * float(np.linalg.norm(missed, axis=0).max())
    certain = rank < width and float(s[rank]) ** 2 + bound**2 <= threshold**2
    return RankEstimate(rank, ErrorKind.LIKELY if certain else ErrorKind.LOWER, threshold)
