"""Roots in the complex plane: downhill in `|f|`, one step for every element at a time.

There is no sign to bracket there. But where `f` is analytic and not zero, `|f|` has no minimum, and the step of Newton
points downhill; so a search that halves the steps that do not help ends at a root or where the derivative vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError
from minent.roots.result import (
    CONVERGED,
    EPSILON,
    FLAT,
    NOT_FINITE,
    RUNNING,
    STALLED,
    STEP_LIMIT,
    Root,
    Taylor,
    check_length,
    family_step,
    root_of_arrays,
)
from minent.roots.steps import take_root

# A step this short, relative to the place, that no longer helps is rounding noise at a root.
_NOISE = 1024 * EPSILON

Complexes = NDArray[np.complex128]


def find_complex(
    taylor: Taylor,
    start: ArrayLike,
    args: Sequence[Any],
    order: int,
    family: str,
    multiplicity: int | None,
    limits: tuple[float, float, Any, int],
) -> Root:
    """Search from every element of `start`; the arguments are checked, and mean what they mean in `find_root_array`."""
    relative, absolute, enough, most = limits
    formula = family_step(family)
    x = np.asarray(start, dtype=np.complex128)
    if np.isnan(x).any():
        raise InputError("start holds NaN; it takes numbers to begin at.")

    def look(x: Complexes) -> tuple[Complexes, Complexes]:
        given = check_length(taylor(x if x.shape else complex(x), order - 1, *args), order)
        a = np.broadcast_arrays(x, *(np.asarray(a, dtype=np.complex128) for a in given))[1:]
        if multiplicity is not None and multiplicity > 1:
            return a[0], _step(take_root(a, multiplicity), formula)
        return a[0], _step(a, formula)

    with np.errstate(all="ignore"):
        value, step = look(x)
        x = np.broadcast_to(x, value.shape)
        stride, steps, code = step, np.ones(x.shape, dtype=np.int64), np.full(x.shape, RUNNING)
        while True:
            short = np.abs(stride) <= relative * np.abs(x) + absolute
            noise = short & (np.abs(step) > _NOISE * np.abs(x) + absolute)
            for status, reached in (
                (CONVERGED, np.abs(value) <= enough),
                (NOT_FINITE, ~np.isfinite(value)),
                (FLAT, np.isnan(stride)),
                (STALLED, noise),
                (CONVERGED, short),
            ):
                code = np.where((code == RUNNING) & reached, status, code)
            running = code == RUNNING
            if not running.any() or steps.max() >= most:
                break
            there = np.where(running, x + stride, x)
            new, ahead = look(there)
            steps = steps + running
            better = running & (np.abs(new) < np.abs(value))
            stride = np.where(better, ahead, stride / 2)
            x, value, step = (np.where(better, a, b) for a, b in ((there, x), (new, value), (ahead, step)))
    code = np.where(code == RUNNING, STEP_LIMIT, code)
    return root_of_arrays(x, value, steps, code, None)


def _step(a: Sequence[Complexes], formula: Any) -> Complexes:
    """The step of high order where it is within a factor two of Newton's and not behind it."""
    newton = -a[0] / a[1]
    high = formula(a)
    ratio = np.abs(high) / np.abs(newton)
    best = np.where((ratio >= 0.5) & (ratio <= 2) & ((high / newton).real > 0), high, newton)
    return np.where(np.isfinite(best) & (a[1] != 0), best, np.nan)
