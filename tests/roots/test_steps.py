"""Step formulas and series inversion: known inverses, exactly; measured orders of convergence."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import factorial

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minent.errors import InputError
from minent.roots import Series, householder_step, inverse_taylor_step, invert_series, taylor_of
from tests.roots import reference

ZERO = Series.variable(Fraction(0), 9)


def test_inverse_of_y_plus_y_squared_is_signed_catalan() -> None:
    assert invert_series([0, 1, 1, 0, 0, 0, 0, 0]) == [
        0,
        *((-1) ** (k - 1) * reference.catalan(k - 1) for k in range(1, 8)),
    ]


def test_inverse_of_y_exp_y_is_lambert_w() -> None:
    inverse = invert_series((ZERO * ZERO.exp()).coefficients)
    assert inverse == [0, *(Fraction((-k) ** (k - 1), factorial(k)) for k in range(1, 10))]


def test_inverse_of_exp_minus_one_is_log() -> None:
    assert invert_series((ZERO.exp() - 1).coefficients) == [0, *(Fraction((-1) ** (k - 1), k) for k in range(1, 10))]


def test_inverse_of_sine_is_arcsine() -> None:
    assert invert_series(ZERO.sin().coefficients) == reference.arcsine(9)


fractions = st.fractions(min_value=-3, max_value=3, max_denominator=6)


@settings(max_examples=25, deadline=None)
@given(constant=fractions, slope=fractions.filter(bool), rest=st.lists(fractions, max_size=5))
def test_a_series_undoes_its_inverse(constant: Fraction, slope: Fraction, rest: list[Fraction]) -> None:
    inverse = invert_series([constant, slope, *rest])
    assert inverse[0] == 0
    identity = [Fraction(0), Fraction(1), *[Fraction(0)] * len(rest)]
    assert reference.compose([Fraction(0), slope, *rest], inverse) == identity


@pytest.mark.parametrize("step", [householder_step, inverse_taylor_step])
@pytest.mark.parametrize("degree", range(1, 8))
def test_measured_order_is_degree_plus_one(step, degree: int) -> None:
    taylor = taylor_of(lambda x: np.exp(x) - 5 * x)
    digits = 2 * (degree + 1) ** 4 + 50  # two at the start, and four steps
    with mpmath.workdps(digits):
        root = mpmath.findroot(
            lambda x: mpmath.exp(x) - 5 * x, mpmath.mpf("2.5426413577735264"), tol=mpmath.mpf(10) ** (20 - 2 * digits)
        )
        x, errors = mpmath.mpf("2.6"), []
        for _ in range(4):
            x += step(taylor(x, degree))
            errors.append(mpmath.log(abs(x - root)))
        measured = [float(after / before) for before, after in pairwise(errors)]
    assert measured[-1] == pytest.approx(degree + 1, abs=0.1)


def test_steps_serve_arrays_as_they_serve_floats() -> None:
    x = np.array([0.5, 1.0, 2.0])
    taylor = taylor_of(lambda x: np.exp(x) - 5 * x)
    for step in (householder_step, inverse_taylor_step):
        np.testing.assert_allclose(step(taylor(x, 4)), [step(taylor(float(v), 4)) for v in x], rtol=1e-14)


def test_steps_and_series_serve_tensors() -> None:
    import torch

    x, taylor = [0.5, 1.0, 2.0], taylor_of(lambda x: np.exp(x) - x**0.5 / np.cos(x))
    for step in (householder_step, inverse_taylor_step):
        ours = step(taylor(torch.tensor(x, dtype=torch.float64), 4))
        np.testing.assert_allclose(ours.numpy(), step(taylor(np.array(x), 4)), rtol=1e-13)


def test_bad_series_are_refused_with_their_cure() -> None:
    with pytest.raises(InputError, match="1 terms; an inverse needs"):
        invert_series([3])
    with pytest.raises(InputError, match=r"coefficients\[1\] is 0"):
        invert_series([1, 0, 2])
