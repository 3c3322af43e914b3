"""Is there a root here, and only one? Three answers of rising strength, each honest about what it assumes.

- A change of sign over a few floats: a root of a continuous function, or a jump.
- Smale's test: Newton's method from here converges to a root within `2 |u|`; it looks at all coefficients of an
  analytic function, and is proof where those given are all that there are (a polynomial).
- Interval Newton, in the ball arithmetic of python-flint: proof, rounding included, for functions that it can evaluate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minent.errors import InputError, MissingExtraError, number, whole
from minent.roots.result import Taylor, check_length

# Smale's constant, (13 - 3 sqrt(17)) / 4.
SMALE = (13 - 3 * math.sqrt(17)) / 4


@dataclass(frozen=True)
class Certificate:
    """What is known about a root near a place.

    Attributes:
        holds: Whether the test passed. Where it did not, nothing is known: there may be a root all the same.
        low: The root is at `low` or above; NaN where the test did not pass.
        high: And at `high` or below.
        reason: The sentence for a person.
    """

    holds: bool
    low: float
    high: float
    reason: str


def certify_sign(taylor: Taylor, x: float, *, ulps: int = 2) -> Certificate:
    """Look for a change of sign between the floats `ulps` below and above `x`.

    Args:
        taylor: As for `find_root`; only its value is asked for.
        x: Where a root is believed to be, finite.
        ulps: How many floats to go to either side, 1 or more.

    Returns:
        Whether the function differs in sign there, or is zero at `x`.

    Raises:
        InputError: `x` is not finite, or `ulps < 1`.

    Source:
        The intermediate value theorem; the function must be continuous, and its sign right in floats.

    Example:
        >>> from minent.roots import taylor_of
        >>> certify_sign(taylor_of(lambda x: x * x - 2), 2**0.5).holds
        True
    """
    low = high = x = number("x", x, -math.inf, ": a finite place", above=True)
    ulps = whole("ulps", ulps, 1, meaning=": floats to either side")
    for _ in range(ulps):
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
    at, below, above = (float(taylor(place, 0)[0]) for place in (x, low, high))
    if at == 0:
        return Certificate(True, low, high, f"the function is zero at {x}")
    if below < 0 < above or above < 0 < below:
        return Certificate(True, low, high, f"the sign changes within {ulps} floats of {x}")
    return Certificate(
        False, math.nan, math.nan, f"no change of sign within {ulps} floats: {below} below, {above} above"
    )


def certify_smale(coefficients: Sequence[Any], x: Any = 0.0) -> Certificate:
    """Test that Newton's method from here converges at once, to a root within `2 |u|`.

    With `u = -a_0 / a_1` and `gamma = max_k |a_k / a_1|**(1 / (k - 1))`, the test is `|u| gamma < 0.1577`.

    Args:
        coefficients: `[a_0 .. a_K]` at the place, `K >= 1`. They are all of them for a polynomial of degree `K`; for
            another function `gamma` is taken from those given, and the answer is as good as they are many.
        x: The place.

    Returns:
        Where the root is, for real coefficients; for complex ones `low` and `high` are `abs(x) - 2|u|` and
        `abs(x) + 2|u|`.

    Raises:
        InputError: Fewer than two coefficients.

    Source:
        Smale (1986), alpha theory; Wang & Han (1990) for the constant `(13 - 3 sqrt(17)) / 4`.

    Example:
        >>> certificate = certify_smale([1.5**2 - 2, 2 * 1.5, 1.0], 1.5)
        >>> certificate.holds, certificate.low <= 2**0.5 <= certificate.high
        (True, True)
    """
    if len(coefficients) < 2:
        raise InputError(f"coefficients has {len(coefficients)} terms; the test takes [a_0, a_1] at least.")
    slope = abs(coefficients[1])
    if not slope > 0:
        return Certificate(False, math.nan, math.nan, "the derivative is zero here, so Newton's method has no step")
    radius = abs(coefficients[0]) / slope
    if not all(math.isfinite(abs(a)) for a in coefficients):
        return Certificate(False, math.nan, math.nan, "a coefficient is not finite here")
    gamma = max((float(abs(a) / slope) ** (1 / k) for k, a in enumerate(coefficients[2:], start=1)), default=0.0)
    alpha = float(radius) * gamma
    center = abs(x) if isinstance(x, complex) else x
    if alpha < SMALE:
        return Certificate(True, center - 2 * radius, center + 2 * radius, f"alpha is {alpha:.3g}, below {SMALE:.4f}")
    return Certificate(False, math.nan, math.nan, f"alpha is {alpha:.3g}, not below {SMALE:.4f}")


def certify_interval(taylor: Taylor, low: Any, high: Any, *, digits: int = 30) -> Certificate:
    """Prove with interval Newton that there is exactly one root in a bracket.

    `N = m - f(m) / f'([low, high])` encloses every root of the bracket; where it lies inside, there is one and no more.

    Args:
        taylor: As for `find_root`, but for the balls of python-flint: `taylor_of` makes one from a plain function.
        low: The left end.
        high: The right end; a bracket from `find_root` is too narrow for the digits of a float, so widen it a little.
        digits: Precision of the balls.

    Returns:
        Whether there is exactly one, with the narrower bracket that contains it.

    Raises:
        MissingExtraError: python-flint is not installed.
        InputError: `low < high` does not hold.

    Source:
        R. E. Moore (1966), chapter 7; F. Johansson (2017), doi:10.1109/TC.2017.2690633, for ball arithmetic.

    Example:
        >>> from minent.roots import taylor_of
        >>> certify_interval(taylor_of(lambda x: np.exp(x) - 3), 1.0, 1.2).holds  # doctest: +SKIP
        True
    """
    flint = _flint()
    if not low < high:
        raise InputError(f"the bracket is ({low}, {high}); it takes low < high.")
    before = flint.ctx.dps
    try:
        flint.ctx.dps = digits
        left, right = flint.arb(low), flint.arb(high)
        ball = left.union(right)
        middle = ball.mid()
        value = check_length(taylor(middle, 0), 1)[0]
        slope = check_length(taylor(ball, 1), 2)[1]
        if not slope.is_finite() or slope.contains(0):
            return Certificate(False, math.nan, math.nan, "the derivative may vanish in the bracket; make it narrower")
        enclosure = middle - value / slope
        if left < enclosure < right:
            ends = (float(enclosure.lower()), float(enclosure.upper()))
            outward = (math.nextafter(ends[0], -math.inf), math.nextafter(ends[1], math.inf))
            return Certificate(True, *outward, "interval Newton maps the bracket into itself: exactly one root")
        if not ball.overlaps(enclosure):
            return Certificate(False, math.nan, math.nan, "interval Newton leaves the bracket: there is no root in it")
        return Certificate(
            False, math.nan, math.nan, "interval Newton does not fit inside; move the ends apart or closer"
        )
    finally:
        flint.ctx.dps = before


def _flint() -> Any:
    try:
        import flint
    except ImportError as error:
        raise MissingExtraError(
            "certify_interval needs python-flint, which is not installed: run `pip install python-flint`."
        ) from error
    return flint
