"""Roots to many digits, against mpmath's own and closed forms."""

from __future__ import annotations

import sys

import mpmath
import numpy as np
import pytest

from minent.errors import InputError, MissingExtraError
from minent.roots import Status, find_root_mp, taylor_of


@pytest.mark.parametrize("order", [2, 3, 8])
@pytest.mark.parametrize("family", ["householder", "inverse_taylor"])
@pytest.mark.parametrize("digits", [5, 60, 700])
def test_all_digits_are_right(digits: int, family: str, order: int) -> None:
    taylor = taylor_of(lambda x: x * np.exp(x) - 2)
    root = find_root_mp(taylor, bracket=(0, 2), digits=digits, order=order, family=family)
    with mpmath.workdps(digits + 5):
        error = abs(root.value / mpmath.lambertw(2).real - 1)
    assert root.status is Status.CONVERGED
    assert error <= mpmath.mpf(10) ** -digits


def test_high_order_takes_few_evaluations_of_full_precision() -> None:
    seen = []

    def taylor(x, order):
        seen.append(mpmath.mp.dps)
        return taylor_of(lambda x: np.cos(x) - x)(x, order)

    assert find_root_mp(taylor, bracket=(0, 1), digits=1000, order=10).converged
    assert sum(digits > 200 for digits in seen) <= 2  # one step and one check


def test_multiple_roots_and_zero_are_reached() -> None:
    double = find_root_mp(taylor_of(lambda x: (x - 1) ** 2 * x), start=3, digits=30, order=2)
    assert double.converged
    assert abs(double.value - 1) <= 3e-30  # the error of a double root is twice Newton's correction
    assert abs(find_root_mp(taylor_of(np.sin), start=0.5, digits=30).value) < 1e-300


def test_a_failed_search_says_why() -> None:
    assert find_root_mp(taylor_of(lambda x: x * x + 1), bracket=(0, 1)).status is Status.NO_SIGN_CHANGE


def test_the_precision_of_the_caller_is_left_alone() -> None:
    before = mpmath.mp.dps
    find_root_mp(taylor_of(lambda x: x * x - 2), start=1, digits=99)
    assert mpmath.mp.dps == before


def test_bad_digits_and_a_missing_mpmath_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for digits in (0, 2.5, "30"):
        with pytest.raises(InputError, match=f"digits is {digits!r}; it takes a whole number"):
            find_root_mp(taylor_of(np.sin), start=1, digits=digits)
    monkeypatch.setitem(sys.modules, "mpmath", None)
    with pytest.raises(MissingExtraError, match="pip install mpmath"):
        find_root_mp(taylor_of(np.sin), start=1)
