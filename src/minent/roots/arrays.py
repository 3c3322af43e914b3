"""Many roots at once: the search of `scalar.py`, decided element by element with NumPy.

Every element keeps its own bracket, budget and status, and takes the decisions that `find_root` would take; `taylor` is
called once per round on the whole array, and elements that are done wait at their root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError
from minent.roots.result import (
    EPSILON,
    LARGEST,
    SLACK,
    TINY,
    Root,
    Status,
    Step,
    Taylor,
    check_length,
    check_search,
    family_step,
)

_STATUSES = np.array(list(Status), dtype=object)
_CODE = {status: code for code, status in enumerate(Status)}
_RUNNING = -1

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Points:
    """One place for each element, and the step that it proposes (NaN where it has none)."""

    x: Floats
    value: Floats
    step: Floats


@dataclass(slots=True)
class _Search:
    """The state of all elements. `there.x` is NaN where no change of sign is known yet."""

    here: _Points
    there: _Points
    worst: Floats
    stride: Floats
    move: Floats
    budget: NDArray[np.int64]
    steps: NDArray[np.int64]
    code: NDArray[np.int64]


def find_root_array(
    taylor: Taylor,
    *,
    bracket: tuple[ArrayLike, ArrayLike] | None = None,
    start: ArrayLike | None = None,
    order: int = 3,
    family: str = "householder",
    tolerance: float = 4 * EPSILON,
    max_steps: int = 100,
) -> Root:
    """Find one root for each element of an array of functions.

    Args:
        taylor: `taylor(x, order)` gives `[a_0 .. a_order]` for the float64 array `x`, each an array of that shape or
            a number for all; see `find_root`. It is asked for the whole array every time, so it may close over arrays
            of parameters; where those have more elements than the bracket or start, the result takes their shape.
        bracket: `(low, high)`, arrays that broadcast together, `low < high` everywhere.
        start: Where to begin, an array: needed without a bracket, and inside it with one.
        order: The order of convergence, 2 or more.
        family: `"householder"` or `"inverse_taylor"`.
        tolerance: Widest final bracket, relative to the root.
        max_steps: Most evaluations, 3 or more.

    Returns:
        A `Root` whose fields are arrays of the broadcast shape: `value` and `residual` float64, `steps` int64,
        `status` of `Status` members, `bracket` a pair of float64 arrays, NaN where no change of sign was met.

    Raises:
        InputError: As for `find_root`; the first element at fault is named. Shapes that do not broadcast.

    Source:
        As for `find_root`.

    Example:
        >>> import numpy as np
        >>> from minent.roots import find_root_array, taylor_of
        >>> squares = np.array([4.0, 9.0, 2.0])
        >>> root = find_root_array(taylor_of(lambda x: x * x - squares), bracket=(0.0, squares))
        >>> root.value.round(6).tolist()
        [2.0, 3.0, 1.414214]
    """
    check_search(bracket, start, order, tolerance, max_steps)
    formula = family_step(family)
    low, high, begin = _inputs(bracket, start)

    def flat(a: Any) -> Floats:
        return np.broadcast_to(np.asarray(a, dtype=np.float64), shape).ravel()

    def points(x: Floats, given: Sequence[Any]) -> _Points:
        coefficients = [flat(a) for a in given]
        return _Points(x, coefficients[0], _trusted_steps(coefficients, formula))

    def look(x: Floats) -> _Points:
        return points(x, check_length(taylor(x.reshape(shape), order - 1), order))

    with np.errstate(all="ignore"):  # overflow and NaN are answers here: they become statuses
        first = begin if bracket is None else low
        given = check_length(taylor(first, order - 1), order)
        shape = np.broadcast_shapes(first.shape, *(np.shape(a) for a in given))
        if bracket is None:
            search = _from_start(points(flat(first), given))
        else:
            search = _from_bracket(points(flat(first), given), look(flat(high)))
            if start is not None:
                _accept(search, look(flat(begin)), search.code == _RUNNING)
                search.budget = _budget(search)
        while _settle(search, tolerance).any() and search.steps.max() < max_steps:
            _advance(search, look, tolerance)
    return _gather(search, shape)


def _inputs(bracket: tuple[ArrayLike, ArrayLike] | None, start: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    given = [*(bracket if bracket is not None else (-np.inf, np.inf)), start if start is not None else np.nan]
    try:
        low, high, begin = np.broadcast_arrays(*(np.asarray(array, dtype=np.float64) for array in given))
    except ValueError as error:
        shapes = ", ".join(str(np.shape(array)) for array in given)
        raise InputError(f"low, high and start have shapes {shapes}, which do not broadcast ({error}).") from error
    if bracket is not None:
        _refuse(~(low < high), "bracket is ({}, {}){}; it takes low < high.", low, high)
    if bracket is not None and start is not None:
        _refuse(~((low < begin) & (begin < high)), "start is outside the bracket ({}, {}){}; move it in.", low, high)
    return np.maximum(low, -LARGEST), np.minimum(high, LARGEST), begin


def _refuse(wrong: Bools, message: str, low: Floats, high: Floats) -> None:
    if not wrong.any():
        return
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f" at element {list(first)}" if first else ""
    raise InputError(message.format(low[first], high[first], place))


def _trusted_steps(a: list[Floats], formula: Step) -> Floats:
    """`trusted_step` of `result.py`, element by element."""
    newton = -a[0] / a[1]
    high = np.broadcast_to(formula(a), newton.shape)
    size, along = np.abs(newton), high * np.sign(newton)
    best = np.where((size / 2 <= along) & (along <= size * 2), high, newton)
    sound = np.isfinite(a[0]) & np.isfinite(a[1]) & (a[1] != 0) & np.isfinite(best)
    return np.where(sound, best, np.nan)


def _from_start(here: _Points) -> _Search:
    nowhere = np.full(here.x.shape, np.nan)
    there = _Points(nowhere, nowhere, nowhere)
    zeros = np.zeros(here.x.shape, dtype=np.int64)
    return _Search(here, there, np.abs(here.value), here.step, nowhere, zeros, zeros + 1, zeros + _RUNNING)


def _from_bracket(low: _Points, high: _Points) -> _Search:
    steps = np.full(low.x.shape, 2, dtype=np.int64)
    code = np.full(low.x.shape, _RUNNING, dtype=np.int64)
    code[(low.value > 0) == (high.value > 0)] = _CODE[Status.NO_SIGN_CHANGE]
    code[np.isnan(low.value) | np.isnan(high.value)] = _CODE[Status.NOT_FINITE]
    code[(low.value == 0) | (high.value == 0)] = _CODE[Status.CONVERGED]
    worst = np.maximum(np.abs(low.value), np.abs(high.value))
    move = np.full(low.x.shape, np.inf)
    search = _Search(low, high, worst, low.step, move, steps, steps, code)
    search.budget = _budget(search)
    return search


def _settle(search: _Search, tolerance: float) -> Bools:
    """Give a status to the elements that are done, and return which still run."""
    here, there = search.here, search.there
    bracketed = ~np.isnan(there.x)
    width = tolerance * np.maximum(np.abs(here.x), np.abs(there.x)) + 4 * TINY
    closed = (here.value == 0) | (np.abs(there.x - here.x) <= width)
    jump = np.minimum(np.abs(here.value), np.abs(there.value)) >= search.worst
    short = np.abs(search.stride) <= 2 * _margin(here.x, tolerance)
    for status, reached in (
        (Status.JUMP, bracketed & closed & jump & (here.value != 0)),
        (Status.CONVERGED, closed),
        (Status.NOT_FINITE, ~bracketed & ~np.isfinite(here.value)),
        (Status.FLAT, ~bracketed & np.isnan(search.stride)),
        (Status.CONVERGED, ~bracketed & short & (search.stride == here.step)),
        (Status.STALLED, ~bracketed & short),
    ):
        search.code[(search.code == _RUNNING) & reached] = _CODE[status]
    return search.code == _RUNNING


def _advance(search: _Search, look: Callable[[Floats], _Points], tolerance: float) -> None:
    """Look once at the next place of every running element."""
    here, there = search.here, search.there
    running = search.code == _RUNNING
    bracketed = ~np.isnan(there.x)
    inside, move = _propose(search, tolerance)
    longest = np.maximum(_halvings(here.x, inside), _halvings(inside, there.x))
    late = search.steps + 1 + longest > search.budget
    inside, move = np.where(late, _halfway(here.x, there.x), inside), np.where(late, np.inf, move)
    downhill = _overshoot(here.x, search.stride, tolerance)
    search.move = move
    new = look(np.where(running, np.where(bracketed, inside, downhill), here.x))
    _accept(search, new, running)


def _accept(search: _Search, new: _Points, taking: Bools) -> None:
    """Narrow the brackets, or move downhill, by what was seen at the new places."""
    here, there = search.here, search.there
    bracketed = ~np.isnan(there.x)
    search.steps = search.steps + taking
    lost = taking & bracketed & np.isnan(new.value)
    search.code[lost] = _CODE[Status.NOT_FINITE]
    taking = taking & ~lost
    crossed = taking & _opposite(new.value, here.value)
    better = taking & (bracketed | crossed | (np.abs(new.value) < np.abs(here.value)))
    search.move = np.where(crossed & (~bracketed | (search.move == 0)), np.inf, search.move)
    search.stride = np.where(better, new.step, np.where(taking & ~bracketed, search.stride / 2, search.stride))
    search.there, search.here = _choose(crossed, here, there), _choose(better, new, here)
    search.budget = np.where(crossed & ~bracketed, _budget(search), search.budget)


def _budget(search: _Search) -> NDArray[np.int64]:
    """After how many evaluations each bracket must be closed."""
    return search.steps + _halvings(search.here.x, search.there.x) + SLACK


def _choose(first: Bools, a: _Points, b: _Points) -> _Points:
    return _Points(np.where(first, a.x, b.x), np.where(first, a.value, b.value), np.where(first, a.step, b.step))


def _opposite(a: Floats, b: Floats) -> Bools:
    return ((a < 0) & (b > 0)) | ((b < 0) & (a > 0))


def _margin(x: Floats, tolerance: float) -> Floats:
    return tolerance / 2 * np.abs(x) + 2 * TINY


def _overshoot(x: Floats, stride: Floats, tolerance: float) -> Floats:
    target = x + stride
    return target + np.copysign(_margin(target, tolerance), stride)


def _propose(search: _Search, tolerance: float) -> tuple[Floats, Floats]:
    """The next place inside each bracket and how far it lies; the same three choices as in `scalar.py`."""
    here, there, move = search.here, search.there, search.move
    low, high = np.minimum(here.x, there.x), np.maximum(here.x, there.x)

    def inside(x: Floats) -> Bools:
        return (low < x) & (x < high)

    ahead, across = (_overshoot(end.x, end.step, tolerance) for end in (here, there))
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
    return np.where((low > 0) | (high < 0), geometric, np.sinh((np.arcsinh(low) + np.arcsinh(high)) / 2))


def _ordinals(x: Floats) -> NDArray[np.int64]:
    bits = np.ascontiguousarray(x).view(np.int64)
    return np.where(bits >= 0, bits, -(bits & np.int64(0x7FFF_FFFF_FFFF_FFFF)))


def _halvings(a: Floats, b: Floats) -> NDArray[np.int64]:
    first, second = _ordinals(a), _ordinals(b)
    apart = np.maximum(first, second).view(np.uint64) - np.minimum(first, second).view(np.uint64)
    return np.frexp(apart.astype(np.float64))[1].astype(np.int64)


def _halfway(a: Floats, b: Floats) -> Floats:
    first, second = _ordinals(a), _ordinals(b)
    middle = (first >> 1) + (second >> 1) + (first & second & 1)
    return np.copysign(np.abs(middle).view(np.float64), middle)


def _gather(search: _Search, shape: tuple[int, ...]) -> Root:
    here, there = search.here, search.there
    search.code[search.code == _RUNNING] = _CODE[Status.STEP_LIMIT]
    best = _choose(np.abs(there.value) < np.abs(here.value), there, here)
    return Root(
        value=best.x.reshape(shape),
        residual=best.value.reshape(shape),
        steps=search.steps.reshape(shape),
        status=_STATUSES[search.code].reshape(shape),
        bracket=(np.minimum(here.x, there.x).reshape(shape), np.maximum(here.x, there.x).reshape(shape)),
    )
