"""Inverse functions as a service: many targets, one function.

`inverse_function` expands the inverse once, at as many places as its tolerance asks for; then each target costs one
search in a table and one polynomial, and the function is not called again. This is the article's series put to the use
that it is made for. `kepler`, `lambert_w` and `normal_quantile` need no table: their starts are so near that one or two
steps of high order end them, in one compiled loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError, number, whole
from minent.roots.arrays import find_root_array
from minent.roots.result import Taylor, check_length
from minent.roots.steps import invert_scaled

Floats = NDArray[np.float64]
_FIRST_NODES = 5


class InverseFunction:
    """The inverse of a monotonic function on a bracket; made by `inverse_function`, called with targets.

    Its `nodes` (float64, by rising value) are where the function was expanded, `values` what it is there, and
    `unresolved` (bool, one fewer) says between which nodes the series do not reach the tolerance, so that targets are
    searched for one by one.

    Args:
        taylor: As for `inverse_function`, which checks all of these.
        bracket: Two finite ends.
        order: Of the series.
        tolerance: Largest error halfway between nodes, relative to the larger end of the cell.
        limit: Most nodes.
    """

    def __init__(self, taylor: Taylor, bracket: tuple[float, float], order: int, tolerance: float, limit: int) -> None:
        self._taylor, self._order, self._tolerance = taylor, order, tolerance
        x, edges, good = np.linspace(*bracket, _FIRST_NODES), np.empty(0), np.empty(0, dtype=bool)
        while True:
            self._expand(x)
            edges, better, good = self._verify()
            room = limit - len(self.nodes)
            if good.all() or room <= 0:
                break
            new = better[~good][:room]
            known = len(x)
            x = np.unique(np.concatenate([self.nodes, new]))
            if len(x) == known:
                break
        self.unresolved, self._edges = ~good, edges

    def _expand(self, x: Floats) -> None:
        with np.errstate(all="ignore"):
            given = check_length(self._taylor(x, self._order - 1), self._order)
            a = [np.broadcast_to(np.asarray(a, dtype=np.float64), x.shape) for a in given]
            if not np.isfinite(a[0]).all():
                at = int(np.argmin(np.isfinite(a[0])))
                raise InputError(
                    f"the function is {a[0][at]} at {x[at]}; take a bracket on which it is finite, ends included."
                )
            rising = a[0][-1] > a[0][0]
            if not rising:
                x, a = x[::-1], [a_k[::-1] for a_k in a]
            if not (np.diff(a[0]) > 0).all():
                at = int(np.argmin(np.diff(a[0])))
                raise InputError(
                    f"the function is not monotonic on the bracket: it is {a[0][at]} at {x[at]} and {a[0][at + 1]} at "
                    f"{x[at + 1]}; take a bracket on which it only rises or only falls."
                )
            self.nodes, self.values = np.ascontiguousarray(x), np.ascontiguousarray(a[0])
            self._slopes = np.where(a[1] != 0, a[1], np.nan)
            self._inverse = np.stack(invert_scaled([a_k / self._slopes for a_k in a[1:]]), axis=-1)

    def _verify(self) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Halfway in value between two nodes: is the series of either right there? Also, where a node would help."""
        with np.errstate(all="ignore"):
            middle = self.values[:-1] / 2 + self.values[1:] / 2
            left, right = np.arange(len(middle)), np.arange(1, len(middle) + 1)
            low, high = np.minimum(self.nodes[:-1], self.nodes[1:]), np.maximum(self.nodes[:-1], self.nodes[1:])
            first, second = self._evaluate(middle, left), self._evaluate(middle, right)
            place = np.where((low < first) & (first < high), first, (low + high) / 2)
            a = check_length(self._taylor(place, 1), 2)
            exact = place - (np.asarray(a[0]) - middle) / np.asarray(a[1])
            allowed = self._tolerance * np.maximum(np.abs(low), np.abs(high))
            good = (np.abs(first - exact) <= allowed) & (np.abs(second - exact) <= allowed)
        return middle, (low + high) / 2, good

    def _evaluate(self, targets: Floats, node: NDArray[np.int64]) -> Floats:
        u = (targets - self.values[node]) / self._slopes[node]
        inverse = self._inverse[node]
        total = inverse[:, -1]
        for k in range(inverse.shape[1] - 2, -1, -1):
            total = total * u + inverse[:, k]
        return self.nodes[node] + total * u

    def __call__(self, targets: ArrayLike) -> Any:
        """Return where the function takes these values.

        Args:
            targets: float64, any shape, each between the values at the ends of the bracket.

        Returns:
            float64 of that shape; a number for a number.

        Raises:
            InputError: A target outside the values on the bracket, or NaN; the first is named.
        """
        y = np.asarray(targets, dtype=np.float64)
        flat = y.ravel()
        outside = ~((self.values[0] <= flat) & (flat <= self.values[-1]))
        if outside.any():
            at = int(np.argmax(outside))
            raise InputError(
                f"targets[{at}] is {flat[at]}, but the function runs from {self.values[0]} to {self.values[-1]} on the "
                f"bracket ({np.count_nonzero(outside)} of {flat.size} are outside); widen the bracket."
            )
        node = np.searchsorted(self._edges, flat)
        with np.errstate(all="ignore"):
            x = self._evaluate(flat, node)
        if self.unresolved.any():
            cell = np.clip(np.searchsorted(self.values, flat) - 1, 0, len(self.unresolved) - 1)
            hard = self.unresolved[cell]
            if hard.any():
                x[hard] = self._search(flat[hard], cell[hard])
        return x.reshape(y.shape)[()]

    def _search(self, targets: Floats, cell: NDArray[np.int64]) -> Floats:
        ends = self.nodes[cell], self.nodes[cell + 1]

        def shifted(x: Floats, order: int, target: Floats) -> list[Any]:
            a = self._taylor(x, order)
            return [a[0] - target, *a[1:]]

        order = min(self._order, 4)
        return find_root_array(
            shifted, bracket=(np.minimum(*ends), np.maximum(*ends)), args=(targets,), order=order
        ).value


