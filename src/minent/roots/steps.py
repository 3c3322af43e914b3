"""The two families of steps toward a root, at any order, from Taylor coefficients alone.

Both take `coefficients = [a_0, a_1, ..., a_K]` of `f(x + h) = sum a_k h**k` (so `a_k = f^(k)(x) / k!`) and return the
step `h` of convergence order `K + 1` at a simple root. Only `+ - * /` are used, so the coefficients may be floats,
NumPy arrays, torch tensors, mpmath numbers or Fractions.

Source: J. Su, kexue.fm/archives/590 (inverse Taylor); A. S. Householder (1970), chapter 4 (the Householder family).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def householder_step(coefficients: Sequence[Any]) -> Any:
    """Return the Householder step of order `len(coefficients)`: Newton for two coefficients, Halley for three.

    With `u = -a_0 / a_1` and `A_k = a_k / a_1`, let `E_0 = 1` and `E_k = sum_{j=1..k} A_j u**(j-1) E_{k-j}`;
    the step is `u E_{K-1} / E_K`.

    Args:
        coefficients: `[a_0 .. a_K]`, `K >= 1`, with `a_1` not zero.

    Example:
        >>> householder_step([-1.0, 2.0])  # Newton
        0.5
        >>> from fractions import Fraction
        >>> householder_step([Fraction(-1), Fraction(2), Fraction(1)])  # Halley, exactly
        Fraction(2, 5)
    """
    u = -coefficients[0] / coefficients[1]
    scaled = [a / coefficients[1] for a in coefficients[1:]]
    terms = [u * 0 + 1]  # E_0, in the type and shape of u
    for k in range(1, len(coefficients)):
        power, term = terms[0], u * 0
        for j in range(k):
            term = term + scaled[j] * power * terms[k - 1 - j]
            power = power * u
        terms.append(term)
    return u * terms[-2] / terms[-1]


def inverse_taylor_step(coefficients: Sequence[Any]) -> Any:
    """Return the step of the inverse Taylor series cut after `K` terms: Newton for `K = 1`, Chebyshev for `K = 2`.

    The inverse function is expanded at `x` and evaluated where it vanishes: `h = sum_{k=1..K} b_k u**k` with
    `u = -a_0 / a_1` and `b` the series inverse to `h + A_2 h**2 + A_3 h**3 + ...`.

    Args:
        coefficients: `[a_0 .. a_K]`, `K >= 1`, with `a_1` not zero.

    Example:
        >>> from fractions import Fraction
        >>> inverse_taylor_step([Fraction(-1), Fraction(2), Fraction(1)])  # 1/2 - 1/2 (1/2)**2
        Fraction(3, 8)
    """
    u = -coefficients[0] / coefficients[1]
    inverse = invert_scaled([a / coefficients[1] for a in coefficients[1:]])
    total = inverse[-1]
    for b in reversed(inverse[:-1]):
        total = total * u + b
    return total * u


def invert_scaled(scaled: Sequence[Any]) -> list[Any]:
    """Return `[b_1 .. b_K]` such that `h = sum b_k u**k` solves `u = h + A_2 h**2 + ... + A_K h**K`.

    `b_k = -sum_{j=2..k} A_j P_{j,k}`, where `P_{j,k}` is the coefficient of `u**k` in `h(u)**j`. Cost `O(K**3)`.

    Args:
        scaled: `[1, A_2 .. A_K]`.

    Example:
        >>> invert_scaled([1, 1, 0, 0])  # h + h**2: signed Catalan numbers
        [1, -1, 2, -5]
    """
    zero = scaled[0] * 0
    inverse = [scaled[0]]
    for k in range(2, len(scaled) + 1):
        # powers[m] is the coefficient of u**m in h(u)**j; for j >= 2 only b_1 .. b_{k-1} enter it.
        powers = [zero, *inverse, zero]
        total = zero
        for j in range(2, k + 1):
            powers = [
                sum((inverse[i - 1] * powers[m - i] for i in range(1, min(m, k - 1) + 1)), zero) for m in range(k + 1)
            ]
            total = total - scaled[j - 1] * powers[k]
        inverse.append(total)
    return inverse
