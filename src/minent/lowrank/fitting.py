"""Least squares on chosen columns, what error it leaves, and which columns can be spared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minent.lowrank.estimates import ErrorKind, bounded_squares
from minent.lowrank.matrices import Array, residual_squares, square, squared_length
from minent.lowrank.orthogonal import independent, solve
from minent.lowrank.orthogonal import inverse as invert
from minent.lowrank.sources import Source, precision


@dataclass(frozen=True, eq=False)
class Fit:
    """`a` is near `a[:, columns] @ coefficients()`.

    Attributes:
        columns: int64 (k,).
        triangle: `a[:, columns[order]] = q @ triangle`.
        order: The columns that do not depend on others, as places in `columns`.
        seen: `q.H @ a`.
        squares: The squared error.
        kind: How that is known.
        size: Of the squared length of `a`, as much as is known.
    """

    columns: NDArray[np.int64]
    triangle: Array
    order: NDArray[np.intp]
    seen: Array
    squares: float
    kind: ErrorKind
    size: float

    def coefficients(self) -> Array:
        """T (k, n), the identity on `columns`."""
        full = np.zeros((len(self.columns), self.seen.shape[1]), dtype=self.seen.dtype)
        if len(self.order):
            full[self.order] = solve(self.triangle, self.seen)
        full[:, self.columns] = np.eye(len(self.columns), dtype=full.dtype)
        return full

    def without(self, place: int, missed: float) -> Fit:
        """The fit without one column, which costs `missed`, when all are independent; the matrix is not looked at."""
        places = np.delete(np.arange(len(self.columns)), place)
        q, triangle = np.linalg.qr(self.triangle[:, places])
        seen, squares = q.conj().T @ self.seen, self.squares + missed
        return Fit(self.columns[places], triangle, np.arange(len(places)), seen, squares, self.kind, self.size)

    def first(self, count: int) -> Fit:
        """The fit on the first columns, when `order` is none but their own."""
        squares = self.squares + float(square(self.seen[count:]).sum())
        triangle, seen = self.triangle[:count, :count], self.seen[:count]
        return Fit(self.columns[:count], triangle, np.arange(count), seen, squares, self.kind, self.size)

    @property
    def is_independent(self) -> bool:
        """Whether no column depends on others, in the order they are given in."""
        return len(self.order) == len(self.columns) and bool((np.diff(self.order) > 0).all())


def fit(source: Source, columns: list[int], guide: Array | None = None, probes: Array | None = None) -> Fit:
    """Least squares on columns of a source; where they depend on each other, on the leading independent ones.

    Args:
        source: Not one that can be read only once.
        columns: Which.
        guide: (l, n), mixtures of the rows of a source that is not in memory.
        probes: (p, n), others, which the columns were not chosen by; for the error.
    """
    kept = np.array(columns, dtype=np.int64)
    triangle, order, seen = source.project(kept, np.empty((0, 0)) if guide is None else guide[:, kept])
    return _with_error(source, kept, triangle, order, seen, probes)


def fit_on_mixtures(source: Source, columns: list[int], mixtures: Array, probes: Array) -> Fit:
    """Least squares on mixtures of the rows alone, when the rows are gone."""
    kept = np.array(columns, dtype=np.int64)
    q, triangle, order = independent(mixtures[:, kept], source.shape[1], precision(source.dtype))
    seen = q.conj().T @ mixtures
    return _with_error(source, kept, triangle, order, seen, probes)


def _with_error(
    source: Source, kept: NDArray[np.int64], triangle: Array, order: Array, seen: Array, probes: Array | None
) -> Fit:
    captured, kind = squared_length(seen), ErrorKind.EXACT
    size = captured if source.total is None else source.total
    bare = Fit(kept, triangle, order, seen, 0.0, kind, size)
    if source.matrix is not None:
        squares = residual_squares(source.matrix, source.columns(kept), bare.coefficients(), captured, size)
    elif source.total is not None and not source.once and size - captured > _safe(source) * size:
        squares = size - captured
    else:
        assert probes is not None
        squares, kind = bounded_squares(probes - probes[:, kept] @ bare.coefficients()), ErrorKind.LIKELY_UPPER
    return Fit(kept, triangle, order, seen, squares, kind, size)


def _safe(source: Source) -> float:
    """The share of the squared length above which a difference of squares has digits enough."""
    return 1e-3 if precision(source.dtype) > 1e-10 else 1e-7


def spare(found: Fit, fixed: int, target: float) -> Fit:
    """Drop the column that is missed least, again and again, while the squared error stays within `target`.

    What is missed without column i is `||T_i||**2 / ||row i of R**-1||**2`.
    """
    if not found.is_independent:
        return found
    while len(found.columns) > fixed:
        inverse = invert(found.triangle)
        missed = square(inverse @ found.seen).sum(axis=1) / square(inverse).sum(axis=1)
        missed[:fixed] = np.inf
        least = int(np.argmin(missed))
        if found.squares + missed[least] > target:
            return found
        found = found.without(least, float(missed[least]))
    return found


def fewest(found: Fit, fixed: int, target: float) -> Fit:
    """The fewest of the columns, in their order, whose squared error is within `target`; all if none is."""
    if not found.is_independent:
        return found
    lost = np.append(np.cumsum(square(found.seen).sum(axis=1)[::-1])[::-1], 0.0)  # by leaving out columns from k on
    enough = found.squares + lost <= target
    return found.first(max(fixed, int(np.argmax(enough)))) if enough.any() else found
