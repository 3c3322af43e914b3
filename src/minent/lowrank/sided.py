"""Interpolative decompositions by rows, and by rows and columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError, whole
from minent.lowrank.estimates import ErrorKind, largest
from minent.lowrank.interpolative import interpolative
from minent.lowrank.matrices import Array, check_matrix, length, residual_columns
from minent.lowrank.sources import Held, Operator, open_source, root
from minent.lowrank.tensors import is_tensor, like, to_numpy


@dataclass(frozen=True, eq=False)
class RowInterpolative:
    """`a` is near `coefficients @ a[rows]`.

    Attributes:
        rows: int64 (k,), the rows that are kept, those of `start` first.
        coefficients: (m, k); the identity on `rows`.
        error: Frobenius norm of what is left, or a bound of it.
        relative_error: `error` over the Frobenius norm of `a`.
        error_kind: How the error is known, as in `Interpolative`.
        largest_coefficient: `max |coefficients|`.
    """

    rows: NDArray[np.int64]
    coefficients: Array
    error: float
    relative_error: float
    error_kind: ErrorKind
    largest_coefficient: float


def row_interpolative(
    a: ArrayLike | Any,
    *,
    rank: int | None = None,
    tolerance: float | None = None,
    method: str = "sketch",
    start: Sequence[int] | NDArray[np.integer[Any]] = (),
    factor: float = 2.0,
    seed: int = 0,
) -> RowInterpolative:
    """Choose rows of a matrix and write all the others as mixtures of them: `interpolative` of the transpose.

    Args:
        a: (m, n), real or complex: an array, scipy.sparse, a torch tensor or a `LinearOperator`.
        rank: How many rows to keep, those of `start` included.
        tolerance: Or else, the largest error allowed, relative to the Frobenius norm of `a`.
        method: As in `interpolative`.
        start: Rows that are taken first.
        factor: As in `interpolative`.
        seed: As in `interpolative`.

    Returns:
        The rows, the coefficients and the error; tensors for a tensor.

    Raises:
        InputError: As `interpolative`; and when the rows come in chunks.

    Source:
        Voronin & Martinsson (2017), doi:10.1007/s10444-016-9494-8.

    Example:
        >>> import numpy as np
        >>> found = row_interpolative(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), rank=1)
        >>> found.rows.tolist(), found.coefficients.round(6).tolist()
        ([2], [[0.333333], [0.666667], [1.0]])
    """
    plain = to_numpy(a)
    source = open_source(plain)
    if isinstance(source, Operator):
        turned: Any = plain.H  # conjugated, so the coefficients are too
    elif isinstance(source, Held):
        dense_or_sparse: Any = source.matrix
        turned = check_matrix(dense_or_sparse.conj().T)
    else:
        raise InputError("a comes in chunks of rows, of which rows cannot be mixtures; pass an array, or use columns.")
    found = interpolative(turned, rank=rank, tolerance=tolerance, method=method, start=start, factor=factor, seed=seed)
    coefficients = np.ascontiguousarray(found.coefficients.conj().T)
    return like(
        RowInterpolative(
            found.columns,
            coefficients,
            found.error,
            found.relative_error,
            found.error_kind,
            found.largest_coefficient,
        ),
        a,
    )


@dataclass(frozen=True, eq=False)
class TwoSided:
    """`a` is near `left @ a[rows][:, columns] @ right`.

    Attributes:
        rows: int64 (k,), the rows that are kept.
        columns: int64 (k,), the columns that are kept.
        left: (m, k); the identity on `rows`.
        right: (k, n); the identity on `columns`.
        error: Frobenius norm of what is left, computed.
        relative_error: `error` over the Frobenius norm of `a`.
        error_kind: Always `"exact"`.
        largest_coefficient: The largest size of an entry of `left` or `right`.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    left: Array
    right: Array
    error: float
    relative_error: float
    error_kind: ErrorKind
    largest_coefficient: float


