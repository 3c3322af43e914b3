"""What a matrix in memory may be, and the few things done to dense and sparse ones alike.

Behind the door a matrix is a float32, float64, complex64 or complex128 array, or a `scipy.sparse.csc_array` of those;
all entries are finite. `H` in comments is the conjugate transpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from minent.errors import InputError, number, whole

Array = NDArray[Any]
Matrix = Any  # an Array or a sparse.csc_array: both know .shape, .dtype, .T and @

_LARGEST_ENTRY = {np.dtype(np.float32): 1e9, np.dtype(np.float64): 1e70}
_BLOCK = 512  # columns that are made dense at a time
_LEAST_ROWS = 32  # that are compared with their approximation at a time, or as many as have _ENTRIES
_ENTRIES = 1 << 18  # entries that are squared and summed at a time
_SMALL_AREA = 1_000_000  # up to here an error is computed entry by entry
_SAFE_SHARE = 1e-7  # of the squared length: a difference of squares above it has six digits or more


def check_matrix(a: ArrayLike | Any, name: str = "a") -> Matrix:
    """Convert to a float matrix, dense or CSC, or say what is wrong with it and where."""
    matrix: Any = a if sparse.issparse(a) else np.asarray(a)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InputError(f"{name} has shape {matrix.shape}; it takes a matrix with at least one row and one column.")
    dtype = working_dtype(matrix.dtype, name)
    if sparse.issparse(matrix):
        matrix = sparse.csc_array(matrix, dtype=dtype)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()  # the caller's entries stay as they are
            matrix.sum_duplicates()
        check_entries(matrix.data, name, lambda i: (matrix.indices[i], np.searchsorted(matrix.indptr, i, "right") - 1))
    else:
        matrix = matrix.astype(dtype, copy=False)
        check_entries(matrix, name, lambda i: np.unravel_index(i, matrix.shape))
    return matrix


def working_dtype(dtype: Any, name: str = "a") -> np.dtype[Any]:
    """The dtype that is computed with: half goes to single, whole numbers to double."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fciub":
        raise InputError(f"{name} has dtype {dtype}; it takes real or complex numbers, such as float64.")
    if dtype.kind == "c":
        return np.dtype(np.complex64 if dtype.itemsize == 8 else np.complex128)
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def check_entries(values: Array, name: str, place: Callable[[int], Any]) -> None:
    """Refuse what is not finite, and a scale on which fourth powers of lengths would not be."""
    limit = _LARGEST_ENTRY[values.real.dtype]
    parts = (values.real, values.imag) if values.dtype.kind == "c" else (values,)
    low, high = min(part.min(initial=0.0) for part in parts), max(part.max(initial=0.0) for part in parts)
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = np.isfinite(values)
        first = int(np.argmin(finite))
        row, column = place(first)
        raise InputError(
            f"{name}[{row}, {column}] is {values.ravel()[first]} ({values.size - np.count_nonzero(finite)} of its "
            f"values are not finite); replace or drop them first."
        )
    largest = max(-float(low), float(high))
    if largest and not 1 / limit <= largest <= limit:
        raise InputError(
            f"{name} has its largest entry at {largest:g}, but {values.dtype} is computed with from {1 / limit:g} to "
            f"{limit:g}; divide it by {largest:g} first."
        )


def check_goal(rank: int | None, tolerance: float | None, shape: tuple[int, int]) -> None:
    """Refuse a rank or a relative tolerance that no decomposition of this shape can have."""
    if rank is not None and tolerance is not None:
        raise InputError(f"rank={rank} and tolerance={tolerance} are both given; give one, the other follows from it.")
    if rank is not None:
        whole("rank", rank, 0, min(shape), f" for a matrix of shape {shape}")
    if tolerance is not None:
        number("tolerance", tolerance, 0, ": a relative error, such as 0.05")


def dense(a: Matrix) -> Array:
    """The matrix as a plain array."""
    return a.toarray() if sparse.issparse(a) else a


def rows_on(basis: Array, a: Matrix) -> Array:
    """`basis.H @ a`, which for a sparse `a` must be written from the other side to stay cheap."""
    return (a.T @ basis.conj()).T if sparse.issparse(a) else basis.conj().T @ a


def square(a: Array) -> NDArray[np.float64]:
    """The squared size of every entry, in float64."""
    if a.dtype.kind == "c":
        return np.square(a.real, dtype=np.float64) + np.square(a.imag, dtype=np.float64)
    return np.square(a, dtype=np.float64)


def column_squares(a: Matrix) -> NDArray[np.float64]:
    """The squared length of each column, summed in float64."""
    if sparse.issparse(a):
        squares = sparse.csc_array((square(a.data), a.indices, a.indptr), shape=a.shape)
        return np.asarray(squares.sum(axis=0)).ravel()
    parts = (a.real, a.imag) if a.dtype.kind == "c" else (a,)
    return sum(np.einsum("ij,ij->j", part, part, dtype=np.float64) for part in parts)


def squared_length(values: Matrix) -> float:
    """The sum of the squares of all entries, a block at a time so that its rounding stays near that of one entry."""
    values = values.data if sparse.issparse(values) else values
    if values.ndim == 2 and not (values.flags.c_contiguous or values.flags.f_contiguous):
        return float(column_squares(values).sum())
    flat, total = values.ravel(order="K"), 0.0
    for begin in range(0, len(flat), _ENTRIES):
        block = flat[begin : begin + _ENTRIES]
        wide = block.astype(np.complex128 if block.dtype.kind == "c" else np.float64, copy=False)
        total += float(np.vdot(wide, wide).real)
    return total


def length(a: Matrix) -> float:
    """The Frobenius norm."""
    return math.sqrt(squared_length(a))


def residual_columns(a: Matrix, left: Array, right: Array) -> NDArray[np.float64]:
    """The squared length of each column of `a - left @ right`, a block of rows (of a sparse `a`, of columns) at a time.

    The blocks of rows share one buffer, which stays in the cache.
    """
    squares = np.zeros(a.shape[1])
    if sparse.issparse(a):
        for begin in range(0, a.shape[1], _BLOCK):
            block = slice(begin, begin + _BLOCK)
            squares[block] = column_squares(dense(a[:, block]) - left @ right[:, block])
        return squares
    rows = min(max(_LEAST_ROWS, _ENTRIES // a.shape[1]), a.shape[0])
    buffer = np.empty((rows, a.shape[1]), dtype=np.result_type(a, left, right))
    for begin in range(0, a.shape[0], rows):
        block = slice(begin, begin + rows)
        rest = buffer[: len(a[block])]
        np.matmul(left[block], right, out=rest)
        np.subtract(a[block], rest, out=rest)
        squares += column_squares(rest)
    return squares


def residual_squares(a: Matrix, left: Array, right: Array, captured: float, total: float) -> float:
    """The squared length of `a - left @ right`, where the product projects `a` and has squared length `captured`.

    Of a small matrix it is computed entry by entry. Of a large or sparse one it follows from Pythagoras, as long as
    the difference keeps six digits (in float32, what float32 has), so that nothing of the size of the matrix is made.
    """
    share = _SAFE_SHARE if a.dtype.itemsize >= 8 and a.dtype != np.complex64 else 1e-3
    if (sparse.issparse(a) or a.size > _SMALL_AREA) and total - captured > share * total:
        return total - captured
    return float(residual_columns(a, left, right).sum())
