"""Choose columns by a sketch: a few mixtures of the rows stand for all of them.

In memory, and for an operator, the mixtures are sharpened by one round of subspace iteration: the columns are then
chosen on `Q.H A`, which holds nearly all that any choice could explain. Out of core there are only the mixtures, twice
as many. Either way pivoted QR chooses and exchanges improve, both on the small matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from minent.lowrank.estimates import PROBES
from minent.lowrank.exchange import exchange
from minent.lowrank.matrices import Array, Matrix, check_goal, check_matrix, column_squares
from minent.lowrank.orthogonal import orthonormal, triangle
from minent.lowrank.selection import by_length
from minent.lowrank.sources import Held, Operator, Source

_SPARE = 10
_ROUNDING = 1e-10  # of a column's squared length: less is not told from rounding
_FEWEST_ROUNDS = 2  # of exchange: when fewer can be paid for, it is not begun
_SMALL, _ROUNDS_WHEN_SMALL = 50_000, 10  # numbers in the sketch: so small that exchanging costs nothing
NEARLY_WHOLE = 0.7  # of the shorter side: a sketch this wide costs more than it saves


class Sketch:
    """A small matrix to choose on, and what was kept apart to test with.

    Attributes:
        small: (l, n), dense unless it is a sparse matrix itself: choose on it.
        mixtures: (l, n) or None: the mixtures that it came from.
        probes: (PROBES, n) or None: mixtures that nothing was chosen by.
        outside: (n,) or None: the squared length of what each column has outside of `small`, where that is known.
        height: How many rows the matrix has, as far as is known.
        whole: Whether `small` has the lengths and angles of the matrix itself.
    """

    def __init__(self, source: Source, width: int, draw: np.random.Generator) -> None:
        self.mixtures = self.probes = self.outside = None
        self.height = max(source.shape[0], 1)
        self.whole = source.matrix is not None and width >= NEARLY_WHOLE * min(source.shape)
        if self.whole:
            self.small = triangle_of(source.matrix)
        elif source.matrix is not None:
            self.small = sharpened(source, source.mixtures(width, draw))
            whole: Any = source.squares
            apart = whole - column_squares(self.small)
            self.outside = np.where(apart > _ROUNDING * whole, apart, 0.0)
        else:
            both = source.mixtures(width + PROBES, draw)
            self.mixtures, self.probes = both[:width], both[width:]
            may_return = source.total is None
            self.small = sharpened(source, self.mixtures) if may_return else self.mixtures / np.sqrt(width)

    def choose(self, first: list[int], count: int) -> list[int]:
        """`first`, then up to `count` other columns, the pivots improved by exchanges."""
        pivots = by_length(self.small, first, count, outside=self.outside)
        return self._improve([*first, *pivots], len(first))

    def _improve(self, columns: list[int], fixed: int) -> list[int]:
        """Exchange as often as costs about what the products with the whole matrix cost, where columns are apart."""
        if sparse.issparse(self.small) or not columns:
            return columns
        rows = self.small.shape[0] + len(columns)
        most = min(len(columns), self.height * self.small.shape[0] // (rows * (rows + 2 * len(columns))))
        if self.small.size <= _SMALL:
            most = max(most, min(len(columns), _ROUNDS_WHEN_SMALL))
        if most < _FEWEST_ROUNDS or _dependent(self.small[:, columns]):
            return columns
        return exchange(self.small, columns, fixed, most, self.outside)


def settled(source: Source, width: int) -> Source:
    """The source, or, when nearly all of an operator would be asked for, the matrix that it stands for."""
    if isinstance(source, Operator) and width >= NEARLY_WHOLE * min(source.shape):
        return Held(check_matrix(source.entries()))
    return source


def width_for(source: Source, rank: int) -> int:
    """How many mixtures to choose `rank` columns by."""
    if source.once:
        return 4 * rank + 2 * _SPARE  # the coefficients come from them too
    return (rank + rank // 2 if source.matrix is not None else 2 * rank) + _SPARE


def draw_sketch(source: Source, rank: int, draw: np.random.Generator) -> Sketch:
    """A sketch wide enough for `rank` columns; the rank is checked where the rows had to be counted first."""
    counted = source.shape[0] >= 0
    sketch = Sketch(source, width_for(source, rank), draw)
    if not counted:
        check_goal(rank, None, source.shape)
    return sketch


def sharpened(source: Source, mixtures: Array) -> Array:
    """`Q.H A`, where Q spans what A makes of the mixtures; these are straightened first, so that Cholesky QR works."""
    return source.rows_on(orthonormal(source.times(orthonormal(mixtures.conj().T))))


def triangle_of(a: Matrix) -> Matrix:
    """A matrix with the same lengths and angles between columns, and no more rows than columns if it is dense."""
    if sparse.issparse(a):
        return a if a.shape[0] * a.shape[1] > 4_000_000 else triangle_of(a.toarray())
    return a if a.shape[0] <= a.shape[1] else triangle(a)[: a.shape[1]]


def _dependent(chosen: Array) -> bool:
    if chosen.shape[1] > chosen.shape[0]:
        return True
    sizes = np.abs(np.diag(triangle(chosen)))[: chosen.shape[1]]
    return float(sizes.min()) <= max(chosen.shape) * float(np.finfo(chosen.dtype).eps) * float(sizes.max())
