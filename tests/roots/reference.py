"""The slow, obvious twins of `minent.roots`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from math import comb, factorial


def bisect(function: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Halve a bracket until no float lies inside."""
    rising = function(low) < 0
    while low < (middle := low / 2 + high / 2) < high:
        if (function(middle) < 0) == rising:
            low = middle
        else:
            high = middle
    return low, high


def floats_between(a: float, b: float) -> int:
    """How many steps to the next float lead from `a` to `b`."""
    return abs(_place(a) - _place(b))


def _place(x: float) -> int:
    magnitude = struct.unpack("<q", struct.pack("<d", abs(x)))[0]
    return magnitude if x >= 0 else -magnitude


def compose(outer: list[Fraction], inner: list[Fraction]) -> list[Fraction]:
    """`outer(inner(u))` cut to the length of `inner`, by multiplying out every power."""
    length = len(inner)
    total, power = [Fraction(0)] * length, [Fraction(1)] + [Fraction(0)] * (length - 1)
    for a in outer:
        total = [t + a * p for t, p in zip(total, power)]
        power = [sum((power[i] * inner[k - i] for i in range(k + 1)), Fraction(0)) for k in range(length)]
    return total


def catalan(n: int) -> int:
    return comb(2 * n, n) // (n + 1)


def arcsine(order: int) -> list[Fraction]:
    """Taylor coefficients of the arcsine at 0."""
    a = [Fraction(0)] * (order + 1)
    for k in range((order + 1) // 2):
        a[2 * k + 1] = Fraction(factorial(2 * k), 4**k * factorial(k) ** 2 * (2 * k + 1))
    return a
