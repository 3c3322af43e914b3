"""Least squares on chosen columns, what error it leaves, and which columns can be spared."""

from __future__ import annotations

from dataclasses import dataclass, replace

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

    def reordered(self, places: list[int]) -> Fit:
        """The same fit with its columns in another order, when all are independent."""
        q, triangle = np.linalg.qr(self.triangle[:, places])
        return replace(self, columns=self.columns[places], triangle=triangle, seen=q.conj().T @ self.seen)

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
    """Drop the column that is missed least, again and again, while the squared error stays within `target`."""
    while found.is_independent:
        dropped = _least_missed(found, fixed, target)
        kept = np.delete(np.arange(len(found.columns)), dropped).tolist()
        fewer = fewest(found.reordered([*kept, *dropped[::-1]]), fixed, target) if dropped else found
        if len(fewer.columns) == len(found.columns):
            return found
        found = fewer
    return found


def _least_missed(found: Fit, fixed: int, target: float) -> list[int]:
    """The places of the columns to drop, in that order.

    What is missed without column i is `||T_i||**2 / W_ii`, where `W = inv(C.H C)`. The rows of T and W that remain are
    those on the other columns; of T only the products `T T.H` are needed, so a column costs no look at the matrix. They
    lose digits on the way, so who drops many looks again.
    """
    inverse = invert(found.triangle).astype(np.result_type(found.triangle.dtype, np.float64), copy=False)
    weights = inverse @ inverse.conj().T
    products = inverse @ (found.seen @ found.seen.conj().T) @ inverse.conj().T
    squares, dropped, gone = found.squares, list[int](), np.arange(len(found.columns)) < fixed
    while not gone.all():
        own = weights.diagonal().real
        missed = np.where(gone, np.inf, products.diagonal().real / np.where(gone, 1.0, own))
        least = int(np.argmin(missed))
        squares += max(float(missed[least]), 0.0)
        if squares > target:
            break
        dropped.append(least)
        gone[least] = True
        share = weights[:, least] / own[least]
        row = products[least].copy()
        products += np.outer(share, share.conj()) * row[least] - np.outer(share, row) - np.outer(row, share).conj()
        weights -= np.outer(share, weights[least])
    return dropped


def fewest(found: Fit, fixed: int, target: float) -> Fit:
    """The fewest of the columns, in their order, whose squared error is within `target`; all if none is."""
    if not found.is_independent:
        return found
    lost = np.append(np.cumsum(square(found.seen).sum(axis=1)[::-1])[::-1], 0.0)  # by leaving out columns from k on
    enough = found.squares + lost <= target
    return found.first(max(fixed, int(np.argmax(enough)))) if enough.any() else found
