"""Which columns of a matrix in memory to keep, greedily on what the columns chosen so far leave of it.

Each selector takes a checked matrix, the columns that are already chosen, how many more are wanted, and a generator;
it returns the new ones in the order of choice. It returns fewer when the others are exhausted to rounding. Ties go to
the lowest index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from minent.lowrank.matrices import Array, Matrix, column_squares, dense, residual_columns, rows_on, square
from minent.lowrank.orthogonal import independent, triangle

Selector = Callable[[Matrix, Sequence[int], int, np.random.Generator], list[int]]

_OVERSAMPLING = 10
_TALL = 8  # with this many steps or more per shorter side, factoring first pays


class _Residual:
    """What the columns taken so far leave of a matrix: `A - Q Q.H A`, never formed.

    Only the squared lengths of its columns are kept, by taking away what each new direction explains. That difference
    loses digits as the lengths fall, so they are computed afresh each time the largest has lost half of them.

    Where the matrix is a part of another, `outside` holds the squared length of the rest of each column. The rests
    count as perpendicular to each other: the i-th column taken has its own in coordinate i below the matrix, where
    all others have zeros.
    """

    def __init__(self, a: Matrix, taken: Sequence[int], capacity: int, outside: Array | None = None) -> None:
        self.a = a
        self.precision = float(np.finfo(a.dtype).eps)
        self.outside = np.zeros(a.shape[1]) if outside is None else outside
        self.squares = column_squares(a) + self.outside
        self.reference = float(self.squares.max())
        self.floor = (max(a.shape) * self.precision) ** 2 * self.reference
        most = capacity if outside is not None else min(capacity, a.shape[0])
        self._below = capacity if outside is not None else 0
        self._basis = np.zeros((a.shape[0] + self._below, most), dtype=a.dtype, order="F")
        self._directions = 0
        self._taken = list(taken)
        if self._taken:
            self._take_all()

    @property
    def basis(self) -> Array:
        """Orthonormal columns that span what was taken."""
        return self._basis[:, : self._directions]

    def _take_all(self) -> None:
        """Add the first columns together; of those that depend on others, none."""
        count = len(self._taken)
        first = np.zeros((self._basis.shape[0], count), dtype=self.a.dtype)
        first[: self.a.shape[0]] = dense(self.a[:, self._taken])
        if self._below:
            first[self.a.shape[0] + np.arange(count), np.arange(count)] = self.outside[self._taken] ** 0.5
        q = independent(first, max(self.a.shape), self.precision)[0]
        self._directions = q.shape[1]
        self._basis[:, : self._directions] = q
        self._refresh()

    def take(self, column: int) -> Array | None:
        """Add a column; return what each column of the residual has along the new direction, or None if it is none."""
        self._taken.append(column)
        self.squares[column] = 0.0
        direction = np.zeros(self._basis.shape[0], dtype=self.a.dtype)
        direction[: self.a.shape[0]] = dense(self.a[:, [column]])[:, 0]
        if self._below:
            direction[self.a.shape[0] + len(self._taken) - 1] = self.outside[column] ** 0.5
        direction = self.project(direction)
        size = float(np.linalg.norm(direction))
        if size**2 <= self.floor or self._directions == self._basis.shape[1]:
            return None
        direction = self.project(direction / size)  # twice is enough
        direction /= np.linalg.norm(direction)
        self._basis[:, self._directions] = direction
        self._directions += 1
        along = self.on(direction)
        self.squares = np.maximum(self.squares - square(along), 0.0)
        self.squares[self._taken] = 0.0
        if self.squares.max() <= self.precision**0.5 * self.reference:
            self._refresh()
        return along

    def on(self, direction: Array) -> Array:
        """`direction.H @ a`."""
        return rows_on(direction[: self.a.shape[0], None], self.a)[0]

    def project(self, vector: Array) -> Array:
        """The part of a vector that is perpendicular to everything taken."""
        return vector - self.basis @ (self.basis.conj().T @ vector)

    def _refresh(self) -> None:
        seen = rows_on(self.basis[: self.a.shape[0]], self.a)
        whole = np.pad(self.a, ((0, self._below), (0, 0))) if self._below else self.a
        self.squares = residual_columns(whole, self.basis, seen) + self.outside
        self.squares[self._taken] = 0.0
        self.reference = float(self.squares.max())


def pivots(a: Matrix, taken: Sequence[int], count: int, *, outside: Array | None = None) -> Iterator[tuple[int, float]]:
    """Column-pivoted QR, up to `count` steps: always the column that lies farthest from those taken.

    Yields the column and the squared length of what is left then. Each step is two products with a vector; near full
    rank a tall matrix is first brought to its triangle, which has the same lengths and angles.
    """
    residual = _Residual(_shortened(a, count), taken, len(taken) + count, outside)
    while count:
        column = int(np.argmax(residual.squares))
        if residual.squares[column] <= residual.floor:
            return
        if residual.take(column) is not None:
            count -= 1
            yield column, float(residual.squares.sum())


def by_length(
    a: Matrix,
    taken: Sequence[int],
    count: int,
    draw: np.random.Generator | None = None,
    *,
    outside: Array | None = None,
) -> list[int]:
    """The columns of `pivots`."""
    return [column for column, _ in pivots(a, taken, count, outside=outside)]


def by_pool(a: Matrix, taken: Sequence[int], count: int, draw: np.random.Generator) -> list[int]:
    """Column-pivoted QR among columns drawn uniformly; where they do not suffice, among all."""
    pool = np.sort(draw.permutation(a.shape[1])[: 4 * count + _OVERSAMPLING])
    places = [*taken, *np.setdiff1d(pool, taken).tolist()]
    chosen = [places[i] for i in by_length(a[:, places], range(len(taken)), count, draw)]
    if len(chosen) < count and len(places) < a.shape[1]:
        chosen += by_length(a, [*taken, *chosen], count - len(chosen), draw)
    return chosen


def by_gain(a: Matrix, taken: Sequence[int], count: int, draw: np.random.Generator) -> list[int]:
    """Always the column that lowers the error most: the largest `||R.H r_i||**2 / ||r_i||**2` on the residual `R`.

    Columns whose residual is below 1e-4 of the largest are passed over: they would need huge coefficients. The gains
    are brought up to date by two products with the matrix for each column (Farahat et al. 2011), and computed afresh
    more often than the lengths, for they are of fourth degree in them.
    """
    a = _shortened(a, count)
    residual, chosen = _Residual(a, taken, len(taken) + count), list[int]()
    gains, reference = _gains(residual), residual.squares.max()
    while len(chosen) < count:
        allowed = residual.squares > max(residual.floor, residual.precision**0.5 * residual.squares.max())
        if not allowed.any():
            break
        column = int(np.argmax(np.where(allowed, gains / np.where(allowed, residual.squares, 1.0), -1.0)))
        along = residual.take(column)
        if along is None:
            continue
        chosen.append(column)
        if residual.squares.max() <= residual.precision**0.25 * reference:
            gains, reference = _gains(residual), residual.squares.max()
        else:
            explained = residual.project(a @ along.conj())
            overlap = residual.on(residual.project(explained))  # once would leave rounding of the first columns' size
            gains = gains - 2 * (along * overlap.conj()).real - square(along) * float(square(along).sum())
    return chosen


def _gains(residual: _Residual) -> NDArray[np.float64]:
    """`||R.H r_i||**2` of every column, from the residual itself."""
    rest = dense(residual.a) - residual.basis @ rows_on(residual.basis, residual.a)
    gains = np.empty(rest.shape[1])
    for begin in range(0, rest.shape[1], 1024):
        gains[begin : begin + 1024] = column_squares(rest.conj().T @ rest[:, begin : begin + 1024])
    return gains


def _shortened(a: Matrix, count: int) -> Matrix:
    """The triangle of a tall dense matrix, where so many steps are wanted that it pays."""
    if sparse.issparse(a) or a.shape[0] < 2 * a.shape[1] or count * _TALL < a.shape[1]:
        return a
    return triangle(a)[: a.shape[1]]
