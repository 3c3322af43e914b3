"""Series against exact expansions, finite algebra and mpmath's own Taylor coefficients."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minent.errors import InputError
from minent.roots import Series, taylor_of

FUNCTIONS = {
    "rational": (lambda x: (x**2 + 1) / (3 - x) - x**-1, lambda x: (x**2 + 1) / (3 - x) - 1 / x),
    "exp log": (lambda x: np.exp(-x * x) + np.log(1 + x), lambda x: mpmath.exp(-x * x) + mpmath.log(1 + x)),
    "powers": (lambda x: x**0.3 + 2**x + x**x, lambda x: x ** mpmath.mpf(0.3) + 2**x + x**x),
    "roots": (lambda x: np.sqrt(x + np.sqrt(x)), lambda x: mpmath.sqrt(x + mpmath.sqrt(x))),
    "circle": (
        lambda x: np.sin(x) * np.cos(2 * x) - np.tan(x),
        lambda x: mpmath.sin(x) * mpmath.cos(2 * x) - mpmath.tan(x),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("x", [0.25, 0.8, 1.3])
def test_coefficients_agree_with_mpmath(name: str, x: float) -> None:
    ours, theirs = FUNCTIONS[name]
    with mpmath.workdps(50):
        expected = [float(a) for a in mpmath.taylor(theirs, mpmath.mpf(x), 6)]
        in_mpmath = [float(a) for a in taylor_of(ours)(mpmath.mpf(x), 6)]
    np.testing.assert_allclose(in_mpmath, expected, rtol=1e-13)
    np.testing.assert_allclose(taylor_of(ours)(x, 6), expected, rtol=1e-10)
    np.testing.assert_allclose([a[0] for a in taylor_of(ours)(np.array([x]), 6)], expected, rtol=1e-10)


polynomials = st.lists(st.fractions(min_value=-4, max_value=4, max_denominator=8), min_size=5, max_size=5).map(Series)


@settings(max_examples=25, deadline=None)
@given(a=polynomials, b=polynomials.filter(lambda b: b.coefficients[0] != 0))
def test_division_undoes_multiplication_exactly(a: Series, b: Series) -> None:
    assert (a * b / b).coefficients == a.coefficients


@settings(max_examples=25, deadline=None)
@given(a=polynomials, power=st.integers(0, 6))
def test_whole_powers_are_repeated_products(a: Series, power: int) -> None:
    product = Series([Fraction(1), 0, 0, 0, 0])
    for _ in range(power):
        product = product * a
    assert (a**power).coefficients == product.coefficients


@settings(max_examples=25, deadline=None)
@given(a=polynomials, inner=polynomials)
def test_composition_with_a_polynomial_is_its_value(a: Series, inner: Series) -> None:
    inner = inner - inner.coefficients[0]
    expected = sum((coefficient * inner**k for k, coefficient in enumerate(a.coefficients)), start=inner * 0)
    assert a(inner).coefficients == expected.coefficients


def test_composition_with_the_inverse_is_the_identity() -> None:
    x = Series.variable(Fraction(0), 8)
    f = x * x.exp() + x.sin()
    assert f(f.inverse()).coefficients == x.coefficients


def test_arrays_and_numbers_may_stand_on_either_side() -> None:
    x, weights = Series.variable(np.array([1.0, 2.0]), 2), np.array([3.0, 5.0])
    for left, right in [(weights * x, x * weights), (weights + x, x + weights), (weights - x, -(x - weights))]:
        for a, b in zip(left.coefficients, right.coefficients):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose((weights / x).coefficients[1], -weights / x.coefficients[0] ** 2)
    assert (2 ** Series.variable(3.0, 1)).coefficients == pytest.approx((8.0, 8 * math.log(2)))


def test_outside_the_domain_is_nan_and_overflow_is_infinite() -> None:
    assert math.isnan(taylor_of(np.log)(-1.0, 2)[0])
    assert math.isnan(taylor_of(lambda x: 1 / x)(0.0, 2)[0])
    assert taylor_of(np.exp)(1e6, 1)[0] == math.inf
    assert taylor_of(np.sqrt)(0.0, 1)[0] == 0.0  # the value is there although the slope is not


def test_a_constant_function_has_a_series_too() -> None:
    assert taylor_of(lambda x: 7.0)(1.0, 2) == [7.0, 0.0, 0.0]


def test_wrong_use_is_refused() -> None:
    with pytest.raises(InputError, match="constant term"):
        Series([1.0, 2.0])(Series([1.0, 1.0]))
    with pytest.raises(InputError, match="empty"):
        Series([])
    with pytest.raises(TypeError):
        np.arctan(Series([1.0, 2.0]))


@pytest.mark.parametrize("exponent", [2.0, np.int64(2)])
def test_a_whole_exponent_may_have_any_type(exponent) -> None:
    assert taylor_of(lambda x: x**exponent - 1)(0.0, 3) == [-1.0, 0.0, 1.0, 0.0]


def test_single_precision_has_its_functions() -> None:
    np.testing.assert_allclose(taylor_of(np.exp)(np.float32(1), 2), np.exp(1) * np.array([1, 1, 0.5]), rtol=1e-6)
