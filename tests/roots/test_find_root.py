"""The bracketed search: against bisection and brentq, at its worst, and where no root can be found."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from minent.errors import InputError
from minent.roots import Status, find_root, taylor_of
from minent.roots.result import SLACK
from tests.roots import reference

FAMILIES = ("householder", "inverse_taylor")
PROBLEMS = {
    "exp(x) - 5x": (lambda x: np.exp(x) - 5 * x, 1.0, 4.0),
    "cos(x) - x": (lambda x: np.cos(x) - x, 0.0, 1.0),
    "cubic of Wallis": (lambda x: x**3 - 2 * x - 5, 2.0, 3.0),
    "x**20 - 1": (lambda x: x**20 - 1, 0.0, 5.0),
    "exp over many decades": (lambda x: np.exp(x) - 2, -700.0, 700.0),
    "log over all floats": (lambda x: np.log(x), 1e-300, 1e300),
    "hyperbola": (lambda x: 1 / x - 1e-5, 1e-10, 1e10),
    "saturated": (lambda x: (x - 0.3) / np.sqrt(1 + (x - 0.3) ** 2), -1000.0, 10.0),
    "flat at zero": (lambda x: x**9, -1.0, 2.0),
    "tiny values": (lambda x: np.exp(-x) - 1e-30, 0.0, 1000.0),
    "edge of the domain": (lambda x: np.sqrt(x) - 1e-3, 0.0, 1e6),
    "subnormal": (lambda x: x - 1e-310, -1.0, 1.0),
    "tiny function": (lambda x: 1e-300 * (x - 2) * (x + 1e10), 0.0, 5.0),
}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("order", [2, 3, 4, 7])
def test_agrees_with_bisection(name: str, family: str, order: int) -> None:
    function, low, high = PROBLEMS[name]
    taylor = taylor_of(function)
    root = find_root(taylor, bracket=(low, high), order=order, family=family)
    exact, _ = reference.bisect(lambda x: taylor(x, 0)[0], low, high)
    assert root.status is Status.CONVERGED
    assert root.value == pytest.approx(exact, rel=1e-13, abs=1e-300 if name != "flat at zero" else 1e-30)
    assert root.residual == taylor(root.value, 0)[0]


@settings(deadline=None)
@given(
    roots=st.lists(st.floats(-100, 100), min_size=1, max_size=5),
    low=st.floats(-150, 149),
    width=st.floats(1e-3, 300),
    order=st.integers(2, 6),
    family=st.sampled_from(FAMILIES),
)
def test_polynomials_stay_inside_their_bracket_and_agree_with_brentq(
    roots: list[float], low: float, width: float, order: int, family: str
) -> None:
    high = low + width
    taylor = taylor_of(lambda x: math.prod(((x - r) for r in roots[1:]), start=x - roots[0]))

    def value(x: float) -> float:
        return taylor(x, 0)[0]

    root = find_root(taylor, bracket=(low, high), order=order, family=family)
    assert low <= root.value <= high
    if value(low) == 0 or value(high) == 0 or (value(low) > 0) == (value(high) > 0):
        assert root.status is (Status.CONVERGED if root.residual == 0 else Status.NO_SIGN_CHANGE)
        return
    assert root.converged
    below, above = root.bracket
    assert low <= below <= root.value <= above <= high
    assert root.residual == 0 or (value(below) > 0) != (value(above) > 0)
    assert root.residual == 0 or above - below <= 1e-15 * abs(above) + 1e-300
    inside = [r for r in roots if low < r < high]
    if len(inside) == 1:
        assert root.value == pytest.approx(brentq(value, low, high, xtol=1e-14), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(
    ends=st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False)),
    seed=st.integers(0, 2**32 - 1),
    order=st.integers(2, 5),
)
def test_an_adversary_cannot_cost_more_than_bisection_and_a_constant(
    ends: tuple[float, float], seed: int, order: int
) -> None:
    """The adversary keeps the larger part of every cut bracket, and lies about all derivatives."""
    low, high = min(ends), max(ends)
    if not low < high:
        return
    draw, span = random.Random(seed), [low, high]

    def taylor(x: float, degree: int) -> list[float]:
        if x in (low, high):
            sign = -1.0 if x == low else 1.0
        elif reference.floats_between(span[0], x) > reference.floats_between(x, span[1]):
            sign, span[1] = 1.0, x
        else:
            sign, span[0] = -1.0, x
        lies = [draw.choice([-1, 1]) * 10.0 ** draw.uniform(-20, 20) for _ in range(degree)]
        return [sign * 10.0 ** draw.uniform(-20, 20), *lies]

    root = find_root(taylor, bracket=(low, high), order=order)
    assert root.steps <= 2 + reference.floats_between(low, high).bit_length() + SLACK
    assert root.status in (Status.CONVERGED, Status.JUMP)


@pytest.mark.parametrize("family", FAMILIES)
def test_good_problems_take_few_evaluations(family: str) -> None:
    for name in ("exp(x) - 5x", "cos(x) - x", "cubic of Wallis"):
        function, low, high = PROBLEMS[name]
        assert find_root(taylor_of(function), bracket=(low, high), family=family).steps <= 9


# --- without a bracket ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("order", [2, 3, 5])
def test_halley_does_not_run_the_wrong_way(order: int, family: str) -> None:
    """scipy#8881: from 0.1 the correction of second order points away from the root at 9."""
    root = find_root(taylor_of(lambda x: x ** (1 / 9) - 9 ** (1 / 9)), start=0.1, order=order, family=family)
    assert root.converged
    assert root.value == pytest.approx(9, rel=1e-13)
    assert root.steps <= 15