def inverse_function(
    taylor: Taylor,
    *,
    bracket: tuple[float, float],
    order: int = 10,
    tolerance: float = 1e-13,
    max_nodes: int = 2000,
) -> InverseFunction:
    """Make the inverse of a monotonic function, to be called with many targets.

    Nodes are put where the series of two neighbours do not meet within the tolerance, which is measured against the
    function itself halfway between them. Where that does not help (an end with an infinite slope), targets are searched
    for in their cell.

    Args:
        taylor: `taylor(x, order)` for a float64 array `x`, as for `find_root_array`; `taylor_of` makes one.
        bracket: `(low, high)`, finite, on which the function only rises or only falls.
        order: Of the series, 2 or more.
        tolerance: Largest error of the result halfway between nodes, relative to the larger end of the cell.
        max_nodes: Most nodes; what they leave unresolved is searched for.

    Returns:
        An `InverseFunction`: `inverse(targets)` gives an array of the shape of `targets`.

    Raises:
        InputError: A bracket that is not increasing or not finite, a function that is not finite or not monotonic at
            the nodes.

    Source:
        J. Su, kexue.fm/archives/590: the inverse series, whose coefficients do not depend on the target.

    Example:
        >>> from minent.roots import inverse_function, taylor_of
        >>> logarithm = inverse_function(taylor_of(np.exp), bracket=(-2, 3))
        >>> bool(abs(logarithm(7.0) - np.log(7.0)) < 1e-13)
        True
    """
    low, high = float(bracket[0]), float(bracket[1])
    if not low < high or not np.isfinite([low, high]).all():
        raise InputError(f"bracket is ({low}, {high}); it takes finite (low, high) with low < high.")
    order, max_nodes = whole("order", order, 2), whole("max_nodes", max_nodes, _FIRST_NODES)
    return InverseFunction(taylor, (low, high), order, number("tolerance", tolerance, 0, above=True), max_nodes)


