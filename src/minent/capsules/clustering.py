"""The two steps of soft K-Means, and its seeding, for many starts at once. Callers have checked everything.

With distances `d_ij` of point i to centre j, the objective is `L = -(1/K) sum_i w_i log sum_j exp(-K d_ij)`. The E-step
takes `c_ij = softmax_j(-K d_ij)`; the M-step takes the centres that are best for that `c`. Neither raises `L`, and at
`K = inf` they are Lloyd's steps. Distances: the squared Euclidean one, and one less the cosine (half the squared
Euclidean one between unit vectors).

All starts share each product with the points: one wide matrix product instead of many narrow ones. Points come in
blocks that depend on nothing but the shape of the data, and what blocks give is added up in their order, so the result
is the same on any number of threads. Arrays of one block are laid out `(starts, centres, points)`, so that every pass
over them runs along the points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[Any]

_EMPTY = 1e-9  # a cluster with less than this share of one point is moved
_HARD = 1e30  # stands for infinite sharpness: any difference that float32 can show is then all the difference
_BLOCK_NUMBERS, _LEAST_ROWS, _MOST_ROWS = 2**18, 128, 2048
_SPARSE_NUMBERS = 2**24


@dataclass(frozen=True)
class Points:
    """Rows with their weights, cut into blocks.

    Attributes:
        rows: `(points, features)`, dense or CSR; unit or zero rows with the cosine metric.
        weights: `(points,)`, above zero.
        cosine: Which metric.
        map_blocks: As `map`, perhaps on several threads; in order.
    """

    rows: Any
    weights: Floats
    cosine: bool
    map_blocks: Callable[..., Iterator[Any]] = map

    def __len__(self) -> int:
        return self.rows.shape[0]

    def with_rows(self, rows: Any) -> Points:
        """The same points in other numbers: the weights take their dtype."""
        return Points(rows, self.weights.astype(rows.dtype), self.cosine, self.map_blocks)

    def blocks(self, columns: int) -> list[slice]:
        """Cut the points so that a block times that many columns stays in the cache.

        Sums over a sparse block are dense, so that block is to have as many rows as there are features.
        """
        size = min(max(_BLOCK_NUMBERS // columns, _LEAST_ROWS), _MOST_ROWS)
        if sparse.issparse(self.rows):
            size = max(size, min(self.rows.shape[1], _SPARSE_NUMBERS // columns))
        return [slice(start, start + size) for start in range(0, len(self), size)]

    @cached_property
    def least_mass(self) -> float:
        """With less than this a cluster is empty."""
        return _EMPTY * float(self.weights.mean())

    @cached_property
    def squares(self) -> Floats:
        """What a distance has beside the products: the squared length of each row, or one."""
        if self.cosine:
            return np.ones(len(self), self.rows.dtype)
        if sparse.issparse(self.rows):
            return np.asarray(self.rows.multiply(self.rows).sum(axis=1)).ravel()
        return np.einsum("ij,ij->i", self.rows, self.rows)

    def distances(self, centres: Floats) -> Floats:
        """Distances of every point to `(centres, features)`, as `(centres, points)`."""
        parts = self.map_blocks(
            lambda block: self._closeness(self.rows[block], centres), self.blocks(max(len(centres), 1))
        )
        closeness = np.concatenate(list(parts), axis=1)
        return np.maximum(self.squares - closeness * (1 if self.cosine else 2), 0)

    def step(self, centres: Floats, sharpness: Floats) -> tuple[Floats, Floats, Floats]:
        """The E-step of `(starts, centres, features)`, and the sums that the M-step needs.

        Args:
            centres: One set of centres for each start.
            sharpness: K of each start.

        Returns:
            float64: sums of the shared-out points `(starts, centres, features)`, the shares themselves summed
            `(starts, centres)`, and the objective `(starts,)`.
        """
        sharpness = np.minimum(sharpness, _HARD).astype(self.rows.dtype)[:, None, None]

        def one(block: slice) -> tuple[Floats, Floats, Floats]:
            return self._step(self.rows[block], self.weights[block], self.squares[block], centres, sharpness)

        sums, masses, objective = np.zeros(centres.shape), np.zeros(centres.shape[:2]), np.zeros(len(centres))
        for part in self.map_blocks(one, self.blocks(centres.shape[0] * centres.shape[1])):
            for total, share in zip((sums, masses, objective), part):
                total += share
        return sums, masses, objective

    def _step(
        self, rows: Any, weights: Floats, squares: Floats, centres: Floats, sharpness: Floats
    ) -> tuple[Floats, Floats, Floats]:
        starts, k, features = centres.shape
        shares = self._closeness(rows, centres.reshape(-1, features)).reshape(starts, k, -1)
        nearest = shares.max(axis=1)
        shares -= nearest[:, None]
        shares *= sharpness if self.cosine else 2 * sharpness
        np.exp(shares, out=shares)
        totals = shares.sum(axis=1)
        lowest = squares - nearest * (1 if self.cosine else 2)
        objective = (lowest - np.log(totals) / sharpness[:, 0]) @ weights
        shares *= (weights / totals)[:, None]
        return self._sums(rows, shares.reshape(starts * k, -1)).reshape(centres.shape), shares.sum(axis=2), objective

    def _closeness(self, rows: Any, centres: Floats) -> Floats:
        """Products, less half the squared lengths of Euclidean centres: `(centres, points)`, the larger the nearer."""
        closeness = np.ascontiguousarray((rows @ centres.T).T) if sparse.issparse(rows) else centres @ rows.T
        if not self.cosine:
            closeness -= np.einsum("ij,ij->i", centres, centres)[:, None] / 2
        return closeness

    @staticmethod
    def _sums(rows: Any, shares: Floats) -> Floats:
        return (rows.T @ shares.T).T if sparse.issparse(rows) else shares @ rows


def directions(points: Any) -> Any:
    """Return unit vectors; a zero vector stays zero and is equally far from every centre."""
    if sparse.issparse(points):
        norms = np.sqrt(np.asarray(points.multiply(points).sum(axis=1)).ravel())
        return sparse.diags_array(1 / np.where(norms > 0, norms, 1.0), format="csr") @ points
    norms = np.linalg.norm(points, axis=-1, keepdims=True)
    return points / np.where(norms > 0, norms, 1.0)


def centres_of(sums: Floats, masses: Floats, cosine: bool) -> Floats:
    """The M-step: means, or mean directions. A cluster without members gets the origin, to be moved by `relocate`."""
    return directions(sums) if cosine else sums / np.where(masses > 0, masses, 1.0)[..., None]


def relocate(points: Points, centres: Floats, masses: Floats) -> Floats:
    """Move each empty cluster of one start to the point that is farthest from all centres, the moved ones included.

    An empty cluster has no share in the objective, so wherever it goes the objective does not rise.
    """
    empty = np.flatnonzero(masses < points.least_mass)
    if not len(empty):
        return centres
    centres = centres.copy()
    held = np.delete(centres, empty, axis=0)
    nearest = points.distances(held).min(axis=0) if len(held) else np.full(len(points), np.inf)
    for place in empty:
        centres[place] = row_of(points.rows, int(nearest.argmax()))
        nearest = np.minimum(nearest, points.distances(centres[[place]])[0])
    return centres


def row_of(rows: Any, places: Any) -> Floats:
    """Return one row, or several, as a dense array."""
    found = rows[places]
    return found.toarray().reshape(found.shape if np.ndim(places) else -1) if sparse.issparse(found) else found


def seed_centres(points: Points, n_clusters: int, starts: int, random: np.random.Generator) -> Floats:
    """k-means++ in the metric of the model: the next centre is drawn in proportion to its distance from the chosen.

    Of a few draws the one that leaves the least total distance is kept, as scikit-learn does. A point of weight 2 is
    drawn as two points would be. Returns `(starts, n_clusters, features)`.
    """
    trials = 2 + int(math.log(n_clusters))
    every = np.arange(starts)
    whole = np.broadcast_to(points.weights.astype(np.float64), (starts, len(points)))
    chosen = _draw(whole, random.random((starts, 1)))
    nearest = points.distances(row_of(points.rows, chosen[:, 0]))
    for _ in range(n_clusters - 1):
        draws = _draw(nearest * whole, random.random((starts, trials)))
        apart = points.distances(row_of(points.rows, draws.ravel())).reshape(starts, trials, -1)
        candidates = np.minimum(apart, nearest[:, None], out=apart)
        best = (candidates @ points.weights).argmin(axis=1)
        chosen = np.hstack([chosen, draws[every, best][:, None]])
        nearest = candidates[every, best]
    return row_of(points.rows, chosen.ravel()).reshape(starts, n_clusters, -1)


def _draw(masses: Floats, uniform: Floats) -> NDArray[np.intp]:
    """Draw points of each start in proportion to their mass."""
    running = np.cumsum(masses, axis=1, dtype=np.float64)
    found = [np.searchsorted(row, draws * row[-1], side="right") for row, draws in zip(running, uniform)]
    return np.minimum(np.stack(found), masses.shape[1] - 1)