def test_a_start_outside_the_domain_of_the_next_step_is_backed_off() -> None:
    root = find_root(taylor_of(np.log), start=30.0)
    assert root.converged
    assert root.value == pytest.approx(1, rel=1e-14)
    assert root.bracket is not None


@pytest.mark.parametrize("multiplicity", [2, 3, 4])
def test_multiple_roots_are_found_from_a_start(multiplicity: int) -> None:
    root = find_root(taylor_of(lambda x: (x - 1) ** multiplicity), start=3.0)
    assert root.converged
    assert root.value == pytest.approx(1, rel=1e-12)


def test_no_root_is_said_so() -> None:
    nowhere = taylor_of(lambda x: x * x + 1)
    assert find_root(nowhere, start=0.0).status is Status.FLAT
    assert find_root(lambda x, order: [1.0, 1e-320, 0.0], start=0.0).status is Status.FLAT  # the step overflows
    assert find_root(nowhere, start=3.0).status in (Status.STEP_LIMIT, Status.STALLED, Status.FLAT)
    assert find_root(nowhere, bracket=(-1, 2)).status is Status.NO_SIGN_CHANGE


# --- what is no root --------------------------------------------------------------------------------------------------


def test_poles_and_jumps_are_not_called_roots() -> None:
    assert find_root(taylor_of(lambda x: 1 / (x - 0.3)), bracket=(-1, 1.5)).status is Status.JUMP
    step = find_root(lambda x, order: [math.copysign(1.0, x - 0.3), *[0.0] * order], bracket=(-1, 1))
    assert step.status is Status.JUMP
    assert step.value == pytest.approx(0.3, rel=1e-15)


def test_nan_is_a_status_not_an_error() -> None:
    assert find_root(taylor_of(np.log), bracket=(-1, 2)).status is Status.NOT_FINITE
    assert find_root(taylor_of(np.log), start=-1.0).status is Status.NOT_FINITE
    hole = find_root(lambda x, order: [math.nan if abs(x) < 0.9 else x, *[0.0] * order], bracket=(-1, 1))
    assert hole.status is Status.NOT_FINITE
    landed = find_root(lambda x, order: [math.nan if abs(x) < 0.9 else x, 1.0], bracket=(-1, 1), start=0.5, order=2)
    assert (landed.status, landed.steps, landed.bracket) == (Status.NOT_FINITE, 3, (-1.0, 1.0))


def test_infinite_ends_and_infinite_values_are_allowed() -> None:
    root = find_root(taylor_of(lambda x: np.exp(x) - 3), bracket=(-math.inf, math.inf))
    assert root.converged
    assert root.value == pytest.approx(math.log(3), rel=1e-15)


def test_the_step_limit_is_kept() -> None:
    root = find_root(taylor_of(lambda x: np.exp(x) - 2), bracket=(-700, 700), max_steps=4)
    assert (root.steps, root.status) == (4, Status.STEP_LIMIT)
    assert root.bracket[0] < math.log(2) < root.bracket[1]


def test_an_exact_end_and_a_start_inside_are_used() -> None:
    assert find_root(taylor_of(lambda x: x - 1), bracket=(1, 2)).value == 1
    far, near = (find_root(taylor_of(np.tan), bracket=(-1.4, 1.5), start=start) for start in (None, 1e-3))
    assert far.converged
    assert near.converged
    assert near.steps < far.steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "neither bracket nor start"),
        ({"bracket": (2, 1)}, "low < high"),
        ({"bracket": (0, math.nan)}, r"bracket\[1\] is nan"),
        ({"bracket": (0, 1), "start": 2}, "outside the bracket"),
        ({"start": 1, "order": 1}, "order is 1"),
        ({"start": 1, "tolerance": 0.0}, "tolerance is 0.0"),
        ({"bracket": (0, 9), "residual_tolerance": math.nan}, "residual_tolerance is nan"),
        ({"bracket": (0, 9), "residual_tolerance": "small"}, "residual_tolerance is 'small'"),
        ({"start": 1, "max_steps": 2}, "max_steps is 2"),
        ({"start": "one"}, "start is 'one'; it takes a real number"),
        ({"bracket": (0, None)}, r"bracket\[1\] is None"),
        ({"start": 1, "family": "house holder"}, "Did you mean 'householder'"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_root(taylor_of(lambda x: x - 1), **arguments)


def test_a_taylor_that_is_too_short_is_named() -> None:
    with pytest.raises(InputError, match=r"taylor\(x, 2\) returned 2 coefficients"):
        find_root(lambda x, order: [x, 1.0], start=1.0)