def kepler(mean_anomaly: ArrayLike, eccentricity: ArrayLike) -> Any:
    """Solve Kepler's equation `E - e sin E = M`.

    Args:
        mean_anomaly: `M` in radians, any finite number.
        eccentricity: `e`, in [0, 1); broadcast with `M`.

    Returns:
        The eccentric anomaly `E` in radians, float64 of the broadcast shape; within half a turn of `M`.

    Raises:
        InputError: `e` outside [0, 1), or a number that is not finite; the first is named.

    Source:
        The start of Danby (1987), then steps of order 5.

    Example:
        >>> anomaly = kepler(1.0, 0.5)
        >>> bool(abs(anomaly - 0.5 * np.sin(anomaly) - 1.0) < 1e-15)
        True
    """
    m, e = _arrays("mean_anomaly and eccentricity", mean_anomaly, eccentricity)
    _refuse(~np.isfinite(m), "mean_anomaly", m, "a finite number")
    _refuse(~((e >= 0) & (e < 1)), "eccentricity", e, "a number in [0, 1); hyperbolic orbits are another equation")
    from minent.roots import inverse_kernels

    x = np.empty(m.shape)
    inverse_kernels.kepler(m, e, x)
    return x[()]


def lambert_w(y: ArrayLike, branch: int = 0) -> Any:
    """Solve `w exp(w) = y` for real `w`.

    Args:
        y: From `-1/e` up for branch 0, from `-1/e` to 0 (not included) for branch -1.
        branch: 0 for `w >= -1`, -1 for `w <= -1`.

    Returns:
        `w`, float64 of the shape of `y`.

    Raises:
        InputError: A branch that is neither, or `y` outside its range or NaN; the first is named.

    Source:
        Corless et al. (1996), doi:10.1007/BF02124750, for the starts; then steps of order 4 on `w + log(w / y)`.

    Example:
        >>> round(float(lambert_w(1.0)), 12), round(float(lambert_w(-0.1, branch=-1)), 12)
        (0.56714329041, -3.577152063957)
    """
    if branch not in (0, -1):
        raise InputError(f"branch is {branch}; the real branches are 0 and -1.")
    (values,) = _arrays("y", y)
    top = np.inf if branch == 0 else -np.finfo(np.float64).smallest_subnormal
    expected = "-1/e or more" if branch == 0 else "-1/e or more, and below zero"
    _refuse(~((values >= -np.exp(-1.0)) & (values <= top)), "y", values, f"a number of branch {branch}: {expected}")
    from minent.roots import inverse_kernels

    w = np.empty(values.shape)
    inverse_kernels.lambert_w(values, branch, w)
    return w[()]


def normal_quantile(probability: ArrayLike) -> Any:
    """Return the standard normal variable that is exceeded with probability `1 - p`: the inverse of its distribution.

    Args:
        probability: `p`, in [0, 1].

    Returns:
        float64 of the shape of `p`; infinite at 0 and 1.

    Raises:
        InputError: A number outside [0, 1] or NaN; the first is named.

    Source:
        The start of Hastings (1955), as in Abramowitz & Stegun 26.2.23; then steps of order 4 on the logarithm.

    Example:
        >>> round(float(normal_quantile(0.975)), 12)
        1.95996398454
    """
    (p,) = _arrays("probability", probability)
    _refuse(~((p >= 0) & (p <= 1)), "probability", p, "a number in [0, 1]")
    from minent.roots import inverse_kernels

    x = np.empty(p.shape)
    inverse_kernels.normal_quantile(p, x)
    return x[()]


def _arrays(names: str, *given: ArrayLike) -> Sequence[Floats]:
    try:
        return [np.array(a) for a in np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in given))]
    except ValueError as error:
        shapes = " and ".join(str(np.shape(a)) for a in given)
        raise InputError(f"{names} have shapes {shapes}, which do not broadcast.") from error


def _refuse(wrong: NDArray[np.bool_], name: str, values: Floats, expected: str) -> None:
    if wrong.any():
        place = [int(i) for i in np.argwhere(wrong)[0]]
        where = f"{place}" if place else ""
        raise InputError(
            f"{name}{where} is {values[tuple(place)]} ({np.count_nonzero(wrong)} of {values.size} are wrong); it takes "
            f"{expected}."
        )
