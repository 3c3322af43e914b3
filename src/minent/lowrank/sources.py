"""Where a matrix comes from: memory, a linear operator, or chunks of rows that are read once or as often as needed.

A source multiplies from either side and hands out columns; that is all that the randomised algorithms ask of it.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from minent.errors import InputError
from minent.lowrank.matrices import (
    Array,
    Matrix,
    check_matrix,
    column_squares,
    dense,
    rows_on,
    squared_length,
    working_dtype,
)
from minent.lowrank.orthogonal import independent, solve
from minent.lowrank.orthogonal import inverse as invert
from minent.lowrank.tensors import to_numpy

_CHUNK_BYTES = 1 << 25


class Source(ABC):
    """A matrix `a` of some shape and dtype.

    `matrix` is the matrix itself where it is in memory, else None; `total` its squared length and
    `squares` those of its columns where they are known, else None; `once` says that its rows can be read only once.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    matrix: Matrix | None = None
    squares: Array | None = None
    total: float | None = None
    once = False

    @abstractmethod
    def times(self, x: Array) -> Array:
        """`a @ x`."""

    @abstractmethod
    def rows_on(self, y: Array) -> Array:
        """`y.H @ a`."""

    @abstractmethod
    def columns(self, wanted: Array) -> Array:
        """`a[:, wanted]` as a plain array."""

    def entries(self) -> Array:
        """All of `a` as a plain array, asked for from the side on which there are fewer unit vectors."""
        rows, columns = self.shape
        return self.rows_on(np.eye(rows, dtype=self.dtype)) if rows < columns else self.columns(np.arange(columns))

    def mixtures(self, count: int, draw: np.random.Generator) -> Array:
        """`count` random mixtures of the rows: Gaussian, or, in memory, where no bound is read off them, by signs."""
        return self.rows_on(gaussian(draw, self.shape[0], count, self.dtype))

    def project(self, wanted: Array, guide: Array) -> tuple[Array, Array, Array]:
        """`q.H @ a` for an orthonormal basis of columns, where `a[:, wanted[order]] = q @ r`; as (r, order, q.H a).

        `guide` is the same columns of some mixtures, for who cannot look at the columns first.
        """
        q, r, order = independent(self.columns(wanted), max(self.shape), precision(self.dtype))
        return r, order, self.rows_on(q)


