"""Inverse functions, sums, certificates and the derivative of a root."""

from __future__ import annotations

import math
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from minent.errors import InputError, MissingExtraError
from minent.roots import (
    certify_interval,
    certify_sign,
    certify_smale,
    exponential_sum,
    find_root,
    find_root_array,
    inverse_function,
    invert_series,
    kepler,
    lambert_w,
    normal_quantile,
    power_sum,
    root_derivative,
    steps,
    taylor_of,
)

# --- named inverses, against 40 digits of mpmath ----------------------------------------------------------------------


@given(mean=st.floats(-50, 50), eccentricity=st.floats(0, 1, exclude_max=True))
def test_kepler_solves_its_equation(mean: float, eccentricity: float) -> None:
    anomaly = float(kepler(mean, eccentricity))
    assert abs(anomaly - eccentricity * math.sin(anomaly) - mean) <= 4e-16 * max(1.0, abs(mean), abs(anomaly))
    assert abs(anomaly - mean) <= 1.0 + 1e-12


def test_kepler_is_right_where_it_is_hard() -> None:
    assert kepler(2 * math.pi, 1 - 1e-9) == 2 * math.pi
    mean, eccentricity = np.array([0.0, 1e-300, 1e-12, 1e-6, 1e-3]), 1 - 1e-9
    for m, e in zip(mean.tolist(), kepler(mean, eccentricity).tolist()):
        with mpmath.workdps(60):
            exact, begin = mpmath.mpf(eccentricity), mpmath.mpf(e)
            for _ in range(8):
                begin -= (begin - exact * mpmath.sin(begin) - m) / (1 - exact * mpmath.cos(begin))
            assert abs(begin - e) <= 1e-13 * abs(begin)


@pytest.mark.parametrize("branch", [0, -1])
def test_lambert_w_agrees_with_mpmath(branch: int) -> None:
    y = -np.exp(-1) + np.logspace(-16, -0.5, 60)
    y = np.concatenate([y[y < 0], -np.logspace(-300, -0.5, 60), np.logspace(-300, 300, 60) if branch == 0 else []])
    w = lambert_w(y, branch)
    with mpmath.workdps(40):
        exact = [mpmath.lambertw(mpmath.mpf(value), branch).real for value in y.tolist()]
        errors = [float(abs(ours / theirs - 1)) for ours, theirs in zip(w.tolist(), exact)]
    assert max(errors) < 5e-15
    if branch == 0:
        assert lambert_w([0.0, np.inf]).tolist() == [0.0, math.inf]


def test_normal_quantile_agrees_with_scipy_and_is_odd() -> None:
    p = np.concatenate([np.logspace(-300, -0.31, 500), np.linspace(0.01, 0.49, 300)])
    x = normal_quantile(p)
    np.testing.assert_allclose(x, special.ndtri(p), rtol=3e-15)
    assert normal_quantile([0.0, 0.5, 1.0]).tolist() == [-math.inf, 0.0, math.inf]
    np.testing.assert_array_equal(normal_quantile([0.75, 0.25]), np.array([1, -1]) * normal_quantile(0.75))


