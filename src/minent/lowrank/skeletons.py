"""A matrix from its own rows and columns (CUR)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError
from minent.lowrank.estimates import ErrorKind, largest
from minent.lowrank.matrices import Array, Matrix, check_goal, check_matrix, length, residual_columns, rows_on, square
from minent.lowrank.orthogonal import independent
from minent.lowrank.products import check_choice
from minent.lowrank.pseudoinverse import pinv
from minent.lowrank.sketch import draw_sketch
from minent.lowrank.sources import Held, open_source, precision, root
from minent.lowrank.spectral import svd
from minent.lowrank.tensors import like

_CORES = ("optimal", "cross")
_METHODS = ("sketch", "leverage", "sampling", "deim")


@dataclass(frozen=True, eq=False)
class CUR:
    """`a` is near `a[:, columns] @ core @ a[rows]`.

    Attributes:
        columns: int64, the columns that are kept.
        core: (columns, rows), the matrix between them.
        rows: int64, the rows that are kept.
        error: Frobenius norm of `a - a[:, columns] @ core @ a[rows]`, computed entry by entry.
        error_kind: Always `"exact"`.
        largest_coefficient: `max |core @ a[rows]|`: how much an error in a kept column may grow.
    """

    columns: NDArray[np.int64]
    core: Array
    rows: NDArray[np.int64]
    error: float
    error_kind: ErrorKind = ErrorKind.EXACT
    largest_coefficient: float = 0.0


def cur(a: ArrayLike | Any, rank: int, *, core: str = "optimal", method: str = "sketch", seed: int = 0) -> CUR:
    """Write a matrix by some of its columns and some of its rows, which keep their meaning and their zeros.

    Args:
        a: (m, n), real or complex, in memory: an array, scipy.sparse or a torch tensor.
        rank: How many columns and how many rows, from 0 to `min(m, n)`; fewer are kept where the rank of `a` is less.
        core: `"optimal"`, the core with the least error, `C^+ A R^+`, cut where its entries are so large that rounding
            would cost more than they gain; `"cross"`, the pseudoinverse of where they
            cross, which needs no other entry of `a` and gives the chosen rows and columns back exactly when it is
            invertible.
        method: How they are chosen: `"sketch"`, as `interpolative` does; by the leading `rank` singular vectors:
            `"leverage"`, those of the highest leverage, `"sampling"`, drawn without replacement in proportion to it,
            `"deim"`, by discrete empirical interpolation, one for each vector.
        seed: Of the random mixtures and draws.

    Returns:
        The columns, the core, the rows and the error; tensors for a tensor.

    Raises:
        InputError: A rank out of range, an unknown core or method, or a matrix that is empty, not numeric, not finite
            or not in memory.

    Source:
        Mahoney & Drineas (2009), doi:10.1073/pnas.0803205106; Sorensen & Embree (2016), doi:10.1137/140978430;
        J. Su, kexue.fm/archives/10662.

    Example:
        >>> import numpy as np
        >>> a = np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 4.0])
        >>> parts = cur(a, 1)
        >>> parts.columns.tolist(), parts.rows.tolist(), parts.error < 1e-12
        ([2], [2], True)
    """
    source = open_source(a)
    if source.matrix is None:
        raise InputError("a is not in memory, but rows and columns of it are looked up; pass an array.")
    matrix = source.matrix
    check_goal(rank, None, matrix.shape)
    check_choice("core", core, _CORES)
    check_choice("method", method, _METHODS)
    columns, rows = _chosen(matrix, rank, method, seed)
    left = source.columns(columns)
    right = np.asarray(matrix[rows].toarray() if hasattr(matrix, "toarray") else matrix[rows])
    middle = _core(matrix, left, right, left[rows], core)
    mixture = middle @ right
    error = root(float(residual_columns(matrix, left, mixture).sum()))
    return like(CUR(columns, middle, rows, error, ErrorKind.EXACT, largest(mixture)), a)


def _core(matrix: Matrix, left: Array, right: Array, crossing: Array, core: str) -> Array:
    if not crossing.size:
        return np.zeros(crossing.shape[::-1], dtype=matrix.dtype)
    if core == "cross":
        return pinv(crossing)
    q, r, order = independent(left, max(matrix.shape), precision(matrix.dtype))
    seen = np.zeros((left.shape[1], matrix.shape[1]), dtype=matrix.dtype)
    seen[order] = np.linalg.solve(r, rows_on(q, matrix)) if len(order) else 0
    best = seen @ pinv(right)
    rounding = precision(matrix.dtype)
    if largest(best) * length(left) * length(right) * rounding > 1e-3 * rounding**0.5 * length(matrix):
        cut = [_cut_core(matrix, left, right, rounding**power) for power in (2 / 3, 1 / 2, 1 / 3)]
        best = min((best, *cut), key=lambda each: float(residual_columns(matrix, left, each @ right).sum()))
    return best


def _cut_core(matrix: Matrix, left: Array, right: Array, tolerance: float) -> Array:
    """The core without the directions in which it is so large that rounding costs more than they explain."""
    return rows_on(pinv(left, tolerance=tolerance).conj().T, matrix) @ pinv(right, tolerance=tolerance)


def _chosen(matrix: Matrix, rank: int, method: str, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    draw = np.random.default_rng(seed)
    if method == "sketch":
        columns = draw_sketch(Held(matrix), rank, draw).choose([], rank)
        rows = draw_sketch(Held(check_matrix(matrix.T)), rank, draw).choose([], rank)
        return np.array(columns, dtype=np.int64), np.array(rows, dtype=np.int64)
    parts = svd(matrix, rank=rank, seed=seed)
    kept = parts.s > max(matrix.shape) * precision(matrix.dtype) * parts.s.max(initial=0.0)
    choose = {"leverage": _highest, "sampling": _sampled, "deim": _deim}[method]
    right, left = parts.vt[kept].conj().T, parts.u[:, kept]
    return choose(right, draw), choose(left, draw)


def _highest(vectors: Array, draw: np.random.Generator) -> NDArray[np.int64]:
    leverage = square(vectors).sum(axis=1)
    return np.sort(np.argsort(-leverage, kind="stable")[: vectors.shape[1]]).astype(np.int64)


def _sampled(vectors: Array, draw: np.random.Generator) -> NDArray[np.int64]:
    count, leverage = vectors.shape[1], square(vectors).sum(axis=1)
    if not count:
        return np.zeros(0, dtype=np.int64)
    possible = leverage > 0  # at least `count` rows, for the vectors are independent
    chances = np.where(possible, leverage, 0.0) / leverage.sum()
    return np.sort(draw.choice(len(leverage), size=count, replace=False, p=chances)).astype(np.int64)


def _deim(vectors: Array, draw: np.random.Generator) -> NDArray[np.int64]:
    """Where each vector is worst interpolated, through the places so far, by the vectors before it."""
    places: list[int] = []
    for k in range(vectors.shape[1]):
        rest = vectors[:, k]
        if k:
            rest = rest - vectors[:, :k] @ np.linalg.solve(vectors[places, :k], vectors[places, k])
        places.append(int(np.argmax(np.abs(rest))))
    return np.array(places, dtype=np.int64)
