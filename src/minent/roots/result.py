"""What a search returns, and the checks and the one decision that the searches share."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minent.errors import InputError, did_you_mean, listing
from minent.roots.steps import householder_step, inverse_taylor_step

Taylor = Callable[[Any, int], Sequence[Any]]
Step = Callable[[Sequence[Any]], Any]

FAMILIES: dict[str, Step] = {"householder": householder_step, "inverse_taylor": inverse_taylor_step}

EPSILON = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)
LARGEST = float(np.finfo(np.float64).max)

# Evaluations that a search may spend on steps that narrow nothing before it bisects to the end.
SLACK = 32


class Status(enum.Enum):
    """How a search ended. The value is a sentence for a person."""

    CONVERGED = "the root was found within the tolerance"
    STEP_LIMIT = "the step limit was reached first; give a bracket or a nearer start, or raise max_steps"
    NO_SIGN_CHANGE = "the function has one sign at both ends of the bracket; widen the bracket or move an end"
    NOT_FINITE = "the function is not a number at a point that the search needs; keep the bracket inside its domain"
    FLAT = "the derivative is zero or not finite and there is no bracket; give another start or a bracket"
    STALLED = "the residual stopped falling: a minimum, a multiple root or rounding noise; give a bracket"
    JUMP = "the sign changes here but the residual does not fall: a pole or a jump, not a root"


@dataclass(frozen=True)
class Root:
    """A root, or the best point of a search that failed. From `find_root_array`, every field holds arrays.

    Attributes:
        value: Where; an mpmath number from `find_root_mp`.
        residual: The function there.
        steps: How many times `taylor` was called.
        status: How the search ended; `Status.CONVERGED` where it went well.
        bracket: Two points around the root where the function differs in sign, or None where none were met.
    """

    value: Any
    residual: Any
    steps: Any
    status: Any
    bracket: tuple[Any, Any] | None = None

    @property
    def converged(self) -> Any:
        """Whether `value` is a root within the tolerance."""
        return self.status == Status.CONVERGED


def family_step(family: str) -> Step:
    """Return the step formula of a family by its name."""
    if family not in FAMILIES:
        hint = did_you_mean(family, FAMILIES)
        raise InputError(f"family is {family!r}, but there are {listing(FAMILIES)}.{hint}")
    return FAMILIES[family]


def check_search(bracket: Any, start: Any, order: int, tolerance: float, max_steps: int) -> None:
    """Refuse arguments that no search can start from."""
    if bracket is None and start is None:
        raise InputError("neither bracket nor start is given; find_root needs one: bracket=(low, high) is the safer.")
    if order < 2:
        raise InputError(f"order is {order}; it is the order of convergence, from 2 (Newton) up.")
    if not tolerance > 0:
        raise InputError(f"tolerance is {tolerance}; it is a relative width above zero, such as 1e-12.")
    if max_steps < 3:
        raise InputError(f"max_steps is {max_steps}; two ends and one step between them need 3 at least.")


def check_length(coefficients: Sequence[Any], order: int) -> Sequence[Any]:
    """Refuse a `taylor` that gives too few coefficients."""
    if len(coefficients) < order:
        raise InputError(
            f"taylor(x, {order - 1}) returned {len(coefficients)} coefficients, but [a_0 .. a_{order - 1}] are needed. "
            f"It takes the highest degree, not the number of terms."
        )
    return coefficients[:order]


def trusted_step(coefficients: list[float], step: Step) -> float:
    """Return the step of high order where it is believable, else Newton's, else NaN.

    The step of high order is believed while it lies within a factor two of Newton's and on the same side: beyond
    that the series says that it is used outside the circle where it converges.
    """
    value, slope = coefficients[0], coefficients[1]
    if not math.isfinite(value) or not math.isfinite(slope) or slope == 0:
        return math.nan
    newton = -value / slope
    try:
        high = step(coefficients)
    except ArithmeticError:
        high = math.nan
    side = math.copysign(1.0, newton)
    best = high if abs(newton) / 2 <= high * side <= abs(newton) * 2 else newton
    return best if math.isfinite(best) else math.nan