def test_the_smallest_and_the_largest_floats() -> None:
    tiny = np.array([5e-324, 1e-310, 1e-200, 1e-17])
    np.testing.assert_allclose(lambert_w([*tiny, *-tiny]), [*tiny, *-tiny], rtol=1e-15)
    for y in (-5e-324, -1e-310):
        exact = float(mpmath.lambertw(mpmath.mpf(y), -1).real)
        assert lambert_w(y, branch=-1) == pytest.approx(exact, rel=1e-15)
    for mean in (1e15, 4e15, 1e17, -1e300):
        assert abs(kepler(mean, 0.9) - mean) <= 0.9 + 2 * np.spacing(abs(mean))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kepler([0.1, 0.2], [0.5, 1.0]), r"eccentricity\[1\] is 1.0"),
        (lambda: kepler(math.nan, 0.1), "mean_anomaly is nan"),
        (lambda: kepler([1, 2, 3], [0.1, 0.2]), "do not broadcast"),
        (lambda: lambert_w([-0.1, -0.5]), r"y\[1\] is -0.5 \(1 of 2"),
        (lambda: lambert_w(0.0, branch=-1), "y is 0.0 .* below zero"),
        (lambda: lambert_w(1.0, branch=2), "branch is 2"),
        (lambda: normal_quantile(1.5), "probability is 1.5"),
        (lambda: inverse_function(taylor_of(np.exp), bracket=(1, 0)), "low < high"),
        (lambda: inverse_function(taylor_of(np.exp), bracket=(0, 1), order=1), "order is 1"),
        (lambda: inverse_function(taylor_of(np.sin), bracket=(0, 3)), "not monotonic"),
        (lambda: inverse_function(taylor_of(np.log), bracket=(0, 1)), r"the function is -inf at 0.0; take a bracket"),
        (lambda: inverse_function(taylor_of(np.log), bracket=(-1, 1)), r"the function is nan at -1.0; take a bracket"),
        (lambda: inverse_function(taylor_of(np.exp), bracket=(0, 1))([1.5, 3.0]), r"targets\[1\] is 3.0"),
        (lambda: exponential_sum([]), "no terms"),
        (lambda: exponential_sum([[1.0, math.nan]]), r"NaN at \[0, 1\]"),
        (lambda: power_sum([1.0], 0.0), "exponent is 0.0"),
        (lambda: power_sum([1.0], "two"), "exponent is 'two'"),
        (lambda: certify_sign(taylor_of(np.exp), math.nan), "x is nan"),
        (lambda: certify_sign(taylor_of(np.exp), "0"), "x is '0'"),
        (lambda: certify_sign(taylor_of(np.exp), 0.0, ulps=0), "ulps is 0"),
        (lambda: certify_sign(taylor_of(np.exp), 0.0, ulps=1.5), "ulps is 1.5"),
        (lambda: certify_smale([1.0]), "1 terms"),
    ],
)
def test_wrong_inputs_are_named(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


# --- any inverse ------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "exp": (np.exp, (-5.0, 5.0)),
    "falling": (lambda x: np.exp(-x) - x, (-2.0, 3.0)),
    "kepler": (lambda x: x - 0.9 * np.sin(x), (0.0, 3.1)),
    "odd": (lambda x: x + x**3, (-2.0, 2.0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_inverse_undoes_its_function_without_calling_it(name: str) -> None:
    function, bracket = FUNCTIONS[name]
    calls = []

    def taylor(x, order):
        calls.append(order)
        return taylor_of(function)(x, order)

    inverse = inverse_function(taylor, bracket=bracket)
    built = len(calls)
    x = np.linspace(*bracket, 4001)[1:-1].reshape(3, -1)
    np.testing.assert_allclose(inverse(function(x)), x, rtol=0, atol=2e-12)
    assert len(calls) == built
    assert not inverse.unresolved.any()
    assert isinstance(inverse(float(function(0.5))), float)


def test_a_higher_order_needs_fewer_nodes() -> None:
    nodes = [len(inverse_function(taylor_of(np.exp), bracket=(-5, 5), order=order).nodes) for order in (4, 8, 16)]
    assert nodes[0] > 4 * nodes[1] > 8 * nodes[2] / 2


def test_an_infinite_slope_is_searched_for() -> None:
    inverse = inverse_function(taylor_of(np.cos), bracket=(0.0, math.pi), max_nodes=300)
    assert inverse.unresolved.any()
    y = np.concatenate([np.linspace(-1, 1, 2001), 1 - np.logspace(-15, -3, 50)])
    np.testing.assert_allclose(inverse(y), np.arccos(y), rtol=1e-9, atol=3e-8)
    inner = np.abs(y) < 0.99
    np.testing.assert_allclose(inverse(y[inner]), np.arccos(y[inner]), atol=2e-12)


# --- sums -------------------------------------------------------------------------------------------------------------


@given(
    rates=st.lists(st.floats(-2, 2), min_size=1, max_size=5),
    x=st.floats(-1, 1),
    order=st.integers(0, 6),
    target=st.floats(-5, 5),
)
def test_exponential_sums_have_the_coefficients_of_their_series(
    rates: list[float], x: float, order: int, target: float
) -> None:
    weights = [1.0 + i for i in range(len(rates))]
    ours = exponential_sum(rates, weights, target)(x, order)
    theirs = taylor_of(lambda x: sum(w * np.exp(r * x) for w, r in zip(weights, rates)) - target)(x, order)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0, 3.3])
def test_power_sums_have_the_coefficients_of_their_series(exponent: float) -> None:
    points, weights, x = np.array([3.0, 1.5, 0.2, -1.0]), np.array([1.0, 0.5, 2.0, 9.0]), 0.7
    ours = power_sum(points, exponent, weights, target=2.0)(x, 5)
    theirs = taylor_of(lambda x: 1.0 * (3.0 - x) ** exponent + 0.5 * (1.5 - x) ** exponent - 2.0)(x, 5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_thresholds_of_entmax_for_many_rows_at_once() -> None:
    scores = np.random.default_rng(0).normal(size=(50, 20))
    best = scores.max(1)
    root = find_root_array(power_sum(0.5 * scores, 2.0, target=np.ones(50)), bracket=(best / 2 - 1, best / 2), order=4)
    assert root.converged.all()
    probabilities = np.maximum(0.5 * scores - root.value[:, None], 0) ** 2
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-13)


# --- certificates -----------------------------------------------------------------------------------------------------


def test_a_sign_change_certifies_a_root_and_nothing_else() -> None:
    taylor = taylor_of(lambda x: np.exp(x) - 5 * x)
    root = find_root(taylor, bracket=(1, 4))
    found = certify_sign(taylor, root.value)
    assert found.holds
    assert found.low < root.value < found.high
    assert not certify_sign(taylor, root.value + 1e-12).holds
    assert not certify_sign(taylor_of(lambda x: x * x + 1), 0.0).holds


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=5), st.floats(-4, 4))
def test_smales_certificate_is_never_wrong_on_polynomials(roots: list[float], x: float) -> None:
    taylor = taylor_of(lambda x: math.prod((x - r for r in roots[1:]), start=x - roots[0]))
    found = certify_smale(taylor(x, len(roots)), x)
    if found.holds:
        assert any(found.low - 1e-9 <= r <= found.high + 1e-9 for r in roots)


