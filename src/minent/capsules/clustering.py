"""The two steps of soft K-Means and its seeding, on plain arrays. Callers have checked everything.

With distances `d_ij` of point i to centre j, the objective is `L = -(1/K) sum_i log sum_j exp(-K d_ij)`. The E-step
takes `c_ij = softmax_j(-K d_ij)`; the M-step takes the centres that are best for that `c`. Neither raises `L`, and at
`K = inf` they are Lloyd's steps. Distances: the squared Euclidean one, and one less the cosine (half the squared
Euclidean one between unit vectors).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EMPTY = 1e-9  # a cluster with less than this share of one point is moved


def directions(points: Floats) -> Floats:
    """Return unit vectors; a zero vector stays zero and is equally far from every centre."""
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    return points / np.where(norms > 0, norms, 1.0)


def distances(points: Floats, centres: Floats, cosine: bool) -> Floats:
    """Return `(points, centres)` distances; with cosine, both must be unit vectors."""
    products = points @ centres.T
    if cosine:
        return np.maximum(1.0 - products, 0.0)
    squares = np.einsum("ij,ij->i", points, points)[:, None] + np.einsum("ij,ij->i", centres, centres)
    return np.maximum(squares - 2.0 * products, 0.0)


def share_out(apart: Floats, sharpness: float) -> tuple[Floats, float]:
    """The E-step: return the share of each centre in each point, and the objective."""
    nearest = apart.min(axis=1, keepdims=True)
    if math.isinf(sharpness):
        shares = np.zeros_like(apart)
        shares[np.arange(len(apart)), apart.argmin(axis=1)] = 1.0
        return shares, float(nearest.sum())
    weights = np.exp(sharpness * (nearest - apart))
    totals = weights.sum(axis=1, keepdims=True)
    return weights / totals, float((nearest - np.log(totals) / sharpness).sum())


def centres_of(points: Floats, shares: Floats, cosine: bool) -> Floats:
    """The M-step: return the mean (or mean direction) of what each centre was given; every share must be above zero."""
    sums = shares.T @ points
    return directions(sums) if cosine else sums / shares.sum(axis=0)[:, None]


def refill(shares: Floats, apart: Floats) -> Floats:
    """Hand each empty cluster the point that is farthest from its own centre, no point twice; return the shares."""
    empty = np.flatnonzero(shares.sum(axis=0) < _EMPTY)
    if len(empty):
        shares = shares.copy()
        farthest = np.argsort(-apart.min(axis=1), kind="stable")[: len(empty)]
        shares[farthest] = 0.0
        shares[farthest, empty] = 1.0
    return shares


def seed_centres(points: Floats, n_clusters: int, cosine: bool, random: np.random.Generator) -> Floats:
    """k-means++ in the metric of the model: the next centre is drawn in proportion to its distance from the chosen.

    Of a few draws the one that leaves the least total distance is kept, as scikit-learn does.
    """
    trials = 2 + int(math.log(n_clusters))
    chosen = [int(random.integers(len(points)))]
    nearest = distances(points, points[chosen], cosine)[:, 0]
    for _ in range(n_clusters - 1):
        running = np.cumsum(nearest)
        draws = np.searchsorted(running, random.random(trials) * running[-1], side="right")
        draws = np.minimum(draws, len(points) - 1)
        candidates = np.minimum(nearest[:, None], distances(points, points[draws], cosine))
        best = int(candidates.sum(axis=0).argmin())
        chosen.append(int(draws[best]))
        nearest = candidates[:, best]
    return points[chosen].copy()
