"""What a matrix may be, and the few things done to dense and sparse ones alike.

Behind the door a matrix is a float32 or float64 array, or a `scipy.sparse.csc_array` of those; all entries are finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from minent.errors import InputError

Array = NDArray[Any]
Matrix = Any  # an Array or a sparse.csc_array: both know .shape, .dtype, .T and @

_LARGEST_ENTRY = {np.dtype(np.float32): 1e9, np.dtype(np.float64): 1e70}
_BLOCK = 512  # columns that are made dense, or compared with their approximation, at a time


def check_matrix(a: ArrayLike | Any, name: str = "a") -> Matrix:
    """Convert to a float matrix, dense or CSC, or say what is wrong with it and where."""
    matrix: Any = a if sparse.issparse(a) else np.asarray(a)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InputError(f"{name} has shape {matrix.shape}; it takes a matrix with at least one row and one column.")
    if matrix.dtype.kind not in "fiub":
        raise InputError(f"{name} has dtype {matrix.dtype}; it takes real numbers, such as float64.")
    dtype = np.float32 if matrix.dtype in (np.float16, np.float32) else np.float64
    if sparse.issparse(matrix):
        matrix = sparse.csc_array(matrix, dtype=dtype)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()  # the caller's entries stay as they are
            matrix.sum_duplicates()
        _check_entries(matrix.data, name, lambda i: (matrix.indices[i], np.searchsorted(matrix.indptr, i, "right") - 1))
    else:
        matrix = matrix.astype(dtype, copy=False)
        _check_entries(matrix, name, lambda i: np.unravel_index(i, matrix.shape))
    return matrix


def _check_entries(values: Array, name: str, place: Callable[[int], Any]) -> None:
    """Refuse what is not finite, and a scale on which fourth powers of lengths would not be."""
    low, high = values.min(initial=0.0), values.max(initial=0.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = np.isfinite(values)
        first = int(np.argmin(finite))
        row, column = place(first)
        raise InputError(
            f"{name}[{row}, {column}] is {values.ravel()[first]} ({values.size - np.count_nonzero(finite)} of its "
            f"values are not finite); replace or drop them first."
        )
    largest, limit = max(-float(low), float(high)), _LARGEST_ENTRY[values.dtype]
    if largest and not 1 / limit <= largest <= limit:
        raise InputError(
            f"{name} has its largest entry at {largest:g}, but {values.dtype} is computed with from {1 / limit:g} to "
            f"{limit:g}; divide it by {largest:g} first."
        )


def check_goal(rank: int | None, tolerance: float | None, shape: tuple[int, int]) -> None:
    """Refuse a rank or a relative tolerance that no decomposition of this shape can have."""
    if rank is not None and tolerance is not None:
        raise InputError(f"rank={rank} and tolerance={tolerance} are both given; give one, the other follows from it.")
    if rank is not None and not 0 <= rank <= min(shape):
        raise InputError(f"rank is {rank}, but a matrix of shape {shape} has ranks from 0 to {min(shape)}.")
    if tolerance is not None and not 0 <= tolerance < math.inf:
        raise InputError(f"tolerance is {tolerance}; it is a relative error, 0 or more, such as 0.05.")


def dense(a: Matrix) -> Array:
    """The matrix as a plain array."""
    return a.toarray() if sparse.issparse(a) else a


def rows_on(basis: Array, a: Matrix) -> Array:
    """`basis.T @ a`, which for a sparse `a` must be written from the other side to stay cheap."""
    return (a.T @ basis).T


def column_squares(a: Matrix) -> NDArray[np.float64]:
    """The squared length of each column, summed in float64."""
    if sparse.issparse(a):
        return np.asarray(a.astype(np.float64).power(2).sum(axis=0)).ravel()
    return np.einsum("ij,ij->j", a, a, dtype=np.float64)


def length(a: Matrix) -> float:
    """The Frobenius norm."""
    return math.sqrt(float(column_squares(a).sum()))


def residual_columns(a: Matrix, left: Array, right: Array) -> NDArray[np.float64]:
    """The squared length of each column of `a - left @ right`, a block of columns at a time."""
    squares = np.empty(a.shape[1])
    for begin in range(0, a.shape[1], _BLOCK):
        block = slice(begin, begin + _BLOCK)
        squares[block] = column_squares(dense(a[:, block]) - left @ right[:, block])
    return squares


def residual_length(a: Matrix, left: Array, right: Array, captured: float) -> float:
    """The Frobenius norm of `a - left @ right`, where the product is a projection of `a` with squared norm `captured`.

    Of a dense matrix it is computed entry by entry. Of a sparse one it follows from Pythagoras, as long as the
    difference leaves half the digits, so that nothing of the size of the matrix is made.
    """
    if sparse.issparse(a):
        total = float(column_squares(a).sum())
        if total - captured > math.sqrt(np.finfo(a.dtype).eps) * total:
            return math.sqrt(total - captured)
    return math.sqrt(float(residual_columns(a, left, right).sum()))
