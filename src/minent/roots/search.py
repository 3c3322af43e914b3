"""The bracketed search for one root, written once: it runs as Python, and `compiled.py` hands the same text to Numba.

The search holds two points of opposite sign. Each evaluation replaces one of them. It proposes the shorter of the two
high-order steps that land inside; what lands outside, or does not shrink, gives way to a midpoint. A step is taken only
while bisection could still finish from its worse outcome within the budget, so the number of evaluations is at most
that of bisection over the floats themselves (64 for any bracket) plus the constant `SLACK`.

A point is a tuple `(x, value, step)`: a place that was looked at, and the step that it proposes, NaN where it has none.
`look(x, context)` makes the last two. What does not exist is NaN: a bracket that was not given, a start, an end.

Source: J. Su, kexue.fm/archives/590; Householder (1970), chapter 4; Oliveira & Takahashi (2020), doi:10.1145/3423597,
for the budget; Chandrupatla (1997), doi:10.1016/S0965-9978(96)00051-8, for the interpolation of values alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from minent.roots.result import (
    CONVERGED,
    FLAT,
    JUMP,
    LARGEST_MULTIPLICITY,
    NEAR_WHOLE,
    NO_SIGN_CHANGE,
    NOT_FINITE,
    RUNNING,
    SLACK,
    STALLED,
    STEP_LIMIT,
)

Point = tuple[float, float, float]
Look = Callable[[float, Any], tuple[float, float]]
Outcome = tuple[float, float, int, int, float, float]  # value, residual, steps, code, low, high
Limits = tuple[float, float, float, int]  # relative width, absolute width, residual that is small enough, most steps


def search(look: Look, context: Any, low: float, high: float, start: float, order: int, limits: Limits) -> Outcome:
    """Find one root, from a bracket, a start, or both."""
    if math.isnan(low):
        return wander(look, context, start, order, limits)
    here, there, steps = see(look, context, low), see(look, context, high), 2
    if here[1] == 0 or there[1] == 0:
        return finish(CONVERGED, here, there, steps)
    if math.isnan(here[1]) or math.isnan(there[1]):
        return finish(NOT_FINITE, here, there, steps)
    if (here[1] > 0) == (there[1] > 0):
        return finish(NO_SIGN_CHANGE, here, there, steps)
    worst = max(abs(here[1]), abs(there[1]))
    gone = (math.nan, math.nan, math.nan)
    if not math.isnan(start):
        middle, steps = see(look, context, start), 3
        if math.isnan(middle[1]):
            return finish(NOT_FINITE, here, there, steps)
        gone, there = (there, here) if opposite(middle[1], here[1]) else (here, there)
        here = middle
    if order == 1:
        here = interpolated(here, there, gone)
    return close_in(look, context, here, there, steps, worst, order, limits)


def see(look: Look, context: Any, x: float) -> Point:
    value, step = look(x, context)
    return x, value, step


def finish(code: int, here: Point, there: Point, steps: int) -> Outcome:
    best = there if abs(there[1]) < abs(here[1]) else here
    if math.isnan(there[0]):
        return best[0], best[1], steps, code, math.nan, math.nan
    return best[0], best[1], steps, code, min(here[0], there[0]), max(here[0], there[0])


# --- without a bracket ------------------------------------------------------------------------------------------------


def wander(look: Look, context: Any, start: float, order: int, limits: Limits) -> Outcome:
    """Step downhill in `|f|` from a start; close in as soon as the sign changes."""
    relative, absolute, _, most = limits
    here, steps = see(look, context, start), 1
    worst, stride = abs(here[1]), here[2]
    code = standing(here, stride, limits)
    while code == RUNNING and steps < most:
        new = see(look, context, overshoot(here[0], stride, relative, absolute))
        steps += 1
        if opposite(new[1], here[1]):
            return close_in(look, context, new, here, steps, worst, order, limits)
        if abs(new[1]) < abs(here[1]):
            here, stride = new, new[2]
        else:
            stride /= 2
        code = standing(here, stride, limits)
    return finish(STEP_LIMIT if code == RUNNING else code, here, (math.nan, math.nan, math.nan), steps)


def standing(here: Point, stride: float, limits: Limits) -> int:
    relative, absolute, enough, _ = limits
    if abs(here[1]) <= enough:
        return CONVERGED
    if not math.isfinite(here[1]):
        return NOT_FINITE
    if math.isnan(stride):
        return FLAT
    if abs(stride) <= 2 * margin(here[0], relative, absolute):
        return CONVERGED if stride == here[2] else STALLED
    return RUNNING


# --- inside a bracket -------------------------------------------------------------------------------------------------


def close_in(
    look: Look, context: Any, here: Point, there: Point, steps: int, worst: float, order: int, limits: Limits
) -> Outcome:
    """Shrink a bracket to the tolerance. `here` is the newest end; `worst` the largest residual at the beginning."""
    relative, absolute, enough, most = limits
    begun, one, other, move = steps, here[0], there[0], math.inf
    while abs(here[1]) > enough and abs(there[0] - here[0]) > width(here[0], there[0], relative, absolute):
        if steps >= most:
            return finish(STEP_LIMIT, here, there, steps)
        x, move = propose(here, there, move, relative, absolute)
        if steps - begun >= SLACK:  # sooner than that no outcome can be over the budget
            budget = begun + halvings(one, other) + SLACK
            if steps + 1 + max(halvings(here[0], x), halvings(x, there[0])) > budget:
                x, move = halfway(here[0], there[0]), math.inf
        new = see(look, context, x)
        steps += 1
        if math.isnan(new[1]):
            return finish(NOT_FINITE, here, there, steps)
        gone = here
        if opposite(new[1], here[1]):
            gone, there = there, here
            move = math.inf if move == 0 else move
        here = interpolated(new, there, gone) if order == 1 else new
    jump = abs(here[1]) > enough and min(abs(here[1]), abs(there[1])) >= worst
    return finish(JUMP if jump else CONVERGED, here, there, steps)


def propose(here: Point, there: Point, move: float, relative: float, absolute: float) -> tuple[float, float]:
    """The next place to look at and how far it lies; an infinite distance says that it is no step but a midpoint."""
    low, high = min(here[0], there[0]), max(here[0], there[0])
    ahead = overshoot(here[0], here[2], relative, absolute)
    across = overshoot(there[0], there[2], relative, absolute)
    nearer = low < ahead < high and not (low < across < high and abs(there[2]) < abs(here[2]))
    base, target = (here[0], ahead) if nearer else (there[0], across)
    if low < target < high:
        stride = target - base
        if abs(stride) <= move / 2:
            return target, abs(stride)
        # The steps do not shrink: go to the geometric middle between such a step and the other end. Where that crosses
        # the root, the bracket lost half its decades; where it does not, no move is short enough for the next turn.
        leap = base + math.copysign(math.sqrt(abs(stride)) * math.sqrt(high - low), stride)
        if move > 0 and low < leap < high:
            return leap, 0.0
    return midpoint(low, high), math.inf


def opposite(a: float, b: float) -> bool:
    """By comparison: a product of tiny values would underflow to zero."""
    return a < 0 < b or b < 0 < a


def margin(x: float, relative: float, absolute: float) -> float:
    """Half the width at which a bracket at `x` is narrow enough."""
    return relative / 2 * abs(x) + absolute / 2


def width(a: float, b: float, relative: float, absolute: float) -> float:
    return relative * max(abs(a), abs(b)) + absolute


def overshoot(x: float, stride: float, relative: float, absolute: float) -> float:
    """Step; and where that is hardly a step any more, a margin too far, so that the bracket closes from both sides."""
    target = x + stride
    beyond = margin(target, relative, absolute)
    return target + math.copysign(beyond, stride) if abs(stride) <= 2 * beyond else target


def midpoint(low: float, high: float) -> float:
    """The geometric mean of two numbers of one sign; across zero, the same on a scale that is linear near zero."""
    if -16 < low <= 0 <= high < 16:
        return (low + high) / 2
    if low > 0:
        return math.sqrt(low) * math.sqrt(high)
    if high < 0:
        return -math.sqrt(-low) * math.sqrt(-high)
    return math.sinh((math.asinh(low) + math.asinh(high)) / 2)


def interpolated(here: Point, there: Point, gone: Point) -> Point:
    """Give `here` the step of inverse quadratic interpolation through three points, where it is monotonic between them.

    None elsewhere: measured over SciPy's problem sets, a midpoint costs less there than the secant's step.
    """
    span, rise = there[0] - here[0], there[1] - here[1]
    step = math.nan
    with_gone = gone[1] - there[1]
    if not math.isnan(gone[0]) and with_gone != 0 and gone[1] != here[1]:
        along, up = span / (there[0] - gone[0]), rise / -with_gone
        if up * up < along and (1 - up) * (1 - up) < 1 - along:
            first = here[1] / rise * (gone[1] / -with_gone)
            second = (gone[0] - here[0]) / span * (here[1] / (gone[1] - here[1])) * (there[1] / with_gone)
            step = (first + second) * span
    return here[0], here[1], step if math.isfinite(step) else math.nan


# --- the floats, counted ----------------------------------------------------------------------------------------------


def bits_of(x: float) -> int:
    """The 64 bits of a float, as a signed integer."""
    return struct.unpack("<q", struct.pack("<d", x))[0]


def float_of(bits: int) -> float:
    """The float that has these bits."""
    return struct.unpack("<d", struct.pack("<q", bits))[0]


def halvings(a: float, b: float) -> int:
    """How many bisections over the floats separate `a` from `b`: the bit length of their distance; 64 at most."""
    first, second = bits_of(abs(a)), bits_of(abs(b))
    if opposite(a, b):  # their sum may need 64 bits, its half does not
        return bit_length((first >> 1) + (second >> 1) + (first & second & 1)) + 1
    return bit_length(abs(first - second))


def bit_length(number: int) -> int:
    """The same in exact float arithmetic, which cuts nothing off below 53 bits."""
    return math.frexp(float(number >> 11))[1] + 11 if number >> 53 else math.frexp(float(number))[1]


def halfway(a: float, b: float) -> float:
    """The float with as many floats on its one side as on the other."""
    first, second = bits_of(abs(a)), bits_of(abs(b))
    first, second = -first if a < 0 else first, -second if b < 0 else second
    middle = (first >> 1) + (second >> 1) + (first & second & 1)
    return -float_of(-middle) if middle < 0 else float_of(middle)


# --- the step ---------------------------------------------------------------------------------------------------------


def trusted_step(a: Any, order: int, family: int, multiplicity: int) -> float:
    """Return the step of high order where it is believable, else Newton's, else NaN; `a` holds `a_0 .. a_{order-1}`.

    Places in `a` are counted from `order`, since Numba refuses a constant that is out of range where it is never used.
    """
    if order == 1:
        return math.nan
    value, slope = a[0], a[min(order, 2) - 1]
    if not (math.isfinite(value) and math.isfinite(slope)) or slope == 0:
        return math.nan
    newton = -value / slope
    if multiplicity == 0:
        multiplicity = likely_multiplicity(value, slope, a[min(order, 3) - 1]) if order > 2 else 1
    if multiplicity > 1 and value != 0:
        return believed(newton * multiplicity, high_step(take_root(a, order, multiplicity), order, family))
    return believed(newton, high_step(a, order, family))


def believed(newton: float, high: float) -> float:
    """The step of high order is believed while it lies within a factor two of Newton's and on the same side.

    Beyond that the series says that it is used outside the circle where it converges.
    """
    along, size = math.copysign(1.0, newton) * high, abs(newton)
    best = high if size / 2 <= along <= size * 2 else newton
    return best if math.isfinite(best) else math.nan


def high_step(a: Any, order: int, family: int) -> float:
    return inverse_taylor(a, order) if family == 1 else householder(a, order)


def likely_multiplicity(value: float, slope: float, curve: float) -> int:
    """Near a root of multiplicity `m`, `2 a_0 a_2 / a_1**2` is `(m - 1) / m`; 1 where that says nothing."""
    if 2 * value * curve < 0.4 * slope * slope:
        return 1
    rest = 1 - 2 * (value / slope) * (curve / slope)
    if not 1 / LARGEST_MULTIPLICITY < rest < 0.6:
        return 1
    whole = math.floor(1 / rest + 0.5)
    return int(whole) if abs(1 / rest - whole) < NEAR_WHOLE else 1


def take_root(a: Any, order: int, multiplicity: int) -> Any:
    """`take_root` of `steps.py`."""
    root = scratch(order)
    root[0] = 1.0
    for k in range(1, order):
        total = 0.0
        for j in range(1, k + 1):
            total += (j - (k - j) * multiplicity) * (a[j] / a[0]) * root[k - j]
        root[k] = total / (k * multiplicity)
    return root


def householder(a: Any, order: int) -> float:
    """`householder_step` of `steps.py`; `c_j = A_j u**(j-1)`, and the low orders written out."""
    slope = a[min(order, 2) - 1]
    u = -a[0] / slope
    if order == 2:
        return u
    c2 = a[min(order, 3) - 1] / slope * u
    e2 = 1.0 + c2
    if order == 3:
        return u / e2 if e2 != 0 else math.nan
    c3 = a[min(order, 4) - 1] / slope * (u * u)
    e3 = e2 + c2 + c3
    if order == 4:
        return u * e2 / e3 if e3 != 0 else math.nan
    c, e, power = scratch(order), scratch(order), u * u
    c[1], c[2], c[3], e[0], e[1], e[2], e[3] = 1.0, c2, c3, 1.0, 1.0, e2, e3
    for k in range(4, order):
        power *= u
        c[k], term = a[k] / slope * power, 0.0
        for j in range(1, k + 1):
            term += c[j] * e[k - j]
        e[k] = term
    return u * e[order - 2] / e[order - 1] if e[order - 1] != 0 else math.nan


def inverse_taylor(a: Any, order: int) -> float:
    """`inverse_taylor_step` of `steps.py`; row `j` of `p` holds `P_{j,k}`, and row 1 is `b`."""
    slope = a[min(order, 2) - 1]
    u = -a[0] / slope
    if order == 2:
        return u
    if order == 3:
        return (-(a[min(order, 3) - 1] / slope) * u + 1.0) * u
    p = scratch(order * order)
    p[order + 1] = 1.0
    for k in range(2, order):
        total = 0.0
        for j in range(2, k + 1):
            power = 0.0
            for i in range(1, k - j + 2):
                power += p[order + i] * p[(j - 1) * order + k - i]
            p[j * order + k] = power
            total += a[j] / slope * power
        p[order + k] = -total
    step = p[order + order - 1]
    for k in range(order - 2, 0, -1):
        step = step * u + p[order + k]
    return step * u


def scratch(size: int) -> Any:
    """Room for some floats."""
    return [0.0] * size
