"""Which columns to keep: four ways to choose, all greedy on what the columns chosen so far leave of the matrix.

Each selector takes a checked matrix, the columns that are already chosen, how many more are wanted, and a generator;
it returns the new ones in the order of choice. It returns fewer when the others are exhausted to rounding. Ties go to
the lowest index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from minent.lowrank.matrices import Array, Matrix, column_squares, dense, residual_columns, rows_on

Selector = Callable[[Matrix, Sequence[int], int, np.random.Generator], list[int]]

_OVERSAMPLING = 10


class _Residual:
    """What the columns taken so far leave of a matrix: `A - Q Q^T A`, never formed.

    Only the squared lengths of its columns are kept, by taking away what each new direction explains. That difference
    loses digits as the lengths fall, so they are computed afresh each time the largest has lost half of them.
    """

    def __init__(self, a: Matrix, taken: Sequence[int], capacity: int) -> None:
        self.a = a
        self.precision = float(np.finfo(a.dtype).eps)
        self.squares = column_squares(a)
        self.reference = float(self.squares.max())
        self.floor = (max(a.shape) * self.precision) ** 2 * self.reference
        self._basis = np.empty((a.shape[0], capacity), dtype=a.dtype, order="F")
        self._directions = 0
        self._taken: list[int] = []
        for column in taken:
            self.take(column)

    @property
    def basis(self) -> Array:
        """Orthonormal columns that span what was taken."""
        return self._basis[:, : self._directions]

    def take(self, column: int) -> Array | None:
        """Add a column; return what each column of the residual has along the new direction, or None if it is none."""
        self._taken.append(column)
        self.squares[column] = 0.0
        direction = self.project(dense(self.a[:, [column]]).ravel())
        size = float(np.linalg.norm(direction))
        if size**2 <= self.floor or self._directions == self._basis.shape[1]:
            return None
        direction = self.project(direction / size)  # twice is enough
        direction /= np.linalg.norm(direction)
        self._basis[:, self._directions] = direction
        self._directions += 1
        along = self.a.T @ direction
        self.squares = np.maximum(self.squares - along.astype(np.float64) ** 2, 0.0)
        self.squares[self._taken] = 0.0
        if self.squares.max() <= self.precision**0.5 * self.reference:
            self._refresh()
        return along

    def project(self, vector: Array) -> Array:
        """The part of a vector that is perpendicular to everything taken."""
        return vector - self.basis @ (self.basis.T @ vector)

    def _refresh(self) -> None:
        self.squares = residual_columns(self.a, self.basis, rows_on(self.basis, self.a))
        self.squares[self._taken] = 0.0
        self.reference = float(self.squares.max())


def by_length(a: Matrix, taken: Sequence[int], count: int, draw: np.random.Generator) -> list[int]:
    """Column-pivoted QR, stopped after `count` steps: always the column that lies farthest from those taken."""
    residual, chosen = _Residual(a, taken, len(taken) + count), list[int]()
    while len(chosen) < count:
        column = int(np.argmax(residual.squares))
        if residual.squares[column] <= residual.floor:
            break
        if residual.take(column) is not None:
            chosen.append(column)
    return chosen


def by_sketch(a: Matrix, taken: Sequence[int], count: int, draw: np.random.Generator) -> list[int]:
    """Column-pivoted QR of a few random mixtures of the rows, which keep the lengths of columns nearly."""
    mixtures = len(taken) + count + _OVERSAMPLING
    if mixtures >= a.shape[0]:
        return by_length(a, taken, count, draw)
    weights = draw.standard_normal((a.shape[0], mixtures)).astype(a.dtype)
    return by_length(rows_on(weights, a), taken, count, draw)


def by_pool(a: Matrix, taken: Sequence[int], count: int, draw: np.random.Generator) -> list[int]:
    """Column-pivoted QR among columns drawn uniformly; where they do not suffice, among all."""
    pool = np.sort(draw.permutation(a.shape[1])[: 4 * count + _OVERSAMPLING])
    places = [*taken, *np.setdiff1d(pool, taken).tolist()]
    chosen = [places[i] for i in by_length(a[:, places], range(len(taken)), count, draw)]
    if len(chosen) < count and len(places) < a.shape[1]:
        chosen += by_length(a, [*taken, *chosen], count - len(chosen), draw)
    return chosen


def by_gain(a: Matrix, taken: Sequence[int], count: int, draw: np.random.Generator) -> list[int]:
    """Always the column that lowers the error most: the largest `||R^T r_i||**2 / ||r_i||**2` on the residual `R`.

    Columns whose residual is below 1e-4 of the largest are passed over: they would need huge coefficients. The gains
    are brought up to date by two products with the matrix for each column (Farahat et al. 2011), and computed afresh
    more often than the lengths, for they are of fourth degree in them.
    """
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
            explained = residual.project(a @ along)
            overlap = a.T @ residual.project(explained)  # once would leave rounding of the size of the first columns
            gains = gains - 2 * along * overlap - along**2 * (along @ along)
    return chosen


def _gains(residual: _Residual) -> NDArray[np.float64]:
    """`||R^T r_i||**2` of every column, from the residual itself."""
    rest = dense(residual.a) - residual.basis @ rows_on(residual.basis, residual.a)
    gains = np.empty(rest.shape[1])
    for begin in range(0, rest.shape[1], 1024):
        gains[begin : begin + 1024] = column_squares(rest.T @ rest[:, begin : begin + 1024])
    return gains


SELECTORS: dict[str, Selector] = {"sketch": by_sketch, "qr": by_length, "columns": by_pool, "greedy": by_gain}
