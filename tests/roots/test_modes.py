"""What a search can be asked beyond a bracket and derivatives: values alone, multiple roots, complex starts, limits."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent.errors import InputError
from minent.roots import Status, find_root, find_root_array, find_root_mp, take_root, taylor_of
from minent.roots.result import SLACK
from tests.roots import reference

# --- values alone -----------------------------------------------------------------------------------------------------


@given(shift=st.floats(-20, 20), low=st.floats(-50, 0), width=st.floats(1e-3, 100))
def test_values_alone_agree_with_bisection(shift: float, low: float, width: float) -> None:
    def f(x: float) -> float:
        return math.atan(x - shift) + 0.01 * (x - shift) ** 3

    root = find_root(lambda x, order: [f(x)], bracket=(low, low + width), order=1)
    if f(low) == 0 or f(low + width) == 0:
        assert (root.residual, root.steps) == (0, 2)
        return
    if (f(low) > 0) == (f(low + width) > 0):
        assert root.status is Status.NO_SIGN_CHANGE
        return
    below, above = reference.bisect(f, low, low + width)
    assert root.converged
    assert below - 1e-14 * abs(below) - 1e-15 <= root.value <= above + 1e-14 * abs(above) + 1e-15
    together = find_root_array(
        lambda x, order: [np.arctan(x - shift) + 0.01 * (x - shift) ** 3], bracket=(low, low + width), order=1
    )
    assert together.value == pytest.approx(root.value, rel=1e-13, abs=1e-14)


def test_values_alone_take_few_evaluations() -> None:
    problems = [
        (lambda x, order: [math.cos(x) - x], (0, 1)),
        (lambda x, order: [math.exp(x) - 5 * x], (1, 4)),
        (lambda x, order: [x**3 - 2 * x - 5], (2, 3)),
    ]
    steps = [find_root(values, bracket=bracket, order=1).steps for values, bracket in problems]
    assert max(steps) <= 14


@given(seed=st.integers(0, 2**32 - 1), low=st.floats(-1e300, 0), high=st.floats(1e-300, 1e300))
def test_an_adversary_of_values_cannot_cost_more_than_bisection_and_a_constant(
    seed: int, low: float, high: float
) -> None:
    draw, span = random.Random(seed), [low, high]

    def taylor(x: float, degree: int) -> list[float]:
        if x in (low, high):
            sign = -1.0 if x == low else 1.0
        elif reference.floats_between(span[0], x) > reference.floats_between(x, span[1]):
            sign, span[1] = 1.0, x
        else:
            sign, span[0] = -1.0, x
        return [sign * 10.0 ** draw.uniform(-20, 20)]

    root = find_root(taylor, bracket=(low, high), order=1)
    assert root.steps <= 2 + reference.floats_between(low, high).bit_length() + SLACK


# --- multiple roots ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["householder", "inverse_taylor"])
@pytest.mark.parametrize("multiplicity", [2, 3, 5, 8])
def test_a_known_or_guessed_multiplicity_restores_the_order(multiplicity: int, family: str) -> None:
    taylor = taylor_of(lambda x: (x - 1) ** multiplicity * np.exp(x))
    steps = {
        given: find_root(taylor, start=1.5, order=4, family=family, multiplicity=given).steps
        for given in (multiplicity, None, 1)
    }
    assert steps[multiplicity] <= 6
    assert steps[None] <= 10
    assert steps[1] >= 2 * steps[multiplicity]
    arrays = find_root_array(taylor, start=np.array([1.5, 0.8]), order=4, family=family)
    assert arrays.converged.all()
    np.testing.assert_allclose(arrays.value, 1, rtol=1e-12)


def test_an_odd_multiple_root_in_a_bracket_is_found_by_its_multiplicity() -> None:
    taylor = taylor_of(lambda x: x**9)
    assert find_root(taylor, bracket=(-1, 2)).steps <= 4
    assert find_root(taylor, bracket=(-1, 2), multiplicity=1).steps > 30


def test_the_root_of_a_series_is_exact() -> None:
    assert take_root([8.0, 12.0, 6.0, 1.0], 3) == pytest.approx([1.0, 0.5, 0.0, 0.0])  # (2 + h)**3


def test_multiple_roots_to_many_digits() -> None:
    taylor = taylor_of(lambda x: (x * x - 2) ** 3)
    known = find_root_mp(taylor, start=1.5, digits=200, multiplicity=3)
    assert known.converged
    assert known.steps <= 8


# --- complex starts ---------------------------------------------------------------------------------------------------

COMPLEX = {
    "z**2 + 1": (lambda z: z * z + 1, 1 + 1j, 1j),
    "z**3 - 1": (lambda z: z**3 - 1, -1 + 1j, -0.5 + math.sqrt(3) / 2 * 1j),
    "exp(z) + 1": (lambda z: np.exp(z) + 1, 1 + 2j, math.pi * 1j),
    "sin(z) - 2": (lambda z: np.sin(z) - 2, 1 + 1j, math.pi / 2 + 1.3169578969248167j),
    "z - log(z) (Lambert W)": (lambda z: z - np.log(z), 0.3 + 1j, 0.3181315052047641 + 1.3372357014306895j),
}


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("order", [2, 3, 5])
@pytest.mark.parametrize("family", ["householder", "inverse_taylor"])
def test_complex_roots_are_found(name: str, order: int, family: str) -> None:
    function, start, expected = COMPLEX[name]
    root = find_root(taylor_of(function), start=start, order=order, family=family)
    assert root.converged
    assert isinstance(root.value, complex)
    assert root.bracket is None
    assert abs(root.value - expected) < 1e-14 * abs(expected)
    if order == 3:
        precise = find_root_mp(taylor_of(function), start=start, digits=60, family=family)
        assert precise.converged
        assert abs(precise.value - root.value) < 1e-14


def test_every_root_of_unity_has_its_basin() -> None:
    angles = np.exp(2j * np.pi * (np.arange(7) + 0.2) / 7) * np.linspace(0.5, 3, 4)[:, None]
    root = find_root_array(taylor_of(lambda z: z**7 - 1), start=angles)
    assert root.converged.all()
    np.testing.assert_allclose(root.value**7, 1, rtol=1e-13)
    doubled = find_root_array(taylor_of(lambda z: (z**7 - 1) ** 2), start=angles, multiplicity=2)
    assert doubled.steps.max() < 30


def test_a_flat_start_and_a_bracket_in_the_plane_are_told() -> None:
    assert find_root(taylor_of(lambda z: z * z + 1), start=0j).status is Status.FLAT
    with pytest.raises(InputError, match="a bracket holds a real root"):
        find_root(taylor_of(lambda z: z * z + 1), start=1j, bracket=(0, 1))
    with pytest.raises(InputError, match="NaN"):
        find_root_array(taylor_of(lambda z: z), start=np.array([1j, complex(math.nan, 0)]))


# --- limits and refusals ----------------------------------------------------------------------------------------------


def test_tolerances_are_kept() -> None:
    taylor = taylor_of(lambda x: np.exp(x) - 1)
    root = find_root(taylor, bracket=(-3, 5), absolute_tolerance=1e-3, tolerance=1e-30)
    assert root.bracket[1] - root.bracket[0] <= 1e-3
    enough = np.array([1e-1, 1e-6])
    roots = find_root_array(taylor, bracket=(-3.0, np.full(2, 5.0)), residual_tolerance=enough)
    assert (np.abs(roots.residual) <= enough).all()
    assert roots.steps[0] < roots.steps[1]


def test_elements_that_are_done_leave_the_arrays() -> None:
    sizes = []

    def taylor(x, order, target):
        sizes.append(np.size(x))
        return [x**3 - target, 3 * x * x, 3 * x]

    targets = np.concatenate([np.full(99, 8.0), [1e-250]])
    root = find_root_array(taylor, bracket=(0.0, 4.0), args=(targets,), multiplicity=1)
    assert root.converged.all()
    np.testing.assert_allclose(root.value, np.cbrt(targets), rtol=1e-14)
    assert sizes[0] == 100
    assert sizes[-1] == 1
    for target in (8.0, 1e-250):
        alone = find_root_array(taylor, bracket=(0.0, 4.0), args=(target,), multiplicity=1)
        assert alone.value == root.value[np.flatnonzero(targets == target)[0]]


def test_require_names_the_element() -> None:
    shift = np.array([1.0, -1.0, -2.0])
    roots = find_root_array(taylor_of(lambda x: x * x - shift), bracket=(0.0, 3.0))
    with pytest.raises(InputError, match=r"no root at element \[1\] \(and 1 more\) in \(0.0, 3.0\), .* widen"):
        roots.require()
    assert find_root(taylor_of(lambda x: x - 1), bracket=(0, 3)).require() == pytest.approx(1, rel=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": math.nan}, "start is (NaN|nan)"),
        ({"start": 1.0, "order": 1}, "values alone"),
        ({"bracket": (0, 1), "order": 0}, "order is 0"),
        ({"bracket": (0, 1), "absolute_tolerance": 0.0}, "absolute_tolerance is 0.0"),
        ({"bracket": (0, 1), "multiplicity": 0}, "multiplicity is 0"),
        ({"bracket": (0, 1), "max_steps": 1}, "max_steps is 1"),
        ({"bracket": (0, 1), "order": 2.5}, "order is 2.5; it takes a whole number, 1 or more"),
        ({"bracket": (0, 1), "order": "3"}, "order is '3'"),
        ({"bracket": (0, 1), "max_steps": 9.5}, "max_steps is 9.5"),
        ({"bracket": (0, 1), "tolerance": "small"}, "tolerance is 'small'"),
        ({"bracket": (0, 1, 2)}, r"bracket is \(0, 1, 2\); it takes two ends"),
        ({"bracket": "ab"}, "bracket is 'ab'"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: dict, message: str) -> None:
    for find in (find_root, find_root_array):
        with pytest.raises(InputError, match=message):
            find(taylor_of(lambda x: x - 0.5), **arguments)


def test_single_precision_complex_starts_stay_complex() -> None:
    taylor = taylor_of(lambda z: z * z + 4)
    assert find_root(taylor, start=np.complex64(1 + 1j)).value == pytest.approx(2j, abs=1e-15)
    assert complex(find_root_mp(taylor, start=np.complex64(1 + 1j), digits=30).value) == pytest.approx(2j, abs=1e-15)


def test_a_residual_for_each_element_gives_the_shape() -> None:
    taylor = taylor_of(lambda x: x * x - 2)
    found = find_root_array(taylor, bracket=(0.0, 9.0), residual_tolerance=np.array([1e-1, 0.0]))
    assert found.converged.all()
    assert 0 < abs(found.residual[0]) <= 1e-1
    assert found.value[1] == pytest.approx(2**0.5, rel=1e-15)
    with pytest.raises(InputError, match="residual_tolerance and args have shapes"):
        find_root_array(taylor, bracket=(0.0, np.ones(3)), residual_tolerance=np.zeros(2))
