"""One root of one function in float64: fast steps inside a bracket that only shrinks, never slower than bisection.

The search holds two points of opposite sign. Each evaluation replaces one of them. It proposes the shorter of the two
high-order steps that land inside; what lands outside, or does not shrink, gives way to a midpoint. A step is taken only
while bisection could still finish from its worse outcome within the budget, so the number of evaluations is at most
that of bisection over the floats themselves (64 for any bracket) plus the constant `SLACK`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import SupportsFloat

from minent.errors import InputError
from minent.roots.result import (
    EPSILON,
    LARGEST,
    SLACK,
    TINY,
    Root,
    Status,
    Taylor,
    check_length,
    check_search,
    family_step,
    trusted_step,
)


@dataclass(frozen=True, slots=True)
class _Point:
    """A place that was looked at, and the step that it proposes (NaN where it has none)."""

    x: float
    value: float
    step: float


_Look = Callable[[float], _Point]


def find_root(
    taylor: Taylor,
    *,
    bracket: tuple[SupportsFloat, SupportsFloat] | None = None,
    start: SupportsFloat | None = None,
    order: int = 3,
    family: str = "householder",
    tolerance: float = 4 * EPSILON,
    max_steps: int = 100,
) -> Root:
    """Find a root of one function of one variable, at any order of convergence.

    With a bracket the search cannot fail on a continuous function, and takes at most 64 + 32 + 3 evaluations (usually
    5 to 10). With a start alone it steps, halves steps that do not help, and turns into a bracketed search as soon as
    the sign changes. Numerical trouble is told by `status`, never raised.

    Args:
        taylor: `taylor(x, order)` gives the Taylor coefficients `[a_0 .. a_order]` of the function at the float `x`
            (`a_k = f^(k)(x) / k!`), NaN outside its domain; `taylor_of` makes one from a plain function.
        bracket: `(low, high)` with `low < high` and a change of sign between; an infinite end means the largest float.
        start: Where to begin: needed without a bracket, and inside it with one.
        order: The order of convergence, 2 or more; `taylor` is asked for `a_0 .. a_{order - 1}`. 2 is Newton, 3 is
            Halley or Chebyshev and the usual optimum; more pays where derivatives are nearly free.
        family: `"householder"` or `"inverse_taylor"`.
        tolerance: Widest final bracket, relative to the root.
        max_steps: Most evaluations of `taylor`, 3 or more.

    Returns:
        The root with its residual, the number of evaluations, a status and the last bracket.

    Raises:
        InputError: No bracket and no start, a bracket that is not increasing, a start outside it, an unknown family,
            `order < 2`, or a `taylor` that returns too few coefficients.

    Source:
        J. Su, kexue.fm/archives/590; Householder (1970), chapter 4; the evaluation budget follows Oliveira &
        Takahashi (2020), doi:10.1145/3423597.

    Example:
        >>> root = find_root(lambda x, order: [x * x - 2, 2 * x, 1.0][: order + 1], bracket=(0, 2))
        >>> round(root.value, 12), root.status.name
        (1.414213562373, 'CONVERGED')
    """
    check_search(bracket, start, order, tolerance, max_steps)
    formula = family_step(family)

    def look(x: float) -> _Point:
        coefficients = [float(a) for a in check_length(taylor(x, order - 1), order)]
        return _Point(x, coefficients[0], trusted_step(coefficients, formula))

    if bracket is None:
        return _wander(look, look(float(start)), tolerance, max_steps)  # type: ignore[arg-type]
    low, high = _ends(bracket, start)
    here, there, steps = look(low), look(high), 2
    status = _refusal(here.value, there.value)
    if status is not None:
        return _finish(status, here, there, steps)
    worst = max(abs(here.value), abs(there.value))
    if start is not None:
        middle, steps = look(float(start)), 3
        if math.isnan(middle.value):
            return _finish(Status.NOT_FINITE, here, there, steps)
        here, there = _narrow(here, there, middle)
    return _close_in(look, here, there, steps, worst, tolerance, max_steps)


def _ends(bracket: tuple[SupportsFloat, SupportsFloat], start: SupportsFloat | None) -> tuple[float, float]:
    low, high = (float(end) for end in bracket)
    if not low < high:
        raise InputError(f"bracket is ({low}, {high}); it takes (low, high) with low < high.")
    if start is not None and not low < float(start) < high:
        raise InputError(f"start is {start}, outside the bracket ({low}, {high}); move it inside or leave it out.")
    return max(low, -LARGEST), min(high, LARGEST)


def _refusal(low: float, high: float) -> Status | None:
    if low == 0 or high == 0:
        return Status.CONVERGED
    if math.isnan(low) or math.isnan(high):
        return Status.NOT_FINITE
    return Status.NO_SIGN_CHANGE if (low > 0) == (high > 0) else None


def _opposite(a: float, b: float) -> bool:
    """By comparison: a product of tiny values would underflow to zero."""
    return a < 0 < b or b < 0 < a


def _margin(x: float, tolerance: float) -> float:
    """Half the width at which a bracket at `x` is narrow enough."""
    return tolerance / 2 * abs(x) + 2 * TINY


def _overshoot(x: float, stride: float, tolerance: float) -> float:
    """Step a margin too far, so that the last steps land on both sides of the root and close the bracket."""
    target = x + stride
    return target + math.copysign(_margin(target, tolerance), stride)


# --- without a bracket ------------------------------------------------------------------------------------------------


def _wander(look: _Look, here: _Point, tolerance: float, max_steps: int) -> Root:
    """Step downhill in `|f|` from a start; close in as soon as the sign changes."""
    worst, stride, steps = abs(here.value), here.step, 1
    while (status := _standing(here, stride, tolerance)) is None and steps < max_steps:
        new = look(_overshoot(here.x, stride, tolerance))
        steps += 1
        if _opposite(new.value, here.value):
            return _close_in(look, new, here, steps, worst, tolerance, max_steps)
        if abs(new.value) < abs(here.value):
            here, stride = new, new.step
        else:
            stride /= 2
    return _finish(status or Status.STEP_LIMIT, here, None, steps)


def _standing(here: _Point, stride: float, tolerance: float) -> Status | None:
    if here.value == 0:
        return Status.CONVERGED
    if not math.isfinite(here.value):
        return Status.NOT_FINITE
    if math.isnan(stride):
        return Status.FLAT
    if abs(stride) <= 2 * _margin(here.x, tolerance):
        return Status.CONVERGED if stride == here.step else Status.STALLED
    return None


# --- inside a bracket -------------------------------------------------------------------------------------------------


def _close_in(
    look: _Look, here: _Point, there: _Point, steps: int, worst: float, tolerance: float, max_steps: int
) -> Root:
    """Shrink a bracket to the tolerance. `here` is the newest end; `worst` the largest residual at the beginning."""
    budget = steps + _halvings(here.x, there.x) + SLACK
    move = math.inf
    while here.value != 0 and not _narrow_enough(here, there, tolerance):
        if steps >= max_steps:
            return _finish(Status.STEP_LIMIT, here, there, steps)
        x, move = _propose(here, there, move, tolerance)
        if steps + 1 + max(_halvings(here.x, x), _halvings(x, there.x)) > budget:
            x, move = _halfway(here.x, there.x), math.inf
        new = look(x)
        steps += 1
        if math.isnan(new.value):
            return _finish(Status.NOT_FINITE, here, there, steps)
        if move == 0 and _opposite(new.value, here.value):
            move = math.inf
        here, there = _narrow(here, there, new)
    jump = min(abs(here.value), abs(there.value)) >= worst
    return _finish(Status.JUMP if jump else Status.CONVERGED, here, there, steps)


def _narrow(here: _Point, there: _Point, new: _Point) -> tuple[_Point, _Point]:
    """Put the new point first and keep the end that it stands opposite to."""
    return new, there if not _opposite(new.value, here.value) else here


def _narrow_enough(here: _Point, there: _Point, tolerance: float) -> bool:
    return abs(there.x - here.x) <= tolerance * max(abs(here.x), abs(there.x)) + 4 * TINY


def _propose(here: _Point, there: _Point, move: float, tolerance: float) -> tuple[float, float]:
    """The next place to look at and how far it lies; an infinite distance says that it is no step but a midpoint."""
    low, high = min(here.x, there.x), max(here.x, there.x)
    for end in sorted((here, there), key=lambda end: abs(end.step)):
        target = _overshoot(end.x, end.step, tolerance)
        if not low < target < high:
            continue
        stride = target - end.x
        if abs(stride) <= move / 2:
            return target, abs(stride)
        # The steps do not shrink: go to the geometric middle between such a step and the other end. Where that crosses
        # the root, the bracket lost half its decades; where it does not, no move is short enough for the next turn.
        leap = end.x + math.copysign(math.sqrt(abs(stride)) * math.sqrt(high - low), stride)
        if move > 0 and low < leap < high:
            return leap, 0.0
        break
    return _middle(low, high), math.inf


def _middle(low: float, high: float) -> float:
    """The geometric mean of two numbers of one sign; across zero, the same on a scale that is linear near zero."""
    if low > 0:
        return math.sqrt(low) * math.sqrt(high)
    if high < 0:
        return -math.sqrt(-low) * math.sqrt(-high)
    return math.sinh((math.asinh(low) + math.asinh(high)) / 2)


def _ordinal(x: float) -> int:
    """The place of a float in the row of all floats: neighbours differ by one, and both zeros are 0."""
    bits = struct.unpack("<q", struct.pack("<d", x))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _halvings(a: float, b: float) -> int:
    """How many bisections over the floats separate `a` from `b`; 64 at most."""
    return abs(_ordinal(a) - _ordinal(b)).bit_length()


def _halfway(a: float, b: float) -> float:
    """The float with as many floats on its one side as on the other."""
    middle = (_ordinal(a) + _ordinal(b)) // 2
    return math.copysign(struct.unpack("<d", struct.pack("<q", abs(middle)))[0], middle)


def _finish(status: Status, here: _Point, there: _Point | None, steps: int) -> Root:
    if there is None:
        return Root(here.x, here.value, steps, status)
    best = there if abs(there.value) < abs(here.value) else here
    return Root(best.x, best.value, steps, status, (min(here.x, there.x), max(here.x, there.x)))
