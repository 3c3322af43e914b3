"""A root to any number of digits, with mpmath: found in float64, then refined up a ladder of precisions.

A step of order `p` multiplies the correct digits by `p`, so only the last one needs the full precision: the ladder ends
at `digits` and each rung below holds a `p`-th of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minent.errors import InputError, MissingExtraError
from minent.roots.result import TINY, Root, Status, Step, Taylor, check_length, check_search, family_step
from minent.roots.scalar import find_root

_FLOAT_DIGITS = 15
_GUARD_DIGITS = 10


def find_root_mp(
    taylor: Taylor,
    *,
    bracket: tuple[Any, Any] | None = None,
    start: Any = None,
    digits: int = 50,
    order: int = 8,
    family: str = "householder",
    max_steps: int = 200,
) -> Root:
    """Find a root to `digits` significant digits.

    Args:
        taylor: `taylor(x, order)` gives `[a_0 .. a_order]` at the mpmath number `x`, computed with mpmath in its
            current precision; `taylor_of` makes one from a plain function.
        bracket: `(low, high)` with a change of sign between, within the range of floats.
        start: Where to begin: needed without a bracket, and inside it with one.
        digits: Significant decimal digits of the result, 1 or more.
        order: The order of convergence, 2 or more; 5 to 20 is best where coefficients are cheap.
        family: `"householder"` or `"inverse_taylor"`.
        max_steps: Most evaluations of `taylor`, 3 or more.

    Returns:
        The root as an mpmath number; `CONVERGED` says that Newton's correction at the end is below the last digit.

    Raises:
        MissingExtraError: mpmath is not installed.
        InputError: As for `find_root`, or `digits < 1`.

    Source:
        R. P. Brent (1976), doi:10.1145/321941.321944, section 4: precision that grows with the iteration.

    Example:
        >>> import mpmath
        >>> from minent.roots import find_root_mp, taylor_of
        >>> root = find_root_mp(taylor_of(lambda x: x * x - 2), bracket=(1, 2), digits=40)
        >>> print(mpmath.nstr(root.value, 40))
        1.41421356237309504880168872420969807857
    """
    mpmath = _mpmath()
    check_search(bracket, start, order, 1.0, max_steps)
    if digits < 1:
        raise InputError(f"digits is {digits}; it is a number of significant digits, from 1 up.")
    formula = family_step(family)

    def in_floats(x: float, degree: int) -> list[float]:
        with mpmath.workdps(_FLOAT_DIGITS + _GUARD_DIGITS):
            return [_to_float(a) for a in taylor(mpmath.mpf(x), degree)]

    rough = find_root(in_floats, bracket=bracket, start=start, order=min(order, 6), family=family, max_steps=max_steps)
    if rough.status not in (Status.CONVERGED, Status.STALLED):
        return rough
    return _refine(mpmath, taylor, formula, rough, digits, order, max_steps)


def _refine(mpmath: Any, taylor: Taylor, formula: Step, rough: Root, digits: int, order: int, max_steps: int) -> Root:
    x, steps = mpmath.mpf(rough.value), rough.steps
    for rung in _ladder(digits, order):
        with mpmath.workdps(rung + _GUARD_DIGITS):
            x = x + _step(formula, check_length(taylor(x, order - 1), order))
        steps += 1
    with mpmath.workdps(digits + _GUARD_DIGITS):
        smallest, correction = mpmath.mpf(10) ** -digits, mpmath.inf
        while True:
            value, slope = taylor(x, 1)[:2]
            steps += 1
            previous, correction = correction, abs(value / slope) if slope else mpmath.inf
            if value == 0 or correction <= smallest * max(abs(x), TINY):
                return Root(x, value, steps, Status.CONVERGED)
            if not correction < previous:
                return Root(x, value, steps, Status.STALLED)
            if steps >= max_steps:
                return Root(x, value, steps, Status.STEP_LIMIT)
            x = x + _step(formula, check_length(taylor(x, order - 1), order))
            steps += 1


def _ladder(digits: int, order: int) -> list[int]:
    """The precisions to step in, rising: each holds what a step of this order makes of the one below.

    >>> _ladder(1000, 3)
    [38, 112, 334, 1000]
    """
    rungs = [digits]
    while rungs[0] > order * _FLOAT_DIGITS:
        rungs.insert(0, -(-rungs[0] // order))
    return rungs


def _step(formula: Step, coefficients: Sequence[Any]) -> Any:
    """The step, or none where its denominator vanishes: the check that follows then says how things stand."""
    try:
        return formula(coefficients)
    except ZeroDivisionError:
        return 0


def _to_float(a: Any) -> float:
    try:
        return float(a)
    except OverflowError:
        return math.copysign(math.inf, a)


def _mpmath() -> Any:
    try:
        import mpmath
    except ImportError as error:
        raise MissingExtraError(
            "find_root_mp needs mpmath, which is not installed: run `pip install mpmath`."
        ) from error
    return mpmath