def gaussian(draw: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    """Standard normal numbers. Row after row, so that drawing in chunks gives the same numbers."""
    return draw.standard_normal((rows, columns)).astype(np.zeros(0, dtype).real.dtype, copy=False)


def signs(draw: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    """As many random signs: they mix as well as normal numbers, and are drawn in a twentieth of the time.

    Source:
        Achlioptas (2003), doi:10.1016/S0022-0000(03)00025-4.
    """
    bits = np.unpackbits(draw.integers(0, 256, rows * columns // 8 + 1, dtype=np.uint8), count=rows * columns)
    return (2.0 * bits.reshape(rows, columns) - 1.0).astype(np.zeros(0, dtype).real.dtype, copy=False)


def precision(dtype: Any) -> float:
    """The rounding of a dtype."""
    return float(np.finfo(dtype).eps)


class Held(Source):
    """In memory, dense or sparse."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype
        self.squares = column_squares(matrix)
        self.total = float(self.squares.sum())

    def times(self, x: Array) -> Array:
        return self.matrix @ x

    def rows_on(self, y: Array) -> Array:
        return rows_on(y, self.matrix)

    def mixtures(self, count: int, draw: np.random.Generator) -> Array:
        return self.rows_on(signs(draw, self.shape[0], count, self.dtype))

    def columns(self, wanted: Array) -> Array:
        matrix: Matrix = self.matrix
        return dense(matrix[:, wanted])


class Operator(Source):
    """Known only by its products."""

    def __init__(self, operator: LinearOperator, name: str) -> None:
        self.shape, self._name, self._operator = operator.shape, name, operator
        self.dtype = working_dtype(np.float64 if operator.dtype is None else operator.dtype, name)

    def times(self, x: Array) -> Array:
        return self._checked(self._operator.matmat(x))

    def rows_on(self, y: Array) -> Array:
        try:
            return self._checked(self._operator.rmatmat(y)).conj().T
        except (NotImplementedError, RecursionError, TypeError) as error:  # SciPy calls None where rmatvec is missing
            if isinstance(error, TypeError) and "'NoneType' object is not callable" not in str(error):
                raise
            raise InputError(f"{self._name} has no rmatvec; the rows must be mixed too, so define it.") from error

    def columns(self, wanted: Array) -> Array:
        units = np.zeros((self.shape[1], len(wanted)), dtype=self.dtype)
        units[wanted, np.arange(len(wanted))] = 1
        return self.times(units)

    def _checked(self, product: Any) -> Array:
        product = np.asarray(product, dtype=self.dtype)
        if not np.isfinite(product).all():
            raise InputError(f"{self._name} gives a product that is not finite; a finite matrix is needed.")
        return product


class Chunks(Source):
    """Rows that come in chunks from a function that starts to read them anew, or once from an iterator."""

    def __init__(self, start: Callable[[], Iterator[Any]], name: str, *, once: bool) -> None:
        self.once, self._name, self._start = once, name, start
        self._first: Iterator[tuple[int, Matrix]] | None = self._chunks()
        self._ahead = list(itertools.islice(self._first, 1))
        if not self._ahead:
            raise InputError(f"{name} gives no chunk with a row; it takes a matrix with at least one.")
        self._known, head = self._ahead[0]
        self.dtype = head.dtype
        self.shape = (-1, head.shape[1])  # how many rows there are is known when they have been read

    def mixtures(self, count: int, draw: np.random.Generator) -> Array:
        mixed, total, rows = np.zeros((count, self.shape[1]), dtype=self.dtype), 0.0, 0
        for begin, chunk in self._pass():
            mixed += rows_on(gaussian(draw, chunk.shape[0], count, self.dtype), chunk)
            total += squared_length(chunk)
            rows = begin + chunk.shape[0]
        self.total, self.shape = total, (rows, self.shape[1])
        return mixed

    def times(self, x: Array) -> Array:
        return np.concatenate([chunk @ x for _, chunk in self._pass()])

    def rows_on(self, y: Array) -> Array:
        parts = (rows_on(y[begin : begin + chunk.shape[0]], chunk) for begin, chunk in self._pass())
        return sum(parts, np.zeros((y.shape[1], self.shape[1]), dtype=self.dtype))

    def columns(self, wanted: Array) -> Array:
        return np.concatenate([dense(chunk[:, wanted]) for _, chunk in self._pass()])

    def project(self, wanted: Array, guide: Array) -> tuple[Array, Array, Array]:
        """One pass that keeps nothing of the length of a column.

        The triangle of the mixtures makes the columns nearly orthonormal before they are seen, so the normal
        equations that are summed lose no digits (sketch to precondition; Rokhlin & Tygert 2008).
        """
        _, triangle, order = independent(guide, max(self.shape), precision(self.dtype))
        inverse = invert(triangle)
        gram = np.zeros((len(order), len(order)), dtype=self.dtype)
        seen = np.zeros((len(order), self.shape[1]), dtype=self.dtype)
        for _, chunk in self._pass():
            basis = dense(chunk[:, wanted[order]]) @ inverse
            gram += basis.conj().T @ basis
            seen += rows_on(basis, chunk)
        factor = np.linalg.cholesky(gram)
        return factor.conj().T @ triangle, order, solve(factor, seen)

    def _pass(self) -> Iterator[tuple[int, Matrix]]:
        """Read all rows, each chunk checked; the first pass goes on where the constructor looked ahead."""
        again = self._first is None
        if again and self.once:
            raise InputError(
                f"{self._name} is an iterator, whose rows can be read once; pass the function that makes it."
            )
        numbered = self._chunks() if self._first is None else itertools.chain(self._ahead, self._first)
        self._first, self._ahead, begin = None, [], 0
        for number, chunk in numbered:
            name, known = f"{self._name}, chunk {number}", f"but chunk {self._known} has"
            if chunk.shape[1] != self.shape[1]:
                raise InputError(f"{name} has {chunk.shape[1]} columns, {known} {self.shape[1]}.")
            if chunk.dtype != self.dtype:
                raise InputError(f"{name} has dtype {chunk.dtype}, {known} {self.dtype}.")
            yield begin, chunk
            begin += chunk.shape[0]
        if again and begin != self.shape[0]:
            raise InputError(f"{self._name} gave {self.shape[0]} rows at first and now {begin}; it must give the same.")

    def _chunks(self) -> Iterator[tuple[int, Matrix]]:
        """Start to read; number and check the chunks, and pass over those without a row."""
        for number, piece in enumerate(self._start()):
            name = f"{self._name}, chunk {number}"
            rows = to_numpy(piece, name)
            if getattr(rows, "ndim", 0) != 2 or rows.shape[0]:
                yield number, check_matrix(rows, name)


def memory_mapped(a: np.memmap[Any, Any]) -> Callable[[], Iterator[Array]]:
    """Read a mapped file in chunks of some megabytes, each of which is let go."""
    rows = max(1, _CHUNK_BYTES // max(1, a.shape[1] * a.itemsize))
    return lambda: (np.array(a[begin : begin + rows]) for begin in range(0, a.shape[0], rows))


def open_source(a: Any, name: str = "a") -> Source:
    """Find out what was passed: see `minent.lowrank` for what may be."""
    a = to_numpy(a, name)
    if isinstance(a, LinearOperator):
        if 0 in a.shape:
            raise InputError(f"{name} has shape {a.shape}; it takes a matrix with at least one row and one column.")
        return Operator(a, name)
    if isinstance(a, np.memmap) and a.ndim == 2 and a.nbytes > _CHUNK_BYTES:
        mapped = Chunks(memory_mapped(a), name, once=False)
        mapped.shape = a.shape
        return mapped
    if callable(a) and not sparse.issparse(a):
        return Chunks(lambda: iter(a()), name, once=False)
    if isinstance(a, Iterator):
        return Chunks(lambda: a, name, once=True)
    return Held(check_matrix(a, name))


def in_memory(source: Source, what: str, cure: str, name: str = "a") -> Matrix:
    """The matrix itself, or say why it must be in memory."""
    if source.matrix is None:
        kind = "a linear operator" if isinstance(source, Operator) else "read in chunks"
        raise InputError(f"{what} looks at every entry again and again, but {name} is {kind}; {cure}.")
    return source.matrix


def root(squares: float) -> float:
    """The square root, where rounding may have left a little less than nothing."""
    return math.sqrt(max(squares, 0.0))