def two_sided_interpolative(
    a: ArrayLike | Any,
    *,
    rank: int | None = None,
    tolerance: float | None = None,
    method: str = "sketch",
    factor: float = 2.0,
    seed: int = 0,
) -> TwoSided:
    """Write a matrix by a small part of it: columns are chosen first, then as many rows of those columns.

    Those rows give the chosen columns exactly, as these are independent; so the error is that of the columns alone,
    but for rounding that grows with the coefficients.

    Args:
        a: (m, n), real or complex, in memory: an array, scipy.sparse or a torch tensor.
        rank: How many rows and columns to keep, from 0 to `min(m, n)`.
        tolerance: Or else, the largest error allowed, relative to the Frobenius norm of `a`.
        method: As in `interpolative`, for the columns.
        factor: Of the rows, which are always chosen by `"strong"`, and of `"strong"` columns.
        seed: As in `interpolative`.

    Returns:
        Rows, columns, coefficients of both sides and the error; tensors for a tensor.

    Raises:
        InputError: As `interpolative`; and when the matrix is not in memory.

    Source:
        Cheng, Gimbutas, Martinsson & Rokhlin (2005), doi:10.1137/030602678.

    Example:
        >>> import numpy as np
        >>> a = np.outer([1.0, 2.0, 4.0], [3.0, 1.0])
        >>> found = two_sided_interpolative(a, rank=1)
        >>> found.rows.tolist(), found.columns.tolist(), found.error < 1e-12
        ([2], [0], True)
    """
    source = open_source(a)
    if source.matrix is None:
        raise InputError("a is not in memory, but rows and columns of it are looked up; pass an array.")
    matrix = source.matrix
    across = interpolative(matrix, rank=rank, tolerance=tolerance, method=method, factor=factor, seed=seed)
    chosen = source.columns(across.columns)
    if across.rank:
        down = row_interpolative(chosen, rank=across.rank, method="strong", factor=factor)
        rows, left = down.rows, down.coefficients
    else:
        rows, left = np.zeros(0, dtype=np.int64), np.zeros((matrix.shape[0], 0), dtype=matrix.dtype)
    error = root(float(residual_columns(matrix, left @ chosen[rows], across.coefficients).sum()))
    size = length(matrix)
    most = max(largest(left), across.largest_coefficient)
    relative = error / size if size else 0.0
    found = TwoSided(rows, across.columns, left, across.coefficients, error, relative, ErrorKind.EXACT, most)
    return like(found, a) if is_tensor(a) else found


def select_columns(
    a: ArrayLike | Any,
    count: int,
    *,
    known: ArrayLike | None = None,
    start: Sequence[int] | NDArray[np.integer[Any]] = (),
    method: str = "qr",
    seed: int = 0,
) -> NDArray[np.int64]:
    """Choose columns that stand for all and repeat nothing that is known: texts to label, for one.

    The columns farthest from what is known and chosen come first. When the dimensions are used up, the choice starts
    anew among the columns that are left, so that `count` columns are always found.

    Args:
        a: (m, n): a column for each candidate; dense, scipy.sparse or a torch tensor.
        count: How many, from 0 to what `n` leaves beside `start`.
        known: (m, p): columns outside of `a` that are known already, labelled texts for one; None for none.
        start: Columns of `a` that are known already; they are not chosen again.
        method: As in `interpolative`.
        seed: As in `interpolative`.

    Returns:
        int64 (count,), the best first; without those of `start`.

    Raises:
        InputError: A count that is not there, `known` with another number of rows, or what `interpolative` refuses.

    Source:
        Column-pivoted QR on document vectors; J. Su, kexue.fm/archives/10501.

    Example:
        >>> import numpy as np
        >>> a = np.array([[3.0, 2.9, 0.0], [0.0, 0.1, 1.0]])
        >>> select_columns(a, 2).tolist(), select_columns(a, 1, known=[[1.0], [0.0]]).tolist()
        ([0, 2], [2])
    """
    matrix = check_matrix(to_numpy(a))
    beside = np.zeros((matrix.shape[0], 0), dtype=matrix.dtype)
    if known is not None and np.shape(known) != (matrix.shape[0], 0):  # nothing labelled yet is fine
        beside = check_matrix(to_numpy(known), "known")
    taken = [int(column) for column in to_numpy(start)]
    if beside.shape[0] != matrix.shape[0]:
        raise InputError(f"known has {beside.shape[0]} rows, but a has {matrix.shape[0]}; both need the same.")
    for column in taken:
        if not 0 <= column < matrix.shape[1]:
            raise InputError(f"start names column {column}, but the columns are 0 to {matrix.shape[1] - 1}.")
    free = np.setdiff1d(np.arange(matrix.shape[1]), taken)
    count = whole("count", count, 0, len(free), ": so many columns are there to choose from")
    chosen: list[int] = []
    first = np.hstack([np.asarray(_dense(beside)), np.asarray(_dense(matrix[:, taken]))])
    while len(chosen) < count:
        new = _farthest(matrix, first, free, count - len(chosen), method, seed)
        if not new:  # zeros only: take them as they come
            new = free[: count - len(chosen)].tolist()
        chosen += new
        free, first = np.setdiff1d(free, new), first[:, :0]
    return like(np.array(chosen, dtype=np.int64), a)


def _farthest(matrix: Any, first: Array, free: NDArray[np.int64], count: int, method: str, seed: int) -> list[int]:
    """Up to `count` of the free columns, independent of each other and, while there is room, of the first ones."""
    candidates = np.asarray(_dense(matrix[:, free]))
    room = matrix.shape[0] - 1  # at least one dimension is left for new ones
    if first.shape[1] > room:
        first = first[:, interpolative(first, rank=min(room, *first.shape), method="qr").columns]
    both = np.hstack([first, candidates])
    known = first.shape[1]
    rank = min(known + count, *both.shape)
    if rank <= known:
        return []
    found = interpolative(both, rank=rank, method=method, start=range(known), seed=seed).columns
    return [int(free[column - known]) for column in found[known:]]


def _dense(a: Any) -> Array:
    return a.toarray() if hasattr(a, "toarray") else a
