"""A map: many-dimensional points in the plane, neighbours kept together by the t kernel.

There are no records of what is met with what, so distance makes them: `p(j | i)` falls off as a Gaussian whose width
gives each point the same number of effective neighbours, and the places in the plane minimise the same cost `S` as word
vectors do, with the t kernel, whose slow tail leaves the clusters room. Every pair is counted, none is approximated: a
step takes `2 n^2` distances.

Source: L. van der Maaten and G. Hinton (2008), t-SNE; J. Su, kexue.fm/archives/6191, section on t-SNE. As in the
article each row has its own normaliser, where t-SNE has one for all; the widths follow t-SNE, which it leaves out.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sparse
from threadpoolctl import threadpool_limits

from minent.errors import InputError, number, whole
from minent.runtime import Progress, Reporter, silent, thread_count
from minent.vectors import kernels

_ROWS = 256
_EARLY, _EXAGGERATION, _BISECTIONS = 250, 12.0, 60
_TINY = 1e-12


def neighbour_map(
    points: np.ndarray,
    *,
    perplexity: float = 30.0,
    iterations: int = 750,
    progress: Reporter = silent,
) -> np.ndarray:
    """Lay points out in the plane so that near ones stay near.

    The start is the plane of the two principal components, so nothing is drawn and the result is always the same, on
    any number of threads.

    Args:
        points: Finite, (n, dim); distances are Euclidean, so scale rows to length one to map by angle.
        perplexity: How many neighbours a point has, about; bounded by a third of the others.
        iterations: Steps; the first 250 pull neighbours twelve times as hard, so that clusters form.
        progress: Told every 50 steps.

    Returns:
        float32 (n, 2), the mean at the origin.

    Raises:
        InputError: Points that are not a table of finite numbers, or settings out of range.

    Source:
        van der Maaten & Hinton (2008); J. Su, kexue.fm/archives/6191.

    Example:
        >>> points = np.repeat(np.eye(3), 20, axis=0) + np.random.default_rng(0).normal(scale=0.01, size=(60, 3))
        >>> places = neighbour_map(points, perplexity=5)
        >>> bool(np.linalg.norm(places[0] - places[1]) < np.linalg.norm(places[0] - places[25]))
        True
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise InputError(
            f"points has shape {points.shape}; it takes a table of finite numbers, one row for each point."
        )
    number("perplexity", perplexity, 1)
    whole("iterations", iterations, 0)
    points = _centred(points)
    places = _principal_plane(points)
    if len(points) < 4:
        return places
    pairs = neighbour_pairs(points, min(perplexity, (len(points) - 1) / 3))
    places *= 1e-4 / max(float(places[:, 0].std()), _TINY)
    return _settle(pairs, places, iterations, progress)


def neighbour_pairs(points: np.ndarray, perplexity: float) -> sparse.csr_matrix:
    """Return `p(i, j)`, symmetric, sum one: Gaussians of the stated perplexity over the three times as many nearest.

    Args:
        points: (n, dim) float32.
        perplexity: From 1 to a third of the other points.
    """
    count = min(len(points) - 1, int(3 * perplexity))
    nearest = np.empty((len(points), count), dtype=np.int64)
    chances = np.empty((len(points), count))
    squares = np.square(points).sum(axis=1)

    def rows(first: int) -> None:
        block = points[first : first + _ROWS]
        distances = squares - 2 * (block @ points.T) + squares[first : first + _ROWS, None]
        distances[np.arange(len(block)), first + np.arange(len(block))] = np.inf
        found = np.argpartition(distances, count - 1, axis=1)[:, :count]
        nearest[first : first + _ROWS] = found
        near = np.maximum(np.take_along_axis(distances, found, axis=1).astype(np.float64), 0)
        chances[first : first + _ROWS] = _calibrated(near, perplexity)

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(thread_count()) as pool:
        list(pool.map(rows, range(0, len(points), _ROWS)))
    starts = np.arange(0, nearest.size + 1, count)
    given = sparse.csr_matrix((chances.ravel(), nearest.ravel(), starts), shape=(len(points), len(points)))
    both = sparse.csr_matrix(given + given.T)
    both.sort_indices()
    return both / both.sum()


