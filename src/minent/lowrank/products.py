"""A matrix from its own rows and columns (CUR), and a product from a few of its terms (CR)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError, did_you_mean, listing
from minent.lowrank.matrices import Array, check_goal, check_matrix, column_squares, dense, residual_columns
from minent.lowrank.selection import by_sketch
from minent.lowrank.spectral import pinv

_CORES = ("optimal", "cross")
_METHODS = ("sampling", "largest")


@dataclass(frozen=True, eq=False)
class CUR:
    """`a` is near `a[:, columns] @ core @ a[rows]`.

    Attributes:
        columns: int64, the columns that are kept.
        core: (columns, rows), the matrix between them.
        rows: int64, the rows that are kept.
        error: Frobenius norm of `a - a[:, columns] @ core @ a[rows]`, computed entry by entry.
    """

    columns: NDArray[np.int64]
    core: Array
    rows: NDArray[np.int64]
    error: float


def cur(a: ArrayLike | Any, rank: int, *, core: str = "optimal", seed: int = 0) -> CUR:
    """Write a matrix by some of its columns and some of its rows, which keep their meaning and their zeros.

    Args:
        a: (m, n), real; dense or scipy.sparse.
        rank: How many columns and how many rows, from 0 to `min(m, n)`; fewer are kept where the rank of `a` is less.
        core: `"optimal"`, the core with the least error, `C^+ A R^+`; `"cross"`, the pseudoinverse of where they
            cross, which needs no other entry of `a` and gives the chosen rows and columns back exactly when it is
            invertible.
        seed: Of the random mixtures that choose them.

    Returns:
        The columns, the core, the rows and the error.

    Raises:
        InputError: A rank out of range, an unknown core, or a matrix that is empty, not real or not finite.

    Source:
        Mahoney & Drineas (2009), doi:10.1073/pnas.0803205106; J. Su, kexue.fm/archives/10662.

    Example:
        >>> import numpy as np
        >>> a = np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 4.0])
        >>> parts = cur(a, 1)
        >>> parts.columns.tolist(), parts.rows.tolist(), parts.error < 1e-12
        ([2], [2], True)
    """
    matrix = check_matrix(a)
    check_goal(rank, None, matrix.shape)
    _check_choice("core", core, _CORES)
    draw = np.random.default_rng(seed)
    columns = np.array(by_sketch(matrix, [], rank, draw), dtype=np.int64)
    rows = np.array(by_sketch(check_matrix(matrix.T), [], rank, draw), dtype=np.int64)
    left, right = dense(matrix[:, columns]), dense(matrix[rows])
    if not len(columns) or not len(rows):
        middle = np.zeros((len(columns), len(rows)), dtype=matrix.dtype)
    elif core == "optimal":
        middle = (pinv(left) @ matrix) @ pinv(right)
    else:
        middle = pinv(left[rows])
    error = math.sqrt(float(residual_columns(matrix, left @ middle, right).sum()))
    return CUR(columns, middle, rows, error)


@dataclass(frozen=True, eq=False)
class CR:
    """`x @ y` is near `(x[:, indices] * weights) @ y[indices]`.

    Attributes:
        indices: int64 (k,), rising: the terms that are kept.
        weights: float64 (k,): how much each counts.
        error_bound: The Frobenius error is at most this, on average over seeds (root mean square) when the terms are
            sampled, always when the largest are kept.
    """

    indices: NDArray[np.int64]
    weights: NDArray[np.float64]
    error_bound: float

    def product(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Return the approximate product; `x` and `y` may be any matrices with terms in the same places.

        Args:
            x: (m, d).
            y: (d, n).

        Returns:
            (m, n).
        """
        return (np.asarray(x)[:, self.indices] * self.weights) @ np.asarray(y)[self.indices]


def cr(x: ArrayLike, y: ArrayLike, samples: int, *, method: str = "sampling", seed: int = 0) -> CR:
    """Approximate the product of two matrices by some of the outer products that it is the sum of.

    Args:
        x: (m, d), real.
        y: (d, n), real.
        samples: How many terms to draw, 1 or more; terms drawn twice are kept once with twice the weight. With
            `"largest"`, how many to keep.
        method: `"sampling"`, draws with replacement in proportion to the product of the two lengths: right on average,
            and of all such draws the least spread; `"largest"`, the terms with the largest such product: no chance.
        seed: Of the draws.

    Returns:
        Which terms, their weights, and a bound of the error.

    Raises:
        InputError: Shapes that do not multiply, `samples < 1`, an unknown method, or a matrix that is empty, not real
            or not finite.

    Source:
        Drineas, Kannan & Mahoney (2006), doi:10.1137/S0097539704442684; J. Su, kexue.fm/archives/10427.

    Example:
        >>> import numpy as np
        >>> x, y = np.diag([3.0, 2.0, 0.1]), np.eye(3)
        >>> cr(x, y, 2, method="largest").product(x, y).diagonal().tolist()
        [3.0, 2.0, 0.0]
    """
    left, right = dense(check_matrix(x, "x")), dense(check_matrix(y, "y"))
    if left.shape[1] != right.shape[0]:
        raise InputError(f"x has shape {left.shape} and y {right.shape}; x needs as many columns as y has rows.")
    if samples < 1:
        raise InputError(f"samples is {samples}; it is a number of terms, from 1 up.")
    _check_choice("method", method, _METHODS)
    sizes = np.sqrt(column_squares(left) * column_squares(right.T))
    if method == "largest":
        order = np.argsort(-sizes, kind="stable")
        kept = np.sort(order[:samples])
        return CR(kept, np.ones(len(kept)), float(sizes[order[samples:]].sum()))
    total = float(sizes.sum())
    if total == 0:
        return CR(np.zeros(0, dtype=np.int64), np.zeros(0), 0.0)
    chances = sizes / total
    drawn = np.random.default_rng(seed).choice(len(sizes), size=samples, p=chances)
    kept, times = np.unique(drawn, return_counts=True)
    return CR(kept, times / (samples * chances[kept]), total / math.sqrt(samples))


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}, but there are {listing(choices)}.{did_you_mean(value, choices)}")
