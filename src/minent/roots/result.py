"""What a search returns, and the checks and the one decision that the searches share."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minent.errors import InputError, did_you_mean, listing, number, whole
from minent.roots.steps import householder_step, inverse_taylor_step

Taylor = Callable[..., Sequence[Any]]  # (x, order, *args) -> [a_0 .. a_order]
Step = Callable[[Sequence[Any]], Any]

FAMILIES: dict[str, Step] = {"householder": householder_step, "inverse_taylor": inverse_taylor_step}

EPSILON = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)
LARGEST = float(np.finfo(np.float64).max)

# The multiplicity of a root is guessed where the coefficients say a whole number, nearly: this nearly, and up to this.
NEAR_WHOLE = 0.05
LARGEST_MULTIPLICITY = 64

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


# The searches count in whole numbers, which Numba and NumPy take; `STATUSES[code]` is the sentence.
STATUSES = tuple(Status)
CONVERGED, STEP_LIMIT, NO_SIGN_CHANGE, NOT_FINITE, FLAT, STALLED, JUMP = range(len(STATUSES))
RUNNING = -1
_STATUS_ARRAY = np.array(STATUSES, dtype=object)


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

    def item(self) -> Root:
        """Turn fields that hold arrays of one element into plain numbers."""
        value, residual, steps = (np.asarray(field).item() for field in (self.value, self.residual, self.steps))
        status = np.asarray(self.status, dtype=object).item()
        if self.bracket is None:
            return Root(value, residual, steps, status)
        return Root(
            value, residual, steps, status, (np.asarray(self.bracket[0]).item(), np.asarray(self.bracket[1]).item())
        )

    def require(self) -> Any:
        """Return `value`, or refuse where a search failed.

        Raises:
            InputError: Names the first element without a root, its bracket, its residual and the cure.

        Example:
            >>> from minent.roots import find_root
            >>> find_root(lambda x, order: [x * x + 1, 2 * x, 1.0], bracket=(0, 3)).require()
            Traceback (most recent call last):
            minent.errors.InputError: no root in (0.0, 3.0), where the residual is 1.0 at 0.0 after 2 evaluations: the
            function has one sign at both ends of the bracket; widen the bracket or move an end.
        """
        bad = np.argwhere(~np.asarray(self.converged))
        if not len(bad):
            return self.value
        first = tuple(int(i) for i in bad[0])
        place = f" at element {list(first)} (and {len(bad) - 1} more)" if first else ""
        value, residual, steps = (np.asarray(field)[first] for field in (self.value, self.residual, self.steps))
        status = np.asarray(self.status, dtype=object)[first]
        low, high = (np.asarray(end)[first] for end in self.bracket) if self.bracket is not None else (np.nan, np.nan)
        where = f" in ({low}, {high})" if low < high else ""
        raise InputError(
            f"no root{place}{where}, where the residual is {residual} at {value} after {steps} evaluations: "
            f"{status.value}."
        )


def family_step(family: str) -> Step:
    """Return the step formula of a family by its name."""
    if family not in FAMILIES:
        hint = did_you_mean(family, FAMILIES)
        raise InputError(f"family is {family!r}, but there are {listing(FAMILIES)}.{hint}")
    return FAMILIES[family]


def family_code(family: str) -> int:
    """Return the place of a family in `FAMILIES`, by its name."""
    family_step(family)
    return list(FAMILIES).index(family)


def root_of_arrays(value: Any, residual: Any, steps: Any, code: Any, bracket: Any) -> Root:
    """Make a `Root` from arrays, with the sentence of every code."""
    return Root(value, residual, steps, np.array(_STATUS_ARRAY[code], dtype=object), bracket)


def check_search(
    bracket: Any,
    start: Any,
    order: int,
    tolerance: float,
    max_steps: int,
    multiplicity: int | None = None,
    absolute_tolerance: float = 4 * TINY,
    residual_tolerance: Any = 0.0,
) -> None:
    """Refuse arguments that no search can start from."""
    if bracket is None and start is None:
        raise InputError("neither bracket nor start is given; find_root needs one: bracket=(low, high) is the safer.")
    whole("order", order, 1, meaning=": the order of convergence; 2 is Newton, 1 asks for values alone")
    if order == 1 and bracket is None:
        raise InputError(
            "order is 1, which asks for values alone: that needs bracket=(low, high), or an order from 2 up."
        )
    number("tolerance", tolerance, 0, ", a width relative to the root, such as 1e-12", above=True)
    number("absolute_tolerance", absolute_tolerance, 4 * TINY, ", a width")
    _check_residual_tolerance(residual_tolerance)
    least = 3 if bracket is None or start is not None else 2
    whole("max_steps", max_steps, least, meaning=": two ends and one step between them")
    if multiplicity is not None:
        whole("multiplicity", multiplicity, 1, meaning=": a root is simple (1), double (2) and so on; None guesses")
    if bracket is not None and not (hasattr(bracket, "__len__") and len(bracket) == 2 and not isinstance(bracket, str)):
        raise InputError(f"bracket is {bracket!r}; it takes two ends, (low, high).")


def _check_residual_tolerance(given: Any) -> None:
    if type(given) is not float:  # the common case makes no array
        sizes = np.asarray(given)
        if sizes.ndim:
            if sizes.dtype.kind not in "fiu" or not (sizes >= 0).all():
                raise InputError(f"residual_tolerance is {given}; it takes sizes of the function, 0 or more.")
            return
        given = sizes.item()
    number("residual_tolerance", given, 0, ", a size of the function")


def check_length(coefficients: Sequence[Any], order: int) -> Sequence[Any]:
    """Refuse a `taylor` that gives too few coefficients."""
    if len(coefficients) < order:
        raise InputError(
            f"taylor(x, {order - 1}) returned {len(coefficients)} coefficients, but [a_0 .. a_{order - 1}] are needed. "
            f"It takes the highest degree, not the number of terms."
        )
    return coefficients[:order]
