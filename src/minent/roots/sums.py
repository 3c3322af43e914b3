"""Taylor coefficients of sums of exponentials and of powers: any order from one pass of moments.

Both are what thresholds and temperatures are found from, and there the further coefficients are nearly free: the
exponentials or powers are taken once, and each order multiplies them by one number more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError, number
from minent.roots.result import Taylor


def exponential_sum(rates: ArrayLike, weights: ArrayLike = 1.0, target: ArrayLike = 0.0) -> Taylor:
    """Make the `taylor` of `f(x) = sum_i w_i exp(r_i x) - target`.

    `a_k = sum_i w_i exp(r_i x) r_i**k / k!`: the moments of the rates under the weights that stand at `x`.

    Args:
        rates: float64 (..., m): `r_i`, summed over the last axis.
        weights: `w_i`, broadcast with `rates`.
        target: What the sum shall be; of the shape of `x`.

    Returns:
        `taylor(x, order)` for a float or for arrays `x` of shape (...).

    Raises:
        InputError: No rate, or a rate, weight or target that is NaN.

    Source:
        Differentiation under the sum.

    Example:
        >>> from minent.roots import find_root
        >>> root = find_root(exponential_sum([1.0, 2.0], target=6.0), start=1.0, order=4)
        >>> round(float(np.exp(root.value)), 12)  # y + y**2 = 6
        2.0
    """
    r, w, c = _checked(rates, weights, target)

    def taylor(x: Any, order: int) -> list[Any]:
        terms = w * np.exp(r * np.asarray(x, dtype=np.float64)[..., None])
        coefficients = [terms.sum(-1) - c]
        for k in range(1, order + 1):
            terms = terms * r / k
            coefficients.append(terms.sum(-1))
        return coefficients

    return taylor


def power_sum(points: ArrayLike, exponent: float, weights: ArrayLike = 1.0, target: ArrayLike = 0.0) -> Taylor:
    """Make the `taylor` of `f(x) = sum_i w_i max(p_i - x, 0)**exponent - target`.

    With `s_i = p_i - x`, over the support `s_i > 0`:
    `a_k = (-1)**k binomial(exponent, k) sum_i w_i s_i**(exponent - k)`.

    Args:
        points: float64 (..., m): `p_i`, summed over the last axis.
        exponent: Above zero; `1 / (alpha - 1)` for the threshold of entmax.
        weights: `w_i`, broadcast with `points`.
        target: What the sum shall be; of the shape of `x`.

    Returns:
        `taylor(x, order)` for a float or for arrays `x` of shape (...). The function falls where all weights are above
        zero, and its coefficients hold to the right of the nearest point.

    Raises:
        InputError: No point, NaN among the numbers, or `exponent <= 0`.

    Source:
        Peters, Niculae & Martins (2019), arXiv:1905.05702, for entmax; the binomial series.

    Example:
        >>> from minent.roots import find_root
        >>> root = find_root(power_sum([3.0, 1.0, 0.0], 1.0, target=1.0), bracket=(0, 3))
        >>> round(root.value, 12)  # the threshold of sparsemax, which leaves (1, 0, 0)
        2.0
    """
    exponent = number("exponent", exponent, 0, ", such as 2.0", above=True)
    p, w, c = _checked(points, weights, target)

    def taylor(x: Any, order: int) -> list[Any]:
        distances = p - np.asarray(x, dtype=np.float64)[..., None]
        support = distances > 0
        distances = np.where(support, distances, 1.0)
        terms = np.where(support, w * distances**exponent, 0.0)
        coefficients = [terms.sum(-1) - c]
        for k in range(1, order + 1):
            terms = terms / distances * ((k - 1 - exponent) / k)
            coefficients.append(terms.sum(-1))
        return coefficients

    return taylor


def _checked(values: ArrayLike, weights: ArrayLike, target: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    arrays = tuple(np.asarray(array, dtype=np.float64) for array in (values, weights, target))
    if not arrays[0].ndim or not arrays[0].shape[-1]:
        raise InputError(
            f"the sum has no terms: an array of shape {arrays[0].shape} was given; it takes (..., m), m >= 1."
        )
    for name, array in zip(("the first argument", "weights", "target"), arrays):
        if np.isnan(array).any():
            place = [int(i) for i in np.argwhere(np.isnan(array))[0]]
            raise InputError(f"{name} is NaN at {place}; take such rows out first.")
    return arrays


def root_derivative(slope: Any, parameter_slope: Any) -> Any:
    """Return the derivative of a root by a parameter of its function, `dx/dt = -f_t / f_x`.

    Only `-` and `/` are used, so tensors, arrays, Series and mpmath numbers will do; in the backward pass of a
    `torch.autograd.Function` it multiplies the gradient that comes in.

    Args:
        slope: `f_x`, the derivative of the function by its variable at the root: `a_1` of `taylor`.
        parameter_slope: `f_t`, the derivative of the function by the parameter there.

    Returns:
        `dx/dt`, in the type and shape that the two share; infinite or an error of the arithmetic where `f_x` is zero.

    Source:
        The implicit function theorem.

    Example:
        >>> root_derivative(slope=6.0, parameter_slope=-1.0)  # x**2 = 9: dx/dt = 1 / (2 x)
        0.16666666666666666
    """
    return -parameter_slope / slope
