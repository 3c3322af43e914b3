"""The interpolative decomposition: a matrix from a few of its own columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from minent.errors import InputError, did_you_mean, listing
from minent.lowrank.matrices import (
    Array,
    Matrix,
    check_goal,
    check_matrix,
    dense,
    length,
    residual_length,
    rows_on,
)
from minent.lowrank.selection import SELECTORS, Selector

_FIRST_ROUND = 16


@dataclass(frozen=True, eq=False)
class Interpolative:
    """`a` is near `a[:, columns] @ coefficients`.

    Attributes:
        columns: int64 (k,), the columns that are kept, those of `start` first, then in the order of choice.
        coefficients: (k, n) in the dtype of the matrix; the identity on `columns`.
        error: Frobenius norm of `a - a[:, columns] @ coefficients`, computed, not estimated.
        relative_error: `error` over the Frobenius norm of `a`; 0 for a zero matrix.
    """

    columns: NDArray[np.int64]
    coefficients: Array
    error: float
    relative_error: float

    @property
    def rank(self) -> int:
        """How many columns are kept."""
        return len(self.columns)


def interpolative(
    a: ArrayLike | Any,
    *,
    rank: int | None = None,
    tolerance: float | None = None,
    method: str = "sketch",
    start: Sequence[int] | NDArray[np.integer[Any]] = (),
    seed: int = 0,
) -> Interpolative:
    """Choose columns of a matrix and write all the others as mixtures of them.

    The coefficients are the least-squares ones on the chosen columns, whatever way chose them. No more columns are
    kept than the matrix has rank to rounding, so a zero matrix keeps none.

    Args:
        a: (m, n), real; dense, or scipy.sparse in any format, which stays sparse except under `"greedy"`.
        rank: How many columns to keep, those of `start` included, from 0 to `min(m, n)`.
        tolerance: Or else, the largest error allowed, relative to the Frobenius norm of `a`: the fewest columns, in
            their order of choice, that reach it.
        method: `"sketch"`, column-pivoted QR of random mixtures of the rows: the fastest on large matrices;
            `"qr"`, column-pivoted QR; `"columns"`, the same among columns drawn at random; `"greedy"`, the column that
            lowers the error most: the most accurate and the slowest.
        start: Columns that are taken first, whatever they are worth, without repeats.
        seed: Of the random mixtures and draws; `"qr"` and `"greedy"` have none.

    Returns:
        The columns, the coefficients and the error.

    Raises:
        InputError: Neither or both of `rank` and `tolerance`, a rank or start column that does not exist, an unknown
            method, or a matrix that is empty, not real or not finite.

    Source:
        J. Su, kexue.fm/archives/10501; Voronin & Martinsson (2017), doi:10.1007/s10444-016-9494-8.

    Example:
        >>> import numpy as np
        >>> a = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]])
        >>> found = interpolative(a, rank=2, method="qr")
        >>> found.columns.tolist(), bool(np.allclose(a[:, found.columns] @ found.coefficients, a))
        ([2, 0], True)
    """
    matrix = check_matrix(a)
    if (rank is None) == (tolerance is None):
        raise InputError(f"rank is {rank} and tolerance is {tolerance}; give one of them, the other follows from it.")
    check_goal(rank, tolerance, matrix.shape)
    select = _selector(method)
    first = _checked_start(start, rank, matrix.shape)
    draw = np.random.default_rng(seed)
    if rank is not None:
        return _fit(matrix, [*first, *select(matrix, first, rank - len(first), draw)])
    return _reach(matrix, select, first, float(tolerance) * length(matrix), draw)  # type: ignore[arg-type]


def _selector(method: str) -> Selector:
    if method not in SELECTORS:
        hint = did_you_mean(method, SELECTORS)
        raise InputError(f"method is {method!r}, but there are {listing(SELECTORS)}.{hint}")
    return SELECTORS[method]


def _checked_start(start: Sequence[int] | Array, rank: int | None, shape: tuple[int, int]) -> list[int]:
    first = [int(column) for column in start]
    for place, column in enumerate(first):
        if not 0 <= column < shape[1]:
            raise InputError(f"start[{place}] is {column}, but the columns are 0 to {shape[1] - 1}.")
        if column in first[:place]:
            raise InputError(f"start[{place}] is {column}, which stands there before; name each column once.")
    most = min(shape) if rank is None else rank
    if len(first) > most:
        raise InputError(f"start has {len(first)} columns, but at most {most} are kept; shorten it or raise rank.")
    return first


def _reach(a: Matrix, select: Selector, first: list[int], target: float, draw: np.random.Generator) -> Interpolative:
    """Choose in rounds that double, until the error is small enough; then drop what was not needed."""
    columns, most = list(first), min(a.shape)
    fit = _fit(a, columns)
    while fit.error > target and len(columns) < most:
        wanted = min(max(_FIRST_ROUND, len(columns)), most - len(columns))
        new = select(a, columns, wanted, draw)
        columns += new
        fit = _fit(a, columns)
        if len(new) < wanted:
            break
    for count in range(_fewest(a, fit, len(first), target), len(columns)):
        shorter = _fit(a, columns[:count])
        if shorter.error <= target:
            return shorter
    return fit


def _fewest(a: Matrix, fit: Interpolative, least: int, target: float) -> int:
    """How many of the columns suffice, by what each adds when they are made perpendicular in their order."""
    if fit.rank == least:
        return least
    basis = linalg.qr(dense(a[:, fit.columns]), mode="economic")[0]
    explained = np.square(rows_on(basis, a), dtype=np.float64).sum(axis=1)
    lost = np.append(np.cumsum(explained[::-1])[::-1], 0.0)  # lost[k]: squared error that columns from k on remove
    enough = fit.error**2 + lost <= target**2
    return max(least, int(np.argmax(enough)) if enough.any() else fit.rank)


def _fit(a: Matrix, columns: list[int]) -> Interpolative:
    """Least squares on the chosen columns; where they depend on each other, on the leading independent ones."""
    kept = np.array(columns, dtype=np.int64)
    coefficients, captured = np.zeros((len(kept), a.shape[1]), dtype=a.dtype), 0.0
    chosen = dense(a[:, kept])
    if len(kept):
        basis, triangle, pivots = linalg.qr(chosen, mode="economic", pivoting=True)
        sizes = np.abs(np.diag(triangle))
        rank = int(np.count_nonzero(sizes > max(a.shape) * np.finfo(a.dtype).eps * sizes[0]))
        seen = rows_on(basis[:, :rank], a)
        coefficients[pivots[:rank]] = linalg.solve_triangular(triangle[:rank, :rank], seen)
        coefficients[:, kept] = np.eye(len(kept), dtype=a.dtype)
        captured = float(np.square(seen, dtype=np.float64).sum())
    error, size = residual_length(a, chosen, coefficients, captured), length(a)
    return Interpolative(kept, coefficients, error, error / size if size else 0.0)
