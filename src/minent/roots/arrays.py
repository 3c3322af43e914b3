"""One root for each element of an array: the door to the vectorised search of `elementwise.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError
from minent.roots.elementwise import (
    Bools,
    Floats,
    Points,
    Rules,
    Search,
    accept,
    advance,
    budget,
    from_bracket,
    from_start,
    gather,
    interpolated,
    points,
    settle,
)
from minent.roots.plane import find_complex
from minent.roots.result import (
    EPSILON,
    LARGEST,
    RUNNING,
    TINY,
    Root,
    Taylor,
    check_length,
    check_search,
    family_code,
    family_step,
)


def find_root_array(
    taylor: Taylor,
    *,
    bracket: tuple[ArrayLike, ArrayLike] | None = None,
    start: ArrayLike | None = None,
    args: Sequence[ArrayLike] = (),
    order: int = 3,
    family: str = "householder",
    multiplicity: int | None = None,
    tolerance: float = 4 * EPSILON,
    absolute_tolerance: float = 4 * TINY,
    residual_tolerance: ArrayLike = 0.0,
    max_steps: int = 100,
) -> Root:
    """Find one root for each element of an array of functions.

    Args:
        taylor: `taylor(x, order, *args)` gives `[a_0 .. a_order]` for the float64 array `x`, each an array of that
            shape or a number for all; see `find_root`. Without `args` it is asked for the whole array every time, so
            it may close over arrays of parameters; where those have more elements than the bracket or start, the
            result takes their shape. With `args` it must work element by element on any part of them. A `taylor`
            compiled by Numba's `njit` takes numbers and returns a tuple of floats; then one compiled loop does it all,
            on as many threads as `MINENT_THREADS` allows.
        bracket: `(low, high)`, arrays that broadcast together, `low < high` everywhere.
        start: Where to begin, an array: needed without a bracket, and inside it with one. Complex numbers search the
            complex plane, and take no bracket.
        args: Arrays of parameters that broadcast with the bracket and start.
        order: The order of convergence, 2 or more; 1 asks for values alone and needs a bracket.
        family: `"householder"` or `"inverse_taylor"`.
        multiplicity: That of the roots, where it is known; None guesses it when `order` is 3 or more.
        tolerance: Widest final bracket, relative to the root.
        absolute_tolerance: What that width may be more than relative to the root.
        residual_tolerance: A place where the function is no larger than this is a root; one number, or an array.
        max_steps: Most evaluations, 3 or more; 2 with a bracket alone.

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
    check_search(bracket, start, order, tolerance, max_steps, multiplicity, absolute_tolerance, residual_tolerance)
    code = family_code(family)
    if start is not None and np.iscomplexobj(start):
        if bracket is not None:
            raise InputError("start is complex and a bracket is given; a bracket holds real roots.")
        limits = (tolerance, absolute_tolerance, residual_tolerance, max_steps)
        return find_complex(taylor, start, args, order, family, multiplicity, limits)
    low, high, begin, enough, *parameters = _inputs(bracket, start, [residual_tolerance, *args])
    if hasattr(taylor, "py_func"):
        from minent.roots.compiled import search_arrays

        if bracket is None:
            low = high = np.full(begin.shape, np.nan)
        settings = (order, code, multiplicity or 0, (float(tolerance), float(absolute_tolerance), max_steps))
        return search_arrays(taylor, low, high, begin, parameters, enough, settings)
    rules = Rules(order, family_step(family), multiplicity, tolerance, absolute_tolerance, enough, max_steps)
    with np.errstate(all="ignore"):  # overflow and NaN are answers here: they become statuses
        ends = None if bracket is None else (low, high)
        return _search(taylor, ends, begin, start is not None, parameters, rules)


def _search(
    taylor: Taylor,
    ends: tuple[Floats, Floats] | None,
    begin: Floats,
    started: bool,
    parameters: list[Floats],
    rules: Rules,
) -> Root:
    first = begin if ends is None else ends[0]
    given = check_length(taylor(first, rules.order - 1, *parameters), rules.order)
    shape = np.broadcast_shapes(first.shape, *(np.shape(a) for a in given))

    def flat(a: Any) -> Floats:
        return np.broadcast_to(np.asarray(a, dtype=np.float64), shape).ravel()

    def look(x: Floats, kept: NDArray[np.int64] | None = None) -> Points:
        if kept is None:
            given = taylor(x.reshape(shape), rules.order - 1, *parameters)
            return points(x, [flat(a) for a in check_length(given, rules.order)], rules)
        given = taylor(x, rules.order - 1, *(flat(parameter)[kept] for parameter in parameters))
        a = [np.broadcast_to(np.asarray(a, dtype=np.float64), x.shape) for a in given[: rules.order]]
        return points(x, a, rules)

    rules = replace(rules, enough=flat(rules.enough))
    here = points(flat(first), [flat(a) for a in given], rules)
    if ends is None:
        search = from_start(here)
    else:
        search = from_bracket(here, look(flat(ends[1])))
        if started:
            accept(search, look(flat(begin)), search.code == RUNNING, rules)
            search.budget = budget(search)
        elif rules.order == 1:
            search.here = interpolated(search.here, search.there, search.gone)
    _run(search, look, rules, shrinks=bool(parameters))
    return gather(search, shape)


def _run(search: Search, look: Callable[..., Points], rules: Rules, shrinks: bool) -> None:
    """Look until every element has a status or the limit is reached; leave behind those that are done."""
    part, kept = search, None
    while (running := settle(part, rules)).any() and part.steps.max() < rules.most:
        if shrinks and 2 * np.count_nonzero(running) <= running.size:
            if kept is not None:
                search.put(kept, part)
            kept = np.flatnonzero(running) if kept is None else kept[running]
            part, rules = search.take(kept), replace(rules, enough=rules.enough[running])
        advance(part, functools.partial(look, kept=kept), rules)
    if kept is not None:
        search.put(kept, part)


def _inputs(
    bracket: tuple[ArrayLike, ArrayLike] | None, start: ArrayLike | None, args: Sequence[ArrayLike]
) -> list[Floats]:
    """The ends, the start and the parameters, broadcast together; what is not given is infinite or NaN."""
    given = [*(bracket if bracket is not None else (-np.inf, np.inf)), start if start is not None else np.nan, *args]
    try:
        arrays = [np.asarray(array, dtype=np.float64) for array in given]
        low, high, begin, *parameters = np.broadcast_arrays(*arrays)
    except ValueError as error:
        shapes = ", ".join(str(np.shape(array)) for array in given)
        raise InputError(
            f"low, high, start, residual_tolerance and args have shapes {shapes}, which do not broadcast ({error})."
        ) from error
    if bracket is not None:
        _refuse(~(low < high), "bracket is ({}, {}){}; it takes low < high.", low, high)
        if start is not None:
            outside = ~((low < begin) & (begin < high))
            _refuse(outside, "start is outside the bracket ({}, {}){}; move it in.", low, high)
    elif np.isnan(begin).any():
        _refuse(np.isnan(begin), "start is {0}{2}; it takes a number to begin at.", begin, begin)
    return [np.maximum(low, -LARGEST), np.minimum(high, LARGEST), begin, *parameters]


def _refuse(wrong: Bools, message: str, low: Floats, high: Floats) -> None:
    if not wrong.any():
        return
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f" at element {list(first)}" if first else ""
    raise InputError(message.format(low[first], high[first], place))
