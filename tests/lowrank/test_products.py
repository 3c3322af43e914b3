"""CUR gives back what it must; CR is right on average, with the spread that theory says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from minent.errors import InputError
from minent.lowrank import cr, cur
from tests.lowrank import reference


@pytest.mark.parametrize("core", ["optimal", "cross"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_cur_gives_back_a_matrix_of_its_rank(core: str, kind) -> None:
    draw = np.random.default_rng(0)
    a = draw.standard_normal((60, 6)) @ draw.standard_normal((6, 45))
    parts = cur(kind(a), 6, core=core)
    np.testing.assert_allclose(a[:, parts.columns] @ parts.core @ a[parts.rows], a, atol=1e-9)
    assert parts.error < 1e-9
    more = cur(kind(a), 20, core=core)
    assert len(more.columns) == len(more.rows) == 6  # no more than there is


def test_the_cross_core_keeps_the_chosen_rows_and_columns() -> None:
    a = reference.decaying(50, 40, 1.0)
    parts = cur(a, 8, core="cross")
    rebuilt = a[:, parts.columns] @ parts.core @ a[parts.rows]
    np.testing.assert_allclose(rebuilt[parts.rows], a[parts.rows], atol=1e-10)
    np.testing.assert_allclose(rebuilt[:, parts.columns], a[:, parts.columns], atol=1e-10)


def test_the_optimal_core_leaves_less_and_says_how_much() -> None:
    a = reference.decaying(50, 40, 1.0)
    optimal, cross = cur(a, 8), cur(a, 8, core="cross")
    assert optimal.columns.tolist() == cross.columns.tolist()
    for parts in (optimal, cross):
        rebuilt = a[:, parts.columns] @ parts.core @ a[parts.rows]
        assert parts.error == pytest.approx(np.linalg.norm(a - rebuilt))
    assert reference.tail(a, 8) <= optimal.error < cross.error
    assert optimal.error < 3 * reference.tail(a, 8)


def test_cur_of_nothing() -> None:
    assert cur(np.zeros((4, 3)), 2).core.shape == (0, 0)
    assert cur(np.eye(3), 0).error == pytest.approx(3**0.5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), terms=st.integers(1, 8))
def test_the_largest_terms_keep_their_bound(seed: int, terms: int) -> None:
    draw = np.random.default_rng(seed)
    x, y = draw.standard_normal((4, 6)), draw.standard_normal((6, 5))
    found = cr(x, y, terms, method="largest")
    error = np.linalg.norm(x @ y - found.product(x, y))
    assert len(found.indices) == min(terms, 6)
    assert error <= found.error_bound + 1e-12
    assert terms < 6 or error < 1e-12


def test_sampling_is_right_on_average_with_the_spread_of_theory() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((5, 30)) * np.linspace(0.1, 3, 30), draw.standard_normal((30, 4))
    exact, samples, tries = x @ y, 8, 1000
    errors, mean = np.empty(tries), np.zeros_like(exact)
    for seed in range(tries):
        product = cr(x, y, samples, seed=seed).product(x, y)
        errors[seed] = np.linalg.norm(product - exact) ** 2
        mean += product / tries
    total = (np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=1)).sum()
    variance = (total**2 - np.linalg.norm(exact) ** 2) / samples
    assert errors.mean() == pytest.approx(variance, rel=0.1)
    assert np.linalg.norm(mean - exact) < 4 * np.sqrt(variance / tries)
    assert cr(x, y, samples).error_bound == pytest.approx(total / samples**0.5)
    assert errors.mean() ** 0.5 <= total / samples**0.5


def test_all_draws_are_counted_and_the_seed_decides() -> None:
    x, y = np.ones((2, 3)), np.ones((3, 2))
    found = cr(x, y, 50)
    np.testing.assert_allclose(found.weights.sum(), 3)  # equal lengths: the weights sum to the number of terms
    assert cr(x, y, 50).weights.tolist() == found.weights.tolist()
    assert (np.diff(found.indices) > 0).all()
    assert len(cr(np.zeros((2, 3)), y, 5).indices) == 0
    np.testing.assert_array_equal(cr(np.zeros((2, 3)), y, 5).product(np.zeros((2, 3)), y), np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cr(np.ones((2, 3)), np.ones((2, 3)), 1), r"x has shape \(2, 3\) and y \(2, 3\)"),
        (lambda: cr(np.ones((2, 3)), np.ones((3, 2)), 0), "samples is 0"),
        (lambda: cr(np.ones((2, 3)), np.ones((3, 2)), 1.5), "samples is 1.5"),
        (lambda: cr(np.ones((2, 3)), np.full((3, 2), np.nan), 1), r"y\[0, 0\] is nan"),
        (lambda: cr(np.ones((2, 3)), np.ones((3, 2)), 1, method="larges"), "Did you mean 'largest'"),
        (lambda: cur(np.eye(3), 4), "rank is 4"),
        (lambda: cur(np.eye(3), 1, core="best"), "core is 'best'"),
    ],
)
def test_bad_arguments_are_refused(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_the_optimal_core_is_not_lost_to_rounding() -> None:
    a = 1 / (1 + np.arange(40)[:, None] + np.arange(30))  # Hilbert: its core has entries of 1e13
    for method in ("sketch", "leverage", "sampling", "deim"):
        assert cur(a, 20, method=method).error < 1e-5
