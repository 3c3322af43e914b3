"""Entmax against its slow twins, over alpha, size and precision, and at its two named ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minent import simplex
from minent.roots.steps import householder_step
from minent.simplex import balance
from tests.simplex import reference

ALPHAS = [1.0, 1 + 1e-12, 1 + 1e-6, 1.05, 1.2, 1.5, 1.75, 2.0, 2.5, 4.0]
rows_of_scores = st.lists(st.floats(-30, 30), min_size=1, max_size=20)


@settings(max_examples=150, deadline=None)
@given(z=rows_of_scores, alpha=st.sampled_from(ALPHAS))
def test_agrees_with_bisection(z, alpha):
    got = simplex.entmax(torch.tensor(z, dtype=torch.float64), alpha)
    np.testing.assert_allclose(
        got, reference.entmax_by_bisection(np.array(z), alpha), atol=1e-7 if alpha > 2 else 1e-11
    )


@settings(max_examples=100, deadline=None)
@given(z=st.lists(st.integers(-6, 6).map(lambda n: n / 2), min_size=1, max_size=20))
def test_sparsemax_agrees_with_sorting(z):
    """Halves make ties and scores that lie exactly on the threshold."""
    got = simplex.sparsemax(torch.tensor(z, dtype=torch.float64))
    np.testing.assert_allclose(got, reference.sparsemax_by_sort(np.array(z)), atol=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_long_rows(alpha, dtype):
    """Rows long enough that only the candidates of the support reach the solver."""
    z = torch.randn(2, 600, generator=torch.Generator().manual_seed(0), dtype=dtype) * 6
    got = simplex.entmax(z, alpha)
    assert got.dtype == dtype
    for row, expected in zip(got, z.double().numpy(), strict=True):
        twin = reference.entmax_by_bisection(expected, alpha)
        np.testing.assert_allclose(row, twin, atol=1e-5 if dtype == torch.float32 else 1e-7)


def test_alpha_one_is_softmax_and_the_limit_is_smooth():
    z = torch.randn(5, 40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    softmax = torch.softmax(z, -1)
    assert torch.equal(simplex.entmax(z, 1.0), softmax)
    gaps = [(simplex.entmax(z, 1 + e) - softmax).abs().max().item() for e in (1e-2, 1e-4, 1e-6, 1e-15)]
    assert gaps[1] == pytest.approx(gaps[0] / 100, rel=0.1)
    assert gaps[2] == pytest.approx(gaps[0] / 1e4, rel=0.1)
    assert gaps[3] < 1e-13


def test_the_threshold_on_the_edge_of_the_support():
    """The published code for alpha = 1.5 returns nothing here: its strict inequalities miss the tie."""
    assert simplex.entmax(torch.tensor([2.0, 0.0])).tolist() == [1.0, 0.0]


def test_float32_is_exact_where_the_map_is_steep():
    """Above alpha = 2 an edge turns an error of 1e-7 in a threshold into 1e-7**(1/5), so it is found in float64."""
    z = torch.randn(8, 50, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(simplex.entmax(z, 6.0), simplex.entmax(z.double(), 6.0).float(), atol=1e-6, rtol=0)


def test_few_evaluations(monkeypatch):
    """Halley on the norm closes the bracket in a handful of evaluations where halving needs about fifty."""
    counts: list[int] = []
    original = balance.falling_root

    def counting(taylor, *arguments, **named):
        def counted(x):
            counts[-1] += 1
            return taylor(x)

        counts.append(0)
        return original(counted, *arguments, **named)

    monkeypatch.setattr("minent.simplex.sparse.falling_root", counting)
    z = torch.randn(16, 4096, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for alpha in (1.05, 1.2, 1.333, 1.5, 1.75, 2.0):
        simplex.entmax(z, alpha)
    assert sum(counts) <= 6 * 8, counts


@pytest.mark.parametrize("alpha", [1.0, 1.2, 1.5, 1.75, 2.0, 3.0])
def test_gradients_of_both_orders(alpha):
    z = torch.tensor([[0.4, 0.31, 0.0, -5.0, 0.2]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: simplex.entmax(z, alpha), z)
    assert torch.autograd.gradgradcheck(lambda z: simplex.entmax(z, alpha), z)


@pytest.mark.parametrize("power", [1 / 3, 1.0, 9.0])
def test_falling_root_meets_hard_functions(power):
    """Infinite slope at the root, where Newton runs away, and none at all, where it crawls: halving takes over."""
    evaluations = []

    def taylor(x):
        away = x - 0.3
        evaluations.append(x.item())
        slope = -power * away.abs().clamp(min=1e-30) ** (power - 1)
        return [-torch.sign(away) * away.abs() ** power, slope, torch.zeros_like(x)]

    low, high = torch.tensor([[-1.0]], dtype=torch.float64), torch.tensor([[2.0]], dtype=torch.float64)
    assert balance.falling_root(taylor, low, high, low).item() == pytest.approx(0.3, abs=1e-14)
    assert len(evaluations) <= 120


def test_householder_steps_take_tensors():
    step = householder_step([torch.tensor([2.0]), torch.tensor([-4.0]), torch.tensor([1.0])])
    assert step.item() == pytest.approx(0.5 / (1 - 0.25 * 0.5))
