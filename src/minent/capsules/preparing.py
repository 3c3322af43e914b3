"""What is done to points before they are clustered: weights checked, units and order settled, spread measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from minent.capsules.clustering import Floats, Points
from minent.errors import InputError
from minent.runtime import ordered_map, thread_count

_PROBES = 64
_FIXED_SEED = 5112  # of directions that only have to be the same each time


@contextmanager
def threads() -> Iterator[Callable[..., Iterator[Any]]]:
    """Give an ordered `map` over our threads. BLAS gets one: the last bit of a product may depend on its split."""
    with threadpool_limits(1, user_api="blas"):
        count = thread_count()
        if count == 1:
            yield map
            return
        with ThreadPoolExecutor(count) as pool:
            yield lambda function, items: ordered_map(pool, function, items) if len(items) > 1 else map(function, items)


def checked_weights(weights: ArrayLike | None, rows: int) -> Floats:
    """Return weights as float64, ones for None, or say what is wrong with them."""
    if weights is None:
        return np.ones(rows)
    try:
        checked = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"sample_weight is no array of numbers: {error}.") from error
    if checked.shape != (rows,):
        raise InputError(f"sample_weight has shape {checked.shape}; it takes one number for each row of X, ({rows},).")
    bad = np.flatnonzero(~(np.isfinite(checked) & (checked >= 0)))
    if len(bad):
        raise InputError(
            f"sample_weight[{bad[0]}] is {checked[bad[0]]} ({len(bad)} of {rows} are negative, NaN or infinite); "
            f"give 0 (as good as absent) or more."
        )
    if not checked.any():
        raise InputError(f"sample_weight is zero for all {rows} rows, so nothing is left to cluster.")
    return checked


def units_of(points: Points) -> tuple[Floats, float]:
    """Return an origin and a unit in which the points are centred and no larger than one; sparse points stay put."""
    rows = points.rows
    origin = np.zeros(rows.shape[1])
    if points.cosine:
        return origin, 1.0
    if sparse.issparse(rows):
        return origin, float(abs(rows).max()) or 1.0
    origin = (points.weights / points.weights.sum()) @ rows
    reach = np.maximum(rows.max(axis=0) - origin, origin - rows.min(axis=0)).max()
    return origin, float(reach) or 1.0  # all rows may be the same


def canonical_order(rows: Any) -> NDArray[np.intp]:
    """Order rows by their product with a fixed direction, so that the order in which they came does not matter."""
    direction = np.random.default_rng(_FIXED_SEED).standard_normal(rows.shape[1])
    return np.argsort(rows @ direction, kind="stable")


def spread_of(points: Points) -> float:
    """Return the variance along the directions that hold it, `tr S**2 / tr S`; 1 where all points are the same.

    The mean variance per feature would be fooled by constant features, the total by many features: then all clusters
    would collapse onto the mean. `tr S**2` is exact with few features, and otherwise Hutchinson's estimate from a few
    fixed random signs. Cosine distances are half the squared Euclidean ones, and so is their spread.
    """
    rows, features = points.rows, points.rows.shape[1]
    shares = points.weights / points.weights.sum()
    mean = np.asarray(rows.T @ shares)
    total = float(shares @ points.squares) - float(mean @ mean)
    if total <= 1e-14 * float(shares @ points.squares) or total <= 0:
        return 1.0
    signs = np.random.default_rng(_FIXED_SEED).choice([-1.0, 1.0], (features, _PROBES))
    probes = np.eye(features) if features <= _PROBES else signs / np.sqrt(_PROBES)
    images = rows.T @ (shares[:, None] * (rows @ probes - mean @ probes))
    images = images - np.outer(mean, shares @ (rows @ probes - mean @ probes))
    spread = float(np.einsum("ij,ij->", images, images)) / total
    return spread / 2 if points.cosine else spread
