"""A product of two matrices from a few of the terms that it is the sum of (CR)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError, did_you_mean, listing, whole
from minent.lowrank.estimates import ErrorKind
from minent.lowrank.matrices import Array, check_matrix, column_squares, dense
from minent.lowrank.pseudoinverse import pinv
from minent.lowrank.tensors import is_tensor, like, to_numpy

_METHODS = ("sampling", "largest")
_CORES = ("plain", "diagonal", "free")


@dataclass(frozen=True, eq=False)
class CR:
    """`x @ y` is near `(x[:, indices] * weights) @ y[indices]`, or `x[:, indices] @ core @ y[indices]`.

    Attributes:
        indices: int64 (k,), rising: the terms that are kept.
        weights: (k,): how much each counts; ones beside a free core.
        error_bound: The Frobenius error is at most this.
        error_kind: In which sense: on average over seeds (root mean square) when the terms are sampled, always when
            the largest are kept.
        core: (k, k), what stands between, when it was asked to be free; else None.
    """

    indices: NDArray[np.int64]
    weights: Array
    error_bound: float
    error_kind: ErrorKind = ErrorKind.UPPER
    core: Array | None = field(default=None)

    def product(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Return the approximate product; `x` and `y` may be any matrices with terms in the same places.

        Args:
            x: (m, d).
            y: (d, n).

        Returns:
            (m, n).
        """
        if is_tensor(x):
            return self._tensor_product(x, y)
        left, right = np.asarray(x)[:, self.indices], np.asarray(y)[self.indices]
        return (left * self.weights) @ right if self.core is None else left @ (self.core @ right)

    def _tensor_product(self, x: Any, y: Any) -> Any:
        left, right = x[:, self.indices], y[self.indices]
        between: Any = self.weights if self.core is None else self.core
        between = between.to(left.dtype)
        return (left * between) @ right if self.core is None else left @ (between @ right)


def cr(x: ArrayLike, y: ArrayLike, samples: int, *, method: str = "sampling", core: str = "plain", seed: int = 0) -> CR:
    """Approximate the product of two matrices by some of the outer products that it is the sum of.

    Args:
        x: (m, d), real or complex.
        y: (d, n), real or complex.
        samples: How many terms to draw, 1 or more; terms drawn twice are kept once with twice the weight. With
            `"largest"`, how many to keep.
        method: `"sampling"`, draws with replacement in proportion to the product of the two lengths: right on average,
            and of all such draws the least spread; `"largest"`, the terms with the largest such product: no chance.
        core: `"plain"`, the weights of the method, which look at no product; `"diagonal"`, the weights with the least
            error, from `G w = b` with `G = (C.H C) * (R R.H).T`; `"free"`, the matrix with the least error,
            `C+ X Y R+`. The last two cost `k` products with `x` and `y`, and are no longer right on average, but never
            worse than the plain weights.
        seed: Of the draws.

    Returns:
        Which terms, their weights or core, and a bound of the error.

    Raises:
        InputError: Shapes that do not multiply, `samples < 1`, an unknown method or core, or a matrix that is empty,
            not numeric or not finite.

    Source:
        Drineas, Kannan & Mahoney (2006), doi:10.1137/S0097539704442684; J. Su, kexue.fm/archives/10427.

    Example:
        >>> import numpy as np
        >>> x, y = np.diag([3.0, 2.0, 0.1]), np.eye(3)
        >>> cr(x, y, 2, method="largest").product(x, y).diagonal().tolist()
        [3.0, 2.0, 0.0]
    """
    left, right = dense(check_matrix(to_numpy(x, "x"), "x")), dense(check_matrix(to_numpy(y, "y"), "y"))
    if left.shape[1] != right.shape[0]:
        raise InputError(f"x has shape {left.shape} and y {right.shape}; x needs as many columns as y has rows.")
    samples = whole("samples", samples, 1, meaning=": a number of terms")
    check_choice("method", method, _METHODS)
    check_choice("core", core, _CORES)
    found = _terms(left, right, samples, method, seed)
    if core == "diagonal" and len(found.indices):
        weights = _diagonal(left, right, found.indices)
        found = CR(found.indices, weights, found.error_bound, found.error_kind)
    if core == "free":
        middle = _free(left, right, found.indices)
        found = CR(found.indices, np.ones(len(found.indices)), found.error_bound, found.error_kind, middle)
    return like(found, x)


def _terms(left: Array, right: Array, samples: int, method: str, seed: int) -> CR:
    sizes = np.sqrt(column_squares(left) * column_squares(right.T))
    if method == "largest":
        order = np.argsort(-sizes, kind="stable")
        kept = np.sort(order[:samples])
        return CR(kept, np.ones(len(kept)), float(sizes[order[samples:]].sum()))
    total = float(sizes.sum())
    if total == 0:
        return CR(np.zeros(0, dtype=np.int64), np.zeros(0), 0.0, ErrorKind.MEAN_UPPER)
    chances = sizes / total
    drawn = np.random.default_rng(seed).choice(len(sizes), size=samples, p=chances)
    kept, times = np.unique(drawn, return_counts=True)
    return CR(kept, times / (samples * chances[kept]), total / math.sqrt(samples), ErrorKind.MEAN_UPPER)


def _diagonal(x: Array, y: Array, kept: NDArray[np.int64]) -> Array:
    """Least squares for `||X Y - C diag(w) R||`; terms that are equal share their weight."""
    c, r = x[:, kept], y[kept]
    gram = (c.conj().T @ c) * (r @ r.conj().T).T
    wanted = np.einsum("ik,ki->i", c.conj().T @ x, y @ r.conj().T)
    return pinv(gram) @ wanted


def _free(x: Array, y: Array, kept: NDArray[np.int64]) -> Array:
    if not len(kept):
        return np.zeros((0, 0), dtype=np.result_type(x, y))
    return (pinv(x[:, kept]) @ x) @ (y @ pinv(y[kept]))


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices."""
    if value not in choices:
        raise InputError(f"{name} is {value!r}, but there are {listing(choices)}.{did_you_mean(value, choices)}")
