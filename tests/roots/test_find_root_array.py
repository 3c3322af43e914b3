"""Arrays of roots: every element as `find_root` finds it alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minent.errors import InputError
from minent.roots import Status, find_root, find_root_array, taylor_of
from minent.roots.result import SLACK

parameters = arrays(np.float64, st.integers(1, 6), elements=st.floats(-5, 5))


@settings(deadline=None)
@given(
    shifts=parameters,
    order=st.integers(2, 5),
    family=st.sampled_from(["householder", "inverse_taylor"]),
    where=st.sampled_from([{"bracket": (-3.0, 4.5)}, {"start": 2.5}, {"bracket": (-3.0, 4.5), "start": 0.5}]),
    power=st.integers(1, 4),
)
def test_elements_follow_the_scalar_search(
    shifts: np.ndarray, order: int, family: str, where: dict, power: int
) -> None:
    def function(x, shift):
        return (x - shift) ** power * (x * x - 3) * (1 if power < 3 else np.sqrt(x + 4))  # NaN below -4

    together = find_root_array(taylor_of(lambda x: function(x, shifts)), order=order, family=family, **where)
    for i, shift in enumerate(shifts.tolist()):
        alone = find_root(taylor_of(lambda x: function(x, shift)), order=order, family=family, **where)  # noqa: B023 - used at once
        assert together.status[i] is alone.status
        assert together.steps[i] == alone.steps
        assert together.value[i] == alone.value


def test_the_budget_holds_in_arrays_too() -> None:
    flat = find_root_array(taylor_of(lambda x: x**9), bracket=(-1.0, np.array([2.0, 1e300])))
    assert flat.converged.all()
    assert (flat.steps <= 2 + 64 + SLACK).all()
    for high, steps in zip((2.0, 1e300), flat.steps):
        assert find_root(taylor_of(lambda x: x**9), bracket=(-1.0, high)).steps == steps


def test_nan_at_the_start_or_inside_is_a_status() -> None:
    holes = np.array([0.0, 1.0])  # of the second function, all between -1 and 1

    def taylor(x, order):
        return [np.where(np.abs(x) < holes, np.nan, x - 0.25), *[np.ones(2)] * order]

    for where in ({"start": 0.5}, {}):
        root = find_root_array(taylor, bracket=(-2.0, 2.0), **where)
        assert root.status.tolist() == [Status.CONVERGED, Status.NOT_FINITE]
        assert root.steps[1] == 3


def test_any_shape_broadcasts() -> None:
    targets = np.linspace(0.1, 2, 12).reshape(3, 4)
    root = find_root_array(
        taylor_of(lambda x: np.exp(x) - targets), bracket=(-10.0, np.full((3, 1), 10.0)), start=targets - 1
    )
    assert root.value.shape == root.residual.shape == root.steps.shape == root.status.shape == (3, 4)
    assert root.converged.all()
    np.testing.assert_allclose(root.value, np.log(targets), rtol=1e-13, atol=1e-15)
    assert ((root.bracket[0] <= root.value) & (root.value <= root.bracket[1])).all()


def test_a_number_is_an_array_of_no_dimension() -> None:
    root = find_root_array(taylor_of(lambda x: x * x - 2), bracket=(0, 2))
    assert root.value.shape == ()
    assert float(root.value) == pytest.approx(2**0.5, rel=1e-15)


def test_each_element_has_its_own_status() -> None:
    shift = np.array([1.0, 0.0, -1.0, np.nan])
    root = find_root_array(taylor_of(lambda x: x * x - shift), bracket=(0.0, 3.0))
    assert root.status.tolist() == [Status.CONVERGED, Status.CONVERGED, Status.NO_SIGN_CHANGE, Status.NOT_FINITE]
    lonely = find_root_array(taylor_of(lambda x: x * x - shift), start=np.array([2.0, 0.0, 0.0, 1.0]))
    assert lonely.status.tolist() == [Status.CONVERGED, Status.CONVERGED, Status.FLAT, Status.NOT_FINITE]


def test_parameters_may_have_more_dimensions_than_the_start() -> None:
    targets = np.arange(1.0, 13.0).reshape(3, 4)
    for where in ({"start": np.ones(4)}, {"bracket": (np.zeros(4), 5.0)}):
        root = find_root_array(taylor_of(lambda x: x * x - targets), **where)
        np.testing.assert_allclose(root.value, np.sqrt(targets), rtol=1e-14)


def test_the_step_limit_is_per_element() -> None:
    shift = np.array([1.0, 1e-200])
    root = find_root_array(taylor_of(lambda x: x**3 - shift), bracket=(0.0, 1.0), max_steps=5)
    assert root.status.tolist() == [Status.CONVERGED, Status.STEP_LIMIT]


def test_no_element_no_work() -> None:
    assert find_root_array(taylor_of(lambda x: x), start=np.empty((0, 3))).value.shape == (0, 3)


def test_bad_elements_are_named() -> None:
    with pytest.raises(InputError, match=r"bracket is \(2.0, 1.0\) at element \[1\]"):
        find_root_array(taylor_of(lambda x: x), bracket=(np.array([0, 2]), 1.0))
    with pytest.raises(InputError, match="outside the bracket"):
        find_root_array(taylor_of(lambda x: x), bracket=(-1.0, 1.0), start=np.array([0.5, 2.0]))
    for wrong in ([0.0, -1.0], [0.0, np.nan], ["small", "0"]):
        with pytest.raises(InputError, match=r"residual_tolerance is .*sizes of the function, 0 or more"):
            find_root_array(taylor_of(np.sin), bracket=(1, 4), residual_tolerance=wrong)
    with pytest.raises(InputError, match="do not broadcast"):
        find_root_array(taylor_of(lambda x: x), bracket=(np.zeros(2), np.ones(3)))
