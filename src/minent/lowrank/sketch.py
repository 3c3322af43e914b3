"""Choose columns by a sketch: a few mixtures of the rows stand for all of them.

In memory, and for an operator, the mixtures are sharpened by one round of subspace iteration: the columns are then
chosen on `Q.H A`, which holds nearly all that any choice could explain. Out of core there are only the mixtures, twice
as many. Either way pivoted QR chooses and exchanges improve, both on the small matrix.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, sparse

from minent.lowrank.estimates import PROBES
from minent.lowrank.exchange import exchange
from minent.lowrank.matrices import Array, Matrix, check_goal, column_squares
from minent.lowrank.orthogonal import orthonormal
from minent.lowrank.selection import by_length
from minent.lowrank.sources import Source

_SPARE = 10
_ROUNDING = 1e-10  # of a column's squared length: less is not told from rounding
_NEARLY_WHOLE = 0.7  # of the shorter side: a sketch this wide costs more than it saves


class Sketch:
    """A small matrix to choose on, and what was kept apart to test with.

    Attributes:
        small: (l, n), dense unless it is a sparse matrix itself: choose on it.
        mixtures: (l, n) or None: the mixtures that it came from.
        probes: (PROBES, n) or None: mixtures that nothing was chosen by.
        outside: (n,) or None: the squared length of what each column has outside of `small`, where that is known.
        whole: Whether `small` has the lengths and angles of the matrix itself.
    """

    def __init__(self, source: Source, width: int, draw: np.random.Generator) -> None:
        self.mixtures = self.probes = self.outside = None
        self.whole = source.matrix is not None and width >= _NEARLY_WHOLE * min(source.shape)
        if self.whole:
            self.small = triangle_of(source.matrix)
        elif source.matrix is not None:
            self.small = sharpened(source, source.mixtures(width, draw))
            whole = column_squares(source.matrix)
            apart = whole - column_squares(self.small)
            self.outside = np.where(apart > _ROUNDING * whole, apart, 0.0)
        else:
            both = source.mixtures(width + PROBES, draw)
            self.mixtures, self.probes = both[:width], both[width:]
            self.small = self.mixtures if source.total is not None else sharpened(source, self.mixtures)

    def choose(self, first: list[int], count: int) -> list[int]:
        """`first`, then up to `count` other columns, the pivots improved by exchanges."""
        return self.improve(self.pivots(first, count), len(first))

    def pivots(self, first: list[int], count: int, enough: float = 0.0) -> list[int]:
        """`first`, then up to `count` other columns, until the squared error comes down to about `enough`."""
        return [*first, *by_length(self.small, first, count, enough=enough, outside=self.outside)]

    def improve(self, columns: list[int], fixed: int) -> list[int]:
        """Exchange as often as costs about what the products with the whole matrix cost, where columns are apart."""
        if sparse.issparse(self.small) or not columns or _dependent(self.small[:, columns]):
            return columns
        most = min(len(columns), max(8, self.small.shape[1] // len(columns)))
        return exchange(self.small, columns, fixed, most, self.outside)


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
    """`Q.H A`, where Q spans what A makes of the mixtures."""
    return source.rows_on(orthonormal(source.times(mixtures.conj().T)))


def triangle_of(a: Matrix) -> Matrix:
    """A matrix with the same lengths and angles between columns, and no more rows than columns if it is dense."""
    if sparse.issparse(a):
        return a if a.shape[0] * a.shape[1] > 4_000_000 else triangle_of(a.toarray())
    return a if a.shape[0] <= a.shape[1] else linalg.qr(a, mode="r", check_finite=False)[0][: a.shape[1]]


def _dependent(chosen: Array) -> bool:
    if chosen.shape[1] > chosen.shape[0]:
        return True
    sizes = np.abs(np.diag(linalg.qr(chosen, mode="r", check_finite=False)[0]))[: chosen.shape[1]]
    return float(sizes.min()) <= max(chosen.shape) * float(np.finfo(chosen.dtype).eps) * float(sizes.max())