def _calibrated(squared: np.ndarray, perplexity: float) -> np.ndarray:
    """`p(j | i)` of each row, its entropy `log perplexity`, by bisection on the logarithm of the width."""
    squared = squared - squared.min(axis=1, keepdims=True)
    low, high = np.full(len(squared), -40.0), np.full(len(squared), 40.0)
    scale = np.maximum(squared.mean(axis=1), _TINY)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        chances = np.exp(-squared * (np.exp(middle) / scale)[:, None])
        chances /= chances.sum(axis=1, keepdims=True)
        entropy = -(chances * np.log(np.maximum(chances, 1e-300))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return chances


def _centred(points: np.ndarray) -> np.ndarray:
    """The points around their mean, of a size near one: the map takes no note of either, single precision does."""
    if points.size:
        points = points * 2.0 ** -np.frexp(np.abs(points).max())[1]
        points = points - points.mean(axis=0)
        points = points * 2.0 ** -np.frexp(np.abs(points).max())[1]
    return points.astype(np.float32)


def _principal_plane(points: np.ndarray) -> np.ndarray:
    """The two principal components, signs fixed; columns of zeros where there are fewer."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64) if len(points) else points
    with threadpool_limits(1, user_api="blas"):
        _, axes = np.linalg.eigh(centred.T @ centred)
        axes = axes[:, ::-1][:, :2]
        axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)
        plane = np.zeros((len(points), 2), dtype=np.float32)
        plane[:, : axes.shape[1]] = centred @ axes
    return plane


def _settle(pairs: sparse.csr_matrix, places: np.ndarray, iterations: int, progress: Reporter) -> np.ndarray:
    """Momentum with gains, as t-SNE has it: strong attraction first, then the cost itself."""
    speed, gains = np.zeros_like(places), np.ones_like(places)
    with ThreadPoolExecutor(thread_count()) as pool:
        forces = _Forces(pairs, pool)
        for step in range(iterations):
            pull, momentum = (_EXAGGERATION, 0.5) if step < _EARLY else (1.0, 0.8)
            gradient = forces(places, pull)
            gains = np.maximum(np.where(gradient * speed < 0, gains + 0.2, gains * 0.8), 0.01).astype(np.float32)
            speed = momentum * speed - (len(places) / pull) * gains * gradient
            places = (places + speed).astype(np.float32)
            places -= places.mean(axis=0, dtype=np.float64).astype(np.float32)
            if step % 50 == 49:
                progress(Progress("draw the map", step + 1, iterations, "steps"))
    return places


class _Forces:
    """The gradient of `S` in the plane, a range of rows per call of a thread."""

    def __init__(self, pairs: sparse.csr_matrix, pool: ThreadPoolExecutor) -> None:
        size = pairs.shape[0]
        self.pairs, self.pool = pairs, pool
        self.mass = np.asarray(pairs.sum(axis=1)).ravel().astype(np.float32)
        self.weights = pairs.data.astype(np.float32)
        self.cuts = np.linspace(0, size, min(size // 64, 64) + 2).astype(np.int64)  # a row costs less than a task

    def __call__(self, places: np.ndarray, pull: float) -> np.ndarray:
        xs, ys = np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1])
        shares, gradient = np.empty_like(xs), np.empty_like(places)
        starts, ids = self.pairs.indptr, self.pairs.indices

        def share(first: int, last: int) -> None:
            kernels.map_shares(first, last, xs, ys, self.mass, shares)

        def force(first: int, last: int) -> None:
            kernels.map_forces(first, last, xs, ys, shares, starts, ids, self.weights, np.float32(pull), gradient)

        for work in (share, force):
            list(self.pool.map(work, self.cuts[:-1], self.cuts[1:]))
        return gradient
