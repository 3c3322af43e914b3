"""Functions compiled by Numba: the same text, so the same answers, from one root or many, on any number of threads."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from minent.errors import InputError
from minent.roots import Status, find_root, find_root_array

VARIANTS = [(3, "householder"), (1, "householder"), (6, "inverse_taylor")]


@njit
def cubic(x, order, shift, power):
    """Three real roots, or one of multiplicity `power` and others; NaN below -4."""
    if x < -4:
        return math.nan, math.nan, math.nan, math.nan, math.nan, math.nan
    e = math.exp(-power * x)
    f0 = 1 - e
    p2 = power * power
    p4 = p2 * p2
    return f0 - shift, power * e, -p2 * e / 2, p2 * power * e / 6, -p4 * e / 24, p4 * power * e / 120


def python(x: float, order: int, shift: float, power: float) -> tuple:
    try:
        return cubic.py_func(x, order, shift, power)
    except OverflowError:
        return (-math.inf,) * 6


@pytest.mark.parametrize(("order", "family"), VARIANTS)
def test_compiled_and_interpreted_searches_take_the_same_steps(order: int, family: str) -> None:
    @given(
        shift=st.floats(-3, 2),
        power=st.floats(0.01, 5),
        low=st.floats(-5, 1),
        width=st.floats(0.01, 50),
        inside=st.none() | st.floats(0.01, 0.99),
    )
    def check(shift: float, power: float, low: float, width: float, inside: float | None) -> None:
        where = {"bracket": (low, low + width)}
        if inside is not None:
            where["start"] = low + inside * width
            if not low < where["start"] < low + width:
                return
        options = {"args": (shift, power), "order": order, "family": family, **where}
        compiled, interpreted = find_root(cubic, **options), find_root(python, **options)
        assert (compiled.status, compiled.steps) == (interpreted.status, interpreted.steps)
        np.testing.assert_array_equal(compiled.value, interpreted.value)
        np.testing.assert_array_equal(compiled.bracket or math.nan, interpreted.bracket or math.nan)

    check()


def test_arrays_threads_and_single_roots_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    shift = np.linspace(-2, 1.5, 5000).reshape(50, 100)
    answers = []
    for threads in ("1", "3"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        answers.append(find_root_array(cubic, bracket=(-3.0, 10.0), args=(shift, 1.0)))
    for name in ("value", "residual", "steps"):
        np.testing.assert_array_equal(getattr(answers[0], name), getattr(answers[1], name))
    alone = find_root(cubic, bracket=(-3.0, 10.0), args=(shift[7, 3], 1.0))
    assert (answers[0].value[7, 3], answers[0].steps[7, 3]) == (alone.value, alone.steps)
    solved = shift < 1 - math.exp(-10)
    np.testing.assert_allclose(answers[0].value[solved], -np.log1p(-shift[solved]), rtol=1e-12, atol=1e-14)
    assert set(answers[0].status[~solved].ravel().tolist()) == {Status.NO_SIGN_CHANGE}


def test_numpy_and_compiled_arrays_agree() -> None:
    shift = np.linspace(-2, 0.9, 300)
    ours = find_root_array(cubic, bracket=(-3.0, 10.0), args=(shift, 0.7))

    def vectorised(x, order, shift, power):
        e = np.exp(-power * x)
        return [1 - e - shift, power * e, -(power**2) * e / 2]

    theirs = find_root_array(vectorised, bracket=(-3.0, 10.0), args=(shift, 0.7))
    np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-14, atol=1e-15)
    assert np.abs(ours.steps - theirs.steps).max() <= 3  # the exponentials of NumPy and of libm may differ in a bit


def test_a_start_alone_and_the_limits_reach_the_compiled_search() -> None:
    root = find_root(cubic, start=2.0, args=(0.5, 1.0))
    assert root.value == pytest.approx(math.log(2), rel=1e-14)
    assert find_root(cubic, bracket=(-3, 40), args=(0.5, 1.0), max_steps=4).status is Status.STEP_LIMIT
    rough = find_root(cubic, bracket=(-3, 10), args=(0.5, 1.0), residual_tolerance=1e-2)
    assert 0 < abs(rough.residual) <= 1e-2


@njit
def a_whole_number(x, order):
    return x * x - 2, 2 * x, 1


@njit
def a_list(x, order):
    return [x, 1.0]


@njit
def broken(x, order):
    return x.upper(), 1.0


def test_what_is_no_tuple_of_enough_floats_is_refused() -> None:
    with pytest.raises(InputError, match=r"of floats, 1\.0 and not 1"):
        find_root(a_whole_number, bracket=(0, 2))
    with pytest.raises(InputError, match="takes a tuple"):
        find_root(a_list, bracket=(-1, 1), order=2)
    with pytest.raises(InputError, match="does not compile"):
        find_root(broken, bracket=(-1, 1), order=2)
    with pytest.raises(InputError, match=r"returns 6 coefficients, but \[a_0 .. a_6\]"):
        find_root(cubic, bracket=(0, 2), args=(0.5, 1.0), order=7)


def test_arguments_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match=r"args\[0\] has shape \(2,\).*find_root_array takes arrays"):
        find_root(cubic, bracket=(0, 2), args=([0.5, 0.6], 1.0))
    with pytest.raises(InputError, match="with 1 args"):
        find_root(cubic, bracket=(0, 2), args=(0.5,))


@pytest.mark.parametrize("size", [0, 1])
def test_a_compiled_search_of_none_and_of_one(size: int) -> None:
    found = find_root_array(cubic, bracket=(np.full(size, -3.0), 40.0), args=(0.5, 1.0))
    np.testing.assert_allclose(found.value, np.full(size, math.log(2)), rtol=1e-14)
