"""The search of `search.py`, decided element by element with NumPy; the same decisions, to the last bit.

Every element keeps its own bracket, budget and status.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    Root,
    Step,
    root_of_arrays,
)
from minent.roots.steps import take_root

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Points:
    """One place for each element, and the step that it proposes (NaN where it has none)."""

    x: Floats
    value: Floats
    step: Floats

    def take(self, kept: Whole) -> Points:
        return Points(self.x[kept], self.value[kept], self.step[kept])

    def put(self, kept: Whole, part: Points) -> Points:
        return Points(_put(self.x, kept, part.x), _put(self.value, kept, part.value), _put(self.step, kept, part.step))


@dataclass(slots=True)
class Search:
    """The state of all elements. `there.x` is NaN where no change of sign is known yet, `gone.x` where none left."""

    here: Points
    there: Points
    gone: Points
    worst: Floats
    stride: Floats
    move: Floats
    budget: Whole
    steps: Whole
    code: Whole

    def take(self, kept: Whole) -> Search:
        """The state of some elements."""
        parts = (getattr(self, field.name) for field in fields(self))
        return Search(*(part.take(kept) for part in parts))

    def put(self, kept: Whole, part: Search) -> None:
        """Write the state of some elements back."""
        for field in fields(self):
            ours, theirs = getattr(self, field.name), getattr(part, field.name)
            setattr(self, field.name, ours.put(kept, theirs) if isinstance(ours, Points) else _put(ours, kept, theirs))


def _put(whole: Any, kept: Whole, part: Any) -> Any:
    filled = np.array(whole)
    filled[kept] = part
    return filled


@dataclass(frozen=True, slots=True)
class Rules:
    """What the caller asks for; `enough` is the residual that will do, one for each element."""

    order: int
    formula: Step
    multiplicity: int | None
    relative: float
    absolute: float
    enough: Floats
    most: int


def points(x: Floats, coefficients: Sequence[Floats], rules: Rules) -> Points:
    """What `taylor` said at `x`, with the steps that follow from it."""
    return Points(x, coefficients[0], _trusted_steps(list(coefficients[: rules.order]), rules))


def _trusted_steps(a: list[Floats], rules: Rules) -> Floats:
    if rules.order == 1:
        return np.full(a[0].shape, np.nan)
    newton = -a[0] / a[1]
    sound = np.isfinite(a[0]) & np.isfinite(a[1]) & (a[1] != 0)
    times = np.full(a[0].shape, rules.multiplicity or 1, dtype=np.int64)
    if rules.multiplicity is None and rules.order > 2:
        times = _likely_multiplicities(a)
    multiple = (times > 1) & (a[0] != 0)
    if multiple.any():
        newton = np.where(multiple, newton * times, newton)
        a = [np.where(multiple, root, a_k) for root, a_k in zip(take_root(a, times), a)]
    high = np.broadcast_to(rules.formula(a), newton.shape)
    size, along = np.abs(newton), high * np.copysign(1.0, newton)
    best = np.where((size / 2 <= along) & (along <= size * 2), high, newton)
    return np.where(sound & np.isfinite(best), best, np.nan)


def _likely_multiplicities(a: list[Floats]) -> Whole:
    rest = 1 - 2 * (a[0] / a[1]) * (a[2] / a[1])
    whole = np.floor(1 / rest + 0.5)
    simple = 2 * a[0] * a[2] < 0.4 * a[1] * a[1]
    likely = ~simple & (rest > 1 / LARGEST_MULTIPLICITY) & (rest < 0.6) & (np.abs(1 / rest - whole) < NEAR_WHOLE)
    return np.where(likely, whole, 1).astype(np.int64)


def from_start(here: Points) -> Search:
    nowhere = np.full(here.x.shape, np.nan)
    missing = Points(nowhere, nowhere, nowhere)
    zeros = np.zeros(here.x.shape, dtype=np.int64)
    return Search(here, missing, missing, np.abs(here.value), here.step, nowhere, zeros, zeros + 1, zeros + RUNNING)


def from_bracket(low: Points, high: Points) -> Search:
    nowhere = np.full(low.x.shape, np.nan)
    steps = np.full(low.x.shape, 2, dtype=np.int64)
    code = np.full(low.x.shape, RUNNING, dtype=np.int64)
    code[(low.value > 0) == (high.value > 0)] = NO_SIGN_CHANGE
    code[np.isnan(low.value) | np.isnan(high.value)] = NOT_FINITE
    code[(low.value == 0) | (high.value == 0)] = CONVERGED
    worst = np.maximum(np.abs(low.value), np.abs(high.value))
    move = np.full(low.x.shape, np.inf)
    search = Search(low, high, Points(nowhere, nowhere, nowhere), worst, low.step, move, steps, steps, code)
    search.budget = budget(search)
    return search


def settle(search: Search, rules: Rules) -> Bools:
    """Give a status to the elements that are done, and return which still run."""
    here, there = search.here, search.there
    bracketed = ~np.isnan(there.x)
    width = rules.relative * np.maximum(np.abs(here.x), np.abs(there.x)) + rules.absolute
    small = np.abs(here.value) <= rules.enough
    closed = small | (np.abs(there.x - here.x) <= width)
    jump = np.minimum(np.abs(here.value), np.abs(there.value)) >= search.worst
    short = np.abs(search.stride) <= 2 * _margin(here.x, rules)
    for status, reached in (
        (JUMP, bracketed & closed & jump & ~small),
        (CONVERGED, closed),
        (NOT_FINITE, ~bracketed & ~np.isfinite(here.value)),
        (FLAT, ~bracketed & np.isnan(search.stride)),
        (CONVERGED, ~bracketed & short & (search.stride == here.step)),
        (STALLED, ~bracketed & short),
    ):
        search.code[(search.code == RUNNING) & reached] = status
    return search.code == RUNNING


def advance(search: Search, look: Callable[[Floats], Points], rules: Rules) -> None:
    """Look once at the next place of every running element."""
    here, there = search.here, search.there
    running = search.code == RUNNING
    bracketed = ~np.isnan(there.x)
    inside, move = _propose(search, rules)
    longest = np.maximum(_halvings(here.x, inside), _halvings(inside, there.x))
    late = search.steps + 1 + longest > search.budget
    if late.any():
        inside, move = np.where(late, _halfway(here.x, there.x), inside), np.where(late, np.inf, move)
    downhill = _overshoot(here.x, search.stride, rules)
    search.move = move
    new = look(np.where(running, np.where(bracketed, inside, downhill), here.x))
    accept(search, new, running, rules)


def accept(search: Search, new: Points, taking: Bools, rules: Rules) -> None:
    """Narrow the brackets, or move downhill, by what was seen at the new places."""
    here, there = search.here, search.there
    bracketed = ~np.isnan(there.x)
    search.steps = search.steps + taking
    lost = taking & bracketed & np.isnan(new.value)
    search.code[lost] = NOT_FINITE
    taking = taking & ~lost
    crossed = taking & _opposite(new.value, here.value)
    better = taking & (bracketed | crossed | (np.abs(new.value) < np.abs(here.value)))
    search.move = np.where(crossed & (~bracketed | (search.move == 0)), np.inf, search.move)
    search.stride = np.where(better, new.step, np.where(taking & ~bracketed, search.stride / 2, search.stride))
    search.there, search.here = _choose(crossed, here, there), _choose(better, new, here)
    if rules.order == 1:
        search.gone = _choose(crossed, there, _choose(taking, here, search.gone))
        search.here = _choose(taking, interpolated(search.here, search.there, search.gone), search.here)
    search.budget = np.where(crossed & ~bracketed, budget(search), search.budget)


def interpolated(here: Points, there: Points, gone: Points) -> Points:
    """Give `here` the step of inverse quadratic interpolation through three points, as in `search.py`."""
    span, rise, with_gone = there.x - here.x, there.value - here.value, gone.value - there.value
    along, up = span / (there.x - gone.x), rise / -with_gone
    first = here.value / rise * (gone.value / -with_gone)
    second = (gone.x - here.x) / span * (here.value / (gone.value - here.value)) * (there.value / with_gone)
    usable = (with_gone != 0) & (gone.value != here.value) & (up * up < along) & ((1 - up) * (1 - up) < 1 - along)
    step = np.where(usable, (first + second) * span, np.nan)
    return Points(here.x, here.value, np.where(np.isfinite(step), step, np.nan))


def budget(search: Search) -> Whole:
    """After how many evaluations each bracket must be closed."""
    return search.steps + _halvings(search.here.x, search.there.x) + SLACK


def _choose(first: Bools, a: Points, b: Points) -> Points:
    return Points(np.where(first, a.x, b.x), np.where(first, a.value, b.value), np.where(first, a.step, b.step))


def _opposite(a: Floats, b: Floats) -> Bools:
    return ((a < 0) & (b > 0)) | ((b < 0) & (a > 0))


def _margin(x: Floats, rules: Rules) -> Floats:
    return rules.relative / 2 * np.abs(x) + rules.absolute / 2


def _overshoot(x: Floats, stride: Floats, rules: Rules) -> Floats:
    target = x + stride
    beyond = _margin(target, rules)
    return np.where(np.abs(stride) <= 2 * beyond, target + np.copysign(beyond, stride), target)


def _propose(search: Search, rules: Rules) -> tuple[Floats, Floats]:
    """The next place inside each bracket and how far it lies; the same three choices as in `search.py`."""
    here, there, move = search.here, search.there, search.move
    low, high = np.minimum(here.x, there.x), np.maximum(here.x, there.x)

    def inside(x: Floats) -> Bools:
        return (low < x) & (x < high)

    ahead, across = (_overshoot(end.x, end.step, rules) for end in (here, there))
    nearer = inside(ahead) & ~(inside(across) & (np.abs(there.step) < np.abs(here.step)))
    base, target = np.where(nearer, here.x, there.x), np.where(nearer, ahead, across)
    stride, usable = target - base, inside(target)
    length = np.abs(stride)
    leap = base + np.copysign(np.sqrt(length) * np.sqrt(high - low), stride)
    step_now = usable & (length <= move / 2)
    leap_now = usable & ~step_now & (move > 0) & inside(leap)
    x = np.where(step_now, target, np.where(leap_now, leap, _middle(low, high)))
    return x, np.where(step_now, length, np.where(leap_now, 0.0, np.inf))


def _middle(low: Floats, high: Floats) -> Floats:
    geometric = np.where(low > 0, np.sqrt(low) * np.sqrt(high), -np.sqrt(-low) * np.sqrt(-high))
    across = np.sinh((np.arcsinh(low) + np.arcsinh(high)) / 2)
    across = np.where((low > -16) & (high < 16), (low + high) / 2, across)
    return np.where((low > 0) | (high < 0), geometric, across)


def _ordinals(x: Floats) -> Whole:
    bits = np.ascontiguousarray(x).view(np.int64)
    return np.where(bits >= 0, bits, -(bits & np.int64(0x7FFF_FFFF_FFFF_FFFF)))


def _halvings(a: Floats, b: Floats) -> Whole:
    first, second = _ordinals(a), _ordinals(b)
    apart = np.maximum(first, second).view(np.uint64) - np.minimum(first, second).view(np.uint64)
    large = apart >> np.uint64(53) != 0  # shifted, so that rounding to a float cannot carry into the next power of two
    shifted = np.where(large, apart >> np.uint64(11), apart).astype(np.float64)
    return np.frexp(shifted)[1].astype(np.int64) + np.where(large, 11, 0)


def _halfway(a: Floats, b: Floats) -> Floats:
    first, second = _ordinals(a), _ordinals(b)
    middle = (first >> 1) + (second >> 1) + (first & second & 1)
    return np.copysign(np.abs(middle).view(np.float64), middle)


def gather(search: Search, shape: tuple[int, ...]) -> Root:
    """The answer of every element, in the shape that was asked for."""
    here, there = search.here, search.there
    code = np.where(search.code == RUNNING, STEP_LIMIT, search.code).reshape(shape)
    best = _choose(np.abs(there.value) < np.abs(here.value), there, here)
    low, high = np.minimum(here.x, there.x).reshape(shape), np.maximum(here.x, there.x).reshape(shape)
    return root_of_arrays(
        best.x.reshape(shape), best.value.reshape(shape), search.steps.reshape(shape), code, (low, high)
    )
