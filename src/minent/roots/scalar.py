"""One root of one function: the door to the search of `search.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, SupportsFloat

import numpy as np

from minent.errors import InputError
from minent.roots.plane import find_complex
from minent.roots.result import (
    EPSILON,
    LARGEST,
    STATUSES,
    TINY,
    Root,
    Taylor,
    check_length,
    check_search,
    family_code,
)
from minent.roots.search import Outcome, search, trusted_step


def find_root(
    taylor: Taylor,
    *,
    bracket: tuple[SupportsFloat, SupportsFloat] | None = None,
    start: SupportsFloat | complex | None = None,
    args: Sequence[Any] = (),
    order: int = 3,
    family: str = "householder",
    multiplicity: int | None = None,
    tolerance: float = 4 * EPSILON,
    absolute_tolerance: float = 4 * TINY,
    residual_tolerance: float = 0.0,
    max_steps: int = 100,
) -> Root:
    """Find a root of one function of one variable, at any order of convergence.

    With a bracket the search cannot fail on a continuous function, and takes at most 64 + 32 + 3 evaluations (usually
    5 to 10). With a start alone it steps, halves steps that do not help, and turns into a bracketed search as soon as
    the sign changes. Numerical trouble is told by `status`, never raised.

    Args:
        taylor: `taylor(x, order, *args)` gives the Taylor coefficients `[a_0 .. a_order]` of the function at the float
            `x` (`a_k = f^(k)(x) / k!`), NaN outside its domain; `taylor_of` makes one from a plain function. Where it
            was compiled by Numba's `njit` it returns a tuple of floats, which may be longer, and the whole search runs
            compiled.
        bracket: `(low, high)` with `low < high` and a change of sign between; an infinite end means the largest float.
        start: Where to begin: needed without a bracket, and inside it with one. A complex number searches the complex
            plane, and takes no bracket.
        args: What `taylor` takes after the order.
        order: The order of convergence; `taylor` is asked for `a_0 .. a_{order - 1}`. 2 is Newton, 3 is Halley or
            Chebyshev and the usual optimum; more pays where derivatives are nearly free. 1 asks for values alone, which
            inverse quadratic interpolation then joins; it needs a bracket.
        family: `"householder"` or `"inverse_taylor"`.
        multiplicity: That of the root, where it is known: 2 for a double root, and so on. None guesses it from the
            coefficients when `order` is 3 or more; 1 never does.
        tolerance: Widest final bracket, relative to the root.
        absolute_tolerance: What that width may be more than relative to the root: for roots near zero.
        residual_tolerance: A place where the function is no larger than this is a root.
        max_steps: Most evaluations of `taylor`, 3 or more; 2 with a bracket alone.

    Returns:
        The root with its residual, the number of evaluations, a status and the last bracket.

    Raises:
        InputError: No bracket and no start, a bracket that is not increasing, a start outside it, NaN, an unknown
            family, `order < 1`, or a `taylor` that returns too few coefficients.

    Source:
        J. Su, kexue.fm/archives/590; Householder (1970), chapter 4; the evaluation budget follows Oliveira &
        Takahashi (2020), doi:10.1145/3423597.

    Example:
        >>> root = find_root(lambda x, order: [x * x - 2, 2 * x, 1.0][: order + 1], bracket=(0, 2))
        >>> round(root.value, 12), root.status.name
        (1.414213562373, 'CONVERGED')
        >>> abs(find_root(lambda x, order: [x * x + 4, 2 * x, 1.0], start=1 + 1j).value - 2j) < 1e-15
        True
    """
    check_search(bracket, start, order, tolerance, max_steps, multiplicity, absolute_tolerance, residual_tolerance)
    code = family_code(family)
    if isinstance(start, (complex, np.complexfloating)):
        if bracket is not None:
            raise InputError(
                f"start is {start}, a complex number, and a bracket is given; a bracket holds a real root."
            )
        limits = (tolerance, absolute_tolerance, residual_tolerance, max_steps)
        return find_complex(taylor, start, tuple(args), order, family, multiplicity, limits).item()
    low, high, begin = _ends(bracket, start)
    limits = (float(tolerance), float(absolute_tolerance), float(residual_tolerance), max_steps)
    settings = (order, code, multiplicity or 0, limits)
    if hasattr(taylor, "py_func"):
        from minent.roots.compiled import search_compiled

        outcome = search_compiled(taylor, low, high, begin, args, settings)
    else:
        outcome = _search_python(taylor, low, high, begin, args, settings)
    return _root(outcome)


def _search_python(
    taylor: Taylor, low: float, high: float, start: float, args: Sequence[Any], settings: Any
) -> Outcome:
    order, family, multiplicity, limits = settings

    def look(x: float, context: None) -> tuple[float, float]:
        a = [float(a) for a in check_length(taylor(x, order - 1, *args), order)]
        return a[0], trusted_step(a, order, family, multiplicity)

    return search(look, None, low, high, start, order, limits)


def _ends(bracket: Any, start: Any) -> tuple[float, float, float]:
    """The ends and the start as floats, NaN where they are not given."""
    if bracket is None:
        return math.nan, math.nan, _real("start", start)
    low, high = (_real(f"bracket[{place}]", end) for place, end in enumerate(bracket))
    if not low < high:
        raise InputError(f"bracket is ({low}, {high}); it takes (low, high) with low < high.")
    begin = math.nan if start is None else _real("start", start)
    if start is not None and not low < begin < high:
        raise InputError(f"start is {start}, outside the bracket ({low}, {high}); move it inside or leave it out.")
    return max(low, -LARGEST), min(high, LARGEST), begin


def _real(name: str, value: Any) -> float:
    try:
        real = value if type(value) is float else math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        real = math.nan
    if math.isnan(real):
        raise InputError(f"{name} is {value!r}; it takes a real number, infinite at most.")
    return real


def _root(outcome: Outcome) -> Root:
    value, residual, steps, code, low, high = outcome
    return Root(value, residual, steps, STATUSES[code], None if math.isnan(low) else (low, high))
