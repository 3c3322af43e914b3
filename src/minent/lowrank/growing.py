"""As few columns as reach a tolerance: chosen by a sketch that grows, a tenth too many, fitted, and then spared.

The mixtures are plain: one product with the matrix, where the sharpened sketch of a known rank takes three. What the
pivots lose by that, sparing wins back, for it judges columns by what they explain of the matrix itself.
"""

from __future__ import annotations

import numpy as np

from minent.lowrank.estimates import PROBES
from minent.lowrank.fitting import Fit, fit, spare
from minent.lowrank.matrices import Array, Matrix, squared_length
from minent.lowrank.selection import pivots
from minent.lowrank.sketch import NEARLY_WHOLE, settled, triangle_of
from minent.lowrank.sources import Source

_FIRST_WIDTH = 64
_SPARE = 10
_SHARE = 0.87  # of the mixtures, less the spare ones: more columns are not chosen by them
_STAY = 2  # thirds of the columns, when the sketch grows; the last ones had few mixtures to spare and are chosen anew
_MORE = 12  # one column in so many is chosen beyond need
_ESTIMATE, _BOUND = 0.85, 4.0  # an estimate falls short by that factor; a bound with probability is so many times high
_FARTHEST = 100.0  # times the fall that was seen: farther is not foretold
_SAFE_TOLERANCE = 1e-3  # chunks know their error above it, for lengths tell it there; below it is bounded


def reach(source: Source, first: list[int], tolerance: float, draw: np.random.Generator) -> Fit:
    """Choose `first` and so few other columns that none of these can be left out."""
    sketch = _Growing(source, len(first), draw)
    if tolerance >= 1:
        return fit(sketch.source, first, sketch.small, sketch.probes)
    exact = source.matrix is not None or (source.total is not None and tolerance > _SAFE_TOLERANCE)
    share = _ESTIMATE if exact else _ESTIMATE / _BOUND
    while True:
        columns = sketch.choose(first, share * tolerance**2 * sketch.size)
        if columns is None:
            sketch.grow()
            continue
        found = fit(sketch.source, columns, sketch.small, sketch.probes)
        target = tolerance**2 * found.size
        if found.squares <= target or sketch.is_spent:
            return spare(found, len(first), target)
        share *= min(max(_ESTIMATE * target / found.squares, 1e-3), 0.5)


class _Growing:
    """A sketch that grows when the columns chosen by it leave too much.

    Attributes:
        source: The matrix; once nearly all of an operator would be asked for, as an array.
        small: (l, n), so scaled that lengths are about those in the matrix; or as exact as the matrix itself.
        probes: (PROBES, n) or None: mixtures that nothing is chosen by, where the error cannot be computed.
        size: The squared length of the matrix, or about that.
        is_spent: Whether no wider sketch would give other columns.
    """

    def __init__(self, source: Source, fixed: int, draw: np.random.Generator) -> None:
        self.source, self._draw = source, draw
        self.small: Matrix = None
        self.probes: Array | None = None
        self._mixtures: list[Array] = []
        self._begun: list[int] = []
        self._next_width = _FIRST_WIDTH + 2 * fixed
        self.grow()

    def grow(self) -> None:
        """Take more mixtures, or all of the matrix."""
        width = self._next_width
        self.source = source = settled(self.source, width)
        self.is_spent = source.matrix is not None and width >= NEARLY_WHOLE * min(source.shape)
        if self.is_spent:
            self.small = triangle_of(source.matrix)
        else:
            apart = PROBES if source.matrix is None and self.probes is None else 0
            new = source.mixtures(width - sum(map(len, self._mixtures)) + apart, self._draw)
            if apart:
                self.probes = new[:apart]
            self._mixtures.append(new[apart:])
            self.small = np.concatenate(self._mixtures) / np.sqrt(width)
        self.size = squared_length(self.small) if source.total is None else source.total

    def choose(self, first: list[int], enough: float) -> list[int] | None:
        """`first`, pivots until about `enough` is left, and a few more; None when a wider sketch is needed for that."""
        width, is_exact = self.small.shape[0], self.is_spent
        room = min(self.source.shape) if is_exact else min(*self.source.shape, int(_SHARE * (width - _SPARE)))
        begun = self._begun or first
        columns, left, wanted = list(begun), list[float](), room
        for column, rest in pivots(self.small, begun, room - len(begun)):
            columns.append(column)
            # k columns fit k of the l directions, whatever these are: what is left falls short by so much
            left.append(rest if is_exact else rest * width / (width - len(columns)))
            if left[-1] <= enough and wanted == room:
                wanted = min(room, len(columns) + (0 if is_exact else len(columns) // _MORE))
            if len(columns) >= wanted:
                break
        self.is_spent |= len(columns) < wanted or len(columns) == min(self.source.shape)
        if self.is_spent or left[-1] <= enough:
            return columns
        self._begun = columns[: max(len(first), len(columns) * _STAY // 3)]
        needed = _foretold(left, len(begun), enough, self.small.shape[1]) * (1 + 1 / _MORE)
        self._next_width = max(width + width // 8, int(needed / _SHARE) + 2 * _SPARE)
        return None


def _foretold(left: list[float], fixed: int, enough: float, most: int) -> float:
    """How many columns will leave `enough`, by how fast what is left fell over the last quarter of the columns.

    Between what follows if it goes on falling by a factor a column, and by a power of their number.
    """
    near, far = fixed + len(left) - len(left) // 4, fixed + len(left)
    fall, lacking = np.log(left[near - fixed - 1] / left[-1]), np.log(left[-1] / enough) if enough > 0 else np.inf
    if fall <= 0 or lacking / fall > _FARTHEST:
        return min(2 * far, most)
    ratio = lacking / fall
    return min(float(np.sqrt((far + ratio * (far - near)) * far * (far / near) ** ratio)), 8 * far, most)