def test_smales_certificate_holds_near_a_simple_root_and_not_between_two() -> None:
    assert certify_smale([1.5**2 - 2, 3.0, 1.0], 1.5).holds
    assert not certify_smale([-2.0, 0.1, 1.0], 0.05).holds
    assert certify_smale([0.01j, 1.0 + 0j, 1.0], 1j).holds
    assert "derivative is zero" in certify_smale([1.0, 0.0, 1.0]).reason


def test_interval_newton_proves_and_refutes() -> None:
    taylor = taylor_of(lambda x: np.exp(x) - 5 * x + np.sqrt(x) - np.log(x) + np.tan(x) * 0 + x**1.5 - np.cos(x) + 0.5)
    simple = taylor_of(lambda x: np.exp(x) - 5 * x)
    found = certify_interval(simple, 2.4, 2.7)
    assert found.holds
    assert found.low <= 2.5426413577735264 <= found.high
    assert not certify_interval(simple, 3.0, 3.1).holds
    assert "no root" in certify_interval(simple, 3.0, 3.1).reason
    assert not certify_interval(simple, 0.0, 4.0).holds  # the slope vanishes inside
    assert not certify_interval(taylor, 2.0, 2.1).holds
    with pytest.raises(InputError, match="low < high"):
        certify_interval(simple, 1.0, 1.0)


def test_interval_newton_speaks_of_the_bracket_alone() -> None:
    line = taylor_of(lambda x: x - 1)
    assert certify_interval(line, 0.0, 1.5).holds
    with mpmath.workdps(40):  # the root lies outside, by less than the digits of a float
        low = 1 + mpmath.mpf(10) ** -20
        assert not certify_interval(line, low, low + mpmath.mpf(10) ** -20, digits=60).holds


def test_a_coefficient_that_is_not_finite_certifies_nothing() -> None:
    assert certify_smale([0.01, 1.0, 0.5]).holds
    assert "not finite" in certify_smale([0.01, 1.0, 0.5, math.nan]).reason
    assert "zero" in certify_sign(taylor_of(lambda x: x * x), 0.0).reason


def test_a_missing_flint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(MissingExtraError, match="pip install python-flint"):
        certify_interval(taylor_of(np.exp), 0.0, 1.0)


def test_a_long_series_is_inverted_as_a_short_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    series = [0, 2, *([1, -3, 0, 5] * 17)]
    fast = invert_series(series)
    monkeypatch.setattr(steps, "_FLINT_FROM", 1000)
    assert fast == invert_series(series)


# --- the derivative of a root -----------------------------------------------------------------------------------------


def test_the_derivative_serves_autograd() -> None:
    import torch

    class SolveExp(torch.autograd.Function):
        """The root of exp(x) + x = t."""

        @staticmethod
        def forward(ctx, t):
            root = find_root_array(taylor_of(lambda x: np.exp(x) + x - t.numpy()), bracket=(-50.0, 50.0))
            x = torch.from_numpy(np.asarray(root.value))
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return gradient * root_derivative(x.exp() + 1, -torch.ones_like(x))

    t = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(SolveExp.apply, (t,))


def test_the_derivative_is_that_of_the_moved_root() -> None:
    def root_of(t: float) -> float:
        return find_root(taylor_of(lambda x: x**3 + t * x - 2), bracket=(0, 2)).value

    x = root_of(1.0)
    assert root_derivative(3 * x * x + 1, x) == pytest.approx((root_of(1 + 1e-6) - root_of(1 - 1e-6)) / 2e-6, rel=1e-8)
