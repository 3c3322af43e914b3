"""The two families of steps toward a root, at any order, from Taylor coefficients alone.

Both take `coefficients = [a_0, a_1, ..., a_K]` of `f(x + h) = sum a_k h**k` (so `a_k = f^(k)(x) / k!`) and return the
step `h` of convergence order `K + 1` at a simple root. Only `+ - * /` are used, so the coefficients may be floats,
NumPy arrays, torch tensors, mpmath numbers or Fractions.

Source: J. Su, kexue.fm/archives/590 (inverse Taylor); A. S. Householder (1970), chapter 4 (the Householder family).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from minent.errors import InputError

_FLINT_FROM = 65  # where `invert_series` hands rational coefficients to python-flint, when it is installed


def householder_step(coefficients: Sequence[Any]) -> Any:
    """Return the Householder step of order `len(coefficients)`: Newton for two coefficients, Halley for three.

    With `u = -a_0 / a_1` and `A_k = a_k / a_1`, let `E_0 = 1` and `E_k = sum_{j=1..k} A_j u**(j-1) E_{k-j}`;
    the step is `u E_{K-1} / E_K`.

    Args:
        coefficients: `[a_0 .. a_K]`, `K >= 1`, with `a_1` not zero.

    Returns:
        The step `h`, in the type and shape of the coefficients; `O(K**2)` operations.

    Source:
        Householder (1970), chapter 4, written in Taylor coefficients.

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

    Returns:
        The step `h`, in the type and shape of the coefficients; `O(K**3)` operations.

    Source:
        J. Su, kexue.fm/archives/590.

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


def take_root(coefficients: Sequence[Any], multiplicity: Any) -> list[Any]:
    """Return the series of `(f / a_0)**(1/m)`: where `f` has a root of multiplicity `m`, this one's root is simple.

    A step taken from it has the full order of convergence again. With `g_0 = 1`,
    `g_k = sum_{j=1..k} (j - (k - j) m) (a_j / a_0) g_{k-j} / (k m)`.

    Args:
        coefficients: `[a_0 .. a_K]`, with `a_0` not zero.
        multiplicity: `m`, a number, or one for each element of the coefficients.

    Returns:
        `[g_0 .. g_K]`; `O(K**2)` operations.

    Source:
        Euler's recurrence for powers of a series, at the exponent `1/m`.

    Example:
        >>> take_root([4.0, 4.0, 1.0], 2)  # (2 + h)**2 / 4 has the double root h = -2
        [1.0, 0.5, 0.0]
        >>> householder_step(take_root([4.0, 4.0, 1.0], 2))
        -2.0
    """
    scaled = [a / coefficients[0] for a in coefficients]
    root = [coefficients[0] * 0 + 1]
    for k in range(1, len(scaled)):
        total = coefficients[0] * 0
        for j in range(1, k + 1):
            total = total + (j - (k - j) * multiplicity) * scaled[j] * root[k - j]
        root.append(total / (k * multiplicity))
    return root


def invert_series(coefficients: Sequence[Any]) -> list[Any]:
    """Return the Taylor coefficients of the inverse function.

    Where `f(x + h) = a_0 + a_1 h + ... + a_K h**K`, the displacement that gives the value `v` is
    `h = b_0 + b_1 (v - a_0) + ... + b_K (v - a_0)**K`, and `b_0` is zero. Whole numbers are taken as Fractions, so
    they and Fractions give an exact answer.

    Args:
        coefficients: `[a_0 .. a_K]`, `K >= 1`, with `a_1` not zero.

    Returns:
        `[b_0 .. b_K]`; `O(K**3)` operations, fewer for more than 64 rational coefficients with python-flint installed.

    Raises:
        InputError: Fewer than two coefficients, or `a_1` is zero, so that no inverse series exists.

    Source:
        The recurrence of `invert_scaled`; J. Su, kexue.fm/archives/590 gives its first terms.

    Example:
        >>> print(*invert_series([0, 1, 1, 0, 0, 0]))  # h + h**2: signed Catalan numbers
        0 1 -1 2 -5 14
    """
    if len(coefficients) < 2:
        raise InputError(f"coefficients has {len(coefficients)} terms; an inverse needs [a_0, a_1] at least.")
    exact = [Fraction(a) if isinstance(a, int) else a for a in coefficients]
    slope = exact[1]
    if not hasattr(slope, "shape") and slope == 0:
        raise InputError("coefficients[1] is 0, so the function has no inverse series here; expand at another point.")
    if len(exact) > _FLINT_FROM and all(isinstance(a, Fraction) for a in exact) and importlib.util.find_spec("flint"):
        return _invert_with_flint(exact)
    inverse, power = [exact[0] * 0], slope
    for b in invert_scaled([a / slope for a in exact[1:]]):
        inverse.append(b / power)
        power = power * slope
    return inverse


def _invert_with_flint(exact: list[Fraction]) -> list[Fraction]:
    """The same for many rational coefficients, by the faster reversion of python-flint."""
    import flint

    rational = [flint.fmpq(a.numerator, a.denominator) for a in exact]
    before, flint.ctx.cap = flint.ctx.cap, len(exact)
    try:
        inverse = flint.fmpq_series([flint.fmpq(0), *rational[1:]]).reversion()
    finally:
        flint.ctx.cap = before
    terms = [inverse[k] for k in range(len(exact))]
    return [Fraction(int(b.p), int(b.q)) for b in terms]


def invert_scaled(scaled: Sequence[Any]) -> list[Any]:
    """Return `[b_1 .. b_K]` such that `h = sum b_k u**k` solves `u = h + A_2 h**2 + ... + A_K h**K`.

    `b_k = -sum_{j=2..k} A_j P_{j,k}`, where `P_{j,k} = sum_{i=1..k-j+1} b_i P_{j-1,k-i}` is the coefficient of `u**k`
    in `h(u)**j`.

    Args:
        scaled: `[1, A_2 .. A_K]`.

    Returns:
        `[b_1 .. b_K]`, `b_1 = 1`; `O(K**3)` operations.

    Source:
        Equating powers of `u`; J. Su, kexue.fm/archives/590 gives the first terms.

    Example:
        >>> invert_scaled([1, 1, 0, 0])  # h + h**2: signed Catalan numbers
        [1, -1, 2, -5]
    """
    zero = scaled[0] * 0
    inverse = [scaled[0]]
    powers = [inverse]  # powers[j - 1][k - 1] is P_{j,k}; the first power is the inverse itself, so it grows with it
    for k in range(2, len(scaled) + 1):
        powers.append([zero] * (k - 1))
        for j in range(2, k + 1):
            lower = powers[j - 2]
            powers[j - 1].append(sum((inverse[i - 1] * lower[k - i - 1] for i in range(1, k - j + 2)), zero))
        inverse.append(-sum((scaled[j - 1] * powers[j - 1][k - 1] for j in range(2, k + 1)), zero))
    return inverse
