"""A root to any number of digits, with mpmath: found in float64, then refined up a ladder of precisions.

A step of order `p` multiplies the correct digits by `p`, so only the last one needs the full precision: the ladder ends
at `digits` and each rung below holds a `p`-th of it. The floats find the root with low order, since there each
coefficient costs a call and no digits are to be won.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minent.errors import MissingExtraError, whole
from minent.roots.result import Root, Status, Step, Taylor, check_length, check_search, family_step
from minent.roots.scalar import find_root
from minent.roots.steps import householder_step, take_root

_FLOAT_DIGITS = 15
_GUARD_DIGITS = 10
_ROUGH_DIGITS = 12  # a Newton correction this small in floats is where the ladder begins
_ROUGH_STEPS = 6
_WORKED_BITS = 20  # by how much a step lowers the residual at least, at a simple root
_BITS = math.log2(10)
_TINY_BITS = -1022  # a root below the smallest float is zero


def find_root_mp(
    taylor: Taylor,
    *,
    bracket: tuple[Any, Any] | None = None,
    start: Any = None,
    digits: int = 50,
    order: int = 8,
    family: str = "householder",
    multiplicity: int = 1,
    max_steps: int = 200,
) -> Root:
    """Find a root to `digits` significant digits.

    Args:
        taylor: `taylor(x, order)` gives `[a_0 .. a_order]` at `x`: an mpmath number, in mpmath's current precision, and
            at first a float; `taylor_of` makes one from a plain function.
        bracket: `(low, high)` with a change of sign between, within the range of floats.
        start: Where to begin: needed without a bracket, and inside it with one. A complex number searches the plane.
        digits: Significant decimal digits of the result, 1 or more.
        order: The largest order of convergence, 2 or more; 5 to 20 is best where coefficients are cheap. A rung of the
            ladder takes the least order that reaches it.
        family: `"householder"` or `"inverse_taylor"`.
        multiplicity: That of the root: 2 for a double root. Where it is left at 1, a multiple root costs a step for
            each few bits.
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
    order = whole("order", order, 2, meaning=", since find_root_mp steps by derivatives")
    digits = whole("digits", digits, 1, meaning=" of significant digits")
    check_search(bracket, start, order, 1.0, max_steps, multiplicity)
    ladder = _Ladder(mpmath, taylor, family_step(family), multiplicity, order, max_steps)
    rough = ladder.nearby(start) if bracket is None else None
    if rough is None:
        rough = ladder.search(bracket, start, family)
        if rough.status not in (Status.CONVERGED, Status.STALLED):
            return rough
    return ladder.climb(rough, digits)


class _Ladder:
    """The stages of one search; `steps` counts the calls of `taylor`."""

    def __init__(
        self, mpmath: Any, taylor: Taylor, formula: Step, multiplicity: int, order: int, max_steps: int
    ) -> None:
        self.mpmath, self.taylor, self.formula = mpmath, taylor, formula
        self.multiplicity, self.order, self.max_steps, self.steps = multiplicity, order, max_steps, 0
        self.known = _ROUGH_DIGITS

    def look(self, x: Any, order: int) -> Sequence[Any]:
        self.steps += 1
        return check_length(self.taylor(x, order - 1), order)

    def step(self, coefficients: Sequence[Any]) -> Any:
        """The step, or none where its denominator vanishes: the check that follows then says how things stand."""
        try:
            if self.multiplicity > 1:
                coefficients = take_root(coefficients, self.multiplicity)
            if self.formula is householder_step and not isinstance(coefficients[0], (float, complex)):
                return householder_mp(coefficients)
            return self.formula(coefficients)
        except ZeroDivisionError:
            return 0

    def nearby(self, start: Any) -> Root | None:
        """A few plain steps in floats: enough from a good start, else None and the safe search begins anew."""
        x, order = complex(start) if _is_complex(start) else float(start), min(self.order, 4)
        for _ in range(_ROUGH_STEPS):
            try:
                a = [_to_number(a) for a in self.look(x, order)]
                step = self.step(a)
                x, size = x + step, abs(step)
            except (ArithmeticError, ValueError):
                return None
            if not size <= abs(x):
                return None
            # After this step the error is about that power of its size.
            known = _FLOAT_DIGITS if size == 0 else min(_FLOAT_DIGITS, -order * math.log10(size / abs(x)))
            if known >= _ROUGH_DIGITS:
                self.known = int(known)
                return Root(x, a[0], self.steps, Status.CONVERGED)
        return None

    def search(self, bracket: Any, start: Any, family: str) -> Root:
        """The search of `find_root`, with some digits to spare where the function loses them."""

        def in_floats(x: Any, degree: int) -> list[Any]:
            with self.mpmath.workdps(_FLOAT_DIGITS + _GUARD_DIGITS):
                return [_to_number(a) for a in self.look(self.mpmath.mpmathify(x), degree + 1)]

        begin = complex(start) if _is_complex(start) else start
        root = find_root(
            in_floats, bracket=bracket, start=begin, order=min(self.order, 4), family=family, max_steps=self.max_steps
        )
        return Root(root.value, root.residual, self.steps, root.status, root.bracket)

    def climb(self, rough: Root, digits: int) -> Root:
        """Refine up the rungs, then go on at full precision until Newton's correction is below the last digit."""
        mp, x, known = self.mpmath.mp, self.mpmath.mpmathify(rough.value), self.known
        before = mp.prec
        try:
            for rung in _rungs(digits, self.order, known):
                order = max(2, min(self.order, -(-rung // known) if self.multiplicity == 1 else self.order))
                mp.prec = int((rung + _GUARD_DIGITS) * _BITS) + 1
                a = self.look(x, order)
                x = x + self.step(a)
                known = rung
            return self.finish(x, a, int(digits * _BITS) + 1)
        finally:
            mp.prec = before

    def finish(self, x: Any, last: Sequence[Any], bits: int) -> Root:
        mag, previous = self.mpmath.mag, math.inf
        value = self.look(x, 1)[0]
        # After a step that worked as it should, the slope of the last rung is right to all digits needed here.
        worked = value == 0 or mag(value) <= mag(last[0]) - _WORKED_BITS
        a = [value, last[1]] if worked and self.multiplicity == 1 else self.look(x, 2)
        while True:
            correction = mag(a[0]) - mag(a[1]) + 1 if a[0] and a[1] else math.inf
            if a[0] == 0 or correction <= max(mag(x), _TINY_BITS) - bits:
                return Root(x, a[0], self.steps, Status.CONVERGED)
            previous, before = abs(a[0]), previous
            if not previous < before:
                return Root(x, a[0], self.steps, Status.STALLED)
            if self.steps >= self.max_steps:
                return Root(x, a[0], self.steps, Status.STEP_LIMIT)
            x = x + self.step(self.look(x, self.order))
            a = self.look(x, 2)


def householder_mp(a: Sequence[Any]) -> Any:
    """`householder_step` with one division: `G_k = a_1**k E_k = sum_{j=1..k} a_j (-a_0)**(j-1) G_{k-j}`.

    Floats would overflow here; mpmath's exponents have no end.
    """
    v = -a[0]
    weighted, power = [a[1]], v
    for a_j in a[2:]:
        weighted.append(a_j * power)
        power = power * v
    g = [1, a[1]]
    for k in range(2, len(a)):
        total = a[1] * g[k - 1] + weighted[k - 1]
        for j in range(2, k):
            total = total + weighted[j - 1] * g[k - j]
        g.append(total)
    return v * g[-2] / g[-1]


def _rungs(digits: int, order: int, known: int) -> list[int]:
    """The precisions to step in, rising: each holds what a step of this order makes of the one below.

    >>> _rungs(1000, 3, 12)
    [13, 38, 112, 334, 1000]
    """
    rungs = [digits]
    while rungs[0] > order * known:
        rungs.insert(0, -(-rungs[0] // order))
    return rungs


def _is_complex(x: Any) -> bool:
    return isinstance(x, (complex, np.complexfloating)) or type(x).__name__ == "mpc"


def _to_number(a: Any) -> Any:
    try:
        return complex(a) if _is_complex(a) else float(a)
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
